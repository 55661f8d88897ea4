"""Pictures of line windows."""

import math
from collections import defaultdict
from functools import partial

import numpy as np
from matplotlib.collections import LineCollection, PolyCollection

from lampflux.pictures.panels import Panel, range_of, tick_across, tick_up
from lampflux.pictures.style import COLOUR, WIDTH, draw_spectrum, number_text

# Close-ups in a row, and the height of a row [inch].
PER_ROW, ROW = 5, 2.7
# Left side of the first close-up, and of the next from there [inch].
LEFT, NEXT = 0.8, 1.88
# Width of a close-up, heights of its panel and of the residual's, the room between them and
# that for ticks below them [inch].
ACROSS, UP, RESIDUAL, BETWEEN, TICKS = 1.45, 1.3, 0.22, 0.22, 0.4
# Room above the close-ups for the whole spectrum, and below them for a label [inch].
ABOVE, BELOW = 3.8, 0.35
# Windows nearer than this part of the axis share a label's width.
LABEL_SPACE = 0.022
WINDOW = {"color": COLOUR.highlight, "alpha": 0.25, "lw": 0}
# How each part of a close-up is drawn; the legend names the first four.
PARTS = {
    "data": {"color": COLOUR.data, "lw": 0.8},
    "fit": {"color": COLOUR.highlight, "lw": 1.0},
    "single lines": {"color": COLOUR.highlight, "lw": 0.6, "ls": "--"},
    "continuum": {"color": COLOUR.highlight, "lw": 0.8, "ls": ":"},
    "zero": {"color": COLOUR.muted, "lw": 0.5},
    "frame": {"color": "black", "lw": 0.8},
    "ticks": {"color": COLOUR.muted, "lw": 0.8},
}
NAMED = 4


def draw_windows(figure, wavelength, counts, fits, rows):
    """Draw the spectrum with its windows shaded and numbered, and each window close up.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    wavelength, counts : ndarray, shape (pixels,)
        Air wavelength [Angstrom] and counts of the clean sum [ADU].
    fits : list of (ndarray, ndarray, ndarray)
        What was fitted to each window, as `lampflux.files.tables.read_fits` gives it.
    rows : list of dict
        The windows, as `lampflux.files.tables.read_shown_fluxes` gives them.
    """
    if not rows:
        axes = figure.subplots()
        draw_spectrum(axes, wavelength, counts, faint=True)
        axes.set_title("no line windows", loc="left")
        return
    below = ROW * math.ceil(len(rows) / PER_ROW)
    height = ABOVE + below + BELOW
    figure.set_figheight(height)
    axes = figure.add_axes((0.08, 1 - 3.15 / height, 0.9, 2.1 / height))
    draw_spectrum(axes, wavelength, counts, faint=True)
    axes.set_xlabel("Wavelength in air (Å)", loc="left")
    axes.set_ylabel("Sum of lit rows (ADU)")
    label_windows(axes, wavelength, rows)

    paths = defaultdict(list)
    write = partial(figure.text, transform=figure.dpi_scale_trans, fontsize="small")
    for place, (fit, row) in enumerate(zip(fits, rows)):
        down, across = divmod(place, PER_ROW)
        corner = LEFT + NEXT * across, BELOW + below - ROW * (down + 1) + TICKS
        draw_close_up(write, paths, corner, wavelength, counts, fit, place + 1, row)
    inches = {"transform": figure.dpi_scale_trans}
    window = PolyCollection(paths["window"], label="window", **inches, **WINDOW)
    parts = [
        LineCollection(paths[name], label=name, **inches, **style) for name, style in PARTS.items()
    ]
    for artist in (window, *parts):
        figure.add_artist(artist)
    figure.legend(
        handles=[*parts[:NAMED], window],
        loc="center right",
        bbox_to_anchor=(1.0, 1 - 3.58 / height),
        ncols=5,
        handlelength=1.5,
        columnspacing=1.0,
        frameon=False,
        fontsize="small",
    )
    note = "Column (pixel) and wavelength in air (Å); the lower panels show data minus fit"
    write(WIDTH / 2, 0.12, note, ha="center", fontsize="medium")
    middle = BELOW + below / 2
    write(0.1, middle, "Sum of lit rows (ADU)", rotation=90, va="center", fontsize="medium")


