"""Masks of bad pixels, as FITS images and tables of rectangles."""

import numpy as np
import pytest
from astropy.io import fits

from lampflux.errors import UserError
from lampflux.files.frames import read_frame

COUNTS = np.random.default_rng(1).integers(400, 60000, (40, 60)).astype("u2")


@pytest.fixture
def frame(tmp_path):
    fits.PrimaryHDU(COUNTS).writeto(tmp_path / "a.fits")
    return str(tmp_path / "a.fits")


def bad():
    mask = np.zeros(COUNTS.shape, bool)
    mask[3:7, 10] = mask[20, 5:41] = True
    return mask


def rectangles(path):
    path.write_text("row_start,row_stop,column_start,column_stop\n3,6,10,10\n20,20,5,40\n")
    return str(path)


def image(path):
    fits.PrimaryHDU(bad().astype("u1")).writeto(path)
    return str(path)


@pytest.mark.parametrize(("name", "write"), [("bad.csv", rectangles), ("bad.fits", image)])
def test_bad_pixels_are_nan_and_others_unchanged(tmp_path, frame, name, write):
    read = read_frame(frame, bad_pixels=write(tmp_path / name))
    np.testing.assert_array_equal(np.isnan(read.counts), bad())
    np.testing.assert_array_equal(read.counts[~bad()], COUNTS[~bad()])
    assert ("BADPIX", 40) in [card[:2] for card in read.cards]


def test_a_mask_turns_with_its_frame(tmp_path, frame):
    read = read_frame(frame, spatial_axis=1, bad_pixels=image(tmp_path / "bad.fits"))
    np.testing.assert_array_equal(np.isnan(read.counts), bad().T)


def test_a_mask_of_another_format_is_refused(tmp_path, frame):
    fits.PrimaryHDU(np.zeros((40, 61), "u1")).writeto(tmp_path / "bad.fits")
    with pytest.raises(
        UserError, match=r"bad\.fits has 40 x 61 pixels, but .*a\.fits has 40 x 60"
    ):
        read_frame(frame, bad_pixels=str(tmp_path / "bad.fits"))


@pytest.mark.parametrize("row", ["3,40,10,10", "3,2,10,10", "3,6,10,", "3,6,-1,5", "3,6,1.5,5"])
def test_a_rectangle_that_leaves_the_frame_is_refused_by_its_row(tmp_path, frame, row):
    (tmp_path / "bad.csv").write_text(
        f"row_start,row_stop,column_start,column_stop\n1,1,1,1\n{row}\n"
    )
    with pytest.raises(UserError, match=r"bad\.csv, row 2"):
        read_frame(frame, bad_pixels=str(tmp_path / "bad.csv"))


def test_a_mask_that_is_no_image_is_refused(tmp_path, frame):
    (tmp_path / "bad.txt").write_text("3 6")
    with pytest.raises(UserError, match="is not a FITS image of bad pixels"):
        read_frame(frame, bad_pixels=str(tmp_path / "bad.txt"))
