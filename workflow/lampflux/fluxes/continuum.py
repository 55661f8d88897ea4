"""The continuum: beneath all lines, and beneath a window."""

from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from lampflux.fluxes.line_shape import at, overlaps
from lampflux.fluxes.smoothing import (
    data_bands,
    difference_bands,
    factors_of,
    gathered,
    knots_at,
    level_at,
    solved,
)
from lampflux.statistics import SIGMA_PER_MAD, box_sums


class ContinuumTuning(NamedTuple):
    """Constants of the continuum."""

    # Distance of knots [line widths], at least [pixel]: finer than any continuum, coarser than
    # lines.
    knot: float = 4.0
    least_knot: float = 10.0
    # Columns on either side for the continuum of a window [windows], and their limits [pixel].
    side: float = 2.0
    least_side: int = 60
    most_side: int = 120
    # Columns of the window with less light than this of its lines show the continuum [noise].
    dark: float = 0.3
    # Fewest columns that make a side useful.
    fewest: int = 5
    # Columns further off the continuum are left out [scatter]. Lines too faint to be found only
    # ever add: what stands out above is left out sooner.
    clip_above: float = 2.5
    clip_below: float = 3.5
    # Times that columns are left out and the continuum fitted again.
    rounds: int = 6
    # Pixels within this reach of saturated ones are left out of the continuum [line widths].
    saturated_reach: float = 3.0
    # Lines are dense from one listed line in this stretch on [line widths]: then only the lowest
    # pixels, this part of all, bound the continuum.
    dense: float = 2.0
    lowest: float = 0.1
    # Weight that holds a continuum level that is known on one side only: any large number.
    level: float = 1e3


CONTINUUM = ContinuumTuning()


def lines_on_continuum(counts, weight, pixels, light, knots, smoothness):
    """Fit the fluxes of lines of known places and shape together with the continuum.

    Parameters
    ----------
    counts, weight : ndarray, shape (pixels,)
        Counts [ADU], and one over their variance; 0 leaves a pixel out.
    pixels, light : ndarray, shape (lines, near)
        Light of each line in the pixels about it.
    knots : Knots
    smoothness : lampflux.fluxes.smoothing.Smoothness

    Returns
    -------
    fluxes : ndarray, shape (lines,)
        [ADU]; none is negative.
    level : ndarray, shape (pixels,)
        [ADU]
    """
    lines = len(pixels)
    # Differences from a level keep their digits.
    base = np.median(counts)
    counts = counts - base
    weighted = light * at(weight, pixels)
    factors = factors_of(data_bands(weight, knots) + smoothness.bands(knots.number))
    held = gathered(weight * counts, knots)
    if lines == 0:
        return np.zeros(0), base + level_at(solved(factors, held), knots)
    # Lines share their pixels with the splines there.
    shared = np.zeros(lines * knots.number)
    near = np.clip(pixels, 0, counts.size - 1)
    place = np.arange(lines)[:, np.newaxis] * knots.number + knots.left[near]
    for number, parts in enumerate(knots.parts):
        share = weighted * parts[near]
        shared += np.bincount((place + number).ravel(), share.ravel(), shared.size)
    shared = shared.reshape(lines, knots.number)
    # The continuum is eliminated first.
    carried = solved(factors, np.column_stack([shared.T, held]))
    carried[np.abs(carried) < 1e-20 * np.abs(carried).max(axis=0)] = 0.0
    square = overlaps(pixels, weighted, light) - shared @ carried[:, :-1]
    wanted = np.sum(weighted * at(counts, pixels), axis=1) - shared @ carried[:, -1]
    square[np.abs(square) < 1e-20 * np.abs(square).max()] = 0.0
    # A line without a good pixel gets no flux; products of its tiny terms must not underflow.
    diagonal = np.abs(square.diagonal())
    square += np.diag(1e-9 * diagonal + max(1e-18 * diagonal.max(), 1e-300))
    fluxes = np.linalg.solve(square, wanted)
    # Lines that came out negative are none; the others share their light anew.
    for _ in range(3):
        lit = fluxes > 0
        if lit.all() or not lit.any():
            break
        fluxes = np.zeros(lines)
        fluxes[lit] = np.linalg.solve(square[lit][:, lit], wanted[lit])
    fluxes = np.clip(fluxes, 0, None)
    levels = carried[:, -1] - carried[:, :-1] @ fluxes
    return fluxes, base + level_at(levels, knots)


class WindowContinuum(NamedTuple):
    """Continuum about a window.

    ``level`` in each pixel from ``first`` on [ADU]; ``total_error``, 1 sigma of its sum over the
    window, that by far wings of lines included, and ``error`` of its mean there [ADU]; the number
    of ``sides`` on which it is known; the reduced chi-square ``chi2`` of the pixels that it was
    fitted to; ``shared``, the covariance of its sum with that of the window's counts [ADU^2];
    and ``wings``, 1 sigma of its sum by the light of lines that may be in it [ADU].
    """

    first: int
    level: np.ndarray
    total_error: float
    error: float
    sides: int
    chi2: float
    shared: float
    wings: float = 0.0

    def at(self, pixels):
        """Level in some pixels [ADU]; beyond those that were looked at, the last one's."""
        return at(self.level, np.asarray(pixels) - self.first)


