"""The light of a lamp's exposures that all its lines share, the shutter, outlying exposures."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from lampflux.statistics import robust_scatter


class LightSettings(NamedTuple):
    """Constants of the light of the exposures."""

    # Smallest error of a line, because lines of a lamp change relative to each other [fraction].
    line_scatter: float = 0.01
    # Standard deviations beyond which a flux has less weight in the light of its exposure.
    huber: float = 2.0
    # Rounds in which these weights are refined.
    passes: int = 10
    # An exposure is left out if its light differs by more than this many standard deviations and
    # this fraction; published lamps warm up by 12 %.
    outlying_sigma: float = 5.0
    outlying_beyond: float = 0.25
    # Fewest exposures of one time among which an outlier can be found: two that agree and one
    # that does not; one more if times differ.
    outlying_of: int = 3
    # Fewest exposure times that separate the shutter's offset from a change of the lamp.
    shutter_times: int = 3


LIGHT = LightSettings()


def exposure_light(flux, err, usable):
    """Find the light of each exposure that all lines share, by weighted least squares.

    ``log(flux[e, l]) = level[l] + log(light[e])``, solved for the exposures only, after the levels
    are eliminated. Outliers have less weight (Huber 1964, Ann. Math. Statist. 35, 73).

    Parameters
    ----------
    flux, err : DataFrame, shape (exposures, lines)
        [ADU/s/fibre]
    usable : DataFrame of bool, shape (exposures, lines)

    Returns
    -------
    light, error : Series, shape (exposures,)
        Relative to the geometric mean of the exposures, and its relative 1-sigma error; NaN if no
        line connects an exposure with the first known one.
    """
    good = (usable & (flux > 0)).to_numpy(dtype=bool)
    if not good.any():
        return pd.Series(np.nan, index=flux.index), pd.Series(np.nan, index=flux.index)
    logs = np.log(flux.where(good, 1.0).to_numpy(dtype=float))
    relative = (err / flux).fillna(0.0).where(good, 0.0).to_numpy(dtype=float)
    variance = np.square(relative) + LIGHT.line_scatter**2
    weight = first = np.where(good, 1 / variance, 0.0)
    for _ in range(LIGHT.passes):
        total = np.maximum(weight.sum(axis=0), 1e-300)
        normal = np.diag(weight.sum(axis=1)) - (weight / total) @ weight.T
        mean = np.sum(weight * logs, axis=0) / total
        light = np.linalg.lstsq(normal, np.sum(weight * (logs - mean), axis=1))[0]
        level = np.sum(weight * (logs - light[:, np.newaxis]), axis=0) / total
        off = np.abs(logs - light[:, np.newaxis] - level) / np.sqrt(variance)
        reach = LIGHT.huber * max(1.0, robust_scatter(np.append(off[good], -off[good])))
        weight = first * np.minimum(1.0, reach / np.maximum(off, reach))
    together = connected(good)
    with np.errstate(divide="ignore"):
        error = 1 / np.sqrt(weight.sum(axis=1))
    light = np.where(together, np.exp(light - light[together].mean()), np.nan)
    return pd.Series(light, index=flux.index), pd.Series(
        np.where(together, error, np.nan), index=flux.index
    )


def connected(shared):
    """Find the exposures that are connected with the first by shared lines.

    ``shared`` is of shape (exposures, lines).
    """
    reached = np.zeros(len(shared), bool)
    reached[np.argmax(shared.any(axis=1))] = True
    while True:
        lines = shared[reached].any(axis=0)
        wider = shared[:, lines].any(axis=1)
        if np.array_equal(wider, reached):
            return reached
        reached = wider


def fit_shutter(light, seconds, sequence=None):
    """Measure a shutter's offset from the light of exposures of different times, and outliers.

    ``light = mean * (1 + shutter / t + drift * sequence)``, first with the median of the slopes of
    all pairs (Theil 1950, Proc. K. Ned. Akad. Wet. 53, 386), then by least squares without the
    outlying exposures.

    Parameters
    ----------
    light : ndarray, shape (exposures,)
        Light per second of nominal time, in any unit; NaN where it is not known.
    seconds : ndarray, shape (exposures,)
        Nominal times [s].
    sequence : ndarray, shape (exposures,), optional
        When each was taken, to detect a drift of the lamp.

    Returns
    -------
    shutter, error : float
        [s]; NaN for fewer than ``LIGHT.shutter_times`` times, or fewer exposures than unknowns.
    outlying : ndarray of bool, shape (exposures,)
    """
    known = np.isfinite(light)
    outlying = np.zeros(light.shape, bool)
    inverse = 1 / seconds
    times = len(np.unique(seconds[known]))
    slope = 0.0
    if times >= LIGHT.shutter_times:
        first, second = np.triu_indices(known.sum(), 1)
        run = np.subtract(inverse[known][first], inverse[known][second])
        rise = np.subtract(light[known][first], light[known][second])
        slope = np.median(rise[run != 0] / run[run != 0])
    if known.any():
        level = np.median(light[known] - slope * inverse[known])
        outlying = outlying_light(light / (level + slope * inverse), seconds)
    used = known & ~outlying
    free = used.sum() - (2 if sequence is None else 3)
    if len(np.unique(seconds[used])) < LIGHT.shutter_times or free < 1:
        return np.nan, np.nan, outlying
    terms = [np.ones(used.sum()), inverse[used]]
    if sequence is not None:
        terms.append(sequence[used] - sequence[used].mean())
    design = np.column_stack(terms)
    found, squares, *_ = np.linalg.lstsq(design, light[used])
    covariance = np.linalg.pinv(design.T @ design) * (squares[0] if squares.size else 0) / free
    return found[1] / found[0], np.sqrt(covariance[1, 1]) / found[0], outlying


def outlying_light(light, seconds):
    """Find exposures that are far brighter or fainter than those of their time, or than all.

    ``light`` is relative to the expected light, NaN where it is not known.
    """
    outlying = np.zeros(light.shape, bool)
    for time in np.unique(seconds):
        here = seconds == time
        others = light[here & np.isfinite(light)]
        if len(others) < LIGHT.outlying_of:
            others = light[np.isfinite(light)]
            if len(others) <= LIGHT.outlying_of:
                continue
        off = np.abs(light / np.median(others) - 1)
        spread = robust_scatter(others / np.median(others))
        bound = max(LIGHT.outlying_beyond, LIGHT.outlying_sigma * spread)
        outlying |= here & (off > bound)
    return outlying
