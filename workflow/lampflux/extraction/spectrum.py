"""The plain sum of a frame, and checks of what is summed."""

import numpy as np

from lampflux.errors import UserError
from lampflux.extraction.detector import NOISE_ROWS, saturated_columns
from lampflux.extraction.rows import line_light
from lampflux.files import exposure as files

# A pixel is darker in the frame than in the dark by so many standard deviations, ...
BRIGHTER = 5.0
# ... and a dark brighter than the frame where such pixels outnumber brighter ones by this part.
DARKER_PART = 0.005


def known(counts):
    """Tell which counts are known; whole numbers all are, and need no looking at."""
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
    spectrum : ndarray, shape (columns,)
        Summed counts [ADU]; NaN in a column without a good pixel.
    missing : ndarray of int, shape (columns,)
        Pixels left out of each column's sum because frame or background is not finite there.
    """
    good = known(frame) & known(background)
    missing = frame.shape[0] - np.broadcast_to(good, frame.shape).sum(axis=0)
    # Summed apart, whole numbers stay exact and unsigned ones cannot wrap.
    spectrum = np.sum(frame, axis=0, dtype=float, where=good) - np.sum(
        np.broadcast_to(background, frame.shape), axis=0, dtype=float, where=good
    )
    spectrum[missing == frame.shape[0]] = np.nan
    return spectrum, missing


def row_slice(rows, height, path):
    """Turn the config's rows, 'lit', 'all' or [first, last], into a slice of the plain sum."""
    if rows in ("lit", "all"):
        return slice(0, height)
    first, last = rows
    if not first <= last < height:
        raise UserError(
            f"{path} has rows 0 to {height - 1}, but the config sums rows {first} to {last}; "
            "correct rows in the config."
        )
    return slice(first, last + 1)


def check_pixels(frame, path):
    """Refuse a frame without a good pixel, or one whose pixels are all the same."""
    good = frame[np.isfinite(frame)] if frame.dtype.kind == "f" else frame
    if good.size == 0:
        raise UserError(f"{path} has no good pixel; give the raw frame.")
    if good.min() == good.max():
        raise UserError(
            f"{path} holds no exposure: every pixel is {good.flat[0]:g} ADU; give the raw frame."
        )


def check_dark(frame, dark, variance, path, dark_path):
    """Refuse a dark that is the frame itself, or brighter.

    Parameters
    ----------
    frame, dark : ndarray, shape (rows, columns)
        Raw counts [ADU].
    variance : float
        Variance of a pixel without light, frame and dark together [ADU^2].
    path, dark_path : str
        For messages.

    Raises
    ------
    UserError
        Their pixels are the same, or many more are darker in the frame than are brighter.
    """
    step = max(frame.shape[0] // NOISE_ROWS, 1)
    net = frame[::step].astype(np.float32) - dark[::step].astype(np.float32)
    if not np.nan_to_num(net).any() and np.array_equal(frame, dark, equal_nan=True):
        raise UserError(
            f"{dark_path} holds the same pixels as {path}, frame and dark at once; give the dark."
        )
    reach = BRIGHTER * np.sqrt(variance)
    darker, brighter = np.count_nonzero(net < -reach), np.count_nonzero(net > reach)
    if darker - brighter > DARKER_PART * net.size:
        raise UserError(
            f"{dark_path} is brighter than {path}; check that they are not mixed up, or give "
            "another dark."
        )


def read_exposure(path, spatial_axis, seconds, settings):
    """Read a frame or dark; refuse one that is not of these seconds, or blank."""
    frame = files.read_exposure(path, seconds, spatial_axis, settings)
    check_pixels(frame.counts, path)
    return frame


def light_of_lines(frame, spectrum, width, detector):
    """Weights of `line_light`, without the lines that saturate unless there are no others."""
    spoiled = saturated_columns(frame, detector.saturation, width)
    weights = line_light(np.where(spoiled, np.nan, spectrum), detector.amplifiers)
    return weights if weights.any() else line_light(spectrum, detector.amplifiers)
