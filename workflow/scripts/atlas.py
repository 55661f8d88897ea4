"""Set the lines of all lamps side by side, and find the stretches where they leave gaps."""

import itertools
import logging

import numpy as np
import pandas as pd
from astropy.io import fits

from common.files import whole
from common.jobs import run
from common.pages import write_page
from common.plots import LINE, QUIET, WINDOW, finish, save, titled_figure

# Colours that the colour-blind tell apart (Okabe & Ito 2008, Color Universal Design), and markers.
COLOURS = ("#000000", "#e69f00", "#56b4e9", "#009e73", "#0072b2", "#d55e00", "#cc79a7", "#7f7f7f")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
# Pairs of lamps that the picture of the coverage shows for each arm; the table has all.
PAIRS_SHOWN = 5


def line_gaps(wavelengths, band):
    """Find the stretches of a band between lines, those to its ends included.

    Parameters
    ----------
    wavelengths : ndarray, shape (lines,)
        [Angstrom]; lines outside the band do not count.
    band : (float, float)
        First and last wavelength [Angstrom].

    Returns
    -------
    low, high : ndarray, shape (gaps,)
        Ends of each stretch [Angstrom].
    """
    inside = np.sort(wavelengths[(wavelengths >= band[0]) & (wavelengths <= band[1])])
    places = np.concatenate([[band[0]], inside, [band[1]]])
    return places[:-1], places[1:]


def arm_coverage(lines, band):
    """Find the longest gap of each lamp and each pair of lamps in one arm.

    Parameters
    ----------
    lines : DataFrame
        ``source`` (brand and lamp) and ``wavelength`` [Angstrom] of each line that counts; a lamp
        without any has a row with NaN.
    band : (float, float)
        First and last wavelength of the arm [Angstrom].

    Returns
    -------
    DataFrame
        ``lamps`` (1 or 2), ``first``, ``second``, ``lines``, the longest ``gap``, ``gap_from`` and
        ``gap_to`` [Angstrom], ``mean_gap`` [Angstrom], the gap about a wavelength of the band on
        average, and ``rank`` among the lamps or the pairs: shortest gap first, then mean gap.
    """
    places = {
        source: part["wavelength"].dropna().to_numpy() for source, part in lines.groupby("source")
    }
    rows = []
    for number in 1, 2:
        for sources in itertools.combinations(places, number):
            together = np.concatenate([places[source] for source in sources])
            low, high = line_gaps(together, band)
            gaps = high - low
            widest = np.argmax(gaps)
            rows.append(
                {
                    "lamps": number,
                    "first": sources[0],
                    "second": sources[1] if number == 2 else None,
                    "lines": len(gaps) - 1,
                    "gap": float(gaps[widest]),
                    "gap_from": float(low[widest]),
                    "gap_to": float(high[widest]),
                    "mean_gap": float(np.sum(gaps**2) / np.sum(gaps)),
                }
            )
    rows.sort(key=lambda row: (row["lamps"], row["gap"], row["mean_gap"]))
    table = pd.DataFrame(rows)
    table["rank"] = table.groupby("lamps").cumcount() + 1
    return table


def arm_bands(ends):
    """First and last wavelength of each arm, from its spectra.

    Parameters
    ----------
    ends : DataFrame
        ``arm``, ``method``, ``low`` and ``high`` [Angstrom] of a spectrum of each lamp and arm.

    Returns
    -------
    dict
        Arm to (low, high): the medians of those that are not nominal, of all where there is none.
    """
    bands = {}
    for arm, part in ends.groupby("arm"):
        solved = part[part["method"] != "nominal"]
        middle = (solved if len(solved) else part)[["low", "high"]].median()
        bands[arm] = float(middle["low"]), float(middle["high"])
    return bands


def source_styles(sources):
    """Give each lamp a colour and a marker, filled and open in turn: they lie over each other."""
    return {
        source: {
            "color": COLOURS[number % len(COLOURS)],
            "marker": MARKERS[number % len(MARKERS)],
            "mfc": "none" if number % 2 else COLOURS[number % len(COLOURS)],
        }
        for number, source in enumerate(sources)
    }


