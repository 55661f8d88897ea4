"""Pictures of raw frames and their spectra."""

import numpy as np
from matplotlib.colors import AsinhNorm

from lampflux.pictures.style import COLOUR, draw_spectrum


def draw_frame(axes, image, shape, lit):
    """Draw a raw frame, stretched so that faint and bright lines both show.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    image : ndarray, shape (blocks of rows, blocks of columns)
        The frame, or the means of its blocks [ADU].
    shape : (int, int)
        Rows and columns of the frame.
    lit : ndarray of int
        Rows of the clean sum; their edges are marked unless they are all.
    """
    low, middle, high = np.nanpercentile(image, (1, 50, 99.9))
    spread = max(middle - low, 1.0)
    height, width = shape
    picture = axes.imshow(
        image,
        norm=AsinhNorm(linear_width=spread, vmin=low - spread, vmax=max(high, low + spread)),
        cmap="viridis",
        origin="lower",
        aspect="auto",
        interpolation="nearest",
        extent=(-0.5, width - 0.5, -0.5, height - 0.5),
    )
    if lit.size < height:
        ends = np.flatnonzero(np.diff(lit) > 1)
        for edge in [lit[0] - 0.5, *(lit[ends] + 0.5), *(lit[ends + 1] - 0.5), lit[-1] + 0.5]:
            axes.axhline(edge, color="white", lw=1, ls="--")
    axes.set_ylabel("Row (pixel)")
    axes.tick_params(colors=COLOUR.muted)
    beside = axes.inset_axes((1.01, 0, 0.015, 1))
    bar = axes.figure.colorbar(picture, cax=beside, label="Raw counts (ADU)")
    ticks = [float(f"{value:.2g}") for value in picture.norm.inverse(np.linspace(0.05, 0.95, 7))]
    bar.set_ticks(ticks, labels=[f"{tick:g}" for tick in ticks])
    bar.minorticks_off()


def draw_extraction(figure, frame, shape, lit, table):
    """Draw a raw frame above its plain and its clean spectrum.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    frame, shape, lit
        As in `draw_frame`.
    table : dict of str to ndarray, each shape (columns,)
        ``pixel``, the plain sum, ``flux``, and the ``clean`` one [ADU], and number of
        ``saturated`` pixels.
    """
    above, below = figure.subplots(
        2,
        sharex=True,
        gridspec_kw={
            "height_ratios": [3, 2],
            "left": 0.07,
            "right": 0.905,
            "top": 0.945,
            "bottom": 0.07,
            "hspace": 0.16,
        },
    )
    draw_frame(above, frame, shape, lit)
    columns = table["pixel"]
    below.plot(
        columns,
        table["flux"],
        color=COLOUR.plain_sum,
        lw=0.8,
        drawstyle="steps-mid",
        label="all rows",
    )
    draw_spectrum(below, columns, table["clean"], faint=True, label="lit rows, clean")
    clipped = table["saturated"] > 0
    if clipped.any():
        below.plot(
            columns[clipped],
            table["clean"][clipped],
            "v",
            color=COLOUR.highlight,
            ms=4,
            label="saturated",
        )
    below.legend(frameon=False, fontsize="small", ncols=3, loc="lower left", bbox_to_anchor=(0, 1))
    below.set_xlabel("Column (pixel)")
    below.set_ylabel("Sum along the slit (ADU)")
