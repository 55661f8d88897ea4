"""Panels of a figure without matplotlib's axes, which take longer to draw than their content."""

from typing import NamedTuple

import numpy as np
from matplotlib.artist import Artist
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Affine2D

from lampflux.pictures.lettering import Renderer, Words, width
from lampflux.pictures.style import COLOUR, number_text, raised, round_ticks

# Length of a tick, and distance of its label from the panel [inch].
TICK, LABEL = 0.04, 0.07
# Ticks outside these numbers share a power of ten.
SMALLEST, LARGEST = 1e-3, 1e4
# Ticks of wide and narrow panels, and of high and low ones.
WIDE, NARROW = MaxNLocator(9, steps=(1, 2, 2.5, 5, 10)), MaxNLocator(3, integer=True)
HIGH, LOW = MaxNLocator(8, steps=(1, 2, 5, 10)), MaxNLocator(4)
# Steps of a spectrum with this many pixels would be too narrow to see.
MOST_STEPS = 2000
# Length of a sample in a legend, room after it and after its name [inch].
SAMPLE, SPACE = 0.24, 0.08
# Styles of the parts that most pictures have.
PARTS = {
    "zero": {"color": COLOUR.muted, "lw": 0.5},
    "frame": {"color": "black", "lw": 0.8},
    "ticks": {"color": COLOUR.muted, "lw": 0.8},
}


class Sheet:
    """Paths and texts of a figure, collected so that few artists draw them.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    styles : dict of str to dict
        Parts of the picture, from bottom to top, and the style of each: an area if it has a
        ``facecolor``, else lines or markers. Areas are below lines.

    Attributes
    ----------
    paths : dict of str to list of ndarray, each shape (points, 2)
        Paths of each part [inch].
    words : Words
    """

    def __init__(self, figure, styles):
        self.figure, self.styles = figure, styles
        self.paths = {name: [] for name in styles}
        self.words = Words()
        self.write = self.words.write

    def draw(self):
        """Add the collected paths and texts to the figure."""
        for name, style in self.styles.items():
            if self.paths[name]:
                draw = areas if "facecolor" in style else lines
                self.figure.add_artist(
                    draw(
                        self.paths[name],
                        label=name,
                        transform=self.figure.dpi_scale_trans,
                        **style,
                    )
                )
        self.figure.add_artist(self.words)


def lines(paths, **style):
    """Make one artist of many lines."""
    gap = np.full((1, 2), np.nan)
    return Line2D(*np.concatenate([part for path in paths for part in (path, gap)]).T, **style)


def areas(paths, **style):
    """Make one artist of many areas."""
    closed = (Path(np.vstack([path, path[:1]]), closed=True) for path in paths)
    return PathPatch(Path.make_compound_path(*closed), **style)


class Pixels(Artist):
    """An image on a panel.

    Parameters
    ----------
    panel : Panel
    colours : ndarray of uint8, shape (rows, columns, 4)
        Red, green, blue and opacity; the lowest row first.
    """

    def __init__(self, panel, colours):
        super().__init__()
        self.panel, self.colours = panel, colours

    def draw(self, renderer):
        """Draw each pixel of the picture in the colour of the image pixel at its place."""
        scale = self.figure.dpi_scale_trans.transform((1.0, 1.0))
        corner, size = (scale * part for part in (self.panel[:2], self.panel[2:4]))
        gc = renderer.new_gc()
        if isinstance(renderer, Renderer):
            first, last = (np.rint(each).astype(int) for each in (corner, corner + size))
            columns, rows = (
                ((np.arange(number) + 0.5) * shown / number).astype(int)
                for number, shown in zip(last - first, self.colours.shape[1::-1])
            )
            renderer.draw_image(gc, *first, self.colours[np.ix_(rows, columns)])
        else:
            renderer.draw_image(gc, *corner, self.colours, Affine2D().scale(*size))
        gc.restore()


class Panel(NamedTuple):
    """Place of a panel on its figure [inch], and the range of the data on either axis."""

    left: float
    bottom: float
    width: float
    height: float
    x: tuple[float, float]
    y: tuple[float, float]

    def points(self, x, y):
        """Positions of points on the figure, shape (points, 2) [inch]."""
        across = self.left + self.width * (np.asarray(x) - self.x[0]) / (self.x[1] - self.x[0])
        up = self.bottom + self.height * (np.asarray(y) - self.y[0]) / (self.y[1] - self.y[0])
        return np.column_stack(np.broadcast_arrays(across, up))

    def steps(self, x, values):
        """Positions of steps between values, halfway between their places, as in `points`."""
        edges = np.interp(np.arange(x.size + 1) - 0.5, np.arange(x.size), x)
        return self.points(np.repeat(edges, 2)[1:-1], np.repeat(values, 2))

    def rectangle(self, start, stop):
        """Corners of the part of the panel between two places on its x axis [inch]."""
        return self.points([start, stop, stop, start], np.repeat(self.y, 2))


