"""How lines lean: their shift along the slit, found before lit rows and traces are."""

from typing import NamedTuple

import numpy as np
from numpy.polynomial import Polynomial

from lampflux.statistics import noise, transform_size


class LeanSearch(NamedTuple):
    """How the lean of lines is found."""

    # Bands with less than this part of the brightest one's light hold no lit rows.
    weak: float = 0.05
    # Light in a band exceeds the noise of its pixels by this factor.
    significance: float = 5.0
    # Bands are compared with those this many rows away, then with those further off: each time
    # the shift is finer.
    apart: tuple[int, ...] = (6, 16, 40)
    # Level and noise of bands rest on one column, and one band, of this many.
    sparse: int = 8
    # Largest slope [pixel/row], and by how much the slope at the ends may differ from it.
    steepest: float = 1.2
    bend: float = 0.6
    # Steps of both, as a shift between bands that are compared [pixel].
    step: float = 0.5
    # The shift between two bands is sought this near the expected one [pixel].
    near: int = 3
    # Fewest pairs of bands, and the part of them, by their correlation, that must be displaced as
    # the others are, within this [pixel].
    fewest: int = 3
    followed: float = 0.35
    misfit: float = 1.5
    # Lines that lean by less than this over the lit rows [pixel] are upright enough.
    least: float = 4.0
    # Upright, the sum of the bands has more power by this factor.
    sharper: float = 1.1


LEAN = LeanSearch()


def measure_lean(bands, rows, height):
    """Measure how lines shift along the slit by comparing bands of rows close to each other.

    Bands near each other show the same lines, however traces run, displaced only by their lean.

    Parameters
    ----------
    bands : ndarray, shape (bands, columns)
        Mean counts of some rows above the background [ADU].
    rows : ndarray, shape (bands,)
        Their middle rows, increasing.
    height : int
        Rows of the frame.

    Returns
    -------
    ndarray, shape (height,)
        Shift of each row towards higher columns [pixel], a parabola of the row; all zero where
        lines stand upright.
    """
    none = np.zeros(height)
    light = line_light(bands)
    power = light.sum(axis=1)
    lit = power > LEAN.weak * power.max(initial=0)
    light, rows, power = light[lit], rows[lit], power[lit]
    if rows.size <= LEAN.fewest:
        return none
    middle, half = np.average(rows, weights=power), np.ptp(rows) / 2
    # Beyond the columns, room for the largest shift.
    farthest = 2 * LEAN.apart[-1] * (LEAN.steepest + LEAN.bend)
    spectra = np.fft.rfft(light, transform_size(light.shape[1] + farthest))
    slope = None
    for apart in LEAN.apart:
        first, second = pairs(rows, apart)
        if first.size < LEAN.fewest:
            break
        correlation = np.fft.irfft(spectra[second] * np.conj(spectra[first]))
        place = ((rows[first] + rows[second]) / 2 - middle) / half
        distance = rows[second] - rows[first]
        if slope is None:
            slope = steepest_slope(correlation, place, distance)
            # Lines repeat from band to band, cosmic rays do not.
            if followed(correlation, slope(place) * distance) < LEAN.followed:
                return none
        slope = refined_slope(correlation, place, distance, slope)
    if slope is None:
        return none
    shift = slope.integ()((np.arange(height) - middle) / half) * half
    steps = np.rint(np.interp(rows, np.arange(height), shift)).astype(int)
    if np.ptp(steps) < LEAN.least:
        return none
    upright = np.sum([np.roll(*each) for each in zip(light, -steps)], axis=0)
    still = light.sum(axis=0)
    return shift if upright @ upright > LEAN.sharper * (still @ still) else none


