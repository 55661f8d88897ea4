"""What a detector does to light: gain, read noise, saturation, and the source of each."""

import math
from typing import NamedTuple

import numpy as np

from lampflux.extraction.projection import of_rows
from lampflux.statistics import box_sums, clipped_moments, noise

# Rows, evenly spread over a frame, from which its noise is measured.
NOISE_ROWS = 100
# Fewest pixels from which a variance is measured: good to 4.5 %.
NOISE_PIXELS = 1000
# Standard deviation of rounding to whole numbers [ADU].
ROUNDING = 1 / math.sqrt(12)
# A column saturates where this many pixels do; one alone may be a cosmic ray.
SATURATED_PIXELS = 2
# Reach of a saturated line's wings to either side [line widths].
SATURATED_REACH = 3.0


class QuietBlocks(NamedTuple):
    """Where the noise of a pixel without light is measured."""

    # Rows and columns of a block: their variance is good to 11 %.
    block: tuple[int, int] = (4, 64)
    # Fewest blocks.
    fewest: int = 16
    # This percentile of the blocks' variances is that of quiet ones, ...
    percent: float = 20.0
    # ... which scatter up to this factor above it, three sigma of noise above the mean.
    largest: float = 1.5


QUIET = QuietBlocks()


class Detector(NamedTuple):
    """What is known of a detector; None where it is not.

    ``amplifiers``, first and last column of each; ``gain`` [electron/ADU], ``read_noise``
    [electron] and ``saturation``, the lowest raw count of a saturated pixel [ADU]; ``variance`` of
    a pixel without light, frame and dark together [ADU^2]; the names of what was ``measured`` in
    the frame; ``light_scatter``, the variance of light over the light [ADU]: the inverse gain, or
    what the frame shows where no gain is known; and ``shown_gain`` [electron/ADU], what the frame
    itself shows where a gain is known.
    """

    amplifiers: list
    gain: float | None
    read_noise: float | None
    saturation: float
    variance: float
    measured: tuple[str, ...] = ()
    light_scatter: float | None = None
    shown_gain: float | None = None


def describe_detector(frame, background, share, amplifiers, gain, read_noise, saturation):
    """Put together what is known of a detector, with the noise that the frame shows.

    Parameters
    ----------
    frame : ndarray, shape (rows, columns)
        Raw counts [ADU].
    background : ndarray, shape (rows, columns) or (columns,)
        Dark or bias [ADU].
    share : float
        Noise variance of a dark over that of a frame; 0 for the bias of each column.
    amplifiers : list of (int, int) or None
        First and last column of each; None where one reads all.
    gain, read_noise : float or None
        [electron/ADU] and [electron].
    saturation : float
        Lowest raw count of a saturated pixel [ADU].

    Returns
    -------
    Detector
    """
    amplifiers = amplifiers or [(0, frame.shape[1] - 1)]
    variance, measured = noise_of_pixels(frame, background, share, read_noise, gain)
    measured = ("variance",) if measured else ()
    scatter = 1 / gain if gain else None
    return Detector(amplifiers, gain, read_noise, saturation, variance, measured, scatter)


def with_measured(detector, **values):
    """Add what a frame shows to what is known of a detector."""
    return detector._replace(**values, measured=(*detector.measured, *values))


def with_read_noise(detector, frames):
    """Add the read noise, where gain and scatter of the pixels are all that is known.

    Parameters
    ----------
    detector : Detector
    frames : float
        Variance of a pixel over that of one frame: 2 with a dark, 1 + 1/n with the mean of n.

    Returns
    -------
    Detector
    """
    if "variance" not in detector.measured or not detector.gain:
        return detector
    read_noise = float(np.sqrt(detector.variance / frames) * detector.gain)
    return with_measured(detector, read_noise=read_noise)


def pixel_variance(frame, background):
    """Measure the variance of pixels without light, frame and dark together.

    Parameters
    ----------
    frame : ndarray, shape (rows, columns)
        Rows of which most are unlit [ADU].
    background : ndarray, shape (rows, columns) or (columns,)
        Dark or bias [ADU].

    Returns
    -------
    float or None
        From differences of neighbouring columns [ADU^2], which patterns of rows, slow changes and
        steps between amplifiers hardly touch; None from too few pixels.
    """
    net = frame.astype(np.float32) - background.astype(np.float32)
    differences = np.diff(net, axis=1)
    if np.count_nonzero(np.isfinite(differences)) < NOISE_PIXELS:
        return None
    return clipped_moments(quiet_blocks(differences))[1] / 2


