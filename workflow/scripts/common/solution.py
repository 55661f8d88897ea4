"""Fit a wavelength solution to a spectrum's lines, and judge whether it can be believed."""

from typing import NamedTuple

import numpy as np
from numpy.polynomial import Polynomial
from numpy.polynomial.polynomial import polyvander

from common.alignment import NEIGHBOURHOOD, Lines, align, chance_score, local_ranks
from common.peaks import SIGMA_PER_MAD

DEGREES = (1, 2, 3, 4, 5)
# Lines that each degree of the polynomial must be able to call its own.
LINES_PER_DEGREE = 3
# Residuals of chance coincidences scatter about this part of the line width.
CHANCE_SCATTER = 0.25
# Log-likelihood below which a line is too far or too faint to be a peak's.
LEAST_MERIT = -8.0
# What is believed: see `verdict`.
LEAST_EVIDENCE = 30.0
LEAST_MARGIN = 45.0
LEAST_MATCHED = 0.6
# With twice the evidence and lead, this part is enough: cosmic rays of long exposures are bright
# peaks without a line.
LEAST_MATCHED_IF_PLAIN = 0.45
# About a reference, this part of the evidence is enough.
RIGID_PART = 0.6
# A solution must hold to this error [pixel] over this part of the detector, which is the trusted
# range where nothing better can be had.
WORST_ERROR = 0.3
LEAST_CERTAIN = 0.15
# Lines that a rival fit leaves out at an end.
END_LINES = 3
# Where a solution is trusted: its error is below this [pixel], half the spread of its rivals
# included, and residuals scatter by less than this part of the line width.
LARGEST_ERROR = 0.15
LARGEST_LOCAL_SCATTER = 0.17
# Part of the detector that a solution may reach beyond its outermost lines.
BEYOND_LINES = 0.05
# Peaks of these ranks among their neighbours count as bright.
BRIGHT_RANK = 6
# A peak this part of a line width from a line has found it, whether or not the fit uses it.
FOUND = 0.2
# Lines that a change of scale needs beside a shift.
LINES_FOR_SCALE = 6


class Solution(NamedTuple):
    """A wavelength solution fitted to identified lines.

    ``wavelength``, ``error``: air wavelength of every pixel and its 1-sigma error [Angstrom].
    ``parameters``: number of fitted coefficients. ``line``: for each peak, the index of its line
    in ``lines``, or -1; ``used``: peaks that the fit used; ``residual`` [pixel]: line minus
    solution. ``scatter`` [pixel]: robust 1-sigma residual. ``matched``: part of the bright peaks'
    weight that found its line. ``certain``: part of the detector where the solution holds to
    ``WORST_ERROR``. ``first``, ``last``: pixels between which the solution is trusted;
    ``last`` < ``first`` for none.
    """

    wavelength: np.ndarray
    error: np.ndarray
    parameters: int
    lines: Lines
    line: np.ndarray
    used: np.ndarray
    residual: np.ndarray
    scatter: float
    matched: float
    certain: float
    first: int
    last: int


class Fit(NamedTuple):
    """A polynomial of one degree and how well it does; see `Solution`."""

    cost: float
    polynomial: Polynomial
    line: np.ndarray
    residual: np.ndarray


