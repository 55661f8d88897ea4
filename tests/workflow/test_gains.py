"""The gain of an arm, from the target that measures it to the spectra that use it."""

import shutil

import pytest
from astropy.io import fits

from conftest import write_config, write_frame
from lampflux.files.tables import read_gains
from repeats import exposures

SEVERAL = [f"GS_Ne_Own_5s_{number:02d}" for number in (1, 2, 3)]
NAMES = [*SEVERAL, "GS_Ne_Other_5s_01"]


@pytest.fixture
def place(tmp_path):
    """Return a folder with three repeats in an arm and one exposure in another, and settings."""
    for name, counts in zip(NAMES, exposures(1, len(NAMES), fibres=20, drift=0.01, shift=0.1)):
        write_frame(tmp_path / f"resources/raw/{name}.fits", counts)
    arm = {"crval": 6754, "crpix": 1, "cdelt": 1}
    return tmp_path, write_config(tmp_path / "mine.yaml", arms={"Own": arm, "Other": arm})


@pytest.mark.slow
def test_a_table_is_made_by_its_target_and_used_once_it_is_copied_to_resources(place, snakemake):
    root, config = place
    spectra = [f"results/spectra/{name}.fits" for name in NAMES]
    run = snakemake(root, "results/gains/Own.csv", spectra[-1], *config)
    assert run.status == 0, run.output
    (row,) = read_gains(root / "results/gains/Own.csv")
    assert row["gain"] == pytest.approx(1.9, rel=0.1)
    assert row["read_noise"] == pytest.approx(4.0, rel=0.1)
    assert row["pairs"] == "1"
    assert fits.getheader(root / spectra[0]).get("GAINSRC") != "table"
    (root / "resources/gains").mkdir()
    shutil.copy(root / "results/gains/Own.csv", root / "resources/gains")
    run = snakemake(root, *spectra, *config)
    assert run.jobs == {("extract_spectrum", name) for name in SEVERAL}
    for path in spectra[:-1]:
        header = fits.getheader(root / path)
        assert header["GAIN"] == row["gain"]
        assert header["GAINSRC"] == header["RDNSRC"] == "table"
        assert header["ERRSRC"] == "gain"


def test_an_arm_without_exposures_has_no_gain(place, snakemake):
    root, config = place
    run = snakemake(root, "--dry-run", "results/gains/None.csv", *config)
    assert run.sentences == [
        "lampflux: there is no exposure in arm None; correct the target's name."
    ]
