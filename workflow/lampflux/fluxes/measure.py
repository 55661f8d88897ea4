"""Measure line fluxes: the net flux of each window and the fitted flux of its line."""

import logging
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lampflux.errors import UserError
from lampflux.fluxes.continuum import (
    CONTINUUM,
    beneath_dense_lines,
    near_saturation,
    window_continuum,
)
from lampflux.fluxes.flags import FLAGGED, in_wings, is_misfit, raised, recommendation
from lampflux.fluxes.flux_errors import (
    FLUX_ERRORS,
    far_wing_error,
    fit_flux_error,
    missed_light,
    net_flux_error,
)
from lampflux.fluxes.laboratory import LaboratoryLine, ion_brightness
from lampflux.fluxes.line_model import LineModel, model_lines
from lampflux.fluxes.line_shape import line_light
from lampflux.fluxes.lost_columns import lost_columns, with_lost_columns
from lampflux.fluxes.neighbours import Neighbour, laboratory_neighbours
from lampflux.fluxes.window_fit import (
    WindowFit,
    fit_window,
    has_neighbour,
    is_wider,
    width_at,
    without_dead_pixel,
)
from lampflux.peaks import find_peaks


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

    Raises
    ------
    UserError
        A window runs backwards or leaves the spectrum.

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
    check_windows(windows, counts.size)
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
    places = np.array([line.pixel for line in laboratory])
    if lines is None:
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
    near_saturated = near_saturation(lines, CONTINUUM.saturated_reach)
    far = far_wing_error(lines)
    whole = WholeSpectrum(columns, lines, near_saturated, far, laboratory, places, brightness)
    expected = [None] * len(windows) if expected is None else expected
    return [
        measure_window(whole, ends, pixel, exposure_time * fibres)
        for ends, pixel in zip(windows, expected)
    ]


def check_windows(windows, size):
    """Raise a `UserError` where a window runs backwards or leaves a spectrum of this size."""
    for number, (start, stop) in enumerate(windows, start=1):
        if not 0 <= start <= stop < size:
            raise UserError(
                f"Window {number} ({start} to {stop}) runs backwards or leaves the spectrum "
                f"(pixels 0 to {size - 1}); correct or remove it."
            )


class Columns(NamedTuple):
    """What `measure` is given, arrays of shape (pixels,)."""

    counts: np.ndarray
    uncertainty: np.ndarray
    summed: np.ndarray
    saturated: np.ndarray
    replaced: np.ndarray
    missing: np.ndarray
    peak: np.ndarray


class WholeSpectrum(NamedTuple):
    """What all windows of a spectrum share.

    The ``columns``; their model, ``lines``; whether pixels are ``near_saturated``;
    1 sigma of the ``far`` wings of all lines in each pixel [ADU]; lines that the ``laboratory``
    knows, their ``places`` [pixel] and the ``brightness`` of their ions.
    """

    columns: Columns
    lines: LineModel
    near_saturated: np.ndarray
    far: np.ndarray
    laboratory: Sequence[LaboratoryLine]
    places: np.ndarray
    brightness: dict


