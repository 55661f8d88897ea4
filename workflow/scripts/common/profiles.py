"""The shape of a spectrum's lines, and what lines of that shape make of a spectrum."""

from typing import NamedTuple

import numpy as np

from common.peaks import FWHM_PER_SIGMA, box_sums, continuum

# Gauss-Legendre points at which a profile is averaged over a pixel.
NODES, WEIGHTS = np.polynomial.legendre.leggauss(5)
# Wings that are tried: width against the core's, and then against the best of these.
WING_WIDTHS = np.array([2.5, 3.5, 5.0, 7.0])
WING_STEPS = np.array([0.8, 0.9, 1.0, 1.12, 1.25])
# Wings that are not this much larger than their error are none.
SURE = 3.0
# Largest part of the light that wings may hold.
MOST_WING = 0.3
# Reach of a line to either side [width of the wing].
REACH = 2.0
# The model of a line is good to this part of it.
MODEL_ERROR = 0.01
# Reach of a line's feet [line widths].
FEET = 1.5
# A line so much wider than the others is two, if two fit so much better (ratio of chi-squares)
# and if the fainter holds this part of the light.
TOO_WIDE, BETTER, LEAST_PART = 1.02, 3.0, 0.01
# Iterations, and the step [width] at which a fit has settled.
ITERATIONS, SETTLED = 12, 1e-4
# Times that widths, wings, fluxes and places are refined in turn.
PASSES = 3
# Reach of a saturated line within which wings are not measured [line widths].
SPOILED = 6.0
# Lines that tell width and wings stand out of the noise by this factor.
BRIGHT = 100.0
# Fewest lines that tell how the width changes along the dispersion axis.
FEWEST_WIDTHS = 8
# Percentile of the widths that single lines have, and part by which single lines may differ.
SINGLE, SAME_WIDTH = 30, 0.05


class Shape(NamedTuple):
    """Shape of a spectrum's lines: a Gaussian core and wing.

    ``fwhm``, the core's width in each pixel, an array of shape (pixels,) [pixel]; ``wing_part``,
    the part of the light that the wing holds, and ``wing_width``, its width against the core's.
    """

    fwhm: np.ndarray
    wing_part: float
    wing_width: float


def gaussian(distance, fwhm):
    """Light of a Gaussian line in pixels at a distance from its centre; all of it is 1.

    Parameters
    ----------
    distance : ndarray
        Pixel minus centre of the line [pixel].
    fwhm : float or ndarray
        Full width at half maximum [pixel].

    Returns
    -------
    ndarray
    """
    sigma = fwhm / FWHM_PER_SIGMA
    within = distance[..., np.newaxis] + 0.5 * NODES
    scaled = within / (sigma[..., np.newaxis] if np.ndim(sigma) else sigma)
    density = np.exp(-0.5 * scaled**2) @ (0.5 * WEIGHTS)
    return density / (sigma * np.sqrt(2 * np.pi))


def line_light(distance, fwhm, shape):
    """Light of a line with a wing in pixels at a distance from its centre; all of it is 1."""
    light = (1 - shape.wing_part) * gaussian(distance, fwhm)
    if shape.wing_part:
        light = light + shape.wing_part * gaussian(distance, shape.wing_width * fwhm)
    return light


def light_near(centres, shape, moved=0.0):
    """Light of each line in the pixels about it; further off it has next to none.

    Parameters
    ----------
    centres : ndarray, shape (lines,)
        [pixel]
    shape : Shape
    moved : float
        How far the lines are moved, but not the pixels that are looked at [pixel].

    Returns
    -------
    pixels : ndarray of int, shape (lines, near)
        May reach beyond the spectrum.
    core, wing : ndarray, shape (lines, near)
        Of lines that are all core and all wing; 0 beyond the spectrum.
    """
    size = shape.fwhm.size
    width = np.interp(centres + moved, np.arange(size), shape.fwhm)[:, np.newaxis]
    reach = int(np.ceil(REACH * shape.wing_width * width.max(initial=1.0)))
    pixels = np.rint(centres).astype(int)[:, np.newaxis] + np.arange(-reach, reach + 1)
    distance = pixels - (centres + moved)[:, np.newaxis]
    inside = (pixels >= 0) & (pixels < size)
    return pixels, *(
        gaussian(distance, wide) * inside for wide in (width, shape.wing_width * width)
    )


def at(values, pixels):
    """Values of a spectrum in some pixels; of those beyond its ends, the last one's."""
    return values[np.clip(pixels, 0, values.size - 1)]


def summed_light(pixels, light, fluxes, size):
    """Sum the light of lines of these fluxes in each pixel of a spectrum [ADU]."""
    light = light * fluxes[:, np.newaxis]
    return np.bincount(np.clip(pixels, 0, size - 1).ravel(), light.ravel(), size)


