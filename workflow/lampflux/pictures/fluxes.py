"""Pictures of line windows."""

import math

import numpy as np

from lampflux.pictures.panels import (
    LOW,
    NARROW,
    PARTS,
    Panel,
    Sheet,
    draw_spectrum,
    name_parts,
    name_up,
    range_of,
    tick_across,
    tick_up,
)
from lampflux.pictures.style import COLOUR, WIDTH, number_text, raised

# Close-ups per row, and the height of a row [inch].
PER_ROW, ROW = 5, 2.7
# Left side of the first close-up, and distance of the next one [inch].
LEFT, NEXT = 0.8, 1.88
# Width of a close-up, heights of its panel and of the residual's, and the spaces between them and
# for ticks below them [inch].
ACROSS, UP, RESIDUAL, BETWEEN, TICKS = 1.45, 1.3, 0.22, 0.22, 0.4
# Room above the close-ups for the whole spectrum, and below them for a label [inch].
ABOVE, BELOW = 3.8, 0.35
# Width and height of the whole spectrum, and from the top of the figure to its lower side and to
# the legend below it [inch].
WHOLE, DOWN, LEGEND = (9.0, 2.1), 3.15, 3.6
# Longest text above a close-up [characters].
LONGEST = 27
# Labels of windows closer than this fraction of the axis would overlap.
LABEL_SPACE = 0.022
# Style of each part, and its name in the legend.
STYLES = {
    "window": {"facecolor": COLOUR.highlight, "alpha": 0.25, "lw": 0},
    "zero": PARTS["zero"],
    "data": {"color": COLOUR.data, "lw": 0.8},
    "fit": {"color": COLOUR.highlight, "lw": 1.0},
    "single lines": {"color": COLOUR.highlight, "lw": 0.6, "ls": "--"},
    "continuum": {"color": COLOUR.highlight, "lw": 0.8, "ls": ":"},
    "frame": PARTS["frame"],
    "ticks": PARTS["ticks"],
}
NAMES = {name: name for name in ("data", "fit", "single lines", "continuum", "window")}


def draw_windows(figure, wavelength, counts, fits, rows):
    """Draw the spectrum with its windows shaded and numbered, and each window close up.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    wavelength, counts : ndarray, shape (pixels,)
        Air wavelength [Angstrom] and counts of the clean sum [ADU].
    fits, rows : list
        Fits of the windows, and the windows, as `lampflux.files.tables` reads them.
    """
    below = ROW * math.ceil(len(rows) / PER_ROW)
    height = ABOVE + below + BELOW
    figure.set_figheight(height)
    sheet = Sheet(figure, STYLES)
    place = LEFT, height - DOWN, *WHOLE
    whole, _ = draw_spectrum(sheet, place, wavelength, counts, size="small")
    tick_across(sheet, whole, size="small")
    name_up(sheet, whole, "Sum of lit rows (ADU)")
    medium = {"fontsize": "medium"}
    top = height - LEGEND
    sheet.write(LEFT, top, "Wavelength in air (Å)", va="center", **medium)
    label_windows(sheet, whole, wavelength, rows)
    for place, (fit, row) in enumerate(zip(fits, rows)):
        down, across = divmod(place, PER_ROW)
        corner = LEFT + NEXT * across, BELOW + below - ROW * (down + 1) + TICKS
        draw_close_up(sheet, corner, wavelength, counts, fit, place + 1, row)
    if rows:
        name_parts(sheet, NAMES, 5.1, top)
        note = "Column (pixel) and wavelength in air (Å); the lower panels show data minus fit"
        sheet.write(WIDTH / 2, 0.12, note, ha="center", **medium)
        middle = BELOW + below / 2
        sheet.write(0.22, middle, "Sum of lit rows (ADU)", ha="center", rotation=90, **medium)
    else:
        sheet.write(LEFT, height - DOWN + WHOLE[1] + 0.1, "no line windows", **medium)
    sheet.draw()


def label_windows(sheet, panel, wavelength, rows):
    """Shade and number each window, neighbours at different heights."""
    span = panel.x[1] - panel.x[0]
    level, last = 0, -np.inf
    for number, row in enumerate(rows, start=1):
        ends = wavelength[[row["pixel_start"], row["pixel_stop"]]]
        sheet.paths["window"].append(panel.rectangle(*ends))
        level = (level + 1) % 4 if abs(ends.mean() - last) < LABEL_SPACE * span else 0
        last = ends.mean()
        ((across, up),) = panel.points([last], panel.y[1])
        style = {"ha": "center", "color": COLOUR.highlight, "fontweight": "bold"}
        sheet.write(across, up + 0.03 + 0.125 * level, str(number), **style)


