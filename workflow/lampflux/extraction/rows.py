"""Which rows the lamp lights, and the part of the light that falls on each."""

from typing import NamedTuple

import numpy as np
from numpy.polynomial import Polynomial

from lampflux.extraction.projection import group_edges, of_rows, project_rows
from lampflux.extraction.traces import TRACES, box_sums_along, follow_traces, light_of_groups
from lampflux.statistics import box_sums, running_median


class LitLimits(NamedTuple):
    """What makes a row lit."""

    # Part of the light of the brightest rows; fibres may be weak, light between bundles is
    # fainter by far.
    part: float = 0.05
    # Times the noise of one row's light.
    significance: float = 5.0
    # Rows over which light is averaged, so that gaps between fibres stay lit.
    fibre_rows: int = 9
    # Rows added at both ends, for the wings of the outermost fibres.
    margin: int = 8
    # Rows between lit ones are lit where they are fewer: lines that lean are faint in some rows
    # until they stand upright.
    gap: int = 32
    # Where this part of the light lies in groups of columns that keep less than this part of
    # theirs, on this part of the rows that groups light, by this percentile, rows were chosen
    # wrongly.
    missed: float = 0.1
    kept: float = 0.9
    missed_rows: float = 0.4
    usual: float = 90.0


LIT = LitLimits()


class DeadRowSearch(NamedTuple):
    """What makes a row dead, or two together."""

    # Its light is the median over groups of columns with this part of the brightest one's power,
    # and this many at least.
    power: float = 0.05
    groups: int = 3
    # It holds less than this part of the light of its fainter neighbour, ...
    part: float = 0.02
    # ... and that more than this part of the brightest row within this many rows, and exceeds the
    # noise by this factor. Between Gaussian fibres two pixels wide or wider light falls less.
    crest: float = 0.05
    near: int = 5
    significance: float = 20.0
    # More rows than this, and than this part of the lit ones, are gaps between fibres.
    most: int = 3
    most_part: float = 0.02
    # It is filled with no more than this many times the light of the brighter neighbour.
    steepest: float = 2.0


DEAD = DeadRowSearch()


class LitRows(NamedTuple):
    """The rows that the clean spectrum is made of.

    ``rows``, an array of int; ``profile``, the light of each of them, or None where there are no
    lines; ``drift`` of the traces towards higher rows, of shape (columns,) [pixel]; whether each
    row is ``dead``.
    """

    rows: np.ndarray
    profile: np.ndarray | None
    drift: np.ndarray
    dead: np.ndarray


