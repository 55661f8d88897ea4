"""Traces that run along the slit from column to column, followed over the whole frame."""

from typing import NamedTuple

import numpy as np
from numpy.polynomial import Polynomial, polynomial, polyutils

from lampflux.statistics import transform_size


class TraceSearch(NamedTuple):
    """How traces are followed."""

    # Groups of columns, and fewest with light.
    groups: int = 32
    fewest: int = 2
    # Least part of the groups that must follow the curve.
    followed: float = 0.5
    # Highest degree of the curve; it has this many coefficients less than there are groups,
    # but for a straight line.
    degree: int = 3
    spare: int = 2
    # Least light of a group, as part of the brightest one's power.
    least_power: float = 1e-4
    # Rows over which light is averaged, so that fibres a few rows apart look alike.
    smooth: int = 9
    # Light of a group over its noise, and its likeness to the others (correlation), to be used.
    significance: float = 20.0
    likeness: float = 0.5
    # Of fewer groups than this, each must resemble the others by this much.
    few: int = 5
    close: float = 0.8
    # Groups may scatter about the cubic by this many rows, or this part of the whole drift.
    scatter: float = 1.5
    scatter_part: float = 0.1
    # Traces must drift by this many rows, and the light be so much sharper without it.
    least: float = 2.0
    sharper: float = 1.02
    # Moved, groups scatter about their mean by at most this part of what they do as they are, and
    # the mean keeps this part of its power.
    alike: float = 0.95
    power: float = 0.98
    # On average they resemble the mean by this much (correlation), and at most this part of them
    # resembles it less, by more than that, than without.
    resemblance: float = 0.7
    fewer: float = 0.1
    less: float = 0.1


TRACES = TraceSearch()


class Groups(NamedTuple):
    """Light of groups of columns along the slit, see `light_of_groups`."""

    middle: np.ndarray
    power: np.ndarray
    profiles: np.ndarray


def follow_traces(groups, columns, variance):
    """Follow traces from group to group of columns.

    Each group's light along the slit is compared with that of all others by cross-correlation.

    Parameters
    ----------
    groups : Groups
    columns : int
        Of the frame.
    variance : float
        Variance of a pixel without light [ADU^2].

    Returns
    -------
    ndarray, shape (columns,)
        Shift of each column towards higher rows [pixel], on average over the light 0: a cubic,
        or a curve of lower degree through few groups. All zero where traces hardly drift, or
        cannot be followed.
    """
    none = np.zeros(columns)
    middle, power, profiles = groups
    noise = np.sqrt(variance / power)
    rows, size = profiles.shape[0], min(TRACES.smooth, profiles.shape[0])
    smooth = box_sums_along(profiles, size) / size
    smooth -= np.median(smooth, axis=0)
    smooth[smooth < 3 * noise / np.sqrt(size)] = 0
    energy = np.sum(smooth**2, axis=0)
    used = energy * size > (TRACES.significance * noise) ** 2
    used &= power > TRACES.least_power * power.max()
    if used.sum() < TRACES.fewest:
        return none
    middle, power, energy = middle[used], power[used], energy[used]
    smooth = smooth[:, used].T
    length = transform_size(2 * rows)
    spectra = np.fft.rfft(smooth, length)
    template = smooth[np.argmax(energy * power)]
    for _ in range(3):
        product = spectra * np.conj(np.fft.rfft(template, length))
        correlation = np.fft.irfft(product, length)
        best = np.argmax(correlation, axis=1)
        likeness = correlation.max(axis=1) / np.sqrt(energy * (template @ template))
        lag = np.where(best >= rows, best - length, best)
        alike = likeness > (TRACES.likeness if used.sum() >= TRACES.few else TRACES.close)
        if alike.sum() < TRACES.fewest:
            return none
        degree = curve_degree(alike.sum())
        fit = robust_fit(middle[alike], lag[alike], degree, np.ones(alike.sum()))
        steps = np.rint(fit(middle)).astype(int)
        before = template
        template = np.mean([np.roll(*part) for part in zip(smooth[alike], -steps[alike])], axis=0)
        if np.array_equal(template, before):
            break
    half = columns / TRACES.groups
    drift = extended(fit, np.arange(columns), middle[alike][0] - half, middle[alike][-1] + half)
    limit = max(TRACES.scatter, TRACES.scatter_part * np.ptp(drift))
    followed = np.abs(lag - fit(middle))[alike] < limit
    # Cosmic rays in a few groups make no drift where the others run straight.
    straight = np.abs(lag - np.median(lag[alike]))[alike] < TRACES.scatter
    still = smooth[alike].mean(axis=0)
    moved = np.array([np.roll(*part) for part in zip(smooth, -steps)])
    trust = power / (power + np.median(power))
    if (
        np.ptp(drift) < TRACES.least
        or followed.mean() < TRACES.followed
        # A curve with more coefficients than a level must follow as many more groups.
        or followed.sum() <= straight.sum() + degree
        or template @ template < TRACES.sharper * (still @ still)
        or not is_sharper(smooth, moved, trust)
    ):
        return none
    return drift - np.average(fit(middle), weights=power)


