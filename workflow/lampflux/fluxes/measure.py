"""Measure line fluxes: the net flux of each window and the fitted flux of its line."""

import logging
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lampflux.fluxes.continuum import near_saturation, window_continuum
from lampflux.fluxes.flags import FAINT_SNR, MISFIT_CHI2, MISFIT_PART, raised, recommendation
from lampflux.fluxes.laboratory import LaboratoryLine, ion_brightness
from lampflux.fluxes.line_model import LineModel, model_lines
from lampflux.fluxes.line_shape import (
    TABLE,
    far_light,
    light_below,
    light_near,
    line_light,
    lorentzian_profile,
    pixels_near,
    summed_light,
)
from lampflux.fluxes.neighbours import laboratory_neighbours
from lampflux.fluxes.window_fit import (
    fit_window,
    has_neighbour,
    is_wider,
    width_at,
)
from lampflux.peaks import find_peaks


class ErrorTuning(NamedTuple):
    """Constants of the errors of fluxes."""

    # A window's ends are uncertain by this [pixel], by curved slits and uneven pixels.
    cut: float = 0.02
    # From this distance on the continuum beside a window holds wings of lines [line widths].
    wings: float = 2.5
    # A window that misses more of the line's light than this part cuts it.
    missed: float = 0.01
    # Pixels within this reach of saturated ones do not tell the continuum [line widths].
    saturated_reach: float = 3.0
    # A column with more than this part of its pixels missing is filled from its neighbours.
    lost: float = 0.3


ERRORS = ErrorTuning()


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
    blend_of : tuple of lampflux.fluxes.neighbours.Neighbour
        Laboratory lines that blend with the window's line.
    recommended, reason : str
        Which of the two fluxes to use, 'net_flux' or 'fit_flux', and why.
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
    blend_of: tuple
    recommended: str
    reason: str
    drawn: tuple


class DrawnFit(NamedTuple):
    """What a picture of a window shows.

    ``pixels`` in and about the window, shape (pixels,); the ``continuum`` there; its ``lines``,
    those that were fitted together and last all others, shape (lines, pixels); all [ADU].
    """

    pixels: np.ndarray
    continuum: np.ndarray
    lines: np.ndarray


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
    missing: np.ndarray | None = None,
    peak: np.ndarray | None = None,
    lines: LineModel | None = None,
    laboratory: Sequence[LaboratoryLine] = (),
) -> list[LineFlux]:
    """Measure the line in each window of a spectrum.

    The net flux is the sum over the window above a continuum (Howell 2006, Handbook of CCD
    Astronomy, section 4.4); the fitted flux is that of pixel-integrated profiles, whose shape is
    measured on the spectrum itself.

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
    summed, saturated, replaced, missing : ndarray, shape (pixels,), optional
        Pixels of the frame summed in each column, how many of them are saturated and replaced, and
        how many of the latter are bad; 1, 0, 0 and 0 unless given.
    peak : ndarray, shape (pixels,), optional
        Highest pixel of the frame in each column [ADU]; the counts unless given.
    lines : lampflux.fluxes.line_model.LineModel, optional
        The model of all lines of the spectrum, where there is one already.
    laboratory : sequence of lampflux.fluxes.laboratory.LaboratoryLine, optional
        Lines of the lamp's ions: companions are looked for there first, and blends are named.

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
    >>> line.recommended, line.reason
    ('net_flux', 'alone in its window')
    """
    counts = np.asarray(counts, dtype=float)
    uncertainty = np.full(counts.size, np.nan) if uncertainty is None else np.asarray(uncertainty)
    columns = Columns(
        counts,
        uncertainty,
        np.ones(counts.size) if summed is None else summed,
        np.zeros(counts.size) if saturated is None else saturated,
        np.zeros(counts.size) if replaced is None else replaced,
        np.zeros(counts.size) if missing is None else missing,
        counts if peak is None else peak,
    )
    if lines is None:
        places = np.array([line.pixel for line in laboratory])
        peaks = find_peaks(counts, uncertainty)
        lines = model_lines(counts, uncertainty, columns.saturated, peaks, places)
    logging.info(
        "%d lines, %.2f pixels wide, their profile right to %.2g",
        lines.fluxes.size,
        np.median(lines.shape.fwhm),
        lines.shape.error,
    )
    width = float(np.median(lines.shape.fwhm))
    brightness = ion_brightness(lines.peaks.pixel, lines.fluxes, width, laboratory)
    known = laboratory, brightness
    far = far_wing_error(lines)
    expected = [None] * len(windows) if expected is None else expected
    return [
        measure_window(columns, lines, far, ends, pixel, known, exposure_time * fibres)
        for ends, pixel in zip(windows, expected)
    ]