def match_lines(peaks, ranks, expected, dispersion, lines, line_ranks, tolerance):
    """Give each peak the line that it most likely is, near lines and bright ones first.

    Parameters
    ----------
    peaks : common.peaks.Peaks
    ranks : ndarray, shape (peaks,)
        Rank of each peak among its neighbours.
    expected, dispersion : ndarray, shape (peaks,)
        Wavelength [Angstrom] and its step per pixel that the solution so far gives each peak.
    lines : Lines
        Sorted by wavelength.
    line_ranks : ndarray, shape (lines,)
        Rank of each line among its ion's neighbours.
    tolerance : float
        Largest distance [pixel].

    Returns
    -------
    line : ndarray of int, shape (peaks,)
        Index of the line, no line twice; -1 for none.
    doubtful : ndarray of bool, shape (peaks,)
        Another line would do nearly as well.
    """
    reach = tolerance * np.abs(dispersion)
    low = np.searchsorted(lines.wavelength, expected - reach)
    counts = np.searchsorted(lines.wavelength, expected + reach) - low
    line = np.full(expected.size, -1)
    merit = np.full(expected.size, -np.inf)
    doubtful = np.zeros(expected.size, bool)
    # All pairs of a peak and a line near it, one after the other.
    having = np.flatnonzero(counts)
    if having.size == 0:
        return line, doubtful
    first = np.cumsum(counts) - counts
    peak = np.repeat(np.arange(expected.size), counts)
    near = np.arange(peak.size) - first[peak] + low[peak]
    distance = (lines.wavelength[near] - expected[peak]) / dispersion[peak]
    fainter = (line_ranks[near] - 1) / (1.5 * np.maximum(ranks[peak], 2.0))
    merits = -fainter - 0.5 * (2.0 * distance / tolerance) ** 2
    merit[having] = np.maximum.reduceat(merits, first[having])
    best = np.flatnonzero(merits == merit[peak])
    best = best[np.unique(peak[best], return_index=True)[1]]
    line[having] = np.where(merits[best] > LEAST_MERIT, near[best], -1)
    best_distance = np.zeros(expected.size)
    best_distance[having] = distance[best]
    rival = np.abs(distance - best_distance[peak]) > 0.25 * peaks.fwhm
    rivals = np.maximum.reduceat(np.where(rival, merits, -np.inf), first[having])
    doubtful[having] = rivals > merits[best] - 1.0
    taken = set()
    for number in np.argsort(-merit):
        if line[number] in taken:
            line[number] = -1
        taken.add(line[number])
    return line, doubtful


class Candidates(NamedTuple):
    """What a fit chooses from: lines near the spectrum, and ranks and weights of both sides."""

    lines: Lines
    line_ranks: np.ndarray
    ranks: np.ndarray
    weight: np.ndarray
    bright: np.ndarray


def candidates(peaks, lines, start):
    """Pick the lines near a spectrum and rank them and its peaks; see `fit_solution`."""
    step = np.abs(np.gradient(start)).max()
    at = np.interp(peaks.pixel, np.arange(start.size), start)
    # Peaks beyond the ends of the line lists cannot be expected to match.
    covered = (at >= lines.wavelength.min()) & (at <= lines.wavelength.max())
    inside = np.flatnonzero(
        (lines.wavelength > start.min() - 50 * step) & (lines.wavelength < start.max() + 50 * step)
    )
    inside = inside[np.argsort(lines.wavelength[inside])]
    lines = Lines(*(column[inside] for column in lines))
    reach = start.size * NEIGHBOURHOOD
    ranks = local_ranks(peaks.pixel, peaks.height, reach)
    weight = np.where(peaks.blended, 0.4, 1.0) * np.where(peaks.flat, 0.3, 1.0)
    return Candidates(
        lines,
        local_ranks(lines.wavelength, lines.intensity, reach * step, lines.ion),
        ranks,
        weight / np.hypot(peaks.error, 0.03 * peaks.fwhm),
        np.where((ranks <= BRIGHT_RANK) & covered, 1 / np.sqrt(ranks), 0.0),
    )


def robust_polynomial(pixel, wavelength, weight, degree, size, least_spread):
    """Fit a polynomial with Cauchy weights, so that wrong identifications lose their pull.

    Parameters
    ----------
    pixel, wavelength, weight : ndarray, shape (lines,)
    degree : int
    size : int
        Pixels of the spectrum.
    least_spread : float
        Residuals smaller than this [pixel] are as good as none.

    Returns
    -------
    numpy.polynomial.Polynomial
    """
    softened = weight
    for _ in range(5):
        polynomial = Polynomial.fit(pixel, wavelength, degree, domain=[0, size - 1], w=softened)
        residual = (wavelength - polynomial(pixel)) / polynomial.deriv()(pixel)
        spread = max(SIGMA_PER_MAD * np.median(np.abs(residual)), least_spread)
        softened = weight / (1 + (residual / (2 * spread)) ** 2)
    return polynomial


