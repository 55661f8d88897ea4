"""Plan exposures: how long each lamp needs, and how long it may have, in each arm."""

import itertools
import logging

import numpy as np
import pandas as pd

from common.files import whole
from common.jobs import run
from common.pages import write_page
from common.plots import LINE, QUIET, WINDOW, finish, save, titled_figure

# Part of the saturation limit that a peak may reach at most: the limit counts from zero, peaks
# from the bias.
HEADROOM = 0.9


def time_to_snr(rate, read, photons, snr):
    """Find the exposure time in which a line reaches a signal-to-noise ratio.

    Solves ``snr**2 = (rate t)**2 / (read + photons t)`` for the time *t* (Howell 2006, Handbook of
    CCD Astronomy, section 4.4).

    Parameters
    ----------
    rate : ndarray, shape (lines,)
        Net counts per second [ADU/s].
    read : ndarray, shape (lines,)
        Variance of the read-out [ADU**2].
    photons : ndarray, shape (lines,)
        Variance of the photons per second [ADU**2/s].
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
        Throughput times etendue of the instrument that is planned for, over that of the one that
        measured. Line, continuum and peak scale with it; read-out noise does not.

    Returns
    -------
    DataFrame
        ``time_peak`` and ``time_snr`` with their errors [s], ``repeats`` (exposures of `time_peak`
        that together reach `snr`).
    """
    peak_rate = lines["peak_rate"].where(lines["peak_rate"] > 0).to_numpy(dtype=float)
    rate, error = (lines[name].to_numpy(dtype=float) for name in ("flux", "flux_err"))
    # The variances are those of the sum over all fibres, which share it.
    read, photons = (
        lines[name].to_numpy(dtype=float) / fibres for name in ("read_variance", "photon_variance")
    )

    def needed(rate, factor):
        return time_to_snr(rate * factor, read, photons * factor, snr)

    time_peak = peak / (peak_rate * factor)
    time_snr = needed(rate, factor)
    # The factor's error is part of the factor and may be large: differences rather than a slope.
    by_factor = (needed(rate, factor - factor_error) - needed(rate, factor + factor_error)) / 2
    by_flux = (needed(rate - error, factor) - needed(rate + error, factor)) / 2
    signal = rate * factor * time_peak
    variance = read + photons * factor * time_peak
    with np.errstate(divide="ignore", invalid="ignore"):
        repeats = np.where(signal > 0, np.ceil(snr**2 * variance / signal**2 - 1e-9), np.nan)
    return pd.DataFrame(
        {
            "time_peak": time_peak,
            "time_peak_err": time_peak * factor_error / factor,
            "time_snr": time_snr,
            "time_snr_err": np.hypot(by_factor, np.nan_to_num(by_flux)),
            "repeats": repeats,
        },
        index=lines.index,
    )


def served(times, time):
    """Whether each line has what it needs in an exposure, and no more than it may have."""
    return (times["time_snr"] <= time) & (time <= times["time_peak"])


def choose_times(times):
    """Choose the exposure time, or the two, that serve most lines, and of these the shortest.

    Parameters
    ----------
    times : DataFrame
        ``time_peak`` and ``time_snr`` of each line [s].

    Returns
    -------
    single : float
        [s]. Where no line's noise is known, the longest without saturation; NaN where no line can
        be served.
    pair : (float, float)
        [s], the shorter first; NaN where no two times serve more lines than one.
    """
    none = (np.nan, np.nan)
    if times["time_snr"].isna().all():
        return float(times["time_peak"].min()), none
    # A line is served from the time it needs on, so the shortest best time is one of these.
    starts = times["time_snr"][times["time_snr"] <= times["time_peak"]].sort_values()
    if starts.empty:
        return np.nan, none
    serves = {time: served(times, time) for time in starts.unique()}
    single = max(serves, key=lambda time: (serves[time].sum(), -time))
    pairs = itertools.combinations(serves, 2)
    pair = max(
        pairs,
        key=lambda two: ((serves[two[0]] | serves[two[1]]).sum(), -sum(two)),
        default=None,
    )
    if pair is None or (serves[pair[0]] | serves[pair[1]]).sum() <= serves[single].sum():
        pair = none
    return float(single), (float(pair[0]), float(pair[1]))


