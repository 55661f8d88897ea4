"""Pictures of the lines of all lamps and their gaps."""

import numpy as np

from lampflux.pictures.style import COLOUR, LETTER, finish, label_powers, titled_figure

# Colours of the lamps, distinct for the colour-blind as well (Okabe & Ito 2008, Color Universal
# Design), and markers.
LAMP_COLOURS = (
    "#000000",
    "#e69f00",
    "#56b4e9",
    "#009e73",
    "#0072b2",
    "#d55e00",
    "#cc79a7",
    "#4d4d4d",
)
# Sizes of the first and the last lamp's markers [point].
LARGEST_MARKER, SMALLEST_MARKER = 9.0, 5.5
LAMP_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
# Pairs of lamps that the picture of the coverage shows for each arm; the table has all.
PAIRS_SHOWN = 5


def source_styles(sources):
    """Give each lamp a colour and a marker.

    Later markers are smaller and have white edges, so that all markers of a shared line show.
    """
    sizes = np.linspace(LARGEST_MARKER, SMALLEST_MARKER, len(sources))
    return {
        source: {
            "color": LAMP_COLOURS[number % len(LAMP_COLOURS)],
            "marker": LAMP_MARKERS[number % len(LAMP_MARKERS)],
            "ms": size,
            "mec": "white",
            "mew": 0.5,
        }
        for number, (source, size) in enumerate(zip(sources, sizes))
    }


def draw_atlas(lines, bands, line_limit):
    """Draw flux against wavelength for the lines of all lamps, one panel per arm.

    ``lines`` are all lines, with ``source``; ``bands`` are from
    `lampflux.lamps.coverage.arm_bands`; lines above ``line_limit`` count [ADU/s/fibre].
    """
    figure = titled_figure(
        "Lines of all lamps",
        lines["simulated"].any(),
        height=1.8 + 4.1 * len(bands),
        room=(0.75, 0.15, 1.15, 0.65),
    )
    styles = source_styles(sorted(lines["source"].unique()))
    panels = figure.subplots(len(bands), squeeze=False, gridspec_kw={"hspace": 0.18})[:, 0]
    for axes, (arm, band) in zip(panels, bands.items()):
        part = lines[(lines["arm"] == arm) & (lines["flux"] > 0)]
        draw_arm_atlas(axes, part, styles, line_limit)
        axes.set_xlim(*band)
        note = f"{arm} arm: {len(part)} lines, {(part['flux'] > line_limit).sum()} above the limit"
        if (part["limit"] == "lower").any():
            note += "; arrows: lower limits (saturated)"
        axes.set_title(note, loc="left", y=1.0, fontsize="medium", color=COLOUR.data)
    panels[-1].set_xlabel(
        f"Wavelength in air (Å); dotted: lines above {line_limit:g} ADU/s/fibre count for coverage"
    )
    handles, labels = panels[0].get_legend_handles_labels()
    place = {"loc": "lower center", "ncols": 6, "frameon": False, "fontsize": "small"}
    figure.legend(handles, labels, **place)
    return figure


def draw_arm_atlas(axes, lines, styles, line_limit):
    """Draw flux against wavelength for one arm's lines, each lamp in its style."""
    finish(axes)
    axes.set_yscale("log")
    low = min(lines["flux"].min(), line_limit) / 2 if len(lines) else line_limit / 10
    high = max(lines["flux"].max(), line_limit) * 2 if len(lines) else line_limit * 10
    axes.set_ylim(low, high)
    label_powers(axes.yaxis)
    axes.axhline(line_limit, color=COLOUR.muted, lw=1, ls=":")
    for source, style in styles.items():
        own = lines[lines["source"] == source]
        stems = {"color": style["color"], "lw": 0.7, "alpha": 0.6, "zorder": 1}
        axes.vlines(own["wavelength"], low, own["flux"], **stems)
        axes.plot(own["wavelength"], own["flux"], ls="", label=source, **style)
        for row in own[own["limit"] == "lower"].itertuples():
            arrow = {"arrowstyle": "->", "color": style["color"]}
            ends = (row.wavelength, row.flux * 1.9), (row.wavelength, row.flux)
            axes.annotate("", *ends, arrowprops=arrow)
    axes.set_ylabel("Flux (ADU/s/fibre)")


def draw_coverage(lines, coverage, bands, line_limit):
    """Draw the lines and longest gaps of each lamp and of the best pairs in each arm.

    ``lines`` are those that count, with ``source`` and ``arm``; ``coverage`` is from
    `lampflux.lamps.coverage.lamp_coverage`, with ``simulated``.
    """
    shown = {
        arm: coverage[
            (coverage["arm"] == arm)
            & ((coverage["number"] == 1) | (coverage["rank"] <= PAIRS_SHOWN))
        ]
        for arm in bands
    }
    heights = [0.9 + 0.27 * len(part) for part in shown.values()]
    names = [name for part in shown.values() for name in coverage_names(part)]
    figure = titled_figure(
        f"Coverage by lines above {line_limit:g} ADU/s/fibre",
        coverage["simulated"].any(),
        height=1.25 + sum(heights),
        room=(0.2 + LETTER * max(map(len, names), default=0), 0.55, 0.6, 0.65),
    )
    spaced = {"height_ratios": heights, "hspace": 0.3}
    panels = figure.subplots(len(bands), squeeze=False, gridspec_kw=spaced)
    for axes, (arm, part) in zip(panels[:, 0], shown.items()):
        # Lamps first, then pairs, each by rank.
        part = part.sort_values(["number", "rank"])
        draw_arm_coverage(axes, lines[lines["arm"] == arm], part, bands[arm])
        title = f"{arm} arm: lamps, then the best pairs, first lamp above second"
        axes.set_title(title, loc="left", y=1.0, fontsize="medium", color=COLOUR.data)
    panels[-1, 0].set_xlabel("Wavelength in air (Å); shaded: longest stretch without a line")
    return figure


def lamps_of(row):
    """Lamp, or pair of lamps, of a row of the coverage."""
    return [row.first, row.second] if row.number == 2 else [row.first]


def coverage_names(coverage):
    """Name the lamps and pairs of a coverage, with the number of their lines."""
    return [
        f"{' + '.join(lamps_of(row))}: {row.lines} line{'' if row.lines == 1 else 's'}"
        for row in coverage.itertuples()
    ]


def draw_arm_coverage(axes, lines, coverage, band):
    """Draw lines and longest gap of one arm's lamps and pairs, one per row."""
    names = coverage_names(coverage)
    for level, row in enumerate(coverage.itertuples()):
        sources = lamps_of(row)
        axes.barh(
            level, row.gap, left=row.gap_from, height=0.62, color=COLOUR.highlight, alpha=0.45
        )
        # The lines of a pair's two lamps are drawn one above the other.
        edges = np.linspace(level - 0.31, level + 0.31, len(sources) + 1)
        for source, top, bottom in zip(sources, edges, edges[1:]):
            places = lines["wavelength"][lines["source"] == source]
            style = {"color": COLOUR.data, "lw": 1.2}
            axes.vlines(places[places.between(*band)], top, bottom, **style)
        axes.annotate(
            f"{row.gap:.0f} Å",
            (1.005, level),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize="small",
            fontweight="bold" if row.rank == 1 else "normal",
            color=COLOUR.data,
        )
    finish(axes)
    axes.set_yticks(range(len(names)), names, fontsize="small")
    single = int((coverage["number"] == 1).sum())
    if single < len(names):
        axes.axhline(single - 0.5, color=COLOUR.muted, lw=0.8)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlim(*band)
