"""Summarise each line of a lamp over all exposures."""

from collections import Counter
from typing import NamedTuple

import numpy as np
import pandas as pd

from lampflux.lamps.measurements import commonest_time, matrix
from lampflux.lamps.noise import noise_model
from lampflux.lamps.series import Series, fit_series
from lampflux.statistics import linear_trend, robust_scatter, weighted_mean


class SummarySettings(NamedTuple):
    """Constants of the summary."""

    # Signal-to-noise ratio in one fibre above which a line's own highest pixel is its peak; the
    # highest of noisy pixels would be too high.
    peak_snr: float = 50.0
    # Probability of chance below which a drift is significant.
    drift_probability: float = 0.05
    # Smallest significant drift [%/exposure]: bias and dark alone change steady lamps by as much.
    drift_beyond: float = 0.05


SUMMARY = SummarySettings()

LINE_COLUMNS = [
    "line",
    "measured",
    "ion",
    "wavelength",
    "wavelength_from",
    "flux",
    "flux_err",
    "flux_from",
    "limit",
    "scatter",
    "used",
    "excluded",
    "excluded_why",
    "drift",
    "drift_err",
    "drift_p",
    "drifts",
    "linearity",
    "linearity_err",
    "linearity_verdict",
    "brightest_exposure",
    "brightest_peak",
    "peak_rate",
    "peak_rate_err",
    "read_variance",
    "photon_variance",
    "noise_from",
    "pixel_start",
    "pixel_stop",
    "flags",
    "simulated",
]


def reasons_text(reasons, seconds):
    """Count the reasons of a line's exclusions: '10 nonlinear at 60 s; 1 saturated at 10 s'."""
    counts = sorted(Counter(zip(reasons, seconds)).items())
    return "; ".join(f"{n} {why} at {time:g} s" for (why, time), n in counts if why)


def line_drift(flux, used, seconds):
    """Find a line's drift over the exposures of the time with the most used, in their order.

    Returns
    -------
    slope, error, probability : float
        Drift and its error [% of the mean per exposure], and the probability that it is chance;
        see `lampflux.statistics.linear_trend`.
    """
    if not used.any():
        return np.nan, np.nan, np.nan
    series = seconds == commonest_time(seconds[used])
    order = np.arange(series.sum())[used[series]]
    values = flux[series & used]
    slope, error, probability = linear_trend(order, values)
    part = 100 / abs(np.mean(values)) if np.mean(values) else np.nan
    return slope * part, error * part, probability


def line_facts(measurements):
    """Tabulate the name, wavelength, window and flags of each line.

    Name and wavelength are those of most exposures; flags are those of any. These are the columns
    of `LINE_COLUMNS` that do not depend on the flux, by line.
    """
    by_line = measurements.groupby("line")
    facts = measurements.sort_values("order").drop_duplicates("line").set_index("line")
    facts = facts[["measured", "flux_from", "pixel_start", "pixel_stop"]].sort_index()
    named = measurements.dropna(subset=["wavelength_air"])
    names = named.groupby(["line", "ion", "wavelength_air"], dropna=False).size()
    names = names.rename("exposures").reset_index()
    names = names.sort_values("exposures", ascending=False, kind="stable")
    names = names.drop_duplicates("line").set_index("line")
    # In a table without rows, the column read from the file is not boolean.
    trusted = measurements[measurements["wavelength_trusted"].astype(bool)].groupby("line")
    facts["ion"] = names["ion"]
    facts["wavelength"], facts["wavelength_from"] = by_line["Wavelength"].median(), "nominal"
    for source, found in (
        ("solution", trusted["Wavelength"].median()),
        ("laboratory", names["wavelength_air"]),
    ):
        facts.loc[found.index, "wavelength"] = found
        facts.loc[found.index, "wavelength_from"] = source
    facts["flags"] = [" ".join(sorted(set(" ".join(f).split()))) for _, f in by_line["flags"]]
    facts["simulated"] = by_line["simulated"].any()
    return facts


class LampSummary(NamedTuple):
    """Summary of all exposures of a lamp in an arm.

    ``lines`` has a row for each line and ``exposures`` one for each exposure
    (docs/products.md explains the columns); ``series`` is the model that they come from.
    """

    lines: pd.DataFrame
    exposures: pd.DataFrame
    series: Series