def plan_lamp(lines, fibres, peak, snr, factor, factor_error):
    """Plan the exposures of one lamp in one arm.

    Parameters
    ----------
    lines, fibres, peak, snr, factor, factor_error
        As in `line_times`.

    Returns
    -------
    plan : dict
        Row of the exposure plan; docs/products.md explains the columns.
    planned : DataFrame
        Times of each line, and which of the plan's times serves it.
    """
    planned = line_times(lines, fibres, peak, snr, factor, factor_error)
    single, pair = choose_times(planned)
    in_single = served(planned, single)
    in_pair = served(planned, pair[0]) | served(planned, pair[1])
    brightest = planned["time_peak"].idxmin() if planned["time_peak"].notna().any() else None
    bright = planned.loc[brightest] if brightest is not None else {}
    plan = {
        "lines": len(lines),
        "time_peak": bright.get("time_peak", np.nan),
        "time_peak_err": bright.get("time_peak_err", np.nan),
        "time_peak_limit": "upper" if (lines["limit"] == "lower").any() else None,
        "single": single,
        "single_served": int(in_single.sum()),
        "single_peak": lines["peak_rate"][in_single].max() * factor * single,
        "pair_short": pair[0],
        "pair_long": pair[1],
        "pair_served": int(in_pair.sum()) if np.isfinite(pair[0]) else None,
        "unserved": int((~(in_single | in_pair)).sum()),
        "peak": peak,
        "snr": snr,
        "factor": factor,
        "factor_err": factor_error,
        "simulated": bool(lines["simulated"].any()),
    }
    names = {"single": single, "short": pair[0], "long": pair[1]}
    planned["served_by"] = [
        " ".join(name for name, time in names.items() if served(row, time))
        for _, row in planned.iterrows()
    ]
    return plan, planned