def draw_atlas(lines, bands, line_limit):
    """Draw flux against wavelength for the lines of every lamp, an arm in each panel.

    Parameters
    ----------
    lines : DataFrame
        All lines, with ``source``.
    bands : dict
        As `arm_bands` gives them.
    line_limit : float
        [ADU/s/fibre], shown.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = titled_figure(
        "Lines of all lamps", lines["simulated"].any(), height=1.2 + 4.2 * len(bands)
    )
    styles = source_styles(sorted(lines["source"].unique()))
    panels = figure.subplots(len(bands), squeeze=False)[:, 0]
    for axes, (arm, band) in zip(panels, bands.items()):
        part = lines[(lines["arm"] == arm) & (lines["flux"] > 0)]
        finish(axes)
        axes.set_yscale("log")
        low = min(part["flux"].min(), line_limit) / 2 if len(part) else line_limit / 10
        high = max(part["flux"].max(), line_limit) * 2 if len(part) else line_limit * 10
        axes.set_ylim(low, high)
        axes.axhline(line_limit, color=QUIET, lw=1, ls=":")
        for source, style in styles.items():
            of_lamp = part[part["source"] == source]
            axes.vlines(
                of_lamp["wavelength"],
                low,
                of_lamp["flux"],
                color=style["color"],
                lw=0.7,
                alpha=0.6,
            )
            axes.plot(
                of_lamp["wavelength"],
                of_lamp["flux"],
                ls="",
                ms=7,
                mew=1.4,
                label=source,
                **style,
            )
            limits = of_lamp[of_lamp["limit"] == "lower"]
            for row in limits.itertuples():
                axes.annotate(
                    "",
                    (row.wavelength, row.flux * 1.9),
                    (row.wavelength, row.flux),
                    arrowprops={"arrowstyle": "->", "color": style["color"]},
                )
        axes.set_xlim(*band)
        axes.set_ylabel("Flux (ADU/s/fibre)")
        note = f"{arm} arm"
        if (part["limit"] == "lower").any():
            note += "; arrows: lower limits (saturated)"
        axes.set_title(note, loc="left", fontsize="medium", color=LINE)
    panels[-1].set_xlabel(
        f"Wavelength in air (Å); dotted: lines above {line_limit:g} ADU/s/fibre count for coverage"
    )
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper", frameon=False, fontsize="small")
    return figure


def draw_coverage(lines, coverage, bands, line_limit):
    """Draw where each lamp and the best pairs of each arm have lines, and their longest gaps.

    Parameters
    ----------
    lines : DataFrame
        The lines that count, with ``source`` and ``arm``.
    coverage : DataFrame
        As `arm_coverage` gives it, with ``arm`` and ``simulated``.
    bands : dict
        As `arm_bands` gives them.
    line_limit : float
        [ADU/s/fibre]

    Returns
    -------
    matplotlib.figure.Figure
    """
    shown = {
        arm: coverage[
            (coverage["arm"] == arm)
            & ((coverage["lamps"] == 1) | (coverage["rank"] <= PAIRS_SHOWN))
        ]
        for arm in bands
    }
    heights = [0.9 + 0.27 * len(part) for part in shown.values()]
    figure = titled_figure(
        f"Coverage by lines above {line_limit:g} ADU/s/fibre",
        coverage["simulated"].any(),
        height=0.9 + sum(heights),
    )
    panels = figure.subplots(len(bands), squeeze=False, gridspec_kw={"height_ratios": heights})
    for axes, (arm, part) in zip(panels[:, 0], shown.items()):
        # Pairs stand below the lamps, the best of each first.
        part = part.sort_values(["lamps", "rank"])
        band = bands[arm]
        for level, row in enumerate(part.itertuples()):
            sources = [row.first] + ([row.second] if row.lamps == 2 else [])
            places = lines[(lines["arm"] == arm) & lines["source"].isin(sources)]["wavelength"]
            places = places[places.between(*band)]
            axes.barh(level, row.gap, left=row.gap_from, height=0.62, color=WINDOW, alpha=0.45)
            axes.vlines(places, level - 0.31, level + 0.31, color=LINE, lw=1.2)
            axes.annotate(
                f"{row.gap:.0f} Å",
                (1.005, level),
                xycoords=("axes fraction", "data"),
                va="center",
                fontsize="small",
                fontweight="bold" if row.rank == 1 else "normal",
                color=LINE,
            )
        finish(axes)
        axes.set_yticks(
            range(len(part)),
            [
                row.first + (f" + {row.second}" if row.lamps == 2 else "")
                for row in part.itertuples()
            ],
            fontsize="small",
        )
        single = int((part["lamps"] == 1).sum())
        if single < len(part):
            axes.axhline(single - 0.5, color=QUIET, lw=0.8)
        axes.set_ylim(len(part) - 0.4, -0.6)
        axes.set_xlim(*band)
        axes.set_title(
            f"{arm} arm: lamps, then the best pairs; shaded: longest stretch without a line",
            loc="left",
            fontsize="medium",
            color=LINE,
        )
    panels[-1, 0].set_xlabel("Wavelength in air (Å)")
    return figure


def main(snakemake):
    """Read the summaries of all lamps and the ends of their spectra, compare, write and draw."""
    tables = [pd.read_csv(path) for path in snakemake.input.lamps]
    names = pd.DataFrame(snakemake.params.lamps, columns=["brand", "lamp", "arm"])
    names["source"] = names["brand"] + " " + names["lamp"]
    ends = []
    for path, arm in zip(snakemake.input.shown, names["arm"]):
        with fits.open(path) as hdus:
            wavelength = hdus["SPECTRUM"].data["wavelength"]
            low, high = sorted((float(wavelength[0]), float(wavelength[-1])))
            method, simulated = hdus[0].header["WAVEMETH"], hdus[0].header.get("SIMULATE", False)
        ends.append(
            {"arm": arm, "method": method, "low": low, "high": high, "simulated": simulated}
        )
    ends = pd.DataFrame(ends)
    bands = arm_bands(ends)
    lines = pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True)
    simulated = bool(ends["simulated"].any())
    page = snakemake.input.page
    with whole(snakemake.output.lines) as part:
        lines.to_csv(part, index=False, float_format="%.8g", lineterminator="\n")
    write_page(lines, "Lines of all lamps", simulated, page, snakemake.output.lines_html)

    lines["source"] = lines["brand"] + " " + lines["lamp"]
    line_limit = snakemake.params.line_limit
    # A line whose wavelength is not known from the laboratory calibrates nothing.
    counted = lines[(lines["wavelength_from"] == "laboratory") & (lines["flux"] > line_limit)]
    parts = []
    for arm, band in bands.items():
        every = names.loc[names["arm"] == arm, ["source"]].merge(
            counted[counted["arm"] == arm][["source", "wavelength"]], how="left"
        )
        parts.append(arm_coverage(every, band).assign(arm=arm))
        best = parts[-1].query("rank == 1").iloc[-1]
        sources = " and ".join(best[["first", "second"]].dropna())
        logging.info("%s arm: %s leave at most %.0f Angstrom", arm, sources, best["gap"])
    coverage = pd.concat(parts, ignore_index=True)
    coverage["simulated"] = simulated
    with whole(snakemake.output.coverage) as part:
        coverage[COVERAGE_COLUMNS].to_csv(
            part, index=False, float_format="%.8g", lineterminator="\n"
        )
    title = f"Coverage by lines above {line_limit:g} ADU/s/fibre"
    write_page(coverage[COVERAGE_COLUMNS], title, simulated, page, snakemake.output.coverage_html)
    lines["simulated"] = simulated
    save(draw_atlas(lines, bands, line_limit), snakemake.output.atlas)
    save(draw_coverage(counted, coverage, bands, line_limit), snakemake.output.coverage_png)


COVERAGE_COLUMNS = [
    "arm",
    "lamps",
    "rank",
    "first",
    "second",
    "lines",
    "gap",
    "gap_from",
    "gap_to",
    "mean_gap",
    "simulated",
]


if __name__ == "__main__":
    run(main, snakemake)
