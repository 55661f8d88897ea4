"""Measure the shape of a spectrum's lines on the spectrum itself.

The profile is a sum of Gaussians of several widths and offsets, none negative, as in the
multi-Gaussian expansion of galaxies (Emsellem, Monnet & Bacon 1994, Astronomy & Astrophysics 285,
723): it takes on wings, tails and flat tops, and cannot follow noise.
"""

from typing import NamedTuple

import numpy as np

from lampflux.fluxes.line_shape import (
    GRID,
    at,
    density_at,
    far_light,
    gaussian_profile,
    halo_light,
    light_below,
    light_near,
    lorentzian_profile,
    pixels_near,
    summed_light,
    tabulated,
)
from lampflux.fluxes.smoothing import (
    Smoothness,
    data_bands,
    factors_of,
    gathered,
    highest,
    log_evidence,
    solved,
    stiffest,
)
from lampflux.statistics import box_sums


class ShapeTuning(NamedTuple):
    """Constants of the measurement of the line shape."""

    # Lines that define the shape exceed the noise by this factor; at most this many are used.
    bright: float = 60.0
    most_lines: int = 80
    # Where this many lines are single, and this part of those alone, pixels within this reach of
    # others [line widths] are not used: the blends among these would be taken for wings.
    fewest_single: int = 5
    single_part: float = 0.5
    blend_reach: float = 2.0
    # Widths and offsets of the Gaussians, and widths of the Lorentzians [line widths].
    centred: tuple = (1.0, 0.75, 1.4, 2.0, 3.0, 4.5, 7.0)
    aside: tuple = ((0.75, 0.3), (0.85, 0.6), (1.2, 1.0), (1.8, 1.8), (3.0, 3.0))
    lorentzian: tuple = (0.5, 1.0)
    # Widths of the Gaussians of a halo of scattered light [line widths]: wider than wings.
    halo: tuple = (12.0, 24.0, 48.0)
    # Lines have a halo where it leaves less than this part of the chi-square that wings leave.
    halo_part: float = 0.9
    # More than a Gaussian, and Lorentzians with them, must fit better by this (chi-square).
    evidence: float = 30.0
    # The search for the stiffness of the continuum begins this much stiffer [powers of ten], too.
    stiffer: int = 3
    # Far wings are uncertain by this part of them, by their form, beyond what the counts show.
    far_wings: float = 0.12
    # Pixels this near a saturated line do not define the shape [line widths].
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
    """Numbers of the peaks that are bright enough to define the shape, brightest first."""
    pixel = np.clip(np.rint(peaks.pixel).astype(int), 0, variance.size - 1)
    signal = np.where(good[pixel], peaks.height / np.sqrt(variance[pixel]), 0)
    order = np.argsort(-signal)
    return order[signal[order] > SHAPE.bright]


def candidate_profiles():
    """Gaussians and Lorentzians of which a profile is made."""
    centred = [(width, 0.0) for width in SHAPE.centred]
    aside = [(width, side * place) for width, place in SHAPE.aside for side in (-1, 1)]
    gaussian = [gaussian_profile(*each) for each in centred + aside]
    return gaussian + [lorentzian_profile(width) for width in SHAPE.lorentzian]