def draw(plans, planned, peak, snr):
    """Draw the time that each line needs and may have, and the times that are planned.

    Parameters
    ----------
    plans, planned : DataFrame
        The exposure plan and the times of every line.
    peak, snr : float
        Aims, as in `line_times`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = titled_figure(
        f"Exposure plan: S/N {snr:g} in one fibre, peaks up to {peak:,.0f} ADU above bias",
        plans["simulated"].any(),
        height=1.8 + 0.075 * len(planned) + 0.26 * len(plans),
    )
    axes = figure.subplots()
    finish(axes)
    axes.set_xscale("log")
    top, places, names, bands = 0.0, [], [], []
    styles = {
        "served": {"color": LINE, "lw": 1.8, "alpha": 0.75},
        "not served": {"color": "#d55e00", "lw": 1.0, "ls": (0, (2, 1.5))},
    }
    seen = set()
    for plan in plans.itertuples():
        mine = planned["brand"].eq(plan.brand) & planned["lamp"].eq(plan.lamp)
        mine &= planned["arm"].eq(plan.arm)
        lines = planned[mine & planned["time_peak"].notna()].sort_values("time_peak")
        height = max(len(lines), 3)
        for level, line in enumerate(lines.itertuples()):
            y = top + level + 0.5
            kind = "served" if line.served_by else "not served"
            ends = line.time_snr, line.time_peak
            if np.isfinite(line.time_snr):
                axes.plot(
                    ends, (y, y), **styles[kind], label=None if kind in seen else LABELS[kind]
                )
                seen.add(kind)
            axes.plot(line.time_peak, y, "|", ms=4, color=QUIET)
        for time, style in (
            (plan.single, "-"),
            (plan.pair_short, "--"),
            (plan.pair_long, "--"),
        ):
            if np.isfinite(time):
                axes.plot((time, time), (top, top + height), style, color=WINDOW, lw=1.6)
        bands.append((top, top + height))
        places.append(top + height / 2)
        scale = "" if plan.factor == 1 else f" × {plan.factor:g}"
        names.append(f"{plan.brand} {plan.lamp}, {plan.arm}{scale}\n{plan_text(plan)}")
        top += height + 2.6
    for style, label in (("-", "best single time"), ("--", "best pair")):
        axes.plot([], [], style, color=WINDOW, lw=1.6, label=label)
    axes.plot([], [], "|", ms=6, color=QUIET, label="line's peak at its aim")
    for low, high in bands:
        axes.axhspan(low - 0.6, high + 0.6, color=QUIET, alpha=0.07, lw=0)
    axes.set_yticks(places, names, fontsize="small")
    axes.set_ylim(top - 1.5, -1.2)
    axes.margins(x=0.03)
    axes.autoscale_view(scaley=False)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_xlabel("Exposure time (s)")
    figure.legend(loc="outside lower center", ncols=5, frameon=False, fontsize="small")
    return figure


LABELS = {
    "served": "time needed to time allowed",
    "not served": "not served",
}


def plan_text(plan):
    """Say a plan in a few words: '12 s: 5 of 7 lines; 4 s + 60 s: 7'."""
    if not np.isfinite(plan.single):
        return "no time serves a line"
    if plan.single_served == 0:
        return f"{digits(plan.single)} s, noise not known"
    text = f"{digits(plan.single)} s: {plan.single_served} of {plan.lines} lines"
    if np.isfinite(plan.pair_short):
        pair = f"{digits(plan.pair_short)} + {digits(plan.pair_long)}"
        text += f"\n{pair} s: {plan.pair_served:.0f} of {plan.lines}"
    return text


def digits(time):
    """Write a time with three digits, or all before the point, and no exponent."""
    return f"{time:.0f}" if time >= 100 else f"{time:.3g}"


def main(snakemake):
    """Read the summaries of all lamps, plan, write and draw."""
    settings = snakemake.params
    plans, parts = [], []
    for path, (brand, lamp, arm) in zip(snakemake.input.lamps, settings.lamps):
        lines = pd.read_csv(path)
        scale = settings.scale.get(arm, {"factor": 1.0, "error": 0.0})
        peak = min(settings.peak, HEADROOM * settings.saturation[arm])
        aims = settings.fibres, peak, settings.snr, scale["factor"], scale["error"]
        plan, planned = plan_lamp(lines, *aims)
        identity = {"brand": brand, "lamp": lamp, "arm": arm}
        plans.append(identity | plan)
        logging.info("%s %s %s: single %.4g s", brand, lamp, arm, plan["single"])
        parts.append(
            lines[["line", "ion", "wavelength", "limit"]].join(planned).assign(**identity)
        )
    plans = pd.DataFrame(plans)
    planned = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    for table, columns, path in (
        (plans, PLAN_COLUMNS, snakemake.output.plan),
        (planned, PLANNED_COLUMNS, snakemake.output.lines),
    ):
        with whole(path) as part:
            table[columns].to_csv(part, index=False, float_format="%.6g", lineterminator="\n")
    write_page(
        plans[PLAN_COLUMNS],
        "Exposure plan",
        plans["simulated"].any(),
        snakemake.input.page,
        snakemake.output.html,
    )
    save(draw(plans, planned, settings.peak, settings.snr), snakemake.output.png)


PLAN_COLUMNS = [
    "brand",
    "lamp",
    "arm",
    "lines",
    "time_peak",
    "time_peak_err",
    "time_peak_limit",
    "single",
    "single_served",
    "single_peak",
    "pair_short",
    "pair_long",
    "pair_served",
    "unserved",
    "peak",
    "snr",
    "factor",
    "factor_err",
    "simulated",
]
PLANNED_COLUMNS = [
    "brand",
    "lamp",
    "arm",
    "line",
    "ion",
    "wavelength",
    "limit",
    "time_peak",
    "time_peak_err",
    "time_snr",
    "time_snr_err",
    "repeats",
    "served_by",
]


if __name__ == "__main__":
    run(main, snakemake)
