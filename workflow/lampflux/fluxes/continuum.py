"""The continuum beneath a line window."""

import numpy as np
from numpy.polynomial import Polynomial

from lampflux.fluxes.line_model import MODEL_ERROR
from lampflux.statistics import SIGMA_PER_MAD, box_sums

# Columns to either side of a window that tell its continuum: so many windows wide, within limits.
SIDE, LEAST_SIDE, MOST_SIDE = 1.5, 30, 80
# Fewest pixels of continuum on a side.
FEWEST = 5
# Lines that a fit must take together are nearer than this [line widths].
TOGETHER = 3.0


def window_continuum(counts, lines, start, stop):
    """Find the continuum of a window from the pixels to both sides, other lines taken off.

    Parameters
    ----------
    counts : ndarray, shape (pixels,)
        Clean spectrum [ADU].
    lines : LineModel
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
    side = int(np.clip(SIDE * width, LEAST_SIDE, MOST_SIDE))
    before = np.arange(max(start - side, 0), start)
    after = np.arange(stop + 1, min(stop + 1 + side, counts.size))
    pixels = np.concatenate([before, after])
    variance = lines.variance[pixels] + (MODEL_ERROR * lines.counts[pixels]) ** 2
    used = lines.good[pixels] & ~near_saturation(lines)[pixels]
    rest = counts[pixels] - lines.counts[pixels]
    window = np.arange(start, stop + 1)
    middle = (start + stop) / 2
    place = (pixels - middle) / (width + side)
    sides = sum(np.count_nonzero(used & part) >= FEWEST for part in (place < 0, place > 0))
    for _ in range(10):
        both = min(np.count_nonzero(used & part) for part in (place < 0, place > 0)) >= FEWEST
        if np.count_nonzero(used) < FEWEST:
            return Polynomial([np.nan]), np.nan, 0
        terms = np.vander(place[used], 2 if both else 1, increasing=True)
        weight = 1 / np.sqrt(variance[used])
        design = terms * weight[:, np.newaxis]
        fitted, *_ = np.linalg.lstsq(design, rest[used] * weight)
        level = np.vander(place, fitted.size, increasing=True) @ fitted
        misfit = (rest - level) / np.sqrt(variance)
        spread = max(SIGMA_PER_MAD * np.median(np.abs(misfit[used])), 1.0)
        # Lines too faint to be found only ever add: what stands out above is cut off sooner.
        kept = used & (misfit < 2.5 * spread) & (misfit > -3.5 * spread)
        if kept.sum() == used.sum() or kept.sum() < FEWEST:
            break
        used = kept
    chi2 = np.mean(misfit[used] ** 2) * used.sum() / max(used.sum() - fitted.size, 1)
    covariance = np.linalg.pinv(design.T @ design) * max(chi2, 1.0)
    inside = np.vander((window - middle) / (width + side), fitted.size, increasing=True)
    total = inside.sum(axis=0)
    scale = 1 / (width + side)
    line = Polynomial(fitted)(Polynomial([-middle * scale, scale]))
    return line, float(np.sqrt(total @ covariance @ total)), sides


def near_saturation(lines):
    """Pixels so near saturated ones that the model of the line does not hold."""
    reach = int(np.ceil(TOGETHER * np.median(lines.shape.fwhm)))
    return box_sums(~lines.good, reach) > 0
