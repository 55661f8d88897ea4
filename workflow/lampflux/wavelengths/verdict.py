"""Judge whether a solution can be believed."""

from typing import NamedTuple

import numpy as np

from lampflux.wavelengths.fit import Solution, fit_solution
from lampflux.wavelengths.matching import extended
from lampflux.wavelengths.search import align, chance_score
from lampflux.wavelengths.shift import fit_shift

# Residuals of chance coincidences scatter about this part of the line width.
CHANCE_SCATTER = 0.25
# What is believed: see `verdict`.
LEAST_EVIDENCE = 30.0
LEAST_MARGIN = 45.0
LEAST_MATCHED = 0.6
# With twice the evidence and lead, this part is enough: cosmic rays of long exposures are bright
# peaks without a line.
LEAST_MATCHED_IF_PLAIN = 0.45
# About a reference, this part of the evidence is enough.
RIGID_PART = 0.6
LEAST_CERTAIN = 0.15


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
    peaks : lampflux.peaks.Peaks
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
