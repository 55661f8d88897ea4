"""Run the workflow on frames with real lines and known wavelengths: what it finds and re-runs."""

import csv
import shutil

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from arcs import catalogue, dispersion, gaussian_lines, nominal_of
from conftest import PROJECT, RULES, chain, summaries, write_config, write_frame, write_text
from lampflux.medium import to_vacuum

SIZE = 2048
TRUTH = dispersion(5800, 7700, SIZE)
NOMINAL = nominal_of(TRUTH)
FWHM = 4.0
# Neon has no window table, krypton one of the user's own.
NEON = ("Acme_Ne_Far_10s_01", "Acme_Ne_Far_20s_02")
KRYPTON = "Acme_Kr_Far_10s_01"
PROPOSAL = ("propose_windows", "Ne_Far")
KRYPTON_WINDOWS = "start,stop\n400,420\n1500,1520\n"
FITTING = RULES[1:]


def injected(ion, seed):
    """Lines of an ion in the arm: wavelength, column and height, the heights as they may be."""
    lines = catalogue(ion)
    inside = (lines.wavelength > TRUTH[0]) & (lines.wavelength < TRUTH[-1])
    wavelength = lines.wavelength[inside]
    rng = np.random.default_rng(seed)
    height = lines.intensity[inside] * rng.lognormal(0, 0.5, wavelength.size)
    column = np.interp(wavelength, TRUTH, np.arange(SIZE))
    return wavelength, column, 4e4 * height / height.max()


def frame(ion, seed, seconds):
    """A frame of four rows, two of them lit."""
    rng = np.random.default_rng(seed + 100)
    _, column, height = injected(ion, seed)
    counts = 500 + rng.normal(0, 5, (4, SIZE))
    counts[1:3] += gaussian_lines(SIZE, column, height * seconds / 20, FWHM)
    return np.rint(counts).astype("u2")


@pytest.fixture(scope="module")
def settings():
    arm = {"crval": float(NOMINAL[0]), "crpix": 1, "cdelt": float(NOMINAL[1] - NOMINAL[0])}
    return {"fibres": 1, "arms": {"Far": arm}}


@pytest.fixture(scope="module")
def campaign(snakemake, settings, tmp_path_factory):
    root = tmp_path_factory.mktemp("far")
    raw = root / "resources/raw"
    write_frame(raw / f"{NEON[0]}.fits", frame("Ne I", 1, 10))
    write_frame(raw / f"{NEON[1]}.fits", frame("Ne I", 1, 20))
    write_frame(raw / f"{KRYPTON}.fits", frame("Kr I", 2, 10))
    write_text(root / "resources/line_windows/Kr_Far.csv", KRYPTON_WINDOWS)
    run = snakemake(root, *write_config(root / "mine.yaml", **settings))
    assert run.status == 0, run.output
    assert run.jobs == chain(*NEON, KRYPTON) | {PROPOSAL} | summaries(*NEON, KRYPTON)
    return root


@pytest.fixture
def copy(campaign, tmp_path):
    return shutil.copytree(campaign, tmp_path / "copy", symlinks=True)


def calibrated(root, exposure):
    with fits.open(root / f"results/calibrated/{exposure}.fits") as hdus:
        return hdus[0].header, hdus["SPECTRUM"].data


