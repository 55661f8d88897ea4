"""Summarise a lamp in one arm: what all its exposures say about each of its lines."""

import logging

import numpy as np
import pandas as pd
from astropy.io import fits
from matplotlib.ticker import LogLocator, NullFormatter

from common.errors import UserError
from common.files import whole
from common.jobs import run
from common.plots import LINE, QUIET, WINDOW, draw_spectrum, finish, save, titled_figure
from common.statistics import linear_trend, robust_scatter, weighted_mean

# Lines below this signal-to-noise ratio say little about the lamp's brightness.
REFERENCE_SNR = 20
# A line that loses less than this against the others may do so because the lamp warms up [part].
LINEAR_WITHIN = 0.02
# Deviation, in sigma, at which a loss or an outlier is believed.
LOSS_SIGMA, OUTLIER_SIGMA = 3, 5
# Smallest deviation that makes an outlier [part], and fewest exposures that can tell one.
OUTLIER_BEYOND, OUTLIER_OF = 0.10, 4
# Probability of chance below which a drift is claimed, and the smallest one that is [%/exposure].
DRIFT_PROBABILITY, DRIFT_BEYOND = 0.05, 0.05


def matrix(measurements, column):
    """Arrange a column of the joined flux tables as exposures (rows) by lines (columns)."""
    return measurements.pivot(index="order", columns="line", values=column)


def lamp_brightness(flux, usable, short, lines):
    """Find how bright the lamp was in each exposure from what some of its lines have in common.

    Parameters
    ----------
    flux : DataFrame, shape (exposures, lines)
        Net fluxes [ADU/s/fibre].
    usable : DataFrame of bool, shape (exposures, lines)
    short : ndarray of bool, shape (exposures,)
        The exposures that set the scale.
    lines : list
        The lines to go by.

    Returns
    -------
    Series, shape (exposures,)
        Median over the lines of flux over the line's median flux in the short exposures; NaN
        where no line is usable.
    """
    good = flux.where(usable)[lines]
    return (good / good[short].median()).median(axis=1)


