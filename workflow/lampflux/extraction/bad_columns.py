"""Dead and hot columns, found in the frame itself and left out before anything is weighed."""

from typing import NamedTuple

import numpy as np

from lampflux.extraction.detector import ROUNDING
from lampflux.extraction.projection import above_background
from lampflux.peaks import find_peaks
from lampflux.statistics import column_percentile


class ColumnSearch(NamedTuple):
    """What makes a column dead or hot."""

    # Bands of rows, evenly spread over the frame, and most rows of one.
    bands: int = 128
    rows: int = 8
    # A column differs from both neighbours in a band by this many sigma, ...
    significance: float = 4.0
    # ... and, dead, holds less than this part of the fainter one, and of what Gaussian lines have
    # there that fall as the two columns on either side do. For one column, and two together.
    dead: tuple[float, float] = (0.5, 0.25)
    # Lines may be narrower than measured by this factor: between two of them light falls faster.
    narrower: float = 1.3
    # Hot: the brighter neighbour holds less than this part of it.
    hot: tuple[float, float] = (0.25, 0.1)
    # Percentiles of a band's columns at which its light is zero, or less by a wrong bias, and at
    # which it is that of its lines.
    extremes: tuple[float, float] = (2.0, 99.0)
    # It does so in this many bands, of single rows in more, for few tracks of cosmic rays are
    # longer; and in this part of those that could show it.
    fewest: int = 4
    fewest_rows: int = 6
    part: float = 0.6
    # Dead from some row to one end, it does so in this many times as many rows, and in this part
    # of those beyond that row that could show it.
    end: int = 2
    end_part: float = 0.9
    # A dead one in this part of those where a neighbour is bright.
    line_part: float = 0.25
    # Bands with less than this part of the brightest band's light are dark. A hot column shows in
    # this part of them.
    dark: float = 0.1
    dark_part: float = 0.25
    # More than this part of all columns is a pattern of the detector.
    most: float = 0.01
    # Where no band is dark, only lines wider than this [pixel] differ from hot columns.
    width: float = 2.0


COLUMNS = ColumnSearch()


class Bands(NamedTuple):
    """Bands of rows, evenly spread over a frame.

    Their ``light``, the mean counts above the background, of shape (bands, columns) [ADU]; the
    number of ``rows`` that each is the mean of; and the ``middle`` row of each.
    """

    light: np.ndarray
    rows: int
    middle: np.ndarray


def bad_columns(bands, variance):
    """Find dead and hot columns, single or two together.

    Parameters
    ----------
    bands : Bands
    variance : float
        Variance of a pixel without light [ADU^2].

    Returns
    -------
    ndarray of bool, shape (columns,)
    """
    light, rows = bands.light.copy(), bands.rows
    # A number of numpy would make all that follows of double precision.
    variance = float(variance)
    columns = light.shape[1]
    dead, hot = np.zeros((2, columns), bool)
    if columns < 8 or not np.isfinite(variance):
        return dead
    # A bias that holds light is too high: no more than a few columns are below zero.
    lowest, brightest = np.percentile(np.nan_to_num(light), COLUMNS.extremes, axis=1)
    reach = COLUMNS.significance * np.sqrt(variance / rows)
    level = np.where(lowest < -reach, lowest, 0)
    light -= level[:, np.newaxis]
    # Photon noise as of one electron for an ADU; bands are bright where it matters.
    sigma = np.sqrt((variance + ROUNDING**2 + np.clip(light, 0, None)) / rows)
    fewest = COLUMNS.fewest if rows > 1 else COLUMNS.fewest_rows
    width = line_width(light, sigma)
    brightness = brightest - level
    dark = brightness < COLUMNS.dark * brightness.max()
    if np.count_nonzero(dark) < fewest:
        # Every row is lit: only what all bands show, narrower than lines, is hot.
        dark = np.full_like(dark, width >= COLUMNS.width)
    expected = falling_light(light, sigma, width / COLUMNS.narrower)
    for number in (1, 2):
        columns_low, columns_high = compare_columns(light, sigma, expected, number, dark, fewest)
        for step in range(1, number + 1):
            inside = slice(step, columns - number - 1 + step)
            dead[inside] |= columns_low
            hot[inside] |= columns_high
    # The flank of a line stands out beside a dead column.
    hot[1:-1] &= ~(dead[:-2] | dead[2:])
    bad = dead | hot
    return bad if np.count_nonzero(bad) <= max(COLUMNS.most * columns, 2) else np.zeros_like(bad)


