"""Fit polynomials of several degrees to the lines that peaks most likely are."""

from typing import NamedTuple

import numpy as np
from numpy.polynomial import Chebyshev

from lampflux.statistics import SIGMA_PER_MAD
from lampflux.wavelengths.dispersion import fit_robustly, oddness
from lampflux.wavelengths.matching import Candidates, match_lines, with_blends
from lampflux.wavelengths.trust import TRUST


class Fitting(NamedTuple):
    """Tuned constants of the fits of a solution."""

    # Degrees that compete, and lines that each must be able to call its own.
    degrees: tuple = (1, 2, 3, 4, 5)
    lines_per_degree: int = 3
    # Times that a fit may be replaced by one that goes on from part of its lines.
    restarts: int = 3
    # What a degree costs in chi-square, and how far a rival may be behind.
    degree_cost: float = 3.0
    rival_cost: float = 9.0
    # The same against the scatter of what single peaks cost more [1 sigma], and what is added
    # for each listed line that a peak may choose: few peaks do not decide between fits, least of
    # all if each finds some line or other.
    rival_sigma: float = 1.0
    rival_sigma_by_chance: float = 0.15
    # The same between lines as listed and blends, of which either may be the better model.
    other_kind_sigma: float = 2.25
    # Distance within which lines are matched at first and at last [line width], and their least
    # [pixel]; it shrinks by a factor in each turn.
    first_tolerance: float = 0.9
    least_first_tolerance: float = 2.5
    last_tolerance: float = 0.5
    least_tolerance: float = 1.0
    shrinking: float = 0.7
    # Chance of a listed line within the last tolerance of any place below which lines are not
    # misidentified together.
    few_by_chance: float = 0.2
    # Weight of a peak for which another line would do nearly as well.
    doubtful_weight: float = 0.4
    # Residuals that do not weaken a line [line width].
    least_spread: float = 0.05
    # 1-sigma residual of a good match [line width], for the choice of the degree.
    good_match: float = 0.08
    # Residuals up to this many times the scatter are used.
    clip: float = 3.5
    # Distance within which a peak has found its line, whether or not the fit uses it
    # [line width].
    found: float = 0.2


FITTING = Fitting()


class Fit(NamedTuple):
    """A polynomial of one degree, the lines it was fitted to, and how well it does."""

    cost: float
    polynomial: Chebyshev
    choice: Candidates
    line: np.ndarray
    residual: np.ndarray


def first_tolerance(fwhm):
    """Distance within which lines are matched at first [pixel]."""
    return 1.0 + max(FITTING.least_first_tolerance, FITTING.first_tolerance * fwhm)


def last_tolerance(fwhm):
    """Distance within which lines are matched at last [pixel]."""
    return max(FITTING.last_tolerance * fwhm, FITTING.least_tolerance)


def fit_degree(degree, peaks, choice, start):
    """Match and fit in turn, with a shrinking tolerance, for one degree of the polynomial.

    Parameters
    ----------
    degree : int
    peaks : lampflux.peaks.Peaks
    choice : Candidates
    start : ndarray, shape (pixels,)
        Wavelengths to start from.

    Returns
    -------
    Fit or None
        None where too few lines match or the wavelengths would run back.
    """
    pixels = np.arange(start.size)
    # Rows without light, as of an oversized detector, are no part of the dispersion.
    domain = peaks.pixel[[0, -1]]
    expected = np.interp(peaks.pixel, pixels, start)
    dispersion = np.interp(peaks.pixel, pixels, np.gradient(start))
    tolerance = first_tolerance(peaks.fwhm)
    tightest = last_tolerance(peaks.fwhm)
    before = None
    for _ in range(12):
        line, doubtful = match_lines(peaks, choice, expected, dispersion, tolerance)
        # With the same lines as before, the fit and the next match would be the same.
        if tolerance == tightest and np.array_equal(before, (line, doubtful)):
            break
        before = line, doubtful
        known = line >= 0
        if known.sum() < max(FITTING.lines_per_degree * degree, 4):
            return None
        polynomial = fit_robustly(
            peaks.pixel[known],
            choice.centroid[line[known]],
            choice.weights(line, known) * np.where(doubtful[known], FITTING.doubtful_weight, 1.0),
            degree,
            domain,
            dispersion[known],
            FITTING.least_spread * peaks.fwhm,
        )
        slope = polynomial.deriv()
        step = slope(pixels)
        if step.min() * step.max() <= 0 or np.abs(step).min() < 0.2 * np.abs(step).max():
            return None
        expected, dispersion = polynomial(peaks.pixel), slope(peaks.pixel)
        tolerance = max(FITTING.shrinking * tolerance, tightest)
    residual = np.full(known.size, np.inf)
    residual[known] = (choice.centroid[line[known]] - expected[known]) / dispersion[known]
    fit = Fit(np.nan, polynomial, choice, line, residual)
    return recosted(fit, FITTING.good_match * peaks.fwhm)