def quiet_blocks(differences):
    """Choose the blocks of an image that scatter least: light adds noise of its own.

    Parameters
    ----------
    differences : ndarray, shape (rows, columns)
        NaN where unknown.

    Returns
    -------
    ndarray, shape (pixels,)
        Pixels of blocks that scatter no more than noise does.
    """
    rows, columns = (
        size // block * block for size, block in zip(differences.shape, QUIET.block, strict=True)
    )
    blocks = differences[:rows, :columns].reshape(
        rows // QUIET.block[0], QUIET.block[0], columns // QUIET.block[1], QUIET.block[1]
    )
    blocks = blocks.swapaxes(1, 2).reshape(-1, QUIET.block[0] * QUIET.block[1])
    blocks = blocks[np.isfinite(blocks).all(axis=1)]
    if len(blocks) < QUIET.fewest:
        return differences
    scatter = blocks.var(axis=1)
    limit = QUIET.largest * np.percentile(scatter, QUIET.percent)
    return blocks[scatter <= limit].ravel()


def noise_of_pixels(frame, background, share, read_noise, gain):
    """Find the variance of a pixel without light, frame and dark together.

    Parameters
    ----------
    frame, background, share
        As in `describe_detector`.
    read_noise, gain : float or None
        Read noise [electron] and electrons per ADU, where they are known.

    Returns
    -------
    variance : float
        The larger of what read noise and frame give [ADU^2], for dark current and patterns come
        on top of the first; NaN where neither gives any.
    measured : bool
        Whether only the frame gives it.
    """
    some = noise_rows(frame.shape[0])
    seen = pixel_variance(frame[some], of_rows(background, some))
    frames = 1 + share
    known = frames * (read_noise / gain) ** 2 if read_noise and gain else None
    least = frames * ROUNDING**2 if frame.dtype.kind in "iu" else 0.0
    values = [value for value in (seen, known) if value is not None]
    return (max(*values, least, 1e-6) if values else np.nan), known is None


def noise_rows(rows):
    """Choose some of this many rows, evenly spread, to measure noise or levels in; a slice."""
    return slice(None, None, max(rows // NOISE_ROWS, 1))


def counting_noise(counts, summed_pixels, variance, gain):
    """Estimate each column's variance from photon noise and that of pixels without light.

    Poisson and read noise added in quadrature (Howell 2006, Handbook of CCD Astronomy, section
    4.4).

    Parameters
    ----------
    counts : ndarray, shape (columns,)
        Summed counts [ADU].
    summed_pixels : ndarray, shape (columns,)
        Pixels in each sum.
    variance : float or None
        Variance of a pixel without light [ADU^2], the dark's included where one was subtracted.
    gain : float or None
        Electrons per ADU.

    Returns
    -------
    ndarray, shape (columns,)
        Variance [ADU^2]; NaN throughout where gain or noise is not known.
    """
    if gain is None or variance is None:
        return np.full(counts.shape, np.nan)
    return np.clip(counts, 0, None) / gain + summed_pixels * variance


def sum_noise(counts, summed_pixels, detector):
    """Variance of each column of a sum [ADU^2], from what is known of the detector.

    `counting_noise` with the inverse of ``light_scatter`` for the gain; where not even that is
    known, columns are compared with their neighbours.
    """
    scatter = detector.light_scatter
    if scatter is not None:
        gain = 1 / scatter if scatter > 0 else np.inf
        return counting_noise(counts, summed_pixels, detector.variance, gain)
    known = counts[np.isfinite(counts)]
    beside = noise(known) ** 2 if known.size > 2 else np.nan
    return np.where(
        np.isfinite(counts), np.fmax(summed_pixels * detector.variance, beside), np.nan
    )


def saturated_columns(frame, limit, line_width):
    """Find the columns that saturated lines and their wings reach.

    Parameters
    ----------
    frame : ndarray, shape (rows, columns)
        Raw counts [ADU], or counts above a background if the limit is.
    limit : float
        Lowest count of a saturated pixel [ADU].
    line_width : float
        Width of the lines [pixel].

    Returns
    -------
    ndarray of bool, shape (columns,)
    """
    if not np.isfinite(limit):
        return np.zeros(frame.shape[1], bool)
    if frame.dtype.kind in "iu":
        limit = int(np.ceil(limit))
    reach = int(np.ceil(SATURATED_REACH * line_width))
    saturated = np.fmax.reduce(frame, axis=0) >= limit
    many = np.count_nonzero(frame[:, saturated] >= limit, axis=0) >= SATURATED_PIXELS
    saturated[saturated] = many
    return box_sums(saturated, reach) > 0
