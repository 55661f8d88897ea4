"""A spectrum as lines of one shape on a continuum."""

from typing import NamedTuple

import numpy as np

from lampflux.fluxes.line_fit import fit_lines, line_fluxes
from lampflux.fluxes.line_shape import (
    Shape,
    at,
    light_near,
    light_of_each,
    overlaps,
    summed_light,
)
from lampflux.statistics import box_sums, continuum, scatter


class ModelTuning(NamedTuple):
    """Constants of the model of a spectrum."""

    # Times that widths, wings, fluxes and places are refined in turn.
    passes: int = 3
    # The model of a line is good to this part of it, to this reach of its feet [line widths].
    relative_error: float = 0.01
    feet: float = 1.5
    # Wings that are tried: width against the core's, and then against the best of these.
    wing_widths: tuple = (2.5, 3.5, 5.0, 7.0)
    wing_steps: tuple = (0.8, 0.9, 1.0, 1.12, 1.25)
    # Wings that are not this much larger than their error are none, and none holds more light.
    least_wing: float = 3.0
    most_wing: float = 0.3
    # Reach of a saturated line within which wings are not measured [line widths].
    saturated_reach: float = 6.0
    # Lines that tell width and wings stand out of the noise by this factor, and the brightest of
    # them are enough to tell the width.
    bright: float = 100.0
    most_widths: int = 60
    # Percentile of the widths that single lines have, the part by which single lines may differ,
    # and the fewest that tell how the width changes along the dispersion axis.
    single: float = 30.0
    same_width: float = 0.05
    fewest_widths: int = 8
    # A line this much wider than the others is two, if two fit this much better (ratio of
    # chi-squares) and if the fainter holds this part of the light.
    too_wide: float = 1.02
    better: float = 3.0
    least_part: float = 0.01


MODEL = ModelTuning()


def core_widths(counts, variance, good, peaks, shape):
    """Measure the width of the core at every pixel from the spectrum's bright single lines.

    Parameters
    ----------
    counts, variance : ndarray, shape (pixels,)
        Counts above the continuum [ADU], variance [ADU^2].
    good : ndarray of bool, shape (pixels,)
    peaks : lampflux.peaks.Peaks
    shape : Shape
        As far as it is known.

    Returns
    -------
    ndarray, shape (pixels,)
        Width [pixel]: a straight line through those of many lines, the lower third of fewer, what
        ``shape`` says without any.
    """
    chosen = np.flatnonzero(bright_singles(peaks, variance))
    chosen = chosen[np.argsort(-peaks.height[chosen])][: MODEL.most_widths]
    widths, places = [], []
    for number in chosen:
        centre = peaks.pixel[number]
        reach = 2 * peaks.fwhm
        pixels = np.arange(max(int(centre - reach), 0), min(int(centre + reach) + 2, counts.size))
        if not good[pixels].all():
            continue
        fit = fit_lines(
            counts[pixels],
            variance[pixels],
            good[pixels],
            pixels,
            peaks.pixel[number : number + 1],
            peaks.fwhm,
            shape,
            "all",
        )
        if fit is not None:
            widths.append(fit["fwhm"])
            places.append(centre)
    if not widths:
        return shape.fwhm
    widths, places = np.array(widths), np.array(places)
    # Blends are too wide, nothing is too narrow.
    typical = np.percentile(widths, MODEL.single)
    near = np.abs(widths - typical) < MODEL.same_width * typical
    if near.sum() < MODEL.fewest_widths:
        return np.full(counts.size, typical)
    line = np.polynomial.Polynomial.fit(places[near], widths[near], 1)
    ends = np.clip(np.arange(counts.size), places[near].min(), places[near].max())
    return line(ends)


