"""Give peaks the lines that they most likely are."""

from typing import NamedTuple

import numpy as np

from lampflux.wavelengths.search import NEIGHBOURHOOD, Lines, local_ranks

# Log-likelihood below which a line is too far or too faint to be a peak's.
LEAST_MERIT = -8.0
# Peaks of these ranks among their neighbours count as bright.
BRIGHT_RANK = 6


def match_lines(peaks, ranks, expected, dispersion, lines, line_ranks, tolerance):
    """Give each peak the line that it most likely is, near lines and bright ones first.

    Parameters
    ----------
    peaks : lampflux.peaks.Peaks
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


def extended(values, at):
    """Interpolate values given at whole pixels, going on in straight lines beyond the ends."""
    last = values.size - 1
    inside = np.clip(at, 0, last)
    ends = np.where(at < 0, values[1] - values[0], values[-1] - values[-2])
    return np.interp(inside, np.arange(values.size), values) + ends * (at - inside)
