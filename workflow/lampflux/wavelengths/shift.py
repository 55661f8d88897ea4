"""Shift and scale a solution of the right shape."""

from typing import NamedTuple

import numpy as np
from numpy.polynomial import Polynomial

from lampflux.statistics import SIGMA_PER_MAD
from lampflux.wavelengths.degrees import (
    FITTING,
    first_tolerance,
    last_tolerance,
    matched_part,
    misfits,
    scatter_and_used,
)
from lampflux.wavelengths.fit import Solution
from lampflux.wavelengths.matching import Candidates, candidates, match_lines, with_blends
from lampflux.wavelengths.scale import extended
from lampflux.wavelengths.trust import TRUST, longest_stretch, polynomial_error

# Lines that a change of scale needs beside a shift.
LINES_FOR_SCALE = 6


class Reference(NamedTuple):
    """Solution of the right shape, up to a shift.

    ``wavelength``, ``error`` : ndarray, shape (pixels,): air wavelengths and their 1-sigma errors
    [Angstrom].
    """

    wavelength: np.ndarray
    error: np.ndarray


class Displacement(NamedTuple):
    """A shift, perhaps with a change of scale, and the lines it was fitted to.

    ``wanted``, ``weight``: displacement that each peak's line asks for [pixel], and its weight
    [1 / pixel]; NaN without a line. The others are as in `lampflux.wavelengths.fit.Solution`.
    """

    polynomial: Polynomial
    choice: Candidates
    line: np.ndarray
    residual: np.ndarray
    wanted: np.ndarray
    weight: np.ndarray


def fit_displacement(peaks, choice, start):
    """Match and fit in turn, with a shrinking tolerance.

    Parameters
    ----------
    peaks : lampflux.peaks.Peaks
    choice : Candidates
    start : ndarray, shape (pixels,)
        Wavelengths to displace [Angstrom].

    Returns
    -------
    Displacement or None
        None where fewer than three lines match.
    """
    pixels = np.arange(start.size)
    slope = np.gradient(start)
    displacement = Polynomial([0.0])
    tolerance = first_tolerance(peaks.fwhm)
    for _ in range(8):
        at = peaks.pixel + displacement(peaks.pixel)
        expected, dispersion = np.interp(at, pixels, start), np.interp(at, pixels, slope)
        line, _ = match_lines(peaks, choice, expected, dispersion, tolerance)
        known = line >= 0
        if known.sum() < 3:
            return None
        pixel = peaks.pixel[known]
        wide = np.ptp(pixel) > 0.4 * start.size
        degree = 1 if known.sum() >= LINES_FOR_SCALE and wide else 0
        offset = (choice.centroid[line[known]] - expected[known]) / dispersion[known]
        wanted = offset + displacement(pixel)
        weight = softened = choice.weights(line, known)
        for _ in range(5):
            displacement = Polynomial.fit(
                pixel, wanted, degree, domain=[0, start.size - 1], w=softened
            )
            left = wanted - displacement(pixel)
            spread = max(SIGMA_PER_MAD * np.median(np.abs(left)), 0.05 * peaks.fwhm)
            softened = weight / (1 + (left / (2 * spread)) ** 2)
        tolerance = max(FITTING.shrinking * tolerance, last_tolerance(peaks.fwhm))
    residual = np.full(known.size, np.inf)
    residual[known] = left
    of_all = np.full((2, known.size), np.nan)
    of_all[:, known] = wanted, weight
    return Displacement(displacement, choice, line, residual, *of_all)


def fit_shift(peaks, lines, start, lead):
    """Fit a shift, and with enough lines a change of scale, of a solution of the right shape.

    Lines stand where the line lists have them or at the centroids of their blends, whichever fits
    better, as in `fit_solution`.

    Parameters
    ----------
    peaks : lampflux.peaks.Peaks
    lines : Lines
    start, lead : ndarray, shape (pixels,)
        Wavelengths of the right shape [Angstrom], right to a few pixels, and their lead in
        log-likelihood over those that are not.

    Returns
    -------
    Solution or None
        None where fewer than three lines match.
    """
    pixels = np.arange(start.size)
    fit = fit_displacement(peaks, candidates(peaks, lines, start), start)
    if fit is None:
        return None
    _, used = scatter_and_used(fit.residual, peaks.fwhm)
    wavelength = extended(start, pixels + fit.polynomial(pixels))
    blends = with_blends(fit.choice, peaks, wavelength, fit.line, used)
    blended = fit_displacement(peaks, blends, start)
    if blended is not None:
        scale = FITTING.good_match * peaks.fwhm
        fit = min(fit, blended, key=lambda each: misfits(each.residual, scale, each.choice).sum())
    displacement, residual = fit.polynomial, fit.residual
    scatter, used = scatter_and_used(residual, peaks.fwhm)
    error = polynomial_error(
        displacement, peaks.pixel[used], fit.wanted[used], fit.weight[used], scatter, pixels
    )
    at = pixels + displacement(pixels)
    first, last = longest_stretch(
        (at >= 0) & (at <= start.size - 1) & (error < TRUST.largest_error)
    )
    return Solution(
        extended(start, at),
        error * np.abs(np.gradient(start)),
        displacement.degree() + 1,
        fit.choice.lines,
        fit.choice.centroid,
        fit.line,
        used,
        residual,
        scatter,
        matched_part(residual, scatter, peaks.fwhm, fit.choice.bright),
        (last - first + 1) / start.size,
        first,
        last,
    )


def held_against(solution, fitted):
    """Count as error what a shifted reference differs by from a solution of the lamp's own lines.

    Where that is trusted, it shows whether the reference has the right shape; beyond, the
    difference may go on.

    Parameters
    ----------
    solution, fitted : Solution

    Returns
    -------
    Solution
        The first, with other errors and trusted range.
    """
    nearest = np.clip(np.arange(solution.wavelength.size), fitted.first, fitted.last)
    difference = (solution.wavelength - fitted.wavelength)[nearest]
    return with_error(solution, TRUST.rival_part * difference)


def with_error(solution, more):
    """Add an independent error to those of a solution, and trust it where they still allow it.

    Parameters
    ----------
    solution : Solution
    more : ndarray, shape (pixels,)
        1-sigma error [Angstrom].

    Returns
    -------
    Solution
    """
    pixels = np.arange(solution.wavelength.size)
    error = np.hypot(solution.error, more)
    in_pixels = error / np.abs(np.gradient(solution.wavelength))
    trusted = (pixels >= solution.first) & (pixels <= solution.last)
    first, last = longest_stretch(trusted & (in_pixels < TRUST.largest_error))
    certain = (last - first + 1) / pixels.size
    return solution._replace(error=error, certain=certain, first=first, last=last)
