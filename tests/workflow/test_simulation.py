"""The workflow on a small simulated campaign, compared with the truth."""

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
    fluxes = pd.read_csv(root / "results" / "fluxes" / "Photron_ThAr_Red_10s_01.csv")
    assert fluxes["simulated"].all()


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