def draw_close_up(sheet, corner, wavelength, counts, fit, number, row):
    """Draw one window with its surroundings, its fit, the residual and its name.

    The ``corner`` is the lower left one [inch]; other arguments are as in `draw_windows`.
    """
    pixels, continuum, lines = fit
    counts, model = counts[pixels], continuum + lines.sum(axis=0)
    ends = row["pixel_start"] - 0.5, row["pixel_stop"] + 0.5
    margin = 0.04 * pixels.size
    columns = min(ends[0], pixels[0] - margin), max(ends[1], pixels[-1] + margin)
    curves = [counts, continuum, model, *(continuum + lines)]
    left, bottom = corner[0], corner[1] + RESIDUAL + BETWEEN
    panel, paths = Panel(left, bottom, ACROSS, UP, columns, range_of(curves)), sheet.paths
    paths["window"].append(panel.rectangle(*ends))
    paths["data"].append(panel.steps(pixels, counts))
    paths["fit"].append(panel.steps(pixels, model))
    paths["continuum"].append(panel.points(pixels, continuum))
    if len(lines) > 2:
        paths["single lines"] += [panel.points(pixels, continuum + line) for line in lines]
    paths["zero"].append(panel.points(columns, 0.0))
    paths["frame"].append(panel.rectangle(*columns)[[3, 0, 1]])
    tick_up(sheet, panel, LOW, "small")
    line = f"{row['ion']} {row['wavelength_air']:.2f} Å" if row["wavelength_air"] else "no line"
    saturated = "saturated" in row["flags"].split()
    colour = COLOUR.saturated if saturated else COLOUR.data
    top, right = bottom + UP + 0.03, left + ACROSS
    sheet.write(left, top + 0.16, f"{number}  {line}\n{flux_text(row)}", color=colour)
    if saturated:
        sheet.write(right, top, "saturated", color=colour, ha="right", fontsize="x-small")
    draw_residual(sheet, corner, columns, wavelength, pixels, counts - model)


def draw_residual(sheet, corner, columns, wavelength, pixels, residual):
    """Draw the residual of a fit below a close-up, with the range of its axis above it [ADU].

    Ticks name the column and, below it, the wavelength.
    """
    largest = np.nanmax(np.abs(residual), initial=0)
    reach = 1.2 * largest or 1.0
    panel, paths = Panel(*corner, ACROSS, RESIDUAL, columns, (-reach, reach)), sheet.paths
    paths["data"].append(panel.steps(pixels, residual))
    paths["zero"].append(panel.points(columns, 0.0))
    paths["frame"].append(panel.rectangle(*columns)[[0, 1, 2, 3, 0]])
    note = f"±{number_text(float(f'{largest:.2g}'))} ADU"
    right, top = corner[0] + ACROSS, corner[1] + RESIDUAL + 0.02
    sheet.write(right, top, note, ha="right", fontsize="x-small")
    places = np.arange(wavelength.size), wavelength

    def text(column):
        return f"{column:.0f}\n{np.interp(column, *places):.1f}"

    tick_across(sheet, panel, NARROW, text, "small")


def flux_text(row):
    """Write a window's net flux with its error, as far as known."""
    flux, error = row["net_flux"], row["net_flux_err"]
    if flux is None:
        return "not known"
    if error is None:
        return f"{flux:,.4g} ADU/s/fibre".replace("-", "−")
    # The second digit of the error is the last significant one.
    digits = max(0, 1 - math.floor(math.log10(error))) if error > 0 else 0
    text = f"{flux:,.{digits}f} ± {error:,.{digits}f} ADU/s/fibre"
    if len(text) > LONGEST:
        power = math.floor(math.log10(max(abs(flux), error)))
        flux, error = flux / 10**power, error / 10**power
        digits = max(1, 1 - math.floor(math.log10(error)))
        text = f"({flux:.{digits}f} ± {error:.{digits}f})×{raised(power)} ADU/s/fibre"
    return text.replace("-", "−")
