"""Pictures of raw frames and their spectra."""

import numpy as np
from matplotlib import colormaps

from lampflux.pictures.panels import (
    LABEL,
    PARTS,
    TICK,
    Panel,
    Pixels,
    Sheet,
    draw_spectrum,
    name_across,
    name_parts,
    name_up,
    tick_across,
    tick_up,
)
from lampflux.pictures.style import COLOUR, number_text, round_ticks
from lampflux.statistics import SIGMA_PER_MAD

# The stretch is linear up to this many times the noise, measured from neighbours along a column.
KNEE = 6.0
# Every fourth column is enough to measure the noise and the bias.
SOME = 4
# The stretch starts at this percentile of the pixels, about the bias.
DARKEST = 5
# Few colours, so that noise compresses well and the palette of the file keeps them all.
COLOURS = colormaps["viridis"].resampled(18)
# The stretch ends at this percentile of the lit rows.
BRIGHTEST = 99.9
# Left, bottom, width and height of the frame, of the bar of its colours, of the legend on it and
# of the spectra [inch].
FRAME, BAR = (0.95, 2.92, 8.1, 3.09), (9.13, 2.92, 0.13, 3.09)
LEGEND, SPECTRA = (7.25, 5.72, 1.75, 0.23), (0.95, 0.5, 8.1, 2.05)
STYLES = {
    "note": {"facecolor": "black", "alpha": 0.6, "lw": 0},
    "edges": {"color": "white", "lw": 1, "ls": "--"},
    "all rows": {"color": COLOUR.plain_sum, "lw": 0.8},
    "zero": PARTS["zero"],
    "data": {"color": COLOUR.data, "lw": 0.8},
    "saturated": {"color": COLOUR.highlight, "marker": "v", "ms": 4, "ls": ""},
    "frame": PARTS["frame"],
    "ticks": PARTS["ticks"],
}


def draw_frame(sheet, image, shape, lit):
    """Draw a raw frame with a stretch that shows fibres, faint lines and bright lines.

    Parameters
    ----------
    sheet : lampflux.pictures.panels.Sheet
    image : ndarray, shape (blocks of rows, blocks of columns)
        The frame, or the means of its blocks [ADU].
    shape : (int, int)
        Rows and columns of the frame.
    lit : ndarray of int
        Rows of the clean sum; their edges are marked unless they are all.
    """
    height, width = shape
    image = np.asarray(image, np.float32)
    some = image[:, ::SOME]
    level = np.nanpercentile(some, DARKEST)
    noise = SIGMA_PER_MAD * np.nanmedian(np.abs(np.diff(some, axis=0))) / np.sqrt(2)
    above = image - level
    knee = max(1.0, KNEE * noise)
    lit_blocks = above[np.unique(lit * len(image) // height)]
    high = max(np.nanpercentile(lit_blocks, BRIGHTEST), knee)

    panel = Panel(*FRAME, (-0.5, width - 0.5), (-0.5, height - 0.5))
    sheet.figure.add_artist(Pixels(panel, coloured(above, knee, high)))
    sheet.paths["frame"].append(panel.rectangle(*panel.x)[[0, 1, 2, 3, 0]])
    tick_up(sheet, panel)
    name_up(sheet, panel, "Row (pixel)")
    if lit.size < height:
        ends = np.flatnonzero(np.diff(lit) > 1)
        for edge in [lit[0] - 0.5, *(lit[ends] + 0.5), *(lit[ends + 1] - 0.5), lit[-1] + 0.5]:
            sheet.paths["edges"].append(panel.points(panel.x, edge))
        note = Panel(*LEGEND, (0, 1), (0, 1))
        sheet.paths["note"].append(note.rectangle(0, 1))
        middle = note.bottom + note.height / 2
        name_parts(sheet, {"edges": "rows of the clean sum"}, note.left + 0.06, middle, "white")
    draw_bar(sheet, level, knee, high)


def coloured(above, knee, high):
    """Colours of counts above the bias, in even steps of a stretch that is linear below a knee."""
    top = np.arcsinh(high / knee)
    steps = np.clip(np.arcsinh(above / knee) * (COLOURS.N / top), 0, COLOURS.N - 1)
    # Blank pixels stay white.
    steps[np.isnan(steps)] = COLOURS.N
    white = np.full((1, 4), 255, np.uint8)
    return np.vstack([COLOURS(np.arange(COLOURS.N), bytes=True), white])[steps.astype(np.uint8)]


def draw_bar(sheet, level, knee, high):
    """Draw the colour bar of counts above a level, with round numbers [ADU]."""
    bar = Panel(*BAR, (0, 1), (0, np.arcsinh(high / knee)))
    colours = COLOURS(np.arange(COLOURS.N), bytes=True)
    sheet.figure.add_artist(Pixels(bar, colours[:, np.newaxis]))
    sheet.paths["frame"].append(bar.rectangle(0, 1)[[0, 1, 2, 3, 0]])
    right = bar.left + bar.width
    for tick in round_ticks(knee, high):
        ((_, up),) = bar.points([1], np.arcsinh(tick / knee))
        sheet.paths["ticks"].append(np.array([(right, up), (right + TICK, up)]))
        sheet.write(right + LABEL, up, number_text(tick), va="center", color=COLOUR.muted)
    name = f"Raw counts above {number_text(np.round(level))} (ADU)"
    middle = bar.bottom + bar.height / 2
    sheet.write(right + 0.6, middle, name, ha="center", rotation=90, fontsize="medium")


def draw_extraction(figure, frame, shape, lit, spectrum):
    """Draw a raw frame, as `draw_frame` does, above its plain and its clean `Spectrum`."""
    sheet = Sheet(figure, STYLES)
    draw_frame(sheet, frame, shape, lit)
    columns = np.arange(spectrum.plain.size)
    panel, knee = draw_spectrum(sheet, SPECTRA, columns, spectrum.clean, spectrum.plain)
    clipped = spectrum.saturated > 0
    if clipped.any():
        light = np.arcsinh(spectrum.clean[clipped] / knee)
        sheet.paths["saturated"].append(panel.points(columns[clipped], light))
    tick_across(sheet, panel)
    name_across(sheet, panel, "Column (pixel)")
    name_up(sheet, panel, "Sum along the slit (ADU)")
    names = {"all rows": "all rows", "data": "lit rows, clean", "saturated": "saturated"}
    name_parts(sheet, names, panel.left + 0.1, panel.bottom + panel.height + 0.13)
    sheet.draw()
