"""The picture of a frame and its spectrum."""

import numpy as np
import pytest

from lampflux.pictures.extraction import COLOURS, draw_frame
from lampflux.pictures.style import new_figure, save

IDENTITY = {"BRAND": "Photron", "LAMP": "ThAr", "CCD": "Red", "EXPTIME": 0.5, "ID": "02"}


def blank_corner():
    frame = np.arange(1200.0).reshape(30, 40)
    frame[:10, :10] = np.nan
    return frame


@pytest.mark.parametrize(
    "frame",
    [np.zeros((30, 40), "u2"), np.full((30, 40), 65535, "u2"), blank_corner(), np.eye(30, 40)],
    ids=["zero", "saturated", "blank corner", "one lit row"],
)
def test_a_strange_frame_can_be_drawn(tmp_path, frame):
    figure = new_figure(IDENTITY, "frame", height=3.0)
    draw_frame(figure.subplots(), frame, frame.shape, np.arange(5, 9))
    save(figure, tmp_path / "a.png")
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]


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
    axes = new_figure(IDENTITY, "frame").subplots()
    draw_frame(axes, np.ones((30, 40)), (30, 40), np.array(rows))
    assert [line.get_ydata()[0] for line in axes.lines] == edges


def test_noise_is_dark_and_a_faint_line_stands_out_below_a_bright_one():
    frame = 500 + np.random.default_rng(1).normal(0, 3, (60, 200))
    frame[20:40, 50] += 80
    frame[20:40, 150:153] += 30000
    axes = new_figure(IDENTITY, "frame").subplots()
    draw_frame(axes, frame, frame.shape, np.arange(20, 40))
    (image,) = axes.images
    colours = COLOURS(np.arange(COLOURS.N), bytes=True)
    step = (image.get_array()[:, :, np.newaxis] == colours).all(axis=3).argmax(axis=2)
    assert step[:20].max() <= 1
    assert step[20:40, 50].min() >= 4
    assert step[20:40, 151].min() == COLOURS.N - 1


def test_pixels_of_the_picture_are_pixels_of_the_frame():
    axes = new_figure(IDENTITY, "frame").subplots()
    draw_frame(axes, np.ones((500, 1024)), (4112, 4096), np.arange(4112))
    assert axes.images[0].get_extent() == [-0.5, 4095.5, -0.5, 4111.5]