def measure_window(whole, window, expected, per_flux):
    """Measure one window.

    Parameters
    ----------
    whole : WholeSpectrum
    window : (int, int)
        First and last pixel.
    expected : float or None
        Where the line falls by the wavelengths [pixel].
    per_flux : float
        Exposure time times fibres [s]: counts over it are fluxes.

    Returns
    -------
    LineFlux
    """
    columns, lines = whole.columns, whole.lines
    start, stop = window
    inside = slice(start, stop + 1)
    continuum = window_continuum(columns.counts, lines, whole.near_saturated, whole.far, window)
    continuum = beneath_dense_lines(continuum, columns.counts, lines, whole.places, window)
    line = window_line(whole, continuum, window, expected)
    counts, uncertainty = with_lost_columns(columns, lines, line, inside)
    net = np.sum(counts[inside] - continuum.at(np.arange(start, stop + 1)))
    net_error = np.hypot(net_flux_error(uncertainty, lines, continuum, window), line.lost)
    flags, (recommended, reason) = judged(whole, window, continuum, net, net_error, line)
    found = line.found
    summed = columns.summed[inside].sum()
    return LineFlux(
        start=start,
        stop=stop,
        net_flux=float(net / per_flux),
        net_flux_err=float(net_error / per_flux),
        snr=float(net / net_error) if net_error else np.nan,
        continuum=float(continuum.at((start + stop) // 2) / per_flux),
        peak=float(columns.peak[inside].max()),
        saturated_fraction=float(columns.saturated[inside].sum() / summed),
        masked_fraction=float(columns.replaced[inside].sum() / summed),
        fit_flux=found.flux / per_flux if found else np.nan,
        fit_flux_err=float(line.error / per_flux),
        centroid=found.centre if found else np.nan,
        fwhm=found.fit.fwhm if found else np.nan,
        reduced_chi2=found.fit.reduced_chi2 if found else np.nan,
        flags=flags,
        blend_of=tuple(line.neighbours),
        recommended=recommended,
        reason=reason,
        drawn=drawn_fit(lines, continuum, found, start, stop),
    )


class WindowLine(NamedTuple):
    """The line of a window.

    What was ``found``, None without a line; the ``error`` of its flux [ADU], NaN without noise;
    its laboratory ``neighbours``; and the light that a dead pixel ``lost`` [ADU].
    """

    found: WindowFit | None
    error: float
    neighbours: Sequence[Neighbour]
    lost: float = 0.0


def window_line(whole, continuum, window, expected):
    """Fit the line of a window and name its neighbours; parameters as in `measure_window`.

    Returns
    -------
    WindowLine
    """
    counts, lines, laboratory = whole.columns.counts, whole.lines, whole.laboratory
    found = None
    if continuum.sides:
        found = fit_window(counts, lines, continuum, window, expected, whole.places)
    if not found:
        return WindowLine(None, np.nan, ())
    has_noise = np.isfinite(whole.columns.uncertainty[window[0] : window[1] + 1]).all()
    lost = 0.0
    if has_noise and found.fit.reduced_chi2 > FLAGGED.misfit_chi2:
        found, lost = without_dead_pixel(lines, found, whole.places)
    neighbours, hidden = laboratory_neighbours(lines, found, laboratory, whole.brightness)
    error = fit_flux_error(lines, continuum, found, hidden)
    return WindowLine(found, float(error) if has_noise else np.nan, neighbours, lost)


def judged(whole, window, continuum, net, net_error, line):
    """Raise the flags of a window and choose between its fluxes.

    Parameters
    ----------
    whole, window
        As in `measure_window`.
    continuum : lampflux.fluxes.continuum.WindowContinuum
    net, net_error : float
        [ADU]
    line : WindowLine

    Returns
    -------
    flags : tuple of str
    recommended : (str, str)
        Column and reason.
    """
    columns, lines, found = whole.columns, whole.lines, line.found
    start, stop = window
    inside = slice(start, stop + 1)
    saturated = bool(columns.saturated[inside].any())
    # Without errors, and where light is clipped, a fit cannot be judged.
    is_judged = bool(np.isfinite(line.error)) and not saturated
    misfit = is_judged and is_misfit(found.fit.reduced_chi2, line.error / found.flux)
    if not found and not saturated:
        misfit = net > FLAGGED.faint_snr * net_error
    wider = is_judged and is_wider(lines, found)
    parted = not wider and all(neighbour.is_parted for neighbour in line.neighbours)
    is_blended = bool(found) and (not parted or has_neighbour(lines, found, window))
    is_blended |= is_judged and in_wings(continuum.wings, net, net_error)
    flags = raised(
        saturated=saturated,
        cosmic=(columns.replaced - columns.missing)[inside].sum() > 0,
        bad_pixels=columns.missing[inside].sum() > 0 or line.lost > 0,
        blended=is_blended,
        misfit=misfit,
        edge=continuum.sides < 2,
        faint=net < FLAGGED.faint_snr * net_error,
        negative=net < 0,
    )
    cut = bool(found) and missed_light(lines, found, start, stop) > FLUX_ERRORS.missed
    within = bool(found) and start <= found.centre <= stop
    lost = lost_columns(columns)[inside].any() or line.lost > 0
    return flags, recommendation(flags, bool(found), within, parted, cut, lost)


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
