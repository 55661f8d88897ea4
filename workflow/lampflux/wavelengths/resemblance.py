"""Name the ion whose lines a spectrum shows, where the lamp's own do not explain it."""

import numpy as np

from lampflux.peaks import without_leaning
from lampflux.wavelengths.blind import glance
from lampflux.wavelengths.identification import FEWEST, find_solution
from lampflux.wavelengths.lines import line_list, shipped_ions
from lampflux.wavelengths.scale import inverse
from lampflux.wavelengths.search import align
from lampflux.wavelengths.verdict import BOUNDS


def resembling_ion(peaks, ions, nominal, wavelength_range=None):
    """Find an ion, other than a lamp's, that explains the lines of a spectrum by itself.

    Parameters
    ----------
    peaks : lampflux.peaks.Peaks
    ions : sequence of str
        The lamp's own.
    nominal : ndarray, shape (pixels,)
        Nominal wavelengths [Angstrom].
    wavelength_range : (float, float), optional
        Rough range to search in place of the nominal wavelengths [Angstrom]; this takes seconds.

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
        if wavelength_range is None:
            at = inverse(nominal, lines.wavelength)
            score = align(peaks, at, lines, nominal.size, with_lead=False).score
        else:
            score = glance(peaks, lines, nominal.size, *wavelength_range)
        if score > best:
            best, ion = score, other
    if best < BOUNDS.least_margin / 2:
        return None
    found = find_solution(peaks, line_list([ion]), nominal, wavelength_range=wavelength_range)
    return ion if found.verdict.accepted else None
