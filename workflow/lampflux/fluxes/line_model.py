"""A spectrum as lines of one shape on a continuum."""

from typing import NamedTuple

import numpy as np

from lampflux.fluxes.companions import find_companions
from lampflux.fluxes.continuum import knot_distance, lines_on_continuum
from lampflux.fluxes.line_shape import (
    Shape,
    at,
    gaussian_profile,
    halo_light,
    light_near,
    line_light,
    overlaps,
    pixels_near,
    slopes_near,
    summed_light,
)
from lampflux.fluxes.line_widths import WIDTHS, line_widths, lines_alone, single_lines
from lampflux.fluxes.missed_lines import with_missed_lines
from lampflux.fluxes.shape_fit import (
    SHAPE,
    bright_lines,
    measure_profile,
    near_bad,
    profile_error,
)
from lampflux.fluxes.smoothing import Smoothness, knots_at, smoothness_of
from lampflux.peaks import Peaks
from lampflux.statistics import continuum, robust_scatter, scatter


class ModelTuning(NamedTuple):
    """Constants of the model of a spectrum."""

    # Times that places and fluxes are refined, and those in which widths, the smoothness of the
    # continuum and the profile are, too; companions are looked for once the profile is known.
    passes: int = 5
    widths_in: tuple = (0, 2)
    smoothness_in: tuple = (2,)
    profile_in: tuple = (1, 2, 4)
    judged_in: tuple = (1, 2)
    companions_in: tuple = (2, 3)
    # Relative error of the profile before it is measured: that of a Gaussian.
    first_error: float = 0.02
    # Reach of a line's feet, about which the model may be off as at its top [line widths].
    feet: float = 1.5
    # Pixels further off the model are left out [sigma]: lines too faint to be peaks, for instance.
    outlier: float = 6.0
    # Pixels with less light than this of lines show how smooth the continuum is [sigma].
    dark: float = 3.0
    # Lines further apart are moved independently [line widths].
    apart: float = 4.0
    # Largest step of a line's place [line widths].
    largest_move: float = 0.2


MODEL = ModelTuning()


class Pixels(NamedTuple):
    """What is modelled.

    ``counts`` [ADU] and their ``variance`` [ADU^2]; whether each pixel is ``good``: known and not
    saturated; and whether it is ``near_saturated``. ``knots`` of the continuum, and where lines of
    the laboratory fall, ``known`` [pixel].
    """

    counts: np.ndarray
    variance: np.ndarray
    good: np.ndarray
    near_saturated: np.ndarray
    knots: tuple
    known: np.ndarray


class LineModel(NamedTuple):
    """A spectrum as lines of one shape on a continuum.

    ``peaks`` and their ``fluxes`` [ADU]; the ``shape`` of the lines; their
    sum in each pixel, ``counts`` [ADU], and its variance, ``model_variance`` [ADU^2]; the
    ``level`` of the continuum [ADU], the ``halo`` of the lines in it and the ``smoothness`` of the
    rest; the ``variance`` of the spectrum [ADU^2], whether each pixel is ``good``: known and not
    saturated, and ``used``: and near the model.
    """

    peaks: Peaks
    fluxes: np.ndarray
    shape: Shape
    counts: np.ndarray
    model_variance: np.ndarray
    level: np.ndarray
    halo: np.ndarray
    smoothness: Smoothness
    variance: np.ndarray
    good: np.ndarray
    used: np.ndarray


