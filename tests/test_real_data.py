"""Run the workflow on real data: a Hector ThAr lamp and arcs of two other spectrographs.

The data are large and not part of the project: the environment variable LAMPFLUX_DATA names
their folder, which holds ``hector/``, ``sprat/`` and ``floyds/``.
"""

import csv
import os
from pathlib import Path

import numpy as np
import pytest
import yaml
from astropy.io import fits

from arcs import LAMPS, catalogue, exact_reference, red_reference
from conftest import PROJECT, chain, summaries, write_config, write_text
from lampflux.peaks import find_peaks, without_leaning
from lampflux.wavelengths.identification import find_solution
from lampflux.wavelengths.scale import nominal_wavelength

DATA = Path(os.environ.get("LAMPFLUX_DATA", ""))

pytestmark = pytest.mark.skipif(
    "LAMPFLUX_DATA" not in os.environ, reason="LAMPFLUX_DATA does not name a folder of real data"
)

THAR = "Photron_ThAr_Red_60s_02"
XENON = "SPRAT_XeArc_Long-slit_10s_57"
SPRAT_FRAME = "sprat/v_a_20190516_57_1_0_1.fits"
LIT_ROWS = (40, 250)
# Around three lines that stand alone: 4921, 7120 and 7642 Angstrom.
SPRAT_WINDOWS = ((330, 344), (796, 808), (905, 917))


def flux_rows(root, exposure):
    with open(root / f"results/fluxes/{exposure}.csv", newline="") as file:
        return list(csv.DictReader(file))


# Hector's Spector, red arm: a real spectrum, and a frame and dark that give it exactly


@pytest.fixture(scope="module")
def hector(snakemake, tmp_path_factory):
    root = tmp_path_factory.mktemp("hector")
    run = snakemake(root, "--config", f"raw_dir={DATA.resolve() / 'hector/raw'}")
    assert run.status == 0, run.output
    assert run.jobs == chain(THAR) | summaries(THAR)
    return root


def test_the_hector_spectrum_is_the_real_one_exactly(hector):
    spectrum = fits.getdata(hector / f"results/spectra/{THAR}.fits")
    np.testing.assert_array_equal(spectrum, fits.getdata(DATA / f"hector/{THAR}_1dspec.fits"))


def test_the_hector_windows_give_the_fluxes_that_are_known(hector):
    with open(DATA / "hector/expected_fluxes.csv", newline="") as file:
        expected = [float(row["adu_per_s_per_fibre"]) for row in csv.DictReader(file)]
    rows = flux_rows(hector, THAR)
    assert list(rows[0])[:3] == ["pixel", "Wavelength", "Flux"]
    assert [int(row["pixel"]) for row in rows] == [2370, 2567, 3185, 3423, 3443, 3689, 3868]
    np.testing.assert_allclose([float(row["Flux"]) for row in rows], expected, rtol=1e-9)


# LT/SPRAT: its own arm, lamp, file names, number type and size, by table and config alone


@pytest.fixture(scope="module")
def sprat(snakemake, tmp_path_factory):
    root = tmp_path_factory.mktemp("sprat")
    frame = DATA.resolve() / SPRAT_FRAME
    write_text(
        root / "exposures.csv",
        f'path,brand,lamp,arm,exptime,id\n"{frame}",SPRAT,XeArc,Long-slit,10,57\n',
    )
    lines = "".join(f"{start},{stop},Xe I\n" for start, stop in SPRAT_WINDOWS)
    write_text(root / "windows/XeArc_Long-slit.csv", "start,stop,ion\n" + lines)
    arm = {"crval": 4500.98, "crpix": 245, "cdelt": 4.6, "gain": 2.45, "rows": list(LIT_ROWS)}
    arguments = write_config(
        root / "sprat.yaml",
        exposures="exposures.csv",
        line_windows="windows",
        fibres=1,
        lamps={"XeArc": ["Xe I"]},
        arms={"Long-slit": arm},
    )
    run = snakemake(root, *arguments)
    assert run.status == 0, run.output
    assert run.jobs == chain(XENON) | summaries(XENON)
    return root


def true_sprat_spectrum():
    """The frame as FITS scales it, less its median, summed over the lit rows."""
    with fits.open(DATA / SPRAT_FRAME, do_not_scale_image_data=True) as hdus:
        header, stored = hdus[0].header, hdus[0].data
        frame = header["BZERO"] + header["BSCALE"] * stored.astype(float)
    first, last = LIT_ROWS
    return (frame - np.median(frame))[first : last + 1].sum(axis=0)


