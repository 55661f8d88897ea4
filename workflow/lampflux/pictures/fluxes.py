"""Pictures of line windows."""

import math

import numpy as np
from matplotlib.ticker import MaxNLocator

from lampflux.pictures.style import LINE, SATURATED, WINDOW, draw_spectrum

CLOSE_UPS_PER_ROW = 5
# Windows nearer than this part of the axis share a label's width.
LABEL_SPACE = 0.022


def draw_windows(figure, wavelength, counts, model, rows, per_flux):
    """Draw the spectrum with its windows shaded and numbered, and each window close up.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    wavelength, counts, model : ndarray, shape (pixels,)
        Air wavelength [Angstrom], counts of the clean sum, and the modelled lines [ADU].
    rows : list of dict
        Rows of the flux table.
    per_flux : float
        Exposure time times fibres [s].
    """
    lines = math.ceil(len(rows) / CLOSE_UPS_PER_ROW)
    height = 3.85 + 2.4 * lines
    figure.set_figheight(height)
    axes = figure.add_axes((0.06, 1 - 3.15 / height, 0.93, 2.1 / height))
    draw_spectrum(axes, wavelength, counts, faint=True)
    axes.set_xlabel("Wavelength in air (Å)")
    axes.set_ylabel("Sum of lit rows (ADU)")
    label_windows(axes, wavelength, rows)

    top, bottom = 1 - 4.3 / height, 0.55 / height
    grid = figure.add_gridspec(
        lines,
        CLOSE_UPS_PER_ROW,
        left=0.06,
        right=0.99,
        top=top,
        bottom=bottom,
        wspace=0.25,
        hspace=0.55,
    )
    for number, (place, row) in enumerate(zip(grid, rows), start=1):
        axes = figure.add_subplot(place)
        draw_close_up(axes, counts, model, number, row, per_flux)
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
        axes.axvspan(*ends, color=WINDOW, alpha=0.35, lw=0)
        level = (level + 1) % 4 if abs(ends.mean() - last) < LABEL_SPACE * span else 0
        last = ends.mean()
        axes.annotate(
            str(number),
            (last, 1.0),
            (0, 2 + 9 * level),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="center",
            color=WINDOW,
            fontsize="small",
            fontweight="bold",
        )


def draw_close_up(axes, counts, model, number, row, per_flux):
    """Draw one window with its surroundings, continuum and the model of all lines, and name it."""
    start, stop = row["pixel_start"], row["pixel_stop"]
    margin = max(stop - start, 8)
    first, last = max(start - margin, 0), min(stop + margin, counts.size - 1)
    near = np.arange(first, last + 1)
    axes.axvspan(start - 0.5, stop + 0.5, color=WINDOW, alpha=0.25, lw=0)
    draw_spectrum(axes, near, counts[near])
    if row["continuum"] is not None:
        level = row["continuum"] * per_flux
        axes.plot(near, level + model[near], color=WINDOW, lw=1.0, drawstyle="steps-mid")
        axes.axhline(level, color=WINDOW, lw=0.8, ls=":")
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
        color=SATURATED if saturated else LINE,
    )


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
