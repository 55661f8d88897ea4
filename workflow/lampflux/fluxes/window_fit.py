"""Fit the line of a window, together with the lines that overlap it."""

from typing import NamedTuple

import numpy as np

from lampflux.fluxes.line_fit import LineFit, fit_lines
from lampflux.fluxes.line_model import light_of_others
from lampflux.fluxes.line_shape import at, line_light


class WindowTuning(NamedTuple):
    """Constants of the fit of a window's line."""

    # A line is fitted over this reach to either side [line widths]: all of its core.
    fit_reach: float = 3.0
    # Lines nearer to each other than this are fitted together [line widths].
    together: float = 3.0
    # Lines further apart than this leave each other's width free [line widths].
    alone: float = 1.7
    # 1 sigma of the width of lines in a blend, at least [width].
    same_width: float = 0.01
    # Signal-to-noise ratios above which a line's own width and position are fitted.
    free_width: float = 20.0
    free_place: float = 6.0
    # A line of the window stands this near where it is expected [line widths].
    named: float = 0.35
    # Lines are those of the laboratory if their distances agree this well [line widths]; 1 sigma
    # of that distance [pixel].
    tied: float = 0.15
    laboratory: float = 0.05
    # A line that is wider than the others by this part, by this many of its errors and by as many
    # times what single lines differ, is more than one.
    wider: float = 0.003
    wider_errors: float = 4.0
    # A pixel this near [line widths] is dead if a fit without it leaves less than this part of the
    # chi-square, and exceeds it by this many sigma.
    dead_reach: float = 2.0
    dead_chi2: float = 0.25
    dead: float = 5.0
    # A blend is a line with this part of the window's line near it: it matters.
    blend: float = 0.02


WINDOW = WindowTuning()


class WindowFit(NamedTuple):
    """Lines that were fitted to a window.

    The ``fit`` and ``main``, the number of the window's line in it; and the ``data`` it was made
    on, as `fit_lines` takes them: counts, variance, good and pixels.
    """

    fit: LineFit
    main: int
    data: tuple

    @property
    def centre(self):
        """Place of the window's line [pixel]."""
        return float(self.fit.centre[self.main])

    @property
    def flux(self):
        """Flux of the window's line [ADU]."""
        return float(self.fit.flux[self.main])


def width_at(lines, place):
    """Width of single lines at a place [pixel]."""
    return float(np.interp(place, np.arange(lines.counts.size), lines.shape.fwhm))


def width_error_at(lines, place):
    """1 sigma of the width of single lines at a place, as a part of it."""
    return float(at(lines.shape.width_error, round(place)))


def main_line(lines, start, stop, expected):
    """Choose a window's line: the one that stands where it is expected, else the brightest."""
    pixel = lines.peaks.pixel
    inside = np.flatnonzero((pixel >= start - 0.5) & (pixel <= stop + 0.5))
    if inside.size == 0:
        return None
    if expected is not None:
        nearest = inside[np.argmin(np.abs(pixel[inside] - expected))]
        if np.abs(pixel[nearest] - expected) < WINDOW.named * width_at(lines, expected):
            return nearest
    return inside[np.argmax(lines.fluxes[inside])]


def fit_window(counts, lines, continuum, window, expected, known):
    """Fit the line of a window, together with the lines that blend with it.

    Parameters
    ----------
    counts : ndarray, shape (pixels,)
        Spectrum [ADU].
    lines : lampflux.fluxes.line_model.LineModel
    continuum : lampflux.fluxes.continuum.WindowContinuum
    window : (int, int)
        First and last pixel.
    expected : float or None
        Where the line falls by the wavelengths [pixel].
    known : ndarray
        Where lines of the laboratory fall [pixel].

    Returns
    -------
    WindowFit or None
        None without a line, or where no fit settles.
    """
    start, stop = window
    pixel = lines.peaks.pixel
    main = main_line(lines, start, stop, expected)
    if main is None and not (expected is not None and start - 0.5 <= expected <= stop + 0.5):
        return None
    place = expected if main is None else pixel[main]
    width = width_at(lines, place)
    group = np.flatnonzero(np.abs(pixel - place) < WINDOW.together * width)
    if main is None:
        centres, fluxes = np.append(place, pixel[group]), np.append(0.0, lines.fluxes[group])
    else:
        group = np.append(main, group[group != main])
        centres, fluxes = pixel[group], lines.fluxes[group]
    reach = WINDOW.fit_reach * width
    first, last = int(np.floor(place - reach)), int(np.ceil(place + reach))
    pixels = np.arange(max(first, 0), min(last + 1, counts.size))
    others = light_of_others(lines.peaks, lines.shape, lines.fluxes)(group, pixels)
    net = counts[pixels] - continuum.at(pixels) - others
    variance = lines.variance[pixels] + lines.model_variance[pixels]
    data = net, variance, lines.good[pixels], pixels
    fit = fit_group(data, lines, centres, fluxes, known)
    if fit is None:
        return None
    chosen = 0
    if main is not None and abs(fit.centre[0] - (expected or np.inf)) > WINDOW.named * width:
        # Overlapping lines may have changed places in brightness.
        inside = (fit.centre >= start - 0.5) & (fit.centre <= stop + 0.5)
        chosen = int(np.argmax(np.where(inside, fit.flux, -np.inf))) if inside.any() else 0
    return WindowFit(fit, chosen, data)