def reference_lines(flux, err, usable, short):
    """Choose the lines that saturate last: the faintest third of those that are well measured.

    Parameters
    ----------
    flux, err : DataFrame, shape (exposures, lines)
        Net fluxes and their errors [ADU/s/fibre]; lines without errors count as well measured.
    usable : DataFrame of bool, shape (exposures, lines)
    short : ndarray of bool, shape (exposures,)
        Exposures of the shortest time.

    Returns
    -------
    list
        Lines, from the faintest.
    """
    level = flux.where(usable)[short].median()
    snr = (flux / err).where(usable)[short].median()
    level = level[level > 0].sort_values()
    measured = level[~(snr[level.index] < REFERENCE_SNR)]
    level = measured if len(measured) else level
    return list(level.index[: (len(level) + 2) // 3])


def mean_and_part(values, errors):
    """Mean of repeated fluxes and its relative error, 0 where nothing is known of it."""
    good = np.isfinite(values)
    mean, error = weighted_mean(values[good], errors[good])
    return mean, abs(error / mean) if np.isfinite(error) and mean else 0.0


def time_ratios(flux, err, seconds, compared, brightness, reference):
    """Compare each line's flux in each longer exposure time with that in the shortest.

    Parameters
    ----------
    flux, err : DataFrame, shape (exposures, lines)
        Net fluxes and their errors [ADU/s/fibre].
    seconds : ndarray, shape (exposures,)
        Exposure times [s].
    compared : DataFrame of bool, shape (exposures, lines)
        Which fluxes to compare.
    brightness : Series, shape (exposures,)
        The lamp's brightness, which is divided out.
    reference : list
        The lines it was found from.

    Returns
    -------
    DataFrame
        ``seconds``, ``line``, ``ratio`` and its 1-sigma ``error``, which joins the errors of both
        mean fluxes and the scatter, or if larger the typical error, of the reference lines'
        ratios: how much lines of the lamp change against each other. A line that is the only
        reference is compared with nothing.
    """
    even = flux.where(compared).div(brightness, axis=0)
    even_err = err.div(brightness, axis=0)
    times = np.unique(seconds)
    rows = []
    for time in times[1:]:
        part = []
        for line in flux.columns:
            if reference == [line] or not reference:
                continue
            at = {
                each: mean_and_part(
                    even[line][seconds == each].to_numpy(),
                    even_err[line][seconds == each].to_numpy(),
                )
                for each in (times[0], time)
            }
            (short, short_error), (long, long_error) = at[times[0]], at[time]
            if short > 0 and np.isfinite(long):
                ratio = long / short
                error = abs(ratio) * np.hypot(short_error, long_error)
                part.append({"seconds": time, "line": line, "ratio": ratio, "error": error})
        ratios, errors = (
            [row[name] for row in part if row["line"] in reference] for name in ("ratio", "error")
        )
        common = max(robust_scatter(ratios), np.median(errors)) if ratios else 0.0
        rows += [row | {"error": np.hypot(row["error"], common)} for row in part]
    return pd.DataFrame(rows, columns=["seconds", "line", "ratio", "error"])


def ratio_verdict(ratio, error):
    """Say what a ratio to the shortest exposure time means: linear, nonlinear or gains."""
    bound = max(LINEAR_WITHIN, LOSS_SIGMA * error)
    if 1 - ratio > bound:
        return "nonlinear"
    return "gains" if ratio - 1 > bound else "linear"


def judge(flux, err, seconds, saturated):
    """Decide which fluxes to use, and why not the others.

    Parameters
    ----------
    flux, err : DataFrame, shape (exposures, lines)
        Net fluxes and their errors [ADU/s/fibre]; errors may be NaN.
    seconds : ndarray, shape (exposures,)
        Exposure times [s].
    saturated : DataFrame of bool, shape (exposures, lines)
        Where the flux table flags saturation.

    Returns
    -------
    reasons : DataFrame of str, shape (exposures, lines)
        Empty for what is used, else ``missing``, ``saturated``, ``nonlinear`` or ``outlier``.
    brightness : Series, shape (exposures,)
        The lamp's brightness relative to the exposures of the shortest time; NaN where every
        reference line is excluded.
    ratios : DataFrame
        As `time_ratios` gives them, with a ``verdict``; of fluxes that are not saturated, or of
        all where every exposure of a time is.
    """
    present = flux.notna()
    compared = present & ~saturated
    for time in np.unique(seconds):
        # What is saturated in every exposure of a time still shows how much is lost.
        lost = compared.columns[~compared[seconds == time].any()]
        compared.loc[seconds == time, lost] = present.loc[seconds == time, lost]
    reasons = pd.DataFrame("", index=flux.index, columns=flux.columns)
    reasons = reasons.mask(saturated, "saturated").mask(~present, "missing")
    short = seconds == seconds.min(initial=np.inf)
    reference = reference_lines(flux, err, reasons == "", short)
    # Twice, for a reference line that is itself found not to be linear must not stay one.
    for _ in range(2):
        brightness = lamp_brightness(flux, reasons == "", short, reference)
        # Without any usable reference line the brightness cannot be told apart from losses.
        scale = brightness.fillna(1.0)
        ratios = time_ratios(flux, err, seconds, compared, scale, reference)
        ratios["verdict"] = [ratio_verdict(*row) for row in ratios[["ratio", "error"]].to_numpy()]
        for row in ratios.itertuples():
            clean = (reasons[row.line] == "") & (seconds == row.seconds)
            if row.verdict == "nonlinear" and brightness[seconds == row.seconds].notna().any():
                reasons.loc[clean, row.line] = "nonlinear"
        reference = [line for line in reference if not (reasons[line] == "nonlinear").any()]
        if not reference:
            break
    # What is saturated in all of the shortest exposures is no measure of the others.
    spoilt = [line for line in flux if saturated[line][short].all()]
    ratios = ratios[~ratios["line"].isin(spoilt)]
    even = flux.where(reasons == "").div(scale, axis=0)
    for line in flux:
        good = even[line].dropna()
        if len(good) < OUTLIER_OF:
            continue
        off = good / good.median() - 1
        sigma = np.fmax(robust_scatter(off), (err[line] / flux[line]).abs()[good.index].fillna(0))
        far = off.abs() > np.maximum(OUTLIER_BEYOND, OUTLIER_SIGMA * sigma)
        reasons.loc[far.index[far], line] = "outlier"
    return reasons, brightness, ratios


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
        see `common.statistics.linear_trend`.
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


def summarise(measurements, fibres, gain):
    """Summarise each line over all exposures of a lamp in an arm.

    Parameters
    ----------
    measurements : DataFrame
        The flux tables of all exposures, with ``exposure``, ``seconds``, ``order`` (of time and
        sequence) and ``line`` (number of the window, from 1).
    fibres : int
        Fibres that share the light.
    gain : float
        Electrons per ADU; NaN where it is not known.

    Returns
    -------
    lines : DataFrame
        A row for each line; docs/products.md explains the columns.
    reasons : DataFrame of str, shape (exposures, lines)
        See `judge`.
    brightness : Series, shape (exposures,)
        See `judge`.
    ratios : DataFrame
        See `judge`.
    """
    flux, err = (matrix(measurements, name) for name in ("net_flux", "net_flux_err"))
    exposures = measurements.drop_duplicates("order").set_index("order").sort_index()
    seconds = exposures["seconds"].to_numpy(dtype=float)
    saturated = matrix(measurements, "flags").map(lambda words: "saturated" in words.split())
    reasons, brightness, ratios = judge(flux, err, seconds, saturated)
    last = ratios.groupby("line").last()
    rows = []
    for line, part in measurements.sort_values("order").groupby("line"):
        part = part.set_index("order")
        used = reasons[line] == ""
        row = {"line": line, **line_identity(part)}
        row |= {name: part[name].iloc[0] for name in ("pixel_start", "pixel_stop")}

        mean, mean_err = weighted_mean(flux[line][used], err[line][used])
        lost = reasons[line].isin(["saturated", "nonlinear"])
        kept = used
        row["limit"] = None
        if not used.any() and lost.any():
            # The shortest exposure lost least; the line is at least as bright.
            kept = lost & (seconds == seconds[lost].min())
            mean, row["limit"] = flux[line][kept].max(), "lower"
        row |= {"flux": mean, "flux_err": mean_err}
        row["scatter"] = 100 * flux[line][used].std() / abs(mean) if used.any() else np.nan
        row["brightness"] = brightness[kept].mean() / brightness.mean()
        row |= {"used": used.sum(), "excluded": (~used).sum()}
        row["excluded_why"] = reasons_text(reasons[line], seconds)

        drift = line_drift(flux[line].to_numpy(), used.to_numpy(), seconds)
        row |= dict(zip(("drift", "drift_err", "drift_p"), drift))
        row["drifts"] = drift[2] < DRIFT_PROBABILITY and abs(drift[0]) > DRIFT_BEYOND

        row["linearity"], row["linearity_err"], verdict = (
            last.loc[line, ["ratio", "error", "verdict"]]
            if line in last.index
            else (np.nan, np.nan, None)
        )
        clipped = saturated[line][seconds == seconds.max()].mean() > 0.5
        row["linearity_verdict"] = "saturated" if clipped else verdict

        rates = part["peak"] / seconds
        row["peak_rate"] = rates[used].median() if used.any() else rates[kept].max()
        counted = (err[line] * seconds * fibres)[kept].to_numpy()
        row["read_variance"], row["photon_variance"], row["noise_from"] = noise_model(
            part["counts"][kept].to_numpy(dtype=float), counted**2, seconds[kept], gain
        )
        best = (flux[line] * seconds)[used]
        best = best.idxmax() if len(best) else None
        row["brightest_exposure"] = None if best is None else exposures["exposure"][best]
        row["brightest_peak"] = np.nan if best is None else part["peak"][best]
        row["flags"] = " ".join(sorted(set(" ".join(part["flags"]).split())))
        row["simulated"] = bool(part["simulated"].any())
        rows.append(row)
    return pd.DataFrame(rows, columns=LINE_COLUMNS), reasons, brightness, ratios


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
COLUMNS = ["brand", "lamp", "arm", *LINE_COLUMNS]


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


def draw(title, spectrum, lines, measurements, reasons, brightness, ratios):
    """Draw a lamp: spectrum, fluxes, and, where there is more than one exposure, their steadiness.

    Parameters
    ----------
    title : str
    spectrum : (ndarray, ndarray)
        Wavelengths [Angstrom] and counts [ADU] of the exposure that is shown.
    lines, measurements, reasons, brightness, ratios : DataFrame
        As `summarise` takes and gives them.

    Returns
    -------
    matplotlib.figure.Figure
    """
    wavelength, counts = spectrum
    simulated = bool(lines["simulated"].any())
    panels = [draw_series] if (reasons == "").sum().max() > 1 else []
    panels += [draw_linearity] if len(ratios) else []
    figure = titled_figure(title, simulated, height=10.5 if panels else 7.5)
    parts = figure.subfigures(2, 1, height_ratios=[7.2, 3.6]) if panels else [figure]
    above, middle = parts[0].subplots(2, sharex=True, gridspec_kw={"height_ratios": [1, 1]})
    draw_spectrum(above, wavelength, counts, faint=True)
    above.set_ylabel("Sum of lit rows (ADU)")
    label_lines(above, lines)
    draw_fluxes(middle, lines)
    if panels:
        axes = parts[1].subplots(1, len(panels), squeeze=False)[0]
        for panel, place in zip(panels, axes):
            panel(place, lines, measurements, reasons, brightness, ratios)
    return figure


def label_lines(axes, lines):
    """Write number and name of each line above a spectrum, neighbours pushed apart."""
    low, high = sorted(axes.get_xlim())
    apart = 0.0175 * (high - low)
    lines = lines[lines["wavelength"].between(low, high)].sort_values("wavelength")
    places = lines["wavelength"].to_numpy(copy=True)
    # Labels in a crowd settle where none is nearer to the next than its height.
    for _ in range(200):
        push = np.clip(apart - np.diff(places), 0, None) / 2
        if push.size == 0 or push.max() < 1e-3 * apart:
            break
        places[:-1] -= push
        places[1:] += push
    for row, place in zip(lines.itertuples(), places):
        name = f"{row.ion} {row.wavelength:.1f}" if isinstance(row.ion, str) else "no line named"
        axes.annotate(
            f"{row.line}  {name}",
            (row.wavelength, 1.0),
            (place, 1.08),
            xycoords=("data", "axes fraction"),
            textcoords=("data", "axes fraction"),
            rotation=90,
            ha="center",
            va="bottom",
            fontsize="small",
            color=LINE,
            arrowprops={
                "arrowstyle": "-",
                "color": WINDOW,
                "lw": 0.8,
                "shrinkA": 0,
                "shrinkB": 0,
                "relpos": (0.5, 0),
            },
        )


def draw_fluxes(axes, lines):
    """Draw each line's best flux with its error against wavelength."""
    finish(axes)
    positive = lines[lines["flux"] > 0]
    for limit, marker, label in (
        (False, "o", "best flux and its error"),
        (True, "^", "lower limit: saturated or not linear in every exposure"),
    ):
        part = positive[(positive["limit"] == "lower") == limit]
        if len(part):
            axes.errorbar(
                part["wavelength"],
                part["flux"],
                None if limit else part["flux_err"],
                fmt=marker,
                ms=5,
                color=WINDOW if limit else LINE,
                capsize=3,
                lw=1,
                label=label,
            )
    span, last, above = np.ptp(axes.get_xlim()), -np.inf, False
    for row in positive.sort_values("wavelength").itertuples():
        # Close neighbours above and below in turn.
        above = not above or row.wavelength - last > 0.02 * span
        last = row.wavelength
        axes.annotate(
            str(row.line),
            (row.wavelength, row.flux),
            (0, 6 if above else -14),
            textcoords="offset points",
            ha="center",
            fontsize="small",
            color=QUIET,
        )
    if len(positive):
        axes.set_yscale("log")
        # Whole decades, so that at least two are labelled.
        low, high = np.log10([positive["flux"].min() / 1.2, positive["flux"].max() * 2])
        axes.set_ylim(10 ** np.floor(low), 10 ** np.ceil(high))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.legend(frameon=False, fontsize="small", loc="upper left", ncols=2)
    else:
        axes.text(
            0.5, 0.5, "no line with a flux above zero", transform=axes.transAxes, ha="center"
        )
        axes.set_yticks([])
    axes.set_ylabel("Flux (ADU/s/fibre)")
    axes.set_xlabel("Wavelength in air (Å)")


def draw_series(axes, lines, measurements, reasons, brightness, ratios):
    """Draw every line's deviation from its own mean, exposure by exposure."""
    flux = matrix(measurements, "net_flux").where(reasons == "")
    deviation = 100 * (flux / flux.mean() - 1)
    # Lines too faint to be told from noise would hide the others.
    repeated = [line for line in deviation if deviation[line].count() > 1]
    steady = [line for line in repeated if robust_scatter(deviation[line]) < 20] or repeated
    place = np.arange(1, len(flux) + 1)
    shades = [LINE, WINDOW, "#009e73", "#cc79a7", "#56b4e9"]
    for number, line in enumerate(steady):
        axes.plot(
            place,
            deviation[line],
            marker="os^Dv"[number // len(shades) % 5],
            ms=3.5,
            lw=0.8,
            color=shades[number % len(shades)],
            label=str(line),
        )
    common = 100 * (brightness / brightness.mean() - 1)
    axes.plot(place, common, color=QUIET, lw=3, alpha=0.4, zorder=0, label="lamp")
    finish(axes)
    axes.margins(x=0.02, y=0.1)
    axes.axhline(0, color=QUIET, lw=0.5)
    names = measurements.drop_duplicates("order").sort_values("order")["exposure"]
    # No more labels than fit beside each other.
    labels = [name.split("_", 3)[3].replace("_", "\n") for name in names]
    every = -(-len(place) // 12)
    axes.set_xticks(
        place[::every], labels[::every], fontsize="small" if len(place) <= 6 else "x-small"
    )
    axes.set_xlabel("Exposure, by time and number")
    axes.set_ylabel("Flux against line's mean (%)")
    axes.set_title("Stability", loc="left", fontsize="medium", color=LINE)
    axes.legend(
        frameon=False,
        fontsize="x-small",
        ncols=1 + len(steady) // 11,
        loc="upper left",
        bbox_to_anchor=(1.0, 1.05),
        title="line",
        title_fontsize="x-small",
        handlelength=1.2,
    )


def draw_linearity(axes, lines, measurements, reasons, brightness, ratios):
    """Draw each line's ratio to the shortest exposure time against its counts."""
    flux = lines.set_index("line")["flux"]
    for verdict, marker, colour in (
        ("linear", "o", LINE),
        ("nonlinear", "X", WINDOW),
        ("gains", "D", "#009e73"),
    ):
        part = ratios[ratios["verdict"] == verdict]
        bright = part["line"].map(flux).to_numpy(dtype=float)
        part, bright = part[bright > 0], bright[bright > 0]
        if len(part):
            axes.errorbar(
                bright,
                part["ratio"],
                part["error"],
                fmt=marker,
                ms=6,
                color=colour,
                capsize=2,
                lw=1,
                label={
                    "linear": "linear",
                    "nonlinear": "loses: excluded",
                    "gains": "gains",
                }[verdict],
            )
    numbered = ratios.assign(flux=ratios["line"].map(flux)).query("flux > 0")
    for side, row in enumerate(numbered.sort_values("flux").itertuples()):
        axes.annotate(
            str(row.line),
            (row.flux, row.ratio),
            # Neighbours above and below in turn.
            (5, -10 if side % 2 else 4),
            textcoords="offset points",
            fontsize="x-small",
            color=QUIET,
        )
    finish(axes)
    axes.axhline(1, color=QUIET, lw=0.5)
    axes.set_xscale("log")
    if numbered["flux"].max() < 30 * numbered["flux"].min():
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.margins(x=0.08, y=0.12)
    times = ", ".join(f"{time:g}" for time in np.unique(ratios["seconds"]))
    first = measurements["seconds"].min()
    axes.set_xlabel("Flux of the line (ADU/s/fibre)")
    axes.set_ylabel(f"Rate in {times} s over {first:g} s")
    axes.set_title(
        "Linearity, lamp's brightness divided out", loc="left", fontsize="medium", color=LINE
    )
    axes.legend(frameon=False, fontsize="small", loc="best")


def main(snakemake):
    """Read the flux tables of a lamp's exposures, summarise, write and draw."""
    brand, lamp, arm = snakemake.params.lamp["names"]
    exposures = snakemake.params.lamp["exposures"]
    measurements = join_tables([pd.read_csv(path) for path in snakemake.input.fluxes], exposures)
    with fits.open(snakemake.input.shown) as hdus:
        gain = hdus[0].header.get("GAIN", np.nan)
        simulated = hdus[0].header.get("SIMULATE", False)
        wavelength, counts = (
            hdus["SPECTRUM"].data[name].astype(float) for name in ("wavelength", "clean")
        )
    summary = summarise(measurements, snakemake.params.fibres, gain)
    lines = summary[0]
    for row in lines[lines["excluded"] > 0].itertuples():
        logging.info("line %d, %.1f Angstrom: %s", row.line, row.wavelength, row.excluded_why)
    table = lines.assign(brand=brand, lamp=lamp, arm=arm)[COLUMNS]
    with whole(snakemake.output.csv) as part:
        table.to_csv(part, index=False, float_format="%.8g", lineterminator="\n")
    number = "one exposure" if len(exposures) == 1 else f"{len(exposures)} exposures"
    title = f"{brand} {lamp}, {arm} arm: {number}; spectrum of {snakemake.params.lamp['shown']}"
    lines = lines.assign(simulated=simulated)
    save(
        draw(title, (wavelength, counts), lines, measurements, *summary[1:]), snakemake.output.png
    )


if __name__ == "__main__":
    run(main, snakemake)
