import numpy as np
import pytest

from lampflux.extraction.bias import (
    find_amplifiers,
    find_unlit_amplifiers,
    refine_bias,
    row_levels,
)

AMPLIFIERS = [(0, 511), (512, 1023)]
LEVELS = (500.3, 504.6)


def biased(seed=1):
    """A frame of whole numbers with a level for each amplifier and rows 100 to 199 lit."""
    rng = np.random.default_rng(seed)
    frame = np.repeat(LEVELS, 512) + rng.normal(0, 2.0, (400, 1024))
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
    np.testing.assert_array_equal(background, rough)
    assert levels == {}


@pytest.mark.parametrize("step", [0.0, 4.0, -3.0])
def test_where_every_row_is_lit_the_second_amplifier_follows_the_step_between_them(step):
    rng = np.random.default_rng(8)
    column = np.arange(1024)
    # Lines over all rows, one with its wing across the boundary, and a continuum that bends.
    light = sum(2000 * np.exp(-0.5 * ((column - at) / 1.2) ** 2) for at in range(40, 1000, 46))
    light = light + 3 / (1 + ((column - 530) / 8) ** 2) + 1 + np.sin(column / 400)
    frame = rng.poisson(light, (200, 1024)) + rng.normal(500, 2, (200, 1024))
    frame[:, 512:] += step
    frame = np.rint(frame).astype("u2")
    bias, _ = refine_bias(frame, np.arange(200), np.full(1024, 500.0), AMPLIFIERS)
    assert np.ptp(bias[:512]) == np.ptp(bias[512:]) == 0
    # A hundred rows, six columns on either side: 0.2 ADU.
    assert bias[512] - bias[511] == pytest.approx(step, abs=0.7)


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


@pytest.mark.parametrize("scatter", [0.0, 1.0])
def test_light_between_lines_is_no_level_of_rows(scatter):
    rng = np.random.default_rng(6)
    profile = np.tile([0.1, 0.6, 1.0, 0.6, 0.1], 60)
    truth = rng.normal(0, scatter, (profile.size, 2))
    # Wings of 2 ADU in the brightest rows.
    image = np.repeat(truth, 512, axis=1) + 2 * profile[:, np.newaxis]
    image += rng.normal(0, 3, image.shape)
    quiet = np.ones(1024, bool)
    levels, found = row_levels(image, quiet, AMPLIFIERS, 9.0, profile)
    # 512 columns: 0.13 ADU.
    np.testing.assert_allclose(levels[:, [0, 600]], truth, atol=0.7)
    assert levels.mean() == pytest.approx(truth.mean(), abs=0.1)
    assert found == pytest.approx(scatter, abs=0.15)


@pytest.mark.parametrize("step", [0, 1, -4, 40])
def test_a_step_that_lines_hide_is_found_in_unlit_rows(step):
    rng = np.random.default_rng(7)
    frame = rng.normal(500, 3, (400, 512))
    frame[:, 256:] += step
    # Wings of lines reach all columns.
    column = np.arange(512)
    wings = sum(3000 / (1 + ((column - centre) / 3) ** 2) for centre in range(30, 500, 45))
    frame[50:350] += rng.poisson(wings, (300, 512))
    # A cosmic ray.
    frame[20:24, 300:340] = 5000
    frame = np.rint(frame).astype("u2")
    wanted = [(0, 255), (256, 511)] if step else [(0, 511)]
    assert find_unlit_amplifiers(frame, np.arange(40, 360)) == wanted
    assert find_unlit_amplifiers(frame, np.arange(395)) == [(0, 511)]


@pytest.mark.parametrize("step", [0, 4, -40])
@pytest.mark.parametrize("slope", [0.0, 0.02])
def test_two_amplifiers_are_found_by_the_step_between_them(step, slope):
    for seed in range(5):
        rng = np.random.default_rng(seed)
        frame = rng.normal(500, 3, (200, 1024)) + slope * np.arange(1024)
        # Lines over all rows.
        frame += 3000 * (rng.random(1024) < 0.1)
        frame[:, 512:] += step
        wanted = AMPLIFIERS if step else [(0, 1023)]
        assert find_amplifiers(np.rint(frame).astype("u2")) == wanted
