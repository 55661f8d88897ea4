"""Find the displacement of a spectrum against its nominal solution."""

import functools
from typing import NamedTuple

import numpy as np


class Search(NamedTuple):
    """Tuned constants of `align`."""

    # Largest displacement: a shift [pixel], and a part of the distance to the middle for scale
    # and curvature.
    largest_shift: float = 85.0
    largest_stretch: float = 0.045
    # Largest difference of the local scale, more than that of the mean as the dispersion curves;
    # and against a reference of the right shape.
    steepest_slope: float = 0.10
    rigid_slope: float = 0.01
    # Pieces in which the displacement is linear.
    segments: int = 16
    # Size [pixel] below which offsets have finer steps than one pixel, so that slopes have the
    # same steps of 1/256 everywhere.
    fine_below: int = 4096
    # Log-likelihood that a change of slope by one step between segments costs, times its square,
    # and the largest change [steps].
    bend_cost: float = 0.15
    largest_bend: int = 5
    # Reach of the neighbourhood in which brightness is ranked [detector].
    neighbourhood: float = 1 / 16
    # Ranks up to which peaks are treated alike; the last class holds all others up to a rank.
    rank_classes: tuple = (2, 5, 12)
    last_rank: float = 25.0
    # Part of the peaks of each class that are in no line list: bright ones hardly ever.
    strangers: tuple = (0.05, 0.1, 0.2, 0.35)
    # Peaks that are used, the brightest among their neighbours: enough, and time grows with them.
    most_peaks: int = 120
    # Rank of the catalogue lines that ought to be seen, the part of them that are not, and the
    # weight of one that is not its ion's brightest.
    bright_line_rank: int = 3
    unseen: float = 0.15
    lesser_line: float = 0.7
    # Rank over which a peak loses its weight as a counterpart of a bright line (e-fold).
    peak_rank_scale: float = 8.0
    # Step of the likelihood tables [pixel].
    table_step: float = 0.5
    # Distance of a true coincidence, 1 sigma [line width], and its least [pixel].
    coincidence: float = 0.45
    least_coincidence: float = 1.0
    # Shifts of the mirrored catalogues [pixel].
    decoy_shifts: tuple = (0, 137, -137)


SEARCH = Search()


def local_ranks(position, strength, reach, group=None):
    """Rank each item by strength among its neighbours: 1 is the brightest.

    Parameters
    ----------
    position, strength : ndarray, shape (items,)
    reach : float
        Neighbours lie within this distance.
    group : ndarray, shape (items,), optional
        Only neighbours of the same group count.

    Returns
    -------
    ndarray of float, shape (items,)
    """
    order = np.argsort(position)
    ranks = np.empty(position.size)
    sorted_position, sorted_strength = position[order], strength[order]
    first = np.searchsorted(sorted_position, sorted_position - reach)
    last = np.searchsorted(sorted_position, sorted_position + reach, side="right")
    for item, low, high in zip(order, first, last):
        brighter = sorted_strength[low:high] > strength[item]
        if group is not None:
            brighter &= group[order[low:high]] == group[item]
        ranks[item] = 1 + np.count_nonzero(brighter)
    return ranks


def coincidence_table(position, weight, sigma, start, size, reach, strangers, covered):
    """Tabulate how much likelier a coincidence is by identity than by chance.

    Parameters
    ----------
    position, weight : ndarray, shape (items,)
        What may be met, and how likely each is.
    sigma : float
        1-sigma distance of a true coincidence [pixel].
    start : float
        Position of the table's first entry [pixel]; entries follow in steps of
        ``SEARCH.table_step``.
    size : int
        Entries.
    reach : float
        Chance is the mean density within this distance [pixel].
    strangers : float
        Part of true items that meet nothing.
    covered : (float, float)
        Positions between which items are known; beyond, nothing can be said.

    Returns
    -------
    ndarray, shape (size,)
        Log of the likelihood ratio.
    """
    cell = np.rint((position - start) / SEARCH.table_step).astype(int)
    inside = (cell >= 0) & (cell < size)
    density = np.bincount(cell[inside], weight[inside], size)
    half = int(np.ceil(4 * sigma / SEARCH.table_step))
    kernel = np.exp(-0.5 * (np.arange(-half, half + 1) * SEARCH.table_step / sigma) ** 2)
    density = np.convolve(density, kernel / kernel.sum(), "same")
    cumulated = np.append(0.0, np.cumsum(density))
    entries, wide = np.arange(size), int(reach / SEARCH.table_step)
    low, high = np.maximum(entries - wide, 0), np.minimum(entries + wide + 1, size)
    chance = (cumulated[high] - cumulated[low]) / (high - low)
    chance = np.maximum(chance, 0.02 * chance.max() + 1e-12)
    ratio = np.log(strangers + (1 - strangers) * density / chance)
    at = start + SEARCH.table_step * entries
    ratio[(at < covered[0] - reach / 4) | (at > covered[1] + reach / 4)] = 0.0
    return ratio.astype(np.float32)


