"""Measure line fluxes in each line window: plain sums, net sums and fitted lines."""

import csv
import logging
from typing import NamedTuple

import numpy as np
from astropy.io import fits
from numpy.polynomial import Polynomial

from common.files import whole
from common.jobs import run
from common.peaks import SIGMA_PER_MAD, box_sums, find_peaks
from common.plots import draw_spectrum, draw_windows, new_figure, save
from common.profiles import MODEL_ERROR, fit_lines, line_light, spectrum_model
from common.tables import read_identified_lines
from common.windows import line_windows, read_rows, window_pixels

COLUMNS = (
    "pixel",
    "Wavelength",
    "Flux",
    "Flux_err",
    "net_flux",
    "net_flux_err",
    "snr",
    "continuum",
    "peak",
    "saturated_fraction",
    "masked_fraction",
    "fit_flux",
    "fit_flux_err",
    "centroid",
    "fwhm",
    "reduced_chi2",
    "flags",
    "pixel_start",
    "pixel_stop",
    "counts",
    "ion",
    "wavelength_air",
    "line_offset",
    "wavelength_method",
    "wavelength_trusted",
    "simulated",
)
# Columns of whole numbers.
WHOLE = ("pixel", "pixel_start", "pixel_stop")
# Words of the column flags; docs/products.md says what each means.
FLAGS = ("saturated", "cosmic", "blended", "edge", "faint", "wavelength", "no_dark", "negative")
# Columns to either side of a window that tell its continuum: so many windows wide, within limits.
SIDE, LEAST_SIDE, MOST_SIDE = 1.5, 30, 80
# Fewest pixels of continuum on a side.
FEWEST = 5
# Lines that a fit must take together are nearer than this [line widths].
TOGETHER = 3.0
# A line is fitted over this reach to either side [line widths].
FIT_REACH = 3.0
# A line's width and place are fitted above this signal-to-noise ratio, its place alone above the
# second.
FREE_WIDTH, FREE_PLACE = 20.0, 6.0
# Another line in the window with this part of its brightest one's height makes it a blend.
BLEND = 0.02
# Signal-to-noise ratio below which a line is faint.
FAINT = 5.0


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


class LineModel(NamedTuple):
    """A spectrum as a sum of lines.

    ``peaks`` (common.peaks.Peaks), ``shape`` (common.profiles.Shape), the ``fluxes`` of the peaks
    [ADU], their sum in each pixel, ``counts`` [ADU], the ``variance`` of the spectrum [ADU^2], and
    whether each pixel is ``good``: known and not saturated.
    """

    peaks: tuple
    shape: tuple
    fluxes: np.ndarray
    counts: np.ndarray
    variance: np.ndarray
    good: np.ndarray


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


def model_lines(spectrum):
    """Model all lines of a spectrum.

    Parameters
    ----------
    spectrum : Spectrum

    Returns
    -------
    LineModel
    """
    counts = spectrum.clean
    peaks = find_peaks(counts, spectrum.clean_error, leaning=True)
    good = np.isfinite(counts) & (spectrum.saturated == 0)
    variance = np.square(spectrum.clean_error)
    if not np.isfinite(variance[good]).all():
        # Without gain the pixels' scatter between the lines stands in, to weigh pixels only.
        variance = np.full(counts.size, scatter(counts[good]) ** 2)
    variance = np.where(good, variance, 1.0)
    variance = np.maximum(variance, 1e-12 * max(np.nanmax(np.square(counts), initial=0), 1e-300))
    shape, peaks, fluxes, model = spectrum_model(np.nan_to_num(counts), variance, good, peaks)
    return LineModel(peaks, shape, fluxes, model, variance, good)


def scatter(values):
    """Measure the standard deviation of values about their neighbours."""
    return (
        SIGMA_PER_MAD * np.median(np.abs(np.diff(values))) / np.sqrt(2) if values.size > 2 else 1.0
    )