def peaks(spectrum):
    """Every local maximum, to a fraction of a column: the vertex of a parabola through three."""
    left, middle, right = spectrum[:-2], spectrum[1:-1], spectrum[2:]
    at = np.flatnonzero((middle > left) & (middle >= right))
    left, middle, right = left[at], middle[at], right[at]
    return at + 1 + 0.5 * (left - right) / (left - 2 * middle + right)


def test_the_sprat_frame_gives_a_spectrum_of_1024_columns(sprat):
    spectrum = fits.getdata(sprat / f"results/spectra/{XENON}.fits")
    assert spectrum.shape == (1024,)
    # Sums of 211 real numbers near 1e3: 1e-6 ADU is 1e9 times below the lines.
    np.testing.assert_allclose(spectrum, true_sprat_spectrum(), rtol=1e-9, atol=1e-6)


def test_the_xenon_peaks_lie_at_the_columns_that_a_human_identified(sprat):
    # The columns are whole numbers, clicked by eye on peaks 4 columns wide. About a quartic
    # through the 25 wavelengths they scatter by 0.38 columns, the peaks found here by only 0.23.
    # They differ from the peaks by 0.35 around a mean of 0.3, at most by 0.85, so the bound is one
    # column. Moved by one column either way at most 21 pairs would pass, moved by two none. All
    # 25 have their own maximum, including the blends.
    pairs = np.loadtxt(DATA / "sprat/pixel_wavelength_pairs.txt", delimiter=",")
    columns = np.rint(pairs[:, 0])
    found = peaks(fits.getdata(sprat / f"results/spectra/{XENON}.fits"))

    def agreeing(shift):
        distance = np.abs(found - (columns + shift)[:, np.newaxis]).min(axis=1)
        return np.count_nonzero(distance < 1)

    assert len(columns) == 25
    assert agreeing(0) == 25
    assert max(agreeing(-1), agreeing(1)) < 25
    assert max(agreeing(-2), agreeing(2)) == 0


def test_the_sprat_windows_give_the_sums_of_the_frame(sprat):
    spectrum = true_sprat_spectrum()
    rows = flux_rows(sprat, XENON)
    assert [int(row["pixel"]) for row in rows] == [337, 802, 911]
    np.testing.assert_allclose(
        [float(row["Flux"]) for row in rows],
        [spectrum[start : stop + 1].sum() / 10 for start, stop in SPRAT_WINDOWS],
        rtol=1e-9,
    )


# Wavelengths of the Hector spectrum, from either nominal solution

# Argon lines that stand alone: column and air wavelength. The one near column 3868.5 is a blend.
ARGON = np.loadtxt(PROJECT / "tests/hector_argon.csv", delimiter=",", skiprows=1)
NOMINAL_RED = {
    name: yaml.safe_load((PROJECT / path).read_text())["arms"]["Red"]
    for name, path in {
        "documented": "resources/instruments/hector.yaml",
        "published": "resources/solutions/published_red.yaml",
    }.items()
}


def red_nominal(name):
    solution = {key: NOMINAL_RED[name][key] for key in ("crval", "crpix", "cdelt")}
    return nominal_wavelength(np.arange(4096), **solution)


def hector_peaks():
    spectrum = fits.getdata(DATA / f"hector/{THAR}_1dspec.fits").astype(float)
    return without_leaning(find_peaks(spectrum)), spectrum


def hold_argon_to(wavelength, at):
    """Each argon line's peak within 0.10 Angstrom, and all within 0.06 in the root mean square."""
    off = []
    for column, line in ARGON:
        peak = at[np.argmin(np.abs(at - column))]
        assert abs(peak - column) < 1
        off.append(np.interp(peak, np.arange(4096), wavelength) - line)
    assert np.abs(off).max() < 0.10
    assert np.sqrt(np.mean(np.square(off))) < 0.06


@pytest.mark.parametrize("borrowed", [True, False], ids=["reference", "no reference"])
@pytest.mark.parametrize("name", NOMINAL_RED)
def test_the_hector_spectrum_is_solved_from_either_nominal_solution(name, borrowed):
    peaks, _ = hector_peaks()
    reference = exact_reference(red_reference()) if borrowed else None
    outcome = find_solution(peaks, catalogue(*LAMPS["ThAr"]), red_nominal(name), reference)
    assert outcome.method == "fitted"
    hold_argon_to(outcome.wavelength, peaks.pixel)
    solution = outcome.solution
    assert solution.used.sum() >= 40
    matched = np.flatnonzero(solution.line >= 0)
    ions = solution.lines.ion[solution.line[matched]]
    thorium = matched[(peaks.pixel[matched] < 2048) & np.array([ion[:2] == "Th" for ion in ions])]
    used = thorium[solution.used[thorium]]
    assert used.size >= 20
    fitted = np.interp(peaks.pixel[used], np.arange(4096), outcome.wavelength)
    residual = solution.lines.wavelength[solution.line[used]] - fitted
    assert 1.4826 * np.median(np.abs(residual - np.median(residual))) < 0.1
    assert 1.4826 * np.median(np.abs(residual)) < 0.1


