"""Find the emission lines of a spectrum: sub-pixel centroids with errors."""

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from lampflux.statistics import SIGMA_PER_FWHM, continuum, noise


class PeakSearch(NamedTuple):
    """Tuned constants of `find_peaks`."""

    # Height of a peak above the continuum [noise]: pure noise passes once in 50 spectra of 4096.
    detection: float = 8.0
    # Rise of a peak above the dip towards a brighter neighbour [noise], and as a part of its
    # height: less is a shoulder without a position of its own.
    least_rise: float = 5.0
    relative_rise: float = 0.15
    # Width over that of the other lines: more is flat-topped (saturated) or a blend.
    wide: float = 1.4
    # Percentile of the widths that single lines have: blends are too wide, nothing too narrow.
    single_width: float = 33.0
    # Width where fewer than three lines measure it, and the smallest possible one [pixel].
    unknown_fwhm: float = 3.0
    least_fwhm: float = 1.5
    # Error that no centroid is better than [line width]: pixel response, line shape.
    centroid_floor: float = 0.01
    # Peaks closer than this are blended, and closer than that are one line [line width].
    blended: float = 2.0
    same_line: float = 0.5


PEAKS = PeakSearch()


class Peaks(NamedTuple):
    """Peaks of a spectrum, each an array of shape (peaks,), sorted by pixel.

    ``pixel`` and its 1-sigma ``error``; ``height`` above the continuum [ADU]; ``blended``:
    another peak stands within two line widths; ``flat``: too wide for its height, as saturated
    lines are; ``leaning``: on the flank of a brighter line, so that its position is uncertain by
    half a line width. ``fwhm`` is the width of the spectrum's lines [pixel].
    """

    pixel: np.ndarray
    error: np.ndarray
    height: np.ndarray
    blended: np.ndarray
    flat: np.ndarray
    leaning: np.ndarray
    fwhm: float


def half_width(net, peak, step):
    """Walk from a peak to half its height; NaN where a higher pixel comes first."""
    here = peak
    while net[here] > net[peak] / 2:
        here += step
        if not 0 <= here < net.size or net[here] > net[peak]:
            return np.nan
    beyond = (net[peak] / 2 - net[here]) / (net[here - step] - net[here])
    return abs(here - peak) - beyond


def rise(net, tops, reach, sigma):
    """Whether peaks rise clearly above their flanks, or the dips towards higher neighbours.

    The continuum runs below the level between the lines where that slopes, so height alone does
    not distinguish a line from noise.
    """
    padded = np.pad(net, reach, constant_values=np.nan)
    near = sliding_window_view(padded, 2 * reach + 1)[tops]
    height = net[tops, np.newaxis]
    shared = np.maximum(PEAKS.least_rise * sigma, PEAKS.relative_rise * net[tops])
    clear = np.ones(tops.size, bool)
    for flank in near[:, reach:], near[:, reach::-1]:
        beyond = np.logical_or.accumulate(flank > height, axis=1)
        least = np.where(beyond[:, -1], shared, PEAKS.detection * sigma)
        clear &= np.nanmax(np.where(beyond, np.nan, height - flank), axis=1) >= least
    return clear


def centroids(net, start, sigma, variance):
    """Refine positions by iterated Gaussian-windowed centroids.

    Bertin & Arnouts' windowed positions (SExtractor manual, XWIN_IMAGE) in one dimension: nearly
    as precise as a fit, and it needs no model of the line.

    Parameters
    ----------
    net : ndarray, shape (pixels,)
        Counts above the continuum.
    start : ndarray of int, shape (peaks,)
        Highest pixels.
    sigma : float
        Standard deviation of the window [pixel].
    variance : ndarray, shape (pixels,)
        Variance of each pixel.

    Returns
    -------
    position, error : ndarray, shape (peaks,)
    """
    reach = int(np.ceil(4.0 * sigma))
    offsets = np.arange(-reach, reach + 1)
    position = start.astype(float)
    for _ in range(10):
        pixels = np.clip(np.rint(position).astype(int)[:, np.newaxis] + offsets, 0, net.size - 1)
        distance = pixels - position[:, np.newaxis]
        window = np.exp(-0.5 * (distance / sigma) ** 2)
        total = np.sum(window * np.clip(net[pixels], 0, None), axis=1)
        first = np.sum(window * distance * np.clip(net[pixels], 0, None), axis=1)
        position = position + np.clip(2.0 * first / total, -1.0, 1.0)
    scatter = np.sqrt(np.sum((window * distance) ** 2 * variance[pixels], axis=1))
    return position, 2.0 * scatter / total


