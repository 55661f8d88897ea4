"""Measure the shape of a spectrum's lines on the spectrum itself.

The profile is a sum of Gaussians of several widths and offsets, none negative, as in the
multi-Gaussian expansion of galaxies (Emsellem, Monnet & Bacon 1994, Astronomy & Astrophysics 285,
723): it takes on wings, tails and flat tops, and cannot follow noise.
"""

from typing import NamedTuple

import numpy as np
from numpy.polynomial import Polynomial

from lampflux.fluxes.line_fit import fit_lines
from lampflux.fluxes.line_shape import (
    GRID,
    at,
    density_at,
    far_light,
    gaussian_profile,
    light_below,
    light_near,
    lorentzian_profile,
    pixels_near,
    summed_light,
    tabulated,
)
from lampflux.fluxes.smoothing import data_bands, difference_bands, factors_of, gathered, solved
from lampflux.statistics import box_sums, robust_scatter


class ShapeTuning(NamedTuple):
    """Constants of the measurement of the line shape."""

    # Lines that tell the shape stand out of the noise by this factor; so many tell the profile,
    # and so many how its width changes, where each is fitted.
    bright: float = 60.0
    most_lines: int = 80
    most_widths: int = 40
    # Percentile of the widths that single lines have: blends are only wider. Single lines differ
    # by this part at most.
    single: float = 30.0
    same_width: float = 0.06
    # Fewest lines for each degree of the curve of widths, and the highest degree.
    linear: int = 5
    most_degree: int = 3
    # Relative error of the widths before they are measured, and the least one.
    first_width_error: float = 0.03
    width_floor: float = 0.001
    # Widths and offsets of the Gaussians, and widths of the Lorentzians [line widths].
    centred: tuple = (1.0, 0.75, 1.4, 2.0, 3.0, 4.5, 7.0)
    aside: tuple = ((0.75, 0.3), (0.85, 0.6), (1.2, 1.0), (1.8, 1.8), (3.0, 3.0))
    lorentzian: tuple = (0.5, 1.0)
    # Another profile than a Gaussian must fit better by this (chi-square).
    evidence: float = 30.0
    # Far wings are uncertain by this part of them, by their form, beyond what counts tell.
    far_wings: float = 0.25
    # Pixels about a saturated line do not tell the shape [line widths].
    saturated_reach: float = 6.0
    # Blends differ from the profile by more than single lines. So a low percentile of the squared
    # errors tells that of single lines, which are larger by the factor in the mean.
    single_error: float = 40.0
    mean_error: float = 2.0
    least_error: float = 2e-4
    most_error: float = 0.05
    # The core, in which the error is measured [line widths].
    core: float = 1.5


SHAPE = ShapeTuning()


def bright_lines(peaks, variance, good):
    """Numbers of the peaks that tell the shape, brightest first."""
    pixel = np.clip(np.rint(peaks.pixel).astype(int), 0, variance.size - 1)
    signal = np.where(good[pixel], peaks.height / np.sqrt(variance[pixel]), 0)
    order = np.argsort(-signal)
    return order[signal[order] > SHAPE.bright][: SHAPE.most_lines]


