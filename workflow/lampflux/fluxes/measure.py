"""Measure line fluxes: the net flux of each window and the fitted flux of its line."""

import logging
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lampflux.fluxes.continuum import near_saturation, window_continuum
from lampflux.fluxes.flags import FAINT_SNR, raised
from lampflux.fluxes.line_fit import fit_lines
from lampflux.fluxes.line_model import MODEL, LineModel, model_lines
from lampflux.fluxes.line_shape import line_light
from lampflux.peaks import find_peaks


class WindowTuning(NamedTuple):
    """Constants of the fit of a window's line."""

    # A line is fitted over this reach to either side [line widths]: all of its core.
    fit_reach: float = 3.0
    # Lines nearer to each other than this are fitted together [line widths].
    together: float = 3.0
    # Signal-to-noise ratios above which a line tells its own width and its own place.
    free_width: float = 20.0
    free_place: float = 6.0
    # A blend is a line with this part of the brightest one's height near it: it matters.
    blend: float = 0.02


WINDOW = WindowTuning()


class LineFlux(NamedTuple):
    """Flux of the line in a window.

    Attributes
    ----------
    start, stop : int
        First and last pixel of the window.
    net_flux, net_flux_err : float
        Light in the window above the continuum and its 1-sigma error [ADU/s/fibre].
    snr : float
        Their ratio.
    continuum : float
        Continuum at the window's middle [ADU/s/fibre/pixel].
    peak : float
        Highest pixel of the frame in the window [ADU].
    saturated_fraction, masked_fraction : float
        Parts of the window's pixels that are saturated and that were replaced.
    fit_flux, fit_flux_err : float
        All light of the window's brightest line, by a fit, and its 1-sigma error [ADU/s/fibre].
    centroid, fwhm : float
        Centre and width of the fitted line [pixel]; the width is NaN where it was not fitted.
    reduced_chi2 : float
        Of the fit.
    flags : tuple of str
        Words of `lampflux.fluxes.flags.FLAGS`.
    drawn : DrawnFit
    """

    start: int
    stop: int
    net_flux: float
    net_flux_err: float
    snr: float
    continuum: float
    peak: float
    saturated_fraction: float
    masked_fraction: float
    fit_flux: float
    fit_flux_err: float
    centroid: float
    fwhm: float
    reduced_chi2: float
    flags: tuple
    drawn: tuple


class DrawnFit(NamedTuple):
    """What a picture of a window shows, arrays of shape (pixels,).

    ``pixels`` in and about the window, the ``continuum`` and the ``model`` of all light [ADU].
    """

    pixels: np.ndarray
    continuum: np.ndarray
    model: np.ndarray


def measure(
    counts: np.ndarray,
    windows: Sequence[tuple[int, int]],
    uncertainty: np.ndarray | None = None,
    *,
    exposure_time: float = 1.0,
    fibres: int = 1,
    expected: Sequence[float | None] | None = None,
    summed: np.ndarray | None = None,
    saturated: np.ndarray | None = None,
    replaced: np.ndarray | None = None,
    peak: np.ndarray | None = None,
    lines: LineModel | None = None,
) -> list[LineFlux]:
    """Measure the line in each window of a spectrum.

    The net flux is the sum over the window above a continuum (Howell 2006, Handbook of CCD
    Astronomy, section 4.4); the fitted flux is that of pixel-integrated profiles, whose shape is
    measured on all lines of the spectrum.

    Parameters
    ----------
    counts : ndarray, shape (pixels,)
        Spectrum [ADU].
    windows : list of (int, int)
        First and last pixel of each window, from 0, both included.
    uncertainty : ndarray, shape (pixels,), optional
        1 sigma of each pixel [ADU]. Without it fluxes have no errors.
    exposure_time : float
        [s]
    fibres : int
        Number of fibres whose light the spectrum holds.
    expected : list of (float or None), optional
        Where the line of each window falls by the wavelengths [pixel], for windows without a peak.
    summed, saturated, replaced : ndarray, shape (pixels,), optional
        Pixels of the frame summed in each column, and how many of them are saturated and replaced;
        1, 0 and 0 unless given.
    peak : ndarray, shape (pixels,), optional
        Highest pixel of the frame in each column [ADU]; the counts unless given.
    lines : lampflux.fluxes.line_model.LineModel, optional
        The model of all lines of the spectrum, where there is one already.

    Returns
    -------
    list of LineFlux
        In the order of the windows.

    Examples
    --------
    A Gaussian line of 5,000 ADU, 3 pixels wide, on a level of 20 ADU, exposed for 10 s:

    >>> import numpy as np
    >>> from lampflux.fluxes.measure import measure
    >>> sigma = 3 / 2.3548
    >>> pixels = np.arange(200)
    >>> profile = np.exp(-0.5 * ((pixels - 100.2) / sigma) ** 2) / sigma / np.sqrt(2 * np.pi)
    >>> counts = 20 + 5000 * profile
    >>> (line,) = measure(counts, [(92, 108)], np.sqrt(counts), exposure_time=10.0)
    >>> print(f"{line.net_flux:.0f} {line.fit_flux:.0f} {line.centroid:.1f} {line.flags}")
    500 500 100.2 ()
    """
    counts = np.asarray(counts, dtype=float)
    uncertainty = np.full(counts.size, np.nan) if uncertainty is None else np.asarray(uncertainty)
    columns = Columns(
        counts,
        uncertainty,
        np.ones(counts.size) if summed is None else summed,
        np.zeros(counts.size) if saturated is None else saturated,
        np.zeros(counts.size) if replaced is None else replaced,
        counts if peak is None else peak,
    )
    if lines is None:
        peaks = find_peaks(counts, uncertainty)
        lines = model_lines(counts, uncertainty, columns.saturated, peaks)
    logging.info(
        "lines %.2f pixels wide, %.3f of their light in wings %.1f times as wide",
        np.median(lines.shape.fwhm),
        lines.shape.wing_part,
        lines.shape.wing_width,
    )
    expected = [None] * len(windows) if expected is None else expected
    return [
        measure_window(columns, lines, ends, pixel, exposure_time * fibres)
        for ends, pixel in zip(windows, expected)
    ]