def rows_of(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("exposure", [*NEON, KRYPTON])
def test_wavelengths_are_the_true_ones_wherever_they_are_trusted(campaign, exposure):
    header, table = calibrated(campaign, exposure)
    assert header["WAVEMETH"] == "fitted"
    trusted = slice(header["WAVEFRST"], header["WAVELAST"] + 1)
    assert header["WAVELAST"] - header["WAVEFRST"] > SIZE / 2
    off = np.abs((table["wavelength"] - TRUTH) / np.gradient(TRUTH))
    assert off[trusted].max() < 0.3
    assert (table["wavelength_error"][trusted] > 0).all()
    world = WCS(header).pixel_to_world_values(np.arange(SIZE)) * 1e10
    np.testing.assert_allclose(world, table["wavelength"], atol=0.02)
    # The nominal one, the alternate, stays as it was: 20 pixels and more off.
    linear = header["CRVAL1A"] + header["CDELT1A"] * (np.arange(SIZE) + 1 - header["CRPIX1A"])
    np.testing.assert_allclose(linear, NOMINAL, atol=1e-6)


@pytest.mark.parametrize("exposure", [*NEON, KRYPTON])
def test_header_and_table_of_lines_agree(campaign, exposure):
    header, table = calibrated(campaign, exposure)
    rows = rows_of(campaign / f"results/calibrated/{exposure}_lines.csv")
    used = [row for row in rows if row["used"] == "True"]
    assert len(used) == header["WAVENLIN"] >= 15
    residual = np.array([float(row["residual"]) for row in used])
    assert np.sqrt(np.mean(residual**2)) == pytest.approx(header["WAVERMS"], rel=0.1)
    at = np.interp([float(row["pixel"]) for row in used], np.arange(SIZE), table["wavelength"])
    line = np.array([float(row["blend_air"]) for row in used])
    np.testing.assert_allclose(line - at, residual, atol=1e-3)
    assert {row["ion"] for row in used} == {"Ne I" if exposure in NEON else "Kr I"}


def test_a_lamp_without_a_window_table_gets_windows_of_the_lines_put_in(campaign):
    wavelength, column, height = injected("Ne I", 1)
    rows = rows_of(campaign / "results/windows/Ne_Far.csv")
    assert len(rows) >= 15
    for row in rows:
        assert (row["ion"], row["note"]) == ("Ne I", "automatic")
        start, stop = int(row["start"]), int(row["stop"])
        within = (column > start) & (column < stop)
        brightest = np.argmax(np.where(within, height, 0))
        # The line named is the brightest in the window, or one that it cannot be told from.
        assert abs(float(row["wavelength_air"]) - wavelength[brightest]) < 1.0
        assert stop - start == pytest.approx(4 * FWHM, abs=3)
    named = [float(row["wavelength_air"]) for row in rows]
    assert len(set(named)) == len(named)
    # Of the ten brightest, those that stand alone have windows.
    for line in np.argsort(-height)[:10]:
        alone = np.abs(column - column[line]) < 25
        if alone.sum() == 1:
            assert np.abs(np.array(named) - wavelength[line]).min() < 0.01


def test_fluxes_of_proposed_windows_name_their_lines(campaign):
    windows = rows_of(campaign / "results/windows/Ne_Far.csv")
    for exposure in NEON:
        rows = rows_of(campaign / f"results/fluxes/{exposure}.csv")
        assert [(row["pixel_start"], row["pixel_stop"]) for row in rows] == [
            (row["start"], row["stop"]) for row in windows
        ]
        for row, window in zip(rows, windows):
            assert (row["ion"], row["wavelength_air"]) == (window["ion"], window["wavelength_air"])
            assert abs(float(row["Wavelength"]) - float(row["wavelength_air"])) < 1.0
            assert "no_dark" in row["flags"].split()
            assert "wavelength" not in row["flags"].split()
        # A faint line may be a peak in one exposure only.
        offsets = [float(row["line_offset"]) for row in rows if row["line_offset"]]
        assert len(offsets) >= 0.8 * len(rows)
        assert np.abs(offsets).max() < 0.5


def test_windows_that_name_no_line_are_given_the_one_identified_in_them(campaign):
    wavelength, column, _ = injected("Kr I", 2)
    for row in rows_of(campaign / f"results/fluxes/{KRYPTON}.csv"):
        assert row["wavelength_method"] == "fitted"
        if row["wavelength_air"]:
            assert row["ion"] == "Kr I"
            line = np.argmin(np.abs(wavelength - float(row["wavelength_air"])))
            assert int(row["pixel_start"]) - 1 <= column[line] <= int(row["pixel_stop"]) + 1


def test_a_second_run_has_nothing_to_do(copy, snakemake):
    assert "Nothing to be done" in snakemake(copy, "-n", "--configfile", copy / "mine.yaml").output


def test_nominal_wavelengths_can_be_asked_for_and_leave_the_spectra_alone(
    copy, settings, snakemake
):
    arguments = write_config(copy / "nominal.yaml", **settings, wavelengths="nominal")
    run = snakemake(copy, *arguments)
    assert run.status == 0, run.output
    wanted = chain(*NEON, KRYPTON, rules=FITTING) | {PROPOSAL} | summaries(*NEON, KRYPTON)
    assert run.jobs == wanted
    for exposure in (*NEON, KRYPTON):
        header, table = calibrated(copy, exposure)
        assert header["WAVEMETH"] == "nominal"
        assert header["WAVEREAS"] == "asked for"
        np.testing.assert_allclose(table["wavelength"], NOMINAL, rtol=1e-12)
    # Without identified lines, windows lie about the peaks, which are lines of neon.
    _, column, _ = injected("Ne I", 1)
    windows = rows_of(copy / "results/windows/Ne_Far.csv")
    assert len(windows) >= 15
    for window in windows:
        assert (window["ion"], window["note"]) == ("", "unidentified")
        assert ((column >= int(window["start"])) & (column <= int(window["stop"]))).any()
    assert len(rows_of(copy / f"results/fluxes/{NEON[0]}.csv")) == len(windows)


def test_an_own_line_list_re_runs_the_lamps_that_use_it(copy, snakemake):
    shipped = (PROJECT / "resources/line_lists/Ne_I.csv").read_text()
    write_text(copy / "resources/line_lists/Ne_I.csv", shipped + "9400.5,1\n")
    run = snakemake(copy, "-n", "--configfile", copy / "mine.yaml")
    assert run.status == 0, run.output
    assert run.jobs == chain(*NEON, rules=FITTING) | {PROPOSAL} | summaries(*NEON)


def test_an_own_line_list_that_is_wrong_is_refused(copy, snakemake):
    write_text(copy / "resources/line_lists/Ne_I.csv", "wavelength_air,intensity\n6402.25,many\n")
    run = snakemake(copy, "-n", "--configfile", copy / "mine.yaml")
    assert run.status != 0
    assert "Traceback" not in run.output
    (sentence,) = run.sentences
    for word in "resources/line_lists/Ne_I.csv", "row 1", "intensity":
        assert word in sentence


def test_a_reference_for_the_arm_re_runs_its_wavelengths(copy, snakemake):
    rows = "".join(f"{at},{TRUTH[at]:.4f}\n" for at in range(50, SIZE, 100))
    write_text(copy / "resources/wavelength_references/Far.csv", "pixel,wavelength_air\n" + rows)
    run = snakemake(copy, "-n", "--configfile", copy / "mine.yaml")
    wanted = chain(*NEON, KRYPTON, rules=FITTING) | {PROPOSAL} | summaries(*NEON, KRYPTON)
    assert run.jobs == wanted


def test_a_proposed_table_that_is_copied_and_edited_takes_precedence(copy, snakemake):
    heading, first, *_, last = (copy / "results/windows/Ne_Far.csv").read_text().splitlines()
    own = f"{heading}\n{first}\n{last}\n"
    write_text(copy / "resources/line_windows/Ne_Far.csv", own)
    run = snakemake(copy, "--configfile", copy / "mine.yaml")
    assert run.status == 0, run.output
    assert run.jobs == chain(*NEON, rules=RULES[2:]) | summaries(*NEON)
    for exposure in NEON:
        rows = rows_of(copy / f"results/fluxes/{exposure}.csv")
        assert [(row["pixel_start"], row["wavelength_air"]) for row in rows] == [
            (line.split(",")[0], line.split(",")[3]) for line in (first, last)
        ]


@pytest.mark.slow
def test_wavelengths_in_vacuum_are_those_in_air_converted(snakemake, settings, campaign, tmp_path):
    shutil.copytree(campaign / "resources", tmp_path / "resources")
    run = snakemake(tmp_path, *write_config(tmp_path / "mine.yaml", **settings, medium="vacuum"))
    assert run.status == 0, run.output
    for exposure in (NEON[0], KRYPTON):
        (_, air), (header, vacuum) = calibrated(campaign, exposure), calibrated(tmp_path, exposure)
        assert header["CTYPE1"] == "WAVE"
        np.testing.assert_allclose(vacuum["wavelength"], to_vacuum(air["wavelength"]), rtol=1e-9)
        tables = [root / f"results/fluxes/{exposure}.csv" for root in (campaign, tmp_path)]
        for old, new in zip(*map(rows_of, tables)):
            assert float(new["Wavelength"]) == pytest.approx(to_vacuum(float(old["Wavelength"])))
            assert (old["pixel"], old["net_flux"]) == (new["pixel"], new["net_flux"])
    # Tables of lamps are in air, and say so.
    lines = f"results/lamps/{NEON[0].rsplit('_', 2)[0]}.csv"
    assert (tmp_path / lines).read_text() == (campaign / lines).read_text()