def compare_columns(light, sigma, expected, number, dark, fewest):
    """Compare this many columns together with the two beside them.

    Parameters
    ----------
    light, sigma : ndarray, shape (bands, columns)
        Light of bands of rows and its noise [ADU].
    expected : (ndarray, ndarray)
        Light of each column by the two to its left and right [ADU].
    number : int
    dark : ndarray of bool, shape (bands,)
        Bands in which a hot column shows.
    fewest : int
        Bands that must show a bad column.

    Returns
    -------
    dead, hot : ndarray of bool, shape (columns - number - 1,)
    """
    size = light.shape[1] - number - 1
    dead, hot = COLUMNS.dead[number - 1], COLUMNS.hot[number - 1]
    left, right = slice(None, size), slice(-size, None)
    inner = np.stack([light[:, 1 + step :][:, :size] for step in range(number)])
    low, high = (choose(light[:, left], light[:, right]) for choose in (np.minimum, np.maximum))
    reach_low, reach_high = (
        COLUMNS.significance * choose(sigma[:, left], sigma[:, right])
        for choose in (np.minimum, np.maximum)
    )
    # Where a neighbour is dark too, a band says nothing of a dead column.
    able = (1 - dead) * low > reach_low
    for side, column in zip(expected, (1, number)):
        low = np.minimum(low, side[:, column:][:, :size])
    is_low = low - inner.max(axis=0) > np.maximum(reach_low, (1 - dead) * np.abs(low))
    able |= is_low
    bright = high > 2 * reach_high
    is_dead = is_dead_throughout(is_low, able, bright, COLUMNS.part, fewest)
    few = COLUMNS.end * fewest
    for column in np.flatnonzero((is_low.sum(axis=0) >= few) & ~is_dead):
        is_dead[column] = is_dead_at_an_end(
            *(each[:, column] for each in (is_low, able, bright)), few
        )
    is_high = inner.min(axis=0) - high > np.maximum(reach_high, (1 - hot) * inner.max(axis=0))
    times = is_high[dark].sum(axis=0)
    return is_dead, (times >= fewest) & (times >= COLUMNS.dark_part * np.count_nonzero(dark))


def is_dead_throughout(is_low, able, bright, part, fewest):
    """Whether columns are low in enough of the bands, the first axis.

    Parameters
    ----------
    is_low, able, bright : ndarray of bool, shape (bands, ...)
        Bands in which a column is low, could show it, and has a bright neighbour.
    part : float
        Least part of those that could show it.
    fewest : int
        Fewest bands.

    Returns
    -------
    ndarray of bool, shape (...)
    """
    times = is_low.sum(axis=0)
    # A track of a cosmic ray beside a line's flank is shorter than the line.
    on_lines = times >= COLUMNS.line_part * bright.sum(axis=0)
    return (times >= fewest) & (times >= part * able.sum(axis=0)) & on_lines


def is_dead_at_an_end(is_low, able, bright, fewest):
    """Whether a column is dead from some band to one end; parameters as `is_dead_throughout`."""
    for way in (1, -1):
        low, could, line = (np.cumsum(part[::way]) for part in (is_low, able, bright))
        dead = (low >= fewest) & (low >= COLUMNS.end_part * could)
        if (dead & (low >= COLUMNS.line_part * line)).any():
            return True
    return False


def falling_light(light, sigma, width):
    """Extrapolate the light of each column from the two on its left, and on its right.

    Parameters
    ----------
    light, sigma : ndarray, shape (bands, columns)
        [ADU]
    width : float
        Width (FWHM) of the lines [pixel].

    Returns
    -------
    from_left, from_right : ndarray, shape (bands, columns)
        Of a Gaussian line, whose logarithm has the same curvature everywhere [ADU]; NaN at the
        ends.
    """
    curvature = np.exp(-8 * np.log(2) / max(width, 1.0) ** 2)
    expected = np.full((2, *light.shape), np.nan, light.dtype)
    near, far = light[:, 1:-1], np.maximum(light, sigma)
    expected[0, :, 2:] = near * np.abs(near) / far[:, :-2] * curvature
    expected[1, :, :-2] = near * np.abs(near) / far[:, 2:] * curvature
    return expected


def line_width(light, noise):
    """Width of the lines that most bands show [pixel]: cosmic rays are cut off."""
    light, noise = np.nan_to_num(light), np.nan_to_num(noise)
    crest = 1.5 * np.clip(column_percentile(light, 80), 0, None)
    return find_peaks(np.minimum(light, crest + COLUMNS.significance * noise).sum(axis=0)).fwhm


def band_light(frame, background):
    """Average bands of a few rows, without their highest and lowest pixel where there are enough.

    Parameters
    ----------
    frame : ndarray, shape (rows, columns)
        Raw counts [ADU].
    background : ndarray, shape (rows, columns) or (columns,)
        Dark or bias [ADU].

    Returns
    -------
    Bands
    """
    height, columns = frame.shape
    size = int(np.clip(height // COLUMNS.bands, 1, COLUMNS.rows))
    first = np.linspace(0, height - size, min(COLUMNS.bands, height // size)).astype(int)
    rows = (first[:, np.newaxis] + np.arange(size)).ravel()
    middle = first + (size - 1) / 2
    net = above_background(frame, background, rows).reshape(first.size, size, columns)
    if size < 4:
        return Bands(net.mean(axis=1), size, middle)
    total = net.sum(axis=1) - net.max(axis=1) - net.min(axis=1)
    return Bands(total / (size - 2), size - 2, middle)


def without_columns(frame, bad):
    """Blank columns of a frame; the frame itself where none is bad."""
    if not bad.any():
        return frame
    counts = frame.astype(np.float32 if frame.dtype.itemsize < 4 else float)
    counts[:, bad] = np.nan
    return counts
