"""The bias of an amplifier from overscan of known level."""

import numpy as np
import pytest

from lampflux.files import overscan
from lampflux.files.overscan import overscan_level, running_mean

LINES, PIXELS, NOISE = 1024, 50, 3.0


def strip(level):
    rng = np.random.default_rng(1)
    return level[:, np.newaxis] + rng.normal(0, NOISE, (LINES, PIXELS))


def test_a_constant_level_is_found_far_better_than_line_by_line():
    level, method = overscan_level(strip(np.full(LINES, 512.3)))
    assert method == "smooth"
    # The mean of 50 pixels has 0.42 ADU; that of 101 lines of them 0.042.
    assert np.std(level[50:-50] - 512.3) < 0.06
    assert abs(np.mean(level) - 512.3) < 4 * NOISE / np.sqrt(LINES * PIXELS)


def test_a_slow_drift_is_followed():
    truth = 500 + 20 * np.exp(-np.arange(LINES) / 400)
    level, method = overscan_level(strip(truth))
    assert method == "smooth"
    assert np.max(np.abs(level - truth)) < 4 * NOISE / np.sqrt(PIXELS)


@pytest.mark.parametrize("jump", [1.0, 5.0])
def test_lines_that_differ_by_themselves_are_followed_line_by_line(jump):
    truth = 500 + np.random.default_rng(2).normal(0, jump, LINES)
    level, method = overscan_level(strip(truth))
    assert method == "line by line"
    assert np.std(level - truth) < 1.2 * NOISE / np.sqrt(PIXELS)


def test_cosmic_rays_and_unknown_pixels_do_not_move_the_level():
    pixels = strip(np.full(LINES, 500.0))
    rng = np.random.default_rng(3)
    pixels[rng.integers(0, LINES, 300), rng.integers(0, PIXELS, 300)] = 20000
    pixels[100, :10] = np.nan
    level, _ = overscan_level(pixels)
    assert np.max(np.abs(level - 500)) < 1


def test_whole_numbers_with_less_noise_than_their_step_keep_their_mean():
    rng = np.random.default_rng(4)
    level, _ = overscan_level(np.round(rng.normal(500.3, 0.4, (LINES, PIXELS))).astype("u2"))
    assert abs(np.mean(level) - 500.3) < 0.05


def test_a_running_mean_keeps_a_straight_line_and_its_ends():
    line = np.arange(300.0)
    np.testing.assert_allclose(running_mean(line, 101), line, atol=1e-9)


@pytest.mark.parametrize("factor", [0.8, 1.2])
@pytest.mark.parametrize("name", ["clip", "lines", "own_levels"])
def test_a_constant_that_is_a_fifth_off_moves_no_level_beyond_its_noise(monkeypatch, name, factor):
    value = getattr(overscan.OVERSCAN, name)
    moved = overscan.OVERSCAN._replace(**{name: type(value)(value * factor)})
    monkeypatch.setattr(overscan, "OVERSCAN", moved)
    noise = NOISE / np.sqrt(PIXELS)
    for truth in (
        np.full(LINES, 500.0),
        500 + 20 * np.exp(-np.arange(LINES) / 400),
        500 + np.random.default_rng(2).normal(0, 1, LINES),
    ):
        level, _ = overscan_level(strip(truth))
        assert np.std(level - truth) < 1.2 * noise
        assert abs(np.mean(level - truth)) < 0.1
