"""A user's mistake ends the run with sentences, before any job.

Each mistake by itself: tests/campaign.
"""

import pytest

from conftest import RULES, chain, summaries, write_config, write_text

FRAME = "resources/raw/Photron_Ne_Red_10s_01.fits"
HEADING = "path,brand,lamp,arm,exptime,id\n"
ROW = f"../{FRAME},Photron,Ne,Red,10,01\n"


def touch(root, *names):
    """Make empty files: every mistake here must be found before a frame is opened."""
    for name in names:
        write_text(root / name, "")


def complaints(run, count=1):
    """Check what happens after every mistake; return lampflux's sentences."""
    assert run.status != 0
    assert run.jobs == set()
    assert "Traceback" not in run.output
    assert len(run.sentences) == count, run.output
    return run.sentences


def test_every_mistake_in_the_config_is_named_by_its_key(tmp_path, snakemake):
    settings = {"fibres": "many", "rows": "some", "arms": {"Green": {"crpix": 1, "cdelt": 0.5}}}
    sentences = complaints(
        snakemake(tmp_path, *write_config(tmp_path / "mine.yaml", **settings)), 3
    )
    for words in ["fibres", "many"], ["rows", "some"], ["arms.Green", "crval"]:
        (sentence,) = [text for text in sentences if all(word in text for word in words)]
        assert sentence.startswith("lampflux: config, ")


@pytest.mark.parametrize("target", ["Photron_Vs", "results/fluxes/Photron_Ne_Red_10s_01.csv"])
def test_whatever_is_requested_all_mistakes_are_reported(tmp_path, snakemake, target):
    touch(tmp_path, FRAME, FRAME.replace("Ne", "Vs"), target)
    write_text(tmp_path / "resources/line_windows/Ne_Red.csv", "start\n10\n")
    lamp, table = complaints(snakemake(tmp_path, "--dry-run", target), 2)
    assert "lamp Vs" in lamp
    assert "resources/line_windows/Ne_Red.csv, row 1: 'stop' is missing" in table


def test_all_names_that_cannot_be_placed_are_reported_at_once(tmp_path, snakemake):
    wrong = {
        "Photron_Vs_Red_10s_01.fits": "lamp Vs",
        "Photron_Ne_Green_10s_01.fits.gz": "arm Green",
        "Dark_Amber_10s.fits": "arm Amber",
        "flat field.fits.fz": "the name is not",
        "Photron_Ne_Red_0s_01.fits": "zero",
    }
    touch(tmp_path, FRAME, *(f"resources/raw/some/where/{name}" for name in wrong))
    sentences = complaints(snakemake(tmp_path), count=len(wrong))
    for name, word in wrong.items():
        (sentence,) = [text for text in sentences if name in text]
        assert word in sentence


def test_without_raw_frames_the_run_says_where_to_put_them(tmp_path, snakemake):
    (sentence,) = complaints(snakemake(tmp_path, "--config", "raw_dir=night"))
    assert "no raw frames" in sentence
    assert "raw_dir=FOLDER" in sentence


def test_a_lamp_target_that_is_a_rules_name_is_refused(tmp_path, snakemake):
    name = "extract_spectrum_Red_10s_01.fits"
    touch(tmp_path, f"resources/raw/{name}")
    arguments = write_config(tmp_path / "mine.yaml", lamps={"spectrum": []})
    (sentence,) = complaints(snakemake(tmp_path, *arguments))
    assert name in sentence
    assert "target extract_spectrum " in sentence


def test_a_product_of_an_exposure_that_is_not_there_is_refused(tmp_path, snakemake):
    touch(tmp_path, FRAME)
    (sentence,) = complaints(snakemake(tmp_path, "results/spectra/Nobody_Ne_Red_10s_01.fits"))
    assert "Nobody_Ne_Red_10s_01" in sentence
    assert "resources/raw" in sentence


def test_a_lamp_without_windows_gets_proposed_ones_from_all_its_exposures(tmp_path, snakemake):
    exposures = [f"Photron_Cd_Red_{name}" for name in ("10s_01", "20s_01")]
    touch(tmp_path, FRAME, *(f"resources/raw/{exposure}.fits" for exposure in exposures))
    arguments = write_config(tmp_path / "mine.yaml", lamps={"Cd": ["Cd I"]})
    run = snakemake(tmp_path, "--dry-run", f"results/fluxes/{exposures[0]}.csv", *arguments)
    assert run.status == 0, run.output
    wanted = chain(*exposures, rules=RULES[:2]) | chain(exposures[0], rules=["measure_fluxes"])
    assert run.jobs == wanted | {("propose_windows", "Cd_Red")}


def test_windows_of_a_lamp_without_exposures_are_refused(tmp_path, snakemake):
    touch(tmp_path, FRAME)
    (sentence,) = complaints(snakemake(tmp_path, "results/windows/Kr_Red.csv"))
    assert "lamp Kr" in sentence
    assert "arm Red" in sentence


def test_correct_input_passes_the_same_checks(tmp_path, snakemake):
    touch(tmp_path, FRAME, "resources/raw/Dark_Red_10s.fits")
    write_text(tmp_path / "night/exposures.csv", HEADING + ROW)
    write_text(tmp_path / "resources/line_windows/Ne_Red.csv", "start,stop\n30,40\n10,29\n")
    settings = {"rows": [10, 20], "exposures": "night/exposures.csv"}
    arguments = write_config(tmp_path / "mine.yaml", **settings)
    run = snakemake(tmp_path, "--dry-run", *arguments)
    assert run.status == 0, run.output
    exposure = "Photron_Ne_Red_10s_01"
    assert run.jobs == chain(exposure) | summaries(exposure)
