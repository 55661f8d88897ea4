"""Refuse a dark that is the frame itself, brighter than it, or taken with the lamp on."""

from typing import NamedTuple

import numpy as np

from lampflux.errors import UserError
from lampflux.extraction.detector import noise_rows, pixel_variance
from lampflux.extraction.projection import above_background
from lampflux.statistics import robust_scatter


class DarkCheck(NamedTuple):
    """When a dark is brighter than its frame, or shows the lamp."""

    # Pixels that differ by this many standard deviations count.
    significance: float = 5.0
    # The darker ones may outnumber the brighter ones by this part of all pixels; cosmic rays in
    # an hour's dark hit fewer.
    darker_part: float = 0.005
    # Brightest rows, in which lines are compared.
    rows: int = 32
    # Columns of a block, wider than lines, whose median is the level beneath them.
    block: int = 64
    # Light of lines that is compared: this many standard deviations above that level. A tenth of
    # it would still be seen in most pixels.
    bright: float = 20.0
    # Fewest rows of a column, and columns, with such light.
    fewest_rows: int = 3
    fewest_columns: int = 8
    # Part of the lamp's light in a dark that is too much: fluxes are too faint by it.
    lamp_part: float = 0.01


DARK_CHECK = DarkCheck()


def check_dark(frame, dark, path, dark_path):
    """Refuse a dark that is the frame itself, brighter, or shows the lines of the frame.

    Parameters
    ----------
    frame, dark : ndarray, shape (rows, columns)
        Raw counts [ADU].
    path, dark_path : str
        For messages.

    Raises
    ------
    UserError
        Their pixels are the same, many more are darker in the frame than are brighter, or the
        dark has light where the lines of the frame are.
    """
    some = noise_rows(frame.shape[0])
    net = above_background(frame, dark, some)
    if not np.nan_to_num(net).any() and np.array_equal(frame, dark, equal_nan=True):
        raise UserError(f"{dark_path} is the same image as {path}; give the dark.")
    variance = pixel_variance(frame[some], dark[some])
    if variance is None:
        return
    part = lamp_part(frame, dark, variance)
    if part > DARK_CHECK.lamp_part:
        raise UserError(
            f"{dark_path} shows the lines of {path}, {100 * part:.2g} % as bright: the lamp was "
            "on; give another dark."
        )
    reach = DARK_CHECK.significance * np.sqrt(variance)
    darker, brighter = np.count_nonzero(net < -reach), np.count_nonzero(net > reach)
    if darker - brighter > DARK_CHECK.darker_part * net.size:
        raise UserError(
            f"{dark_path} is brighter than {path}; check that they are not mixed up, or give "
            "another dark."
        )


def lamp_part(frame, dark, variance):
    """Measure how bright the lines of a frame are in its dark.

    Median over the columns of the dark's light over the frame's, both above the level beneath the
    lines, in pixels that the dark alone does not make bright: neither cosmic rays, hot pixels nor
    offsets of single columns count.

    Parameters
    ----------
    frame, dark : ndarray, shape (rows, columns)
        Raw counts [ADU].
    variance : float
        Of a pixel without light, frame and dark together [ADU^2].

    Returns
    -------
    float
        0 where it is not above its error `DARK_CHECK.significance` times.
    """
    totals = np.nan_to_num(frame.sum(axis=1, dtype=float))
    bright_rows = np.argsort(totals)[-DARK_CHECK.rows :]
    light, leak = (above_level(image[bright_rows]) for image in (frame, dark))
    with np.errstate(invalid="ignore"):
        bright = light - leak > DARK_CHECK.bright * np.sqrt(variance)
    columns = np.flatnonzero(bright.sum(axis=0) >= DARK_CHECK.fewest_rows)
    if columns.size < DARK_CHECK.fewest_columns:
        return 0.0
    light, leak = (np.where(bright, image, 0)[:, columns].sum(axis=0) for image in (light, leak))
    ratios = leak / light
    part = float(np.median(ratios))
    # A median is 1.25 times less certain than a mean.
    error = 1.25 * robust_scatter(ratios) / np.sqrt(columns.size)
    return part if part > DARK_CHECK.significance * error else 0.0


def above_level(image):
    """Subtract from each row the median of each block of columns; float32."""
    rows, columns = image.shape
    width = min(DARK_CHECK.block, columns)
    blocks = image[:, : columns // width * width].astype(np.float32).reshape(rows, -1, width)
    return (blocks - np.median(blocks, axis=2, keepdims=True)).reshape(rows, -1)
