"""Run the workflow on real data: a Hector ThAr lamp and a xenon arc of another spectrograph.

The data are large and not part of the project: the environment variable LAMPFLUX_DATA names
their folder, which holds ``hector/`` and ``sprat/``.
"""

import csv
import os
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from conftest import chain, write_config, write_text

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
    assert run.jobs == chain(THAR)
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
    assert run.jobs == chain(XENON)
    return root


def true_sprat_spectrum():
    """The frame as FITS scales it, less its median, summed over the lit rows."""
    with fits.open(DATA / SPRAT_FRAME, do_not_scale_image_data=True) as hdus:
        header, stored = hdus[0].header, hdus[0].data
        frame = header["BZERO"] + header["BSCALE"] * stored.astype(float)
    first, last = LIT_ROWS
    return (frame - np.median(frame))[first : last + 1].sum(axis=0)


def peaks(spectrum):
    """Every local maximum, to a part of a column: the vertex of the parabola through three."""
    left, middle, right = spectrum[:-2], spectrum[1:-1], spectrum[2:]
    at = np.flatnonzero((middle > left) & (middle >= right))
    left, middle, right = left[at], middle[at], right[at]
    return at + 1 + 0.5 * (left - right) / (left - 2 * middle + right)


def test_the_sprat_frame_gives_a_spectrum_of_1024_columns(sprat):
    spectrum = fits.getdata(sprat / f"results/spectra/{XENON}.fits")
    assert spectrum.shape == (1024,)
    # Real numbers near 1e3, 211 to a sum: 1e-6 ADU is 1e9 times below the lines.
    np.testing.assert_allclose(spectrum, true_sprat_spectrum(), rtol=1e-9, atol=1e-6)


def test_the_xenon_peaks_lie_at_the_columns_that_a_human_identified(sprat):
    # The columns are whole numbers, clicked by eye on peaks 4 columns wide. About a quartic
    # through the 25 wavelengths they scatter by 0.38 columns, the peaks found here by 0.23: the
    # clicks are the less certain. They differ from the peaks by 0.35 around a mean of 0.3, at
    # most 0.85; so a bound of one column is no laxer than a click deserves. It is tight all the
    # same: moved by one column either way at most 21 pairs would pass, moved by two none. All 25
    # have a maximum of their own, the blends too.
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
