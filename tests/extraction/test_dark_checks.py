"""Darks that cannot be meant, and sound ones that must pass."""

import numpy as np
import pytest

from lampflux.errors import UserError
from lampflux.extraction.dark_checks import check_dark, lamp_part

COLUMNS = 600
# Six lines of 3000 ADU, 3 pixels wide, along a slit of 40 rows.
LINES = sum(np.exp(-0.5 * ((np.arange(COLUMNS) - at) / 1.3) ** 2) for at in range(50, 600, 100))
LIGHT = 3000 * np.where(np.abs(np.arange(80) - 40) < 20, 1, 0)[:, np.newaxis] * LINES


@pytest.mark.parametrize("level", [-30, 0, 5])
def test_a_dark_that_differs_from_the_frame_by_noise_and_drift_passes(level):
    rng = np.random.default_rng(1)
    frame, dark = rng.normal(500, 3, (2, 64, 200))
    # Cosmic rays in the dark alone.
    dark[rng.random(dark.shape) < 0.002] += 5000
    check_dark(frame, dark + level, "a.fits", "dark.fits")


@pytest.mark.parametrize("levels", [(500, 540), (900, 500)])
def test_a_dark_brighter_than_the_frame_is_refused(levels):
    rng = np.random.default_rng(1)
    frame, dark = (rng.normal(level, 3, (64, 200)) for level in levels)
    if levels[0] > levels[1]:
        frame, dark = dark, np.where(np.arange(200) % 20 < 2, frame, dark)
        frame = frame + rng.normal(0, 0.1, frame.shape)
    with pytest.raises(UserError, match=r"dark\.fits is brighter than a\.fits"):
        check_dark(frame, dark, "a.fits", "dark.fits")


def lit(rng, light):
    """A raw frame with dark current, cosmic rays, hot pixels and offsets of its columns."""
    counts = 500 + offsets + rng.poisson(light + 20) + rng.normal(0, 3, light.shape)
    counts[rng.random(light.shape) < 0.003] += 4000
    counts[hot] += 8000
    return np.rint(counts).astype("u2")


offsets = np.random.default_rng(8).normal(0, 2, COLUMNS) + 4 * (np.arange(COLUMNS) > 300)
hot = np.random.default_rng(9).random(LIGHT.shape) < 0.003


@pytest.mark.parametrize("part", [0.02, 0.05, 0.2])
def test_a_dark_with_light_of_the_lamp_is_refused_with_its_part(part):
    rng = np.random.default_rng(3)
    frame, dark = lit(rng, LIGHT), lit(rng, part * LIGHT)
    # Fluxes would be too faint by this part.
    assert lamp_part(frame, dark, 60.0) == pytest.approx(part, rel=0.15)
    with pytest.raises(UserError, match=r"dark\.fits shows the lines of a\.fits, .+ lamp was on"):
        check_dark(frame, dark, "a.fits", "dark.fits")


@pytest.mark.parametrize("brightness", [0.1, 1, 10])
@pytest.mark.parametrize("seed", range(3))
def test_a_dark_without_light_passes_whatever_its_columns_and_rays(brightness, seed):
    rng = np.random.default_rng(seed)
    frame, dark = lit(rng, brightness * LIGHT), lit(rng, 0 * LIGHT)
    check_dark(frame, dark, "a.fits", "dark.fits")
