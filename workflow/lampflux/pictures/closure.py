"""The picture of measured against injected fluxes and wavelengths."""

import numpy as np
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from lampflux.pictures.style import COLOUR, finish, label_powers, number_text, titled_figure

# The axis of deviations is linear up to this [per cent] and logarithmic beyond.
LINEAR_BELOW = 1
TICKS = [sign * step for sign in (-1, 1) for step in (0, 1, 3, 10, 30, 100, 300, 1000)]
# Place of the panels from left to right [fraction of the width].
PLACE = {"left": 0.09, "right": 0.985}
# The histogram of pulls extends to this on either side [sigma].
PULL_RANGE = 5.0
# Largest deviation expected of a bright, unsaturated line with a dark [per cent].
EXPECTED_DEVIATION = 2


def draw_deviations(axes, table, column, label):
    """Draw deviations of a measured from the injected flux against the injected flux."""
    axes.axhline(0, color=COLOUR.muted, lw=0.5)
    axes.axhspan(-EXPECTED_DEVIATION, EXPECTED_DEVIATION, color=COLOUR.muted, alpha=0.15, lw=0)
    for saturated, colour in ((False, COLOUR.data), (True, COLOUR.highlight)):
        for dark, fill in ((True, colour), (False, "none")):
            part = table[(table["saturated"] == saturated) & (table["dark"] == dark)]
            if part.empty:
                continue
            axes.scatter(
                part["injected_flux"],
                100 * (part[column] - 1),
                marker="s" if saturated else "o",
                s=22,
                facecolors=fill,
                edgecolors=colour,
                lw=1.0,
                alpha=0.7,
                label=f"{'saturated' if saturated else 'not saturated'}, "
                f"{'with' if dark else 'without'} dark ({len(part)})",
            )
    finish(axes)
    axes.set_xscale("log")
    axes.set_yscale("symlog", linthresh=LINEAR_BELOW, linscale=0.5)
    axes.margins(x=0.02, y=0.08)
    axes.yaxis.set_major_locator(FixedLocator(TICKS))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(
        FuncFormatter(lambda value, _: number_text(value, "+") if value else "0")
    )
    axes.set_ylabel(f"{label}\ndeviation (%)")


def draw(table):
    """Draw deviations against injected flux, pulls, and wavelength errors against column.

    ``table`` has a row for each window of each exposure.
    """
    figure = titled_figure("Measured against injected", simulated=True, height=10.0)
    if table.empty:
        figure.text(0.5, 0.5, "no exposure has line windows", ha="center")
        return figure
    above = figure.add_gridspec(2, **PLACE, top=0.935, bottom=0.35, hspace=0.08)
    plain, net = above.subplots(sharex=True, sharey=True)
    plain.xaxis.set_visible(False)
    draw_deviations(plain, table, "plain", "Plain sum (Flux),")
    draw_deviations(net, table, "net", "Net flux,")
    low, high = plain.get_ylim()
    plain.set_ylim(min(low, -2 * EXPECTED_DEVIATION), max(high, 2 * EXPECTED_DEVIATION))
    label_powers(net.xaxis)
    net.set_xlabel(f"Injected into the window (ADU/s/fibre); band: ±{EXPECTED_DEVIATION} %")
    plain.legend(frameon=False, fontsize="small", ncols=4, loc="lower left", bbox_to_anchor=(0, 1))

    below = figure.add_gridspec(1, 2, **PLACE, top=0.285, bottom=0.055, wspace=0.25)
    pulls, wavelengths = below.subplots()
    pull = table.loc[~table["saturated"], "pull"].dropna()
    edges = np.linspace(-PULL_RANGE, PULL_RANGE, 41)
    pulls.hist(pull.clip(-PULL_RANGE, PULL_RANGE), edges, color=COLOUR.data, alpha=0.8)
    normal = np.exp(-0.5 * edges**2) / np.sqrt(2 * np.pi) * pull.size * (edges[1] - edges[0])
    pulls.plot(edges, normal, color=COLOUR.highlight, lw=1.5, label="normal distribution")
    finish(pulls)
    pulls.set_xlabel("(Net flux − injected) / error, not saturated")
    pulls.set_ylabel("Windows")
    pulls.legend(frameon=False, fontsize="small", loc="upper left")

    wavelengths.axhline(0, color=COLOUR.muted, lw=0.5)
    for (arm, part), marker in zip(table.groupby("arm"), "ov^sDP"):
        wavelengths.plot(
            part["line_pixel"],
            part["difference"],
            marker,
            color=COLOUR.data,
            ms=4,
            label=f"{arm} arm",
            fillstyle="full" if marker == "o" else "none",
        )
    finish(wavelengths)
    wavelengths.margins(x=0.02)
    wavelengths.set_xlabel("Column of the line (pixel)")
    wavelengths.set_ylabel("Solution − true\nwavelength (Å)")
    wavelengths.legend(frameon=False, fontsize="small")
    return figure