def summarise(measurements: pd.DataFrame, fibres: int, gain: float) -> LampSummary:
    """Summarise each line over all exposures of a lamp in an arm.

    Parameters
    ----------
    measurements : DataFrame
        The flux tables of all exposures as `lampflux.lamps.join_tables` joins them: a row for
        each line and exposure, with ``exposure``, ``seconds``, ``order`` (of time and sequence)
        and ``line`` (number of the window, from 1).
    fibres : int
        Fibres that share the light.
    gain : float
        Electrons per ADU; NaN where it is not known.

    Returns
    -------
    LampSummary

    Examples
    --------
    Two exposures of one line, which scatter by more than their errors:

    >>> import pandas as pd
    >>> from lampflux import summarise
    >>> from lampflux.lamps.measurements import join_tables
    >>> row = {"Wavelength": 6965.4, "wavelength_air": 6965.431, "ion": "Ar I", "flags": ""}
    >>> row |= {"wavelength_trusted": True, "pixel_start": 400, "pixel_stop": 416}
    >>> row |= {"peak": 900.0, "counts": 6100.0, "simulated": False}
    >>> tables = [
    ...     pd.DataFrame([row | {"net_flux": flux, "net_flux_err": 0.1}]) for flux in (9.8, 10.2)
    ... ]
    >>> exposures = [{"exposure": f"E{n}", "seconds": 10, "id": f"{n}"} for n in (1, 2)]
    >>> lines = summarise(join_tables(tables, exposures), fibres=61, gain=1.9).lines
    >>> print(lines[["ion", "flux", "flux_err", "used"]].to_string(index=False))
     ion  flux  flux_err  used
    Ar I  10.0       0.2     2
    """
    flux, err, noise, peaks, counts = (
        matrix(measurements, name) for name in ("flux", "flux_err", "noise", "peak", "counts")
    )
    exposures = measurements.drop_duplicates("order").set_index("order").sort_index()
    seconds = exposures["seconds"].to_numpy(dtype=float)
    saturated = matrix(measurements, "flags").fillna("").map(lambda words: "saturated" in words)
    sequence = exposures["sequence"].to_numpy(dtype=float)
    sequence = sequence if np.isfinite(sequence).all() else None
    series = fit_series(flux, noise, seconds, saturated, sequence)
    scale = series.scale.fillna(1.0)
    # Fluxes at the lamp's mean brightness.
    corrected, corrected_err = flux.div(scale, axis=0), noise.div(scale, axis=0)
    # Hidden neighbours and the line shape shift the fluxes of all exposures alike.
    shared = np.sqrt((err**2 - noise**2).clip(lower=0)).median().fillna(0)
    rates = peaks.div(seconds * scale, axis=0)
    shares = (rates / corrected).where(
        (series.reasons == "") & (flux / err > SUMMARY.peak_snr * np.sqrt(fibres))
    )
    typical = typical_share(shares)
    longest = series.ratios.groupby("line").last().to_dict("index")
    facts = line_facts(measurements).to_dict("index")
    rows = []
    # Arrays from here on, because pandas is slow for a few numbers.
    tables = flux, noise, corrected, corrected_err, peaks, rates, shares, counts, saturated
    for line, *columns in zip(flux, *(table.to_numpy().T for table in (*tables, series.reasons))):
        own, own_noise, steady, steady_err, peak, rate, share, count, lost, excluded = columns
        used = excluded == ""
        best, kept = best_flux(steady, steady_err, excluded, seconds)
        if line in series.references and len(series.references) > 1:
            # Part of the line's own scatter went into the light of the exposures.
            best["flux_err"] *= np.sqrt(1 / (1 - 1 / len(series.references)))
        scale_error = series.scale_err * best["flux"]
        best["flux_err"] = np.linalg.norm([best["flux_err"], scale_error, shared[line]])
        row = {"line": line} | facts[line] | best
        scatter = np.std(own[used], ddof=1) if used.sum() > 1 else np.nan
        row["scatter"] = 100 * scatter / abs(best["flux"])
        row |= {"used": used.sum(), "excluded": (~used).sum()}
        row["excluded_why"] = reasons_text(excluded, seconds)
        row |= drift_columns(own, used, seconds)
        row |= linearity_columns(longest.get(line), lost, seconds)
        row |= brightest_columns(exposures["exposure"], own * seconds, peak, used)
        row |= peak_columns(peak, rate, share, typical, best, kept, gain)
        row["read_variance"], row["photon_variance"], row["noise_from"] = noise_model(
            count[kept], (own_noise * seconds * fibres)[kept] ** 2, seconds[kept], gain
        )
        rows.append(row)
    lines = pd.DataFrame(rows, columns=LINE_COLUMNS)
    return LampSummary(lines, exposure_rows(exposures, series), series)


