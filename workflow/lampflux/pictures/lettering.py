"""Text as filled outlines of its letters, which takes a tenth of the time of matplotlib's own."""

from collections import defaultdict
from functools import cache
from typing import NamedTuple

import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.colors import to_rgb
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.ft2font import LoadFlags
from matplotlib.path import Path
from matplotlib.text import Text
from matplotlib.transforms import Affine2D

# Outlines are cut at this size [point], one pixel to a point, and scaled to that of the text.
CUT = 100
# Room above and below the baseline of a line of text, and between lines [font size].
ASCENT, DESCENT, GAP = 0.76, 0.24, 0.2


class Outline(NamedTuple):
    """Outline of a letter or text, and its extent; in units of the font's size.

    Attributes
    ----------
    vertices : ndarray, shape (points, 2)
    codes : ndarray, shape (points,)
        As `matplotlib.path.Path` takes them.
    width : float
        Distance to the start of the next letter.
    top, bottom : float
        Above the baseline.
    """

    vertices: np.ndarray
    codes: np.ndarray
    width: float
    top: float
    bottom: float


@cache
def letter(character, file):
    """Outline of a letter in a font file."""
    font = get_font(file)
    font.set_size(CUT, 72)
    glyph = font.load_char(ord(character), flags=LoadFlags.NO_HINTING)
    vertices, codes = font.get_path()
    top, bottom = vertices[:, 1].max(initial=0), vertices[:, 1].min(initial=0)
    # FreeType gives the distance to the next letter in 65536ths of a pixel.
    width = glyph.linearHoriAdvance / 2**16
    return Outline(vertices / CUT, codes, width / CUT, top / CUT, bottom / CUT)


@cache
def outline(text, file):
    """Outline of a line of text in a font file."""
    letters = [letter(character, file) for character in text]
    starts = np.cumsum([0.0, *(each.width for each in letters)])
    places = [each.vertices + np.array([start, 0]) for each, start in zip(letters, starts)]
    return Outline(
        np.concatenate(places),
        np.concatenate([each.codes for each in letters]),
        starts[-1],
        max(each.top for each in letters),
        min(each.bottom for each in letters),
    )


@cache
def font_of(size, weight):
    """File of a font, and its size [point], by their names in matplotlib."""
    properties = FontProperties(family="DejaVu Sans", size=size, weight=weight)
    return findfont(properties), properties.get_size_in_points()


def width(text, size="small"):
    """Width of a line of text [inch]."""
    file, points = font_of(size, "normal")
    return outline(text, file).width * points / 72


class Renderer(RendererAgg):
    """Draw pixels as matplotlib does, but text as outlines."""

    def get_text_width_height_descent(self, s, prop, ismath):
        """Measure a line of text [pixel]."""
        if ismath:
            return super().get_text_width_height_descent(s, prop, ismath)
        size = self.points_to_pixels(prop.get_size_in_points())
        shape = outline(s, findfont(prop))
        return size * shape.width, size * (shape.top - shape.bottom), -size * shape.bottom

    def draw_text(self, gc, x, y, s, prop, angle, ismath=False, mtext=None):
        """Draw a line of text."""
        if ismath:
            super().draw_text(gc, x, y, s, prop, angle, ismath, mtext)
            return
        size = self.points_to_pixels(prop.get_size_in_points())
        shape = outline(s, findfont(prop))
        place = Affine2D().scale(size).rotate_deg(angle).translate(x, self.height - y)
        gc.set_linewidth(0)
        self.draw_path(gc, Path(shape.vertices, shape.codes), place, gc.get_rgb())


class Canvas(FigureCanvasAgg):
    """Pixels of a figure, with text as outlines."""

    def get_renderer(self):
        """Give the renderer of the figure's size; a new one where that has changed."""
        width, height = self.get_width_height(physical=True)
        last = getattr(self, "renderer", None)
        if last is None or (last.width, last.height) != (width, height):
            self.renderer = Renderer(width, height, self.figure.dpi)
        return self.renderer


class Words(Artist):
    """Many short texts, drawn together.

    Attributes
    ----------
    words : list of (float, float, str, dict)
        Place of each [inch], its text, and its style as `matplotlib.text.Text` takes it.
    """

    def __init__(self):
        super().__init__()
        self.words = []
        # Above lines, as matplotlib's texts are.
        self.set_zorder(3)

    def write(self, x, y, text, **style):
        """Add a text of one or several lines.

        Parameters
        ----------
        x, y : float
            [inch]
        text : str
        **style
            ``fontsize``, ``fontweight``, ``color``, ``rotation`` (0 or 90), and ``ha`` and ``va``,
            along the text and across it.
        """
        self.words.append((x, y, text, {"fontsize": "small"} | style))

    def draw(self, renderer):
        """Draw as one path of each colour; as texts where these can be searched."""
        inches = self.figure.dpi_scale_trans
        if not isinstance(renderer, Renderer):
            for x, y, text, style in self.words:
                word = Text(x, y, text, transform=inches, rotation_mode="anchor", **style)
                word.set_figure(self.figure)
                word.draw(renderer)
            return
        shapes = defaultdict(list)
        for x, y, text, style in self.words:
            shapes[style.get("color", "black")] += placed(x, y, text, style)
        for colour, parts in shapes.items():
            vertices, codes = (np.concatenate(each) for each in zip(*parts))
            gc = renderer.new_gc()
            gc.set_linewidth(0)
            renderer.draw_path(gc, Path(vertices, codes), inches, to_rgb(colour))
            gc.restore()


def placed(x, y, text, style):
    """Outline each line of a text, where its place and style say, as in `Words`.

    Returns
    -------
    list of (ndarray, ndarray)
        Vertices [inch] and codes.
    """
    file, points = font_of(style["fontsize"], style.get("fontweight", "normal"))
    shapes = [outline(line, file) for line in text.split("\n")]
    gap = GAP if len(shapes) > 1 else 0.0
    step = ASCENT + DESCENT + gap
    below = step * (len(shapes) - 1)
    across = {"left": 0.0, "center": 0.5, "right": 1.0}[style.get("ha", "left")]
    # Where the baseline of the last line is.
    up = {
        "baseline": 0.0,
        "bottom": DESCENT + gap / 2,
        "center": (DESCENT - ASCENT - below) / 2,
        "top": -ASCENT - gap / 2 - below,
    }[style.get("va", "baseline")]
    result = []
    for line, shape in enumerate(reversed(shapes)):
        start = np.array([-across * shape.width, up + line * step])
        vertices = (shape.vertices + start) * points / 72
        if style.get("rotation"):
            vertices = vertices[:, ::-1] * np.array([-1, 1])
        result.append((vertices + np.array([x, y]), shape.codes))
    return result
