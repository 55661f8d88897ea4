"""The continuum beneath a line window."""

from typing import NamedTuple

import numpy as np
from numpy.polynomial import Polynomial

from lampflux.fluxes.line_model import MODEL
from lampflux.statistics import SIGMA_PER_MAD, box_sums


class ContinuumTuning(NamedTuple):
    """Constants of the continuum beneath a window."""

    # Columns on either side that tell the continuum [windows], and limits [pixel]: enough of them
    # to add little noise, few enough for a straight line.
    side: float = 1.5
    least_side: int = 30
    most_side: int = 80
    # Fewest columns on a side that tell anything.
    fewest: int = 5
    # Columns further off the line are left out [scatter]. Lines too faint to be found only ever
    # add: what stands out above is left out sooner.
    clip_above: float = 2.5
    clip_below: float = 3.5
    # Times that columns are left out and the line fitted again.
    rounds: int = 10


CONTINUUM = ContinuumTuning()


def window_continuum(counts, lines, spoiled, start, stop):
    """Find the continuum of a window from the pixels to both sides, other lines taken off.

    Parameters
    ----------
    counts : ndarray, shape (pixels,)
        Clean spectrum [ADU].
    lines : LineModel
    spoiled : ndarray of bool, shape (pixels,)
        Pixels near saturated ones, see `near_saturation`.
    start, stop : int
        First and last pixel of the window.

    Returns
    -------
    level : numpy.polynomial.Polynomial
        Level [ADU] at each pixel; NaN where none tells it.
    total_error : float
        1 sigma of its sum over the window [ADU].
    sides : int
        On how many sides of the window it is known.
    """
    width = stop - start + 1
    side = int(np.clip(CONTINUUM.side * width, CONTINUUM.least_side, CONTINUUM.most_side))
    pixels = np.arange(max(start - side, 0), min(stop + 1 + side, counts.size))
    pixels = pixels[(pixels < start) | (pixels > stop)]
    variance = lines.variance[pixels] + (MODEL.relative_error * lines.counts[pixels]) ** 2
    used = lines.good[pixels] & ~spoiled[pixels]
    rest = counts[pixels] - lines.counts[pixels]
    window = np.arange(start, stop + 1)
    middle = (start + stop) / 2
    place = (pixels - middle) / (width + side)
    halves = place < 0, place > 0
    sides = sum(np.count_nonzero(used & half) >= CONTINUUM.fewest for half in halves)
    for _ in range(CONTINUUM.rounds):
        fewer = min(np.count_nonzero(used & half) for half in halves)
        if np.count_nonzero(used) < CONTINUUM.fewest:
            return Polynomial([np.nan]), np.nan, 0
        terms = np.vander(place[used], 2 if fewer >= CONTINUUM.fewest else 1, increasing=True)
        weight = 1 / np.sqrt(variance[used])
        design = terms * weight[:, np.newaxis]
        fitted, *_ = np.linalg.lstsq(design, rest[used] * weight)
        level = np.vander(place, fitted.size, increasing=True) @ fitted
        misfit = (rest - level) / np.sqrt(variance)
        spread = max(SIGMA_PER_MAD * np.median(np.abs(misfit[used])), 1.0)
        kept = used & (misfit < CONTINUUM.clip_above * spread)
        kept &= misfit > -CONTINUUM.clip_below * spread
        if kept.sum() == used.sum() or kept.sum() < CONTINUUM.fewest:
            break
        used = kept
    chi2 = np.mean(misfit[used] ** 2) * used.sum() / max(used.sum() - fitted.size, 1)
    covariance = np.linalg.pinv(design.T @ design) * max(chi2, 1.0)
    inside = np.vander((window - middle) / (width + side), fitted.size, increasing=True)
    total = inside.sum(axis=0)
    scale = 1 / (width + side)
    line = Polynomial(fitted)(Polynomial([-middle * scale, scale]))
    return line, float(np.sqrt(total @ covariance @ total)), sides


def near_saturation(lines, reach):
    """Find pixels so near saturated ones that the model of the line does not hold.

    Parameters
    ----------
    lines : LineModel
    reach : float
        [line widths]

    Returns
    -------
    ndarray of bool, shape (pixels,)
    """
    reach = int(np.ceil(reach * np.median(lines.shape.fwhm)))
    return box_sums(~lines.good, reach) > 0
