"""Which rows the lamp lights, and how much light each takes."""

from typing import NamedTuple

import numpy as np

from lampflux.extraction.slit import trace_drift
from lampflux.statistics import box_sums, continuum, noise, running_median

# Rows that are read at a time, so that a frame needs little memory.
BAND = 256
# Lit rows take this part of the light of the brightest ones; fibres may be weak, light between
# bundles is fainter by far.
LIT = 0.05
# Rows about a row over which its light is averaged, so that gaps between fibres stay lit.
FIBRE_ROWS = 9
# Rows added at both ends of lit rows, for the wings of the outermost fibres.
MARGIN = 8
# Lit rows outshine the noise of a row by this factor.
SIGNIFICANT = 5.0


class LitRows(NamedTuple):
    """The rows that the clean spectrum is made of.

    ``rows``, an array of int; ``profile``, the light of each of them, or None where there are no
    lines to tell it by; ``drift``, the largest drift of the traces against their mean [pixel];
    ``stray``, the part of the light in them that is stray, and its error.
    """

    rows: np.ndarray
    profile: np.ndarray | None = None
    drift: float = 0.0
    stray: tuple[float, float] = (0.0, 0.0)


def of_rows(background, rows):
    """Background of some rows: a dark's, or the bias of each column, which all rows share."""
    return background[rows] if background.ndim == 2 else background


def line_light(spectrum, amplifiers):
    """Tell where the light of lines falls, as weights by which rows are compared.

    Parameters
    ----------
    spectrum : ndarray, shape (columns,)
        Frame summed over its rows [ADU]; NaN columns get no weight.
    amplifiers : list of (int, int)
        First and last column of each amplifier.

    Returns
    -------
    ndarray, shape (columns,)
        Light above continuum and noise [ADU], minus its mean in each amplifier: a level that is
        constant along an amplifier's part of a row then weighs nothing. All zero without lines.
    """
    known = np.isfinite(spectrum)
    if not known.any():
        return np.zeros(spectrum.size)
    columns = np.arange(spectrum.size)
    filled = np.interp(columns, columns[known], spectrum[known])
    light = filled - continuum(filled, max(40, filled.size // 40))
    light[~known | (light < SIGNIFICANT * noise(filled))] = 0
    for first, last in amplifiers:
        part = first + np.flatnonzero(known[first : last + 1])
        if part.size:
            light[part] -= light[part].mean()
    return light


def row_profile(frame, background, weights, cap=None):
    """Project every row on the light of the lines: the part of the light that it takes.

    Parameters
    ----------
    frame : ndarray, shape (rows, columns)
        Raw counts [ADU].
    background : ndarray, shape (rows, columns) or (columns,)
        Dark or bias [ADU].
    weights : ndarray, shape (columns,)
        As `line_light` gives them [ADU].
    cap : ndarray, shape (columns,), optional
        Farthest from zero that a pixel may be [ADU]; cosmic rays are cut off there.

    Returns
    -------
    ndarray, shape (rows,)
        Least-squares amplitude of the lines in each row; about 1 in all.
    """
    weights = weights / (weights @ weights)
    profile = np.empty(frame.shape[0])
    for first in range(0, frame.shape[0], BAND):
        rows = slice(first, first + BAND)
        net = frame[rows].astype(np.float32)
        net -= of_rows(background, rows)
        if cap is not None:
            np.clip(net, -cap, cap, out=net)
        light = net @ weights
        spoiled = ~np.isfinite(light)
        if spoiled.any():
            light[spoiled] = np.nan_to_num(net[spoiled], nan=0, posinf=0, neginf=0) @ weights
        profile[rows] = light
    return profile


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
    size = min(FIBRE_ROWS, profile.size - 1 + profile.size % 2)
    # Averaged over fibres and gaps; the median keeps a single cosmic ray from lighting a row.
    smooth = box_sums(np.pad(profile, size // 2, mode="reflect"), size // 2) / size
    smooth = smooth[size // 2 : size // 2 + profile.size]
    smooth = np.minimum(smooth, 3 * np.maximum(running_median(profile, size), 0))
    bright = np.sort(smooth)[-1 - size // 2]
    if bright < SIGNIFICANT * error:
        return np.empty(0, int)
    lit = smooth > max(LIT * bright, SIGNIFICANT * error / np.sqrt(size))
    return np.flatnonzero(box_sums(lit, MARGIN) > 0)


def choose_rows(frame, background, weights, variance, wanted):
    """Choose the rows to make the clean spectrum of.

    Parameters
    ----------
    frame, background, weights
        As in `row_profile`.
    variance : float
        Variance of a pixel without light [ADU^2].
    wanted : slice or None
        Rows that the config names; None to find the lit ones.

    Returns
    -------
    LitRows
        Without stray light.
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
    drift = float(np.abs(trace_drift(np.nan_to_num(net), weights)).max())
    reach = int(np.ceil(drift))
    near = lit[:, np.newaxis] + np.arange(-reach, reach + 1)
    return np.unique(np.clip(near, 0, frame.shape[0] - 1)), drift
