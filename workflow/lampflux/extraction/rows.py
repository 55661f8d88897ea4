"""Which rows the lamp lights, and the part of the light that falls on each."""

from typing import NamedTuple

import numpy as np

from lampflux.extraction.drift import measure_drift
from lampflux.extraction.projection import of_rows, row_profile
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


LIT = LitLimits()


class LitRows(NamedTuple):
    """The rows that the clean spectrum is made of.

    ``rows``, an array of int; ``profile``, the light of each of them, or None where there are no
    lines to tell it by; ``drift``, the largest drift of the traces against their mean [pixel];
    ``stray``, the part of the light in them that is stray, and its error.
    """

    rows: np.ndarray
    profile: np.ndarray | None = None
    drift: float = 0.0


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
    return np.flatnonzero(box_sums(lit, LIT.margin) > 0)


def choose_rows(frame, background, weights, variance, wanted=None):
    """Choose the rows to make the clean spectrum of.

    Parameters
    ----------
    frame, background, weights
        As in `row_profile`.
    variance : float
        Variance of a pixel without light [ADU^2].
    wanted : slice, optional
        Rows to take; without it, the lit ones.

    Returns
    -------
    LitRows
    """
    everything = np.arange(frame.shape[0])[wanted or slice(None)]
    if not weights.any():
        return LitRows(everything)
    profile = row_profile(frame, background, weights)
    if wanted:
        return LitRows(everything, profile[everything])
    lit = lit_rows(profile, np.sqrt(variance / (weights @ weights)))
    if not lit.size:
        return LitRows(everything)
    lit, drift = rows_of_traces(frame, background, weights, lit)
    return LitRows(lit, row_profile(frame[lit], of_rows(background, lit), weights), drift)


def rows_of_traces(frame, background, weights, lit):
    """Add rows that drifting traces light in a few columns only.

    Parameters
    ----------
    frame, background, weights
        As in `row_profile`.
    lit : ndarray of int
        Rows that are lit on average over the columns.

    Returns
    -------
    lit : ndarray of int
    drift : float
        Largest drift of the traces against their mean [pixel].
    """
    net = frame[lit].astype(np.float32)
    net -= of_rows(background, lit)
    drift = float(np.abs(measure_drift(np.nan_to_num(net), weights)).max())
    reach = int(np.ceil(drift))
    near = lit[:, np.newaxis] + np.arange(-reach, reach + 1)
    return np.unique(np.clip(near, 0, frame.shape[0] - 1)), drift
