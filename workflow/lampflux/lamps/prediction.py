"""Predict lamps in another instrument: lines, exposure times and precision of wavelengths."""

import itertools
import math
from typing import NamedTuple

import numpy as np
import pandas as pd

from lampflux.lamps.blends import unblended_lines
from lampflux.lamps.coverage import line_gaps
from lampflux.lamps.planner import choose_times, served, time_to_snr
from lampflux.statistics import SIGMA_PER_FWHM


class PredictionSettings(NamedTuple):
    """Constants of the prediction."""

    # Number of wavelengths at which the precision is evaluated.
    grid: int = 200
    # Precisions that differ by less than this factor count as equal: the shorter time decides.
    as_precise: float = 1.1
    # Most lamps that are combined: calibrations with more would take too long.
    most_lamps: int = 3


PREDICTION = PredictionSettings()


def predict(lines, modes, listed):
    """Predict lamps, pairs and triples of lamps in every mode of an instrument.

    Parameters
    ----------
    lines : DataFrame
        Summaries of the lines of all lamps, with ``source`` (brand and lamp).
    modes : list of lampflux.campaign.planned_instrument.Mode
    listed : dict
        Lamp to the lines of its ions by the line lists, as in `mode_lines`.

    Returns
    -------
    choices : DataFrame
        From `rank_choices`.
    planned : DataFrame
        The lines of every lamp in every mode, from `plan_mode`.
    """
    # A line without a laboratory wavelength calibrates nothing.
    lines = lines[lines["wavelength_from"] == "laboratory"]
    measured = lines["wavelength"].min(), lines["wavelength"].max()
    choices, parts = [], []
    for mode in modes:
        plans = {
            source: plan_mode(mode_lines(own, mode, listed.get(lamp)), mode)
            for (source, lamp), own in lines.groupby(["source", "lamp"])
        }
        choices.append(rank_choices(plans, mode, measured))
        parts += [planned.assign(mode=mode.name) for _, planned in plans.values()]
    return joined(choices), joined(parts)


def joined(tables):
    """Join tables that may all be empty."""
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame()


def mode_lines(lines, mode, listed=None):
    """Predict the lines of one lamp in a mode of another instrument.

    Parameters
    ----------
    lines : DataFrame
        Summaries of the lamp's lines in all arms: ``ion``, ``wavelength`` [Angstrom], ``flux``
        [ADU/s/fibre] and ``flags``.
    mode : lampflux.campaign.planned_instrument.Mode
    listed : DataFrame, optional
        Lines of the lamp's ions by the line lists: ``ion``, ``wavelength_air`` [Angstrom] and
        ``intensity``, to find blends that the measured spectra do not resolve.

    Returns
    -------
    DataFrame
        The lines within the mode, by wavelength: ``electrons_per_second``; whether each is
        ``unblended`` and ``blocked``; the longest time for its peak, ``time_peak``, with its
        error, and the shortest for the required signal-to-noise ratio, ``time_snr`` [s].
    """
    inside = lines["wavelength"].between(mode.low, mode.high) & (lines["flux"] > 0)
    # If two arms show a line, the better measurement counts.
    found = lines[inside].sort_values("flux_err").drop_duplicates("wavelength")
    found = found.sort_values("wavelength", ignore_index=True)
    rate = found["flux"] * mode.light
    width = SIGMA_PER_FWHM * mode.pixels
    in_peak = mode.brightest_row * math.erf(0.5 / (math.sqrt(2) * width))
    read = mode.rows * 2 * mode.pixels * mode.read_noise**2
    time_peak = mode.peak / (rate * in_peak)
    return found.assign(
        electrons_per_second=rate,
        unblended=unblended_lines(found, mode.element, listed),
        blocked=is_blocked(found["wavelength"], mode.blocked),
        time_peak=time_peak,
        time_peak_err=time_peak * mode.light_err / mode.light,
        time_snr=time_to_snr(rate.to_numpy(), read, rate.to_numpy(), mode.snr),
    )


def is_blocked(wavelength, blocked):
    """Whether the light of each wavelength is blocked."""
    return np.any([wavelength.between(*ends) for ends in blocked] or [wavelength < 0], axis=0)