def line_light(bands):
    """Light of lines above the noise in each band, compressed so that faint ones count.

    Parameters
    ----------
    bands : ndarray, shape (bands, columns)
        [ADU]

    Returns
    -------
    ndarray, shape (bands, columns)
        Square root of the light [ADU^1/2].
    """
    # A part of the columns gives the level, and a part of the bands the noise.
    level = np.nanmedian(bands[:, :: LEAN.sparse], axis=1, keepdims=True)
    excess = np.nan_to_num(bands - level)
    limit = LEAN.significance * np.median([noise(band) for band in excess[:: LEAN.sparse]])
    return np.sqrt(np.where(excess > limit, excess, 0))


def pairs(rows, apart):
    """Pair each band with the next one that is this many rows away, at most twice as many.

    Returns
    -------
    first, second : ndarray of int, shape (pairs,)
    """
    second = np.searchsorted(rows, rows + apart)
    first = np.flatnonzero(second < rows.size)
    second = second[first]
    near = rows[second] - rows[first] <= 2 * max(apart, np.diff(rows).min())
    return first[near], second[near]


def steepest_slope(correlation, place, distance):
    """Search slope and bend on a grid, by the sum of the pairs' cross-correlations.

    Parameters
    ----------
    correlation : ndarray, shape (pairs, shifts)
        By the shift of the second band of each pair; negative ones stand at the end.
    place : ndarray, shape (pairs,)
        From about -1 to 1 along the lit rows.
    distance : ndarray, shape (pairs,)
        [pixel]

    Returns
    -------
    numpy.polynomial.Polynomial
        Slope of the lines by the place [pixel/row].
    """
    step = LEAN.step / np.median(distance)
    slopes, bends = (
        step * np.arange(-int(reach / step), int(reach / step) + 1)
        for reach in (LEAN.steepest, LEAN.bend)
    )
    slope = slopes[:, np.newaxis, np.newaxis] + bends[:, np.newaxis] * place
    shift = np.rint(slope * distance).astype(int)
    score = correlation[np.arange(place.size), shift].sum(axis=2)
    best = np.unravel_index(np.argmax(score), score.shape)
    return Polynomial([slopes[best[0]], bends[best[1]]])


def refined_slope(correlation, place, distance, slope):
    """Fit slope and bend to the peaks of the pairs' cross-correlations near the expected shift.

    Parameters
    ----------
    correlation, place, distance
        As in `steepest_slope`.
    slope : numpy.polynomial.Polynomial
        The expected one.

    Returns
    -------
    numpy.polynomial.Polynomial
    """
    expected = np.rint(slope(place) * distance).astype(int)
    every = np.arange(place.size)
    reach = np.arange(-LEAN.near, LEAN.near + 1)
    places = (expected[:, np.newaxis] + reach) % correlation.shape[1]
    near = correlation[every[:, np.newaxis], places]
    best = np.clip(np.argmax(near, axis=1), 1, 2 * LEAN.near - 1)
    left, top, right = (near[every, best + aside] for aside in (-1, 0, 1))
    curve = left - 2 * top + right
    peak = best - np.where(curve < 0, 0.5 * (right - left) / np.minimum(curve, -1e-30), 0)
    found = (expected + peak - LEAN.near) / distance
    weight = np.sqrt(np.clip(top, 0, None))
    terms = np.stack([np.ones(place.size), place], axis=1)
    fit, *_ = np.linalg.lstsq(terms * weight[:, np.newaxis], found * weight, rcond=None)
    return Polynomial(fit)


def followed(correlation, expected):
    """Part of the pairs, by their highest peaks, in which that lies at the expected shift.

    Parameters
    ----------
    correlation : ndarray, shape (pairs, shifts)
        As in `steepest_slope`.
    expected : ndarray, shape (pairs,)
        [pixel]

    Returns
    -------
    float
    """
    size = correlation.shape[1]
    shift = (np.argmax(correlation, axis=1) - expected + size / 2) % size - size / 2
    highest = np.clip(correlation.max(axis=1), 1e-30, None)
    return float(np.average(np.abs(shift) < LEAN.misfit, weights=highest))