def vertices(net, tops):
    """Vertices of the parabolas through local maxima and their neighbours."""
    left, middle, right = net[tops - 1], net[tops], net[tops + 1]
    return tops + 0.5 * (left - right) / (left - 2 * middle + right)


def find_peaks(counts, uncertainty=None):
    """Find the emission lines of a spectrum.

    Parameters
    ----------
    counts : ndarray, shape (pixels,)
        Spectrum; NaN pixels are bridged and hold no peak.
    uncertainty : ndarray, shape (pixels,), optional
        1-sigma uncertainty of each pixel; without it, one estimate for all.

    Returns
    -------
    Peaks
        Leaning ones too; see `without_leaning`.

    Examples
    --------
    >>> import numpy as np
    >>> pixels = np.arange(200)
    >>> line = 5000 * np.exp(-0.5 * ((pixels - 120.3) / 1.7) ** 2)
    >>> counts = line + np.random.default_rng(1).normal(100, 5, 200)
    >>> find_peaks(counts).pixel.round(1)
    array([120.3])
    """
    finite = np.isfinite(counts)
    none = Peaks(*(np.empty(0) for _ in range(3)), *(np.empty(0, bool) for _ in range(3)), 0.0)
    if finite.sum() < 32:
        return none
    pixels = np.arange(counts.size)
    counts = np.interp(pixels, pixels[finite], counts[finite])
    block = max(40, counts.size // 40)
    net = counts - continuum(counts, block)
    sigma = max(noise(counts), 1e-9 * np.ptp(counts))
    inner = net[1:-1]
    seen = finite[:-2] & finite[1:-1] & finite[2:]
    tops = 1 + np.flatnonzero(
        (inner > net[:-2]) & (inner >= net[2:]) & (inner > PEAKS.detection * sigma) & seen
    )
    if tops.size == 0:
        return none
    widths = np.array([half_width(net, top, -1) + half_width(net, top, 1) for top in tops])
    # What is wider than the continuum is followed is no line.
    single = widths < block
    fwhm = PEAKS.unknown_fwhm
    if single.sum() >= 3:
        fwhm = max(np.percentile(widths[single], PEAKS.single_width), PEAKS.least_fwhm)
    clear = rise(net, tops, int(4 * fwhm), sigma)
    tops, widths = tops[clear], widths[clear]
    variance = np.full(counts.size, sigma**2)
    if uncertainty is not None and np.isfinite(uncertainty).all():
        variance = uncertainty**2
    position, error = centroids(net, tops, fwhm * SIGMA_PER_FWHM, variance)
    slid = np.abs(position - tops) >= fwhm
    # Two tops may slide into one line: the position is then not to be trusted either.
    leaning = slid | (np.diff(position, prepend=-np.inf) <= PEAKS.same_line * fwhm)
    position[leaning], error[leaning] = vertices(net, tops[leaning]), 0.5 * fwhm
    return Peaks(
        position,
        np.hypot(error, PEAKS.centroid_floor * fwhm),
        net[tops],
        near_another(position, fwhm),
        ~(widths < PEAKS.wide * fwhm),
        leaning,
        fwhm,
    )


def near_another(position, fwhm):
    """Find which of some sorted positions have another within two line widths."""
    gaps = np.diff(position, prepend=-np.inf, append=np.inf)
    return np.minimum(gaps[:-1], gaps[1:]) < PEAKS.blended * fwhm


def without_leaning(peaks):
    """Leave out the peaks that lean on a brighter line, as if they had not been found.

    Parameters
    ----------
    peaks : Peaks

    Returns
    -------
    Peaks
    """
    *columns, fwhm = peaks
    standing = Peaks(*(column[~peaks.leaning] for column in columns), fwhm)
    return standing._replace(blended=near_another(standing.pixel, fwhm))
