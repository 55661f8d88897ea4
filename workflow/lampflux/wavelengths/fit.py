"""Fit a wavelength solution to identified lines."""

from typing import NamedTuple

import numpy as np

from lampflux.wavelengths.degrees import (
    FITTING,
    better_fit,
    compared,
    competing_fits,
    fit_degree,
    last_tolerance,
    matched_part,
    misfits,
    own_cost,
    residual_scale,
    scatter_and_used,
)
from lampflux.wavelengths.dispersion import SMOOTHNESS, smooth_alignment
from lampflux.wavelengths.lines import Lines
from lampflux.wavelengths.matching import candidates
from lampflux.wavelengths.trust import (
    TRUST,
    coincidence_gain,
    leading,
    local_scatter,
    nearby_scatter,
    partial_fits,
    proven,
    solution_error,
    spanned,
    thirds,
    trusted_stretch,
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
    choice = candidates(peaks, lines, start)
    fits = competing_fits(peaks, choice, start)
    # Where the alignment is wrong at an end, fits go on from the part of it that is certain.
    smooth = smooth_alignment(start, lead)
    smooth = fit_degree(SMOOTHNESS.alignment_degree, peaks, choice, smooth)
    found = confirmed(peaks, fits, lead)
    for _ in range(FITTING.restarts):
        if not found:
            break
        others = found.again if smooth is None else [*found.again, smooth]
        better = better_fit(fits[0], others, peaks.fwhm)
        if not better:
            break
        more = competing_fits(peaks, choice, better.polynomial(pixels))
        fits = compared([better, *fits, *more], better, peaks.fwhm)
        found = confirmed(peaks, fits, lead)
    if not found:
        return None
    best, choice = fits[0], fits[0].choice
    known, used, scatter = found.known, found.used, found.scatter
    rivals = rival_polynomials(peaks, fits, found, start.size)
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
    first, last = trusted_stretch(found.borne_out, error)
    return Solution(
        best.polynomial(pixels),
        error * step,
        best.polynomial.degree() + 1,
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


class Confirmed(NamedTuple):
    """What confirms a fit, and what rivals it.

    ``scatter``, ``used``: as in `Solution`; ``known``: the lines used. ``borne_out``: pixels
    between which lines confirm it. Lines at an end, or where another alignment does nearly as
    well, may have been misidentified together, and then agree with each other: ``partial`` are
    fits without them, and ``again`` go on from those with all lines.
    """

    scatter: float
    used: np.ndarray
    known: KnownLines
    borne_out: np.ndarray
    partial: list
    again: list


def confirmed(peaks, fits, lead):
    """Find what confirms the first of some fits; None for too few lines, or no fit."""
    if not fits:
        return None
    best, pixels = fits[0], np.arange(lead.size)
    degree, domain = best.polynomial.degree(), best.polynomial.domain
    scatter, used = scatter_and_used(best.residual, peaks.fwhm)
    if used.sum() <= degree + 2:
        return None
    known = KnownLines(
        peaks.pixel[used],
        best.choice.centroid[best.line[used]],
        best.choice.weights(best.line, used),
    )
    borne_out, certain = where_borne_out(peaks, best, scatter, used, lead)
    parts = [np.interp(known.pixel, pixels, flags) > 0.5 for flags in certain]
    partial = partial_fits(*known, degree, domain, [*without_ends(used.sum()), *parts])
    again = [fit_degree(degree, peaks, best.choice, each(pixels)) for each in partial]
    return Confirmed(scatter, used, known, borne_out, partial, [fit for fit in again if fit])


def rival_polynomials(peaks, fits, found, size):
    """Find polynomials that explain the peaks, or part of them, nearly as well as the best fit.

    Fits to part of the lines are rivals; where the list has too few lines to misidentify some
    together by chance, only if they then find others that match as well.

    Parameters
    ----------
    peaks : lampflux.peaks.Peaks
    fits : list of Fit
        The best first.
    found : Confirmed
        What confirms that.
    size : int
        Pixels of the spectrum.

    Returns
    -------
    list of numpy.polynomial.Chebyshev
    """
    best, known = fits[0], found.known
    rivals = partial_fits(
        *known, best.polynomial.degree(), best.polynomial.domain, thirds(known.pixel.size)
    )
    by_chance = lines_to_choose(best.choice, peaks, np.arange(size))
    others = fits[1:]
    if by_chance < FITTING.few_by_chance:
        others = others + found.again
    else:
        rivals = rivals + found.partial
    scale = residual_scale(best, peaks.fwhm)

    sigma = FITTING.rival_sigma + FITTING.rival_sigma_by_chance * by_chance

    def rivals_best(fit):
        worse = misfits(fit.residual, scale, fit.choice) - misfits(
            best.residual, scale, best.choice
        )
        other = fit.choice.blended != best.choice.blended
        limit = max(sigma, FITTING.other_kind_sigma) if other else sigma
        bound = max(FITTING.rival_cost, limit * np.sqrt(np.sum(worse**2)))
        return worse.sum() + own_cost(fit) - own_cost(best) < bound

    return rivals + [fit.polynomial for fit in others if rivals_best(fit)]


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
