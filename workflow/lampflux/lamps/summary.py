"""What all exposures of a lamp say about each of its lines."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from lampflux.errors import UserError
from lampflux.lamps.linearity import judge, matrix
from lampflux.statistics import linear_trend, weighted_mean

# Probability of chance below which a drift is claimed, and the smallest one that is [%/exposure].
DRIFT_PROBABILITY, DRIFT_BEYOND = 0.05, 0.05

LINE_COLUMNS = [
    "line",
    "ion",
    "wavelength",
    "wavelength_from",
    "flux",
    "flux_err",
    "limit",
    "scatter",
    "used",
    "excluded",
    "excluded_why",
    "brightness",
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
    "read_variance",
    "photon_variance",
    "noise_from",
    "pixel_start",
    "pixel_stop",
    "flags",
    "simulated",
]
LAMP_COLUMNS = ["brand", "lamp", "arm", *LINE_COLUMNS]


def reasons_text(reasons, seconds):
    """Count the reasons of a line's exclusions: '10 nonlinear at 60 s; 1 saturated at 10 s'."""
    counts = pd.Series(1, index=[reasons.to_numpy(), seconds]).groupby(level=[0, 1]).sum()
    return "; ".join(f"{n} {why} at {time:g} s" for (why, time), n in counts.items() if why)


def line_drift(flux, used, seconds):
    """Find a line's drift over the exposures of one time, in their order.

    Parameters
    ----------
    flux : ndarray, shape (exposures,)
        Net fluxes [ADU/s/fibre], in the order of exposure within each time.
    used : ndarray of bool, shape (exposures,)
    seconds : ndarray, shape (exposures,)
        Exposure times [s]; the one with the most used exposures is taken.

    Returns
    -------
    slope, error, probability : float
        Drift and its error [% of the mean per exposure], and the probability that it is chance;
        see `lampflux.statistics.linear_trend`.
    """
    if not used.any():
        return np.nan, np.nan, np.nan
    times, numbers = np.unique(seconds[used], return_counts=True)
    series = seconds == times[np.argmax(numbers)]
    order = np.arange(series.sum())[used[series]]
    values = flux[series & used]
    slope, error, probability = linear_trend(order, values)
    part = 100 / abs(np.mean(values)) if np.mean(values) else np.nan
    return slope * part, error * part, probability


def noise_model(counts, variance, seconds, gain):
    """Split the variance of a line's counts into read-out and photons.

    ``variance = read + photons * t``: read noise once for each exposure, and photons, whose number
    grows with the time *t* (Howell 2006, Handbook of CCD Astronomy, section 4.4). Exposures of
    two times or more give both by least squares, each weighted by 1 / variance**2. Of one time,
    photons are counts / gain and the rest is read-out; without a gain all is taken for photons.

    Parameters
    ----------
    counts : ndarray, shape (exposures,)
        Sums of the window, line and background [ADU].
    variance : ndarray, shape (exposures,)
        Squared errors of the net counts [ADU**2].
    seconds : ndarray, shape (exposures,)
        Exposure times [s].
    gain : float
        Electrons per ADU; NaN where it is not known.

    Returns
    -------
    read : float
        [ADU**2], not negative; NaN without any variance.
    photons : float
        [ADU**2/s], not negative; NaN without any variance.
    source : str
        ``times``, ``gain``, ``photons`` or, without any variance, empty.
    """
    known = np.isfinite(variance) & (variance > 0)
    counts, variance, seconds = counts[known], variance[known], seconds[known]
    if not len(variance):
        return np.nan, np.nan, ""
    if len(np.unique(seconds)) > 1:
        terms = np.column_stack([np.ones(len(seconds)), seconds]) / variance[:, np.newaxis]
        read, photons = np.linalg.lstsq(terms, np.ones(len(seconds)), rcond=None)[0]
        source = "times"
        if read < 0:
            read, photons = 0.0, np.sum(terms[:, 1]) / np.sum(terms[:, 1] ** 2)
        elif photons < 0:
            read, photons = np.sum(terms[:, 0]) / np.sum(terms[:, 0] ** 2), 0.0
    elif np.isfinite(gain):
        light = np.clip(counts / gain, 0, variance)
        read, photons, source = np.mean(variance - light), np.mean(light / seconds), "gain"
    else:
        read, photons, source = 0.0, np.mean(variance / seconds), "photons"
    return float(read), float(photons), source


