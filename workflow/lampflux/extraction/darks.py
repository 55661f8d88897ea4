"""Masters of several darks or biases, and darks of another exposure time."""

from typing import NamedTuple

import numpy as np

from lampflux.statistics import clipped_moments


class _Combination(NamedTuple):
    """Constants of the combination of frames."""

    # A pixel this far above the middle of its frames was hit by a cosmic ray [sigma]: of 17
    # million pixels in ten frames chance exceeds it for less than one.
    clip: float = 6.0
    # Gain that no lamp's detector falls below by much [electron/ADU]: it bounds the shot noise of
    # hot pixels, whose frames differ by it.
    least_gain: float = 0.5
    # Rows that are combined at a time, for the memory that they need.
    rows: int = 256


COMBINATION = _Combination()


class Master(NamedTuple):
    """Frames of one kind, combined or scaled.

    ``counts``, float32, shape (rows, columns) [ADU]; ``share``, the variance of a pixel without
    light over that of one frame: 1 for one frame, 1/n for the mean of n.
    """

    counts: np.ndarray
    share: float


def combine(frames):
    """Average frames of one kind, without their cosmic rays.

    Parameters
    ----------
    frames : list of ndarray, each shape (rows, columns)
        Darks of one exposure time, or biases [ADU]; overscan is subtracted before, where there
        is one. NaN is left out.

    Returns
    -------
    Master
        NaN where no frame has a good pixel.

    Examples
    --------
    >>> import numpy as np
    >>> master = combine([np.full((2, 3), level) for level in (500, 501, 502, 503)])
    >>> float(master.counts[0, 0]), master.share
    (501.5, 0.25)
    """
    noise = frame_noise(frames)
    counts = np.empty(frames[0].shape, np.float32)
    for first in range(0, counts.shape[0], COMBINATION.rows):
        some = slice(first, first + COMBINATION.rows)
        stack = np.stack([frame[some] for frame in frames]).astype(np.float32)
        # The lower one of two: a cosmic ray only adds light. NaN comes last.
        middle = np.sort(stack, axis=0)[(len(frames) - 1) // 2]
        middle = np.where(np.isnan(middle), np.fmin.reduce(stack, axis=0), middle)
        current = np.maximum(middle - np.nanmedian(middle), 0)
        sigma = np.sqrt(noise**2 + current / COMBINATION.least_gain)
        good = stack - middle <= COMBINATION.clip * sigma
        number = good.sum(axis=0)
        total = np.sum(stack, axis=0, where=good, dtype=np.float64)
        counts[some] = np.where(number > 0, total / np.maximum(number, 1), np.nan)
    return Master(counts, 1 / len(frames))


def frame_noise(frames):
    """Noise of a pixel of one frame [ADU], from the difference of two; 0.5 for one alone."""
    if len(frames) == 1:
        return 0.5
    step = max(frames[0].shape[0] // COMBINATION.rows, 1)
    one, other = (frame[::step].astype(np.float32) for frame in frames[:2])
    _, variance = clipped_moments(one - other)
    return max(float(np.sqrt(variance / 2)), 0.5) if np.isfinite(variance) else 0.5


def scale_dark(dark, bias, ratio):
    """Turn a dark into one of another exposure time: its current grows with time, the bias not.

    Parameters
    ----------
    dark, bias : Master
    ratio : float
        Wanted exposure time over the dark's.

    Returns
    -------
    Master
        ``bias + ratio * (dark - bias)``; its share is ``ratio**2`` of the dark's and
        ``(1 - ratio)**2`` of the bias's (propagation of independent errors).
    """
    counts = bias.counts + np.float32(ratio) * (dark.counts - bias.counts)
    return Master(counts, ratio**2 * dark.share + (1 - ratio) ** 2 * bias.share)
