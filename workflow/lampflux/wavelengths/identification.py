"""Identify the lines of a spectrum and give every pixel its wavelength."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from lampflux.peaks import Peaks, find_peaks, without_leaning
from lampflux.wavelengths.blind import COARSE, search_blind
from lampflux.wavelengths.continuation import continued
from lampflux.wavelengths.fit import Solution, fit_solution
from lampflux.wavelengths.lines import Lines
from lampflux.wavelengths.scale import extended, inverse, nominal_wavelength, through_pins
from lampflux.wavelengths.search import FINE, RIGID, SEARCH, WIDE, align, chance_score
from lampflux.wavelengths.shift import Reference, fit_shift, held_against, with_error
from lampflux.wavelengths.table import identified_rows
from lampflux.wavelengths.verdict import BOUNDS, Verdict, judge

# Fewest peaks and catalogue lines with which a search makes sense.
FEWEST = 4
# A solution that is trusted over this part of the detector needs no rival about the reference,
# whose shape it would prove no better than its own.
ENOUGH = 0.5
# Elements of a refused lamp that are tried as dark, the likeliest: each takes time.
LIKELY_DARK = 2
# Errors that count where a solution is not trusted, when solutions are compared: no less, and
# nowhere more [pixel].
UNTRUSTED, LARGEST = 0.3, 1.0
# Solutions contradict each other where they differ by more than this [1-sigma errors].
CONTRADICTION = 4.0


class Identification(NamedTuple):
    """Wavelengths of a spectrum, the lines they rest on, and whether they are believed.

    ``method``: fitted, shifted (the reference) or nominal (nothing found that is believed, or
    nothing looked for). ``wavelength``, ``error``: air wavelength of every pixel and its 1-sigma
    error [Angstrom], the latter NaN where the method is nominal. ``verdict``: the figures behind
    the decision and the reason in words. ``peaks``: the spectrum's lines, leaning ones too.
    ``solution``: what was fitted to those that do not lean, or None.
    """

    method: str
    wavelength: np.ndarray
    error: np.ndarray
    verdict: Verdict
    peaks: Peaks
    solution: Solution | None

    @property
    def lines(self):
        """A dict for each peak: where it is and which line it is; see `identified_rows`."""
        return identified_rows(without_leaning(self.peaks), self.solution)


def nominal_identification(peaks, nominal, verdict):
    """Keep the nominal wavelengths, for a reason."""
    unknown = np.full(nominal.size, np.nan)
    return Identification("nominal", nominal, unknown, verdict, peaks, None)


def identify(
    counts: np.ndarray,
    lines: Lines,
    nominal: np.ndarray | Mapping | None = None,
    reference: np.ndarray | Reference | None = None,
    uncertainty: np.ndarray | None = None,
    wavelength_range: Sequence | None = None,
    pinned: Sequence = (),
) -> Identification:
    """Identify the lines of an arc spectrum and give every pixel its wavelength.

    Parameters
    ----------
    counts : ndarray, shape (pixels,)
        Spectrum in any unit; NaN where unknown.
    lines : Lines
        Catalogue of the lamp's lines; see `line_list`.
    nominal : ndarray, shape (pixels,), or mapping
        Approximate wavelengths in air [Angstrom], or ``crval``, ``crpix`` and ``cdelt`` of linear
        ones as FITS counts them (pixels from 1).
    reference : Reference, or ndarray of shape (pixels,), optional
        Solution that has the right shape, up to a shift; as an array, its wavelengths [Angstrom],
        of which the errors are taken as nothing.
    uncertainty : ndarray, shape (pixels,), optional
        1-sigma uncertainty of the counts; without, estimated from their scatter.
    wavelength_range : (float, float), optional
        A rough range that holds the spectrum and is at most seven times as wide [Angstrom]. All
        of it is searched, in both directions, and the nominal solution is not used; this takes
        some seconds.
    pinned : sequence of (float, float), optional
        Pixel and air wavelength [Angstrom] of lines that are known for sure. No solution is
        accepted that misses one by more than two line widths.

    Returns
    -------
    Identification
        Its wavelengths are NaN where none are found and there are no nominal ones.

    Raises
    ------
    ValueError
        There is neither a nominal solution nor a range, or the solution has another length than
        the spectrum or does not rise or fall everywhere.

    Examples
    --------
    A neon lamp, 0.5 Angstrom/pixel, from a nominal solution that is 20 pixels off:

    >>> import numpy as np
    >>> from lampflux.wavelengths import identify, line_list
    >>> lines = line_list(["Ne I"])
    >>> pixels = np.arange(2048)
    >>> counts = np.random.default_rng(1).normal(100, 5, 2048)
    >>> for wavelength, intensity in zip(lines.wavelength, lines.intensity):
    ...     place = (wavelength - 5800) / 0.5
    ...     counts += 0.5 * intensity * np.exp(-0.5 * ((pixels - place) / 1.7) ** 2)
    >>> found = identify(counts, lines, {"crval": 5810, "crpix": 1, "cdelt": 0.5})
    >>> found.method
    'fitted'
    >>> found.wavelength[[0, 1000]].round(1)
    array([5800., 6300.])
    """
    counts = np.asarray(counts, dtype=float)
    if nominal is None and wavelength_range is None:
        raise ValueError(
            "give a nominal solution, an array or crval, crpix and cdelt, or a wavelength range"
        )
    if nominal is None:
        nominal = np.full(counts.size, np.nan)
    if isinstance(nominal, Mapping):
        nominal = nominal_wavelength(np.arange(counts.size), **nominal)
    nominal = np.asarray(nominal, dtype=float)
    if nominal.shape != counts.shape:
        raise ValueError(f"{counts.size} counts, but nominal wavelengths of {nominal.size} pixels")
    steps = np.sign(np.diff(nominal))
    if wavelength_range is None and np.abs(steps.sum()) != counts.size - 1:
        raise ValueError("the nominal wavelengths must be finite and rise, or fall, everywhere")
    if reference is not None and not isinstance(reference, Reference):
        reference = Reference(np.asarray(reference, dtype=float), np.zeros(counts.size))
    peaks = find_peaks(counts, uncertainty)
    standing = without_leaning(peaks)
    found = find_solution(standing, lines, nominal, reference, wavelength_range, pinned)
    if not found.solution and wavelength_range is None:
        found = without_an_element(found, standing, lines, nominal, reference, pinned)
    return found._replace(peaks=peaks)


def without_an_element(found, peaks, lines, nominal, reference, pinned):
    """Find a solution for a lamp one of whose elements is dark.

    The bright lines that such an element lacks speak against every solution.

    Parameters
    ----------
    found : Identification
        What is found with the lines of all elements: no solution.
    peaks, lines, nominal, reference, pinned
        As in `find_solution`.

    Returns
    -------
    Identification
        That without one of the elements whose lines hold back the alignment most, or ``found``
        where no solution is found.
    """
    element = np.array([ion.split()[0] for ion in lines.ion])
    elements = np.unique(element)
    if elements.size < 2 or peaks.pixel.size < FEWEST:
        return found
    parts = [Lines(*(column[element != dark] for column in lines)) for dark in elements]
    parts = [lit for lit in parts if lit.wavelength.size >= FEWEST]

    def score(lit):
        expected = inverse(nominal, lit.wavelength)
        return align(peaks, expected, lit, nominal.size, COARSE, with_lead=False).score

    for lit in sorted(parts, key=score, reverse=True)[:LIKELY_DARK]:
        part = find_solution(peaks, lit, nominal, reference, pinned=pinned)
        if part.solution:
            return part
    return found


def find_solution(peaks, lines, nominal, reference=None, wavelength_range=None, pinned=()):
    """Find the best solution that can be believed.

    A polynomial is searched about the nominal solution, or in the whole of a rough range. Unless
    that is trusted over half the detector, a polynomial about the arm's shifted reference and the
    reference shifted and scaled are tried, too. Of those that are believed, the one with the
    smallest error is used; else the nominal solution stays.

    Parameters
    ----------
    peaks : lampflux.peaks.Peaks
        Without leaning ones.
    lines : Lines
    nominal : ndarray, shape (pixels,)
        Wavelengths of the nominal solution [Angstrom].
    reference : Reference, optional
        The arm's.
    wavelength_range : (float, float), optional
        Rough range to search in place of the nominal solution [Angstrom].
    pinned : sequence of (float, float)
        Pixel and wavelength [Angstrom] of lines that every solution must agree with.

    Returns
    -------
    Identification
    """
    refused = Verdict(False, 0.0, 0.0, "fewer than four peaks stand out")
    if min(peaks.pixel.size, lines.wavelength.size) < FEWEST:
        return nominal_identification(peaks, nominal, refused)
    expected, rival = nominal, -np.inf
    if wavelength_range is not None:
        expected, rival = search_blind(peaks, lines, nominal.size, *wavelength_range)
    if len(pinned):
        expected = through_pins(expected, pinned)
    # Without a reference, the first of these must do.
    trials = [("fitted", expected, WIDE, fit_solution, rival)]
    if reference is not None:
        trials += [("fitted", reference.wavelength, RIGID, fit_solution, -np.inf)]
        trials += [("shifted", reference.wavelength, RIGID, fit_shift, -np.inf)]
    believed, alignments = [], {}
    for method, about, reach, fit, rival in trials:
        if reach not in alignments:
            alignments[reach] = aligned(peaks, lines, about, reach, rival, pinned)
        start, lead, score, chance = alignments[reach]
        solution = fit(peaks, lines, start, lead)
        part = 1.0 if wavelength_range is None else BOUNDS.blind_part
        if reach is RIGID or len(pinned):
            part = BOUNDS.rigid_part
        judged = judge(score, chance, solution, peaks.fwhm, part)
        if method == "shifted" and judged.accepted:
            solution = with_error(solution, reference.error)
            # A polynomial may bend through wrong lines; the reference has the right shape.
            believed = [
                rival
                for rival in believed
                if rival[3].evidence > judged.evidence or not contradicts(rival[2], solution)
            ]
            if believed:
                solution = held_against(solution, believed[0][2])
            judged = judge(score, chance, solution, peaks.fwhm, part)
            if not judged.accepted:
                reason = f"the arm's reference is too inaccurate: {judged.reason}"
                refused = judged._replace(reason=reason)
        if judged.accepted:
            judged = held_to_pins(judged, solution, pinned, peaks.fwhm)
        if judged.accepted:
            believed.append((proven_error(solution), method, solution, judged))
            if about is expected and trusted_part(solution) > ENOUGH:
                break
        elif about is expected:
            refused = judged
    if not believed:
        return nominal_identification(peaks, nominal, refused)
    _, method, solution, judged = min(believed, key=lambda found: found[0])
    if method == "fitted":
        shape = None if reference is None else reference.wavelength
        solution = continued(solution, expected, shape)
    return Identification(method, solution.wavelength, solution.error, judged, peaks, solution)


def held_to_pins(judged, solution, pinned, fwhm):
    """Refuse a solution that misses a pinned line by more than two line widths, and say which."""
    for pixel, wavelength in pinned:
        at = float(inverse(solution.wavelength, np.array([wavelength]))[0])
        if abs(at - pixel) > SEARCH.pinned * fwhm:
            reason = f"pinned {wavelength:.1f} at pixel {pixel:.0f} would be at {at:.0f}"
            return judged._replace(accepted=False, reason=reason)
    return judged


def contradicts(solution, other):
    """Whether a solution differs from another by far more than the errors, where it is trusted."""
    inside = slice(solution.first, solution.last + 1)
    difference = np.abs(solution.wavelength - other.wavelength)[inside]
    error = np.hypot(solution.error, other.error)[inside]
    return bool(np.any(difference > CONTRADICTION * error))


def trusted_part(solution):
    """Part of the detector over which a solution is trusted."""
    return (solution.last - solution.first + 1) / solution.wavelength.size


def proven_error(solution):
    """Mean 1-sigma error of a solution, at least `UNTRUSTED` where it is not trusted [pixel]."""
    error = solution.error / np.abs(np.gradient(solution.wavelength))
    pixels = np.arange(error.size)
    trusted = (pixels >= solution.first) & (pixels <= solution.last)
    error = np.where(trusted, error, np.maximum(error, UNTRUSTED))
    return float(np.mean(np.minimum(error, LARGEST)))


def aligned(peaks, lines, expected, reach, rival=-np.inf, pinned=()):
    """Displace expected wavelengths to where the peaks fit them best.

    Parameters
    ----------
    peaks : lampflux.peaks.Peaks
    lines : Lines
    expected : ndarray, shape (pixels,)
        [Angstrom]
    reach : Reach
    rival : float
        Score of the best alignment that is known elsewhere.
    pinned : sequence of (float, float)
        Pixel and wavelength [Angstrom] of lines that are known for sure.

    Returns
    -------
    start, lead : ndarray, shape (pixels,)
        Displaced wavelengths [Angstrom], and their lead in log-likelihood over others.
    score, chance : float
        Log-likelihood of the alignment, and the best of mirrored line lists or elsewhere.
    """
    size = expected.size
    pixels = np.arange(size)
    # Beyond the detector the expected solution goes on as straight lines.
    pixel_of_line = inverse(expected, lines.wavelength)
    pins = [(pixel, *inverse(expected, np.array([line]))) for pixel, line in pinned]
    best = align(peaks, pixel_of_line, lines, size, reach, pinned=pins)
    chance = chance_score(peaks, pixel_of_line, lines, size, reach, pins)
    start = extended(expected, pixels + np.interp(pixels, best.knots, best.offsets))
    lead = np.interp(pixels, best.knots, best.lead)
    if reach is WIDE:
        fine = align(peaks, inverse(start, lines.wavelength), lines, size, FINE)
        start = extended(start, pixels + np.interp(pixels, fine.knots, fine.offsets))
        lead = np.minimum(lead, np.interp(pixels, fine.knots, fine.lead))
    return start, np.minimum(lead, best.score - rival), best.score, max(chance, rival)
