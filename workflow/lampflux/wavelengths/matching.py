"""Give peaks the lines that they most likely are."""

from typing import NamedTuple

import numpy as np

from lampflux.wavelengths.lines import Lines
from lampflux.wavelengths.resolution import blend_centroids, known_strength
from lampflux.wavelengths.scale import extended, inverse
from lampflux.wavelengths.search import SEARCH, local_ranks


class Matching(NamedTuple):
    """Tuned constants of `match_lines` and `candidates`."""

    # Log-likelihood below which a line is too far or too faint to be a peak's.
    least_merit: float = -8.0
    # Ranks by which a line must be fainter than the peak's own to lose one in log-likelihood, as
    # a multiple of that.
    rank_tolerance: float = 1.5
    # Lead in log-likelihood below which another line would do nearly as well.
    clear_lead: float = 1.0
    # Ranks of peaks among their neighbours that count as bright.
    bright_rank: int = 6
    # Weights of peaks whose centroids may be off.
    blended_weight: float = 0.4
    flat_weight: float = 0.3
    # Error of a centroid whose line the detector's end cuts, and within which distance of the end
    # it does [line width].
    cut_error: float = 0.2
    cut_within: float = 1.0
    # Error of a line's position beside that of its centroid [line width].
    position_floor: float = 0.03
    # Reach beyond the ends of the spectrum from which lines are taken [pixel].
    beyond_ends: float = 50.0


MATCHING = Matching()


def match_lines(peaks, choice, expected, dispersion, tolerance):
    """Give each peak the line that it most likely is, near lines and bright ones first.

    Parameters
    ----------
    peaks : lampflux.peaks.Peaks
    choice : Candidates
    expected, dispersion : ndarray, shape (peaks,)
        Wavelength [Angstrom] and its step per pixel that the solution so far gives each peak.
    tolerance : float
        Largest distance [pixel].

    Returns
    -------
    line : ndarray of int, shape (peaks,)
        Index of the line, no line twice; -1 for none.
    doubtful : ndarray of bool, shape (peaks,)
        Another line would do nearly as well.
    """
    ranks, line_ranks, wavelength = choice.ranks, choice.line_ranks, choice.centroid
    reach = tolerance * np.abs(dispersion)
    low = np.searchsorted(wavelength, expected - reach)
    counts = np.searchsorted(wavelength, expected + reach) - low
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
    distance = (wavelength[near] - expected[peak]) / dispersion[peak]
    fainter = (line_ranks[near] - 1) / (MATCHING.rank_tolerance * np.maximum(ranks[peak], 2.0))
    merits = -fainter - 0.5 * (2.0 * distance / tolerance) ** 2
    merit[having] = np.maximum.reduceat(merits, first[having])
    best = np.flatnonzero(merits == merit[peak])
    best = best[np.unique(peak[best], return_index=True)[1]]
    line[having] = np.where(merits[best] > MATCHING.least_merit, near[best], -1)
    best_distance = np.zeros(expected.size)
    best_distance[having] = distance[best]
    rival = np.abs(distance - best_distance[peak]) > 0.25 * peaks.fwhm
    rivals = np.maximum.reduceat(np.where(rival, merits, -np.inf), first[having])
    doubtful[having] = rivals > merits[best] - MATCHING.clear_lead
    taken = set()
    for number in np.argsort(-merit):
        if line[number] in taken:
            line[number] = -1
        taken.add(line[number])
    return line, doubtful


class Candidates(NamedTuple):
    """What a fit chooses from: lines near the spectrum, and ranks and weights of both sides.

    ``centroid``: wavelength at which each line is expected, sorted [Angstrom], and
    ``centroid_error``, 1 sigma [pixel]. ``error``: 1 sigma of the peaks' positions [pixel];
    ``weight``: what each is worth beside that; ``bright``: its part in the bright peaks.
    """

    lines: Lines
    centroid: np.ndarray
    centroid_error: np.ndarray
    line_ranks: np.ndarray
    ranks: np.ndarray
    error: np.ndarray
    weight: np.ndarray
    bright: np.ndarray

    @property
    def blended(self):
        """Whether lines are expected at the centroids of their blends."""
        return bool(self.centroid_error.any())

    def weights(self, line, known):
        """Weights of known peaks with the lines that they are [1 / pixel]."""
        error = np.hypot(self.error[known], self.centroid_error[line[known]])
        return self.weight[known] / error


def candidates(peaks, lines, start):
    """Pick the lines near a spectrum and rank them and its peaks; see `fit_solution`."""
    step = np.abs(np.gradient(start)).max()
    at = np.interp(peaks.pixel, np.arange(start.size), start)
    # Peaks beyond the ends of the line lists cannot be expected to match.
    covered = (at >= lines.wavelength.min()) & (at <= lines.wavelength.max())
    beyond = MATCHING.beyond_ends * step
    inside = np.flatnonzero(
        (lines.wavelength > start.min() - beyond) & (lines.wavelength < start.max() + beyond)
    )
    inside = inside[np.argsort(lines.wavelength[inside])]
    lines = Lines(*(column[inside] for column in lines))
    reach = start.size * SEARCH.neighbourhood
    ranks = local_ranks(peaks.pixel, peaks.height, reach)
    weight = np.where(peaks.blended, MATCHING.blended_weight, 1.0)
    weight *= np.where(peaks.flat, MATCHING.flat_weight, 1.0)
    to_end = np.minimum(peaks.pixel, start.size - 1 - peaks.pixel)
    cut = np.where(to_end < MATCHING.cut_within * peaks.fwhm, MATCHING.cut_error, 0.0)
    error = np.hypot(peaks.error, np.maximum(cut, MATCHING.position_floor) * peaks.fwhm)
    return Candidates(
        lines,
        lines.wavelength,
        np.zeros(lines.wavelength.size),
        local_ranks(lines.wavelength, lines.intensity, reach * step, lines.ion),
        ranks,
        error,
        weight,
        np.where((ranks <= MATCHING.bright_rank) & covered, 1 / np.sqrt(ranks), 0.0),
    )


def with_blends(choice, peaks, wavelength, line, used):
    """Expect lines at the centroids of their blends, with the brightness that ions show.

    Parameters
    ----------
    choice : Candidates
    peaks : lampflux.peaks.Peaks
    wavelength : ndarray, shape (pixels,)
        A solution, right to less than a line width [Angstrom].
    line : ndarray of int, shape (peaks,)
        Line of each peak.
    used : ndarray of bool, shape (peaks,)
        Peaks whose line is known.

    Returns
    -------
    Candidates
    """
    lines = choice.lines
    strength = known_strength(lines.intensity)
    # Intensities of different ions do not compare.
    brightness = peaks.height[used] / strength[line[used]]
    scale = np.full(strength.size, brightness.min())
    for ion in np.unique(lines.ion[line[used]]):
        scale[lines.ion == ion] = np.median(brightness[lines.ion[line[used]] == ion])
    position = inverse(wavelength, lines.wavelength)
    pixel, error = blend_centroids(position, scale * strength, peaks.fwhm)
    centroid = lines.wavelength + extended(wavelength, pixel) - extended(wavelength, position)
    order = np.argsort(centroid)
    return choice._replace(
        lines=Lines(*(column[order] for column in lines)),
        centroid=centroid[order],
        centroid_error=error[order],
        line_ranks=choice.line_ranks[order],
    )
