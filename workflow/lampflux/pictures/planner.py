"""The picture of the exposure plan."""

import numpy as np

from lampflux.pictures.style import COLOUR, LETTER, finish, number_text, titled_figure

# Styles of the bar from the time needed to the time allowed.
BAR_STYLES = {
    "served": {"color": COLOUR.data, "lw": 1.8, "alpha": 0.75},
    "not served": {"color": COLOUR.saturated, "lw": 1.0, "ls": (0, (2, 1.5))},
}
# Largest height of a lamp's lines, in rows of one line with its name, and the height of such a row
# [inch].
ROWS_SHOWN = 20
ROW_HEIGHT = 0.095
BAR_LABELS = {"served": "time needed to time allowed", "not served": "not served"}


def draw_plan(plans, planned, peak, snr):
    """Draw the time that each line needs, the time it may have, and the planned times.

    ``plans`` and ``planned`` are the exposure plan and the times of every line; ``peak`` and
    ``snr`` are the aims: highest pixel [ADU above bias] and signal-to-noise ratio.
    """
    # Many lines are drawn closer together than a few.
    names = ["brand", "lamp", "arm"]
    numbers = planned[planned["time_peak"].notna()].groupby(names).size()
    heights = [
        min(max(numbers.get(tuple(row), 0), 3), ROWS_SHOWN)
        for row in plans[names].itertuples(index=False)
    ]
    labels = [
        f"{row.brand} {row.lamp}, {row.arm}{'' if row.factor == 1 else f' × {row.factor:g}'}\n"
        + plan_text(row)
        for row in plans.itertuples()
    ]
    longest = max(len(line) for label in labels for line in label.splitlines())
    figure = titled_figure(
        f"Exposure plan: S/N {snr:g} in one fibre, peaks up to {peak:,.0f} ADU above bias",
        plans["simulated"].any(),
        height=1.4 + ROW_HEIGHT * (sum(heights) + 2.6 * len(plans)),
        room=(0.2 + LETTER * longest, 0.65, 0.9, 0.5),
    )
    axes = figure.subplots()
    finish(axes)
    axes.set_xscale("log")
    top, places = 0.0, []
    for row, height in zip(plans.itertuples(), heights):
        own = planned["brand"].eq(row.brand) & planned["lamp"].eq(row.lamp)
        own &= planned["arm"].eq(row.arm) & planned["time_peak"].notna()
        lines = planned[own].sort_values("time_peak")
        draw_lamp_plan(axes, row, lines, top, height)
        places.append(top + height / 2)
        top += height + 2.6
    # The first bar of each kind gets an entry in the legend.
    for kind in dict.fromkeys(each.get_gid() for each in axes.lines if each.get_gid()):
        next(each for each in axes.lines if each.get_gid() == kind).set_label(BAR_LABELS[kind])
    for style, label in (("-", "best single time"), ("--", "best pair")):
        axes.plot([], [], style, color=COLOUR.highlight, lw=1.6, label=label)
    axes.plot([], [], "|", ms=6, color=COLOUR.muted, label="line's peak at its aim")
    axes.set_yticks(places, labels, fontsize="small")
    axes.set_ylim(top - 1.5, -1.2)
    axes.margins(x=0.03)
    axes.autoscale_view(scaley=False)
    axes.xaxis.set_major_formatter(lambda value, _: number_text(value))
    axes.set_xlabel("Exposure time (s)")
    figure.legend(loc="lower center", ncols=5, frameon=False, fontsize="small")
    return figure


def draw_lamp_plan(axes, summary, lines, top, height):
    """Draw one lamp's lines and planned times from ``top`` downwards."""
    axes.axhspan(top - 0.6, top + height + 0.6, color=COLOUR.muted, alpha=0.12, lw=0)
    step = height / max(len(lines), height)
    places = top + (np.arange(len(lines)) + 0.5) * step
    known, served = np.isfinite(lines["time_snr"]), lines["served_by"] != ""
    for kind, shown in (("served", known & served), ("not served", known & ~served)):
        # All bars are one artist, with a gap after each.
        bars = lines.loc[shown, ["time_snr", "time_peak"]].assign(gap=np.nan)
        if len(bars):
            axes.plot(np.ravel(bars), places[shown].repeat(3), **BAR_STYLES[kind], gid=kind)
    axes.plot(lines["time_peak"], places, "|", ms=4, color=COLOUR.muted)
    name_lines(axes, lines, places)
    planned = ((summary.single, "-"), (summary.pair_short, "--"), (summary.pair_long, "--"))
    for time, style in planned:
        if np.isfinite(time):
            axes.plot((time, time), (top, top + height), style, color=COLOUR.highlight, lw=1.6)


def name_lines(axes, lines, places):
    """Name lines to the right: first those not served, then as many as there is room for."""
    named = []
    rows = zip(places, lines.itertuples())
    for place, line in sorted(rows, key=lambda row: row[1].served_by != ""):
        if any(abs(place - other) < 0.99 for other in named):
            continue
        named.append(place)
        ion = f"{line.ion} " if isinstance(line.ion, str) else ""
        axes.text(
            1.005,
            place,
            f"{ion}{line.wavelength:.1f}",
            transform=axes.get_yaxis_transform(),
            va="center",
            fontsize="xx-small",
            color=COLOUR.muted if line.served_by else COLOUR.saturated,
        )


def plan_text(summary):
    """Describe a plan: '12 s: 5 of 7 lines', and on a second line '4 + 60 s: 7 of 7'."""
    if not np.isfinite(summary.single):
        return "no time serves a line"
    if summary.single_served == 0:
        return f"{digits(summary.single)} s, noise not known"
    text = f"{digits(summary.single)} s: {summary.single_served} of {summary.lines} lines"
    if np.isfinite(summary.pair_short):
        pair = f"{digits(summary.pair_short)} + {digits(summary.pair_long)}"
        text += f"\n{pair} s: {summary.pair_served:.0f} of {summary.lines}"
    return text


def digits(time):
    """Write a time with three digits, or all digits before the point, without an exponent."""
    return f"{time:.0f}" if time >= 100 else f"{time:.3g}"
