"""The workflow on a small simulated campaign, compared with the truth."""

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits

SETTINGS = ("--configfile", "small.yaml")


@pytest.fixture(scope="module")
def root(snakemake, tmp_path_factory):
    """Return the folder of a run of two simulated exposures, one without a dark."""
    root = tmp_path_factory.mktemp("simulated")
    (root / "small.csv").write_text(
        "brand,lamp,arm,exptime,id,dark\nPhotron,ThAr,Red,10,01,yes\nNewport,Ar,Red,10,01,no\n"
    )
    (root / "small.yaml").write_text(
        "simulation: {exposures: small.csv, first_row: 1690, rows: 380}\n"
    )
    run = snakemake(root, *SETTINGS, cwd=root)
    assert run.status == 0, run.output
    assert "Simulated frames: 2 exposures of small.csv" in run.output
    return root


def test_fluxes_of_a_small_campaign_are_the_injected_ones(root):
    table = pd.read_csv(root / "results" / "closure" / "lines.csv")
    assert set(table["exposure"]) == {"Photron_ThAr_Red_10s_01", "Newport_Ar_Red_10s_01"}
    assert list(table.groupby("exposure")["dark"].first()) == [False, True]
    good = table[table["dark"] & ~table["saturated"] & (table["injected_flux"] > 500)]
    assert len(good) == 7
    assert good["plain"].median() == pytest.approx(1, abs=0.02)
    clear = table[~table["saturated"] & (table["snr"] > 20)]
    assert (clear["net"] - 1).abs().median() < 0.005
    assert (clear["net"] - 1).abs().quantile(0.95) < 0.02
    assert (clear["pull"].abs() < 4).all()
    assert (table["flags"].fillna("").str.contains("saturated") == table["saturated"]).all()
    summary = pd.read_csv(root / "results" / "closure" / "summary.csv")
    of_pulls = summary[summary["quantity"].str.endswith("/ error")]
    assert of_pulls["lines"].sum() == (~table["saturated"]).sum()
    assert (root / "results" / "closure" / "closure.png").stat().st_size > 10_000
    for folder in ("spectra", "calibrated"):
        product = root / "results" / folder / "Photron_ThAr_Red_10s_01.fits"
        assert fits.getheader(product)["SIMULATE"] is True
        assert fits.getheader(product)["GAIN"] == pytest.approx(1.9, rel=0.2)
    fluxes = pd.read_csv(root / "results" / "fluxes" / "Photron_ThAr_Red_10s_01.csv")
    assert fluxes["simulated"].all()


def resolved_lines(truth):
    """Wavelengths of true lines above 50 ADU/s/fibre; those within a line width count as one."""
    truth = truth.sort_values("pixel")
    group = (truth["pixel"].diff() > 2.3).cumsum()
    total = truth.groupby(group)["flux"].sum()
    brightest = truth.loc[truth.groupby(group)["flux"].idxmax()].set_index(total.index)
    return brightest.loc[total > 50.0, "wavelength_air"].to_numpy()


@pytest.mark.parametrize("lamp", ["Photron_ThAr", "Newport_Ar"])
def test_coverage_is_that_of_the_lines_put_in(root, lamp):
    frames = root / f"resources/raw/simulated/{lamp}_Red_fits"
    true = resolved_lines(pd.read_csv(frames / f"{lamp}_Red_10s_01_truth.csv"))
    coverage = pd.read_csv(root / "results/lamps/coverage.csv")
    own = coverage[(coverage["first"] == lamp.replace("_", " ")) & (coverage["number"] == 1)]
    assert own["lines"].iloc[0] == pytest.approx(len(true), rel=0.1)
    calibrated = root / f"results/calibrated/{lamp}_Red_10s_01.fits"
    ends = fits.getdata(calibrated, "SPECTRUM")["wavelength"][[0, -1]]
    gap = np.diff(np.sort([*true, *ends])).max()
    assert own["gap"].iloc[0] == pytest.approx(gap, rel=0.1)


def test_a_second_run_has_nothing_to_do(snakemake, root):
    assert "Nothing to be done" in snakemake(root, *SETTINGS, cwd=root).output


@pytest.mark.parametrize("place", ["resources/raw", "own"])
def test_a_frame_of_ones_own_ends_the_simulation(snakemake, root, place):
    frame = next(root.glob("resources/raw/simulated/Newport*/Newport*.fits"))
    own = root / place / "Oriel_Ar_Red_10s_01.fits"
    own.parent.mkdir(exist_ok=True)
    own.write_bytes(frame.read_bytes())
    run = snakemake(root, "-n", *SETTINGS, "--config", f"raw_dir={place}", cwd=root)
    own.unlink()
    assert run.status == 0, run.output
    assert "Oriel_Ar_Red_10s_01" in run.output
    assert "Simulated frames" not in run.output
    assert "Photron" not in run.output
