"""The look of the pictures, drawn without a display."""

import math

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import AsinhNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

from common.files import whole

LINE = "#1b3a5c"
WINDOW = "#e08214"
QUIET = "#5f6b76"
PLAIN = "#a9bccd"
SATURATED = "#b2182b"
DPI = 110
WIDTH = 11.0
# Largest image that is drawn; larger frames are averaged down to it.
IMAGE_SHAPE = (500, 1024)
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
CLOSE_UPS_PER_ROW = 5
# Windows nearer than this part of the axis share a label's width.
LABEL_SPACE = 0.022


def new_figure(identity, subject, height=7.0):
    """Start a figure titled with the exposure and what is shown.

    Its axes are placed by hand: laying them out takes longer than drawing them.

    Parameters
    ----------
    identity : mapping
        ``BRAND``, ``LAMP``, ``CCD``, ``EXPTIME``, ``ID`` and, for a simulated frame,
        ``SIMULATE``, as in the products' headers.
    subject : str
        What the picture shows.
    height : float
        Height of the figure [inch].

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = titled_figure(
        f"{identity['BRAND']} {identity['LAMP']}, {identity['CCD']} arm, "
        f"{identity['EXPTIME']:g} s, exposure {identity['ID']}: {subject}",
        identity.get("SIMULATE", False),
        height,
        layout=None,
    )
    figure.subplots_adjust(left=0.08, right=0.985, top=0.9, bottom=0.09)
    return figure


def titled_figure(title, simulated, height=7.0, layout="constrained"):
    """Start a figure with a title, and a mark when it shows simulated frames."""
    figure = Figure(figsize=(WIDTH, height), dpi=DPI, layout=layout)
    FigureCanvasAgg(figure)
    mark = " [SIMULATED]" if simulated else ""
    figure.suptitle(title + mark, x=0.01, ha="left", fontweight="bold", color=LINE)
    return figure


def save(figure, path):
    """Write a figure as a PNG, whole or not at all."""
    with whole(path) as part:
        # Files a tenth larger than at the default level, in half the time.
        figure.savefig(part, format="png", pil_kwargs={"compress_level": 3})


def finish(axes):
    """Give axes the common look."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=QUIET)
    axes.margins(x=0)


def block_means(image, shape):
    """Average an image over blocks so that it is no larger than wanted.

    Parameters
    ----------
    image : ndarray, shape (rows, columns)
    shape : (int, int)
        Most rows and columns of the result.

    Returns
    -------
    ndarray
        Block means; blocks at the far edges may hold fewer pixels.
    """
    for most in shape:
        step = math.ceil(len(image) / most)
        sums = np.zeros((math.ceil(len(image) / step), image.shape[1]), np.float32)
        counts = np.zeros((len(sums), 1), np.float32)
        for first in range(step):
            part = image[first::step]
            sums[: len(part)] += part
            counts[: len(part)] += 1
        # Rows are done, columns follow, and they change places again.
        image = (sums / counts).T
    return image


def draw_frame(axes, frame, lit):
    """Draw a raw frame, stretched so that faint and bright lines both show.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    frame : ndarray, shape (rows, columns)
    lit : ndarray of int
        Rows of the clean sum; their edges are marked unless they are all.
    """
    image = block_means(frame, IMAGE_SHAPE)
    low, middle, high = np.nanpercentile(image, (1, 50, 99.9))
    spread = max(middle - low, 1.0)
    height, width = frame.shape
    picture = axes.imshow(
        image,
        norm=AsinhNorm(linear_width=spread, vmin=low - spread, vmax=max(high, low + spread)),
        cmap="viridis",
        origin="lower",
        aspect="auto",
        interpolation="nearest",
        extent=(-0.5, width - 0.5, -0.5, height - 0.5),
    )
    if lit.size < height:
        ends = np.flatnonzero(np.diff(lit) > 1)
        for edge in [lit[0] - 0.5, *(lit[ends] + 0.5), *(lit[ends + 1] - 0.5), lit[-1] + 0.5]:
            axes.axhline(edge, color="white", lw=1, ls="--")
    axes.set_ylabel("Row (pixel)")
    axes.tick_params(colors=QUIET)
    beside = axes.inset_axes((1.01, 0, 0.015, 1))
    bar = axes.figure.colorbar(picture, cax=beside, label="Raw counts (ADU)")
    ticks = [float(f"{value:.2g}") for value in picture.norm.inverse(np.linspace(0.05, 0.95, 7))]
    bar.set_ticks(ticks, labels=[f"{tick:g}" for tick in ticks])
    bar.minorticks_off()