class Alignment(NamedTuple):
    """The best displacement of a spectrum against the nominal solution.

    ``score`` is its log-likelihood ratio against chance; ``knots`` are pixels and ``offsets`` what
    to add to them to get expected pixels.
    """

    score: float
    knots: np.ndarray
    offsets: np.ndarray


class Grid(NamedTuple):
    """Displacements that are tried, and the entries of the tables in which they are looked up.

    The spectrum is cut into segments of ``length`` [pixel]. In each the displacement begins with
    one of ``offsets``, up to the ``largest`` [pixel], and grows by one of ``slopes``, whole
    numbers of ``step`` [pixel], until the next. Tables have so many ``entries`` from position
    ``start`` [pixel]. ``reach`` is that of a peak's neighbourhood, ``sigma`` a true coincidence's
    distance [pixel].
    """

    length: float
    step: float
    offsets: np.ndarray
    slopes: np.ndarray
    largest: int
    start: float
    entries: int
    reach: float
    sigma: float

    def cell(self, position):
        """Table entry of a position."""
        return np.rint((position - self.start) / SEARCH.table_step).astype(np.intp)


def displacements(size, fwhm, rigid):
    """Lay out the displacements of a spectrum of so many pixels and such a line width."""
    largest = int(np.ceil(SEARCH.largest_shift + SEARCH.largest_stretch * size / 2))
    length = size / SEARCH.segments
    step = min(1.0, size / SEARCH.fine_below)
    steepest = int(
        np.ceil((SEARCH.rigid_slope if rigid else SEARCH.steepest_slope) * length / step)
    )
    start = -largest - 60.0
    return Grid(
        length,
        step,
        step * np.arange(-(largest // step), largest // step + 1),
        np.arange(-steepest, steepest + 1),
        largest,
        start,
        int((size - 2 * start) / SEARCH.table_step) + 1,
        size * SEARCH.neighbourhood,
        max(SEARCH.coincidence * fwhm, SEARCH.least_coincidence),
    )


def align(peaks, expected, lines, size, rigid=False):
    """Find the best smooth displacement between a spectrum's peaks and a catalogue.

    Parameters
    ----------
    peaks : lampflux.peaks.Peaks
    expected : ndarray, shape (lines,)
        Pixel at which each line is expected.
    lines : Lines
    size : int
        Pixels of the spectrum.
    rigid : bool
        Allow a shift and a small change of scale only.

    Returns
    -------
    Alignment
    """
    grid = displacements(size, peaks.fwhm, rigid)
    ranks = local_ranks(peaks.pixel, peaks.height, grid.reach)
    chosen = np.sort(np.lexsort((-peaks.height, ranks))[: SEARCH.most_peaks])
    pixel, ranks = peaks.pixel[chosen], ranks[chosen]

    covered = expected.min(), expected.max()
    inside = (expected > grid.start) & (expected < size - grid.start)
    expected = expected[inside]
    line_ranks = local_ranks(expected, lines.intensity[inside], grid.reach, lines.ion[inside])

    scores = np.zeros((SEARCH.segments, grid.offsets.size, grid.slopes.size), np.float32)
    score_peaks(scores, grid, pixel, ranks, expected, line_ranks, covered)
    score_lines(scores, grid, pixel, ranks, expected, line_ranks, (0.0, size - 1.0))
    return best_path(scores, grid.offsets, grid.slopes, grid.length, rigid)


def score_peaks(scores, grid, pixel, ranks, expected, line_ranks, covered):
    """Add to scores how well each displacement brings peaks to lines.

    Parameters
    ----------
    scores : ndarray of float32, shape (segments, offsets, slopes)
        Log-likelihood ratios, changed in place.
    grid : Grid
    pixel, ranks : ndarray, shape (peaks,)
        Position of each peak [pixel] and its rank of brightness among its neighbours.
    expected, line_ranks : ndarray, shape (lines,)
        The same of each line of the catalogue.
    covered : (float, float)
        Positions between which lines are known [pixel].
    """
    table = functools.partial(
        coincidence_table,
        sigma=grid.sigma,
        start=grid.start,
        size=grid.entries,
        reach=grid.reach,
        covered=covered,
    )
    tables = [
        table(expected, np.exp(-(line_ranks - 1) / (1.5 * brightest)), strangers=strangers)
        for brightest, strangers in zip((*SEARCH.rank_classes, SEARCH.last_rank), SEARCH.strangers)
    ]
    classes = np.searchsorted(SEARCH.rank_classes, ranks)
    cells_ahead = np.rint(grid.offsets / SEARCH.table_step).astype(np.intp)[:, np.newaxis]
    for segment in range(SEARCH.segments):
        first = segment * grid.length
        for peak in np.flatnonzero((pixel >= first) & (pixel < first + grid.length)):
            shift = (pixel[peak] - first) / grid.length * grid.step * grid.slopes
            cell = grid.cell(pixel[peak] + shift)
            scores[segment] += tables[classes[peak]].take(cells_ahead + cell)


def score_lines(scores, grid, pixel, ranks, expected, line_ranks, covered):
    """Add to scores how well each displacement brings bright lines to peaks; see `score_peaks`.

    Here it is the peaks that are known between the positions ``covered`` [pixel].
    """
    seen = coincidence_table(
        pixel,
        np.exp(-(ranks - 1) / SEARCH.peak_rank_scale),
        grid.sigma,
        grid.start,
        grid.entries,
        grid.reach,
        SEARCH.unseen,
        covered,
    )
    bright = line_ranks <= SEARCH.bright_line_rank
    lines, weights = expected[bright], np.where(line_ranks[bright] > 1, SEARCH.lesser_line, 1.0)
    stretch = 1 + grid.step * grid.slopes / grid.length
    farthest = grid.largest + 0.7 * grid.length
    for segment in range(SEARCH.segments):
        first = segment * grid.length
        met = np.abs(lines - first - grid.length / 2) < farthest
        for line, weight in zip(lines[met], weights[met]):
            # A line is met by the offsets that bring it into the segment.
            ends = line - first - grid.length * stretch[-1], line - first
            low, high = np.searchsorted(grid.offsets, ends, side="right")
            ahead = (line - first - grid.offsets[low:high, np.newaxis]) / stretch
            light = weight * seen.take(grid.cell(ahead + first))
            scores[segment, low:high] += np.where(ahead < grid.length, light, 0)


def moved(scores, slopes):
    """Carry scores along their slopes from the start of a segment to its end."""
    result = np.full_like(scores, -np.inf)
    for column, slope in enumerate(slopes):
        if slope >= 0:
            result[slope:, column] = scores[: scores.shape[0] - slope, column]
        else:
            result[:slope, column] = scores[-slope:, column]
    return result


def bent(scores):
    """Best score over the slopes that a path may have come from, and the change of slope."""
    result, change_to = scores.copy(), np.zeros(scores.shape, np.int8)
    for change in (*range(-SEARCH.largest_bend, 0), *range(1, SEARCH.largest_bend + 1)):
        first, shared = max(change, 0), scores.shape[1] - abs(change)
        here = slice(first, first + shared)
        other = scores[:, first - change :][:, :shared] - SEARCH.bend_cost * change**2
        better = other > result[:, here]
        np.copyto(result[:, here], other, where=better)
        np.copyto(change_to[:, here], change, where=better)
    return result, change_to


def best_path(scores, offsets, slopes, length, rigid):
    """Find the best path through the segments by dynamic programming (Viterbi 1967).

    Parameters
    ----------
    scores : ndarray, shape (segments, offsets, slopes)
        Score of each segment for a path that enters at an offset and runs with a slope.
    offsets : ndarray
        Offsets [pixel], evenly spaced.
    slopes : ndarray of int
        Slopes [steps of the offsets per segment], in steps of 1.
    length : float
        Length of a segment [pixel].
    rigid : bool
        Keep one slope throughout.

    Returns
    -------
    Alignment
    """
    total, changes = scores[0], []
    for score in scores[1:]:
        arrived = moved(total, slopes)
        if rigid:
            change = np.zeros(arrived.shape, np.int8)
        else:
            arrived, change = bent(arrived)
        total = arrived + score
        changes.append(change)
    offset, slope = np.unravel_index(np.argmax(total), total.shape)
    step = offsets[1] - offsets[0]
    path = [offsets[offset] + step * slopes[slope], offsets[offset]]
    for change in reversed(changes):
        slope -= change[offset, slope]
        offset -= slopes[slope]
        path.append(offsets[offset])
    knots = np.arange(scores.shape[0] + 1) * length
    return Alignment(float(total.max()), knots, np.array(path[::-1]))


def chance_score(peaks, expected, lines, size, rigid=False):
    """Best score that the same search finds in mirrored, hence wrong, catalogues.

    Parameters
    ----------
    peaks, expected, lines, size, rigid : see `align`

    Returns
    -------
    float
    """
    return max(
        align(peaks, size - 1 - expected + shift, lines, size, rigid).score
        for shift in SEARCH.decoy_shifts
    )
