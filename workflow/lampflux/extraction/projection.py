"""The rows of a frame projected on the light of its lines."""

import numpy as np

# Rows that are projected at a time, so that they stay in the processor's cache.
BAND = 128
# Fewest columns of a group.
NARROWEST = 8


def of_rows(background, rows):
    """Background of some rows: a dark's, or the bias of each column, which all rows share."""
    return background[rows] if background.ndim == 2 else background


def above_background(frame, background, rows):
    """Take the background off some rows, in single precision [ADU]."""
    return frame[rows].astype(np.float32) - of_rows(background, rows).astype(np.float32)


def group_edges(weights, groups):
    """Divide columns into groups about alike in size, between lines where there is a gap.

    Parameters
    ----------
    weights : ndarray, shape (columns,)
        As `lampflux.extraction.lines.line_weights` gives them [ADU].
    groups : int

    Returns
    -------
    ndarray of int, shape (groups + 1,)
        First column of each group, and the number of columns.
    """
    groups = max(min(groups, weights.size // NARROWEST), 1)
    even = np.linspace(0, weights.size, groups + 1).astype(int)
    reach = weights.size // groups // 2
    light = np.clip(weights, 0, None)
    edges = even.copy()
    for number in range(1, groups):
        first = max(even[number] - reach, edges[number - 1] + 1)
        near = np.arange(first, max(even[number] + reach, first + 1))
        # The light that a cut would part: of columns as dark, the nearest to the middle.
        cut = np.minimum(light[near - 1], light[near])
        edges[number] = near[np.lexsort((np.abs(near - even[number]), cut))[0]]
    return edges


def project_rows(frame, background, weights, spikes, edges):
    """Project every row on the light of the lines, in groups of columns.

    Parameters
    ----------
    frame : ndarray, shape (rows, columns)
        Raw counts [ADU].
    background : ndarray, shape (rows, columns) or (columns,)
        Dark or bias [ADU].
    weights : ndarray, shape (columns,)
        As `lampflux.extraction.lines.line_weights` gives them [ADU].
    spikes : lampflux.extraction.spikes.Spikes
        Pixels to leave out.
    edges : ndarray of int, shape (groups + 1,)
        As `group_edges` gives them.

    Returns
    -------
    light : ndarray, shape (rows, groups)
        Sum of weights times counts above the background.
    level : ndarray, shape (rows, groups)
        Sum of counts above the background.
    """
    columns = frame.shape[1]
    both = np.stack([weights, np.ones(columns)], axis=1).astype(np.float32)
    result = np.empty((frame.shape[0], edges.size - 1, 2), np.float32)
    for first in range(0, frame.shape[0], BAND):
        rows = slice(first, first + BAND)
        net = above_background(frame, background, rows)
        unknown = ~np.isfinite(net)
        if unknown.any():
            net[unknown] = 0
        for group, (start, stop) in enumerate(zip(edges[:-1], edges[1:])):
            result[rows, group] = net[:, start:stop] @ both[start:stop]
    group = np.searchsorted(edges, spikes.columns, side="right") - 1
    spiked = spikes.counts[:, np.newaxis] * both[spikes.columns]
    np.subtract.at(result, (spikes.rows, group), spiked)
    return result[..., 0], result[..., 1]


def row_profile(frame, background, weights, cap=None):
    """Project every row on the light of the lines: the part of the light that falls on it.

    Parameters
    ----------
    frame : ndarray, shape (rows, columns)
        Raw counts [ADU].
    background : ndarray, shape (rows, columns) or (columns,)
        Dark or bias [ADU].
    weights : ndarray, shape (columns,)
        As `lampflux.extraction.lines.line_weights` gives them [ADU].
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
        net = above_background(frame, background, rows)
        if cap is not None:
            np.clip(net, -cap, cap, out=net)
        light = net @ weights
        blank = ~np.isfinite(light)
        if blank.any():
            light[blank] = np.nan_to_num(net[blank], nan=0, posinf=0, neginf=0) @ weights
        profile[rows] = light
    return profile