def window_continuum(counts, lines, near_saturated, far, window):
    """Find the continuum of a window from the pixels to both sides, lines taken off.

    Parameters
    ----------
    counts : ndarray, shape (pixels,)
        Spectrum [ADU].
    lines : LineModel
    near_saturated : ndarray of bool, shape (pixels,)
        Pixels near saturated ones, see `near_saturation`.
    far : ndarray, shape (pixels,)
        1 sigma of the far wings of all lines [ADU].
    window : (int, int)
        First and last pixel.

    Returns
    -------
    WindowContinuum
        NaN where no pixel shows the level.
    """
    start, stop = window
    width = stop - start + 1
    side = int(np.clip(CONTINUUM.side * width, CONTINUUM.least_side, CONTINUUM.most_side))
    pixels = np.arange(max(start - side, 0), min(stop + side + 1, counts.size))
    distance = knot_distance(lines.shape)
    knots = knots_at(pixels, distance)
    variance = lines.variance[pixels] + lines.model_variance[pixels]
    rest = counts[pixels] - lines.counts[pixels] - lines.halo[pixels]
    inside = (pixels >= start) & (pixels <= stop)
    used = lines.good[pixels] & ~near_saturated[pixels]
    # Pixels of the window that its lines leave dark show the level, too.
    used &= ~inside | (lines.counts[pixels] < CONTINUUM.dark * np.sqrt(lines.variance[pixels]))
    halves = pixels < start, pixels > stop
    sides = sum(np.count_nonzero(used & half) >= CONTINUUM.fewest for half in halves)
    if np.count_nonzero(used) < CONTINUUM.fewest:
        unknown = np.full(pixels.size, np.nan)
        return WindowContinuum(int(pixels[0]), unknown, np.nan, np.nan, 0, np.nan, 0.0)
    rough = lines.smoothness.bands(knots.number)
    if sides < 2:
        # A single side gives no slope to carry across the window.
        rough += (
            CONTINUUM.level
            * used.sum()
            / np.median(variance[used])
            * difference_bands(knots.number, 1)
        )
    # From a level that lines too faint to be found do not move.
    rest_level = np.median(rest[used])
    for _ in range(CONTINUUM.rounds):
        weight = used / variance
        factors = factors_of(data_bands(weight, knots) + rough)
        levels = solved(factors, gathered(weight * (rest - rest_level), knots))
        level = rest_level + level_at(levels, knots)
        misfit = (rest - level) / np.sqrt(variance)
        spread = max(SIGMA_PER_MAD * np.median(np.abs(misfit[used])), 1.0)
        kept = used & (misfit < CONTINUUM.clip_above * spread)
        kept &= misfit > -CONTINUUM.clip_below * spread
        if kept.sum() == used.sum() or kept.sum() < CONTINUUM.fewest:
            break
        used = kept
    chi2 = max(float(np.sum(misfit[used] ** 2) / max(used.sum() - 2, 1)), 1.0)
    response = gathered(inside.astype(float), knots)
    carried = solved(factors, response)
    wings = carried @ gathered(weight * far[pixels], knots)
    # What the model misses of a line's light is alike in pixels less than a line apart.
    own = weight * level_at(carried, knots) * np.sqrt(lines.model_variance[pixels])
    alike = own @ box_sums(own, round(np.median(lines.shape.fwhm) / 2)) - own @ own
    wings = np.sqrt(wings**2 + max(float(alike), 0.0))
    total = np.hypot(np.sqrt(response @ carried * chi2), wings)
    # Noise of the window's own pixels that show the level is in both, and cancels.
    shared = carried @ gathered(weight * inside * lines.variance[pixels], knots) * chi2
    level = level + lines.halo[pixels]
    errors = float(total), float(total / width)
    return WindowContinuum(
        int(pixels[0]), level, *errors, sides, chi2, float(shared), float(wings)
    )


def beneath_dense_lines(continuum, counts, lines, places, window):
    """Lower a continuum to the lowest pixels where lines are too dense to show it elsewhere.

    Their light raises the level between them. All that it is lowered by counts as error.

    Parameters
    ----------
    continuum : WindowContinuum
    counts : ndarray, shape (pixels,)
        Spectrum [ADU].
    lines : LineModel
    places : ndarray, shape (listed,)
        Where the listed lines fall [pixel].
    window : (int, int)
        First and last pixel.

    Returns
    -------
    WindowContinuum
    """
    first, last = continuum.first, continuum.first + continuum.level.size - 1
    listed = np.count_nonzero((places >= first) & (places <= last))
    fwhm = float(np.median(lines.shape.fwhm))
    good = lines.good[first : last + 1]
    if listed * CONTINUUM.dense * fwhm < good.size or not good.any():
        return continuum
    known, variance = counts[first : last + 1][good], lines.variance[first : last + 1][good]
    lowest = np.quantile(known, CONTINUUM.lowest)
    noise = np.sqrt(np.median(variance[known <= lowest]))
    bound = lowest - NormalDist().inv_cdf(CONTINUUM.lowest) * noise
    start, stop = window
    pixels = np.arange(start, stop + 1)
    raised = max(float(np.mean(continuum.at(pixels))) - bound, 0.0)
    error = np.hypot(continuum.error, raised)
    return continuum._replace(
        level=continuum.level - raised, error=error, total_error=error * pixels.size, shared=0.0
    )


def knot_distance(shape):
    """Distance of knots that suits the width of the lines [pixel]."""
    return max(CONTINUUM.knot * float(np.median(shape.fwhm)), CONTINUUM.least_knot)


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
