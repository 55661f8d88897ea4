"""Frames made small, held against plain means."""

import numpy as np
import pytest

from lampflux.extraction.thumbnail import block_means


@pytest.mark.parametrize("dtype", ["u2", "i4", "f4", "f8"])
def test_blocks_that_fit_are_plain_means(dtype):
    image = np.random.default_rng(1).integers(0, 65536, (60, 80)).astype(dtype)
    plain = image.astype(float).reshape(20, 3, 16, 5).mean(axis=(1, 3))
    assert block_means(image, (20, 16)) == pytest.approx(plain, rel=1e-6)


def test_blocks_at_the_far_edges_average_what_is_left():
    image = np.arange(35.0).reshape(5, 7)
    corners = [[image[:2, :3], image[:2, 3:6], image[:2, 6:]]]
    corners += [[image[2:4, :3], image[2:4, 3:6], image[2:4, 6:]]]
    corners += [[image[4:, :3], image[4:, 3:6], image[4:, 6:]]]
    plain = [[block.mean() for block in row] for row in corners]
    np.testing.assert_allclose(block_means(image, (3, 3)), plain)


@pytest.mark.parametrize("size", [1, 2, 499, 500, 501, 999, 1000, 1001, 4112])
def test_the_result_is_no_larger_than_wanted_and_never_empty(size):
    height, width = block_means(np.ones((size, 3)), (500, 2)).shape
    assert 1 <= height <= 500
    assert width == 2


def test_a_small_image_stays_as_it_is():
    image = np.random.default_rng(1).integers(0, 65536, (4, 6)).astype("u2")
    assert block_means(image, (500, 1024)).tolist() == image.tolist()


def test_bright_unsigned_pixels_do_not_wrap():
    assert block_means(np.full((64, 64), 65535, "u2"), (2, 2)).tolist() == [[65535] * 2] * 2


def test_a_blank_pixel_spoils_no_other_block():
    image = np.ones((6, 6))
    image[4, 1] = np.nan
    blank = np.isnan(block_means(image, (3, 3)))
    assert np.argwhere(blank).tolist() == [[2, 0]]