def draw_spectrum(sheet, place, x, counts, plain=None, size="medium"):
    """Draw a spectrum with an asinh stretch, linear near zero, so that faint lines show.

    Pixels are drawn as steps unless there are too many of them.

    Parameters
    ----------
    sheet : Sheet
        With the parts ``data`` and, for a plain sum, ``all rows``.
    place : (float, float, float, float)
        Left, bottom, width and height of the panel [inch].
    x, counts : ndarray, shape (pixels,)
        Positions, increasing or decreasing, and counts [ADU].
    plain : ndarray, shape (pixels,), optional
        The sum of all rows, drawn below the other [ADU].
    size : str, optional
        Of the numbers.

    Returns
    -------
    panel : Panel
    knee : float
        Where the stretch stops being linear [ADU]: ``arcsinh(counts / knee)`` is drawn.
    """
    knee = max(np.nanpercentile(np.abs(counts), 75), 1.0)
    stretched = np.arcsinh(counts / knee)
    curves = [stretched] if plain is None else [stretched, np.arcsinh(plain / knee)]
    panel = Panel(*place, (x.min(), x.max()), range_of(curves))
    points = panel.steps if x.size < MOST_STEPS else panel.points
    for part, curve in zip(("data", "all rows"), curves):
        sheet.paths[part].append(points(x, curve))
    frame(sheet, panel)
    ticks = round_ticks(knee, max(np.nanmax(counts), knee))
    mark_up(sheet, panel, np.arcsinh(np.divide(ticks, knee)), map(number_text, ticks), size)
    return panel, knee


def frame(sheet, panel):
    """Draw the left and lower side of a panel, and a line at zero."""
    sheet.paths["frame"].append(panel.rectangle(*panel.x)[[3, 0, 1]])
    sheet.paths["zero"].append(panel.points(panel.x, 0.0))


def name_up(sheet, panel, text):
    """Name the axis on the left of a panel."""
    middle = panel.bottom + panel.height / 2
    sheet.write(0.22, middle, text, ha="center", rotation=90, fontsize="medium")


def name_across(sheet, panel, text):
    """Name the axis below a panel."""
    middle, below = panel.left + panel.width / 2, panel.bottom - 0.33
    sheet.write(middle, below, text, ha="center", va="top", fontsize="medium")


def name_parts(sheet, names, x, y, colour="black"):
    """Write a legend of the parts that are shown, from a position to the right [inch].

    ``names`` maps each part to its name; ``y`` is the middle of the line.
    """
    for part, name in names.items():
        if sheet.paths[part]:
            sample = np.array([(x, y), (x + SAMPLE, y)])
            if "facecolor" in sheet.styles[part]:
                half = np.array([0, SPACE / 2])
                sample = np.vstack([sample - half, sample[::-1] + half])
            elif sheet.styles[part].get("ls") == "":
                sample = sample.mean(axis=0, keepdims=True)
            sheet.paths[part].append(sample)
            sheet.write(x + SAMPLE + SPACE, y, name, va="center", color=colour)
            x += SAMPLE + 4 * SPACE + width(name)


def ticks_within(locator, ends):
    """Round numbers within a range."""
    ticks = locator.tick_values(*ends)
    return ticks[(ticks >= ends[0]) & (ticks <= ends[1])]


def tick_across(sheet, panel, locator=WIDE, text="{:g}".format, size="medium"):
    """Write round numbers below a panel; ``text`` formats a number."""
    for tick in ticks_within(locator, panel.x):
        ((across, up),) = panel.points([tick], panel.y[0])
        sheet.paths["ticks"].append(np.array([(across, up), (across, up - TICK)]))
        style = {"ha": "center", "va": "top", "color": COLOUR.muted, "fontsize": size}
        sheet.write(across, up - LABEL, text(tick), **style)


def tick_up(sheet, panel, locator=HIGH, size="medium"):
    """Write round numbers on the left of a panel, their power of ten above."""
    ticks = ticks_within(locator, panel.y)
    largest = np.abs(ticks).max()
    power = 0
    if largest and not SMALLEST <= largest < LARGEST:
        power = int(np.floor(np.log10(largest)))
        top = panel.bottom + panel.height + 0.03
        sheet.write(panel.left, top, f"×{raised(power)}", color=COLOUR.muted)
    mark_up(sheet, panel, ticks, map(number_text, ticks / 10.0**power), size)


def mark_up(sheet, panel, places, texts, size="medium"):
    """Write texts at places on the left of a panel."""
    for place, text in zip(places, texts):
        ((across, up),) = panel.points(panel.x[0], [place])
        sheet.paths["ticks"].append(np.array([(across, up), (across - TICK, up)]))
        style = {"ha": "right", "va": "center", "color": COLOUR.muted, "fontsize": size}
        sheet.write(across - LABEL, up, text, **style)


def range_of(curves):
    """Range that shows all finite values and zero."""
    values = np.concatenate(curves)
    values = values[np.isfinite(values)]
    low, high = np.min(values, initial=0.0), np.max(values, initial=0.0)
    margin = 0.05 * (high - low) or 1.0
    return low - margin, high + margin
