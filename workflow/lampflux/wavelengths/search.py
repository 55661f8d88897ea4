"""Find the displacement of a spectrum against its nominal solution."""

import functools
from typing import NamedTuple

import numpy as np

from lampflux.wavelengths.path import best_path
from lampflux.wavelengths.resolution import seen_lines


class Reach(NamedTuple):
    """Displacements that a search tries.

    ``offset``: largest displacement [detector]; ``slope``: largest difference of the local scale;
    ``steps``: steps of the displacement in a detector, none larger than ``largest_step`` [pixel];
    ``bends``: changes of the scale from end to end about which it may vary; ``change``: largest
    departure from these between segments [steps of the slope].
    """

    offset: float
    slope: float
    steps: int
    largest_step: float
    bends: tuple
    change: int


# About a nominal solution: off by 15 % of the range, its scale by 10 % (5 % of the detector at
# either end), and a dispersion that changes by 25 % along the detector (3 %), as grisms do.
WIDE = Reach(0.23, 0.25, 2048, np.inf, tuple(np.linspace(-0.25, 0.25, 9)), 2)
# About the result of that.
FINE = Reach(0.012, 0.04, 4096, 1.0, (0.0,), 3)
# About a reference of the right shape: a shift, and 1 % of scale.
RIGID = Reach(0.045, 0.01, 4096, 1.0, (0.0,), 0)


class Search(NamedTuple):
    """Tuned constants of `align`."""

    # Pieces in which the displacement is linear.
    segments: int = 16
    # Log-likelihood that a change of slope by 1/256 between segments costs, times its square.
    bend_cost: float = 0.15
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
    # Entries of the likelihood tables in a step of the displacement.
    entries_per_step: int = 2
    # Distance of a true coincidence, 1 sigma [line width], and its least [pixel, step].
    coincidence: float = 0.45
    least_coincidence: float = 1.0
    coincidence_in_steps: float = 0.8
    # Displacements that differ by less are the same [line width, step].
    same: float = 1.0
    same_in_steps: float = 3.0
    # Distance within which a pinned line must lie [line width, step], and the score elsewhere.
    pinned: float = 2.0
    pinned_in_steps: float = 2.0
    off_the_pin: float = -1e4
    # Shifts of the mirrored catalogues [detector].
    decoy_shifts: tuple = (0.0, 0.033)


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
    ranks = np.ones(position.size)
    group = np.zeros(position.size) if group is None else group
    for name in set(group):
        members = np.flatnonzero(group == name)
        order = members[np.argsort(position[members])]
        at, light = position[order], strength[order]
        brighter = np.zeros(order.size)
        # All pairs of items that are so many places apart.
        for apart in range(1, order.size):
            near = at[apart:] - at[:-apart] <= reach
            if not near.any():
                break
            brighter[:-apart] += near & (light[apart:] > light[:-apart])
            brighter[apart:] += near & (light[:-apart] > light[apart:])
        ranks[order] += brighter
    return ranks


