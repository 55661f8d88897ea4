"""The look that all pictures share."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.image import imread
from PIL import Image

from lampflux.pictures.extraction import COLOURS
from lampflux.pictures.style import (
    COLOUR,
    new_figure,
    number_text,
    picture,
    round_ticks,
    save,
)

IDENTITY = {"BRAND": "Photron", "LAMP": "ThAr", "CCD": "Red", "EXPTIME": 0.5, "ID": "02"}


def names(folder):
    return sorted(file.name for file in folder.iterdir())


def test_a_picture_is_a_png_and_leaves_no_part_file(tmp_path):
    figure = new_figure(IDENTITY, "raw frame")
    save(figure, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    height, width, *_ = imread(tmp_path / "a.png").shape
    assert width > height > 300
    assert names(tmp_path) == ["a.png"]


def test_vector_pictures_lie_beside_the_png_and_are_the_same_each_time(tmp_path):
    for folder in "first", "second":
        (tmp_path / folder).mkdir()
        save(new_figure(IDENTITY, "raw frame"), tmp_path / folder / "a.png", ["pdf", "svg"])
        assert names(tmp_path / folder) == ["a.pdf", "a.png", "a.svg"]
    for name in names(tmp_path / "first"):
        first, second = (tmp_path / folder / name for folder in ("first", "second"))
        assert first.read_bytes() == second.read_bytes()
    assert (tmp_path / "first/a.pdf").read_bytes().startswith(b"%PDF")
    assert "raw frame" in (tmp_path / "first/a.svg").read_text()


def test_a_picture_that_fails_leaves_nothing(tmp_path, monkeypatch):
    def broken(image, path, **options):
        path.write_bytes(b"half")
        raise ValueError("no")

    monkeypatch.setattr(Image.Image, "save", broken)
    with pytest.raises(ValueError, match="no"):
        save(new_figure(IDENTITY, "raw frame"), tmp_path / "a.png")
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-10, "−10"),
        (1234.0, "1234"),
        (73000.0, "7.3×10⁴"),
        (1e5, "10⁵"),
        (7.3e6, "7.3×10⁶"),
        (-2e-5, "−2×10⁻⁵"),
    ],
)
def test_numbers_have_minus_signs_and_powers_of_ten(value, text):
    assert number_text(value) == text


@pytest.mark.parametrize(
    ("knee", "high", "ticks"),
    [
        (10, 300, [0, 10, 20, 50, 100, 200]),
        (10, 9000, [0, 10, 30, 100, 300, 1000, 3000]),
        (10, 60000, [0, 10, 100, 1000, 10000]),
    ],
)
def test_ticks_of_a_stretched_axis_are_round_numbers(knee, high, ticks):
    np.testing.assert_allclose(round_ticks(knee, high), ticks)


def test_a_png_is_as_wide_as_a_page_at_the_resolution_it_states(tmp_path):
    save(new_figure(IDENTITY, "raw frame"), tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        assert image.info["dpi"] == pytest.approx((200, 200), abs=0.01)
        assert image.width / 200 == pytest.approx(7, abs=0.1)


def test_few_colours_keep_the_shades_of_all_lines_and_of_every_step_of_a_frame():
    figure = new_figure(IDENTITY, "raw frame")
    axes = figure.add_axes((0, 0, 1, 0.9))
    axes.imshow(np.arange(18)[None], cmap=COLOURS, aspect="auto")
    for place, colour in enumerate(COLOUR):
        axes.axhspan(place / 20, place / 20 + 0.04, color=colour)
    shades = np.asarray(picture(figure).convert("RGB"), int)
    steps = shades[shades.shape[0] // 5, 20 :: shades.shape[1] // 18]
    assert len(np.unique(steps, axis=0)) == 18
    for colour in (*COLOUR, "white"):
        wanted = 255 * np.array(to_rgb(colour))
        assert np.abs(shades - wanted).max(axis=2).min() < 4


def test_the_title_names_the_exposure_and_what_is_shown():
    title = new_figure(IDENTITY, "raw frame").get_suptitle()
    for word in "Photron", "ThAr", "Red", "0.5 s", "02", "raw frame":
        assert word in title
