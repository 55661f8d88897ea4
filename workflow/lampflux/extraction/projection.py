"""The rows of a frame projected on the light of its lines."""

import numpy as np

# Rows that are projected at a time, so that a frame needs little memory.
BAND = 256


def of_rows(background, rows):
    """Background of some rows: a dark's, or the bias of each column, which all rows share."""
    return background[rows] if background.ndim == 2 else background


def project_rows(frame, background, weights, spikes, groups):
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
    groups : int

    Returns
    -------
    light : ndarray, shape (rows, groups)
        Sum of weights times counts above the background.
    level : ndarray, shape (rows, groups)
        Sum of counts above the background.
    """
    columns = frame.shape[1]
    sizes = [part.size for part in np.array_split(weights, groups)]
    edges = np.concatenate([[0], np.cumsum(sizes)])
    both = np.stack([weights, np.ones(columns)], axis=1).astype(np.float32)
    result = np.empty((frame.shape[0], groups, 2), np.float32)
    for first in range(0, frame.shape[0], BAND):
        rows = slice(first, first + BAND)
        net = frame[rows].astype(np.float32)
        net -= of_rows(background, rows)
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
        net = frame[rows].astype(np.float32)
        net -= of_rows(background, rows)
        if cap is not None:
            np.clip(net, -cap, cap, out=net)
        light = net @ weights
        blank = ~np.isfinite(light)
        if blank.any():
            light[blank] = np.nan_to_num(net[blank], nan=0, posinf=0, neginf=0) @ weights
        profile[rows] = light
    return profile
