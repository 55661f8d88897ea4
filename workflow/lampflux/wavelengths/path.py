"""The best smooth path through scored states, and its lead over all others."""

from typing import NamedTuple

import numpy as np


class Path(NamedTuple):
    """The best path: its ``score``, its ``places`` at all knots, and its ``lead`` there.

    Places count the offsets from 0. The lead is over the best path that is elsewhere at the knot.
    """

    score: float
    places: np.ndarray
    lead: np.ndarray


def segment(slopes, width, dtype):
    """Make room for the scores of a segment, to be written at its start and read at its end.

    Parameters
    ----------
    slopes : ndarray of int
        They differ by 1.
    width : int
        Offsets.
    dtype : type

    Returns
    -------
    start, end : ndarray, shape (slopes, offsets)
        Views of the same scores: what begins at a place of ``start`` is found in ``end`` where its
        slope leads to.
    """
    rows, margin = slopes.size, np.abs(slopes).max()
    # With a margin on both sides, places that a row's slope leads to lie at equal distances.
    padded = np.full((rows, width + 2 * margin), -np.inf, dtype)
    row, place = padded.strides
    strides = row - place * (slopes[1] - slopes[0]), place
    begin = padded[0, margin - slopes[0] :]
    end = np.lib.stride_tricks.as_strided(begin, (rows, width), strides)
    return padded[:, margin : margin + width], end


def bends_from(mean, change, cost):
    """List the changes of slope that a path may make, and the cost of each.

    Parameters
    ----------
    mean, change : float
        Change of slope that costs nothing, and the largest departure from it [steps].
    cost : float
        Of a departure by one step, times its square.

    Returns
    -------
    steps : ndarray of int
    costs : ndarray of float32
    """
    steps = np.arange(int(np.ceil(mean - change)), int(np.floor(mean + change)) + 1)
    return steps, (cost * (steps - mean) ** 2).astype(np.float32)


def bent(scores, steps, costs):
    """Best score over the slopes that a path may come from.

    Parameters
    ----------
    scores : ndarray of float32, shape (slopes, offsets)
    steps, costs : ndarray
        As `bends_from` gives them.

    Returns
    -------
    ndarray of float32, shape (slopes, offsets)
    """
    rows, margin = len(scores), np.abs(steps).max()
    # With a margin on both sides, all slopes have others to come from.
    padded = np.empty((rows + 2 * margin, scores.shape[1]), scores.dtype)
    padded[margin : margin + rows] = scores
    padded[:margin] = padded[margin + rows :] = -np.inf
    result = padded[margin - steps[0] :][:rows] - costs[0]
    for step, cost in zip(steps[1:], costs[1:]):
        np.maximum(result, padded[margin - step :][:rows] - cost, out=result)
    return result


def forward(scores, slopes, bends):
    """Best scores of paths that enter each segment."""
    start, end = segment(slopes, scores.shape[2], scores.dtype)
    entering = [np.zeros_like(scores[0])]
    for score in scores[:-1]:
        np.add(entering[-1], score, out=start)
        entering.append(bent(end, *bends))
    return entering


def traced(total, entering, scores, slopes, bends):
    """Places at all knots of the best path that ends with some total scores.

    Which slope it came from is found again: for one path that is quicker than to note it for all.
    """
    steps, costs = bends
    row, place = np.unravel_index(np.argmax(total), total.shape)
    places = [place + slopes[row], place]
    for before, score in zip(entering[-2::-1], scores[-2::-1]):
        rows = row - steps
        known = (rows >= 0) & (rows < len(slopes))
        rows, paid = rows[known], costs[known]
        starts = place - slopes[rows]
        known = (starts >= 0) & (starts < total.shape[1])
        rows, starts, paid = rows[known], starts[known], paid[known]
        best = np.argmax(before[rows, starts] + score[rows, starts] - paid)
        row, place = rows[best], starts[best]
        places.append(place)
    return np.array(places[::-1])


def best_path(scores, slopes, means, change, cost, same=None):
    """Find the best path through the segments by dynamic programming (Viterbi 1967).

    Parameters
    ----------
    scores : ndarray of float32, shape (segments, slopes, offsets)
        Score of each segment for a path that runs with a slope from an offset.
    slopes : ndarray of int
        Slopes [offsets per segment], in steps of 1.
    means : sequence of float
        Changes of slope between segments that cost nothing; a path keeps to one of them.
    change, cost : float
        See `bends_from`.
    same : float, optional
        Paths this close are the same; without, the lead is not asked for.

    Returns
    -------
    Path
    """
    paths = []
    for mean in means:
        bends = bends_from(mean, change, cost)
        entering = forward(scores, slopes, bends)
        total = entering[-1] + scores[-1]
        score = float(total.max())
        # Rivals matter for the lead only.
        if same is not None or not paths or score > paths[-1][0]:
            paths.append((score, traced(total, entering, scores, slopes, bends), mean))
    score, places, mean = max(paths, key=lambda path: path[0])
    if same is None:
        return Path(score, places, None)
    lead = marginal_lead(scores, slopes, mean, change, cost, same, places) + score
    for rival, elsewhere, _ in paths:
        apart = np.abs(elsewhere - places) > same
        lead[apart] = np.minimum(lead[apart], score - rival)
    return Path(score, places, lead)


def marginal_lead(scores, slopes, mean, change, cost, same, places):
    """Negative best scores of paths that are elsewhere at each knot: forward and backward sums."""
    entering = forward(scores, slopes, bends_from(mean, change, cost))
    back = bends_from(-mean, change, cost)
    ahead = scores[-1]
    start, end = segment(slopes, scores.shape[2], scores.dtype)
    np.add(entering[-1], ahead, out=start)
    ends = [end.max(axis=0), start.max(axis=0)]
    start, end = segment(-slopes, scores.shape[2], scores.dtype)
    for arrived, score in zip(entering[-2::-1], scores[-2::-1]):
        start[:] = bent(ahead, *back)
        ahead = score + end
        ends.append((arrived + ahead).max(axis=0))
    numbers = np.arange(scores.shape[2])
    return np.array(
        [
            -np.max(end, where=np.abs(numbers - place) > same, initial=-np.inf)
            for end, place in zip(ends[::-1], places)
        ]
    )
