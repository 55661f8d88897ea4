"""A short run of the fuzzing of the FITS reader; `make fuzz` is the long one."""

import subprocess
import sys

import fuzz_frames
from conftest import PROJECT


def test_damaged_files_are_refused_or_read_as_before(tmp_path):
    done = subprocess.run(
        [sys.executable, PROJECT / "tests" / "fuzz_frames.py", "--files", "1000", "--seed", "5"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(PROJECT / "workflow" / "scripts"), "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].split()[:2] == ["all", "1000"]


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


def test_a_reader_that_does_not_look_at_checksums_would_fail(tmp_path, monkeypatch):
    assert outcomes(tmp_path, "unsigned") == {"undetectable"}
    assert outcomes(tmp_path, "unsigned, summed") == {"refused"}
    monkeypatch.setattr("common.frames.check_integrity", lambda file, path: None)
    assert outcomes(tmp_path, "unsigned, summed") == {"wrong pixels"}