def fit_degree(degree, peaks, choice, start):
    """Match and fit in turn, with a shrinking tolerance, for one degree of the polynomial.

    Parameters
    ----------
    degree : int
    peaks : common.peaks.Peaks
    choice : Candidates
    start : ndarray, shape (pixels,)
        Wavelengths to start from.

    Returns
    -------
    Fit or None
        None where too few lines match or the wavelengths would run back.
    """
    pixels = np.arange(start.size)
    expected = np.interp(peaks.pixel, pixels, start)
    dispersion = np.interp(peaks.pixel, pixels, np.gradient(start))
    tolerance = 1.0 + max(2.5, 0.9 * peaks.fwhm)
    tightest = max(0.5 * peaks.fwhm, 1.0)
    before = None
    for _ in range(12):
        line, doubtful = match_lines(
            peaks, choice.ranks, expected, dispersion, choice.lines, choice.line_ranks, tolerance
        )
        # With the same lines as before, the fit and the next match would be the same.
        if tolerance == tightest and np.array_equal(before, (line, doubtful)):
            break
        before = line, doubtful
        known = line >= 0
        if known.sum() < max(LINES_PER_DEGREE * degree, 4):
            return None
        polynomial = robust_polynomial(
            peaks.pixel[known],
            choice.lines.wavelength[line[known]],
            choice.weight[known] * np.where(doubtful[known], 0.4, 1.0),
            degree,
            start.size,
            0.05 * peaks.fwhm,
        )
        step = polynomial.deriv()(pixels)
        if step.min() * step.max() <= 0 or np.abs(step).min() < 0.2 * np.abs(step).max():
            return None
        expected, dispersion = polynomial(peaks.pixel), polynomial.deriv()(peaks.pixel)
        tolerance = max(0.7 * tolerance, tightest)
    residual = np.full(known.size, np.inf)
    wavelength = choice.lines.wavelength[line[known]]
    residual[known] = (wavelength - expected[known]) / dispersion[known]
    misfit = np.minimum((residual / (0.08 * peaks.fwhm)) ** 2, 9.0)
    return Fit(np.sum(misfit / np.sqrt(choice.ranks)) + 3.0 * degree, polynomial, line, residual)


def scatter_and_used(residual, fwhm):
    """Robust scatter of the matched residuals [pixel], and which of them lie within 3.5 of it."""
    known = np.isfinite(residual)
    typical = np.median(np.abs(residual[known])) if known.any() else 0.0
    scatter = max(SIGMA_PER_MAD * typical, 0.01 * fwhm)
    return float(scatter), np.abs(residual) < 3.5 * scatter


def matched_part(residual, scatter, fwhm, bright):
    """Part of the bright peaks' weight that found its line, saturated ones a little off it too."""
    found = np.abs(residual) < max(3.5 * scatter, FOUND * fwhm)
    return float(np.sum(bright[found]) / max(np.sum(bright), 1e-9))


