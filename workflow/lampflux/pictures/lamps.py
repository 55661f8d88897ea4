"""Pictures of a lamp over all its exposures."""

import numpy as np
from matplotlib.ticker import LogLocator, NullFormatter, NullLocator

from lampflux.pictures.style import (
    COLOUR,
    finish,
    label_powers,
    number_text,
    round_ticks,
    titled_figure,
)

# Colours of the lines of a lamp in turn (Okabe & Ito 2008, Color Universal Design), and markers.
LINE_COLOURS = (COLOUR.data, COLOUR.highlight, "#009e73", "#cc79a7", "#56b4e9")
LINE_MARKERS = "os^Dv"
# Lines that scatter more than this about the lamp would hide the steadiness of the others [%].
SCATTER_SHOWN = 20
# Most lines whose steadiness is shown.
LINES_SHOWN = 12
# Left and right end of the panels [fraction of the width], and room above for title and labels
# [inch].
LEFT, RIGHT, LABELS = 0.072, 0.99, 1.45
# Most exposures whose names fit below a panel.
NAMES_SHOWN = 12
# Marker, colour and label of each verdict on linearity.
VERDICT_STYLES = {
    "linear": ("o", COLOUR.data, "linear"),
    "nonlinear": ("X", COLOUR.highlight, "losing light, left out"),
    "gains": ("D", "#009e73", "gaining"),
}


def draw_lamp(title, simulated, spectrum, summary, measurements):
    """Draw a lamp: spectrum, fluxes and, with more than one exposure, their steadiness.

    Parameters
    ----------
    title : str
    simulated : bool
        Whether the frames are simulated; the title then says so.
    spectrum : (ndarray, ndarray)
        Wavelengths [Angstrom] and counts [ADU] of the exposure that is shown.
    summary : lampflux.lamps.summary.LampSummary
    measurements : DataFrame
        The measurements that the summary is made from.
    """
    wavelength, counts = spectrum
    series = summary.series
    steadiness = (series.reasons == "").sum().max() > 1
    linearity = len(series.ratios) > 0
    more = steadiness or linearity
    height = 10.5 if more else 7.5
    figure = titled_figure(title, simulated, height)
    bottom, top = (4.0 if more else 0.55) / height, 1 - LABELS / height
    grid = figure.add_gridspec(2, left=LEFT, right=RIGHT, bottom=bottom, top=top, hspace=0.08)
    above, middle = grid.subplots(sharex=True)
    above.xaxis.set_visible(False)
    draw_spectrum(above, wavelength, counts)
    above.set_ylabel("Sum of lit rows (ADU)")
    label_lines(above, summary.lines[summary.lines["measured"] == "window"])
    draw_fluxes(middle, summary.lines)
    place = {"bottom": 0.65 / height, "top": 3.15 / height}
    if steadiness:
        # Its legend is to its right.
        place |= {"left": LEFT, "right": 0.44 if linearity else 0.88}
        draw_stability(figure.add_gridspec(1, **place).subplots(), measurements, summary)
    if linearity:
        place |= {"left": 0.61 if steadiness else LEFT, "right": RIGHT}
        shortest = measurements["seconds"].min()
        axes = figure.add_gridspec(1, **place).subplots()
        draw_linearity(axes, summary.lines, shortest, series.ratios)
    return figure


def draw_spectrum(axes, wavelength, counts):
    """Draw a spectrum as steps, stretched so that faint lines show: asinh, linear near zero."""
    axes.axhline(0, color=COLOUR.muted, lw=0.5)
    axes.plot(wavelength, counts, color=COLOUR.data, lw=0.8, drawstyle="steps-mid")
    finish(axes)
    knee = max(np.nanpercentile(np.abs(counts), 75), 1.0)
    axes.set_yscale("asinh", linear_width=knee)
    axes.set_yticks(round_ticks(knee, max(np.nanmax(counts), knee)))
    axes.yaxis.set_major_formatter(lambda value, _: number_text(value))
    axes.yaxis.set_minor_locator(NullLocator())


def label_lines(axes, lines):
    """Write number and name of each line above a spectrum, without overlaps."""
    low, high = sorted(axes.get_xlim())
    apart = 0.0175 * (high - low)
    lines = lines[lines["wavelength"].between(low, high)].sort_values("wavelength")
    places = lines["wavelength"].to_numpy(copy=True)
    # Labels are pushed apart until none is closer to the next than its height.
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
            color=COLOUR.data,
            arrowprops={
                "arrowstyle": "-",
                "color": COLOUR.highlight,
                "lw": 0.8,
                "shrinkA": 0,
                "shrinkB": 0,
                "relpos": (0.5, 0),
            },
        )


def draw_fluxes(axes, lines):
    """Draw each line's best flux with its error against wavelength."""
    finish(axes)
    axes.set_ylabel("Flux (ADU/s/fibre)")
    axes.set_xlabel("Wavelength in air (Å)")
    positive = lines[lines["flux"] > 0]
    if positive.empty:
        note = "no line with a flux above zero"
        axes.text(0.5, 0.5, note, transform=axes.transAxes, ha="center")
        axes.set_yticks([])
        return
    window, limit = positive["measured"] == "window", positive["limit"] == "lower"
    for chosen, marker, size, colour, label in (
        (~window & ~limit, "o", 2.5, COLOUR.muted, "other identified lines"),
        (window & ~limit, "o", 5, COLOUR.data, "lines with windows, and their errors"),
        (
            limit,
            "^",
            5,
            COLOUR.highlight,
            "lower limits: saturated or not linear throughout",
        ),
    ):
        part = positive[chosen]
        if len(part):
            error = part["flux_err"].where(part["limit"] != "lower", 0.0)
            style = {"fmt": marker, "ms": size, "color": colour, "capsize": 0.6 * size, "lw": 1}
            text = f"{len(part)} {label}"
            axes.errorbar(part["wavelength"], part["flux"], error, label=text, **style)
    number_lines(axes, positive[window])
    axes.set_yscale("log")
    # Whole decades, so that at least two are labelled, with room for the legend.
    low, high = np.log10([positive["flux"].min() / 1.2, positive["flux"].max() * 5])
    axes.set_ylim(10 ** np.floor(low), 10 ** np.ceil(high))
    label_powers(axes.yaxis)
    axes.legend(frameon=False, fontsize="small", loc="upper left", ncols=3)


