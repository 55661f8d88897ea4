import numpy as np
import pytest

from lampflux.extraction.bias import refine_bias, row_levels

AMPLIFIERS = [(0, 511), (512, 1023)]
LEVELS = (500.3, 504.6)


def biased(rows=400, sigma=2.0, seed=1):
    """A frame of whole numbers with a level for each amplifier and rows 100 to 199 lit."""
    rng = np.random.default_rng(seed)
    frame = np.repeat(LEVELS, 512) + rng.normal(0, sigma, (rows, 1024))
    frame[100:200] += 3000
    return np.rint(frame).astype("u2")


def test_the_bias_of_unlit_rows_is_finer_than_a_whole_number():
    frame, rough = biased(), np.repeat([500.0, 505.0], 512)
    bias, levels = refine_bias(frame, np.arange(100, 200), rough, AMPLIFIERS)
    # 100 rows of 512 pixels with a noise of 2 ADU: 0.009 ADU.
    np.testing.assert_allclose(bias, np.repeat(LEVELS, 512), atol=0.04)
    assert list(levels) == [1, 2]
    np.testing.assert_array_equal(bias, np.repeat(list(levels.values()), 512))
    np.testing.assert_array_equal(rough, np.repeat([500.0, 505.0], 512))


def test_cosmic_rays_and_blank_pixels_do_not_move_the_bias_of_unlit_rows():
    rng = np.random.default_rng(2)
    frame = biased().astype(float)
    frame[rng.random(frame.shape) < 0.003] = 20000
    frame[rng.random(frame.shape) < 0.01] = np.nan
    bias, _ = refine_bias(frame, np.arange(100, 200), np.repeat(LEVELS, 512), AMPLIFIERS)
    np.testing.assert_allclose(bias, np.repeat(LEVELS, 512), atol=0.05)


def test_a_dark_is_not_refined():
    frame = biased()
    dark = biased(seed=3)
    background, levels = refine_bias(frame, np.arange(100, 200), dark, AMPLIFIERS)
    assert background is dark
    assert levels == {}


def test_few_unlit_rows_do_not_refine_a_bias():
    rough = np.repeat([500.0, 505.0], 512)
    background, levels = refine_bias(biased(), np.arange(390), rough, AMPLIFIERS)
    assert background is rough
    assert levels == {}


@pytest.mark.parametrize("scatter", [2.0, 20.0])
def test_the_levels_of_rows_are_those_of_each_amplifier(scatter):
    rng = np.random.default_rng(4)
    truth = rng.normal(0, scatter, (120, 2))
    image = np.repeat(truth, 512, axis=1) + rng.normal(0, 3, (120, 1024))
    quiet = np.ones(1024, bool)
    # Lines fall in a third of the columns.
    quiet[::3] = False
    image[:, ~quiet] += 5000
    levels, found = row_levels(image, quiet, AMPLIFIERS, 9.0)
    # 341 quiet columns of each amplifier: 0.16 ADU; far rows are cut off at 15 ADU.
    near = np.abs(truth) < 9
    np.testing.assert_allclose(levels[:, [0, 600]][near], truth[near], atol=0.8)
    if scatter < 5:
        assert found == pytest.approx(scatter, rel=0.25)


def test_rows_that_differ_by_noise_have_no_levels():
    rng = np.random.default_rng(5)
    levels, found = row_levels(rng.normal(0, 3, (120, 1024)), np.ones(1024, bool), AMPLIFIERS, 9.0)
    assert not levels.any()
    assert found == 0