def label_windows(axes, wavelength, rows):
    """Shade each window and number it, neighbours at different heights."""
    span = abs(wavelength[-1] - wavelength[0])
    level, last = 0, -np.inf
    for number, row in enumerate(rows, start=1):
        ends = wavelength[[row["pixel_start"], row["pixel_stop"]]]
        axes.axvspan(*ends, color=COLOUR.highlight, alpha=0.35, lw=0)
        level = (level + 1) % 4 if abs(ends.mean() - last) < LABEL_SPACE * span else 0
        last = ends.mean()
        axes.annotate(
            str(number),
            (last, 1.0),
            (0, 2 + 9 * level),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="center",
            color=COLOUR.highlight,
            fontsize="small",
            fontweight="bold",
        )


def draw_close_up(write, paths, corner, wavelength, counts, fit, number, row):
    """Draw one window with its surroundings, its own fit and the residual, and name it.

    Parameters
    ----------
    write : callable
        Called with a place [inch], a text and its style.
    paths : dict of str to list of ndarray
        Paths of all close-ups by their part, to which this one's are added [inch].
    corner : (float, float)
        Lower left corner [inch].
    wavelength, counts, fit, row
        As in `draw_windows`.
    number : int
        Of the window.
    """
    pixels, continuum, lines = fit
    counts, model = counts[pixels], continuum + lines.sum(axis=0)
    ends = row["pixel_start"] - 0.5, row["pixel_stop"] + 0.5
    margin = 0.04 * pixels.size
    columns = min(ends[0], pixels[0] - margin), max(ends[1], pixels[-1] + margin)
    curves = [counts, continuum, model, *(continuum + lines)]
    left, bottom = corner[0], corner[1] + RESIDUAL + BETWEEN
    panel = Panel(left, bottom, ACROSS, UP, columns, range_of(curves))
    paths["window"].append(panel.rectangle(*ends))
    paths["data"].append(panel.steps(pixels, counts))
    paths["fit"].append(panel.steps(pixels, model))
    paths["continuum"].append(panel.points(pixels, continuum))
    if len(lines) > 2:
        paths["single lines"] += [panel.points(pixels, continuum + line) for line in lines]
    paths["zero"].append(panel.points(columns, 0.0))
    paths["frame"].append(panel.rectangle(*columns)[[3, 0, 1]])
    paths["ticks"] += tick_up(write, panel)
    line = f"{row['ion']} {row['wavelength_air']:.2f} Å" if row["wavelength_air"] else "no line"
    saturated = "saturated" in row["flags"].split()
    colour = COLOUR.saturated if saturated else COLOUR.data
    top, right = bottom + UP + 0.03, left + ACROSS
    write(left, top + 0.16, f"{number}  {line}\n{flux_text(row)}", color=colour)
    if saturated:
        write(right, top, "saturated", color=colour, ha="right", fontsize="x-small")
    draw_residual(write, paths, corner, columns, wavelength, pixels, counts - model)


def draw_residual(write, paths, corner, columns, wavelength, pixels, residual):
    """Draw what a fit leaves below a close-up, with the range of its axis above it [ADU].

    Ticks name the column and, below it, the wavelength.
    """
    largest = np.nanmax(np.abs(residual), initial=0)
    reach = 1.2 * largest or 1.0
    panel = Panel(*corner, ACROSS, RESIDUAL, columns, (-reach, reach))
    paths["data"].append(panel.steps(pixels, residual))
    paths["zero"].append(panel.points(columns, 0.0))
    paths["frame"].append(panel.rectangle(*columns)[[0, 1, 2, 3, 0]])
    note = f"±{number_text(float(f'{largest:.2g}'))} ADU"
    right, top = corner[0] + ACROSS, corner[1] + RESIDUAL + 0.02
    write(right, top, note, ha="right", fontsize="x-small")
    places = np.arange(wavelength.size), wavelength
    paths["ticks"] += tick_across(
        write, panel, lambda column: f"{column:.0f}\n{np.interp(column, *places):.1f}"
    )


def flux_text(row):
    """Write a window's net flux with its error, or what is known of it."""
    flux, error = row["net_flux"], row["net_flux_err"]
    if flux is None:
        return "not known"
    if error is None:
        return f"{flux:,.4g} ADU/s/fibre".replace("-", "−")
    # The error's second digit is the last that means something.
    digits = max(0, 1 - math.floor(math.log10(error))) if error > 0 else 0
    return f"{flux:,.{digits}f} ± {error:,.{digits}f} ADU/s/fibre".replace("-", "−")