def lit_rows(profile, error):
    """Find the rows that the lamp lights.

    Parameters
    ----------
    profile : ndarray, shape (rows,)
        Light of each row, from `row_profile`.
    error : float
        1-sigma noise of one row's light.

    Returns
    -------
    ndarray of int
        The rows, in increasing order; empty where none outshines the noise.
    """
    size = min(LIT.fibre_rows, profile.size - 1 + profile.size % 2)
    # Averaged over fibres and gaps; the median keeps a single cosmic ray from lighting a row.
    smooth = box_sums(np.pad(profile, size // 2, mode="reflect"), size // 2) / size
    smooth = smooth[size // 2 : size // 2 + profile.size]
    smooth = np.minimum(smooth, 3 * np.maximum(running_median(profile, size), 0))
    bright = np.sort(smooth)[-1 - size // 2]
    if bright < LIT.significance * error:
        return np.empty(0, int)
    lit = smooth > max(LIT.part * bright, LIT.significance * error / np.sqrt(size))
    rows = np.flatnonzero(box_sums(lit, LIT.margin) > 0)
    if not rows.size:
        return rows
    every = np.arange(rows[0], rows[-1] + 1)
    above = rows[np.searchsorted(rows, every)]
    below = rows[np.searchsorted(rows, every, side="right") - 1]
    return every[above - below <= LIT.gap]


def dead_rows(groups, variance):
    """Find rows that hold hardly any light between two that hold much.

    Parameters
    ----------
    groups : lampflux.extraction.traces.Groups
    variance : float
        Variance of a pixel without light [ADU^2].

    Returns
    -------
    ndarray of bool, shape (rows,)
    """
    _, power, profiles = groups
    dead = np.zeros(len(profiles), bool)
    if np.count_nonzero(power > 0) < DEAD.groups or dead.size < 2 * DEAD.near:
        return dead
    # A cosmic ray changes the light of one group of columns.
    number = max(DEAD.groups, np.count_nonzero(power > DEAD.power * power.max()))
    strongest = np.argsort(-power)[:number]
    profile = np.median(profiles[:, strongest], axis=1)
    error = np.sqrt(variance / power[strongest].min())
    near = np.lib.stride_tricks.sliding_window_view(
        np.pad(profile, DEAD.near, mode="edge"), 2 * DEAD.near + 1
    ).max(axis=1)
    least = np.maximum(DEAD.crest * near, DEAD.significance * error)
    for number in (1, 2):
        size = profile.size - number - 1
        beside = np.minimum(profile[:size], profile[-size:])
        inner = [np.abs(profile[step:])[:size] for step in range(1, number + 1)]
        low = np.max(inner, axis=0) < DEAD.part * beside
        low &= beside > np.maximum(least[1:][:size], least[number:][:size])
        for step in range(1, number + 1):
            dead[step:][:size] |= low
    lit = np.count_nonzero(profile > DEAD.significance * error)
    return dead & (dead.sum() <= max(DEAD.most, DEAD.most_part * lit))


def with_missing_rows(profile, missing):
    """Give rows without any good pixel the light that rows on either side say.

    Parameters
    ----------
    profile : ndarray, shape (rows,)
        Light of each row.
    missing : ndarray of bool, shape (rows, columns)

    Returns
    -------
    ndarray, shape (rows,)
        The cubic through the logarithms of two rows on either side, which is exact for a Gaussian
        fibre; without light in all of them the straight line between the nearest.
    """
    lost = missing.all(axis=1)
    good = np.flatnonzero(~lost)
    if not lost.any() or not good.size:
        return profile
    filled = np.interp(np.arange(profile.size), good, profile[good])
    for row in np.flatnonzero(lost):
        after = np.searchsorted(good, row)
        around = good[max(after - 2, 0) : after + 2]
        if around.size == 4 and (profile[around] > 0).all():
            curve = Polynomial.fit(around, np.log(profile[around]), 3)
            filled[row] = min(np.exp(curve(row)), DEAD.steepest * profile[around].max())
    return filled


def miss_groups(rows, groups, variance):
    """Whether rows miss light of groups of columns, as where traces drift.

    Parameters
    ----------
    rows : ndarray of int
        Lit rows.
    groups : lampflux.extraction.traces.Groups
    variance : float
        Variance of a pixel without light [ADU^2].

    Returns
    -------
    bool
    """
    _, power, profiles = groups
    size = min(LIT.fibre_rows, len(profiles))
    smooth = box_sums_along(profiles, size) / size
    least = LIT.significance * np.sqrt(variance / power / size)
    smooth[smooth < np.maximum(least, LIT.part * smooth.max(axis=0))] = 0
    total = smooth.sum(axis=0)
    known = (total > 0) & (power > TRACES.least_power * power.max())
    if not known.any():
        return False
    outside = np.ones(len(profiles), bool)
    outside[rows] = False
    lit = (smooth > 0).sum(axis=0)
    missed = known & (smooth[outside].sum(axis=0) > (1 - LIT.kept) * total)
    # The track of a cosmic ray is shorter than a slit.
    missed &= (smooth[outside] > 0).sum(axis=0) > LIT.missed_rows * np.percentile(
        lit[known], LIT.usual
    )
    # Tracks lie in faint groups: beside bright lines they are a small part of the light.
    light = np.sqrt(power)
    return bool(light[missed].sum() > LIT.missed * light[known].sum())


def choose_rows(frame, background, weights, spikes, variance, wanted=None):
    """Choose the rows to make the clean spectrum of, and follow the traces in them.

    Parameters
    ----------
    frame, background, weights, spikes
        As in `lampflux.extraction.projection.project_rows`.
    variance : float
        Variance of a pixel without light [ADU^2].
    wanted : slice, optional
        Rows to take; without it, the lit ones.

    Returns
    -------
    LitRows
        All rows, without a profile, where there are no lines, or those that seem lit miss some.
    """
    rows = wanted or slice(0, frame.shape[0])
    everything = np.arange(rows.start, rows.stop)
    still, none = np.zeros(frame.shape[1]), np.zeros(everything.size, bool)
    if not weights.any():
        return LitRows(everything, None, still, none)
    frame, background, spikes = frame[rows], of_rows(background, rows), spikes.within(rows)
    edges = group_edges(weights, TRACES.groups)
    light, level = project_rows(frame, background, weights, spikes, edges)
    power = weights @ weights
    profile = light.sum(axis=1) / power
    groups = light_of_groups(light, level, weights, edges)
    drift = follow_traces(groups, weights.size, variance)
    dead = dead_rows(groups, variance)
    if wanted:
        return LitRows(everything, profile, drift, dead)
    if drift.any():
        steps = np.rint(drift[np.rint(groups.middle).astype(int)]).astype(int)
        profile = sum(np.roll(part, -step) for part, step in zip(light.T, steps)) / power
    lit = lit_rows(profile, np.sqrt(variance / power))
    if not lit.size:
        return LitRows(everything, None, still, none)
    if drift.any():
        low, high = lit[0] + np.floor(drift.min()), lit[-1] + np.ceil(drift.max())
        lit = np.arange(max(int(low), 0), min(int(high), frame.shape[0] - 1) + 1)
    if miss_groups(lit, groups, variance):
        return LitRows(everything, None, still, none)
    return LitRows(lit, profile[lit], drift, dead[lit])
