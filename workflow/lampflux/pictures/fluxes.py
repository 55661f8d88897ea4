"""Pictures of line windows."""

import math

import numpy as np
from matplotlib.ticker import MaxNLocator

from lampflux.pictures.style import COLOUR, draw_spectrum

CLOSE_UPS_PER_ROW = 5
# Windows nearer than this part of the axis share a label's width.
LABEL_SPACE = 0.022


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
    height = 4.3 + 2.7 * lines
    figure.set_figheight(height)
    axes = figure.add_axes((0.06, 1 - 3.15 / height, 0.93, 2.1 / height))
    draw_spectrum(axes, wavelength, counts, faint=True)
    axes.set_xlabel("Wavelength in air (Å)")
    axes.set_ylabel("Sum of lit rows (ADU)")
    label_windows(axes, wavelength, rows)

    top, bottom = 1 - 4.3 / height, 1.0 / height
    grid = figure.add_gridspec(
        lines,
        CLOSE_UPS_PER_ROW,
        left=0.06,
        right=0.99,
        top=top,
        bottom=bottom,
        wspace=0.25,
        hspace=0.95,
    )
    for number, (place, fit, row) in enumerate(zip(grid, fits, rows), start=1):
        axes = figure.add_subplot(place)
        draw_close_up(axes, counts, fit, number, row)
    figure.supxlabel(
        "Column (pixel); above each window its line and net flux in ADU/s/fibre", fontsize="medium"
    )
    figure.supylabel("Sum of lit rows (ADU)", fontsize="medium", y=(top + bottom) / 2)


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


def draw_close_up(axes, counts, fit, number, row):
    """Draw one window with its surroundings, its own fit and the residual, and name it."""
    axes.axvspan(
        row["pixel_start"] - 0.5, row["pixel_stop"] + 0.5, color=COLOUR.highlight, alpha=0.25, lw=0
    )
    pixels, continuum, lines = fit
    draw_spectrum(axes, pixels, counts[pixels])
    for line in lines if len(lines) > 2 else ():
        axes.plot(pixels, continuum + line, color=COLOUR.highlight, lw=0.6, ls="--")
    model = continuum + lines.sum(axis=0)
    axes.plot(pixels, model, color=COLOUR.highlight, lw=1.0, drawstyle="steps-mid")
    axes.plot(pixels, continuum, color=COLOUR.highlight, lw=0.8, ls=":")
    draw_residual(axes, pixels, counts[pixels] - model)
    axes.xaxis.set_major_locator(MaxNLocator(3, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.tick_params(labelsize="small")
    axes.yaxis.get_offset_text().set_fontsize("small")
    line = f"{row['ion']} {row['wavelength_air']:.2f} Å" if row["wavelength_air"] else "no line"
    saturated = "saturated" in row["flags"].split()
    axes.set_title(
        f"{number}  {line}\n{flux_text(row)}{', saturated' if saturated else ''}",
        fontsize="small",
        loc="left",
        color=COLOUR.saturated if saturated else COLOUR.data,
    )


def draw_residual(axes, pixels, residual):
    """Draw what a fit leaves below a close-up, with the range of its axis above it [ADU]."""
    below = axes.inset_axes((0, -0.32, 1, 0.16), sharex=axes)
    below.axhline(0, color=COLOUR.highlight, lw=0.6, ls=":")
    below.plot(pixels, residual, color=COLOUR.data, lw=0.6, drawstyle="steps-mid")
    largest = np.nanmax(np.abs(residual), initial=0)
    if np.isfinite(largest) and largest > 0:
        below.set_ylim(-1.2 * largest, 1.2 * largest)
    below.set_yticks([])
    below.annotate(
        f"± {float(f'{largest:.2g}'):,g}",
        (1, 1),
        (0, 1),
        xycoords="axes fraction",
        textcoords="offset points",
        ha="right",
        va="bottom",
        fontsize="x-small",
    )
    below.xaxis.set_major_locator(MaxNLocator(3, integer=True))
    below.tick_params(labelsize="small")
    axes.tick_params(labelbottom=False)


def flux_text(row):
    """Write a window's net flux with its error, or what is known of it."""
    flux, error = row["net_flux"], row["net_flux_err"]
    if flux is None:
        return "not known"
    if error is None:
        return f"{flux:.4g}"
    # The error's second digit is the last that means something.
    digits = max(0, 1 - math.floor(math.log10(error))) if error > 0 else 0
    return f"{flux:,.{digits}f} ± {error:,.{digits}f}"
