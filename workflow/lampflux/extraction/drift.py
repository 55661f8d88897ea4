"""The drift of traces along the dispersion axis."""

from typing import NamedTuple

import numpy as np

from lampflux.extraction.model import shift_rows
from lampflux.extraction.projection import group_edges
from lampflux.extraction.traces import curve_degree, extended, is_sharper, robust_fit
from lampflux.statistics import transform_size


class DriftSearch(NamedTuple):
    """How the drift of traces along the dispersion axis is measured."""

    # Groups of columns, the least part of all lines' power in one, its light over its noise, and
    # fewest groups.
    groups: int = 16
    light: float = 1e-6
    significance: float = 20.0
    fewest: int = 2
    # Rows within which groups are looked for: first about the brightest one, then, in this many
    # rounds, about where the cubic puts them.
    farthest: int = 30
    nearest: int = 4
    rounds: int = 3
    # Rows by which a group may miss the cubic, the least part of the groups that must not, and
    # rows by which traces must drift to matter.
    largest_misfit: float = 0.5
    # More groups must follow it than a straight trace, by its coefficients: within this part of
    # the drift, and no less than this.
    part: float = 0.15
    finest: float = 0.05
    followed: float = 0.6
    least: float = 0.3
    # Rows by which traces may run on beyond the first and last group.
    beyond: float = 4.0


DRIFT = DriftSearch()


def offset(spectrum, reference, farthest):
    """Measure how far a spectrum is shifted against a reference.

    Parameters
    ----------
    spectrum, reference : ndarray, shape (columns,)
    farthest : int
        Largest shift to look for [pixel].

    Returns
    -------
    float
        Shift towards higher columns [pixel]: the peak of the cross-correlation, refined by a
        parabola through its logarithm, exact for Gaussian lines.
    """
    size = transform_size(spectrum.size + farthest)
    product = np.fft.rfft(spectrum, size) * np.conj(np.fft.rfft(reference, size))
    correlation = np.fft.irfft(product, size)
    correlation = np.concatenate([correlation[-farthest:], correlation[: farthest + 1]])
    peak = int(np.argmax(correlation))
    if not 0 < peak < 2 * farthest or correlation[peak - 1 : peak + 2].min() <= 0:
        return np.nan
    left, middle, right = np.log(correlation[peak - 1 : peak + 2])
    curve = left - 2 * middle + right
    return peak - farthest + (0.5 * (left - right) / curve if curve < 0 else 0.0)


def measure_drift(image, weights, variance, drifting=False):
    """Measure how traces drift along the slit from column to column.

    Parameters
    ----------
    image : ndarray of float32, shape (rows, columns)
        Lit rows, background subtracted [ADU].
    weights : ndarray, shape (columns,)
        Light of lines, see `lampflux.extraction.lines.line_weights`.
    variance : float
        Variance of a pixel without light [ADU^2].
    drifting : bool, optional
        Whether traces are known to drift: this is what is left once most of it is taken out.

    Returns
    -------
    ndarray, shape (columns,)
        Shift of each column towards higher rows [pixel], on average over the light 0: a cubic
        through the shifts of groups of columns, by cross-correlation of their rows' light. All
        zero where they do not drift, or it cannot be measured.
    """
    columns = image.shape[1]
    none = np.zeros(columns)
    light = np.clip(weights, 0, None)
    middle, power, profiles = group_profiles(image, light, variance)
    if middle.size < DRIFT.fewest:
        return none
    places = 2 * middle / columns - 1
    # Bright groups are limited by other things than noise.
    trust = power / (power + np.median(power))
    template, fit = profiles[np.argmax(power)], np.polynomial.Polynomial([0.0])
    for number in range(1 + DRIFT.rounds):
        moved = shift_rows(profiles, -fit(places))
        if number:
            template = np.average(moved, axis=0, weights=trust)
        reach = min(DRIFT.nearest if number else DRIFT.farthest, image.shape[0] // 4)
        drift = fit(places) + [offset(profile, template, reach) for profile in moved]
        known = np.isfinite(drift)
        if known.sum() < DRIFT.fewest:
            return none
        fit = robust_fit(places[known], drift[known], curve_degree(known.sum()), trust[known])
    misfit = np.abs(np.nan_to_num(drift, nan=np.inf) - fit(places))
    # Cosmic rays in a few groups make no drift where the others run straight.
    limit = np.clip(DRIFT.part * np.ptp(fit(places)), DRIFT.finest, DRIFT.largest_misfit)
    straight = np.abs(drift - np.nanmedian(drift)) < limit
    if np.mean(misfit < DRIFT.largest_misfit) < DRIFT.followed or (
        not drifting and np.sum(misfit < limit) <= straight.sum() + fit.degree()
    ):
        return none
    moved = shift_rows(profiles, -fit(places))
    if not is_sharper(profiles, moved, trust):
        return none
    every = 2 * np.arange(columns) / columns - 1
    drift = extended(fit, every, places[0], places[-1], DRIFT.beyond)
    drift -= np.average(drift, weights=light)
    return drift if np.ptp(drift) > DRIFT.least else none


def group_profiles(image, light, variance):
    """Measure the light along the slit in groups of columns.

    Parameters
    ----------
    image : ndarray of float32, shape (rows, columns)
        [ADU]
    light : ndarray, shape (columns,)
        Light of lines [ADU].
    variance : float
        Variance of a pixel without light [ADU^2].

    Returns
    -------
    middle : ndarray, shape (groups,)
        Column about which the light of a group falls.
    power : ndarray, shape (groups,)
        Sum of its squares [ADU^2].
    profiles : ndarray of float32, shape (groups, rows)
        Part of the light in each row, less the mean; groups with too little light are left out.
    """
    middle, powers, profiles = [], [], []
    edges = group_edges(light, DRIFT.groups)
    for first, stop in zip(edges[:-1], edges[1:]):
        part = slice(first, stop)
        power = light[part] @ light[part]
        if not power > DRIFT.light * (light @ light):
            continue
        profile = np.clip(image[:, part] @ light[part].astype(np.float32) / power, 0, None)
        # Cosmic rays are cut off.
        profile = np.minimum(profile, 3 * np.percentile(profile, 80))
        profile -= profile.mean()
        if profile @ profile > DRIFT.significance**2 * variance / power:
            middle.append(np.average(np.arange(first, stop), weights=light[part] ** 2))
            powers.append(power)
            profiles.append(profile)
    return np.array(middle), np.array(powers), np.array(profiles, dtype=np.float32)