def window_continuum(counts, lines, start, stop):
    """Find the continuum of a window from the pixels to both sides, other lines taken off.

    Parameters
    ----------
    counts : ndarray, shape (pixels,)
        Clean spectrum [ADU].
    lines : LineModel
    start, stop : int
        First and last pixel of the window.

    Returns
    -------
    level : numpy.polynomial.Polynomial
        Level [ADU] at each pixel; NaN where none tells it.
    total_error : float
        1 sigma of its sum over the window [ADU].
    sides : int
        On how many sides of the window it is known.
    """
    width = stop - start + 1
    side = int(np.clip(SIDE * width, LEAST_SIDE, MOST_SIDE))
    before = np.arange(max(start - side, 0), start)
    after = np.arange(stop + 1, min(stop + 1 + side, counts.size))
    pixels = np.concatenate([before, after])
    variance = lines.variance[pixels] + (MODEL_ERROR * lines.counts[pixels]) ** 2
    used = lines.good[pixels] & ~near_saturation(lines)[pixels]
    rest = counts[pixels] - lines.counts[pixels]
    window = np.arange(start, stop + 1)
    middle = (start + stop) / 2
    place = (pixels - middle) / (width + side)
    sides = sum(np.count_nonzero(used & part) >= FEWEST for part in (place < 0, place > 0))
    for _ in range(10):
        both = min(np.count_nonzero(used & part) for part in (place < 0, place > 0)) >= FEWEST
        if np.count_nonzero(used) < FEWEST:
            return Polynomial([np.nan]), np.nan, 0
        terms = np.vander(place[used], 2 if both else 1, increasing=True)
        weight = 1 / np.sqrt(variance[used])
        design = terms * weight[:, np.newaxis]
        fitted, *_ = np.linalg.lstsq(design, rest[used] * weight)
        level = np.vander(place, fitted.size, increasing=True) @ fitted
        misfit = (rest - level) / np.sqrt(variance)
        spread = max(SIGMA_PER_MAD * np.median(np.abs(misfit[used])), 1.0)
        # Lines too faint to be found only ever add: what stands out above is cut off sooner.
        kept = used & (misfit < 2.5 * spread) & (misfit > -3.5 * spread)
        if kept.sum() == used.sum() or kept.sum() < FEWEST:
            break
        used = kept
    chi2 = np.mean(misfit[used] ** 2) * used.sum() / max(used.sum() - fitted.size, 1)
    covariance = np.linalg.pinv(design.T @ design) * max(chi2, 1.0)
    inside = np.vander((window - middle) / (width + side), fitted.size, increasing=True)
    total = inside.sum(axis=0)
    scale = 1 / (width + side)
    line = Polynomial(fitted)(Polynomial([-middle * scale, scale]))
    return line, float(np.sqrt(total @ covariance @ total)), sides


def near_saturation(lines):
    """Pixels so near saturated ones that the model of the line does not hold."""
    reach = int(np.ceil(TOGETHER * np.median(lines.shape.fwhm)))
    return box_sums(~lines.good, reach) > 0


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


def flux_row(window, ends, spectrum, measured, per_flux):
    """Make a window's row of the flux table.

    Parameters
    ----------
    window : common.windows.LineWindow
    ends : (int, int)
        Its first and last pixel.
    spectrum : Spectrum
    measured : dict
        As `measure_window` gives it.
    per_flux : float
        Exposure time times fibres [s]: counts over it are fluxes.

    Returns
    -------
    dict
        Cells of what is not known are empty.
    """
    start, stop = ends
    # The window's centre; between two pixels, the lower.
    centre = (start + stop) // 2
    inside = slice(start, stop + 1)
    (total,) = window_sums(spectrum.plain, [ends])
    row = {
        "pixel": centre,
        "Wavelength": spectrum.wavelength[centre],
        "Flux": total / per_flux,
        "Flux_err": np.sqrt(np.sum(np.square(spectrum.plain_error[inside]))) / per_flux,
        "net_flux": measured["net"] / per_flux,
        "net_flux_err": measured["net_error"] / per_flux,
        "snr": measured["net"] / measured["net_error"] if measured["net_error"] else np.nan,
        "continuum": measured["continuum"] / per_flux,
        "peak": measured["peak"],
        "saturated_fraction": measured["saturated_fraction"],
        "masked_fraction": measured["masked_fraction"],
        "fit_flux": measured["fit"] / per_flux,
        "fit_flux_err": measured["fit_error"] / per_flux,
        "centroid": measured["centroid"],
        "fwhm": measured["fwhm"],
        "reduced_chi2": measured["reduced_chi2"],
        "pixel_start": start,
        "pixel_stop": stop,
        "counts": total,
    }
    return {
        name: (float(value) if np.isfinite(value) else None) if name not in WHOLE else value
        for name, value in row.items()
    } | {"ion": window.ion, "wavelength_air": window.wavelength_air}


def flag_words(row, measured, has_dark, misplaced):
    """Say in words what a user of a flux should know.

    Parameters
    ----------
    row : dict
        The window's row of the flux table.
    measured : dict
        As `measure_window` gives it.
    has_dark : bool
    misplaced : bool
        Whether the line falls outside the window by the trusted wavelengths.

    Returns
    -------
    str
        Words of ``FLAGS``, in their order, with spaces between.
    """
    snr = row["snr"]
    raised = {
        "saturated": row["saturated_fraction"] > 0,
        "cosmic": row["masked_fraction"] > 0,
        "blended": measured["blended"],
        "edge": measured["sides"] < 2,
        "faint": snr is not None and snr < FAINT,
        "wavelength": misplaced,
        "no_dark": not has_dark,
        "negative": row["net_flux"] is not None and row["net_flux"] < 0,
    }
    return " ".join(word for word in FLAGS if raised[word])


