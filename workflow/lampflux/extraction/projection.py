"""The rows of a frame projected on the light of its lines."""

import numpy as np

# Rows that are projected at a time, so that a frame needs little memory.
BAND = 256


def of_rows(background, rows):
    """Background of some rows: a dark's, or the bias of each column, which all rows share."""
    return background[rows] if background.ndim == 2 else background


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
