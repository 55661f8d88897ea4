"""Find lines that the search for peaks has missed, such as those on a steep continuum."""

from typing import NamedTuple

import numpy as np

from lampflux.fluxes.line_shape import line_light
from lampflux.statistics import robust_scatter


class MissedTuning(NamedTuple):
    """Constants of the search for missed lines."""

    # Least signal-to-noise ratio: fainter lines hardly raise the continuum.
    snr: float = 10.0
    # Lines are looked for on the counts within this reach [line widths], which also show the level
    # that they stand on.
    reach: float = 2.5
    # Nearer to another line than this they are companions, or its shape [line widths].
    apart: float = 4.0
    # Of what stands out within this reach, the highest is a line [line widths].
    crowd: float = 1.5
    # Error of their places [line widths].
    place: float = 0.2


MISSED = MissedTuning()


def with_missed_lines(rest, variance, good, peaks, shape):
    """Add the lines that stand out of what the present model leaves.

    Parameters
    ----------
    rest, variance : ndarray, shape (pixels,)
        Counts that the model leaves [ADU]; variance with the model's own [ADU^2].
    good : ndarray of bool, shape (pixels,)
    peaks : lampflux.peaks.Peaks
    shape : lampflux.fluxes.line_shape.Shape

    Returns
    -------
    lampflux.peaks.Peaks
        The same where no line was missed.
    """
    width = float(np.median(shape.fwhm))
    reach = int(np.ceil(MISSED.reach * width))
    light, *_ = line_light(np.arange(-reach, reach + 2) - 0.5, np.zeros(1), width, shape.profile)
    # A matched filter that a level does not move.
    matched = (light - light.mean()).ravel()
    if rest.size <= matched.size:
        return peaks
    signal = np.convolve(np.where(good, rest, 0.0), matched[::-1], "same")
    noise = np.sqrt(np.convolve(np.where(good, variance, 0.0), matched[::-1] ** 2, "same"))
    snr = signal / np.maximum(noise, 1e-300)
    limit = MISSED.snr * max(robust_scatter(snr), 1.0)
    nearby = max(round(MISSED.crowd * width), 1)
    padded = np.pad(snr, nearby, constant_values=-np.inf)
    highest = np.lib.stride_tricks.sliding_window_view(padded, 2 * nearby + 1).max(axis=1)
    known = np.pad(good, reach, constant_values=False)
    known = np.lib.stride_tricks.sliding_window_view(known, 2 * reach + 1).all(axis=1)
    places = np.flatnonzero(known & (snr == highest) & (snr > limit))
    apart = np.abs(peaks.pixel - places[:, np.newaxis]).min(axis=1, initial=np.inf)
    places = places[apart > MISSED.apart * width]
    if places.size == 0:
        return peaks
    no, order = np.zeros(places.size, bool), np.argsort(np.append(peaks.pixel, places))
    height = signal[places] / np.sum(matched**2) * light.max()
    added = places, np.full(places.size, MISSED.place * width), height, no, no, no
    columns = [np.append(old, new)[order] for old, new in zip(peaks, added)]
    return type(peaks)(*columns, peaks.fwhm)