def fit_solution(peaks, lines, start):
    """Fit the polynomial whose degree the lines support best.

    Parameters
    ----------
    peaks : common.peaks.Peaks
    lines : Lines
    start : ndarray, shape (pixels,)
        Wavelengths to start from [Angstrom], right to a few pixels.

    Returns
    -------
    Solution or None
        None where no polynomial can be fitted.
    """
    pixels = np.arange(start.size)
    choice = candidates(peaks, lines, start)
    fits = [fit_degree(degree, peaks, choice, start) for degree in DEGREES]
    fits = sorted((fit for fit in fits if fit is not None), key=lambda fit: fit.cost)
    if not fits:
        return None
    best = fits[0]
    degree = best.polynomial.degree()
    scatter, used = scatter_and_used(best.residual, peaks.fwhm)
    if used.sum() <= degree + 2:
        return None
    pixel, weight = peaks.pixel[used], choice.weight[used]
    wavelength = choice.lines.wavelength[best.line[used]]
    rivals = [fit.polynomial for fit in fits[1:] if fit.cost < best.cost + 9.0]
    rivals += partial_fits(pixel, wavelength, weight, degree, start.size)
    step = np.abs(best.polynomial.deriv()(pixels))
    if not rivals:
        return None
    spread = np.max([np.abs(rival(pixels) - best.polynomial(pixels)) for rival in rivals], axis=0)
    error = np.hypot(fit_error(best.polynomial, pixel, weight, scatter, pixels), spread / step / 2)
    # Where lines match by chance they scatter widely; peaks without a line (cosmic rays) do not
    # tell.
    near = np.isfinite(best.residual) & (choice.bright > 0)
    local = local_scatter(peaks.pixel[near], best.residual[near], peaks.fwhm, pixels)
    # Between two places where the lines bear the fit out, it holds where they do not.
    borne_out = (
        spanned(local < LARGEST_LOCAL_SCATTER * peaks.fwhm)
        & (pixels > pixel.min() - BEYOND_LINES * start.size)
        & (pixels < pixel.max() + BEYOND_LINES * start.size)
    )
    first, last = longest_stretch(borne_out & (error < LARGEST_ERROR))
    if last < first:
        first, last = longest_stretch(borne_out & (error < WORST_ERROR))
    return Solution(
        best.polynomial(pixels),
        error * step,
        degree + 1,
        choice.lines,
        best.line,
        used,
        best.residual,
        scatter,
        matched_part(best.residual, scatter, peaks.fwhm, choice.bright),
        float(np.mean(borne_out & (error < WORST_ERROR))),
        first,
        last,
    )


def fit_shift(peaks, lines, start):
    """Fit a shift, and with enough lines a change of scale, of a solution of the right shape.

    Parameters
    ----------
    peaks : common.peaks.Peaks
    lines : Lines
    start : ndarray, shape (pixels,)
        Wavelengths of the right shape [Angstrom], right to a few pixels.

    Returns
    -------
    Solution or None
        None where fewer than three lines match.
    """
    pixels = np.arange(start.size)
    choice = candidates(peaks, lines, start)
    slope = np.gradient(start)
    degree, displacement = 0, Polynomial([0.0])
    tolerance = 1.0 + max(2.5, 0.9 * peaks.fwhm)
    for _ in range(8):
        at = peaks.pixel + displacement(peaks.pixel)
        expected, dispersion = np.interp(at, pixels, start), np.interp(at, pixels, slope)
        line, _ = match_lines(
            peaks, choice.ranks, expected, dispersion, choice.lines, choice.line_ranks, tolerance
        )
        known = line >= 0
        if known.sum() < 3:
            return None
        pixel = peaks.pixel[known]
        wide = np.ptp(pixel) > 0.4 * start.size
        degree = 1 if known.sum() >= LINES_FOR_SCALE and wide else 0
        offset = (choice.lines.wavelength[line[known]] - expected[known]) / dispersion[known]
        wanted = offset + displacement(pixel)
        softened = choice.weight[known]
        for _ in range(5):
            displacement = Polynomial.fit(
                pixel, wanted, degree, domain=[0, start.size - 1], w=softened
            )
            left = wanted - displacement(pixel)
            spread = max(SIGMA_PER_MAD * np.median(np.abs(left)), 0.05 * peaks.fwhm)
            softened = choice.weight[known] / (1 + (left / (2 * spread)) ** 2)
        tolerance = max(0.7 * tolerance, 0.5 * peaks.fwhm, 1.0)
    residual = np.full(known.size, np.inf)
    residual[known] = wanted - displacement(pixel)
    scatter, used = scatter_and_used(residual, peaks.fwhm)
    error = fit_error(displacement, peaks.pixel[used], choice.weight[used], scatter, pixels)
    at = pixels + displacement(pixels)
    first, last = longest_stretch((at >= 0) & (at <= start.size - 1) & (error < LARGEST_ERROR))
    return Solution(
        extended(start, at),
        error * np.abs(slope),
        degree + 1,
        choice.lines,
        line,
        used,
        residual,
        scatter,
        matched_part(residual, scatter, peaks.fwhm, choice.bright),
        float(np.mean(error < WORST_ERROR)),
        first,
        last,
    )


