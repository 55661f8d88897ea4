"""The bias level of an amplifier, from its overscan."""

from typing import NamedTuple

import numpy as np

from lampflux.statistics import SIGMA_PER_MAD


class _Overscan(NamedTuple):
    """Constants of the overscan's level."""

    # Pixels further than this from their line's median are cosmic rays or bleeding [sigma].
    clip: float = 4.0
    # Lines that are averaged for the smooth level: long against noise, short against drifts.
    lines: int = 101
    # Lines differ by themselves where they scatter so much more than their noise (variance
    # ratio); a chance of 1e-4 for 250 lines.
    own_levels: float = 1.4
    # Fewest lines by which that can be decided.
    fewest: int = 32


OVERSCAN = _Overscan()


def overscan_level(strip):
    """Estimate the bias of each line of an amplifier from its overscan pixels.

    Parameters
    ----------
    strip : ndarray, shape (lines, pixels)
        Overscan pixels [ADU], a line for each line of the image; NaN is left out.

    Returns
    -------
    level : ndarray, shape (lines,)
        Bias [ADU].
    method : {'line by line', 'smooth'}
        Line by line where the lines differ more than their noise explains, which it would
        otherwise only add; else a running mean.
    """
    strip = np.asarray(strip, float)
    middle = np.nanmedian(strip, axis=1, keepdims=True)
    sigma = SIGMA_PER_MAD * np.nanmedian(np.abs(strip - middle))
    # Whole numbers hide a spread below their step.
    good = np.abs(strip - middle) <= OVERSCAN.clip * max(sigma, 0.5)
    number = np.maximum(good.sum(axis=1), 1)
    level = np.where(good, strip, 0).sum(axis=1) / number
    smooth = running_mean(level, OVERSCAN.lines)
    noise = np.mean(np.where(good, strip - level[:, np.newaxis], 0) ** 2)
    about = np.mean((level - smooth) ** 2)
    own = level.size >= OVERSCAN.fewest and about > OVERSCAN.own_levels * noise / number.mean()
    return (level, "line by line") if own else (smooth, "smooth")


def running_mean(values, size):
    """Average the values about each one; fewer at the ends, equally many on either side."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    place = np.arange(values.size)
    reach = np.minimum(size // 2, np.minimum(place, values.size - 1 - place))
    return (total[place + reach + 1] - total[place - reach]) / (2 * reach + 1)
