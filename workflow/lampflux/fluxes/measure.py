"""Measure one window: sums, net flux and fitted line."""

from typing import NamedTuple

import numpy as np

from lampflux.fluxes.continuum import TOGETHER, window_continuum
from lampflux.fluxes.line_fit import fit_lines
from lampflux.fluxes.line_model import MODEL_ERROR
from lampflux.fluxes.line_shape import line_light

# A line is fitted over this reach to either side [line widths].
FIT_REACH = 3.0
# A line's width and place are fitted above this signal-to-noise ratio, its place alone above the
# second.
FREE_WIDTH, FREE_PLACE = 20.0, 6.0
# Another line in the window with this part of its brightest one's height makes it a blend.
BLEND = 0.02


class Spectrum(NamedTuple):
    """What fluxes are measured on, arrays of shape (pixels,).

    ``wavelength`` in air [Angstrom]; ``plain`` and ``clean`` counts and ``plain_error`` and
    ``clean_error``, 1 sigma [ADU]; number of pixels ``summed``, ``replaced`` and ``saturated`` in
    the clean sum, and its highest pixel, ``peak`` [ADU].
    """

    wavelength: np.ndarray
    plain: np.ndarray
    plain_error: np.ndarray
    clean: np.ndarray
    clean_error: np.ndarray
    summed: np.ndarray
    replaced: np.ndarray
    saturated: np.ndarray
    peak: np.ndarray


def window_sums(counts, pixels):
    """Sum a spectrum over pixel ranges.

    Parameters
    ----------
    counts : ndarray, shape (pixels,)
        Spectrum [ADU].
    pixels : list of (int, int)
        First and last pixel of each range, both included.

    Returns
    -------
    ndarray, shape (ranges,)
        Sums [ADU]; NaN where a range holds a pixel that is not known.
    """
    return np.array([counts[start : stop + 1].sum() for start, stop in pixels], dtype=float)


def fit_window(counts, lines, level, start, stop, expected):
    """Fit the line of a window, together with the lines that blend with it.

    Parameters
    ----------
    counts : ndarray, shape (pixels,)
        Clean spectrum [ADU].
    lines : LineModel
    level : numpy.polynomial.Polynomial
        Continuum [ADU] at each pixel.
    start, stop : int
        First and last pixel of the window.
    expected : float or None
        Where the line falls by the wavelengths [pixel], for windows without a peak.

    Returns
    -------
    dict or None
        As `fit_lines` gives it, for the window's brightest line alone.
    """
    peaks = lines.peaks
    inside = np.flatnonzero((peaks.pixel >= start - 0.5) & (peaks.pixel <= stop + 0.5))
    if inside.size:
        main = inside[np.argmax(peaks.height[inside])]
        place = peaks.pixel[main]
    elif expected is not None and start - 0.5 <= expected <= stop + 0.5:
        main, place = None, expected
    else:
        return None
    width = float(np.interp(place, np.arange(counts.size), lines.shape.fwhm))
    reach = FIT_REACH * width
    group = [] if main is None else [main]
    near = np.abs(peaks.pixel - place) < TOGETHER * width
    if main is not None:
        near[main] = False
        group += list(np.flatnonzero(near))
    centres = peaks.pixel[group] if group else np.array([place])
    pixels = np.arange(
        max(int(np.floor(place - reach)), 0), min(int(np.ceil(place + reach)) + 1, counts.size)
    )
    # The lines that are fitted here are put back.
    kept = np.delete(np.arange(peaks.pixel.size), group)
    others = lines_without(lines, kept, pixels)
    rest = counts[pixels] - level(pixels) - others
    variance = lines.variance[pixels] + (MODEL_ERROR * others) ** 2
    noise = np.sqrt(variance.sum())
    strength = (peaks.height[main] * width if main is not None else 0.0) / noise
    free = "all" if strength > FREE_WIDTH else "centres" if strength > FREE_PLACE else "none"
    good = lines.good[pixels]
    for freedom in dict.fromkeys([free, "centres" if free == "all" else "none", "none"]):
        fit = fit_lines(rest, variance, good, pixels, centres, width, lines.shape, freedom)
        if fit is not None:
            return {
                "flux": fit["flux"][0],
                "flux_error": fit["flux_error"][0],
                "centre": fit["centre"][0],
                "fwhm": fit["fwhm"] if freedom == "all" else np.nan,
                "reduced_chi2": fit["reduced_chi2"],
            }
    return None


def lines_without(lines, kept, pixels):
    """Sum of the modelled lines of the peaks ``kept`` in some pixels [ADU]."""
    centres = lines.peaks.pixel[kept]
    widths = np.interp(centres, np.arange(lines.shape.fwhm.size), lines.shape.fwhm)
    light = line_light(pixels[:, np.newaxis] - centres, widths, lines.shape)
    return light @ lines.fluxes[kept]


def measure_window(spectrum, lines, start, stop, expected):
    """Measure one window, in ADU.

    Parameters
    ----------
    spectrum : Spectrum
    lines : LineModel
    start, stop : int
        First and last pixel.
    expected : float or None
        As in `fit_window`.

    Returns
    -------
    dict
        Net sum, continuum, peak, fractions and fit; None for what cannot be told.
    """
    window = slice(start, stop + 1)
    level, level_error, sides = window_continuum(spectrum.clean, lines, start, stop)
    net = np.sum(spectrum.clean[window] - level(np.arange(start, stop + 1)))
    error = np.hypot(np.sqrt(np.sum(np.square(spectrum.clean_error[window]))), level_error)
    fit = fit_window(spectrum.clean, lines, level, start, stop, expected) if sides else None
    fit = fit or dict.fromkeys(("flux", "flux_error", "centre", "fwhm", "reduced_chi2"), np.nan)
    has_noise = np.isfinite(spectrum.clean_error[window]).all()
    fit_error = fit["flux_error"] * np.sqrt(max(fit["reduced_chi2"], 1.0)) if has_noise else np.nan
    summed = spectrum.summed[window].sum()
    return {
        "net": float(net),
        "net_error": float(error),
        "continuum": float(level((start + stop) / 2)),
        "sides": sides,
        "peak": float(spectrum.peak[window].max()),
        "saturated_fraction": float(spectrum.saturated[window].sum() / summed),
        "masked_fraction": float(spectrum.replaced[window].sum() / summed),
        "fit": float(fit["flux"]),
        "fit_error": float(fit_error),
        "centroid": float(fit["centre"]),
        "fwhm": float(fit["fwhm"]),
        "reduced_chi2": float(fit["reduced_chi2"]),
        "blended": is_blend(lines.peaks, start, stop),
    }


def is_blend(peaks, start, stop):
    """Whether another line of some brightness shares the window or leans on its brightest one."""
    inside = np.flatnonzero((peaks.pixel >= start - 0.5) & (peaks.pixel <= stop + 0.5))
    if inside.size == 0:
        return False
    main = inside[np.argmax(peaks.height[inside])]
    near = np.abs(peaks.pixel - peaks.pixel[main]) < TOGETHER * peaks.fwhm
    near[inside] = True
    near[main] = False
    return bool((peaks.height[near] > BLEND * peaks.height[main]).any())
