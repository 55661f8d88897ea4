"""The target check: everything that is wrong is reported at once, and nothing is computed."""

import pytest

from conftest import dark_counts, lamp_counts, write_frame, write_text

GOOD, TORN, LATE = "Good_Ne_Red_10s_01", "Torn_Ne_Red_10s_01", "Late_Ne_Red_10s_01"
NARROW, MISFIT, OUTSIDE = "Narrow_Ne_Red_10s_01", "Misfit_Ne_Red_20s_01", "Outside_Kr_Red_10s_01"


@pytest.fixture(scope="module")
def checked(snakemake, tmp_path_factory):
    """Return the output for a folder with a fault of each kind, and the files that changed."""
    root = tmp_path_factory.mktemp("checked")
    raw = root / "resources/raw"
    write_frame(raw / f"{GOOD}.fits", lamp_counts(1), EXPTIME=10.0)
    assert snakemake(root, f"results/spectra/{GOOD}.fits").status == 0
    write_frame(raw / f"{TORN}.fits", lamp_counts(2))
    (raw / f"{TORN}.fits").write_bytes((raw / f"{TORN}.fits").read_bytes()[:60000])
    write_frame(raw / f"{LATE}.fits", lamp_counts(3), EXPTIME=12.5)
    write_frame(raw / f"{NARROW}.fits", lamp_counts(4, shape=(16, 2048)))
    write_frame(raw / f"{MISFIT}.fits", lamp_counts(5))
    write_frame(raw / "Dark_Red_20s.fits", dark_counts(6, shape=(8, 4096)))
    write_frame(raw / f"{OUTSIDE}.fits", lamp_counts(7))
    write_text(root / "resources/line_windows/Kr_Red.csv", "start,stop\n10,20\n4090,4096\n")
    write_frame(raw / "arc01.fits", lamp_counts(8))
    write_text(root / "resources/line_windows/Ne_Red.csv", "start\n10\n")
    before = {path: path.stat().st_mtime_ns for path in (root / "results").rglob("*.*")}
    run = snakemake(root, "check")
    after = {path: path.stat().st_mtime_ns for path in (root / "results").rglob("*.*")}
    changed = {path.name for path in after if before.get(path) != after[path]}
    return run, changed


def test_all_that_is_wrong_is_reported_at_once(checked):
    run, _ = checked
    words = [
        ["resources/raw/arc01.fits", "the name is not"],
        ["resources/line_windows/Ne_Red.csv", "stop"],
        [f"resources/raw/{TORN}.fits", "truncated"],
        [
            f"resources/raw/{LATE}.fits",
            "10 s in its name",
            "12.5 s in its header",
        ],
        [f"resources/raw/{NARROW}.fits", "columns 0 to 2047"],
        ["Dark_Red_20s.fits", "8 x 4096", f"{MISFIT}.fits", "16 x 4096"],
        ["resources/line_windows/Kr_Red.csv", "row 2", "4090 to 4096"],
    ]
    for wanted in words:
        assert [said for said in run.sentences if all(word in said for word in wanted)], wanted
    assert len(run.sentences) == len(words)


def test_a_check_that_finds_faults_ends_non_zero_and_says_each_once(checked):
    run, _ = checked
    assert run.status != 0
    assert "Traceback" not in run.output
    assert all(run.output.count(said) == 1 for said in run.sentences)
    assert "log: results/logs/check.log" in run.output


def test_a_check_makes_nothing_but_its_log(checked):
    _, changed = checked
    assert changed == {"check.log", "run.lock"}


def test_a_check_of_good_files_says_what_it_looked_at(snakemake, tmp_path):
    write_frame(tmp_path / "resources/raw" / f"{GOOD}.fits", lamp_counts(1), EXPTIME=10.0)
    run = snakemake(tmp_path, "check")
    assert run.status == 0
    assert ("No problems found. Exposures: 1, of these without a dark: 1. Darks: 0.") in run.output