def partial_fits(pixel, wavelength, weight, degree, size):
    """Fits that leave out every third line, or the outermost lines of either end.

    Lines at an end may have been misidentified together, and then agree with each other.

    Parameters
    ----------
    pixel, wavelength, weight : ndarray, shape (lines,)
        What the full fit used, by pixel.
    degree : int
    size : int
        Pixels of the spectrum.

    Returns
    -------
    list of numpy.polynomial.Polynomial
    """
    number = np.arange(pixel.size)
    parts = [number % 3 != part for part in range(3)]
    parts += [number >= END_LINES, number < pixel.size - END_LINES]
    return [
        Polynomial.fit(pixel[kept], wavelength[kept], degree, domain=[0, size - 1], w=weight[kept])
        for kept in parts
        if kept.sum() > degree + 1
    ]


def fit_error(polynomial, pixel, weight, scatter, pixels):
    """1-sigma error of a fitted polynomial, from its weighted covariance.

    Parameters
    ----------
    polynomial : numpy.polynomial.Polynomial
    pixel, weight : ndarray, shape (lines,)
        What it was fitted to.
    scatter : float
        1-sigma residual [pixel].
    pixels : ndarray
        Where the error is wanted.

    Returns
    -------
    ndarray
        Error [pixel].
    """
    offset, scale = polynomial.mapparms()
    degree = polynomial.degree()
    design = polyvander(offset + scale * pixel, degree)
    relative = (weight / np.median(weight)) ** 2
    freedom = max(pixel.size - degree - 1, 1)
    covariance = np.linalg.pinv(design.T @ (relative[:, np.newaxis] * design))
    covariance *= scatter**2 * pixel.size / freedom
    wanted = polyvander(offset + scale * pixels, degree)
    variance = np.einsum("ij,jk,ik->i", wanted, covariance, wanted)
    return np.sqrt(variance)