def model_lines(counts, uncertainty, saturated, peaks, known=()):
    """Model all lines of a spectrum.

    Parameters
    ----------
    counts, uncertainty : ndarray, shape (pixels,)
        Spectrum and its 1-sigma uncertainty [ADU].
    saturated : ndarray, shape (pixels,)
        Saturated pixels of the frame in each column.
    peaks : lampflux.peaks.Peaks
        The spectrum's lines.
    known : sequence of float
        Where lines of the laboratory fall [pixel].

    Returns
    -------
    LineModel
    """
    good = np.isfinite(counts) & (saturated == 0)
    variance = np.square(uncertainty)
    has_noise = bool(np.isfinite(variance[good]).all())
    if not has_noise:
        # Without gain the pixels' scatter between the lines stands in, to weigh pixels only.
        variance = np.full(counts.size, scatter(counts[good]) ** 2)
    variance = np.where(good, variance, 1.0)
    variance = np.maximum(variance, 1e-12 * max(np.nanmax(np.square(counts), initial=0), 1e-300))
    return spectrum_model(
        np.nan_to_num(counts), variance, good, peaks, np.asarray(known, float), has_noise
    )


def spectrum_model(counts, variance, good, peaks, known, has_noise=True):
    """Model a spectrum as lines of one shape on a continuum.

    Parameters
    ----------
    counts, variance : ndarray, shape (pixels,)
        [ADU], [ADU^2].
    good : ndarray of bool, shape (pixels,)
        Pixels to go by: known and not saturated.
    peaks : lampflux.peaks.Peaks
        The spectrum's lines.
    known : ndarray
        Where lines of the laboratory fall [pixel].
    has_noise : bool
        Whether the variance is that of the counts. Where it only weighs pixels there is no
        evidence for companions.

    Returns
    -------
    LineModel
    """
    fwhm = peaks.fwhm or 3.0
    errors = MODEL.first_error, np.full(counts.size, WIDTHS.first_error), 0.0
    shape = Shape(np.full(counts.size, fwhm), gaussian_profile(), *errors)
    counts = np.where(good, counts, np.interp(np.arange(counts.size), *good_pixels(counts, good)))
    knots = knots_at(np.arange(counts.size), knot_distance(shape))
    pixels = Pixels(counts, variance, good, near_bad(good, fwhm), knots, known)
    level = continuum(counts, max(40, counts.size // 40))
    lines = LineModel(
        peaks._replace(pixel=peaks.pixel.astype(float)),
        peaks.height * fwhm / gaussian_profile().density.max(),
        shape,
        np.zeros(counts.size),
        np.zeros(counts.size),
        level,
        np.zeros(counts.size),
        smoothness_of(counts - level, good / variance, knots),
        variance,
        good,
        good,
    )
    for number in range(MODEL.passes):
        if lines.fluxes.size:
            if number in MODEL.widths_in:
                lines = lines._replace(shape=with_widths(pixels, lines))
            if has_noise and number in MODEL.companions_in:
                lines = with_companions(pixels, lines)
            lines = with_places(pixels, lines)
            if number in MODEL.profile_in:
                lines = with_profile(pixels, lines, number in MODEL.judged_in)
        lines = with_fluxes(pixels, lines)
        if number in MODEL.smoothness_in:
            dark = lines.counts < MODEL.dark * np.sqrt(variance)
            weight = np.where(lines.used & dark, 1 / (variance + lines.model_variance), 0)
            smoothness = smoothness_of(counts - lines.counts - lines.halo, weight, knots)
            lines = lines._replace(smoothness=smoothness)
    return lines


def with_widths(pixels, lines):
    """Measure the widths of the lines; see `line_widths`."""
    net = pixels.counts - lines.level
    return line_widths(net, pixels.variance, pixels.good, lines.peaks, lines.shape, lines.fluxes)


def with_companions(pixels, lines):
    """Add missed lines and companions of bright lines, if there are any."""
    net = pixels.counts - lines.level
    variance = pixels.variance + lines.model_variance
    peaks = with_missed_lines(net - lines.counts, variance, pixels.good, lines.peaks, lines.shape)
    if peaks is not lines.peaks:
        lines = with_fluxes(pixels, lines._replace(peaks=peaks))
        net = pixels.counts - lines.level
    peaks = find_companions(
        net,
        pixels.variance + lines.model_variance,
        pixels.good,
        lines.peaks,
        lines.shape,
        lines.fluxes,
        light_of_others(lines.peaks, lines.shape, lines.fluxes),
        pixels.known,
        net - lines.counts,
    )
    if peaks is lines.peaks:
        return lines
    return with_fluxes(pixels, lines._replace(peaks=peaks))


def with_places(pixels, lines):
    """Move all lines to where they fit best; see `moved_centres`."""
    weight = np.where(lines.used, 1 / (pixels.variance + lines.model_variance), 0)
    net = pixels.counts - lines.level
    moved = moved_centres(net, weight, lines.peaks.pixel, lines.shape, lines.fluxes)
    return lines._replace(peaks=lines.peaks._replace(pixel=moved))


def with_profile(pixels, lines, is_judged):
    """Measure the profile on the bright lines; see `measure_profile`."""
    usable = pixels.good & ~pixels.near_saturated
    bright, shown = lines_for_profile(pixels, lines, usable)
    if bright.size == 0:
        return lines
    weight = np.where(shown & lines.used, 1 / (pixels.variance + lines.model_variance), 0)
    place = lines.peaks.pixel
    shape, offset, scale, smoothness = measure_profile(
        pixels.counts,
        weight,
        (place, lines.shape, lines.fluxes),
        bright,
        pixels.knots,
        lines.smoothness,
        is_judged,
    )
    width = np.interp(place, np.arange(pixels.counts.size), shape.fwhm) / scale
    peaks = lines.peaks._replace(pixel=place + offset * width)
    return lines._replace(peaks=peaks, shape=shape, smoothness=smoothness)


def lines_for_profile(pixels, lines, usable):
    """Choose the lines that show the profile, and the pixels in which they do.

    Parameters
    ----------
    pixels : Pixels
    lines : LineModel
    usable : ndarray of bool, shape (pixels,)

    Returns
    -------
    bright : ndarray of int
        Numbers of the lines, single ones first.
    shown : ndarray of bool, shape (pixels,)
        Without those about blends where there are enough single lines.
    """
    bright = bright_lines(lines.peaks, pixels.variance, usable)
    net = pixels.counts - lines.level
    alone = lines_alone(net, pixels.variance, usable, lines.peaks, lines.shape, lines.fluxes)
    single = single_lines(alone, lines.shape)
    if single.size < max(SHAPE.fewest_single, SHAPE.single_part * alone.number.size):
        return bright[: SHAPE.most_lines], usable
    others = np.setdiff1d(bright, single)
    near = pixels_near(lines.peaks.pixel[others], lines.shape, SHAPE.blend_reach)
    shown = usable.copy()
    shown[np.clip(near, 0, usable.size - 1)] = False
    bright = np.append(single, bright[np.isin(bright, others)])
    return bright[: SHAPE.most_lines], shown


def with_fluxes(pixels, lines):
    """Fit the fluxes of all lines and the continuum, and see how well they describe the counts."""
    counts, variance, good, peaks = pixels.counts, pixels.variance, pixels.good, lines.peaks
    weight = np.where(lines.used, 1 / (variance + lines.model_variance), 0)
    near = pixels_near(peaks.pixel, lines.shape)
    light = light_near(near, peaks.pixel, lines.shape)
    halo = halo_light(lines.counts, float(np.median(lines.shape.fwhm)), lines.shape.halo)
    fluxes, level = lines_on_continuum(
        counts - halo, weight, near, light, pixels.knots, lines.smoothness
    )
    level = level + halo
    model = summed_light(near, light, fluxes, counts.size)
    rest = counts - level - model
    shape, lit = lines.shape, fluxes > 0
    peaks, fluxes = only(peaks, lit), fluxes[lit]
    bright = bright_lines(peaks, variance, good & ~pixels.near_saturated)
    if bright.size:
        centres = peaks.pixel[bright[: SHAPE.most_lines]]
        error = profile_error(rest, variance, good, model, centres, shape)
        shape = shape._replace(error=error)
    own = model_variance(model, shape)
    total = np.sqrt(variance + own)
    spread = max(robust_scatter(rest[good] / total[good]), 1.0) if good.any() else 1.0
    return lines._replace(
        peaks=peaks,
        fluxes=fluxes,
        shape=shape,
        counts=model,
        model_variance=own,
        level=level,
        halo=halo,
        used=good & (np.abs(rest) < MODEL.outlier * spread * total),
    )


def only(peaks, kept):
    """Keep some of the peaks."""
    if kept.all():
        return peaks
    return type(peaks)(*(each if np.ndim(each) == 0 else each[kept] for each in peaks))


def light_of_others(peaks, shape, fluxes):
    """Make the function that sums the light of all lines but some."""
    widths = np.interp(peaks.pixel, np.arange(shape.fwhm.size), shape.fwhm)

    def others(left_out, pixels):
        reach = shape.profile.reach * widths
        near = (peaks.pixel > pixels[0] - reach) & (peaks.pixel < pixels[-1] + reach)
        near[left_out] = False
        if not near.any():
            return np.zeros(pixels.size)
        edges = np.append(pixels, pixels[-1] + 1) - 0.5
        light, *_ = line_light(edges, peaks.pixel[near], widths[near], shape.profile)
        return light @ fluxes[near]

    return others


def model_variance(model, shape):
    """Variance that a model may be off by [ADU^2], at the feet of bright lines as at their tops.

    A line that is not quite of the model's shape would else be fitted to its feet, where counts
    are few and seem exact.
    """
    reach = int(np.ceil(MODEL.feet * np.median(shape.fwhm)))
    near = np.pad(np.clip(model, 0, None), reach)
    near = np.lib.stride_tricks.sliding_window_view(near, 2 * reach + 1).max(axis=1)
    return np.square(shape.error * near)


def moved_centres(net, weight, centres, shape, fluxes):
    """Move lines to where they fit best, those that overlap together.

    Parameters
    ----------
    net, weight : ndarray, shape (pixels,)
        Counts above the continuum [ADU], and one over their variance.
    centres, fluxes : ndarray, shape (lines,)
        [pixel], [ADU]
    shape : Shape

    Returns
    -------
    ndarray, shape (lines,)
        Centres after one Gauss-Newton step of at most a fifth of a line width.
    """
    if centres.size == 0:
        return centres
    pixels = pixels_near(centres, shape)
    light = light_near(pixels, centres, shape)
    rest = net - summed_light(pixels, light, fluxes, net.size)
    pixels = pixels_near(centres, shape, MODEL.feet)
    light = light_near(pixels, centres, shape) * np.maximum(fluxes, 1e-300)[:, np.newaxis]
    slope = slopes_near(pixels, centres, shape) * fluxes[:, np.newaxis]
    design = np.concatenate([light, slope])
    both = np.concatenate([pixels, pixels])
    weighted = design * at(weight, both)
    square = overlaps(both, weighted, design)
    # Lines without any usable pixel stay where they are.
    square += np.diag(1e-6 * square.diagonal() + 1e-12 * square.diagonal().max(initial=1e-300))
    wanted = np.sum(weighted * at(rest, both), axis=1)
    order = np.argsort(centres)
    width = np.interp(centres, np.arange(net.size), shape.fwhm)
    cuts = 1 + np.flatnonzero(np.diff(centres[order]) > MODEL.apart * width[order][1:])
    moved, groups = np.zeros(centres.size), np.split(order, cuts)
    for number in {group.size for group in groups}:
        alike = np.array([group for group in groups if group.size == number])
        rows = np.hstack([alike, alike + centres.size])[:, :, np.newaxis]
        steps = np.linalg.solve(square[rows, rows.transpose(0, 2, 1)], wanted[rows])
        moved[alike] = steps[:, number:, 0]
    reach = MODEL.largest_move * width
    return centres + np.clip(np.nan_to_num(moved), -reach, reach)


def good_pixels(counts, good):
    """Places and values of the good pixels; zeros where there are none."""
    if not good.any():
        return np.array([0.0]), np.array([0.0])
    return np.flatnonzero(good), counts[good]
