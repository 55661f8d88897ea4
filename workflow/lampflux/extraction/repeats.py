"""Repeats of an exposure: how much two of them differ where there is light, and where not."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lampflux.extraction.cosmic_rays import neighbourhood
from lampflux.extraction.detector import ROUNDING
from lampflux.extraction.squares import Squares, joined, squares_of
from lampflux.statistics import clipped_moments


class PairTransfer(NamedTuple):
    """Which pixels of a pair are compared."""

    # Rows and columns of a block, and the part of the blocks, the darkest, in which the noise of a
    # pixel is measured; fewest of these.
    block: tuple[int, int] = (4, 16)
    darkest: float = 0.2
    blocks: int = 10
    # They are dark where the middle fifth of the blocks scatters no more, within this part.
    plateau: float = 0.15
    # Light in a pixel exceeds the noise of a dark one by this factor, ...
    light: float = 5.0
    # ... and in both frames this part of their mean: else a cosmic ray hit one.
    least: float = 0.5
    # They hold this part of the brightest one within this many columns: where the core of a
    # leaning line gives way to its wings, its rows are shifted differently.
    crest: float = 0.1
    reach: int = 2
    # Detectors become non-linear above this part of the saturation limit.
    linear: float = 0.8


PAIR = PairTransfer()


class Pair(NamedTuple):
    """What a pair of repeats shows: its squares, and the variance of dark pixels of each part.

    Parts are numbered by twice their amplifier, and one more in the upper half. ``dark``, shape
    (parts,), is the variance in the darkest blocks, without rounding [ADU^2], and NaN where none
    are dark.
    """

    squares: Squares
    dark: np.ndarray


def compare_pair(
    first: np.ndarray, second: np.ndarray, limit: float, amplifiers: Sequence[Sequence[int]]
) -> Pair:
    """Compare two exposures of the same lamp and time.

    Parameters
    ----------
    first, second : ndarray, shape (rows, columns)
        Raw counts [ADU].
    limit : float
        Lowest count of a saturated pixel [ADU].
    amplifiers : list of (int, int)
        First and last column of each.

    Returns
    -------
    Pair
    """
    middle = first.shape[0] // 2
    rounding = ROUNDING**2 if first.dtype.kind in "iu" else 0.0
    squares, dark = [], []
    for start, last in amplifiers:
        for rows in (slice(0, middle), slice(middle, None)):
            place = rows, slice(start, last + 1)
            one, other = (each[place].astype(np.float32) for each in (first, second))
            level, variance, is_dark = dark_blocks(one, other)
            dark.append(max(variance - rounding, 0.0) if is_dark else np.nan)
            if variance > 0:
                deviation, light, used = compare_part(one, other, limit, level, variance)
                squares.append(squares_of(deviation, light, used, variance, len(dark) - 1))
    return Pair(joined(squares), np.array(dark))


def dark_blocks(first, second):
    """Measure level and variance of the darkest blocks of a pair.

    Parameters
    ----------
    first, second : ndarray, shape (rows, columns)
        [ADU]

    Returns
    -------
    level, variance : float
        Mean [ADU], and variance of a pixel of one frame [ADU^2]; NaN from too few blocks.
    is_dark : bool
        Whether those in the middle scatter no more, so that there is no light in either.
    """
    height, width = PAIR.block
    rows, columns = first.shape[0] // height, first.shape[1] // width
    one, other = (
        each[: rows * height, : columns * width]
        .reshape(rows, height, columns, width)
        .swapaxes(1, 2)
        .reshape(-1, height, width)
        for each in (first, second)
    )
    level = (one + other).mean(axis=(1, 2)) / 2
    steps = np.diff(one - other, axis=2)
    known = np.isfinite(level) & (steps.var(axis=(1, 2)) > 0)
    level, steps = level[known], steps[known]
    number = int(PAIR.darkest * level.size)
    if number < PAIR.blocks:
        return np.nan, np.nan, False
    order = np.argsort(level)
    # Differences of columns in a difference of frames have four times a pixel's variance.
    dark, middle = (
        clipped_moments(steps[order[begin : begin + number]])[1] / 4 for begin in (0, 2 * number)
    )
    is_dark = middle < (1 + PAIR.plateau) * dark
    return float(level[order[:number]].mean()), dark, is_dark


def compare_part(first, second, limit, level, variance):
    """Compare the pixels on the light of a pair.

    The logarithm of the ratio of two shifted exposures is the sum of a function of the row and one
    of the column, as long as the light is their product: the difference of differences is noise.

    Parameters
    ----------
    first, second : ndarray of float32, shape (rows, columns)
        One part of either frame [ADU].
    limit : float
        [ADU]
    level, variance : float
        Of dark pixels, see `dark_blocks`.

    Returns
    -------
    deviation, light : ndarray, shape (rows, columns)
        Logarithm of the ratio, with the variance of one frame's, and light [ADU].
    used : ndarray of bool, shape (rows, columns)
        Pixels that show light in both.
    """
    unequal = first - second
    unequal -= np.median(np.nan_to_num(unequal), axis=1, keepdims=True)
    light = (first + second) / 2 - level
    used = light > PAIR.light * np.sqrt(variance)
    used &= light > PAIR.crest * neighbourhood(light, 0, PAIR.reach)
    used &= np.abs(unequal) < 2 * (1 - PAIR.least) * light
    used &= np.maximum(first, second) < level + PAIR.linear * (limit - level)
    half = np.divide(unequal, 2 * light, out=np.zeros_like(light), where=used)
    # The difference of two frames has twice the variance of one.
    ratio = (np.log1p(half) - np.log1p(-half)) / np.sqrt(2)
    # Harmonic mean: the variance of the ratio goes by the fainter of the two.
    return ratio, light * (1 - half**2), used