class Columns(NamedTuple):
    """What `measure` is given, arrays of shape (pixels,)."""

    counts: np.ndarray
    uncertainty: np.ndarray
    summed: np.ndarray
    saturated: np.ndarray
    replaced: np.ndarray
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
    reach = WINDOW.fit_reach * width
    group = [] if main is None else [main]
    near = np.abs(peaks.pixel - place) < WINDOW.together * width
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
    variance = lines.variance[pixels] + (MODEL.relative_error * others) ** 2
    noise = np.sqrt(variance.sum())
    strength = (peaks.height[main] * width if main is not None else 0.0) / noise
    limits = {"all": WINDOW.free_width, "centres": WINDOW.free_place, "none": -np.inf}
    good = lines.good[pixels]
    for freedom in (free for free, least in limits.items() if strength > least):
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


def measure_window(columns, lines, window, expected, per_flux):
    """Measure one window.

    Parameters
    ----------
    columns : Columns
    lines : LineModel
    window : (int, int)
        First and last pixel.
    expected : float or None
        As in `fit_window`.
    per_flux : float
        Exposure time times fibres [s]: counts over it are fluxes.

    Returns
    -------
    LineFlux
    """
    start, stop = window
    inside = slice(start, stop + 1)
    spoiled = near_saturation(lines, WINDOW.together)
    level, level_error, sides = window_continuum(columns.counts, lines, spoiled, start, stop)
    net = np.sum(columns.counts[inside] - level(np.arange(start, stop + 1)))
    net_error = np.hypot(np.sqrt(np.sum(np.square(columns.uncertainty[inside]))), level_error)
    snr = net / net_error if net_error else np.nan
    fit = fit_window(columns.counts, lines, level, start, stop, expected) if sides else None
    fit = fit or dict.fromkeys(("flux", "flux_error", "centre", "fwhm", "reduced_chi2"), np.nan)
    has_noise = np.isfinite(columns.uncertainty[inside]).all()
    fit_error = fit["flux_error"] * np.sqrt(max(fit["reduced_chi2"], 1.0)) if has_noise else np.nan
    number = columns.summed[inside].sum()
    saturated = columns.saturated[inside].sum() / number
    replaced = columns.replaced[inside].sum() / number
    return LineFlux(
        start=start,
        stop=stop,
        net_flux=float(net / per_flux),
        net_flux_err=float(net_error / per_flux),
        snr=float(snr),
        continuum=float(level((start + stop) / 2) / per_flux),
        peak=float(columns.peak[inside].max()),
        saturated_fraction=float(saturated),
        masked_fraction=float(replaced),
        fit_flux=float(fit["flux"] / per_flux),
        fit_flux_err=float(fit_error / per_flux),
        centroid=float(fit["centre"]),
        fwhm=float(fit["fwhm"]),
        reduced_chi2=float(fit["reduced_chi2"]),
        flags=raised(
            saturated=saturated > 0,
            cosmic=replaced > 0,
            blended=is_blend(lines.peaks, start, stop),
            edge=sides < 2,
            faint=snr < FAINT_SNR,
            negative=net < 0,
        ),
        drawn=drawn_fit(lines, level, start, stop),
    )


def drawn_fit(lines, level, start, stop):
    """Gather what a picture of a window shows; see `DrawnFit`."""
    margin = max(stop - start, 8)
    pixels = np.arange(max(start - margin, 0), min(stop + margin, lines.counts.size - 1) + 1)
    continuum = level(pixels.astype(float))
    return DrawnFit(pixels, continuum, continuum + lines.counts[pixels])


def is_blend(peaks, start, stop):
    """Whether another line of some brightness shares the window or leans on its brightest one."""
    inside = np.flatnonzero((peaks.pixel >= start - 0.5) & (peaks.pixel <= stop + 0.5))
    if inside.size == 0:
        return False
    main = inside[np.argmax(peaks.height[inside])]
    near = np.abs(peaks.pixel - peaks.pixel[main]) < WINDOW.together * peaks.fwhm
    near[inside] = True
    near[main] = False
    return bool((peaks.height[near] > WINDOW.blend * peaks.height[main]).any())
