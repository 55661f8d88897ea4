"""Fit a wavelength solution to identified lines."""

from typing import NamedTuple

import numpy as np

from lampflux.wavelengths.degrees import (
    FITTING,
    competing_fits,
    fit_degree,
    last_tolerance,
    matched_part,
    misfits,
    own_cost,
    scatter_and_used,
)
from lampflux.wavelengths.lines import Lines
from lampflux.wavelengths.matching import candidates
from lampflux.wavelengths.trust import (
    TRUST,
    coincidence_gain,
    leading,
    local_scatter,
    longest_stretch,
    nearby_scatter,
    partial_fits,
    proven,
    solution_error,
    spanned,
    thirds,
    well_inside,
    without_ends,
)


class Solution(NamedTuple):
    """A wavelength solution fitted to identified lines.

    ``wavelength``, ``error``: air wavelength of every pixel and its 1-sigma error [Angstrom].
    ``parameters``: number of fitted coefficients. ``line``: for each peak, the index of its line
    in ``lines``, or -1; ``centroid``: wavelength at which each of ``lines`` is expected, blended
    with its neighbours [Angstrom]; ``used``: peaks that the fit used; ``residual`` [pixel]: that
    minus solution. ``scatter`` [pixel]: robust 1-sigma residual. ``matched``: part of the bright
    peaks' weight that found its line. ``certain``: part of the detector where the solution is
    trusted. ``first``, ``last``: the pixels between which it is; ``last`` < ``first`` for none.
    """

    wavelength: np.ndarray
    error: np.ndarray
    parameters: int
    lines: Lines
    centroid: np.ndarray
    line: np.ndarray
    used: np.ndarray
    residual: np.ndarray
    scatter: float
    matched: float
    certain: float
    first: int
    last: int


def fit_solution(peaks, lines, start, lead):
    """Fit the polynomial whose degree the lines support best.

    Parameters
    ----------
    peaks : lampflux.peaks.Peaks
    lines : Lines
    start, lead : ndarray, shape (pixels,)
        Wavelengths to start from [Angstrom], right to a few pixels, and their lead in
        log-likelihood over those that are not.

    Returns
    -------
    Solution or None
        None where no polynomial can be fitted.
    """
    pixels = np.arange(start.size)
    fits = competing_fits(peaks, candidates(peaks, lines, start), start)
    if not fits:
        return None
    best, choice = fits[0], fits[0].choice
    degree = best.polynomial.degree()
    scatter, used = scatter_and_used(best.residual, peaks.fwhm)
    if used.sum() <= degree + 2:
        return None
    known = KnownLines(
        peaks.pixel[used], choice.centroid[best.line[used]], choice.weights(best.line, used)
    )
    borne_out, certain = where_borne_out(peaks, best, scatter, used, lead)
    certain = [np.interp(known.pixel, pixels, flags) > 0.5 for flags in certain]
    rivals = rival_polynomials(peaks, fits, known, certain, scatter, start.size)
    if not rivals:
        return None
    local = nearby_scatter(
        known.pixel, best.residual[used], choice.ranks[used] ** -0.5, scatter, pixels
    )
    shared = TRUST.shared_scatter + TRUST.shared_by_choice * lines_to_choose(choice, peaks, pixels)
    error = solution_error(
        best.polynomial, rivals, known.pixel, known.weight, local, shared * local, pixels
    )
    step = np.abs(best.polynomial.deriv()(pixels))
    first, last = longest_stretch(borne_out & (error < TRUST.largest_error))
    return Solution(
        best.polynomial(pixels),
        error * step,
        degree + 1,
        choice.lines,
        choice.centroid,
        best.line,
        used,
        best.residual,
        scatter,
        matched_part(best.residual, scatter, peaks.fwhm, choice.bright),
        (last - first + 1) / pixels.size,
        first,
        last,
    )


class KnownLines(NamedTuple):
    """Lines that a fit used: their pixel, wavelength [Angstrom] and weight [1 / pixel]."""

    pixel: np.ndarray
    wavelength: np.ndarray
    weight: np.ndarray