def number_lines(axes, lines):
    """Write each line's number beside its flux, alternately above and below for neighbours."""
    span, last, above = np.ptp(axes.get_xlim()), -np.inf, False
    for row in lines.sort_values("wavelength").itertuples():
        above = not above or row.wavelength - last > 0.02 * span
        last = row.wavelength
        axes.annotate(
            str(row.line),
            (row.wavelength, row.flux),
            (0, 6 if above else -14),
            textcoords="offset points",
            ha="center",
            fontsize="small",
            color=COLOUR.muted,
        )


def draw_stability(axes, measurements, summary):
    """Draw the deviation of some lines from their means, exposure by exposure."""
    series = summary.series
    flux = measurements.pivot(index="order", columns="line", values="flux")
    flux = flux.where(series.reasons == "")
    # Lines with windows first, then the brightest.
    lines = summary.lines.sort_values(["measured", "flux"], ascending=False)
    flux = flux[[line for line in lines["line"] if flux[line].count() > 1][:LINES_SHOWN]]
    deviation = 100 * (flux / flux.mean() - 1)
    even = flux.div(series.scale, axis=0)
    scatter = 100 * (even / even.mean()).std()
    steady = [line for line in deviation if not scatter[line] > SCATTER_SHOWN]
    wavelength = summary.lines.set_index("line")["wavelength"]
    place = np.arange(1, len(flux) + 1)
    for number, line in enumerate(steady):
        turn, colour = divmod(number, len(LINE_COLOURS))
        marker = LINE_MARKERS[turn % len(LINE_MARKERS)]
        style = {"marker": marker, "ms": 3.5, "lw": 0.8, "color": LINE_COLOURS[colour]}
        axes.plot(place, deviation[line], label=f"{wavelength[line]:.1f} Å", **style)
    common = 100 * (series.brightness - 1)
    axes.plot(place, common, color=COLOUR.muted, lw=3, alpha=0.4, zorder=0, label="lamp")
    if series.outlying.any():
        out = place[series.outlying], common[series.outlying]
        axes.plot(*out, "x", color=COLOUR.saturated, label="left out")
    finish(axes)
    axes.margins(x=0.02, y=0.1)
    axes.axhline(0, color=COLOUR.muted, lw=0.5)
    names = measurements.drop_duplicates("order").sort_values("order")["exposure"]
    labels = [name.split("_", 3)[3].replace("_", "\n") for name in names]
    every = -(-len(place) // NAMES_SHOWN)
    size = "small" if len(place) <= 6 else "x-small"
    axes.set_xticks(place[::every], labels[::every], fontsize=size)
    axes.set_xlabel("Exposure, by time and number")
    axes.set_ylabel("Flux against line's mean (%)")
    axes.set_title("Stability", loc="left", fontsize="medium", color=COLOUR.data)
    axes.legend(
        frameon=False,
        fontsize="x-small",
        loc="upper left",
        bbox_to_anchor=(1.0, 1.06),
        handlelength=1.2,
    )


def draw_linearity(axes, lines, shortest, ratios):
    """Draw each line's ratio to the shortest exposure time [s] against its flux [ADU/s/fibre]."""
    flux = lines.set_index("line")["flux"]
    shown = ratios.assign(flux=ratios["line"].map(flux)).query("flux > 0").sort_values("flux")
    for verdict, (marker, colour, label) in VERDICT_STYLES.items():
        part = shown[shown["verdict"] == verdict]
        if len(part):
            style = {"fmt": marker, "ms": 4, "color": colour, "capsize": 2, "lw": 1}
            text = f"{len(part)} {label}"
            axes.errorbar(part["flux"], part["ratio"], part["error"], label=text, **style)
    windows = lines.loc[lines["measured"] == "window", "line"]
    for side, row in enumerate(shown[shown["line"].isin(windows)].itertuples()):
        axes.annotate(
            str(row.line),
            (row.flux, row.ratio),
            # Alternately above and below.
            (5, -10 if side % 2 else 4),
            textcoords="offset points",
            fontsize="x-small",
            color=COLOUR.muted,
        )
    finish(axes)
    axes.axhline(1, color=COLOUR.muted, lw=0.5)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda value, _: number_text(value))
    if shown["flux"].max() < 30 * shown["flux"].min():
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.margins(x=0.08, y=0.12)
    times = ", ".join(f"{time:g}" for time in np.unique(ratios["seconds"]))
    axes.set_xlabel("Flux of the line (ADU/s/fibre)")
    axes.set_ylabel(f"Rate in {times} s over {shortest:g} s")
    title = "Linearity, lamp's brightness divided out"
    axes.set_title(title, loc="left", fontsize="medium", color=COLOUR.data)
    axes.legend(frameon=False, fontsize="small", loc="best")