def spectrum_model(counts, variance, good, peaks):
    """Model a spectrum as lines of one shape on a continuum.

    Parameters
    ----------
    counts, variance : ndarray, shape (pixels,)
        [ADU], [ADU^2].
    good : ndarray of bool, shape (pixels,)
        Pixels to go by: known and not saturated.
    peaks : lampflux.peaks.Peaks
        The spectrum's lines.

    Returns
    -------
    shape : Shape
    peaks : lampflux.peaks.Peaks
        With refined places.
    fluxes : ndarray, shape (peaks,)
        Flux of each [ADU].
    model : ndarray, shape (pixels,)
        Sum of all lines [ADU].
    """
    fwhm = peaks.fwhm or 3.0
    shape = Shape(np.full(counts.size, fwhm), 0.0, MODEL.wing_widths[1])
    model = np.zeros(counts.size)
    counts = filled = np.where(
        good, counts, np.interp(np.arange(counts.size), *good_pixels(counts, good))
    )
    block = max(40, counts.size // 40)
    level = continuum(filled, block)
    if peaks.pixel.size == 0:
        return shape, peaks, np.zeros(0), model
    centres = peaks.pixel.astype(float)
    # The flux of a saturated line hangs on its flanks: too uncertain to tell wings by.
    spoiled = box_sums(~good, int(np.ceil(MODEL.saturated_reach * fwhm))) > 0
    for number in range(MODEL.passes):
        net = counts - level
        peaks = peaks._replace(pixel=centres)
        shape = shape._replace(fwhm=core_widths(net, variance, good, peaks, shape))
        if number == MODEL.passes - 1:
            # By now widths and wings are those of single lines.
            peaks = split_blends(net, variance, good, peaks, shape)
            centres = peaks.pixel
        # The continuum beneath the lines is good enough for wings once lines were taken off.
        widths = (
            MODEL.wing_widths[:1],
            MODEL.wing_widths,
            shape.wing_width * np.array(MODEL.wing_steps),
        )[number]
        fits = []
        for width in widths:
            trial = shape._replace(wing_width=width)
            fits.append(
                fit_wings(net, variance, good, spoiled, centres, trial, model, fwhm, number > 0)
            )
            model = fits[-1].model
        shape, fluxes, model, _ = min(fits, key=lambda fit: fit.misfit)
        centres = moved_centres(net, variance, good, centres, shape, fluxes)
        level = continuum(filled - model, block, percent=50)
    pixels, light = light_of_each(centres, shape)
    weight = np.where(good, 1 / (variance + model_variance(model, fwhm)), 0)
    fluxes = line_fluxes(pixels, light, counts - level, weight)
    model = summed_light(pixels, light, fluxes, counts.size)
    return shape, peaks._replace(pixel=centres), fluxes, model


class WingFit(NamedTuple):
    """Lines of one ``shape`` with their ``fluxes``, the ``model`` they make, and its ``misfit``.

    Fluxes and model in ADU; the misfit is a sum of squares over their variance.
    """

    shape: Shape
    fluxes: np.ndarray
    model: np.ndarray
    misfit: float


def fit_wings(net, variance, good, spoiled, centres, shape, model, fwhm, winged):
    """Fit fluxes of all lines, and the part of the light in wings of a given width.

    Parameters
    ----------
    net, variance : ndarray, shape (pixels,)
        Counts above the continuum [ADU], variance [ADU^2].
    good, spoiled : ndarray of bool, shape (pixels,)
        Pixels to go by, and those near saturated lines, which do not tell wings.
    centres : ndarray, shape (peaks,)
        Places of the lines [pixel].
    shape : Shape
        With the part of the light to begin with.
    model : ndarray, shape (pixels,)
        The spectrum as far as it is known [ADU], for its own error.
    fwhm : float
        Typical width of the lines [pixel].
    winged : bool
        Whether lines may have wings.

    Returns
    -------
    WingFit
    """
    pixels, core, wing = light_near(centres, shape)
    part = shape.wing_part
    unlike = np.zeros(good.shape, bool)
    for _ in range(3):
        light = core + part * (wing - core)
        light_error = model_variance(model, fwhm)
        weight = np.where(good & ~unlike, 1 / (variance + light_error), 0)
        fluxes = line_fluxes(pixels, light, net, weight)
        cores, spread = (
            summed_light(pixels, part_of, fluxes, net.size) for part_of in (core, wing - core)
        )
        model = cores + part * spread
        weight = np.where(spoiled, 0, weight)
        power = (weight * spread) @ spread
        best_part = (weight * spread) @ (net - cores) / power if power else 0.0
        is_sure = winged and best_part * np.sqrt(power) > MODEL.least_wing
        part = float(min(best_part, MODEL.most_wing)) if is_sure else 0.0
        # With wings in the model, what is not in it is cut off: lines too faint to be peaks, for
        # instance.
        rest = net - cores - part * spread
        unlike = np.abs(rest) > 5 * np.sqrt(variance + light_error)
    misfit = rest**2 / (variance + light_error)
    misfit = np.where(spoiled, 0, np.minimum(misfit, 25)).sum()
    return WingFit(shape._replace(wing_part=part), fluxes, model, float(misfit))


def bright_singles(peaks, variance):
    """Tell which peaks are bright lines that stand alone and are not flat."""
    pixel = np.clip(np.rint(peaks.pixel).astype(int), 0, variance.size - 1)
    return ~peaks.blended & ~peaks.flat & (peaks.height > MODEL.bright * np.sqrt(variance[pixel]))


def split_blends(counts, variance, good, peaks, shape):
    """Take bright lines that are wider than the others apart, each into two of the usual width.

    Parameters
    ----------
    counts, variance : ndarray, shape (pixels,)
        Counts above the continuum [ADU], variance [ADU^2].
    good : ndarray of bool, shape (pixels,)
    peaks : lampflux.peaks.Peaks
    shape : Shape

    Returns
    -------
    lampflux.peaks.Peaks
        With two peaks in place of every line that was taken apart.
    """
    found = []
    # Lines as wide as flat-topped ones may be just that.
    for number in np.flatnonzero(bright_singles(peaks, variance)):
        centre = peaks.pixel[number]
        width = float(np.interp(centre, np.arange(counts.size), shape.fwhm))
        first, last = int(centre - 2 * width), int(centre + 2 * width) + 2
        pixels = np.arange(max(first, 0), min(last, counts.size))
        if not good[pixels].all():
            continue
        line = counts[pixels], variance[pixels], good[pixels], pixels
        one = fit_lines(*line, np.array([centre]), width, shape, "all")
        if one is None or one["fwhm"] < MODEL.too_wide * width:
            continue
        pair = one["centre"] + np.array([-0.3, 0.3]) * width
        two = fit_lines(*line, pair, width, shape, "centres")
        if two is None or two["reduced_chi2"] * MODEL.better > one["reduced_chi2"]:
            continue
        part = two["flux"] / two["flux"].sum()
        apart = np.ptp(two["centre"])
        if part.min() > MODEL.least_part and apart < 1.5 * width:
            found.append((number, two["centre"], part))
    if not found:
        return peaks
    kept = np.delete(np.arange(peaks.pixel.size), [number for number, *_ in found])
    number = np.concatenate([kept, *([number] * 2 for number, *_ in found)])
    pixel = np.concatenate([peaks.pixel[kept], *(centres for _, centres, _ in found)])
    part = np.concatenate([np.ones(kept.size), *(part for *_, part in found)])
    order = np.argsort(pixel)
    number, part = number[order], part[order]
    return peaks._replace(
        pixel=pixel[order],
        error=peaks.error[number],
        height=peaks.height[number] * part,
        blended=peaks.blended[number] | (part < 1),
        flat=peaks.flat[number],
    )


def model_variance(model, fwhm):
    """Variance that a model may be off by [ADU^2], at the feet of bright lines as at their tops.

    A line that is not quite of the model's shape would else be fitted to its feet, where counts
    are few and seem exact.
    """
    reach = int(np.ceil(MODEL.feet * fwhm))
    near = np.pad(np.clip(model, 0, None), reach)
    near = np.lib.stride_tricks.sliding_window_view(near, 2 * reach + 1).max(axis=1)
    return np.square(MODEL.relative_error * near)


def moved_centres(counts, variance, good, centres, shape, fluxes):
    """Move all lines at once to where they fit best; as for saturated ones, by their flanks.

    Parameters
    ----------
    counts, variance : ndarray, shape (pixels,)
        Counts above the continuum [ADU], variance [ADU^2].
    good : ndarray of bool, shape (pixels,)
    centres, fluxes : ndarray, shape (lines,)
        [pixel], [ADU]
    shape : Shape

    Returns
    -------
    ndarray, shape (lines,)
        Centres after one Gauss-Newton step of at most a fifth of a line width.
    """
    step = 0.02 * np.median(shape.fwhm)
    pixels, light = light_of_each(centres, shape)
    (_, ahead), (_, behind) = (light_of_each(centres, shape, by) for by in (step, -step))
    slope = (ahead - behind) / (2 * step) * fluxes[:, np.newaxis]
    model = summed_light(pixels, light, fluxes, counts.size)
    weight = np.where(good, 1 / (variance + (MODEL.relative_error * model) ** 2), 0)
    design = np.concatenate([light * np.maximum(fluxes, 1e-300)[:, np.newaxis], slope])
    pixels = np.concatenate([pixels, pixels])
    weighted = design * at(weight, pixels)
    square = overlaps(pixels, weighted, design)
    # Lines that no pixel tells anything about stay where they are.
    square += np.diag(1e-6 * square.diagonal() + 1e-12 * square.diagonal().max(initial=1e-300))
    wanted = np.sum(weighted * at(counts - model, pixels), axis=1)
    moved = np.linalg.solve(square, wanted)[centres.size :]
    reach = 0.2 * np.median(shape.fwhm)
    return centres + np.clip(np.nan_to_num(moved), -reach, reach)


def good_pixels(counts, good):
    """Places and values of the good pixels; zeros where there are none."""
    if not good.any():
        return np.array([0.0]), np.array([0.0])
    return np.flatnonzero(good), counts[good]


class LineModel(NamedTuple):
    """A spectrum as a sum of lines.

    ``peaks`` (lampflux.peaks.Peaks), ``shape`` (Shape), the ``fluxes`` of the peaks
    [ADU], their sum in each pixel, ``counts`` [ADU], the ``variance`` of the spectrum [ADU^2], and
    whether each pixel is ``good``: known and not saturated.
    """

    peaks: tuple
    shape: tuple
    fluxes: np.ndarray
    counts: np.ndarray
    variance: np.ndarray
    good: np.ndarray


def model_lines(counts, uncertainty, saturated, peaks):
    """Model all lines of a spectrum.

    Parameters
    ----------
    counts, uncertainty : ndarray, shape (pixels,)
        Spectrum and its 1-sigma uncertainty [ADU].
    saturated : ndarray, shape (pixels,)
        Saturated pixels of the frame in each column.
    peaks : lampflux.peaks.Peaks
        The spectrum's lines.

    Returns
    -------
    LineModel
    """
    good = np.isfinite(counts) & (saturated == 0)
    variance = np.square(uncertainty)
    if not np.isfinite(variance[good]).all():
        # Without gain the pixels' scatter between the lines stands in, to weigh pixels only.
        variance = np.full(counts.size, scatter(counts[good]) ** 2)
    variance = np.where(good, variance, 1.0)
    variance = np.maximum(variance, 1e-12 * max(np.nanmax(np.square(counts), initial=0), 1e-300))
    shape, peaks, fluxes, model = spectrum_model(np.nan_to_num(counts), variance, good, peaks)
    return LineModel(peaks, shape, fluxes, model, variance, good)