class Columns(NamedTuple):
    """What `measure` is given, arrays of shape (pixels,)."""

    counts: np.ndarray
    uncertainty: np.ndarray
    summed: np.ndarray
    saturated: np.ndarray
    replaced: np.ndarray
    missing: np.ndarray
    peak: np.ndarray


def far_wing_error(lines):
    """1 sigma of the far wings of all lines in each pixel, as those of a Lorentzian [ADU]."""
    wing, size = lorentzian_profile(), lines.counts.size
    centres = lines.peaks.pixel
    error = lines.shape.far_error / far_light(wing) * lines.fluxes
    summed = np.zeros(size)
    for reach, sign in (TABLE.reach, 1), (ERRORS.wings, -1):
        pixels = pixels_near(centres, lines.shape, reach)
        light = light_near(pixels, centres, lines.shape, wing)
        summed += sign * summed_light(pixels, light, error, size)
    return summed


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


def measure_window(columns, lines, far, window, expected, known, per_flux):
    """Measure one window.

    Parameters
    ----------
    columns : Columns
    lines : lampflux.fluxes.line_model.LineModel
    far : ndarray, shape (pixels,)
        1 sigma of the light of the far wings of lines [ADU].
    window : (int, int)
        First and last pixel.
    expected : float or None
        Where the line falls by the wavelengths [pixel].
    known : (sequence of lampflux.fluxes.laboratory.LaboratoryLine, dict of str to float)
        Lines of the lamp's ions, and the brightness of these.
    per_flux : float
        Exposure time times fibres [s]: counts over it are fluxes.

    Returns
    -------
    LineFlux
    """
    start, stop = window
    inside = slice(start, stop + 1)
    spoiled = near_saturation(lines, ERRORS.saturated_reach)
    continuum = window_continuum(columns.counts, lines, spoiled, start, stop)
    net = np.sum(columns.counts[inside] - continuum.at(np.arange(start, stop + 1)))
    net_error = net_flux_error(columns, lines, far, continuum, start, stop)
    snr = net / net_error if net_error else np.nan
    laboratory, brightness = known
    places = np.array([line.pixel for line in laboratory])
    found = None
    if continuum.sides:
        found = fit_window(columns.counts, lines, continuum, window, expected, places)
    neighbours, fit_error = (), np.nan
    if found:
        neighbours, hidden = laboratory_neighbours(lines, found, laboratory, brightness)
        fit_error = fit_flux_error(lines, continuum, found, hidden)
    parted = all(neighbour.is_parted for neighbour in neighbours)
    has_noise = bool(np.isfinite(columns.uncertainty[inside]).all())
    if not has_noise:
        fit_error = np.nan
    saturated, replaced = (
        values[inside].sum() / columns.summed[inside].sum()
        for values in (columns.saturated, columns.replaced)
    )
    # Without errors, and where light is clipped, a fit cannot be judged.
    judged = bool(found) and has_noise and not saturated
    wider = judged and is_wider(lines, found)
    flags = raised(
        saturated=saturated > 0,
        cosmic=(columns.replaced - columns.missing)[inside].sum() > 0,
        bad_pixels=columns.missing[inside].sum() > 0,
        blended=bool(found) and (wider or not parted or has_neighbour(lines, found, window)),
        misfit=judged
        and found.fit.reduced_chi2 > MISFIT_CHI2
        and fit_error > MISFIT_PART * found.flux,
        edge=continuum.sides < 2,
        faint=snr < FAINT_SNR,
        negative=net < 0,
    )
    cut = bool(found) and missed_light(lines, found, start, stop) > ERRORS.missed
    within = bool(found) and start <= found.centre <= stop
    lost = (columns.missing > ERRORS.lost * columns.summed)[inside].any()
    recommended, reason = recommendation(
        flags, bool(found), within, parted and not wider, cut, lost
    )
    return LineFlux(
        start=start,
        stop=stop,
        net_flux=float(net / per_flux),
        net_flux_err=float(net_error / per_flux),
        snr=float(snr),
        continuum=float(continuum.at((start + stop) // 2) / per_flux),
        peak=float(columns.peak[inside].max()),
        saturated_fraction=float(saturated),
        masked_fraction=float(replaced),
        fit_flux=found.flux / per_flux if found else np.nan,
        fit_flux_err=float(fit_error / per_flux),
        centroid=found.centre if found else np.nan,
        fwhm=found.fit.fwhm if found else np.nan,
        reduced_chi2=found.fit.reduced_chi2 if found else np.nan,
        flags=flags,
        blend_of=tuple(neighbours),
        recommended=recommended,
        reason=reason,
        drawn=drawn_fit(lines, continuum, found, start, stop),
    )


def net_flux_error(columns, lines, far, continuum, start, stop):
    """1 sigma of a window's sum [ADU]: noise, continuum, far wings, and light that its ends cut.

    Where the pixels about the window scatter by more than their noise, so do those in it.
    """
    noise = np.sum(np.square(columns.uncertainty[start : stop + 1])) * continuum.chi2
    cut = ERRORS.cut * (lines.counts[start] + lines.counts[stop])
    wings = far[start : stop + 1].sum()
    return np.sqrt(noise + continuum.total_error**2 + cut**2 + wings**2)


def fit_flux_error(lines, continuum, found, hidden):
    """1 sigma of a fitted flux [ADU].

    Noise and line shape, continuum, far wings, and the light of ``hidden`` neighbours that the
    laboratory knows and that the fit cannot tell from the line.
    """
    own = found.fit.flux_error[found.main] * np.sqrt(max(found.fit.reduced_chi2, 1.0))
    level = continuum.error * found.fit.response[found.main].sum()
    wings = lines.shape.far_error * found.flux
    return np.sqrt(own**2 + level**2 + wings**2 + hidden**2)


def missed_light(lines, found, start, stop):
    """Part of the core of a window's line that lies outside of the window."""
    ends = np.array([start - 0.5, stop + 0.5]) - found.centre
    within = np.diff(light_below(ends / found.fit.fwhm, lines.shape.profile))
    return float(1 - far_light(lines.shape.profile) - within[0])


def drawn_fit(lines, continuum, found, start, stop):
    """Gather what a picture of a window shows; see `DrawnFit`."""
    margin = max(stop - start, 8)
    pixels = np.arange(max(start - margin, 0), min(stop + margin, lines.counts.size - 1) + 1)
    if not found:
        return DrawnFit(pixels, continuum.at(pixels), lines.counts[pixels][np.newaxis])
    edges = np.append(pixels, pixels[-1] + 1) - 0.5
    light, *_ = line_light(edges, found.fit.centre, found.fit.fwhm, lines.shape.profile)
    own = (light * found.fit.flux).T
    # Lines further off keep their part of the model of all lines.
    far = np.abs(lines.peaks.pixel[:, np.newaxis] - found.fit.centre).min(axis=1) > width_at(
        lines, found.centre
    )
    widths = np.interp(lines.peaks.pixel[far], np.arange(lines.counts.size), lines.shape.fwhm)
    light, *_ = line_light(edges, lines.peaks.pixel[far], widths, lines.shape.profile)
    return DrawnFit(pixels, continuum.at(pixels), np.vstack([own, light @ lines.fluxes[far]]))