@pytest.mark.parametrize("name", NOMINAL_RED)
@pytest.mark.parametrize(
    "lamp",
    [
        "HgNe",
        "KrXe",
        *(
            pytest.param(lamp, marks=pytest.mark.slow)
            for lamp in ("Kr", "Ne", "Xe", "Cd", "Cu", "He", "NeKr")
        ),
    ],
)
def test_the_hector_spectrum_is_not_identified_as_another_lamp(lamp, name):
    ions = LAMPS.get(lamp) or (f"{lamp[:2]} I", f"{lamp[2:]} I")
    peaks, _ = hector_peaks()
    for reference in (None, exact_reference(red_reference())):
        outcome = find_solution(peaks, catalogue(*ions), red_nominal(name), reference)
        assert outcome.method == "nominal", outcome.verdict


@pytest.mark.parametrize("shift", [2000, -2000])
def test_the_hector_spectrum_from_a_nominal_2000_pixels_off_or_flipped_is_not_solved(shift):
    peaks, spectrum = hector_peaks()
    lines, pixels = catalogue(*LAMPS["ThAr"]), np.arange(4096)
    solution = {key: NOMINAL_RED["documented"][key] for key in ("crval", "crpix", "cdelt")}
    far = nominal_wavelength(pixels + shift, **solution)
    assert find_solution(peaks, lines, far).method == "nominal"
    flipped = without_leaning(find_peaks(spectrum[::-1]))
    assert find_solution(flipped, lines, red_nominal("published")).method == "nominal"


def test_the_hector_exposures_header_lines_and_fluxes_agree(hector):
    with fits.open(hector / f"results/calibrated/{THAR}.fits") as hdus:
        header, table = hdus[0].header, hdus["SPECTRUM"].data
    assert header["WAVEMETH"] == "fitted"
    with open(hector / f"results/calibrated/{THAR}_lines.csv", newline="") as file:
        lines = list(csv.DictReader(file))
    hold_argon_to(table["wavelength"], np.array([float(row["pixel"]) for row in lines]))
    assert sum(row["used"] == "True" for row in lines) == header["WAVENLIN"] >= 40
    assert header["WAVERMS"] < 0.2
    assert 0 <= header["WAVEFRST"] < header["WAVELAST"] <= 4095
    for row in flux_rows(hector, THAR):
        assert row["wavelength_method"] == "fitted"
        trusted = (
            header["WAVEFRST"] <= int(row["pixel_start"])
            and int(row["pixel_stop"]) <= header["WAVELAST"]
        )
        assert row["wavelength_trusted"] == str(trusted)
        # Two Ar I lines, 0.45 Angstrom apart, share the window at 3868; Ar I 7635, at 3689, is
        # wider than others because it saturates. A frame rebuilt from a spectrum has no clipped
        # pixel and no noise that shows a gain, and with errors of a millionth no line shape is
        # good enough.
        others = [word for word in row["flags"].split() if word not in ("no_gain", "misfit")]
        assert others in ([[], ["blended"]] if int(row["pixel"]) in (3689, 3868) else [[]])
        assert float(row["saturated_fraction"]) == 0
        assert row["ion"] == "Ar I"
        # Half the distance between the lines of the blend; window centres are not lines.
        assert abs(float(row["line_offset"])) < (0.10 if int(row["pixel"]) != 3868 else 0.45)
        centre = table["wavelength"][int(row["pixel"])]
        assert float(row["Wavelength"]) == pytest.approx(centre, abs=1e-6)


# Wavelengths of the SPRAT spectrum, from wrong straight lines

PAIRS = "sprat/pixel_wavelength_pairs.txt"


def sprat_nominal(shift, stretch):
    """The best straight line through the pairs, shifted by pixels and stretched."""
    column, wavelength = np.loadtxt(DATA / PAIRS, delimiter=",").T
    slope, level = np.polyfit(column - 511.5, wavelength, 1)
    return level + slope * (1 + stretch) * (np.arange(1024) - 511.5 + shift)