def coincidence_table(position, weight, sigma, start, step, size, reach, strangers, covered):
    """Tabulate how much likelier a coincidence is by identity than by chance.

    Parameters
    ----------
    position, weight : ndarray, shape (items,)
        What may be met, and how likely each is.
    sigma : float
        1-sigma distance of a true coincidence [pixel].
    start, step : float
        Position of the table's first entry, and distance of the others [pixel].
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
    cell = np.rint((position - start) / step).astype(int)
    inside = (cell >= 0) & (cell < size)
    density = np.bincount(cell[inside], weight[inside], size)
    half = int(np.ceil(4 * sigma / step))
    kernel = np.exp(-0.5 * (np.arange(-half, half + 1) * step / sigma) ** 2)
    density = np.convolve(density, kernel / kernel.sum(), "same")
    cumulated = np.append(0.0, np.cumsum(density))
    entries, wide = np.arange(size), int(reach / step)
    low, high = np.maximum(entries - wide, 0), np.minimum(entries + wide + 1, size)
    chance = (cumulated[high] - cumulated[low]) / (high - low)
    chance = np.maximum(chance, 0.02 * chance.max() + 1e-12)
    ratio = np.log(strangers + (1 - strangers) * density / chance)
    at = start + step * entries
    ratio[(at < covered[0] - reach / 4) | (at > covered[1] + reach / 4)] = 0.0
    return ratio.astype(np.float32)


class Grid(NamedTuple):
    """Displacements that are tried, and the tables in which they are looked up.

    The spectrum is cut into segments of ``length`` [pixel]. In each the displacement begins with
    one of ``offsets`` [pixel], ``step`` apart, and grows by one of ``slopes``, whole numbers of
    ``step``, until the next. Tables have this many ``entries``, ``cell`` apart, from position
    ``start`` [pixel]. ``reach`` is that of a peak's neighbourhood, ``sigma`` a true coincidence's
    distance [pixel].
    """

    length: float
    step: float
    offsets: np.ndarray
    slopes: np.ndarray
    start: float
    cell: float
    entries: int
    reach: float
    sigma: float

    def entry(self, position):
        """Table entry of a position."""
        return np.rint((position - self.start) / self.cell).astype(np.intp)


def lay_out(size, fwhm, reach):
    """Lay out the displacements of a spectrum of this many pixels and such a line width."""
    length = size / SEARCH.segments
    step = min(size / reach.steps, reach.largest_step)
    most = int(np.ceil(reach.offset * size / step))
    steepest = int(np.ceil(reach.slope * length / step))
    cell = step / SEARCH.entries_per_step
    start = -(most + steepest + 2) * step
    least = max(SEARCH.least_coincidence, SEARCH.coincidence_in_steps * step)
    return Grid(
        length,
        step,
        step * np.arange(-most, most + 1),
        np.arange(-steepest, steepest + 1),
        start,
        cell,
        int((size - 2 * start) / cell) + 1,
        size * SEARCH.neighbourhood,
        max(SEARCH.coincidence * fwhm, least),
    )


class Alignment(NamedTuple):
    """The best displacement of a spectrum against the nominal solution.

    ``score`` is its log-likelihood ratio against chance; ``knots`` are pixels, ``offsets`` what to
    add to them to get expected pixels, ``lead`` the score's lead there over that of any smooth
    displacement that has another offset.
    """

    score: float
    knots: np.ndarray
    offsets: np.ndarray
    lead: np.ndarray


def align(peaks, expected, lines, size, reach=WIDE, with_lead=True, pinned=()):
    """Find the best smooth displacement between a spectrum's peaks and a catalogue.

    Parameters
    ----------
    peaks : lampflux.peaks.Peaks
    expected : ndarray, shape (lines,)
        Pixel at which each line is expected.
    lines : Lines
    size : int
        Pixels of the spectrum.
    reach : Reach
    with_lead : bool
        Whether the lead is wanted, which takes time.
    pinned : sequence of (float, float)
        Pixel of each line that is known for sure, and pixel at which it is expected.

    Returns
    -------
    Alignment
    """
    grid = lay_out(size, peaks.fwhm, reach)
    ranks = local_ranks(peaks.pixel, peaks.height, grid.reach)
    chosen = np.sort(np.lexsort((-peaks.height, ranks))[: SEARCH.most_peaks])
    pixel, ranks = peaks.pixel[chosen], ranks[chosen]

    covered = expected.min(), expected.max()
    inside = (expected > grid.start) & (expected < size - grid.start)
    expected, intensity, ion = seen_lines(
        expected[inside], lines.intensity[inside], lines.ion[inside], peaks.fwhm
    )
    line_ranks = local_ranks(expected, intensity, grid.reach, ion)

    scores = np.zeros((SEARCH.segments, grid.slopes.size, grid.offsets.size), np.float32)
    score_peaks(scores, grid, pixel, ranks, expected, line_ranks, covered)
    # Beyond the outermost peaks the detector may be unlit.
    score_lines(scores, grid, pixel, ranks, expected, line_ranks, (pixel[0], pixel[-1]))
    hold_pins(scores, grid, pinned, peaks.fwhm)
    # Costs and bends in steps of the slope between segments.
    unit = grid.step / grid.length
    same = max(SEARCH.same * peaks.fwhm, SEARCH.same_in_steps * grid.step) / grid.step
    found = best_path(
        scores,
        grid.slopes,
        np.array(reach.bends) / SEARCH.segments / unit,
        reach.change,
        SEARCH.bend_cost * (256 * unit) ** 2,
        same if with_lead else None,
    )
    knots = np.arange(SEARCH.segments + 1) * grid.length
    return Alignment(found.score, knots, grid.offsets[0] + grid.step * found.places, found.lead)


def hold_pins(scores, grid, pinned, fwhm):
    """Rule out, in place, displacements that do not bring pinned lines to where they are expected.

    Parameters
    ----------
    scores : ndarray of float32, shape (segments, slopes, offsets)
    grid : Grid
    pinned : sequence of (float, float)
        Pixel of each line, and pixel at which it is expected.
    fwhm : float
        Width of the lines [pixel].
    """
    within = max(SEARCH.pinned * fwhm, SEARCH.pinned_in_steps * grid.step)
    for pixel, expected in pinned:
        segment = min(int(pixel / grid.length), SEARCH.segments - 1)
        shift = (pixel / grid.length - segment) * grid.step * grid.slopes[:, np.newaxis]
        off = np.abs(grid.offsets + shift - (expected - pixel)) > within
        scores[segment][off] = SEARCH.off_the_pin


def score_peaks(scores, grid, pixel, ranks, expected, line_ranks, covered):
    """Add to scores how well each displacement brings peaks to lines.

    Parameters
    ----------
    scores : ndarray of float32, shape (segments, slopes, offsets)
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
        step=grid.cell,
        size=grid.entries,
        reach=grid.reach,
        covered=covered,
    )
    tables = [
        table(expected, np.exp(-(line_ranks - 1) / (1.5 * brightest)), strangers=strangers)
        for brightest, strangers in zip((*SEARCH.rank_classes, SEARCH.last_rank), SEARCH.strangers)
    ]
    # Row n holds the entries that all offsets lead to from entry n.
    span = SEARCH.entries_per_step * (grid.offsets.size - 1) + 1
    windows = [
        np.lib.stride_tricks.sliding_window_view(each, span)[:, :: SEARCH.entries_per_step]
        for each in tables
    ]
    classes = np.searchsorted(SEARCH.rank_classes, ranks)
    segments = np.minimum((pixel / grid.length).astype(int), SEARCH.segments - 1)
    for at, rank_class, segment in zip(pixel, classes, segments):
        shift = (at / grid.length - segment) * grid.step * grid.slopes
        scores[segment] += windows[rank_class][grid.entry(at + shift + grid.offsets[0])]