def local_scatter(pixel, residual, fwhm, pixels, neighbours=9):
    """Robust scatter of the nearest residuals at every pixel, each at most half a line width."""
    if pixel.size == 0:
        return np.full(pixels.size, np.inf)
    capped = np.minimum(np.abs(residual), 0.5 * fwhm)
    grid = pixels[:: max(pixels.size // 64, 1)]
    nearest = np.argsort(np.abs(grid[:, np.newaxis] - pixel), axis=1)[:, :neighbours]
    return np.interp(pixels, grid, SIGMA_PER_MAD * np.median(capped[nearest], axis=1))


def spanned(flags):
    """Set all flags between the first and the last that is true."""
    return np.maximum.accumulate(flags) & np.maximum.accumulate(flags[::-1])[::-1]


def longest_stretch(flags):
    """First and last index of the longest run of true flags; (0, -1) for none."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(int), [0]])))
    if edges.size == 0:
        return 0, -1
    longest = np.argmax(edges[1::2] - edges[::2])
    return int(edges[2 * longest]), int(edges[2 * longest + 1]) - 1


class Verdict(NamedTuple):
    """Whether a solution is believed, the figures behind it, and the reason in words."""

    accepted: bool
    evidence: float
    margin: float
    reason: str


def verdict(score, chance, solution, fwhm, rigid=False):
    """Judge a solution: chance must not reach it, and it must explain the bright peaks.

    The evidence is the alignment's log-likelihood ratio, plus what each line beyond the
    polynomial's freedom gains by lying closer than chance coincidences do.

    Parameters
    ----------
    score, chance : float
        Scores of the alignment and of the best mirrored one.
    solution : Solution or None
    fwhm : float
        Width of the lines [pixel].
    rigid : bool
        Whether the search was about a reference, where chance has less room.

    Returns
    -------
    Verdict
    """
    if solution is None:
        return Verdict(False, score, score - chance, "too few lines match for a fit")
    freedom = solution.used.sum() - solution.parameters
    # Residuals are the smaller, the more parameters the fit had to make them so.
    scatter = solution.scatter * np.sqrt(1 + solution.parameters / max(freedom, 1))
    scatter = max(scatter / fwhm, 0.02)
    evidence = score + freedom * np.log(CHANCE_SCATTER / scatter)
    margin = evidence - chance
    least = RIGID_PART if rigid else 1.0
    plain = evidence >= 2 * LEAST_EVIDENCE and margin >= 2 * LEAST_MARGIN
    if evidence < least * LEAST_EVIDENCE or margin < least * LEAST_MARGIN:
        reason = "the matches could be chance"
    elif solution.matched < (LEAST_MATCHED_IF_PLAIN if plain else LEAST_MATCHED):
        reason = "too many bright peaks have no line"
    elif solution.certain < LEAST_CERTAIN:
        reason = "the fit is nowhere certain"
    else:
        return Verdict(True, evidence, margin, "")
    return Verdict(False, evidence, margin, reason)


class Outcome(NamedTuple):
    """Which solution is in use: ``method`` is fitted, shifted or nominal, and why."""

    method: str
    wavelength: np.ndarray
    solution: Solution | None
    verdict: Verdict


def find_solution(peaks, lines, nominal, reference=None):
    """Find the best solution that can be believed.

    In turn: a polynomial, searched about the nominal solution; where the arm has a reference of
    the right shape, a polynomial searched about a shift of that; the shift alone; else the nominal
    solution stays.

    Parameters
    ----------
    peaks : common.peaks.Peaks
    lines : Lines
    nominal : ndarray, shape (pixels,)
        Wavelengths of the nominal solution [Angstrom].
    reference : ndarray, shape (pixels,), optional
        Wavelengths of the arm's reference solution [Angstrom].

    Returns
    -------
    Outcome
    """
    refused = Verdict(False, 0.0, 0.0, "fewer than four peaks stand out")
    if peaks.pixel.size < 4 or lines.wavelength.size < 4:
        return Outcome("nominal", nominal, None, refused)
    for expected, rigid in ((nominal, False), (reference, True)):
        if expected is None:
            continue
        start, score, chance = aligned(peaks, lines, expected, rigid)
        for method, fit in (("fitted", fit_solution), ("shifted", fit_shift)):
            if method == "shifted" and not rigid:
                continue
            solution = fit(peaks, lines, start)
            judged = verdict(score, chance, solution, peaks.fwhm, rigid)
            if judged.accepted:
                return Outcome(method, solution.wavelength, solution, judged)
            if expected is nominal:
                refused = judged
    return Outcome("nominal", nominal, None, refused)


def aligned(peaks, lines, expected, rigid):
    """Wavelengths of the best displacement of expected ones, its score and that of chance."""
    size = expected.size
    pixels = np.arange(size)
    # Beyond the detector the expected solution goes on as straight lines.
    pixel_of_line = inverse(expected, lines.wavelength)
    best = align(peaks, pixel_of_line, lines, size, rigid)
    chance = chance_score(peaks, pixel_of_line, lines, size, rigid)
    at = pixels + np.interp(pixels, best.knots, best.offsets)
    return extended(expected, at), best.score, chance


def extended(values, at):
    """Interpolate values given at whole pixels, going on in straight lines beyond the ends."""
    last = values.size - 1
    inside = np.clip(at, 0, last)
    ends = np.where(at < 0, values[1] - values[0], values[-1] - values[-2])
    return np.interp(inside, np.arange(values.size), values) + ends * (at - inside)


def inverse(wavelength, wanted):
    """Pixels of wavelengths, going on in straight lines beyond the detector."""
    sign = 1 if wavelength[-1] > wavelength[0] else -1
    pixels = np.arange(wavelength.size)
    inside = np.interp(sign * wanted, sign * wavelength, pixels)
    first, last = sign * wavelength[0], sign * wavelength[-1]
    low, high = sign * wavelength[1] - first, last - sign * wavelength[-2]
    below = np.minimum(sign * wanted - first, 0) / low
    above = np.maximum(sign * wanted - last, 0) / high
    return inside + below + above
