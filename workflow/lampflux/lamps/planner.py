"""Exposure times: how long each line needs, and how long it may be exposed."""

from itertools import compress
from typing import NamedTuple

import numpy as np
import pandas as pd


class PlannerSettings(NamedTuple):
    """Constants of the exposure plan."""

    # Largest fraction of the saturation limit that a peak may reach: the limit counts from zero,
    # peaks from the bias.
    headroom: float = 0.9
    # A quotient above a whole number by less than this is rounded down, not up.
    rounding: float = 1e-9


PLANNER = PlannerSettings()


def time_to_snr(rate, read, photons, snr):
    """Find the exposure time at which a line reaches a signal-to-noise ratio.

    Solves ``snr**2 = (rate t)**2 / (read + photons t)`` for the time *t* (Howell 2006, Handbook of
    CCD Astronomy, section 4.4).

    Parameters
    ----------
    rate : ndarray, shape (lines,)
        Net counts per second [ADU/s].
    read : ndarray, shape (lines,)
        Variance of the read noise [ADU**2].
    photons : ndarray, shape (lines,)
        Variance of the photon noise per second [ADU**2/s].
    snr : float

    Returns
    -------
    ndarray, shape (lines,)
        [s]; NaN where the noise is not known or the rate is not above zero.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        half = snr**2 * photons / (2 * rate**2)
        return np.where(rate > 0, half + np.sqrt(half**2 + snr**2 * read / rate**2), np.nan)


def line_times(lines, fibres, peak, snr, factor, factor_error):
    """Find the time that each line may have and the time that it needs.

    Parameters
    ----------
    lines : DataFrame
        Summaries of a lamp's lines in an arm.
    fibres : int
        Fibres that share the light.
    peak : float
        Highest pixel to aim at [ADU above bias].
    snr : float
        Signal-to-noise ratio to reach in one fibre: that of all fibres together over the square
        root of their number.
    factor, factor_error : float
        Throughput times etendue of the planned instrument, over that of the one that measured.
        Line, continuum and peak scale with it; read noise does not.

    Returns
    -------
    DataFrame
        ``time_peak`` and ``time_snr`` with their errors [s], ``repeats`` (exposures of `time_peak`
        that together reach `snr`).
    """
    peak_rate = lines["peak_rate"].where(lines["peak_rate"] > 0).to_numpy(dtype=float)
    peak_error = lines["peak_rate_err"].to_numpy(dtype=float) / peak_rate
    rate, error = (lines[name].to_numpy(dtype=float) for name in ("flux", "flux_err"))
    # The variances are those of the sum over all fibres; each fibre has an equal part.
    read, photons = (
        lines[name].to_numpy(dtype=float) / fibres for name in ("read_variance", "photon_variance")
    )

    def needed(rate, factor):
        return time_to_snr(rate * factor, read, photons * factor, snr)

    time_peak = peak / (peak_rate * factor)
    time_snr = needed(rate, factor)
    # The error of the factor may be large: differences rather than a slope.
    by_factor = (needed(rate, factor - factor_error) - needed(rate, factor + factor_error)) / 2
    by_flux = (needed(rate - error, factor) - needed(rate + error, factor)) / 2
    signal = rate * factor * time_peak
    variance = read + photons * factor * time_peak
    with np.errstate(divide="ignore", invalid="ignore"):
        repeats = np.where(
            signal > 0, np.ceil(snr**2 * variance / signal**2 - PLANNER.rounding), np.nan
        )
    return pd.DataFrame(
        {
            "time_peak": time_peak,
            "time_peak_err": time_peak * np.hypot(factor_error / factor, peak_error),
            "time_snr": time_snr,
            "time_snr_err": np.hypot(by_factor, np.nan_to_num(by_flux)),
            "repeats": repeats,
        },
        index=lines.index,
    )


def served(times, time):
    """Whether an exposure time is long enough for each line, and not too long."""
    return (times["time_snr"] <= time) & (time <= times["time_peak"])


def shutter_times(times, shortest, step):
    """Round exposure times up to possible times of a shutter.

    Parameters
    ----------
    times : ndarray
        [s]
    shortest, step : float
        Shortest time, and the step between times [s]; no steps where it is 0.

    Returns
    -------
    ndarray

    Examples
    --------
    >>> shutter_times(np.array([0.058, 0.1, 0.123, 7.0]), 0.1, 0.05)
    array([0.1 , 0.1 , 0.15, 7.  ])
    """
    times = np.maximum(times, shortest)
    return np.ceil(times / step - PLANNER.rounding) * step if step else times


def choose_times(times, shortest=0.0, step=0.0):
    """Choose the shortest of the times, and of the pairs of times, that serve most lines.

    Parameters
    ----------
    times : DataFrame
        ``time_peak`` and ``time_snr`` of each line [s].
    shortest, step : float
        Possible times of the shutter, as in `shutter_times`.

    Returns
    -------
    single : float
        [s]. If no line's noise is known, the longest without saturation; NaN if no line can be
        served.
    pair : (float, float)
        [s], the shorter first; NaN if no two times serve more lines than one.
    """
    none = (np.nan, np.nan)
    if times["time_snr"].isna().all():
        longest = times["time_peak"].min()
        if step:
            longest = np.floor(longest / step + PLANNER.rounding) * step
        return float(longest) if longest >= shortest else np.nan, none
    # The shortest of the best times is the time that some line needs.
    needed, allowed = (times[name].to_numpy(dtype=float) for name in ("time_snr", "time_peak"))
    starts = np.unique(shutter_times(needed[needed <= allowed], shortest, step))
    serves = (needed <= starts[:, np.newaxis]) & (starts[:, np.newaxis] <= allowed)
    number = serves.sum(axis=1)
    if not number.any():
        return np.nan, none
    best = np.argmax(number)
    # Number of lines served by either of two times.
    together = number[:, np.newaxis] + number - serves.astype(int) @ serves.T.astype(int)
    total = np.where(together == together.max(), starts[:, np.newaxis] + starts, np.inf)
    first, second = np.unravel_index(np.argmin(total), total.shape)
    pair = none if together.max() <= number[best] else (starts[first], starts[second])
    return float(starts[best]), (float(min(pair)), float(max(pair)))


def plan(
    lines: pd.DataFrame,
    fibres: int,
    peak: float,
    snr: float,
    factor: float = 1.0,
    factor_error: float = 0.0,
    shortest: float = 0.0,
    step: float = 0.0,
) -> tuple[dict, pd.DataFrame]:
    """Plan the exposures of one lamp in one arm.

    Parameters
    ----------
    lines : DataFrame
        Summaries of the lamp's lines: of their columns, ``flux`` and ``flux_err`` [ADU/s/fibre],
        ``limit`` ('lower' where the flux is a lower limit), ``peak_rate`` and ``peak_rate_err``
        [ADU/s], ``read_variance`` [ADU**2], ``photon_variance`` [ADU**2/s] and ``simulated`` are
        used.
    fibres, peak, snr, factor, factor_error
        As in `line_times`.
    shortest, step : float
        Possible times of the shutter, as in `shutter_times`.

    Returns
    -------
    summary : dict
        Row of the exposure plan; docs/products.md explains the columns.
    times : DataFrame
        Times of each line, and which of the planned times serves it.

    Examples
    --------
    Without read noise a line of 100 electrons per second needs 100 s for a signal-to-noise ratio
    of 100, and its highest pixel, 8 ADU/s, reaches 40,000 ADU in 5000 s:

    >>> import pandas as pd
    >>> from lampflux import plan
    >>> lines = pd.DataFrame({"flux": [100.0], "flux_err": [1.0], "peak_rate": [8.0]})
    >>> lines = lines.assign(peak_rate_err=0.2, read_variance=0.0, photon_variance=100.0)
    >>> summary, times = plan(lines.assign(limit=None, simulated=False), 1, 40000, 100)
    >>> summary["single"], summary["single_served"]
    (100.0, 1)
    >>> print(times[["time_peak", "time_snr", "repeats", "served_by"]].to_string(index=False))
     time_peak  time_snr  repeats served_by
        5000.0     100.0      1.0    single
    """
    times = line_times(lines, fibres, peak, snr, factor, factor_error)
    single, pair = choose_times(times, shortest, step)
    in_single = served(times, single)
    in_pair = served(times, pair[0]) | served(times, pair[1])
    brightest = times["time_peak"].idxmin() if times["time_peak"].notna().any() else None
    first = times.loc[brightest] if brightest is not None else {}
    summary = {
        "lines": len(lines),
        "time_peak": first.get("time_peak", np.nan),
        "time_peak_err": first.get("time_peak_err", np.nan),
        "time_peak_limit": "upper" if (lines["limit"] == "lower").any() else None,
        "single": single,
        "single_served": int(in_single.sum()),
        "single_peak": lines["peak_rate"][in_single].max() * factor * single,
        "pair_short": pair[0],
        "pair_long": pair[1],
        "pair_served": int(in_pair.sum()) if np.isfinite(pair[0]) else None,
        "unserved": int((~(in_single | in_pair)).sum()),
        "target_peak": peak,
        "target_fibre_snr": snr,
        "factor": factor,
        "factor_err": factor_error,
        "simulated": bool(lines["simulated"].any()),
    }
    planned = {"single": single, "short": pair[0], "long": pair[1]}
    serves = zip(*(served(times, time) for time in planned.values()))
    times["served_by"] = [" ".join(compress(planned, each)) for each in serves]
    return summary, times