def plan_mode(lines, mode):
    """Choose the exposure times of one lamp in a mode, and the error of each line's centre.

    Parameters
    ----------
    lines : DataFrame
        As `mode_lines` gives them.
    mode : lampflux.campaign.planned_instrument.Mode

    Returns
    -------
    times : list of float
        The time or two times that serve most unblended lines [s]; empty if no line is served.
    lines : DataFrame
        With ``served_by`` (times that serve the line) and ``centre_err`` [pixel], NaN if none
        does.
    """
    useful = lines["unblended"] & ~lines["blocked"] & (lines["time_snr"] <= mode.longest_time)
    single, pair = np.nan, (np.nan, np.nan)
    if useful.any():
        single, pair = choose_times(lines[useful], mode.shortest_time, mode.time_step)
    times = [time for time in (pair if np.isfinite(pair[0]) else (single,)) if np.isfinite(time)]
    serves = np.array([served(lines, time) & useful for time in times], dtype=bool)
    serves = serves.reshape(len(times), len(lines))
    seconds = np.array(times) @ serves if times else np.zeros(len(lines))
    electrons = lines["electrons_per_second"].to_numpy() * seconds
    reads = mode.rows * mode.read_noise**2 * np.maximum(serves.sum(axis=0), 1)
    error = np.hypot(centre_error(electrons, reads, mode.pixels), mode.centre_floor)
    words = [" ".join(f"{time:g} s" for time, ok in zip(times, each) if ok) for each in serves.T]
    return times, lines.assign(served_by=words, centre_err=np.where(seconds > 0, error, np.nan))


def centre_error(electrons, read_variance, fwhm):
    """Smallest possible error of the centre of a Gaussian line in pixels (Cramer & Rao).

    Parameters
    ----------
    electrons : ndarray, shape (lines,)
        In the line.
    read_variance : ndarray, shape (lines,)
        Of each column [electrons**2].
    fwhm : float
        [pixel]

    Returns
    -------
    ndarray, shape (lines,)
        [pixel]; infinite without light. For a line in the middle of a pixel.

    Examples
    --------
    Without read noise it is sigma / sqrt(electrons):

    >>> error = centre_error(np.array([1e4]), np.zeros(1), 10.0)
    >>> round(float(error[0] / (10.0 / 2.3548 / 100)), 2)
    1.0
    """
    pixel = np.arange(-math.ceil(2 * fwhm), math.ceil(2 * fwhm) + 1)
    sigma = SIGMA_PER_FWHM * fwhm
    shape = np.exp(-0.5 * (pixel / sigma) ** 2) / (math.sqrt(2 * math.pi) * sigma)
    slope = pixel / sigma**2 * shape
    light = np.asarray(electrons, dtype=float)[:, np.newaxis]
    noise = light * shape + np.asarray(read_variance, dtype=float)[:, np.newaxis]
    with np.errstate(divide="ignore", invalid="ignore"):
        information = np.nansum(np.where(light > 0, (light * slope) ** 2 / noise, 0.0), axis=1)
        return 1 / np.sqrt(information)


def wavelength_precision(wavelengths, errors, band, order):
    """Predict the error of a polynomial wavelength solution, from its Fisher information.

    Parameters
    ----------
    wavelengths, errors : ndarray, shape (lines,)
        Of the lines that it is fitted to, and the errors of their centres [Angstrom].
    band : (float, float)
        First and last wavelength [Angstrom].
    order : int
        Of the polynomial.

    Returns
    -------
    worst, mean : float
        Largest 1-sigma error within the band and its quadratic mean [Angstrom]; NaN for no more
        lines than the order.

    Examples
    --------
    A constant is known as the mean of its measurements:

    >>> worst, mean = wavelength_precision(np.arange(4.0), np.full(4, 0.1), (0.0, 3.0), 0)
    >>> round(worst, 6), round(mean, 6)
    (0.05, 0.05)
    """
    if len(wavelengths) <= order:
        return np.nan, np.nan
    middle, half = (band[0] + band[1]) / 2, (band[1] - band[0]) / 2
    design = np.polynomial.legendre.legvander((np.asarray(wavelengths) - middle) / half, order)
    weighted = design / np.asarray(errors)[:, np.newaxis]
    grid = np.polynomial.legendre.legvander(np.linspace(-1, 1, PREDICTION.grid), order)
    # The errors of the fit at the grid are those of its triangular factor.
    triangle = np.linalg.qr(weighted, mode="r")
    spread = np.linalg.lstsq(triangle.T, grid.T, rcond=None)[0]
    variance = np.sum(spread**2, axis=0)
    return float(np.sqrt(variance.max())), float(np.sqrt(variance.mean()))