def score_lines(scores, grid, pixel, ranks, expected, line_ranks, covered):
    """Add to scores how well each displacement brings bright lines to peaks; see `score_peaks`.

    Here it is the peaks that are known between the positions ``covered`` [pixel].
    """
    seen = coincidence_table(
        pixel,
        np.exp(-(ranks - 1) / SEARCH.peak_rank_scale),
        grid.sigma,
        grid.start,
        grid.cell,
        grid.entries,
        grid.reach,
        SEARCH.unseen,
        covered,
    )
    bright = line_ranks <= SEARCH.bright_line_rank
    lines, lesser = expected[bright], line_ranks[bright] > 1
    stretch = 1 + grid.step * grid.slopes[:, np.newaxis] / grid.length
    # From the start of a segment to where a line may be expected that is seen in it.
    ahead = np.arange(int(grid.length * stretch[-1, 0] / grid.cell) + 1) * grid.cell / stretch
    every = SEARCH.entries_per_step
    for segment in range(SEARCH.segments):
        first = segment * grid.length
        light = np.where(ahead < grid.length, seen.take(grid.entry(first + ahead)), 0)
        # Offset number n leads to entry - every * n: these entries next to each other.
        behind = [
            [weight * light[:, rest::every][:, ::-1] for rest in range(every)]
            for weight in (1.0, SEARCH.lesser_line)
        ]
        nearest = np.rint((lines - first - grid.offsets[0]) / grid.cell).astype(int)
        for entry, is_lesser in zip(nearest.tolist(), lesser.tolist()):
            last, rest = divmod(entry, every)
            met = behind[is_lesser][rest]
            begin = last - met.shape[1] + 1
            low, high = max(begin, 0), min(last + 1, grid.offsets.size)
            if low < high:
                scores[segment, :, low:high] += met[:, low - begin : high - begin]


def chance_score(peaks, expected, lines, size, reach=WIDE, pinned=()):
    """Best score that the same search finds in mirrored, hence wrong, catalogues.

    Parameters
    ----------
    peaks, expected, lines, size, reach, pinned : see `align`

    Returns
    -------
    float
    """
    return max(
        align(peaks, size - 1 - expected + shift * size, lines, size, reach, False, pinned).score
        for shift in SEARCH.decoy_shifts
    )