def fit_group(data, lines, centres, fluxes, known):
    """Fit lines that overlap, the window's line first.

    Parameters
    ----------
    data : (counts, variance, good, pixels)
        As `fit_lines` takes them.
    lines : lampflux.fluxes.line_model.LineModel
    centres, fluxes : ndarray, shape (lines,)
        First guesses [pixel], [ADU].
    known : ndarray
        As in `fit_window`.

    Returns
    -------
    lampflux.fluxes.line_fit.LineFit or None
        With the width as free as the line is bright, and less where that does not settle.
    """
    width, profile = width_at(lines, centres[0]), lines.shape.profile
    snr = fluxes / np.sqrt(lines.variance[data[-1]].sum())
    centre_error = np.where(snr > WINDOW.free_place, np.inf, 0.0)
    overlapping = np.abs(centres[1:] - centres[0]).min(initial=np.inf) < WINDOW.alone * width
    same = max(WINDOW.same_width, width_error_at(lines, centres[0])) * width
    width_error = same if overlapping else np.inf
    if snr[0] < WINDOW.free_width:
        width_error = 0.0
    ties = laboratory_ties(centres, known, width)
    for places, error, tied in (
        (centre_error, width_error, ties),
        (centre_error, 0.0, ties),
        (0.0, 0.0, []),
    ):
        fit = fit_lines(*data, centres, width, profile, places, error, tied)
        if fit is not None:
            return fit
    return None


def without_dead_pixel(lines, found, known):
    """Fit a line anew without a pixel that alone keeps it from being described.

    Parameters
    ----------
    lines : lampflux.fluxes.line_model.LineModel
    found : WindowFit
    known : ndarray
        As in `fit_window`.

    Returns
    -------
    found : WindowFit
        As it was where no pixel is dead.
    lost : float
        Light that the pixel lacks [ADU].
    """
    counts, variance, good, pixels = found.data
    order = np.append(found.main, np.delete(np.arange(found.fit.flux.size), found.main))
    centres, fluxes = found.fit.centre[order], found.fit.flux[order]
    reach = WINDOW.dead_reach * width_at(lines, found.centre)
    best, place = found.fit, None
    for each in np.flatnonzero(good & (np.abs(pixels - found.centre) < reach)):
        kept = good & (pixels != pixels[each])
        fit = fit_group((counts, variance, kept, pixels), lines, centres, fluxes, known)
        if fit is not None and fit.chi2 < best.chi2:
            best, place = fit, each
    if place is None or best.chi2 > WINDOW.dead_chi2 * found.fit.chi2:
        return found, 0.0
    edges = pixels[place] + np.array([-0.5, 0.5])
    light, *_ = line_light(edges, best.centre, best.fwhm, lines.shape.profile)
    lost = float(light[0] @ best.flux - counts[place])
    if lost < WINDOW.dead * np.sqrt(variance[place]):
        return found, 0.0
    data = counts, variance, good & (pixels != pixels[place]), pixels
    return WindowFit(best, 0, data), lost


def laboratory_ties(centres, known, width):
    """Tie lines that overlap the first to it by their distance in the laboratory.

    Returns
    -------
    list of (int, int, float, float)
        As `fit_lines` takes them.
    """
    if known.size < 2 or centres.size < 2:
        return []
    nearest = np.argmin(np.abs(known - centres[:, np.newaxis]), axis=1)
    ties = []
    for number in range(1, centres.size):
        apart = known[nearest[number]] - known[nearest[0]]
        differs = abs(centres[number] - centres[0] - apart)
        if 0 < abs(apart) < WINDOW.alone * width and differs < WINDOW.tied * width:
            ties.append((0, number, float(apart), WINDOW.laboratory))
    return ties


def is_wider(lines, found):
    """Whether the window's line is wider than single lines are: more than one, then."""
    width = width_at(lines, found.centre)
    error = found.fit.fwhm_error * np.sqrt(max(found.fit.reduced_chi2, 1.0))
    excess = found.fit.fwhm - width
    usual = WINDOW.wider_errors * np.hypot(error, width_error_at(lines, found.centre) * width)
    return bool(excess > max(usual, WINDOW.wider * width, lines.shape.error * width))


def has_neighbour(lines, found, window):
    """Whether another line of some brightness shares the window or leans on its line."""
    start, stop = window
    others = np.delete(found.fit.centre, found.main)
    fluxes = np.delete(found.fit.flux, found.main)
    reach = WINDOW.together * width_at(lines, found.centre)
    far = np.abs(lines.peaks.pixel - found.centre) > reach
    pixel = np.append(others, lines.peaks.pixel[far])
    fluxes = np.append(fluxes, lines.fluxes[far])
    near = np.abs(pixel - found.centre) < reach
    near |= (pixel >= start - 0.5) & (pixel <= stop + 0.5)
    return bool((fluxes[near] > WINDOW.blend * found.flux).any())
