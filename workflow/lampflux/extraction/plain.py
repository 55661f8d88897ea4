"""The plain sum of a frame over its rows."""

from typing import NamedTuple

import numpy as np


class PlainSum(NamedTuple):
    """A frame summed over its rows as it is, arrays of shape (columns,).

    ``counts`` above the background [ADU], NaN in a column without a good pixel, and the number of
    pixels that are ``missing`` from each sum.
    """

    counts: np.ndarray
    missing: np.ndarray


def finite(counts):
    """Whether each count is finite; True, without a look at them, if all are whole numbers."""
    return True if counts.dtype.kind in "iu" else np.isfinite(counts)


def sum_along_slit(frame, background):
    """Sum a frame over its rows after subtracting a background, in float64.

    Parameters
    ----------
    frame : ndarray, shape (rows, columns)
        Raw counts [ADU], any number type.
    background : ndarray, shape (rows, columns) or (columns,)
        Dark frame or bias [ADU].

    Returns
    -------
    PlainSum
        Pixels where frame or background is not finite are left out and counted.
    """
    good = finite(frame) & finite(background)
    missing = frame.shape[0] - np.broadcast_to(good, frame.shape).sum(axis=0)
    # Summed separately, whole numbers stay exact and unsigned ones cannot wrap.
    counts = np.sum(frame, axis=0, dtype=float, where=good) - np.sum(
        np.broadcast_to(background, frame.shape), axis=0, dtype=float, where=good
    )
    counts[missing == frame.shape[0]] = np.nan
    return PlainSum(counts, missing)


def row_slice(rows, height):
    """Turn the config's rows, 'lit', 'all' or (first, last), into a slice of the frame."""
    return slice(0, height) if rows in ("lit", "all") else slice(rows[0], rows[1] + 1)
