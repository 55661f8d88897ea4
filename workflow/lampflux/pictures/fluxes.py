"""Pictures of line windows."""

import math

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from lampflux.pictures.style import COLOUR, draw_spectrum, number_text

CLOSE_UPS_PER_ROW = 5
# Windows nearer than this part of the axis share a label's width.
LABEL_SPACE = 0.022
# How each part of a close-up is drawn.
PARTS = {
    "data": {"color": COLOUR.data, "lw": 0.8},
    "fit": {"color": COLOUR.highlight, "lw": 1.0},
    "single lines": {"color": COLOUR.highlight, "lw": 0.6, "ls": "--"},
    "continuum": {"color": COLOUR.highlight, "lw": 0.8, "ls": ":"},
}
RIGHT_ABOVE = {
    "xycoords": "axes fraction",
    "textcoords": "offset points",
    "ha": "right",
    "va": "bottom",
    "fontsize": "x-small",
}
WINDOW = {"color": COLOUR.highlight, "alpha": 0.25, "lw": 0}


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
    lines = math.ceil(len(rows) / CLOSE_UPS_PER_ROW)
    height = 4.4 + 2.6 * lines
    figure.set_figheight(height)
    axes = figure.add_axes((0.08, 1 - 3.15 / height, 0.9, 2.1 / height))
    draw_spectrum(axes, wavelength, counts, faint=True)
    axes.set_xlabel("Wavelength in air (Å)", loc="left")
    axes.set_ylabel("Sum of lit rows (ADU)")
    label_windows(axes, wavelength, rows)

    top, bottom = 1 - 4.3 / height, 1.15 / height
    grid = figure.add_gridspec(
        lines,
        CLOSE_UPS_PER_ROW,
        left=0.08,
        right=0.98,
        top=top,
        bottom=bottom,
        wspace=0.3,
        hspace=1.0,
    )
    for number, (place, fit, row) in enumerate(zip(grid, fits, rows), start=1):
        axes = figure.add_subplot(place)
        draw_close_up(axes, wavelength, counts, fit, number, row)
    figure.legend(
        handles=[
            *(Line2D([], [], label=name, **style) for name, style in PARTS.items()),
            Patch(label="window", **WINDOW),
        ],
        loc="center right",
        bbox_to_anchor=(1.0, 1 - 3.58 / height),
        ncols=5,
        handlelength=1.5,
        columnspacing=1.0,
        frameon=False,
        fontsize="small",
    )
    figure.supxlabel(
        "Column (pixel) and wavelength in air (Å); the lower panels show data minus fit",
        fontsize="medium",
    )
    figure.supylabel("Sum of lit rows (ADU)", fontsize="medium", x=0.004, y=(top + bottom) / 2)


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


def draw_close_up(axes, wavelength, counts, fit, number, row):
    """Draw one window with its surroundings, its own fit and the residual, and name it."""
    axes.axvspan(row["pixel_start"] - 0.5, row["pixel_stop"] + 0.5, **WINDOW)
    pixels, continuum, lines = fit
    draw_spectrum(axes, pixels, counts[pixels])
    for line in lines if len(lines) > 2 else ():
        axes.plot(pixels, continuum + line, **PARTS["single lines"])
    model = continuum + lines.sum(axis=0)
    axes.plot(pixels, model, drawstyle="steps-mid", **PARTS["fit"])
    axes.plot(pixels, continuum, **PARTS["continuum"])
    draw_residual(axes, wavelength, pixels, counts[pixels] - model)
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.tick_params(labelsize="small")
    axes.yaxis.get_offset_text().set_fontsize("small")
    line = f"{row['ion']} {row['wavelength_air']:.2f} Å" if row["wavelength_air"] else "no line"
    saturated = "saturated" in row["flags"].split()
    axes.set_title(
        f"{number}  {line}\n{flux_text(row)}",
        fontsize="small",
        loc="left",
        color=COLOUR.saturated if saturated else COLOUR.data,
    )
    if saturated:
        axes.annotate("saturated", (1, 1), (0, 2), color=COLOUR.saturated, **RIGHT_ABOVE)


def draw_residual(axes, wavelength, pixels, residual):
    """Draw what a fit leaves below a close-up, with the range of its axis above it [ADU].

    Ticks name the column and, below it, the wavelength.
    """
    places = np.arange(wavelength.size), wavelength
    below = axes.inset_axes((0, -0.32, 1, 0.16), sharex=axes)
    below.axhline(0, color=COLOUR.highlight, lw=0.6, ls=":")
    below.plot(pixels, residual, color=COLOUR.data, lw=0.6, drawstyle="steps-mid")
    largest = np.nanmax(np.abs(residual), initial=0)
    if np.isfinite(largest) and largest > 0:
        below.set_ylim(-1.2 * largest, 1.2 * largest)
    below.set_yticks([])
    below.annotate(
        f"±{number_text(float(f'{largest:.2g}'))} ADU",
        (1, 1),
        (0, 1),
        **RIGHT_ABOVE,
    )
    below.xaxis.set_major_locator(MaxNLocator(3, integer=True))
    below.xaxis.set_major_formatter(
        lambda column, _: f"{column:.0f}\n{np.interp(column, *places):.1f}"
    )
    below.tick_params(labelsize="small", colors=COLOUR.muted)
    axes.tick_params(labelbottom=False)


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