def line_identity(rows):
    """Name a line and its wavelength: what most exposures say, and where it is from.

    Parameters
    ----------
    rows : DataFrame
        The window's row of every exposure.

    Returns
    -------
    dict
    """
    named = rows.dropna(subset=["wavelength_air"])
    trusted = rows[rows["wavelength_trusted"]]
    if len(named):
        ion, wavelength = named.groupby(["ion", "wavelength_air"], dropna=False).size().idxmax()
        source = "laboratory"
    else:
        ion, source = None, "solution" if len(trusted) else "nominal"
        wavelength = (trusted if len(trusted) else rows)["Wavelength"].median()
    return {"ion": ion, "wavelength": wavelength, "wavelength_from": source}


class LampSummary(NamedTuple):
    """What all exposures of a lamp in an arm say.

    ``lines`` has a row for each line (docs/products.md explains the columns); ``reasons``,
    ``brightness`` and ``ratios`` are those of `lampflux.lamps.linearity.judge`.
    """

    lines: pd.DataFrame
    reasons: pd.DataFrame
    brightness: pd.Series
    ratios: pd.DataFrame


def summarise(measurements: pd.DataFrame, fibres: int, gain: float) -> LampSummary:
    """Summarise each line over all exposures of a lamp in an arm.

    Parameters
    ----------
    measurements : DataFrame
        The flux tables of all exposures as `join_tables` joins them: a row for each line and
        exposure, with ``exposure``, ``seconds``, ``order`` (of time and sequence) and ``line``
        (number of the window, from 1).
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
    >>> from lampflux.lamps.summary import join_tables
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
    flux, err = (matrix(measurements, name) for name in ("net_flux", "net_flux_err"))
    exposures = measurements.drop_duplicates("order").set_index("order").sort_index()
    seconds = exposures["seconds"].to_numpy(dtype=float)
    saturated = matrix(measurements, "flags").map(lambda words: "saturated" in words.split())
    reasons, brightness, ratios = judge(flux, err, seconds, saturated)
    longest = ratios.groupby("line").last()
    rows = []
    for line, part in measurements.sort_values("order").groupby("line"):
        part = part.set_index("order")
        excluded = reasons[line]
        used = excluded == ""
        row = {"line": line, **line_identity(part)}
        row |= {name: part[name].iloc[0] for name in ("pixel_start", "pixel_stop")}
        best, kept = best_flux(flux[line], err[line], excluded, seconds)
        row |= best
        row["brightness"] = brightness[kept].mean() / brightness.mean()
        row |= {"used": used.sum(), "excluded": (~used).sum()}
        row["excluded_why"] = reasons_text(excluded, seconds)
        row |= drift_columns(flux[line].to_numpy(), used.to_numpy(), seconds)
        row |= linearity_columns(line, longest, saturated[line], seconds)
        row |= peak_columns(part, flux[line], used, kept)
        counted = (err[line] * seconds * fibres)[kept].to_numpy()
        row["read_variance"], row["photon_variance"], row["noise_from"] = noise_model(
            part["counts"][kept].to_numpy(dtype=float), counted**2, seconds[kept], gain
        )
        row["flags"] = " ".join(sorted(set(" ".join(part["flags"]).split())))
        row["simulated"] = bool(part["simulated"].any())
        rows.append(row)
    return LampSummary(pd.DataFrame(rows, columns=LINE_COLUMNS), reasons, brightness, ratios)


def best_flux(flux, err, excluded, seconds):
    """Average a line's fluxes, or give a lower limit where it lost light in every exposure.

    Parameters
    ----------
    flux, err : Series, shape (exposures,)
        [ADU/s/fibre]
    excluded : Series of str, shape (exposures,)
        Why each is left out; empty for what is used.
    seconds : ndarray, shape (exposures,)
        Exposure times [s].

    Returns
    -------
    columns : dict
        ``flux``, ``flux_err``, ``limit`` and ``scatter``.
    kept : Series of bool, shape (exposures,)
        The exposures that the flux is from.
    """
    used = excluded == ""
    mean, error = weighted_mean(flux[used], err[used])
    lost = excluded.isin(["saturated", "nonlinear"])
    scatter = 100 * flux[used].std() / abs(mean) if used.any() else np.nan
    kept, limit = used, None
    if not used.any() and lost.any():
        # The shortest exposure lost least; the line is at least as bright.
        kept = lost & (seconds == seconds[lost].min())
        mean, limit = flux[kept].max(), "lower"
    return {"flux": mean, "flux_err": error, "limit": limit, "scatter": scatter}, kept


def drift_columns(flux, used, seconds):
    """Say how a line drifts, and whether it is certain enough to be claimed; see `line_drift`."""
    drift, error, probability = line_drift(flux, used, seconds)
    claimed = probability < DRIFT_PROBABILITY and abs(drift) > DRIFT_BEYOND
    return {"drift": drift, "drift_err": error, "drift_p": probability, "drifts": claimed}


def linearity_columns(line, longest, saturated, seconds):
    """Say how a line's rate in the longest exposure time compares with that in the shortest."""
    ratio, error, verdict = (
        longest.loc[line, ["ratio", "error", "verdict"]]
        if line in longest.index
        else (np.nan, np.nan, None)
    )
    if saturated[seconds == seconds.max()].mean() > 0.5:
        verdict = "saturated"
    return {"linearity": ratio, "linearity_err": error, "linearity_verdict": verdict}


