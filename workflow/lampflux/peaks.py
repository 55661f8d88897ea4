"""Find the emission lines of a spectrum: sub-pixel centroids with errors."""

from typing import NamedTuple

import numpy as np

from lampflux.statistics import continuum, noise

# A Gaussian's full width at half maximum over its standard deviation.
FWHM_PER_SIGMA = 2.0 * np.sqrt(2.0 * np.log(2.0))
# A peak stands this many times the noise above the continuum.
DETECTION = 8.0
# A peak that shares a flank with a brighter one must rise this part of its height above the dip.
RELATIVE_RISE = 0.15
# A line this much wider than the others is flat-topped or more than one.
WIDE = 1.4
# No centroid is better than this part of the line width (pixel response, line shape).
CENTROID_FLOOR = 0.01


class Peaks(NamedTuple):
    """Peaks of a spectrum, each an array of shape (peaks,), sorted by pixel.

    ``pixel`` and its 1-sigma ``error``; ``height`` above the continuum [ADU]; ``blended``:
    another peak stands within two line widths; ``flat``: too wide for its height, as saturated
    lines are. ``fwhm`` is the width of the spectrum's lines [pixel].
    """

    pixel: np.ndarray
    error: np.ndarray
    height: np.ndarray
    blended: np.ndarray
    flat: np.ndarray
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


def rises(net, peak, reach, sigma):
    """Tell whether a peak rises clearly above its flanks, or the dips towards higher neighbours.

    The continuum runs below the level between the lines where that slopes, so height alone does
    not tell a line from noise.
    """
    for flank in net[peak : peak + reach + 1], net[max(peak - reach, 0) : peak + 1][::-1]:
        higher = np.flatnonzero(flank > net[peak])
        least = max(5.0 * sigma, RELATIVE_RISE * net[peak]) if higher.size else DETECTION * sigma
        if net[peak] - flank[: higher[0] if higher.size else None].min() < least:
            return False
    return True


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
    """Places of the vertices of the parabolas through local maxima and their neighbours."""
    left, middle, right = net[tops - 1], net[tops], net[tops + 1]
    return tops + 0.5 * (left - right) / (left - 2 * middle + right)


def find_peaks(counts, uncertainty=None, leaning=False):
    """Find the emission lines of a spectrum.

    Parameters
    ----------
    counts : ndarray, shape (pixels,)
        Spectrum; NaN pixels are bridged and hold no peak.
    uncertainty : ndarray, shape (pixels,), optional
        1-sigma uncertainty of each pixel; without it, one estimate for all.
    leaning : bool
        Whether to keep lines that lean on a brighter one so that their place is uncertain by half
        a line width.

    Returns
    -------
    Peaks
    """
    known = np.isfinite(counts)
    none = Peaks(*(np.empty(0) for _ in range(3)), *(np.empty(0, bool) for _ in range(2)), 0.0)
    if known.sum() < 32:
        return none
    pixels = np.arange(counts.size)
    counts = np.interp(pixels, pixels[known], counts[known])
    block = max(40, counts.size // 40)
    net = counts - continuum(counts, block)
    sigma = max(noise(counts), 1e-9 * np.ptp(counts))
    inner = net[1:-1]
    seen = known[:-2] & known[1:-1] & known[2:]
    tops = 1 + np.flatnonzero(
        (inner > net[:-2]) & (inner >= net[2:]) & (inner > DETECTION * sigma) & seen
    )
    if tops.size == 0:
        return none
    widths = np.array([half_width(net, top, -1) + half_width(net, top, 1) for top in tops])
    # What is wider than the continuum is followed is no line.
    single = widths < block
    # Most lines are single, but wide ones are never too narrow: the lower third is typical.
    fwhm = max(np.percentile(widths[single], 33), 1.5) if single.sum() >= 3 else 3.0
    clear = np.array([rises(net, top, int(4 * fwhm), sigma) for top in tops])
    tops, widths = tops[clear], widths[clear]
    variance = np.full(counts.size, sigma**2)
    if uncertainty is not None and np.isfinite(uncertainty).all():
        variance = uncertainty**2
    position, error = centroids(net, tops, fwhm / FWHM_PER_SIGMA, variance)
    slid = np.abs(position - tops) >= fwhm
    # Two tops may slide into one line: its place is then not to be trusted either.
    doubtful = slid | (np.diff(position, prepend=-np.inf) <= 0.5 * fwhm)
    if leaning:
        position[doubtful], error[doubtful] = vertices(net, tops[doubtful]), 0.5 * fwhm
    kept = ~doubtful | leaning
    position, error, tops, widths = position[kept], error[kept], tops[kept], widths[kept]
    gaps = np.diff(position, prepend=-np.inf, append=np.inf)
    return Peaks(
        position,
        np.hypot(error, CENTROID_FLOOR * fwhm),
        net[tops],
        np.minimum(gaps[:-1], gaps[1:]) < 2.0 * fwhm,
        ~(widths < WIDE * fwhm),
        fwhm,
    )