def draw_extraction(figure, frame, lit, spectrum, clean):
    """Draw a raw frame above its plain and its clean spectrum.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    frame : ndarray, shape (rows, columns)
    lit : ndarray of int
        Rows of the clean sum.
    spectrum : ndarray, shape (columns,)
        Plain sum [ADU].
    clean : dict of str to ndarray, each shape (columns,)
        ``counts`` [ADU] and number of ``saturated`` pixels.
    """
    above, below = figure.subplots(
        2,
        sharex=True,
        gridspec_kw={
            "height_ratios": [3, 2],
            "left": 0.07,
            "right": 0.905,
            "top": 0.945,
            "bottom": 0.07,
            "hspace": 0.16,
        },
    )
    draw_frame(above, frame, lit)
    columns = np.arange(spectrum.size)
    below.plot(columns, spectrum, color=PLAIN, lw=0.8, drawstyle="steps-mid", label="all rows")
    draw_spectrum(below, columns, clean["counts"], faint=True, label="lit rows, clean")
    clipped = clean["saturated"] > 0
    if clipped.any():
        below.plot(
            columns[clipped], clean["counts"][clipped], "v", color=WINDOW, ms=4, label="saturated"
        )
    below.legend(frameon=False, fontsize="small", ncols=3, loc="lower left", bbox_to_anchor=(0, 1))
    below.set_xlabel("Column (pixel)")
    below.set_ylabel("Sum along the slit (ADU)")


def draw_spectrum(axes, x, counts, faint=False, label=None):
    """Draw a spectrum as steps, with a thin line at zero.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    x, counts : ndarray, shape (pixels,)
    faint : bool
        Stretch the counts (asinh: linear near zero, logarithmic above) so that faint lines show.
    label : str, optional
        Name in a legend.
    """
    axes.axhline(0, color=QUIET, lw=0.5)
    axes.plot(x, counts, color=LINE, lw=0.8, drawstyle="steps-mid", label=label)
    finish(axes)
    axes.ticklabel_format(axis="y", scilimits=(-3, 4))
    if faint:
        knee = max(np.nanpercentile(np.abs(counts), 75), 1.0)
        first = math.ceil(math.log10(knee))
        last = max(math.floor(math.log10(max(np.nanmax(counts), knee))), first)
        decades = [10.0**power for power in range(first, last + 1)]
        axes.set_yscale("asinh", linear_width=knee)
        axes.set_yticks([0.0, *decades])
        axes.yaxis.set_major_formatter(lambda value, _: power_text(value))
        axes.yaxis.set_minor_locator(NullLocator())


def power_text(value):
    """Write a power of ten, or zero; much faster than matplotlib's own typesetting."""
    return f"10{f'{math.log10(value):.0f}'.translate(SUPERSCRIPTS)}" if value else "0"


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


def draw_identification(figure, outcome, nominal, counts, peaks):
    """Draw a spectrum with its identified lines, their residuals, and the nominal error.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    outcome : common.solution.Outcome
        With a solution.
    nominal, counts : ndarray, shape (pixels,)
        Nominal wavelengths [Angstrom] and summed counts [ADU].
    peaks : common.peaks.Peaks
    """
    solution, wavelength = outcome.solution, outcome.wavelength
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
    label_lines(above, at, peaks.height, solution)

    draw_residuals(middle, at, peaks.pixel, wavelength, solution)

    below.plot(wavelength, nominal - wavelength, color=LINE, lw=1.2)
    below.axhline(0, color=QUIET, lw=0.5)
    below.set_ylabel("Nominal minus\nsolution (Å)")
    below.set_xlabel(
        "Wavelength in air (Å)" + ("; hatched: not trusted" if not whole_range(solution) else "")
    )
    finish(below)
    for axes in above, middle, below:
        hatch_untrusted(axes, wavelength, solution)


def draw_residuals(axes, at, pixel, wavelength, solution):
    """Draw by how much identified lines, at some wavelengths, miss the solution."""
    step = np.interp(pixel, np.arange(wavelength.size - 1), np.diff(wavelength))
    residual = solution.residual * step
    limit = 6.0 * solution.scatter * np.abs(np.median(step))
    used, left_out = solution.used, np.isfinite(residual) & ~solution.used
    axes.axhline(0, color=QUIET, lw=0.5)
    axes.plot(
        at[left_out],
        residual[left_out].clip(-limit, limit),
        "x",
        color=QUIET,
        ms=4,
        label="left out (clipped to the frame)",
    )
    axes.plot(at[used], residual[used], "o", color=LINE, ms=3.5, label="used")
    axes.fill_between(
        wavelength, -solution.error, solution.error, color=WINDOW, alpha=0.3, lw=0, label="1 sigma"
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
                edgecolor=QUIET,
                alpha=0.35,
                hatch="////",
                lw=0,
            )


def whole_range(solution):
    """Whether a solution is trusted over the whole detector."""
    return solution.first == 0 and solution.last == solution.wavelength.size - 1


def label_lines(axes, at, height, solution):
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
            color=QUIET,
        )
        if len(named) == 45:
            return
