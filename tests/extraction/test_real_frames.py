"""Real frames of three spectrographs, held against sums by numpy alone.

The environment variable LAMPFLUX_DATA names the folder that holds ``floyds/``, ``alfosc/``,
``st7/`` and ``sprat/``.
"""

import os
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from lampflux.extraction.quiet_blocks import quiet_gain
from lampflux.extraction.spectrum import extract
from lampflux.peaks import find_peaks
from slits import line_sums

DATA = Path(os.environ.get("LAMPFLUX_DATA", ""))

pytestmark = pytest.mark.skipif(
    "LAMPFLUX_DATA" not in os.environ, reason="LAMPFLUX_DATA does not name a folder of real data"
)


def image(path):
    with fits.open(DATA / path) as hdus:
        data = next(hdu.data for hdu in hdus if hdu.data is not None and hdu.data.ndim == 2)
        return data.astype(data.dtype.newbyteorder("="))


def level(frame):
    return np.full(frame.shape[1], np.median(frame))


def bright_lines(counts, number):
    """Sums of the brightest lines that stand apart, and where they are."""
    peaks = find_peaks(counts)
    half = round(2.5 * peaks.fwhm)
    inside = (peaks.pixel > 40) & (peaks.pixel < counts.size - 40) & ~peaks.blended
    order = np.argsort(np.where(inside, peaks.height, -np.inf))[::-1]
    return peaks.pixel[order[:number]], half


@pytest.mark.parametrize("rows", [(0, 290), (300, 511)])
def test_the_lines_of_floyds_are_what_they_are_without_cosmic_rays(rows):
    frame = image("floyds/arc0022.fits.fz").astype("u2")
    settings = {"rows": rows, "gain": 2.3, "saturation": 38400}
    with_search, without = (
        extract(frame, level(frame), cosmic_rays=wanted, **settings).clean["counts"]
        for wanted in (True, False)
    )
    places, half = bright_lines(without, 6)
    ratio = line_sums(with_search, places, half) / line_sums(without, places, half)
    assert np.abs(ratio - 1).max() < 0.02


def test_the_steep_traces_of_floyds_are_followed():
    frame = image("floyds/arc0022.fits.fz").astype("u2")
    spectrum = extract(frame, level(frame), rows=(0, 290), gain=2.3, saturation=38400)
    # By eye: the middle of the lines is at row 100 near column 290 and 207 near column 1500, and
    # lines lean by 15 columns over their 100 rows, 44 over all 291.
    assert 60 < spectrum.drift < 80
    assert 15 < spectrum.shift < 30
    # Hg I 5460.7, two columns from where it is once upright, as sums of whole rows by numpy: the
    # parallelogram that it covers, above the level beside it.
    net = frame[:290].astype(float) - np.median(frame)
    plain = net.sum(axis=0)
    sums = [line_sums(counts, [284], 24)[0] for counts in (plain, spectrum.clean["counts"])]
    assert sums[1] == pytest.approx(sums[0], rel=0.02)


def test_the_wild_pixel_of_alfosc_changes_nothing():
    frame = image("alfosc/ALDc200214.fits").T
    assert frame[0, 0] > 4e9
    mended = frame.copy()
    mended[0, 0] = np.median(frame)
    wild, as_mended = (
        extract(counts, level(mended), gain=0.16).clean["counts"] for counts in (frame, mended)
    )
    places, half = bright_lines(as_mended, 12)
    ratio = line_sums(wild, places, half) / line_sums(as_mended, places, half)
    assert np.abs(ratio - 1).max() < 0.001


@pytest.mark.parametrize(
    ("path", "axis"),
    [
        ("floyds/arc0022.fits.fz", 0),
        ("alfosc/ALDc200214.fits", 1),
        ("sprat/v_a_20190516_57_1_0_1.fits", 0),
        ("st7/n1_Lamp2.fit", 0),
    ],
)
def test_the_lines_of_a_real_frame_and_the_gaps_between_them_are_no_bad_columns(path, axis):
    frame = image(path) if axis == 0 else image(path).T
    assert not extract(frame, level(frame)).bad_columns.size


def test_the_gain_of_alfosc_is_that_of_its_header_or_none_with_any_bias_and_rows():
    frame = image("alfosc/ALDc200214.fits").T
    frame[0, 0] = np.median(frame)
    # By the light between its lines, whatever the bias.
    assert quiet_gain(frame.astype(float)) == pytest.approx(0.16, rel=0.05)
    for bias in (np.median(frame), 11772.0, 12500.0):
        for rows in ("lit", (50, 350)):
            spectrum = extract(frame, np.full(frame.shape[1], bias), rows=rows)
            assert spectrum.detector.gain in (None, pytest.approx(0.16, rel=0.2))


def test_the_diffuse_light_of_an_st7_is_not_taken_for_cosmic_rays():
    frame, dark = image("st7/n1_Lamp2.fit"), image("st7/n1_Lamp2_dark.fit")
    with_search, without = (extract(frame, dark, cosmic_rays=on) for on in (True, False))
    places, half = bright_lines(without.clean["counts"], 8)
    ratio = np.divide(
        *(line_sums(one.clean["counts"], places, half) for one in (with_search, without))
    )
    assert np.abs(ratio - 1).max() < 0.01
    replaced = with_search.clean["replaced"].sum() / with_search.clean["summed"].sum()
    # Cosmic rays of 240 s.
    assert replaced < 0.002


@pytest.mark.parametrize(
    ("path", "dark", "settings", "gain"),
    [
        ("floyds/arc0022.fits.fz", None, {"rows": (0, 290), "saturation": 38400}, 2.3),
        ("floyds/arc0022.fits.fz", None, {"rows": (300, 511), "saturation": 38400}, 2.3),
        ("st7/n1_Lamp2.fit", "st7/n1_Lamp2_dark.fit", {}, 2.55),
        ("sprat/v_a_20190516_57_1_0_1.fits", None, {}, 2.45),
        ("sprat/v_a_20190516_57_1_0_1.fits", None, {"rows": (40, 250)}, 2.45),
    ],
)
def test_the_gain_of_a_real_frame_is_that_of_its_header_or_none(path, dark, settings, gain):
    frame = image(path)
    background = level(frame) if dark is None else image(dark)
    spectrum = extract(frame, background, **settings)
    assert spectrum.detector.gain is None or spectrum.detector.gain == pytest.approx(gain, rel=0.2)
    assert np.isfinite(spectrum.clean["uncertainty"]).all()
    # Nor does the frame contradict the true gain.
    shown = extract(frame, background, gain=gain, **settings).detector.shown_gain
    assert shown is None or shown == pytest.approx(gain, rel=0.2)