def measure_profile(counts, weight, lines, bright, knots, smoothness, is_judged):
    """Measure the profile of the bright lines, whatever the continuum beneath them is.

    Parameters
    ----------
    counts, weight : ndarray, shape (pixels,)
        Counts [ADU], and one over their variance; 0 leaves a pixel out.
    lines : (centres, shape, fluxes)
        As far as they are known.
    bright : ndarray of int
        Numbers of the lines to measure it on.
    knots : lampflux.fluxes.smoothing.Knots
    smoothness : lampflux.fluxes.smoothing.Smoothness
        Of the continuum, which is fitted along.
    is_judged : bool
        Whether to measure the stiffness of the continuum along with the profile.

    Returns
    -------
    lampflux.fluxes.line_shape.Shape
        With centre and width of the new profile as before: 0 and 1.
    offset : float
        How far lines are to be moved for it [line widths].
    smoothness : lampflux.fluxes.smoothing.Smoothness
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
    fwhm = float(np.median(shape.fwhm))
    parts += [halo_light(parts[0], fwhm, [(width, 1.0)]) for width in SHAPE.halo]
    equations = profile_equations(np.vstack([parts, rest]), weight, knots)
    fit = chosen_fit(equations, smoothness, is_judged, bool(shape.halo))
    shares, every = fit.shares[: len(candidates)], fit.every[: len(candidates)]
    halo = zip(SHAPE.halo, fit.shares[len(candidates) :])
    shape = shape._replace(halo=tuple((width, share) for width, share in halo if share > 0))
    smoothness = fit.smoothness
    far = np.array([far_light(each) for each in candidates])
    widest = share_error(fit.square, fit.every > 0, len(candidates) - 1)
    widest *= np.sqrt(max(fit.chi2 / max(equations.number, 1), 1.0))
    uncertain = widest * far[-1], every @ far - shares @ far
    far_error = np.linalg.norm([*uncertain, SHAPE.far_wings * (shares @ far)])
    shape = shape._replace(far_error=float(far_error))
    if not shares[1:].any():
        return shape._replace(profile=gaussian_profile()), 0.0, 1.0, smoothness
    below = sum(share * each.below for share, each in zip(shares, candidates))
    density = sum(share * each.density for share, each in zip(shares, candidates))
    return *standard_profile(shape, tabulated(below, density)), smoothness


class ProfileEquations(NamedTuple):
    """Weighted products of the candidates' light and of the counts, their last column.

    ``products``, shape (columns, columns); those with the splines of the continuum, ``held``,
    shape (columns, knots); the precision ``data`` of these; and the ``number`` of pixels.
    """

    products: np.ndarray
    held: np.ndarray
    data: np.ndarray
    number: int

    def only(self, used):
        """Choose some of the candidates."""
        used = np.append(used, True)
        return self._replace(products=self.products[used][:, used], held=self.held[used])


def profile_equations(columns, weight, knots):
    """Multiply candidates and counts, shape (columns, pixels), with each other and the splines."""
    return ProfileEquations(
        (columns * weight) @ columns.T,
        np.array([gathered(weight * column, knots) for column in columns]),
        data_bands(weight, knots),
        np.count_nonzero(weight),
    )


def on_continuum(equations, smoothness):
    """Eliminate the continuum: what it can absorb says nothing of wings.

    Returns
    -------
    factors : lampflux.fluxes.smoothing.Factors
        Of the continuum.
    square, wanted : ndarray, shape (candidates, candidates) and (candidates,)
        Normal equations of the shares.
    total : float
        Chi-square without any light.
    """
    held = equations.held
    factors = factors_of(equations.data + smoothness.bands(held.shape[1]))
    square = equations.products - held @ solved(factors, held.T)
    return factors, square[:-1, :-1], square[:-1, -1], square[-1, -1]


def judged_smoothness(equations, smoothness):
    """Find the stiffness of the continuum with the highest evidence, wings included.

    Bends of the continuum explain the wings of bright lines, too. The search begins also with
    a continuum too stiff for that.
    """
    # Beyond the stiffest of all the equations lose their digits.
    most = stiffest(equations.data)

    def stiffer(power):
        return smoothness._replace(stiffness=min(10.0**power * smoothness.stiffness, most))

    def evidence(power):
        trial = stiffer(power)
        factors, square, wanted, total = on_continuum(equations, trial)
        shares = none_negative(square, wanted)
        chi2 = total - 2 * shares @ wanted + shares @ square @ shares
        return log_evidence(max(chi2, 1e-300), equations.number, factors, trial)

    return stiffer(highest(evidence, (0, SHAPE.stiffer))[1])


class ProfileFit(NamedTuple):
    """Candidates' light over the line's: the ``shares`` chosen, and ``every`` one tried last.

    The ``chi2`` of those chosen, the ``square`` of the normal equations, and the ``smoothness`` of
    the continuum.
    """

    shares: np.ndarray
    every: np.ndarray
    chi2: float
    square: np.ndarray
    smoothness: Smoothness


def chosen_fit(equations, smoothness, is_judged, has_halo):
    """Choose the candidates by evidence.

    The first Gaussian alone, all Gaussians, or Lorentzians, too; or, where none of these describes
    the lines, Gaussians and a halo.

    Parameters
    ----------
    equations : ProfileEquations
    smoothness : Smoothness
    is_judged : bool
        As in `measure_profile`.
    has_halo : bool
        Whether a halo was found before.

    Returns
    -------
    ProfileFit
    """
    places = np.arange(len(equations.held) - 1)
    is_line = places < places.size - len(SHAPE.halo)
    is_gaussian = places < np.count_nonzero(is_line) - len(SHAPE.lorentzian)
    has_wings = is_line & ~is_gaussian
    sets = places < 1, is_gaussian, is_line
    wings = chosen_shares(equations, sets, is_line, smoothness, is_judged)
    if not (has_halo or wings.shares[has_wings].any()):
        return wings
    sets = is_gaussian | ~is_line, places >= 0
    halo = chosen_shares(equations, sets[:1], is_line, wings.smoothness, False)
    most = wings.chi2 if has_halo else SHAPE.halo_part * wings.chi2
    if halo.chi2 > most - needed(halo.chi2, equations):
        return wings
    return chosen_shares(equations, sets, is_line, wings.smoothness, is_judged)


def needed(chi2, equations):
    """By how much a better fit must lower the chi-square."""
    return SHAPE.evidence * max(chi2 / max(equations.number, 1), 1.0)


def chosen_shares(equations, sets, is_line, smoothness, is_judged):
    """Fit sets of candidates, and choose one.

    Parameters
    ----------
    equations : ProfileEquations
    sets : sequence of ndarray of bool, shape (candidates,)
        Each a part of the last one.
    is_line : ndarray of bool, shape (candidates,)
        Whether their light is that of lines.
    smoothness : Smoothness
    is_judged : bool
        As in `measure_profile`.

    Returns
    -------
    ProfileFit
    """
    if is_judged:
        smoothness = judged_smoothness(equations.only(sets[-1]), smoothness)
    _, square, wanted, total = on_continuum(equations, smoothness)
    lowest, shares = np.inf, np.zeros(wanted.size)
    for used in sets:
        every = np.zeros(wanted.size)
        every[used] = none_negative(square[used][:, used], wanted[used])
        chi2 = total - 2 * every @ wanted + every @ square @ every
        every = every / max(every[is_line].sum(), 1e-300)
        if chi2 < lowest - needed(chi2, equations):
            lowest, shares = chi2, every
    return ProfileFit(shares, every, lowest, square, smoothness)


def share_error(square, used, number):
    """1 sigma of one unknown of normal equations of which some are used, that one in any case."""
    used = used.copy()
    used[number] = True
    block = square[used][:, used]
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
            block = square[free][:, free]
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
    """Pixels so near saturated ones that they do not show the shape of lines."""
    return box_sums(~good, int(np.ceil(SHAPE.saturated_reach * fwhm))) > 0
