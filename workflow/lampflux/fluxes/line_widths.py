"""Measure how the width of a spectrum's lines changes along the detector."""

from typing import NamedTuple

import numpy as np
from numpy.polynomial import Polynomial

from lampflux.fluxes.line_shape import (
    at,
    density_at,
    light_below,
    light_near,
    pixels_near,
    summed_light,
)
from lampflux.fluxes.shape_fit import bright_lines
from lampflux.statistics import robust_scatter


class WidthTuning(NamedTuple):
    """Constants of the measurement of widths."""

    # At most this many bright lines measure the widths, and are looked at for that, each by its
    # core [line widths].
    most_lines: int = 40
    most_alone: int = 80
    core: float = 1.5
    # Percentile of the widths that single lines have: blends are only wider. Single lines differ
    # by this part at most.
    single: float = 30.0
    same_width: float = 0.06
    # Lines further from others than this measure the width [line widths], in this many steps. The
    # width has settled if the last step is less than this part and the whole change below this
    # factor.
    alone: float = 2.5
    steps: int = 6
    settled: float = 0.003
    widest: float = 2.5
    # A line that is wider than the others by this part and as many of its errors is a blend.
    wider: float = 0.02
    wider_errors: float = 3.0
    # Fewest lines for each degree of the curve of widths, and the highest degree.
    linear: int = 5
    most_degree: int = 3
    # Relative error of the widths before they are measured, and the least one.
    first_error: float = 0.03
    least_error: float = 0.001


WIDTHS = WidthTuning()


def line_widths(net, variance, good, peaks, shape, fluxes):
    """Measure the width of the lines at every pixel from the spectrum's bright lines.

    Parameters
    ----------
    net, variance, good, peaks, shape, fluxes
        As in `lines_alone`.

    Returns
    -------
    Shape
        With widths and their error by `smooth_width`; as it was without any single line.
    """
    alone = lines_alone(net, variance, good, peaks, shape, fluxes)
    if not alone.number.size:
        return shape
    brightest = slice(WIDTHS.most_lines)
    places, widths, errors = (each[brightest] for each in (alone.centre, alone.fwhm, alone.error))
    widths, error = smooth_width(places, widths, errors, net.size)
    return shape._replace(fwhm=widths, width_error=error)


class LinesAlone(NamedTuple):
    """Bright lines that stand alone, the brightest first, each array of shape (lines,).

    Their ``number`` among the peaks, ``centre``, ``fwhm`` and the ``error`` of that [pixel].
    """

    number: np.ndarray
    centre: np.ndarray
    fwhm: np.ndarray
    error: np.ndarray


def lines_alone(net, variance, good, peaks, shape, fluxes):
    """Measure the widths of the bright lines that stand alone.

    Parameters
    ----------
    net, variance : ndarray, shape (pixels,)
        Counts above the continuum [ADU], variance [ADU^2].
    good : ndarray of bool, shape (pixels,)
    peaks : lampflux.peaks.Peaks
    shape : Shape
        As far as it is known.
    fluxes : ndarray, shape (peaks,)
        [ADU]

    Returns
    -------
    LinesAlone
        Two lines too near to each other to be two peaks may be among them.
    """
    bright = bright_lines(peaks, variance, good)
    centres = peaks.pixel[bright]
    width = np.interp(centres, np.arange(net.size), shape.fwhm)
    apart = np.abs(peaks.pixel - centres[:, np.newaxis])
    apart[np.arange(bright.size), bright] = np.inf
    pixels = pixels_near(centres, shape, WIDTHS.core)
    inside = (pixels >= 0) & (pixels < net.size)
    clear = (apart.min(axis=1, initial=np.inf) > WIDTHS.alone * width) & inside.all(axis=1)
    clear &= at(good, pixels).all(axis=1)
    clear[np.flatnonzero(clear)[WIDTHS.most_alone :]] = False
    if not clear.any():
        return LinesAlone(np.empty(0, int), *(np.empty(0) for _ in range(3)))
    bright, pixels = bright[clear], pixels[clear]
    own = light_near(pixels, centres[clear], shape) * fluxes[bright, np.newaxis]
    near = pixels_near(peaks.pixel, shape)
    light = light_near(near, peaks.pixel, shape)
    counts = at(net - summed_light(near, light, fluxes, net.size), pixels) + own
    fit = fit_single(counts, at(variance, pixels), pixels, centres[clear], width[clear], shape)
    known = np.isfinite(fit).all(axis=0)
    return LinesAlone(bright[known], *fit[:, known])


def single_lines(alone, shape):
    """Numbers of the lines alone that are not wider than single lines, brightest first."""
    usual = at(shape.fwhm, np.rint(alone.centre).astype(int))
    wider = alone.fwhm - usual
    return alone.number[wider < WIDTHS.wider * usual + WIDTHS.wider_errors * alone.error]


