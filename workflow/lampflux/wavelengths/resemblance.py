"""Name the ion whose lines a spectrum shows, where the lamp's own do not explain it."""

import numpy as np

from lampflux.peaks import without_leaning
from lampflux.wavelengths.identification import FEWEST, find_solution
from lampflux.wavelengths.lines import line_list, shipped_ions
from lampflux.wavelengths.scale import inverse
from lampflux.wavelengths.search import align
from lampflux.wavelengths.verdict import BOUNDS


def resembling_ion(peaks, ions, nominal):
    """Find an ion, other than a lamp's, that explains the lines of a spectrum by itself.

    Parameters
    ----------
    peaks : lampflux.peaks.Peaks
    ions : sequence of str
        The lamp's own.
    nominal : ndarray, shape (pixels,)
        Nominal wavelengths [Angstrom].

    Returns
    -------
    str or None
        The ion of the best alignment, if a solution with its lines is believed.
    """
    peaks = without_leaning(peaks)
    if peaks.pixel.size < FEWEST:
        return None
    best, ion = -np.inf, None
    for other in sorted(set(shipped_ions()) - set(ions)):
        lines = line_list([other])
        at = inverse(nominal, lines.wavelength)
        score = align(peaks, at, lines, nominal.size, with_lead=False).score
        if score > best:
            best, ion = score, other
    if best < BOUNDS.least_evidence / 2:
        return None
    return ion if find_solution(peaks, line_list([ion]), nominal).verdict.accepted else None
