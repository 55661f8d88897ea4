"""Which rows the lamp lights, and the part of the light that falls on each."""

from typing import NamedTuple

import numpy as np

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


class LitRows(NamedTuple):
    """The rows that the clean spectrum is made of.

    ``rows``, an array of int; ``profile``, the light of each of them, or None where there are no
    lines; ``drift`` of the traces towards higher rows, of shape (columns,) [pixel].
    """

    rows: np.ndarray
    profile: np.ndarray | None
    drift: np.ndarray


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
    still = np.zeros(frame.shape[1])
    if not weights.any():
        return LitRows(everything, None, still)
    frame, background, spikes = frame[rows], of_rows(background, rows), spikes.within(rows)
    edges = group_edges(weights, TRACES.groups)
    light, level = project_rows(frame, background, weights, spikes, edges)
    power = weights @ weights
    profile = light.sum(axis=1) / power
    groups = light_of_groups(light, level, weights, edges)
    drift = follow_traces(groups, weights.size, variance)
    if wanted:
        return LitRows(everything, profile, drift)
    if drift.any():
        steps = np.rint(drift[np.rint(groups.middle).astype(int)]).astype(int)
        profile = sum(np.roll(part, -step) for part, step in zip(light.T, steps)) / power
    lit = lit_rows(profile, np.sqrt(variance / power))
    if not lit.size:
        return LitRows(everything, None, still)
    if drift.any():
        low, high = lit[0] + np.floor(drift.min()), lit[-1] + np.ceil(drift.max())
        lit = np.arange(max(int(low), 0), min(int(high), frame.shape[0] - 1) + 1)
    if miss_groups(lit, groups, variance):
        return LitRows(everything, None, still)
    return LitRows(lit, profile[lit], drift)
