"""Pictures of a lamp over all its exposures."""

import numpy as np
from matplotlib.ticker import LogLocator, NullFormatter

from lampflux.lamps.linearity import matrix
from lampflux.pictures.style import LINE, QUIET, WINDOW, draw_spectrum, finish, titled_figure
from lampflux.statistics import robust_scatter


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