@pytest.mark.parametrize("shift", [0, 40, -40])
@pytest.mark.parametrize("stretch", [0, 0.01, -0.01])
def test_the_xenon_arc_is_solved_within_a_pixel_of_the_pairs(shift, stretch):
    column, wavelength = np.loadtxt(DATA / PAIRS, delimiter=",").T
    nominal = sprat_nominal(shift, stretch)
    outcome = find_solution(
        without_leaning(find_peaks(true_sprat_spectrum())), catalogue("Xe I"), nominal
    )
    assert outcome.method == "fitted", outcome.verdict
    fitted = np.interp(column, np.arange(1024), outcome.wavelength)
    dispersion = np.interp(column, np.arange(1024), np.gradient(outcome.wavelength))
    assert np.sqrt(np.mean(((fitted - wavelength) / dispersion) ** 2)) < 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "lamp", ["Ar", "HgAr", "HgNe", "Kr", "Ne", "ThAr", "Cd", "Cu", "He", "NeKr"]
)
def test_the_xenon_arc_is_not_identified_as_another_lamp(lamp):
    ions = LAMPS.get(lamp) or (f"{lamp[:2]} I", f"{lamp[2:]} I")
    peaks = without_leaning(find_peaks(true_sprat_spectrum()))
    for nominal in (sprat_nominal(0, 0), sprat_nominal(40, 0.01)):
        outcome = find_solution(peaks, catalogue(*ions), nominal)
        assert outcome.method == "nominal", outcome.verdict


# FLOYDS at the Faulkes Telescope South: two orders on one detector, steep and with tilted lines

FLOYDS = {arm: f"LCO_HgAr_FLOYDS-{arm}_80.073s_22" for arm in ("Red", "Blue")}
# Columns of maxima, read off the spectra, and air wavelengths of the lines there (NIST ASD).
FLOYDS_LINES = {
    "Red": {287: 5460.735, 719: 6965.431, 911: 7635.106},
    "Blue": {774: 3650.153, 1188: 4358.328, 1823: 5460.735, 1999: 5769.598, 2011: 5790.663},
}
# Lines in the red that the solution is trusted at.
FLOYDS_TRUSTED = {1164: 8521.442, 1336: 9122.967, 1365: 9224.499}


@pytest.fixture(scope="module")
def floyds(snakemake, tmp_path_factory):
    root = tmp_path_factory.mktemp("floyds")
    frame = DATA.resolve() / "floyds/arc0022.fits.fz"
    rows = "".join(f'"{frame}",LCO,HgAr,FLOYDS-{arm},80.073,22\n' for arm in FLOYDS)
    write_text(root / "exposures.csv", "path,brand,lamp,arm,exptime,id\n" + rows)
    arguments = write_config(root / "floyds.yaml", instrument="floyds", exposures="exposures.csv")
    run = snakemake(root, *arguments)
    assert run.status == 0, run.output
    return root


def floyds_distances(root, arm, lines):
    """Distance of each line's maximum from where the wavelengths put the line [pixel]."""
    table = fits.getdata(root / f"results/calibrated/{FLOYDS[arm]}.fits", "SPECTRUM")
    highest = peaks(table["clean"])
    at = [highest[np.argmin(np.abs(highest - column))] for column in lines]
    assert np.abs(at - np.array(list(lines))).max() < 1.5
    return np.interp(list(lines.values()), table["wavelength"], table["pixel"]) - at


def test_the_red_order_of_a_floyds_arc_is_solved_and_right(floyds):
    header = fits.getheader(floyds / f"results/calibrated/{FLOYDS['Red']}.fits")
    assert header["WAVEMETH"] == "fitted"
    assert np.abs(floyds_distances(floyds, "Red", FLOYDS_LINES["Red"])).max() < 0.5
    assert header["WAVEFRST"] <= min(FLOYDS_TRUSTED)
    assert max(FLOYDS_TRUSTED) <= header["WAVELAST"]
    assert np.abs(floyds_distances(floyds, "Red", FLOYDS_TRUSTED)).max() < 0.5
    # A blend with 7514.652, a third as bright: the maximum lies a little to the red.
    assert 0 < -floyds_distances(floyds, "Red", {874: 7503.869})[0] < 1.6


def test_the_blue_order_of_a_floyds_arc_is_refused_with_a_reason_or_right(floyds):
    header = fits.getheader(floyds / f"results/calibrated/{FLOYDS['Blue']}.fits")
    if header["WAVEMETH"] == "nominal":
        assert header["WAVEREAS"]
    else:
        # The first is a blend with 3654.8 and 3663.3 at a resolution of 10 Angstrom.
        blend, *distances = np.abs(floyds_distances(floyds, "Blue", FLOYDS_LINES["Blue"]))
        assert blend < 2
        assert max(distances) < 1
        assert header["WAVEFRST"] < 1188 < header["WAVELAST"]