def peak_columns(rows, flux, used, kept):
    """Give a line's highest pixel: per second, and in the exposure with the most counts used."""
    rates = rows["peak"] / rows["seconds"]
    counts = (flux * rows["seconds"])[used]
    best = counts.idxmax() if len(counts) else None
    return {
        "peak_rate": rates[used].median() if used.any() else rates[kept].max(),
        "brightest_exposure": None if best is None else rows["exposure"][best],
        "brightest_peak": np.nan if best is None else rows["peak"][best],
    }


def join_tables(tables, exposures):
    """Join the flux tables of a lamp and arm, ordered by exposure time and sequence.

    Parameters
    ----------
    tables : list of DataFrame
        A flux table for each exposure. Rows belong together by their order: all exposures of a
        lamp and arm share a window table, while its windows may lie at other pixels in each.
    exposures : list of dict
        ``exposure`` (name), ``seconds`` and ``id`` of each.

    Returns
    -------
    DataFrame
        As `summarise` takes it.

    Raises
    ------
    UserError
        The tables hold different numbers of windows.
    """
    numbers = {len(table) for table in tables}
    if len(numbers) > 1:
        names = " and ".join(
            next(e["exposure"] for e, table in zip(exposures, tables) if len(table) == number)
            for number in sorted(numbers)[:2]
        )
        raise UserError(
            f"the flux tables of {names} hold different numbers of windows although they share "
            "one window table; remove both and run again."
        )

    def place(pair):
        number = pair[1]["id"]
        return pair[1]["seconds"], not number.isdigit(), number.zfill(20), number

    parts = [
        table.assign(
            exposure=exposure["exposure"],
            seconds=float(exposure["seconds"]),
            order=order,
            line=np.arange(1, len(table) + 1),
            # A column without any flag is read as numbers.
            flags=["" if pd.isna(words) else words for words in table["flags"]],
        )
        for order, (table, exposure) in enumerate(sorted(zip(tables, exposures), key=place))
    ]
    return pd.concat(parts, ignore_index=True)