def is_sharper(still, moved, trust):
    """Whether groups are more alike once they are moved against a drift, and hardly any less so.

    Parameters
    ----------
    still, moved : ndarray, shape (groups, rows)
        Light along the slit in each, as it is and moved.
    trust : ndarray, shape (groups,)
        Weights.

    Returns
    -------
    bool
    """
    power, scatter, likeness = [], [], []
    for each in (still, moved):
        template = np.average(each, axis=0, weights=trust)
        power.append(template @ template)
        norm = np.linalg.norm(each, axis=1) * np.linalg.norm(template)
        likeness.append(each @ template / np.maximum(norm, 1e-30))
        # Groups may differ in brightness.
        scatter.append(np.average(1 - likeness[-1], weights=trust))
    sharper = scatter[1] < TRACES.alike * scatter[0] and power[1] > TRACES.power * power[0]
    alike = np.average(likeness[1], weights=trust) > TRACES.resemblance
    less = np.average(likeness[1] < likeness[0] - TRACES.less, weights=trust)
    return bool(sharper and alike and less <= TRACES.fewer)


def curve_degree(number):
    """Degree of the curve through this many groups."""
    return int(np.clip(number - TRACES.spare, 1, TRACES.degree))


def light_of_groups(light, level, weights, edges):
    """Part of the light that falls on each row in each group of columns.

    Levels that are constant along a row weigh nothing.

    Parameters
    ----------
    light, level : ndarray, shape (rows, groups)
        As `lampflux.extraction.projection.project_rows` gives them.
    weights : ndarray, shape (columns,)
        Light of lines [ADU].
    edges : ndarray of int, shape (groups + 1,)
        First column of each group, and the number of columns.

    Returns
    -------
    Groups
        Columns about which their light falls, ``middle``; the sum of the squared weights,
        ``power`` [ADU^2]; and ``profiles``, of shape (rows, groups).
    """
    middle, power, profiles = [], [], []
    for number, (first, stop) in enumerate(zip(edges[:-1], edges[1:])):
        own = weights[first:stop]
        excess = own - own.mean()
        power.append(max(excess @ excess, 1e-30))
        profiles.append((light[:, number] - own.mean() * level[:, number]) / power[-1])
        middle.append(np.average(np.arange(first, stop), weights=own**2 + 1e-30))
    return Groups(np.array(middle), np.array(power), np.stack(profiles, axis=1))


def box_sums_along(profiles, size):
    """Sum each this many rows about every row; beyond the ends there are none."""
    padded = np.pad(profiles, ((size // 2 + 1, (size - 1) // 2), (0, 0)))
    total = np.cumsum(padded, axis=0)
    return total[size:] - total[:-size]


def extended(fit, places, first, last, farthest=np.inf):
    """Evaluate a polynomial, and beyond both ends its tangents, up to a largest step."""
    inside = np.clip(places, first, last)
    beyond = fit.deriv()(inside) * (places - inside)
    return fit(inside) + np.clip(beyond, -farthest, farthest)


def robust_fit(places, values, degree, weights):
    """Fit a polynomial by least absolute distance, which outliers do not move.

    Parameters
    ----------
    places, values, weights : ndarray, shape (values,)
    degree : int

    Returns
    -------
    numpy.polynomial.Polynomial
        By least squares, reweighted by the distance (Schlossmacher 1973, JASA 68, 857).
    """
    domain = np.array([places.min(), places.max()])
    powers = polynomial.polyvander(polyutils.mapdomain(places, domain, [-1, 1]), degree)
    nearness, before = np.ones(places.size), None
    for _ in range(20):
        weight = np.sqrt(weights * nearness)
        terms, *_ = np.linalg.lstsq(powers * weight[:, np.newaxis], values * weight)
        if np.array_equal(terms, before):
            break
        before = terms
        distance = np.abs(values - powers @ terms)
        nearness = 1 / np.maximum(distance, 1e-3 + 1e-2 * np.median(distance))
    return Polynomial(terms, domain)
