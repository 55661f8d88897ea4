"""Text as outlines of its letters."""

import numpy as np
import pytest
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lampflux.pictures.lettering import Canvas, Words


def shades_of(canvas_of, text, style):
    figure = Figure(figsize=(3, 2), dpi=140)
    canvas = canvas_of(figure)
    figure.text(0.5, 0.5, text, style)
    with rc_context({"text.hinting": "no_hinting"}):
        canvas.draw()
    return 255 - np.asarray(canvas.buffer_rgba())[..., 0].astype(float)


@pytest.mark.parametrize(
    ("text", "style"),
    [
        ("7635.11 Å", {}),
        ("−1.8×10⁻⁵ ADU", {"ha": "right", "va": "center"}),
        ("1  Th II 6965.4", {"rotation": 90, "va": "bottom", "ha": "center"}),
        ("2360\n6959.2", {"ha": "center", "va": "top"}),
        ("GS ThAr", {"fontweight": "bold", "fontsize": "large"}),
    ],
)
def test_text_looks_as_matplotlib_draws_it(text, style):
    own, other = (shades_of(canvas, text, style) for canvas in (Canvas, FigureCanvasAgg))
    assert own.sum() == pytest.approx(other.sum(), rel=0.1)
    for axis in range(2):
        ends, expected = (
            np.flatnonzero(shades.max(axis=axis) > 30)[[0, -1]] for shades in (own, other)
        )
        np.testing.assert_allclose(ends, expected, atol=2)


def test_a_figure_that_has_grown_is_drawn_whole():
    figure = Figure(figsize=(3, 2), dpi=100)
    canvas = Canvas(figure)
    canvas.draw()
    figure.set_figheight(4)
    canvas.draw()
    assert np.asarray(canvas.buffer_rgba()).shape[:2] == (400, 300)


@pytest.mark.parametrize(
    ("text", "style"),
    [
        ("−7635.11", {"ha": "right", "va": "center"}),
        ("2360\n6959.2", {"ha": "center", "va": "top"}),
        ("1  Ar I\n9,575 ± 1", {"color": "red"}),
        ("Th II 6965.4", {"rotation": 90, "va": "center", "fontsize": "x-small"}),
        ("12", {"ha": "center", "va": "bottom", "fontweight": "bold"}),
    ],
)
def test_words_are_where_single_texts_are(text, style):
    shades = []
    for together in True, False:
        figure = Figure(figsize=(3, 2), dpi=140)
        canvas = Canvas(figure)
        if together:
            words = Words()
            words.write(1.5, 1.0, text, **style)
            figure.add_artist(words)
        else:
            anchored = {"fontsize": "small", "rotation_mode": "anchor"} | style
            figure.text(1.5, 1.0, text, transform=figure.dpi_scale_trans, **anchored)
        canvas.draw()
        shades.append(np.asarray(canvas.buffer_rgba()).astype(float))
    assert shades[0].min() < 100
    assert np.abs(shades[0] - shades[1]).mean() < 0.1


def test_words_can_be_searched_in_vector_pictures(tmp_path):
    figure = Figure(figsize=(3, 2))
    words = Words()
    words.write(1.0, 1.0, "Ar I 7635.11")
    figure.add_artist(words)
    with rc_context({"svg.fonttype": "none"}):
        figure.savefig(tmp_path / "a.svg")
    assert "Ar I 7635.11" in (tmp_path / "a.svg").read_text()
