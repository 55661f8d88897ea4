"""Short runs of the fuzzing of frames, tables and configs; `make fuzz` runs the long ones."""

import subprocess
import sys

import pytest

import fuzz_frames
from conftest import PROJECT


def fuzz(folder, script, *arguments):
    """Run a script of fuzzing; what it printed."""
    done = subprocess.run(
        [sys.executable, PROJECT / "tests" / script, *arguments],
        cwd=folder,
        env={
            "PYTHONPATH": str(PROJECT / "workflow"),
            "OPENBLAS_NUM_THREADS": "1",
            "XDG_CACHE_HOME": str(folder),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_damaged_files_are_refused_or_read_as_before(tmp_path):
    said = fuzz(tmp_path, "fuzz_frames.py", "--files", "1000", "--seed", "5")
    assert said.splitlines()[-1].split()[:2] == ["all", "1000"]


@pytest.mark.slow
def test_damaged_tables_and_configs_are_refused_or_make_sense(tmp_path):
    said = fuzz(tmp_path, "fuzz_tables.py", "--files", "80", "--seed", "5")
    assert said.splitlines()[-1].strip() == "0 failures with --seed 5"


def outcomes(folder, kind):
    """How a hundred files of a kind with flipped bits in their data end."""
    files = fuzz_frames.sound_files()
    suffix, content = files[kind]
    sound = fuzz_frames.sound_pixels(suffix, content)
    ends = []
    for place in range(2880, 2980):
        damaged = content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :]
        path = folder / f"a{suffix}"
        ends.append(fuzz_frames.judge(path, kind, "flip", damaged, files, sound)[0])
    return set(ends)


def test_the_fuzzing_finds_a_reader_that_ignores_checksums(tmp_path, monkeypatch):
    assert outcomes(tmp_path, "unsigned") == {"undetectable"}
    assert outcomes(tmp_path, "unsigned, summed") == {"refused"}
    monkeypatch.setattr("lampflux.files.frames.check_sums", lambda said, hdus, path: None)
    assert outcomes(tmp_path, "unsigned, summed") == {"wrong pixels"}
