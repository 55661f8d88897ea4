"""The picture of the exposure plan."""

import numpy as np

from lampflux.pictures.style import LINE, QUIET, WINDOW, finish, titled_figure


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
