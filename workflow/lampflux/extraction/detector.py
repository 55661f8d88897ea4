"""What a detector does to light: gain, read noise, saturation, and where each was learnt."""

from typing import NamedTuple

import numpy as np

from lampflux.extraction.rows import of_rows
from lampflux.files.keywords import detector_fact, saturation_limit
from lampflux.statistics import box_sums, clipped_moments

# Rows of a frame that tell its noise.
NOISE_ROWS = 100
# Standard deviation of rounding to whole numbers.
ROUNDING = 1 / np.sqrt(12)
# A column saturates where so many pixels do; one alone may be a cosmic ray.
SATURATED_PIXELS = 2
# Columns to either side of a saturated one that its light may spoil [line widths].
SPOILED = 3.0
# Fewest pixels that tell a noise.
FEWEST = 1000


class Detector(NamedTuple):
    """What is known of a detector; None where it is not.

    ``amplifiers``, first and last column of each; ``gain`` [electron/ADU], ``read_noise``
    [electron] and ``saturation``, the lowest raw count of a saturated pixel [ADU], each with its
    source; ``variance`` of a pixel without light, frame and dark together [ADU^2], and whether
    it was ``noise_measured``: told by the frame alone.
    """

    amplifiers: list
    gain: float | None
    gain_source: str | None
    read_noise: float | None
    read_noise_source: str | None
    saturation: float
    saturation_source: str
    variance: float
    noise_measured: bool


def known_detector(frame, header, background, settings):
    """Tell what is known of a detector by a frame's header, the config and the frame itself.

    Parameters
    ----------
    frame : ndarray, shape (rows, columns)
        Raw counts [ADU].
    header : mapping
        The raw frame's header.
    background : ndarray, shape (rows, columns) or (columns,)
        Dark or bias [ADU].
    settings : object
        The config's ``amplifiers``, ``gain``, ``read_noise`` and ``saturation``, or None, and
        ``frame``, a dict with the arm's ``keywords``.

    Returns
    -------
    Detector
    """
    keywords = settings.frame.get("keywords", {})
    gain, gain_source = detector_fact("gain", header, settings.gain, keywords.get("gain"))
    read_noise, noise_source = detector_fact(
        "read_noise", header, settings.read_noise, keywords.get("read_noise")
    )
    saturation, saturation_source = saturation_limit(
        header, settings.saturation, keywords.get("saturation")
    )
    return Detector(
        settings.amplifiers or [(0, frame.shape[1] - 1)],
        *(gain, gain_source),
        *(read_noise, noise_source),
        *(saturation, saturation_source),
        *noise_of_pixels(frame, background, read_noise, gain),
    )


def measured_read_noise(detector, frames):
    """Tell the read noise by the scatter of pixels, where that is all that tells it.

    Parameters
    ----------
    detector : Detector
    frames : int
        Frames that share the variance: 2 with a dark.

    Returns
    -------
    Detector
    """
    if not (detector.noise_measured and detector.gain):
        return detector
    read_noise = float(np.sqrt(detector.variance / frames) * detector.gain)
    return detector._replace(read_noise=read_noise, read_noise_source="measured")


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
    if np.count_nonzero(np.isfinite(differences)) < FEWEST:
        return None
    return clipped_moments(differences)[1] / 2


def noise_of_pixels(frame, background, read_noise, gain):
    """Find the variance of a pixel without light, frame and dark together.

    Parameters
    ----------
    frame, background
        As in `known_detector`.
    read_noise, gain : float or None
        Read noise [electron] and electrons per ADU, where they are known.

    Returns
    -------
    variance : float
        The larger of what read noise and frame tell [ADU^2], for dark current and patterns come
        on top of the first; NaN where neither tells anything.
    measured : bool
        Whether only the frame tells it.
    """
    step = max(frame.shape[0] // NOISE_ROWS, 1)
    is_dark = background.ndim == 2
    some = slice(None, None, step)
    seen = pixel_variance(frame[some], of_rows(background, some))
    frames = 2 if is_dark else 1
    known = frames * (read_noise / gain) ** 2 if read_noise and gain else None
    least = frames * ROUNDING**2 if frame.dtype.kind in "iu" else 0.0
    values = [value for value in (seen, known) if value is not None]
    return (max(*values, least, 1e-6) if values else np.nan), known is None


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


def saturated_columns(frame, limit, width):
    """Find the columns that saturated lines spoil.

    Parameters
    ----------
    frame : ndarray, shape (rows, columns)
        Raw counts [ADU], or counts above a background if the limit is.
    limit : float
        Lowest count of a saturated pixel [ADU].
    width : float
        Width of the lines [pixel].

    Returns
    -------
    ndarray of bool, shape (columns,)
    """
    if not np.isfinite(limit):
        return np.zeros(frame.shape[1], bool)
    if frame.dtype.kind in "iu":
        limit = int(np.ceil(limit))
    reach = int(np.ceil(SPOILED * width))
    saturated = np.fmax.reduce(frame, axis=0) >= limit
    many = np.count_nonzero(frame[:, saturated] >= limit, axis=0) >= SATURATED_PIXELS
    saturated[saturated] = many
    return box_sums(saturated, reach) > 0