def exposure_rows(exposures, series):
    """Tabulate the brightness of the lamp in each exposure, and the shutter's offset."""
    return exposures[["exposure", "seconds", "simulated"]].assign(
        brightness=series.brightness,
        brightness_err=series.brightness_err,
        outlying=series.outlying,
        lines=(series.reasons == "").sum(axis=1),
        shutter=series.shutter,
        shutter_err=series.shutter_err,
    )


def best_flux(flux, err, excluded, seconds):
    """Average a line's fluxes, or give a lower limit if it lost light in every exposure.

    Parameters
    ----------
    flux, err : ndarray, shape (exposures,)
        [ADU/s/fibre]
    excluded : ndarray of str, shape (exposures,)
        Why each is left out; empty if it is used.
    seconds : ndarray, shape (exposures,)
        Exposure times [s].

    Returns
    -------
    columns : dict
        ``flux``, ``flux_err`` and ``limit``.
    kept : ndarray of bool, shape (exposures,)
        The exposures that the flux comes from.
    """
    used = excluded == ""
    mean, error = weighted_mean(flux[used], err[used])
    lost = (excluded == "saturated") | (excluded == "nonlinear")
    kept, limit = used, None
    if not used.any() and lost.any():
        # The shortest exposure lost least; the line is at least as bright.
        kept = lost & (seconds == seconds[lost].min())
        mean, limit = flux[kept].max(), "lower"
    return {"flux": mean, "flux_err": error, "limit": limit}, kept


def drift_columns(flux, used, seconds):
    """Give a line's drift, and whether it is significant; see `line_drift`."""
    drift, error, probability = line_drift(flux, used, seconds)
    claimed = probability < SUMMARY.drift_probability and abs(drift) > SUMMARY.drift_beyond
    return {"drift": drift, "drift_err": error, "drift_p": probability, "drifts": claimed}


def linearity_columns(ratio, saturated, seconds):
    """Compare a line's rate in the longest exposure time with that in the shortest."""
    ratio = ratio or {"ratio": np.nan, "error": np.nan, "verdict": None}
    verdict = ratio["verdict"]
    if saturated[seconds == seconds.max()].mean() > 0.5:
        verdict = "saturated"
    return {
        "linearity": ratio["ratio"],
        "linearity_err": ratio["error"],
        "linearity_verdict": verdict,
    }


def brightest_columns(names, counts, peak, used):
    """Of the exposures used, give the one with the most counts and its highest pixel."""
    if not used.any():
        return {"brightest_exposure": None, "brightest_peak": np.nan}
    best = np.argmax(np.where(used, counts, -np.inf))
    return {"brightest_exposure": names.iloc[best], "brightest_peak": peak[best]}


def typical_share(shares):
    """Give the median share of all lines and its relative scatter; NaN if no line measures it.

    ``shares`` are peaks over fluxes, shape (exposures, lines), NaN where a line is too faint.
    """
    medians = shares.median()
    share = medians.median()
    return share, robust_scatter(medians) / share


def peak_columns(peak, rates, shares, typical, best, kept, gain):
    """Give a line's highest pixel per second.

    Parameters
    ----------
    peak, rates, shares : ndarray, shape (exposures,)
        Highest pixel [ADU]; that per second at the lamp's mean brightness [ADU/s]; that over the
        line's flux, NaN where it is too faint.
    typical : (float, float)
        From `typical_share`; used for faint lines, because lines have the same shape.
    best, kept
        From `best_flux`.
    gain : float
        Electrons per ADU; NaN where it is not known.
    """
    if best["limit"] == "lower":
        return {"peak_rate": np.fmax.reduce(rates[kept]), "peak_rate_err": np.nan}
    measured = kept & np.isfinite(rates)
    own = shares[np.isfinite(shares)]
    share, share_scatter = typical
    flux_part = best["flux_err"] / best["flux"] if best["flux"] else np.nan
    if not len(own) and np.isfinite(share):
        part = np.hypot(share_scatter, flux_part)
        rate = share * best["flux"]
    else:
        noise = 1 / np.sqrt(gain * np.sum(np.clip(peak[measured], 1, None)))
        scatter = np.std(own, ddof=1) / own.mean() / np.sqrt(len(own)) if len(own) > 1 else np.nan
        part = np.hypot(np.fmax(noise, scatter), np.nan_to_num(flux_part))
        rate = np.median(rates[measured]) if measured.any() else np.nan
    return {"peak_rate": rate, "peak_rate_err": abs(rate) * part}