def overlaps(pixels, one, other):
    """Sum the product of the light of every line and every other over the pixels they share.

    Parameters
    ----------
    pixels : ndarray of int, shape (lines, near)
    one, other : ndarray, shape (lines, near)

    Returns
    -------
    ndarray, shape (lines, lines)
    """
    near = pixels.shape[1]
    apart = pixels[:, 0] - pixels[:, :1]
    left, right = np.nonzero(np.abs(apart) < near)
    padded = np.pad(one, ((0, 0), (near, near)))
    places = near + apart[left, right][:, np.newaxis] + np.arange(near)
    result = np.zeros(apart.shape)
    result[left, right] = np.einsum("ij,ij->i", padded[left[:, np.newaxis], places], other[right])
    return result


def line_fluxes(pixels, light, counts, weight):
    """Fit the fluxes of lines whose places and shape are known, none negative.

    Parameters
    ----------
    pixels, light : ndarray, shape (lines, near)
        Light of each line in the pixels about it.
    counts, weight : ndarray, shape (pixels,)
        Counts above the continuum, and one over their variance; 0 leaves a pixel out.

    Returns
    -------
    ndarray, shape (lines,)
    """
    if light.size == 0:
        return np.zeros(0)
    weighted = light * at(weight, pixels)
    square = overlaps(pixels, weighted, light)
    # A line without a good pixel gets no flux; products of its tiny terms must not underflow.
    square += np.diag(1e-9 * square.diagonal() + max(1e-18 * square.diagonal().max(), 1e-300))
    return np.clip(np.linalg.solve(square, np.sum(weighted * at(counts, pixels), axis=1)), 0, None)


def fit_lines(counts, variance, good, pixels, centres, fwhm, shape, free):
    """Fit one or more blended lines: flux and centre of each and their common width.

    Gauss-Newton steps on pixel-integrated Gaussians with the spectrum's wings.

    Parameters
    ----------
    counts, variance : ndarray, shape (pixels,)
        Counts above the continuum [ADU] and their variance [ADU^2].
    good : ndarray of bool, shape (pixels,)
    pixels : ndarray of int, shape (pixels,)
        Their places.
    centres : ndarray, shape (lines,)
        First guesses [pixel].
    fwhm : float
        First guess, or the width to keep [pixel].
    shape : Shape
        For the wings.
    free : {'all', 'centres', 'none'}
        What is fitted beside the fluxes: centres and width, centres alone, or nothing.

    Returns
    -------
    dict or None
        ``flux``, ``flux_error``, ``centre`` (each shape (lines,)), ``fwhm`` and ``reduced_chi2``;
        None where the fit does not settle.
    """
    lines = centres.size
    parameters = {"all": 2 * lines + 1, "centres": 2 * lines, "none": lines}[free]
    if np.count_nonzero(good) <= parameters:
        return None
    centres, start, first_width = centres.astype(float), centres.copy(), fwhm
    counts, pixels = counts[good], pixels[good]
    weight = 1 / np.sqrt(variance[good])
    for _ in range(ITERATIONS):
        # The line, moved to either side, wider and narrower, all at once.
        step = 0.01 * fwhm
        moved, widened = step * np.array([[0, -1, 1, 0, 0], [0, 0, 0, 1, -1]])[:, :, None, None]
        distance = pixels[:, np.newaxis] - centres + moved
        light, ahead, behind, wider, narrower = line_light(distance, fwhm + widened, shape)
        flux, *_ = np.linalg.lstsq(light * weight[:, np.newaxis], counts * weight)
        columns = [light]
        if free != "none":
            columns.append(flux * (ahead - behind) / (2 * step))
        if free == "all":
            columns.append(((wider - narrower) @ flux / (2 * step))[:, np.newaxis])
        design = np.concatenate(columns, axis=1) * weight[:, np.newaxis]
        residual = (counts - light @ flux) * weight
        if free == "none":
            break
        # Counts and pixels differ by many powers of ten.
        scale = np.linalg.norm(design, axis=0)
        scale[scale == 0] = 1.0
        change, *_ = np.linalg.lstsq(design / scale, residual)
        change /= scale
        moved = np.clip(change[lines : 2 * lines], -0.3 * fwhm, 0.3 * fwhm)
        centres = centres + moved
        if free == "all":
            widened = np.clip(change[-1], -0.2 * fwhm, 0.2 * fwhm)
            fwhm = fwhm + widened
            moved = np.append(moved, widened)
        if not np.isfinite(fwhm) or np.abs(centres - start).max() > 2 * first_width:
            return None
        if np.abs(moved).max() < SETTLED * fwhm:
            break
    else:
        return None
    if not 0.4 * first_width < fwhm < 3 * first_width:
        return None
    flux, *_ = np.linalg.lstsq(
        line_light(pixels[:, np.newaxis] - centres, fwhm, shape) * weight[:, np.newaxis],
        counts * weight,
    )
    scale = np.linalg.norm(design, axis=0)
    scale[scale == 0] = 1.0
    covariance = np.linalg.pinv((design / scale).T @ (design / scale))
    return {
        "flux": flux,
        "flux_error": (np.sqrt(covariance.diagonal()) / scale)[:lines],
        "centre": centres,
        "fwhm": float(fwhm),
        "reduced_chi2": float(residual @ residual / (counts.size - parameters)),
    }