def rival_polynomials(peaks, fits, known, certain, scatter, size):
    """Find polynomials that explain the peaks, or part of them, nearly as well as the best fit.

    Lines at an end, or where another alignment does nearly as well, may have been misidentified
    together, and then agree with each other. Fits without them are rivals; where the list has too
    few lines for that to happen by chance, only if they then find others that match as well.

    Parameters
    ----------
    peaks : lampflux.peaks.Peaks
    fits : list of Fit
        The best first.
    known : KnownLines
        Lines that it used.
    certain : list of ndarray of bool, shape (lines,)
        Lines where the alignment is certain, by each of some measures.
    scatter : float
        Robust 1-sigma residual [pixel].
    size : int
        Pixels of the spectrum.

    Returns
    -------
    list of numpy.polynomial.Chebyshev
    """
    best, number = fits[0], known.pixel.size
    degree = best.polynomial.degree()
    partial = partial_fits(*known, degree, size, thirds(number))
    begun = partial_fits(*known, degree, size, [*without_ends(number), *certain])
    by_chance = lines_to_choose(best.choice, peaks, np.arange(size))
    if by_chance < FITTING.few_by_chance:
        begun = [fit_degree(degree, peaks, best.choice, each(np.arange(size))) for each in begun]
    else:
        partial, begun = partial + begun, []
    # Where lines match well, a fit that misses them by a good match's scatter is none.
    scale = np.clip(scatter, TRUST.least_residual * peaks.fwhm, FITTING.good_match * peaks.fwhm)

    sigma = FITTING.rival_sigma + FITTING.rival_sigma_by_chance * by_chance

    def rivals_best(fit):
        worse = misfits(fit.residual, scale, fit.choice) - misfits(
            best.residual, scale, best.choice
        )
        other = fit.choice.blended != best.choice.blended
        limit = max(sigma, FITTING.other_kind_sigma) if other else sigma
        bound = max(FITTING.rival_cost, limit * np.sqrt(np.sum(worse**2)))
        return worse.sum() + own_cost(fit) - own_cost(best) < bound

    rivals = [fit.polynomial for fit in fits[1:] + begun if fit and rivals_best(fit)]
    return rivals + partial


def lines_to_choose(choice, peaks, pixels):
    """Mean number of listed lines within the last tolerance of any place."""
    return choice.centroid.size * 2 * last_tolerance(peaks.fwhm) / pixels.size


def where_borne_out(peaks, fit, scatter, used, lead):
    """Find where lines confirm a fit and no other alignment does nearly as well.

    Parameters
    ----------
    peaks : lampflux.peaks.Peaks
    fit : Fit
    scatter : float
        Robust 1-sigma residual [pixel].
    used : ndarray of bool, shape (peaks,)
        Peaks that the fit used.
    lead : ndarray, shape (pixels,)
        As in `fit_solution`.

    Returns
    -------
    borne_out : ndarray of bool, shape (pixels,)
        Between two places where the fit is confirmed, it holds.
    certain : list of ndarray of bool, shape (pixels,)
        Where the alignment itself is certain, by each of some measures.
    """
    pixels = np.arange(lead.size)
    bright = fit.choice.bright > 0
    # Where lines match by chance they scatter widely; peaks without a line (cosmic rays) do not
    # tell.
    near = np.isfinite(fit.residual) & bright
    local = local_scatter(peaks.pixel[near], fit.residual[near], peaks.fwhm, pixels)
    matching = local < TRUST.largest_local_scatter * peaks.fwhm
    gain = coincidence_gain(fit.residual, expected_residual(fit, scatter), peaks.fwhm)
    # Faint peaks are more often in no line list.
    gain *= fit.choice.bright
    sure = leading(lead, peaks.pixel[bright], gain[bright])
    pixel, reach = peaks.pixel[used], TRUST.beyond_lines * lead.size
    borne_out = (
        spanned(matching)
        & spanned(sure)
        & proven(peaks.pixel[bright], gain[bright], pixels)
        & (pixels > pixel.min() - reach)
        & (pixels < pixel.max() + reach)
    )
    inside = well_inside(spanned(sure & matching), int(TRUST.end_of_certain * lead.size))
    return borne_out, [sure, inside]


def expected_residual(fit, scatter):
    """1-sigma residual that each peak should have: the scatter, more where it weighs less."""
    known = fit.line >= 0
    weight = fit.choice.weights(fit.line, known)
    expected = np.full(known.size, scatter)
    expected[known] /= np.minimum(weight / np.median(weight), 1.0)
    return expected
