"""Pictures of identified lines."""

import numpy as np

from lampflux.pictures.style import COLOUR, draw_spectrum, finish
from lampflux.statistics import SIGMA_PER_MAD

# Residuals are drawn up to this many times their robust scatter; those of used lines all show.
LARGEST_RESIDUAL = 6.0
# Names of lines are no nearer than this part of the axis, and no more than this many.
NAME_SPACE, MOST_NAMES = 0.017, 45


def draw_nominal(figure, nominal, counts):
    """Draw a spectrum by its nominal wavelengths, plain and stretched.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    nominal, counts : ndarray, shape (pixels,)
        [Angstrom], [ADU]
    """
    linear, stretched = figure.subplots(2, sharex=True)
    draw_spectrum(linear, nominal, counts)
    draw_spectrum(stretched, nominal, counts, faint=True)
    stretched.set_xlabel("Nominal wavelength in air (Å)")
    figure.supylabel("Sum along the slit (ADU)", fontsize="medium")


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
    wavelength = spectrum.wavelength
    figure.set_figheight(7.4)
    above, middle, below = figure.subplots(
        3,
        sharex=True,
        gridspec_kw={
            "height_ratios": [3.0, 1.3, 1.0],
            "left": 0.12,
            "right": 0.985,
            "top": 0.865,
            "bottom": 0.065,
            "hspace": 0.2,
        },
    )
    draw_spectrum(above, wavelength, spectrum.clean, faint=True)
    above.set_ylabel("Sum along the slit (ADU)")
    found = [line for line in lines if "residual" in line]
    at, residual = (
        np.array([line[name] for line in found]) for name in ("wavelength_air", "residual")
    )
    used = np.array([line["used"] == "True" for line in found])
    name_lines(above, wavelength, [line for line, is_used in zip(found, used) if is_used])
    draw_residuals(middle, at, residual, used)
    middle.fill_between(
        wavelength,
        -spectrum.wavelength_error,
        spectrum.wavelength_error,
        color=COLOUR.highlight,
        alpha=0.3,
        lw=0,
        label="1 sigma of the solution",
    )
    # At a given height, because the search for one that is free takes longer than the title.
    middle.set_title(note, loc="right", y=1.0, fontsize="small", color=COLOUR.data)
    for axes in above, middle:
        axes.xaxis.set_visible(False)

    below.plot(wavelength, nominal - wavelength, color=COLOUR.data, lw=1.2)
    below.axhline(0, color=COLOUR.muted, lw=0.5)
    below.set_ylabel("Nominal − fit (Å)")
    below.set_xlabel("Wavelength in air (Å)")
    finish(below)
    for axes in above, middle, below:
        # Beyond the widest numbers, whatever they are.
        axes.yaxis.set_label_coords(-0.1, 0.5)
        hatch_untrusted(axes, wavelength, trusted)
    middle.legend(
        frameon=False, fontsize="small", ncols=4, loc="lower left", bbox_to_anchor=(0, 0.98)
    )


def draw_residuals(axes, wavelength, residual, used):
    """Draw the distance of identified lines from the solution [Angstrom]."""
    distance = np.abs(residual[used])
    limit = max(LARGEST_RESIDUAL * SIGMA_PER_MAD * np.median(distance), distance.max())
    axes.axhline(0, color=COLOUR.muted, lw=0.5)
    axes.plot(
        wavelength[~used],
        residual[~used].clip(-limit, limit),
        "x",
        color=COLOUR.muted,
        ms=4,
        label="left out (clipped)",
    )
    axes.plot(wavelength[used], residual[used], "o", color=COLOUR.data, ms=3.5, label="used")
    axes.set_ylim(-1.15 * limit, 1.15 * limit)
    axes.set_ylabel("Residual (Å)")
    finish(axes)


def hatch_untrusted(axes, wavelength, trusted):
    """Hatch where a solution is not trusted."""
    ends = (0, trusted[0]), (trusted[1], wavelength.size - 1)
    for number, (first, last) in enumerate(pair for pair in ends if pair[1] > pair[0]):
        axes.axvspan(
            wavelength[first],
            wavelength[last],
            # Of two hatched ends the legend shows one.
            label="_" * number + "not trusted",
            facecolor="none",
            edgecolor=COLOUR.muted,
            alpha=0.35,
            hatch="////",
            lw=0,
        )


def name_lines(axes, wavelength, lines):
    """Name the brightest lines above a spectrum, as many as fit beside each other."""
    axes.margins(y=0.02)
    space = NAME_SPACE * abs(wavelength[-1] - wavelength[0])
    named = []
    for line in sorted(lines, key=lambda line: -line["height"]):
        at = line["wavelength_air"]
        if any(abs(at - other) < space for other in named):
            continue
        named.append(at)
        axes.annotate(
            f"{line['ion']} {at:.1f}",
            (at, 1.0),
            (0, 3),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            rotation=90,
            ha="center",
            va="bottom",
            fontsize="x-small",
            color=COLOUR.muted,
        )
        if len(named) == MOST_NAMES:
            return
