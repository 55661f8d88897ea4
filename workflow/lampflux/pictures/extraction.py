"""Pictures of raw frames and their spectra."""

import numpy as np
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import AsinhNorm

from lampflux.pictures.style import COLOUR, draw_spectrum, number_text, round_ticks
from lampflux.statistics import SIGMA_PER_MAD

# The stretch is linear up to this many times the noise, which neighbours along a column show.
KNEE = 6.0
# It starts where this percentage of the pixels is darker: about the bias.
DARKEST = 5
# Few colours, so that noise takes little of the file; no two become one in its palette.
COLOURS = colormaps["viridis"].resampled(18)
# Of the lit rows this percentage is not brighter than the top of the stretch.
BRIGHTEST = 99.9


def draw_frame(axes, image, shape, lit):
    """Draw a raw frame, stretched so that fibres, faint lines and bright lines all show.

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
    height, width = shape
    image = np.asarray(image, np.float32)
    level = np.nanpercentile(image, DARKEST)
    above = image - level
    noise = SIGMA_PER_MAD * np.nanmedian(np.abs(np.diff(above, axis=0))) / np.sqrt(2)
    knee = max(1.0, KNEE * noise)
    lit_blocks = above[np.unique(lit * len(image) // height)]
    high = max(np.nanpercentile(lit_blocks, BRIGHTEST), knee)
    shades = ScalarMappable(AsinhNorm(linear_width=knee, vmin=0.0, vmax=high), COLOURS)
    # Colours are drawn twice as fast as counts.
    axes.imshow(
        shades.to_rgba(above, bytes=True),
        origin="lower",
        aspect="auto",
        interpolation="nearest",
        extent=(-0.5, width - 0.5, -0.5, height - 0.5),
    )
    if lit.size < height:
        ends = np.flatnonzero(np.diff(lit) > 1)
        for edge in [lit[0] - 0.5, *(lit[ends] + 0.5), *(lit[ends + 1] - 0.5), lit[-1] + 0.5]:
            axes.axhline(edge, color="white", lw=1, ls="--")
        axes.lines[0].set_label("rows of the clean sum")
        axes.legend(
            loc="upper right", fontsize="small", facecolor="black", framealpha=0.6, labelcolor="w"
        )
    axes.set_ylabel("Row (pixel)")
    axes.tick_params(colors=COLOUR.muted)
    beside = axes.inset_axes((1.01, 0, 0.015, 1))
    bar = axes.figure.colorbar(
        shades,
        cax=beside,
        label=f"Raw counts above {number_text(np.round(level))} (ADU)",
    )
    ticks = round_ticks(knee, high)
    bar.set_ticks(ticks, labels=[number_text(tick) for tick in ticks])
    bar.minorticks_off()


def draw_extraction(figure, frame, shape, lit, spectrum):
    """Draw a raw frame above its plain and its clean spectrum.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    frame, shape, lit
        As in `draw_frame`.
    spectrum : lampflux.files.spectra.Spectrum
    """
    above, below = figure.subplots(
        2,
        sharex=True,
        gridspec_kw={
            "height_ratios": [3, 2],
            "left": 0.085,
            "right": 0.905,
            "top": 0.94,
            "bottom": 0.07,
            "hspace": 0.16,
        },
    )
    draw_frame(above, frame, shape, lit)
    # One axis serves both; to draw it twice takes as long as the image.
    above.xaxis.set_visible(False)
    columns = np.arange(spectrum.plain.size)
    below.plot(
        columns,
        spectrum.plain,
        color=COLOUR.plain_sum,
        lw=0.8,
        drawstyle="steps-mid",
        label="all rows",
    )
    draw_spectrum(below, columns, spectrum.clean, faint=True, label="lit rows, clean")
    clipped = spectrum.saturated > 0
    if clipped.any():
        below.plot(
            columns[clipped],
            spectrum.clean[clipped],
            "v",
            color=COLOUR.highlight,
            ms=4,
            label="saturated",
        )
    below.legend(frameon=False, fontsize="small", ncols=3, loc="lower left", bbox_to_anchor=(0, 1))
    below.set_xlabel("Column (pixel)")
    below.set_ylabel("Sum along the slit (ADU)")