def misfits(residual, scale, choice):
    """Truncate the square of each residual over a scale; bright peaks count most."""
    return np.minimum((residual / scale) ** 2, 9.0) / np.sqrt(choice.ranks)


def competing_fits(peaks, choice, start):
    """Fit polynomials of all degrees to lines as listed, and as blends: the best fit first.

    Centroids of blends are as good as the intensities of the line lists: where these are
    wrong, the listed wavelengths fit better.

    Parameters
    ----------
    peaks : lampflux.peaks.Peaks
    choice : Candidates
    start : ndarray, shape (pixels,)
        Wavelengths to start from.

    Returns
    -------
    list of Fit
    """
    fits = [fit_degree(degree, peaks, choice, start) for degree in FITTING.degrees]
    fits = sorted((fit for fit in fits if fit is not None), key=lambda fit: fit.cost)
    if not fits:
        return []
    best = fits[0]
    _, used = scatter_and_used(best.residual, peaks.fwhm)
    pixels = np.arange(start.size)
    blends = with_blends(choice, peaks, best.polynomial(pixels), best.line, used)
    # Matches are settled by where they start: go on from either of the best fits.
    starts = [fit.polynomial(pixels) for fit in fits[:2]]
    degree = best.polynomial.degree()
    near = [near for near in FITTING.degrees if abs(near - degree) <= 1]
    more = [
        fit_degree(each, peaks, which, begin)
        for each in near
        for which in (choice, blends)
        for begin in starts
    ]
    fits += [fit for fit in more if fit is not None]
    return compared(fits, min(fits, key=lambda fit: fit.cost), peaks.fwhm)


def better_fit(best, fits, fwhm):
    """Find the best of some fits if it explains the peaks clearly better than another, or None."""
    fits = compared(fits, best, fwhm)
    if fits and fits[0].cost < best.cost - FITTING.degree_cost:
        return fits[0]
    return None


def compared(fits, best, fwhm):
    """Sort fits by their cost at the scale of the best one's residuals."""
    scale = residual_scale(best, fwhm)
    return sorted((recosted(fit, scale) for fit in fits), key=lambda fit: fit.cost)


def residual_scale(fit, fwhm):
    """Residual that costs 1 [pixel]: a good match's, less where a fit matches better than that."""
    scatter, _ = scatter_and_used(fit.residual, fwhm)
    return np.clip(scatter, TRUST.least_residual * fwhm, FITTING.good_match * fwhm)


def recosted(fit, scale):
    """Judge a fit by another scale of residuals [pixel]."""
    return fit._replace(cost=misfits(fit.residual, scale, fit.choice).sum() + own_cost(fit))


def own_cost(fit):
    """Cost of a fit beside its residuals: its degree, and how unlike spectrographs it is."""
    return FITTING.degree_cost * fit.polynomial.degree() + oddness(fit.polynomial)


def scatter_and_used(residual, fwhm):
    """Robust scatter of the matched residuals [pixel], and which of them lie within 3.5 of it."""
    known = np.isfinite(residual)
    typical = np.median(np.abs(residual[known])) if known.any() else 0.0
    scatter = max(SIGMA_PER_MAD * typical, 0.01 * fwhm)
    return float(scatter), np.abs(residual) < FITTING.clip * scatter


def matched_part(residual, scatter, fwhm, bright):
    """Part of the bright peaks' weight that found its line, saturated ones a little off it too."""
    found = np.abs(residual) < max(FITTING.clip * scatter, FITTING.found * fwhm)
    return float(np.sum(bright[found]) / max(np.sum(bright), 1e-9))
