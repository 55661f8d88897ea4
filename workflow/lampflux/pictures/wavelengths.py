"""Pictures of identified lines."""

import numpy as np

from lampflux.pictures.style import COLOUR, draw_spectrum, finish


def draw_calibration(figure, identification, nominal, counts, peaks):
    """Draw a spectrum with its identified lines, or by its nominal wavelengths without any.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    identification : lampflux.wavelengths.Identification
    nominal, counts : ndarray, shape (pixels,)
        Nominal wavelengths [Angstrom] and summed counts [ADU].
    peaks : lampflux.peaks.Peaks
        That the solution was fitted to.
    """
    if identification.solution:
        draw_identification(figure, identification, nominal, counts, peaks)
        return
    linear, stretched = figure.subplots(2, sharex=True)
    draw_spectrum(linear, nominal, counts)
    draw_spectrum(stretched, nominal, counts, faint=True)
    stretched.set_xlabel("Nominal wavelength in air (Å)")
    figure.supylabel("Sum along the slit (ADU)", fontsize="medium")


def draw_identification(figure, identification, nominal, counts, peaks):
    """Draw a spectrum with its identified lines, their residuals, and the nominal error."""
    solution, wavelength = identification.solution, identification.wavelength
    figure.set_figheight(8.0)
    above, middle, below = figure.subplots(
        3,
        sharex=True,
        gridspec_kw={
            "height_ratios": [3.0, 1.3, 1.0],
            "left": 0.092,
            "right": 0.985,
            "top": 0.875,
            "bottom": 0.065,
            "hspace": 0.2,
        },
    )
    draw_spectrum(above, wavelength, counts, faint=True)
    above.set_ylabel("Sum along the slit (ADU)")
    at = np.interp(peaks.pixel, np.arange(counts.size), wavelength)
    name_identified_lines(above, at, peaks.height, solution)

    draw_residuals(middle, at, peaks.pixel, wavelength, solution)

    below.plot(wavelength, nominal - wavelength, color=COLOUR.data, lw=1.2)
    below.axhline(0, color=COLOUR.muted, lw=0.5)
    below.set_ylabel("Nominal minus\nsolution (Å)")
    below.set_xlabel(
        "Wavelength in air (Å)" + ("; hatched: not trusted" if not whole_range(solution) else "")
    )
    finish(below)
    for axes in above, middle, below:
        hatch_untrusted(axes, wavelength, solution)


def draw_residuals(axes, at, pixel, wavelength, solution):
    """Draw the distance of identified lines from the solution."""
    step = np.interp(pixel, np.arange(wavelength.size - 1), np.diff(wavelength))
    residual = solution.residual * step
    limit = 6.0 * solution.scatter * np.abs(np.median(step))
    used, left_out = solution.used, np.isfinite(residual) & ~solution.used
    axes.axhline(0, color=COLOUR.muted, lw=0.5)
    axes.plot(
        at[left_out],
        residual[left_out].clip(-limit, limit),
        "x",
        color=COLOUR.muted,
        ms=4,
        label="left out (clipped to the frame)",
    )
    axes.plot(at[used], residual[used], "o", color=COLOUR.data, ms=3.5, label="used")
    axes.fill_between(
        wavelength,
        -solution.error,
        solution.error,
        color=COLOUR.highlight,
        alpha=0.3,
        lw=0,
        label="1 sigma",
    )
    axes.set_ylim(-1.15 * limit, 1.15 * limit)
    axes.set_ylabel("Line minus\nsolution (Å)")
    axes.legend(fontsize="small", ncols=3, loc="upper left", bbox_to_anchor=(0, 1.27))
    finish(axes)


def hatch_untrusted(axes, wavelength, solution):
    """Hatch where a solution is not trusted."""
    for first, last in (0, solution.first), (solution.last, wavelength.size - 1):
        if last > first:
            axes.axvspan(
                wavelength[first],
                wavelength[last],
                facecolor="none",
                edgecolor=COLOUR.muted,
                alpha=0.35,
                hatch="////",
                lw=0,
            )


def whole_range(solution):
    """Whether a solution is trusted over the whole detector."""
    return solution.first == 0 and solution.last == solution.wavelength.size - 1


def name_identified_lines(axes, at, height, solution):
    """Name the brightest used lines above a spectrum, as many as fit beside each other."""
    axes.margins(y=0.02)
    span = abs(solution.wavelength[-1] - solution.wavelength[0])
    named = []
    for peak in np.argsort(-height):
        if not solution.used[peak] or any(abs(at[peak] - x) < 0.017 * span for x in named):
            continue
        named.append(at[peak])
        line = solution.line[peak]
        axes.annotate(
            f"{solution.lines.ion[line]} {solution.lines.wavelength[line]:.1f}",
            (at[peak], 1.0),
            (0, 3),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            rotation=90,
            ha="center",
            va="bottom",
            fontsize="x-small",
            color=COLOUR.muted,
        )
        if len(named) == 45:
            return
