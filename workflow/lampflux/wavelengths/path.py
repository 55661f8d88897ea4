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


def moved(scores, slopes):
    """Carry scores along slopes, which differ by 1, from the start of a segment to its end."""
    rows, width = scores.shape
    margin = np.abs(slopes).max()
    # With a margin on both sides, places that a row's slope leads to lie at equal distances.
    padded = np.full((rows, width + 2 * margin), -np.inf, scores.dtype)
    padded[:, margin : margin + width] = scores
    row, place = padded.strides
    begin = padded[0, margin - slopes[0] :]
    strides = row - place * (slopes[1] - slopes[0]), place
    return np.lib.stride_tricks.as_strided(begin, scores.shape, strides)


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
    padded = np.full((rows + 2 * margin, scores.shape[1]), -np.inf, scores.dtype)
    padded[margin : margin + rows] = scores
    result = padded[margin - steps[0] :][:rows] - costs[0]
    for step, cost in zip(steps[1:], costs[1:]):
        np.maximum(result, padded[margin - step :][:rows] - cost, out=result)
    return result


def forward(scores, slopes, bends):
    """Best scores of paths that enter each segment."""
    entering = [np.zeros_like(scores[0])]
    for score in scores[:-1]:
        entering.append(bent(moved(entering[-1] + score, slopes), *bends))
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
    ends = [moved(entering[-1] + scores[-1], slopes).max(axis=0)]
    ahead = scores[-1]
    ends.append((entering[-1] + ahead).max(axis=0))
    for arrived, score in zip(entering[-2::-1], scores[-2::-1]):
        ahead = score + moved(bent(ahead, *back), -slopes)
        ends.append((arrived + ahead).max(axis=0))
    numbers = np.arange(scores.shape[2])
    return np.array(
        [
            -np.max(end, where=np.abs(numbers - place) > same, initial=-np.inf)
            for end, place in zip(ends[::-1], places)
        ]
    )