def fit_single(counts, variance, pixels, centres, fwhm, shape):
    """Fit lines that stand alone, all at once, each with its own flux, centre and width.

    Parameters
    ----------
    counts, variance : ndarray, shape (lines, near)
        Counts of each line alone [ADU], [ADU^2].
    pixels : ndarray of int, shape (lines, near)
        About each line.
    centres, fwhm : ndarray, shape (lines,)
        First guesses [pixel].
    shape : Shape

    Returns
    -------
    ndarray, shape (3, lines)
        Centres, widths and the errors of these [pixel]; NaN for lines whose fit leads astray.
    """
    edges = np.concatenate([pixels, pixels[:, -1:] + 1], axis=1) - 0.5
    first_centres, first_fwhm = centres, fwhm
    weight = 1 / np.sqrt(variance)
    for _ in range(WIDTHS.steps):
        distance = (edges - centres[:, np.newaxis]) / fwhm[:, np.newaxis]
        density = density_at(distance, shape.profile)
        light = np.diff(light_below(distance, shape.profile), axis=1)
        flux = np.sum(light * counts * weight**2, axis=1) / np.sum((light * weight) ** 2, axis=1)
        slopes = -np.diff([density, density * distance], axis=2)
        slopes = slopes * (flux / fwhm)[:, np.newaxis]
        design = np.concatenate([light[np.newaxis], slopes]) * weight
        rest = (counts - flux[:, np.newaxis] * light) * weight
        scale = np.sqrt(np.sum(design**2, axis=2)) + 1e-300
        design = design / scale[:, :, np.newaxis]
        square = np.einsum("ilp,jlp->lij", design, design) + 1e-9 * np.eye(3)
        inverse = np.linalg.inv(square)
        change = np.einsum("lij,jlp,lp->il", inverse, design, rest) / scale
        centres = centres + np.clip(change[1], -0.2 * fwhm, 0.2 * fwhm)
        fwhm = fwhm + np.clip(change[2], -0.2 * fwhm, 0.2 * fwhm)
    error = np.sqrt(inverse[:, 2, 2]) / scale[2]
    astray = np.abs(centres - first_centres) > first_fwhm
    astray |= np.abs(np.log(fwhm / first_fwhm)) > np.log(WIDTHS.widest)
    astray |= np.abs(change[2]) > WIDTHS.settled * fwhm
    return np.where(astray, np.nan, [centres, fwhm, error])


def smooth_width(places, widths, errors, size):
    """Draw a smooth curve through the widths of single lines; blends are only wider.

    Parameters
    ----------
    places, widths, errors : ndarray, shape (lines,)
        Of lines, their widths and the errors of these [pixel].
    size : int
        Pixels of the spectrum.

    Returns
    -------
    widths : ndarray, shape (size,)
        A polynomial of the degree that the Bayesian information criterion prefers (Schwarz 1978,
        Annals of Statistics 6, 461) [pixel].
    error : ndarray, shape (size,)
        1 sigma by which single lines differ from it, as a part of the width.
    """
    typical = np.percentile(widths, WIDTHS.single)
    curve = Polynomial([typical])
    if widths.size >= 2 * WIDTHS.linear:
        parts = np.array_split(np.argsort(places), 4)
        middles = [np.median(places[part]) for part in parts]
        lower = [np.percentile(widths[part], WIDTHS.single) for part in parts]
        curve = Polynomial.fit(middles, lower, 1)
    weight = 1 / np.hypot(errors, WIDTHS.least_error * typical)
    near = np.zeros(widths.size, bool)
    for _ in range(5):
        before, near = near, np.abs(widths / curve(places) - 1) < WIDTHS.same_width
        if (near == before).all() and near.any():
            break
        number = np.count_nonzero(near)
        if number < WIDTHS.linear:
            return np.full(size, typical), np.full(size, WIDTHS.first_error)
        best = np.inf
        for degree in range(min(number // WIDTHS.linear, WIDTHS.most_degree) + 1):
            trial = Polynomial.fit(places[near], widths[near], degree, w=weight[near])
            misfit = np.mean(((widths - trial(places)) * weight)[near] ** 2)
            criterion = number * np.log(misfit + 1e-12) + degree * np.log(number)
            if criterion < best:
                best, curve = criterion, trial
    off = (widths / curve(places) - 1)[near]
    error = np.sqrt(max(robust_scatter(off) ** 2 - np.median(errors[near] / typical) ** 2, 0.0))
    # Beyond the last lines the curve continues straight; all that it changes there may be wrong.
    inner = np.clip(np.arange(size), places[near].min(), places[near].max())
    further = curve.deriv()(inner) * (np.arange(size) - inner)
    width = np.clip(curve(inner) + further, 0.5 * typical, 2 * typical)
    return width, np.hypot(max(error, WIDTHS.least_error), further / width)
