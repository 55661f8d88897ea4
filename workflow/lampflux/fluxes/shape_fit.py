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
    Profile,
    at,
    density_at,
    gaussian_profile,
    light_below,
    light_near,
    pixels_near,
    summed_light,
)
from lampflux.fluxes.smoothing import data_bands, difference_bands, factors_of, gathered, solved
from lampflux.statistics import box_sums


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
    # Fewest lines that tell how the width changes along the dispersion axis, and how that bends.
    linear: int = 6
    quadratic: int = 24
    # Widths and offsets of the Gaussians [line widths].
    centred: tuple = (1.0, 0.75, 1.4, 2.0, 3.0, 4.5, 7.0, 11.0)
    aside: tuple = ((0.75, 0.3), (0.85, 0.6), (1.2, 1.0), (1.8, 1.8), (3.0, 3.0))
    # Another profile than a Gaussian must fit better by this (chi-square).
    evidence: float = 30.0
    # Pixels about a saturated line do not tell the shape [line widths].
    saturated_reach: float = 6.0
    # Blends differ from the profile by more than single lines. So a low percentile of the squared
    # errors tells that of single lines, which are larger by the factor in the mean.
    single_error: float = 20.0
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
    ndarray, shape (pixels,)
        [pixel]: a line or parabola through the widths of single lines, what ``shape`` says without
        any.
    """
    widths, places = [], []
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
            widths.append(fit.fwhm)
            places.append(centre)
    if not widths:
        return shape.fwhm
    return smooth_width(np.array(places), np.array(widths), net.size)


def smooth_width(places, widths, size):
    """Draw a smooth curve through the widths of single lines; blends are only wider."""
    typical = np.percentile(widths, SHAPE.single)
    trend = np.full(size, typical)
    if widths.size < SHAPE.linear:
        return trend
    parts = np.array_split(np.argsort(places), min(widths.size // 3, 4))
    middles = [np.median(places[part]) for part in parts]
    lower = [np.percentile(widths[part], SHAPE.single) for part in parts]
    curve = Polynomial.fit(middles, lower, 1)
    for _ in range(5):
        near = np.abs(widths / curve(places) - 1) < SHAPE.same_width
        if near.sum() < SHAPE.linear:
            return trend
        curve = Polynomial.fit(
            places[near], widths[near], 2 if near.sum() > SHAPE.quadratic else 1
        )
    ends = np.clip(np.arange(size), places[near].min(), places[near].max())
    return np.maximum(curve(ends), 0.3 * typical)


@np.errstate(invalid="ignore")
def candidate_profiles():
    """Gaussians of which a profile is made."""
    centred = [(width, 0.0) for width in SHAPE.centred]
    aside = [(width, side * place) for width, place in SHAPE.aside for side in (-1, 1)]
    return [gaussian_profile(*each) for each in centred + aside]


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
    pixels = pixels[bright]
    candidates = candidate_profiles()
    parts = np.array(
        [
            summed_light(
                pixels,
                light_near(pixels, centres[bright], shape, profile),
                fluxes[bright],
                counts.size,
            )
            for profile in candidates
        ]
    )
    # The continuum is fitted along: what it can take on tells nothing of wings.
    factors = factors_of(data_bands(weight, knots) + stiffness * difference_bands(knots.number, 2))
    columns = np.vstack([parts, rest])
    held = np.array([gathered(weight * column, knots) for column in columns])
    square = (columns * weight) @ columns.T - held @ solved(factors, held.T)
    square, wanted, total = square[:-1, :-1], square[:-1, -1], square[-1, -1]
    shares = none_negative(square, wanted)
    chi2 = total - 2 * shares @ wanted + shares @ square @ shares
    gaussian = total - wanted[0] ** 2 / square[0, 0]
    if not gaussian - chi2 > SHAPE.evidence * max(chi2 / max(np.count_nonzero(weight), 1), 1.0):
        return shape._replace(profile=gaussian_profile()), 0.0, 1.0
    shares = shares / shares.sum()
    below = sum(share * each.below for share, each in zip(shares, candidates))
    density = sum(share * each.density for share, each in zip(shares, candidates))
    return standard_profile(shape, Profile(below, density))


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
    standard = Profile(light_below(places, profile), width * density_at(places, profile))
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