def line_check(row, wavelength, method, trusted, peaks):
    """Compare a window with the lines that the solution puts into it.

    Parameters
    ----------
    row : dict
        The window's row of the flux table.
    wavelength : ndarray, shape (pixels,)
        Air wavelength of each pixel [Angstrom].
    method : str
        'fitted', 'shifted' or 'nominal'.
    trusted : (int, int)
        First and last pixel between which the solution is trusted.
    peaks : list of dict
        The spectrum's peaks and the lines they were identified as.

    Returns
    -------
    columns : dict
        Columns to add: the line, its offset [Angstrom] (the solution's wavelength of the window's
        highest peak minus the line's), the method, and whether it is trusted here.
    misplaced : bool
        Whether the line falls outside the window by trusted wavelengths.
    """
    start, stop = row["pixel_start"], row["pixel_stop"]
    pixels = np.arange(wavelength.size)
    inside = [peak for peak in peaks if start - 0.5 <= peak["pixel"] <= stop + 0.5]
    highest = max(inside, key=lambda peak: peak["height"], default=None)
    ion, line = row["ion"], row["wavelength_air"]
    if line is None and highest is not None and highest["used"] == "True":
        ion, line = highest["ion"], highest["wavelength_air"]
    offset, misplaced = None, False
    is_trusted = method != "nominal" and trusted[0] <= start and stop <= trusted[1]
    if line is not None:
        if highest is not None:
            offset = float(np.interp(highest["pixel"], pixels, wavelength)) - line
        nearest = np.argmin(np.abs(wavelength - line))
        misplaced = is_trusted and not start - 1 <= nearest <= stop + 1
    columns = {
        "ion": ion,
        "wavelength_air": line,
        "line_offset": offset,
        "wavelength_method": method,
        "wavelength_trusted": is_trusted,
    }
    return columns, misplaced


def expected_pixel(window, wavelength, trusted, ends):
    """Where a window's line falls by trusted wavelengths [pixel]; None where that is not known."""
    start, stop = ends
    if window.wavelength_air is None or not (trusted[0] <= start and stop <= trusted[1]):
        return None
    order = slice(None) if wavelength[-1] > wavelength[0] else slice(None, None, -1)
    pixels = np.arange(wavelength.size)[order]
    return float(np.interp(window.wavelength_air, wavelength[order], pixels))


def read_spectrum(path):
    """Read a calibrated spectrum: header and `Spectrum`."""
    with fits.open(path) as hdus:
        header, table = hdus[0].header, hdus["SPECTRUM"].data
        names = ("wavelength", "flux", "uncertainty", "clean", "clean_uncertainty", "summed")
        names += ("replaced", "saturated", "peak")
        return header, Spectrum(*(table[name].astype(float) for name in names))


def main(snakemake):
    """Read the calibrated spectrum and the window table, measure, write and draw."""
    header, spectrum = read_spectrum(snakemake.input.calibrated)
    source = snakemake.input.windows
    # Proposed windows may be none, a user's table never.
    windows = line_windows(read_rows(source, may_be_empty=True))
    pixels = window_pixels(windows, spectrum.wavelength, source)
    logging.info("%d windows of %s", len(windows), source)
    peaks = read_identified_lines(snakemake.input.lines)
    method = header["WAVEMETH"]
    trusted = header.get("WAVEFRST", 0), header.get("WAVELAST", -1)
    per_flux = header["EXPTIME"] * snakemake.params.fibres
    lines = model_lines(spectrum)
    logging.info(
        "lines %.2f pixels wide, %.3f of their light in wings %.1f times as wide",
        np.median(lines.shape.fwhm),
        lines.shape.wing_part,
        lines.shape.wing_width,
    )
    rows = []
    for window, ends in zip(windows, pixels):
        expected = expected_pixel(window, spectrum.wavelength, trusted, ends)
        measured = measure_window(spectrum, lines, *ends, expected)
        row = flux_row(window, ends, spectrum, measured, per_flux)
        columns, misplaced = line_check(row, spectrum.wavelength, method, trusted, peaks)
        row |= columns
        row["flags"] = flag_words(row, measured, header["BIASMETH"] == "dark", misplaced)
        row["simulated"] = header.get("SIMULATE", False)
        rows.append(row)
    with whole(snakemake.output.csv) as part, open(part, "w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)

    figure = new_figure(header, "line windows")
    if rows:
        draw_windows(figure, spectrum.wavelength, spectrum.clean, lines.counts, rows, per_flux)
    else:
        axes = figure.subplots()
        draw_spectrum(axes, spectrum.wavelength, spectrum.clean, faint=True)
        axes.set_title("no line windows", loc="left")
    save(figure, snakemake.output.png)


if __name__ == "__main__":
    run(main, snakemake)