def core_widths(counts, variance, good, peaks, shape):
    """Measure the width of the core at every pixel from the spectrum's bright single lines.

    Parameters
    ----------
    counts, variance : ndarray, shape (pixels,)
        Counts above the continuum [ADU], variance [ADU^2].
    good : ndarray of bool, shape (pixels,)
    peaks : common.peaks.Peaks
    shape : Shape
        As far as it is known.

    Returns
    -------
    ndarray, shape (pixels,)
        Width [pixel]: a straight line through those of many lines, the lower third of fewer, what
        ``shape`` says without any.
    """
    chosen = np.flatnonzero(bright_singles(peaks, variance))
    chosen = chosen[np.argsort(-peaks.height[chosen])][:60]
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
    typical = np.percentile(widths, SINGLE)
    near = np.abs(widths - typical) < SAME_WIDTH * typical
    if near.sum() < FEWEST_WIDTHS:
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
    peaks : common.peaks.Peaks
        The spectrum's lines.

    Returns
    -------
    shape : Shape
    peaks : common.peaks.Peaks
        With refined places.
    fluxes : ndarray, shape (peaks,)
        Flux of each [ADU].
    model : ndarray, shape (pixels,)
        Sum of all lines [ADU].
    """
    fwhm = peaks.fwhm or 3.0
    shape = Shape(np.full(counts.size, fwhm), 0.0, WING_WIDTHS[1])
    model = np.zeros(counts.size)
    counts = filled = np.where(
        good, counts, np.interp(np.arange(counts.size), *known(counts, good))
    )
    block = max(40, counts.size // 40)
    level = continuum(filled, block)
    if peaks.pixel.size == 0:
        return shape, peaks, np.zeros(0), model
    centres = peaks.pixel.astype(float)
    # The flux of a saturated line hangs on its flanks: too uncertain to tell wings by.
    spoiled = box_sums(~good, int(np.ceil(SPOILED * fwhm))) > 0
    for number in range(PASSES):
        net = counts - level
        peaks = peaks._replace(pixel=centres)
        shape = shape._replace(fwhm=core_widths(net, variance, good, peaks, shape))
        if number == PASSES - 1:
            # By now widths and wings are those of single lines.
            peaks = split_blends(net, variance, good, peaks, shape)
            centres = peaks.pixel
        # The continuum beneath the lines is good enough for wings once lines were taken off.
        widths = (WING_WIDTHS[:1], WING_WIDTHS, shape.wing_width * WING_STEPS)[number]
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
    pixels, light = light_of_lines(centres, shape)
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
        is_sure = winged and best_part * np.sqrt(power) > SURE
        part = float(min(best_part, MOST_WING)) if is_sure else 0.0
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
    return ~peaks.blended & ~peaks.flat & (peaks.height > BRIGHT * np.sqrt(variance[pixel]))


def split_blends(counts, variance, good, peaks, shape):
    """Take bright lines that are wider than the others apart, each into two of the usual width.

    Parameters
    ----------
    counts, variance : ndarray, shape (pixels,)
        Counts above the continuum [ADU], variance [ADU^2].
    good : ndarray of bool, shape (pixels,)
    peaks : common.peaks.Peaks
    shape : Shape

    Returns
    -------
    common.peaks.Peaks
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
        if one is None or one["fwhm"] < TOO_WIDE * width:
            continue
        pair = one["centre"] + np.array([-0.3, 0.3]) * width
        two = fit_lines(*line, pair, width, shape, "centres")
        if two is None or two["reduced_chi2"] * BETTER > one["reduced_chi2"]:
            continue
        part = two["flux"] / two["flux"].sum()
        if part.min() > LEAST_PART and abs(two["centre"][1] - two["centre"][0]) < 1.5 * width:
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
    reach = int(np.ceil(FEET * fwhm))
    near = np.pad(np.clip(model, 0, None), reach)
    near = np.lib.stride_tricks.sliding_window_view(near, 2 * reach + 1).max(axis=1)
    return np.square(MODEL_ERROR * near)


def light_of_lines(centres, shape, moved=0.0):
    """Light of each line, core and wing together, as `light_near` gives it."""
    pixels, core, wing = light_near(centres, shape, moved)
    return pixels, core + shape.wing_part * (wing - core)


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
    pixels, light = light_of_lines(centres, shape)
    (_, ahead), (_, behind) = (light_of_lines(centres, shape, by) for by in (step, -step))
    slope = (ahead - behind) / (2 * step) * fluxes[:, np.newaxis]
    model = summed_light(pixels, light, fluxes, counts.size)
    weight = np.where(good, 1 / (variance + (MODEL_ERROR * model) ** 2), 0)
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


def known(counts, good):
    """Places and values of the good pixels; zeros where there are none."""
    if not good.any():
        return np.array([0.0]), np.array([0.0])
    return np.flatnonzero(good), counts[good]