def line_widths(net, variance, good, peaks, shape, others):
    """Measure the width of the lines at every pixel from the spectrum's bright lines.

    Parameters
    ----------
    net, variance : ndarray, shape (pixels,)
        Counts above the continuum [ADU], variance [ADU^2].
    good : ndarray of bool, shape (pixels,)
    peaks : lampflux.peaks.Peaks
    shape : Shape
        As far as it is known.
    others : callable
        Gives the light of all lines but some in some pixels [ADU].

    Returns
    -------
    Shape
        With widths and their error by `smooth_width`; as it was without any single line.
    """
    measured = []
    for number in bright_lines(peaks, variance, good)[: SHAPE.most_widths]:
        centre = peaks.pixel[number]
        width = float(np.interp(centre, np.arange(net.size), shape.fwhm))
        near = np.abs(peaks.pixel - centre)
        near[number] = np.inf
        if near.min(initial=np.inf) < 2.5 * width:
            continue
        reach = 1.5 * width
        pixels = np.arange(max(int(centre - reach), 0), min(int(centre + reach) + 2, net.size))
        if not good[pixels].all():
            continue
        fit = fit_lines(
            net[pixels] - others(number, pixels),
            variance[pixels],
            good[pixels],
            pixels,
            peaks.pixel[number : number + 1],
            width,
            shape.profile,
            np.inf,
            np.inf,
        )
        if fit is not None:
            measured.append((centre, fit.fwhm, fit.fwhm_error))
    if not measured:
        return shape
    widths, error = smooth_width(*np.array(measured).T, net.size)
    return shape._replace(fwhm=widths, width_error=error)


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
    typical = np.percentile(widths, SHAPE.single)
    curve = Polynomial([typical])
    if widths.size >= 2 * SHAPE.linear:
        parts = np.array_split(np.argsort(places), 4)
        middles = [np.median(places[part]) for part in parts]
        lower = [np.percentile(widths[part], SHAPE.single) for part in parts]
        curve = Polynomial.fit(middles, lower, 1)
    weight = 1 / np.hypot(errors, SHAPE.width_floor * typical)
    for _ in range(5):
        near = np.abs(widths / curve(places) - 1) < SHAPE.same_width
        number = np.count_nonzero(near)
        if number < SHAPE.linear:
            return np.full(size, typical), np.full(size, SHAPE.first_width_error)
        best = np.inf
        for degree in range(min(number // SHAPE.linear, SHAPE.most_degree) + 1):
            trial = Polynomial.fit(places[near], widths[near], degree, w=weight[near])
            misfit = np.mean(((widths - trial(places)) * weight)[near] ** 2)
            criterion = number * np.log(misfit + 1e-12) + degree * np.log(number)
            if criterion < best:
                best, curve = criterion, trial
    off = (widths / curve(places) - 1)[near]
    error = np.sqrt(max(robust_scatter(off) ** 2 - np.median(errors[near] / typical) ** 2, 0.0))
    # Beyond the last lines the curve goes on straight, and may be off by what it goes on.
    inner = np.clip(np.arange(size), places[near].min(), places[near].max())
    further = curve.deriv()(inner) * (np.arange(size) - inner)
    width = np.clip(curve(inner) + further, 0.5 * typical, 2 * typical)
    return width, np.hypot(max(error, SHAPE.width_floor), further / width)


def candidate_profiles():
    """Gaussians and Lorentzians of which a profile is made."""
    centred = [(width, 0.0) for width in SHAPE.centred]
    aside = [(width, side * place) for width, place in SHAPE.aside for side in (-1, 1)]
    gaussian = [gaussian_profile(*each) for each in centred + aside]
    return gaussian + [lorentzian_profile(width) for width in SHAPE.lorentzian]


def measure_profile(counts, weight, lines, bright, knots, stiffness):
    """Measure the profile of the bright lines, whatever the continuum beneath them is.

    Parameters
    ----------
    counts, weight : ndarray, shape (pixels,)
        Counts [ADU], and one over their variance; 0 leaves a pixel out.
    lines : (centres, shape, fluxes)
        As far as they are known.
    bright : ndarray of int
        Numbers of the lines to measure it on.
    knots : lampflux.fluxes.continuum.Knots
    stiffness : float
        Of the continuum, which is fitted along.

    Returns
    -------
    lampflux.fluxes.line_shape.Shape
        With centre and width of the new profile as before: 0 and 1.
    offset : float
        How far lines are to be moved for it [line widths].
    """
    centres, shape, fluxes = lines
    faint = np.delete(np.arange(centres.size), bright)
    pixels = pixels_near(centres, shape)
    light = light_near(pixels[faint], centres[faint], shape)
    rest = (
        counts - np.median(counts) - summed_light(pixels[faint], light, fluxes[faint], counts.size)
    )
    candidates, parts = candidate_profiles(), []
    for profile in candidates:
        pixels = pixels_near(centres[bright], shape, profile.reach)
        light = light_near(pixels, centres[bright], shape, profile)
        parts.append(summed_light(pixels, light, fluxes[bright], counts.size))
    # The continuum is fitted along: what it can take on tells nothing of wings.
    factors = factors_of(data_bands(weight, knots) + stiffness * difference_bands(knots.number, 2))
    columns = np.vstack([parts, rest])
    held = np.array([gathered(weight * column, knots) for column in columns])
    square = (columns * weight) @ columns.T - held @ solved(factors, held.T)
    square, wanted, total = square[:-1, :-1], square[:-1, -1], square[-1, -1]
    shares = none_negative(square, wanted)
    chi2 = total - 2 * shares @ wanted + shares @ square @ shares
    gaussian = total - wanted[0] ** 2 / square[0, 0]
    scatter = max(chi2 / max(np.count_nonzero(weight), 1), 1.0)
    far = np.array([far_light(each) for each in candidates])
    lorentz_error = np.sqrt(scatter) * share_error(square, shares > 0, -1)
    if not gaussian - chi2 > SHAPE.evidence * scatter:
        far_error = np.hypot(lorentz_error * far[-1], shares @ far)
        shape = shape._replace(profile=gaussian_profile(), far_error=float(far_error))
        return shape, 0.0, 1.0
    shares = shares / shares.sum()
    far_error = np.hypot(lorentz_error * far[-1], SHAPE.far_wings * (shares @ far))
    below = sum(share * each.below for share, each in zip(shares, candidates))
    density = sum(share * each.density for share, each in zip(shares, candidates))
    shape = shape._replace(far_error=float(far_error))
    return standard_profile(shape, tabulated(below, density))


def share_error(square, used, number):
    """1 sigma of one unknown of normal equations of which some are used, that one in any case."""
    used = used.copy()
    used[number] = True
    block = square[np.ix_(used, used)]
    block = block + np.diag(1e-10 * block.diagonal())
    place = np.count_nonzero(used[:number])
    return float(np.sqrt(max(np.linalg.inv(block)[place, place], 0.0)))


def standard_profile(shape, profile):
    """Move and scale a profile so that its half maximum lies at half a width on either side."""
    top = np.argmax(profile.density)
    half = profile.density[top] / 2
    above = np.flatnonzero(profile.density > half)
    first, last = above[0], above[-1]
    left = np.interp(half, profile.density[first - 1 : first + 1], GRID[first - 1 : first + 1])
    right = np.interp(-half, -profile.density[last : last + 2], GRID[last : last + 2])
    offset, width = (left + right) / 2, right - left
    places = GRID * width + offset
    standard = tabulated(light_below(places, profile), width * density_at(places, profile))
    return shape._replace(profile=standard, fwhm=shape.fwhm * width), offset, width


def none_negative(square, wanted):
    """Solve normal equations for unknowns that are not negative.

    The active-set method of Lawson & Hanson 1974, Solving Least Squares Problems, chapter 23.

    Parameters
    ----------
    square : ndarray, shape (n, n)
    wanted : ndarray, shape (n,)

    Returns
    -------
    ndarray, shape (n,)
    """
    found, free = np.zeros(wanted.size), np.zeros(wanted.size, bool)
    least = 1e-9 * np.abs(wanted).max()
    for _ in range(3 * wanted.size):
        slope = np.where(free, -np.inf, wanted - square @ found)
        if slope.max() <= least:
            break
        free[np.argmax(slope)] = True
        while True:
            trial = np.zeros(wanted.size)
            block = square[np.ix_(free, free)]
            block = block + np.diag(1e-10 * block.diagonal())
            trial[free] = np.linalg.solve(block, wanted[free])
            if (trial[free] > 0).all():
                break
            falling = free & (trial <= 0)
            step = np.min(found[falling] / np.maximum(found[falling] - trial[falling], 1e-300))
            found = found + step * (trial - found)
            free &= found > 1e-12 * found.max(initial=0)
            found[~free] = 0.0
            if not free.any():
                break
        found = trial if free.any() else found
    return found


def profile_error(residual, variance, good, model, centres, shape):
    """Measure by which part of their height lines differ from the profile.

    Parameters
    ----------
    residual, variance, model : ndarray, shape (pixels,)
        [ADU], [ADU^2], [ADU]
    good : ndarray of bool, shape (pixels,)
    centres : ndarray, shape (lines,)
        Bright lines.
    shape : Shape

    Returns
    -------
    float
        That of single lines; blends that are not known as such differ by more.
    """
    pixels = pixels_near(centres, shape, SHAPE.core)
    height = np.abs(at(model, pixels)).max(axis=1, initial=0.0)
    known = at(good, pixels).all(axis=1) & (height > 0)
    if not known.any():
        return shape.error
    excess = np.mean(at(residual**2 - variance, pixels[known]), axis=1)
    typical = np.percentile(excess / height[known] ** 2, SHAPE.single_error)
    return float(
        np.clip(np.sqrt(max(SHAPE.mean_error * typical, 0.0)), SHAPE.least_error, SHAPE.most_error)
    )


def near_bad(good, fwhm):
    """Pixels so near saturated ones that they do not tell the shape of lines."""
    return box_sums(~good, int(np.ceil(SHAPE.saturated_reach * fwhm))) > 0
