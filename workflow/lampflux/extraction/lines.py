"""Where the light of lines falls, as weights by which rows are compared."""

from typing import NamedTuple

import numpy as np

from lampflux.extraction.detector import saturated_columns
from lampflux.peaks import find_peaks
from lampflux.statistics import continuum, noise

# Lines exceed the noise of the sum by this factor.
SIGNIFICANCE = 5.0


class Lines(NamedTuple):
    """Lines of a frame.

    Their ``width`` (FWHM) [pixel], and ``weights``, of shape (columns,): the light of those that
    do not saturate [ADU], see `line_weights`.
    """

    width: float
    weights: np.ndarray


def find_lines(frame, counts, spikes, detector):
    """Find the light of the lines of a frame.

    Parameters
    ----------
    frame : ndarray, shape (rows, columns)
        Raw counts [ADU].
    counts : ndarray, shape (columns,)
        The frame summed over its rows [ADU].
    spikes : lampflux.extraction.spikes.Spikes
        Pixels to leave out.
    detector : lampflux.extraction.detector.Detector

    Returns
    -------
    Lines
        Saturated lines have weight only where there are no others.
    """
    counts = counts - np.bincount(spikes.columns, spikes.counts, counts.size)
    width = find_peaks(counts).fwhm
    saturated = saturated_columns(frame, detector.saturation, width)
    weights = line_weights(np.where(saturated, np.nan, counts), detector.amplifiers)
    if not weights.any():
        weights = line_weights(counts, detector.amplifiers)
    return Lines(width, weights)


def line_weights(counts, amplifiers):
    """Measure the light of the lines in each column.

    Parameters
    ----------
    counts : ndarray, shape (columns,)
        Frame summed over its rows [ADU]; NaN columns get no weight.
    amplifiers : list of (int, int)
        First and last column of each amplifier.

    Returns
    -------
    ndarray, shape (columns,)
        Light above continuum and noise [ADU], minus its mean in each amplifier: a level that is
        constant along an amplifier's part of a row then weighs nothing. All zero without lines.
    """
    known = np.isfinite(counts)
    if not known.any():
        return np.zeros(counts.size)
    columns = np.arange(counts.size)
    filled = np.interp(columns, columns[known], counts[known])
    light, half_width = filled, max(40, filled.size // 40)
    # Where the continuum slopes, a quartile passes below it: by as much as the second time.
    for _ in range(2):
        light = light - continuum(light, half_width)
    light[~known | (light < SIGNIFICANCE * noise(filled))] = 0
    for first, last in amplifiers:
        part = first + np.flatnonzero(known[first : last + 1])
        if part.size:
            light[part] -= light[part].mean()
    return light
