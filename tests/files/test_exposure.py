"""Exposures read as the settings of an arm say."""

import numpy as np
import pytest
from astropy.io import fits

from lampflux.errors import UserError
from lampflux.files.exposure import exposure_format, read_exposure

LIGHT = np.random.default_rng(1).integers(0, 65000, (40, 60)).astype(float)


@pytest.fixture
def path(tmp_path):
    """A frame of 400 ms behind 20 columns of overscan at 480 ADU, its image in extension 2."""
    stored = np.hstack([np.full((40, 20), 480.0), LIGHT + 480]).astype("u2")
    image = fits.ImageHDU(stored)
    image.header["DWELL"] = 400
    other = fits.ImageHDU(np.zeros((3, 4), "i2"))
    fits.HDUList([fits.PrimaryHDU(), other, image]).writeto(tmp_path / "a.fits")
    return str(tmp_path / "a.fits")


SETTINGS = {
    "extensions": 2,
    "sections": [{"data": "[21:80,1:40]", "overscan": "[1:20,1:40]"}],
    "keywords": {"exposure_time": ["DWELL"]},
    "exposure_unit": "ms",
}


def test_overscan_is_subtracted_and_nothing_wraps(path):
    frame = read_exposure(path, 0.4, settings=SETTINGS)
    np.testing.assert_array_equal(frame.counts, LIGHT)
    assert frame.overscan.max() == 480
    assert read_exposure(path, 0.4, 1, SETTINGS).counts.shape == (60, 40)


def test_without_overscan_the_counts_are_those_of_the_file(path):
    counts = read_exposure(path, 0.4, settings=SETTINGS | {"sections": None}).counts
    assert counts.dtype == np.uint16
    assert counts.shape == (40, 80)


def test_bad_pixels_are_unknown(path, tmp_path):
    (tmp_path / "bad.csv").write_text("row_start,row_stop,column_start,column_stop\n0,39,3,3\n")
    settings = SETTINGS | {"bad_pixels": str(tmp_path / "bad.csv")}
    counts = read_exposure(path, 0.4, settings=settings).counts
    assert np.flatnonzero(np.isnan(counts).any(axis=0)).tolist() == [3]


@pytest.mark.parametrize("look", [read_exposure, exposure_format])
def test_another_exposure_time_is_refused_unless_the_tolerance_covers_it(path, look):
    with pytest.raises(UserError, match=r"1 s in t\.csv but 400 ms"):
        look(path, 1, settings=SETTINGS, table="t.csv")
    look(path, 1, settings=SETTINGS | {"exposure_tolerance": [0.01, 0.6]})


@pytest.mark.parametrize("look", [read_exposure, exposure_format])
def test_a_frame_in_electrons_is_refused(tmp_path, look):
    path = str(tmp_path / "a.fits")
    fits.writeto(path, LIGHT.astype("f4"), fits.Header({"BUNIT": "electron"}))
    with pytest.raises(UserError, match=r"a\.fits is in electron \(BUNIT\)"):
        look(path, 10)


def test_the_format_is_that_of_the_frame(path):
    assert exposure_format(path, 0.4, 0, SETTINGS) == (40, 60)
    assert exposure_format(path, 0.4, 1, SETTINGS) == (60, 40)
