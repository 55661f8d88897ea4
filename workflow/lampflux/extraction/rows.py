"""Which rows the lamp lights, and the part of the light that falls on each."""

from typing import NamedTuple

import numpy as np

from lampflux.extraction.projection import of_rows, project_rows
from lampflux.extraction.traces import TRACES, box_sums_along, follow_traces, pair_profiles
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
    # Where this many groups of columns, and this part of them, keep less than this part of their
    # light, traces may drift.
    missed: int = 3
    missed_part: float = 0.1
    kept: float = 0.9


LIT = LitLimits()


class LitRows(NamedTuple):
    """The rows that the clean spectrum is made of.

    ``rows``, an array of int; ``profile``, the light of each of them, or None where there are no
    lines; ``drift`` of the traces towards higher rows, of shape (columns,) [pixel]; whether traces
    ``may_drift`` that could not be followed.
    """

    rows: np.ndarray
    profile: np.ndarray | None
    drift: np.ndarray
    may_drift: bool = False


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


def miss_groups(lit, light, level, weights, variance):
    """Whether rows miss light of several groups of columns, as where traces drift.

    Parameters
    ----------
    lit : ndarray of int
        Lit rows.
    light, level : ndarray, shape (rows, groups)
        As `lampflux.extraction.projection.project_rows` gives them.
    weights : ndarray, shape (columns,)
        Light of lines [ADU].
    variance : float
        Variance of a pixel without light [ADU^2].

    Returns
    -------
    bool
    """
    # Traces drift by no more than the rows that are lit, on either side.
    near = slice(max(lit[0] - lit.size, 0), lit[-1] + lit.size + 1)
    _, power, profiles = pair_profiles(light[near], level[near], weights)
    size = min(LIT.fibre_rows, len(profiles))
    smooth = box_sums_along(profiles, size) / size
    smooth[smooth < LIT.significance * np.sqrt(variance / power / size)] = 0
    total = smooth.sum(axis=0)
    known = (total > 0) & (power > TRACES.least_power * power.max())
    missed = known & (smooth[lit - near.start].sum(axis=0) < LIT.kept * total)
    return bool(missed.sum() >= max(LIT.missed, LIT.missed_part * known.sum()))


def choose_rows(frame, background, weights, spikes, variance, wanted=None, drift=None):
    """Choose the rows to make the clean spectrum of, and follow the traces in them.

    Parameters
    ----------
    frame, background, weights, spikes
        As in `lampflux.extraction.projection.project_rows`.
    variance : float
        Variance of a pixel without light [ADU^2].
    wanted : slice, optional
        Rows to take; without it, the lit ones.
    drift : ndarray, shape (columns,), optional
        Drift of the traces towards higher rows [pixel]; without it, they are followed here.

    Returns
    -------
    LitRows
    """
    rows = wanted or slice(0, frame.shape[0])
    everything = np.arange(rows.start, rows.stop)
    columns = frame.shape[1]
    still = np.zeros(columns)
    if not weights.any():
        return LitRows(everything, None, still)
    frame, background, spikes = frame[rows], of_rows(background, rows), spikes.within(rows)
    light, level = project_rows(frame, background, weights, spikes, TRACES.groups)
    profile = light.sum(axis=1) / (weights @ weights)
    drift = follow_traces(light, level, weights, variance) if drift is None else drift
    if wanted:
        return LitRows(everything, profile, drift)
    if drift.any():
        parts = np.array_split(drift, TRACES.groups)
        steps = [int(np.rint(part.mean())) for part in parts]
        profile = sum(np.roll(part, -step) for part, step in zip(light.T, steps)) / (
            weights @ weights
        )
    lit = lit_rows(profile, np.sqrt(variance / (weights @ weights)))
    if not lit.size:
        return LitRows(everything, None, still)
    leaning = not drift.any() and miss_groups(lit, light, level, weights, variance)
    if drift.any():
        low, high = lit[0] + np.floor(drift.min()), lit[-1] + np.ceil(drift.max())
        lit = np.arange(max(int(low), 0), min(int(high), frame.shape[0] - 1) + 1)
    return LitRows(lit, profile[lit], drift, leaning)
