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
    """Carry scores along their slopes from the start of a segment to its end."""
    result = np.full_like(scores, -np.inf)
    for row, slope in enumerate(slopes):
        if slope >= 0:
            result[row, slope:] = scores[row, : scores.shape[1] - slope]
        else:
            result[row, :slope] = scores[row, -slope:]
    return result


def bent(scores, mean, change, cost):
    """Best score over the slopes that a path may come from, and the change from there.

    Parameters
    ----------
    scores : ndarray, shape (slopes, offsets)
    mean, change : float
        Change of slope that costs nothing, and the largest departure from it [steps].
    cost : float
        Of a departure by one step, times its square.

    Returns
    -------
    scores : ndarray, shape (slopes, offsets)
    changes : ndarray of int8, shape (slopes, offsets)
    """
    result = np.full_like(scores, -np.inf)
    changes = np.zeros(scores.shape, np.int8)
    for step in range(int(np.ceil(mean - change)), int(np.floor(mean + change)) + 1):
        first, shared = max(step, 0), scores.shape[0] - abs(step)
        here = slice(first, first + shared)
        other = scores[first - step :][:shared] - np.float32(cost * (step - mean) ** 2)
        better = other > result[here]
        np.copyto(result[here], other, where=better)
        np.copyto(changes[here], np.int8(step), where=better)
    return result, changes


def forward(scores, slopes, mean, change, cost):
    """Best scores of paths that enter each segment, and the changes of slope that led there."""
    entering, changes = [np.zeros_like(scores[0])], []
    for score in scores[:-1]:
        arrived, changed = bent(moved(entering[-1] + score, slopes), mean, change, cost)
        entering.append(arrived)
        changes.append(changed)
    return entering, changes


def traced(total, changes, slopes):
    """Places at all knots of the best path that ends with some total scores."""
    row, place = np.unravel_index(np.argmax(total), total.shape)
    places = [place + slopes[row], place]
    for changed in reversed(changes):
        row -= changed[row, place]
        place -= slopes[row]
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
        See `bent`.
    same : float, optional
        Paths this close are the same; without, the lead is not asked for.

    Returns
    -------
    Path
    """
    paths = []
    for mean in means:
        entering, changes = forward(scores, slopes, mean, change, cost)
        total = entering[-1] + scores[-1]
        paths.append((float(total.max()), traced(total, changes, slopes), mean))
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
    entering, _ = forward(scores, slopes, mean, change, cost)
    ends = [moved(entering[-1] + scores[-1], slopes).max(axis=0)]
    ahead = scores[-1]
    ends.append((entering[-1] + ahead).max(axis=0))
    for arrived, score in zip(entering[-2::-1], scores[-2::-1]):
        best, _ = bent(ahead, -mean, change, cost)
        ahead = score + moved(best, -slopes)
        ends.append((arrived + ahead).max(axis=0))
    numbers = np.arange(scores.shape[2])
    return np.array(
        [
            -np.max(end, where=np.abs(numbers - place) > same, initial=-np.inf)
            for end, place in zip(ends[::-1], places)
        ]
    )