def joined_centres(parts, floor):
    """Combine the centres of lamps' lines; measurements of the same line share its floor.

    Parameters
    ----------
    parts : list of DataFrame
        ``wavelength`` [Angstrom] and ``centre_err`` [pixel] of each lamp's lines; NaN for those
        that no exposure serves.
    floor : float
        Part of each error that all measurements of a line share [pixel].

    Returns
    -------
    wavelength, error : ndarray, shape (lines,)
        [Angstrom], [pixel]

    Examples
    --------
    >>> one = pd.DataFrame({"wavelength": [6965.43], "centre_err": [0.05]})
    >>> wavelength, error = joined_centres([one, one], floor=0.03)
    >>> error.round(4)
    array([0.0412])
    """
    # Arrays, because pandas would take most of the time for many combinations of lamps.
    wavelength, error = (
        np.concatenate([part[column].to_numpy(float) for part in parts])
        for column in ("wavelength", "centre_err")
    )
    known = ~np.isnan(error)
    places, place = np.unique(wavelength[known], return_inverse=True)
    with np.errstate(divide="ignore"):
        information = 1 / np.clip(error[known] ** 2 - floor**2, 0, None)
        total = np.bincount(place, information, places.size)
        return places, np.sqrt(1 / total + floor**2)


def rank_choices(plans, mode, measured):
    """Rank lamps, pairs and triples of lamps by the precision of the wavelengths.

    Parameters
    ----------
    plans : dict
        Brand and lamp to its times and lines from `plan_mode`.
    mode : lampflux.campaign.planned_instrument.Mode
    measured : (float, float)
        First and last measured wavelength [Angstrom]; there is no prediction beyond.

    Returns
    -------
    DataFrame
        A row for each choice. Choices of the same number of lamps are ranked by `precision_steps`
        of the worst error, then by time. docs/products.md explains the columns.
    """
    band = max(mode.low, measured[0]), min(mode.high, measured[1])
    if not plans or not band[0] < band[1]:
        return pd.DataFrame()
    table = pd.DataFrame(
        describe_choice({lamp: plans[lamp] for lamp in lamps}, mode, band)
        for number in range(1, min(PREDICTION.most_lamps, len(plans)) + 1)
        for lamps in itertools.combinations(plans, number)
        # A lamp without useful lines adds nothing to another, and the same lamp of another brand
        # adds no lines.
        if number == 1 or all(plans[lamp][0] for lamp in lamps)
        if len({lamp.split(" ", 1)[-1] for lamp in lamps}) == number
    )
    steps = table.groupby("number")["precision"].transform(precision_steps)
    order = ["number", "steps", "total_seconds", "precision"]
    table = table.assign(steps=steps).sort_values(order, ignore_index=True).drop(columns="steps")
    return table.assign(rank=table.groupby("number").cumcount() + 1)


def describe_choice(plans, mode, band):
    """Describe a combination of lamps in a mode; see `rank_choices`.

    ``plans`` are those of the chosen lamps; ``band`` is the part of the mode that was measured
    [Angstrom].
    """
    place, errors = joined_centres([lines for _, lines in plans.values()], mode.centre_floor)
    low, high = line_gaps(place, band)
    widest = np.argmax(high - low)
    dispersion = mode.element / mode.pixels
    worst, mean = wavelength_precision(place, errors * dispersion, band, mode.order)
    exposures = [
        f"{lamp} {' + '.join(f'{time:g}' for time in times)} s"
        for lamp, (times, _) in plans.items()
        if times
    ]
    return {
        "mode": mode.name,
        "lamps": " + ".join(plans),
        "number": len(plans),
        "lines": len(place),
        "gap": high[widest] - low[widest],
        "gap_from": low[widest],
        "gap_to": high[widest],
        "precision": worst,
        "precision_mean": mean,
        "total_seconds": sum(sum(times) for times, _ in plans.values()),
        "exposures": "; ".join(exposures),
        "lines_by_tenth": " ".join(map(str, np.histogram(place, np.linspace(*band, 11))[0])),
        "measured_from": band[0],
        "measured_to": band[1],
        "mode_from": mode.low,
        "mode_to": mode.high,
    }


def precision_steps(precision):
    """Rank precisions from the smallest; those that agree with a smaller one get its rank.

    Examples
    --------
    >>> precision_steps(pd.Series([0.0105, 0.02, 0.01, np.nan, 0.0112])).to_list()
    [0, 2, 0, 3, 1]
    """
    ordered = precision.astype(float).sort_values()
    steps, number, first = [], -1, 0.0
    for value in ordered:
        if not value <= PREDICTION.as_precise * first:
            number, first = number + 1, value
        steps.append(number)
    return pd.Series(steps, index=ordered.index).reindex(precision.index)
