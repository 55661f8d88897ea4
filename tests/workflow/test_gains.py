"""The gain of an arm, from the target that measures it to the spectra that use it."""

import shutil

import pytest
from astropy.io import fits

from conftest import write_config, write_frame
from lampflux.files.tables import read_gains
from repeats import exposures

SEVERAL = [f"GS_Ne_Own_5s_{number:02d}" for number in (1, 2, 3)]
NAMES = [*SEVERAL, "GS_Ne_Other_5s_01"]


@pytest.mark.slow
def test_a_table_is_made_by_its_target_and_used_once_it_is_in_resources(tmp_path, snakemake):
    root = tmp_path
    # Three repeats in an arm, of which one header knows a gain, and one exposure in another.
    headers = {}, {}, {"GAIN": 1.7}, {}
    frames = exposures(1, len(NAMES), fibres=20, drift=0.01, shift=0.1)
    for name, counts, header in zip(NAMES, frames, headers):
        write_frame(root / f"resources/raw/{name}.fits", counts, **header)
    arm = {"crval": 6754, "crpix": 1, "cdelt": 1}
    config = write_config(root / "mine.yaml", arms={"Own": arm, "Other": arm})
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
    for path in spectra[:2]:
        header = fits.getheader(root / path)
        assert header["GAIN"] == row["gain"]
        assert header["GAINSRC"] == header["RDNSRC"] == "table"
        assert header["ERRSRC"] == "gain"
    assert fits.getheader(root / spectra[2])["GAINSRC"] == "GAIN"
