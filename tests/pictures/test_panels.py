"""Panels of a figure without axes of their own."""

import numpy as np
import pytest

from lampflux.pictures.panels import PARTS, Panel, Sheet, draw_spectrum, tick_up
from lampflux.pictures.style import save, titled_figure

STYLES = PARTS | {"data": {"color": "black"}}
PLACE = 1.0, 0.6, 8.0, 2.0


def sheet():
    return Sheet(titled_figure("Title", simulated=False, height=3.0), STYLES)


def test_each_count_is_at_its_place_and_height():
    x, counts = np.array([3.0, 4.0, 5.0, 6.0]), np.array([-1.0, 1e6, 7.0, 0.0])
    drawn = sheet()
    panel, knee = draw_spectrum(drawn, PLACE, x, counts)
    (path,) = drawn.paths["data"]
    heights = panel.points(4, np.arcsinh(counts / knee))[:, 1]
    np.testing.assert_allclose(path[:, 1], np.repeat(heights, 2))
    edges = panel.points([3, 3.5, 3.5, 4.5, 4.5, 5.5, 5.5, 6], 0)[:, 0]
    np.testing.assert_allclose(path[:, 0], edges)


@pytest.mark.parametrize(
    "counts",
    [
        np.zeros(50),
        np.full(50, -3.0),
        np.full(50, 1e-3),
        np.linspace(-1e9, 1e9, 50),
        np.where(np.arange(50) < 40, np.nan, 5.0),
    ],
    ids=["zero", "negative", "tiny", "huge", "gaps"],
)
def test_a_strange_spectrum_can_be_drawn(tmp_path, counts):
    drawn = sheet()
    draw_spectrum(drawn, PLACE, np.arange(50.0), counts)
    drawn.draw()
    save(drawn.figure, tmp_path / "a.png")
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]


def test_wavelengths_that_fall_with_the_pixel_rise_to_the_right():
    drawn = sheet()
    panel, _ = draw_spectrum(drawn, PLACE, np.arange(50.0)[::-1], np.arange(50.0))
    assert panel.x == (0, 49)
    (path,) = drawn.paths["data"]
    assert path[0, 0] > path[-1, 0]


def test_large_numbers_share_a_power_of_ten():
    drawn = sheet()
    tick_up(drawn, Panel(*PLACE, (0, 1), (0, 4.1e6)))
    texts = [text for _, _, text, _ in drawn.words.words]
    assert texts[0] == "×10⁶"
    assert "4" in texts
