"""Pictures of identified lines."""

import numpy as np

from lampflux.pictures.panels import (
    LOW,
    PARTS,
    Panel,
    Sheet,
    draw_spectrum,
    frame,
    name_across,
    name_parts,
    name_up,
    range_of,
    tick_across,
    tick_up,
)
from lampflux.pictures.style import COLOUR
from lampflux.statistics import SIGMA_PER_MAD

# Residuals are drawn up to this many times their robust scatter, and all of those of used lines.
LARGEST_RESIDUAL = 6.0
# Smallest distance of names of lines [fraction of the axis], and their largest number.
NAME_SPACE, MOST_NAMES = 0.017, 45
# Left, bottom, width and height of the spectrum, the residuals and the error of the nominal
# solution [inch]; the height of their figure.
SPECTRUM, RESIDUALS, NOMINAL = (
    (1.2, 3.45, 8.65, 2.95),
    (1.2, 1.8, 8.65, 1.28),
    (1.2, 0.5, 8.65, 0.97),
)
HEIGHT = 7.4
# The same for a spectrum without a fit, with a linear scale and stretched.
LINEAR, STRETCHED = (0.95, 3.4, 8.9, 2.4), (0.95, 0.55, 8.9, 2.4)
STYLES = {
    "uncertain": {"facecolor": COLOUR.highlight, "alpha": 0.3, "lw": 0},
    "untrusted": {
        "facecolor": "none",
        "edgecolor": COLOUR.muted,
        "alpha": 0.35,
        "hatch": "////",
        "lw": 0,
    },
    "zero": PARTS["zero"],
    "data": {"color": COLOUR.data, "lw": 0.8},
    "nominal": {"color": COLOUR.data, "lw": 1.2},
    "left out": {"color": COLOUR.muted, "marker": "x", "ms": 4, "ls": ""},
    "used": {"color": COLOUR.data, "marker": "o", "ms": 3.5, "ls": ""},
    "frame": PARTS["frame"],
    "ticks": PARTS["ticks"],
}
NAMES = {
    "left out": "left out (clipped)",
    "used": "used",
    "uncertain": "1 sigma of the solution",
    "untrusted": "not trusted",
}


def draw_nominal(figure, nominal, counts):
    """Draw a spectrum by its nominal wavelengths [Angstrom], plain and stretched."""
    sheet = Sheet(figure, STYLES)
    panel = Panel(*LINEAR, (nominal.min(), nominal.max()), range_of([counts]))
    sheet.paths["data"].append(panel.steps(nominal, counts))
    frame(sheet, panel)
    tick_up(sheet, panel)
    name_up(sheet, panel, "Sum of lit rows (ADU)")
    panel, _ = draw_spectrum(sheet, STRETCHED, nominal, counts)
    name_up(sheet, panel, "Sum of lit rows (ADU)")
    tick_across(sheet, panel)
    name_across(sheet, panel, "Nominal wavelength in air (Å)")
    sheet.draw()


def draw_calibration(figure, spectrum, nominal, lines, trusted, note):
    """Draw a spectrum with its identified lines, their residuals, and the nominal error.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    spectrum : lampflux.files.spectra.Spectrum
    nominal : ndarray, shape (pixels,)
        Nominal wavelengths [Angstrom].
    lines : list of dict
        The spectrum's peaks and the lines they are, as
        `lampflux.files.tables.read_identified_lines` gives them.
    trusted : (int, int)
        First and last pixel between which the wavelengths are trusted.
    note : str
        The quality of the solution in a few words.
    """
    figure.set_figheight(HEIGHT)
    sheet = Sheet(figure, STYLES)
    wavelength = spectrum.wavelength
    above, _ = draw_spectrum(sheet, SPECTRUM, wavelength, spectrum.clean)
    name_up(sheet, above, "Sum of lit rows (ADU)")
    found = [line for line in lines if "residual" in line]
    used = np.array([line["used"] == "True" for line in found])
    name_lines(sheet, above, [line for line, is_used in zip(found, used) if is_used])
    at, residual = (
        np.array([line[name] for line in found]) for name in ("wavelength_air", "residual")
    )
    middle = draw_residuals(sheet, above.x, at, residual, used)
    reach = np.clip(spectrum.wavelength_error, 0, middle.y[1])
    outline = np.concatenate([reach, -reach[::-1]])
    places = np.concatenate([wavelength, wavelength[::-1]])
    sheet.paths["uncertain"].append(middle.points(places, outline))

    off = nominal - wavelength
    below = Panel(*NOMINAL, above.x, range_of([off]))
    sheet.paths["nominal"].append(below.points(wavelength, off))
    frame(sheet, below)
    tick_up(sheet, below, LOW)
    name_up(sheet, below, "Nominal − fit (Å)")
    tick_across(sheet, below)
    name_across(sheet, below, "Wavelength in air (Å)")
    for panel in above, middle, below:
        hatch_untrusted(sheet, panel, wavelength, trusted)
    top = middle.bottom + middle.height + 0.17
    name_parts(sheet, NAMES, middle.left + 0.1, top)
    right = middle.left + middle.width
    sheet.write(right, top, note, ha="right", va="center", color=COLOUR.data)
    sheet.draw()


def draw_residuals(sheet, ends, wavelength, residual, used):
    """Draw the distance of identified lines from the solution [Angstrom]; give the panel."""
    distance = np.abs(residual[used])
    limit = max(LARGEST_RESIDUAL * SIGMA_PER_MAD * np.median(distance), distance.max()) or 1.0
    panel = Panel(*RESIDUALS, ends, (-1.15 * limit, 1.15 * limit))
    for part, chosen in ("left out", ~used), ("used", used):
        if chosen.any():
            shown = residual[chosen].clip(-limit, limit)
            sheet.paths[part].append(panel.points(wavelength[chosen], shown))
    frame(sheet, panel)
    tick_up(sheet, panel, LOW)
    name_up(sheet, panel, "Residual (Å)")
    return panel


def hatch_untrusted(sheet, panel, wavelength, trusted):
    """Hatch the ranges in which a solution is not trusted."""
    for first, last in (0, trusted[0]), (trusted[1], wavelength.size - 1):
        if last > first:
            sheet.paths["untrusted"].append(panel.rectangle(wavelength[first], wavelength[last]))


def name_lines(sheet, panel, lines):
    """Name the brightest lines above a spectrum, as many as there is room for."""
    space = NAME_SPACE * (panel.x[1] - panel.x[0])
    named = []
    for line in sorted(lines, key=lambda line: -line["height"]):
        at = line["wavelength_air"]
        if any(abs(at - other) < space for other in named):
            continue
        named.append(at)
        ((across, up),) = panel.points([at], panel.y[1])
        name = f"{line['ion']} {at:.1f}"
        style = {"rotation": 90, "va": "center", "fontsize": "x-small", "color": COLOUR.muted}
        sheet.write(across, up + 0.04, name, **style)
        if len(named) == MOST_NAMES:
            return
