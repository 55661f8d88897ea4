"""The picture of a frame and its spectrum."""

import numpy as np
import pytest
from PIL import Image

from lampflux.pictures.extraction import COLOURS, STYLES, draw_frame
from lampflux.pictures.panels import Pixels, Sheet
from lampflux.pictures.style import DPI, new_figure, save

IDENTITY = {"BRAND": "Photron", "LAMP": "ThAr", "CCD": "Red", "EXPTIME": 0.5, "ID": "02"}


def blank_corner():
    frame = np.arange(1200.0).reshape(30, 40)
    frame[:10, :10] = np.nan
    return frame


def drawn(frame, shape, lit):
    sheet = Sheet(new_figure(IDENTITY, "frame"), STYLES)
    draw_frame(sheet, frame, shape, lit)
    return sheet


def pixels_of(sheet):
    frame, _ = (artist for artist in sheet.figure.artists if isinstance(artist, Pixels))
    return frame.panel, frame.colours


@pytest.mark.parametrize(
    "frame",
    [np.zeros((30, 40), "u2"), np.full((30, 40), 65535, "u2"), blank_corner(), np.eye(30, 40)],
    ids=["zero", "saturated", "blank corner", "one lit row"],
)
def test_a_strange_frame_can_be_drawn(tmp_path, frame):
    sheet = drawn(frame, frame.shape, np.arange(5, 9))
    sheet.draw()
    save(sheet.figure, tmp_path / "a.png", ["pdf", "svg"])
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.pdf", "a.png", "a.svg"]


@pytest.mark.parametrize(
    ("rows", "edges"),
    [
        (range(5, 9), [4.5, 8.5]),
        (range(20), [-0.5, 19.5]),
        (range(30), []),
        ([2, 3, 7], [1.5, 3.5, 6.5, 7.5]),
    ],
)
def test_lit_rows_are_marked_at_their_edges_unless_they_are_all(rows, edges):
    sheet = drawn(np.ones((30, 40)), (30, 40), np.array(rows))
    panel, _ = pixels_of(sheet)
    # The last one is in the legend.
    heights = [path[0, 1] for path in sheet.paths["edges"]][:-1]
    np.testing.assert_allclose(heights, [panel.points(0, edge)[0, 1] for edge in edges])


def test_noise_is_dark_and_a_faint_line_stands_out_below_a_bright_one():
    frame = 500 + np.random.default_rng(1).normal(0, 3, (60, 200))
    frame[20:40, 50] += 80
    frame[20:40, 150:153] += 30000
    _, shown = pixels_of(drawn(frame, frame.shape, np.arange(20, 40)))
    colours = COLOURS(np.arange(COLOURS.N), bytes=True)
    step = (shown[:, :, np.newaxis] == colours).all(axis=3).argmax(axis=2)
    assert step[:20].max() <= 1
    assert step[20:40, 50].min() >= 4
    assert step[20:40, 151].min() == COLOURS.N - 1


def test_each_pixel_of_the_frame_is_drawn_at_its_place(tmp_path):
    frame = np.zeros((60, 200))
    frame[45, 150] = 30000
    sheet = drawn(frame, (4112, 4096), np.arange(4112))
    sheet.draw()
    save(sheet.figure, tmp_path / "a.png")
    panel, _ = pixels_of(sheet)
    across, up = panel.points(150.5 * 4096 / 200, 45.5 * 4112 / 60)[0] * DPI
    with Image.open(tmp_path / "a.png") as image:
        place = round(across), round(image.height - up)
        brightest = np.array(image.convert("RGB").getpixel(place))
    wanted = 255 * np.array(COLOURS(COLOURS.N - 1)[:3])
    np.testing.assert_allclose(brightest, wanted, atol=4)
