import numpy as np
import pytest
from matplotlib.image import imread

from lampflux.fluxes.measure import DrawnFit
from lampflux.pictures.extraction import block_means, draw_frame
from lampflux.pictures.fluxes import draw_windows
from lampflux.pictures.style import draw_spectrum, new_figure, save

IDENTITY = {"BRAND": "Photron", "LAMP": "ThAr", "CCD": "Red", "EXPTIME": 0.5, "ID": "02"}


def names(folder):
    return sorted(file.name for file in folder.iterdir())


# Block means


@pytest.mark.parametrize("dtype", ["u2", "i4", "f4", "f8"])
def test_blocks_that_fit_are_plain_means(dtype):
    image = np.random.default_rng(1).integers(0, 65536, (60, 80)).astype(dtype)
    plain = image.astype(float).reshape(20, 3, 16, 5).mean(axis=(1, 3))
    assert block_means(image, (20, 16)) == pytest.approx(plain, rel=1e-6)


def test_blocks_at_the_far_edges_average_what_is_left():
    image = np.arange(35.0).reshape(5, 7)
    corners = [[image[:2, :3], image[:2, 3:6], image[:2, 6:]]]
    corners += [[image[2:4, :3], image[2:4, 3:6], image[2:4, 6:]]]
    corners += [[image[4:, :3], image[4:, 3:6], image[4:, 6:]]]
    plain = [[block.mean() for block in row] for row in corners]
    np.testing.assert_allclose(block_means(image, (3, 3)), plain)


@pytest.mark.parametrize("size", [1, 2, 499, 500, 501, 999, 1000, 1001, 4112])
def test_the_result_is_no_larger_than_wanted_and_never_empty(size):
    height, width = block_means(np.ones((size, 3)), (500, 2)).shape
    assert 1 <= height <= 500
    assert width == 2


def test_a_small_image_stays_as_it_is():
    image = np.random.default_rng(1).integers(0, 65536, (4, 6)).astype("u2")
    assert block_means(image, (500, 1024)).tolist() == image.tolist()


def test_bright_unsigned_pixels_do_not_wrap():
    assert block_means(np.full((64, 64), 65535, "u2"), (2, 2)).tolist() == [[65535] * 2] * 2


def test_a_blank_pixel_spoils_no_other_block():
    image = np.ones((6, 6))
    image[4, 1] = np.nan
    blank = np.isnan(block_means(image, (3, 3)))
    assert np.argwhere(blank).tolist() == [[2, 0]]


# Pictures


def test_a_picture_is_a_png_and_leaves_no_part_file(tmp_path):
    figure = new_figure(IDENTITY, "raw frame")
    save(figure, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    height, width, _ = imread(tmp_path / "a.png").shape
    assert width > height > 300
    assert names(tmp_path) == ["a.png"]


def test_a_picture_that_fails_leaves_nothing(tmp_path):
    class Broken:
        def savefig(self, path, format, **options):
            path.write_bytes(b"half")
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        save(Broken(), tmp_path / "a.png")
    assert names(tmp_path) == []


def test_the_title_names_the_exposure_and_what_is_shown():
    title = new_figure(IDENTITY, "raw frame").get_suptitle()
    for word in "Photron", "ThAr", "Red", "0.5 s", "02", "raw frame":
        assert word in title


@pytest.mark.parametrize("faint", [True, False])
def test_the_spectrum_is_drawn_as_it_is(faint):
    x, counts = np.array([3.0, 4.0, 5.0]), np.array([-1.0, 1e6, 7.0])
    axes = new_figure(IDENTITY, "spectrum").subplots()
    draw_spectrum(axes, x, counts, faint=faint)
    np.testing.assert_array_equal(axes.lines[-1].get_xydata(), np.column_stack([x, counts]))


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
    figure = new_figure(IDENTITY, "spectrum", height=3.0)
    plain, faint = figure.subplots(1, 2)
    draw_spectrum(plain, np.arange(50), counts)
    draw_spectrum(faint, np.arange(50), counts, faint=True)
    save(figure, tmp_path / "a.png")
    assert names(tmp_path) == ["a.png"]


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
    draw_frame(figure.subplots(), frame, np.arange(5, 9))
    save(figure, tmp_path / "a.png")
    assert names(tmp_path) == ["a.png"]


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
    draw_frame(axes, np.ones((30, 40)), np.array(rows))
    assert [line.get_ydata()[0] for line in axes.lines] == edges


def test_pixels_of_the_picture_are_pixels_of_the_frame():
    axes = new_figure(IDENTITY, "frame").subplots()
    draw_frame(axes, np.ones((4112, 4096), "u1"), np.arange(4112))
    assert axes.images[0].get_extent() == [-0.5, 4095.5, -0.5, 4111.5]


@pytest.mark.parametrize("count", [1, 5, 6])
def test_each_window_has_a_close_up_with_its_line_and_flux(tmp_path, count):
    rows = [
        {
            "pixel_start": 15 * number,
            "pixel_stop": 15 * number + 5,
            "net_flux": 1000.0 * number + 2345.04,
            "net_flux_err": 0.21,
            "flags": "saturated" if number == 2 else "",
            "ion": "Ne I",
            "wavelength_air": 6402.25 + number if number else None,
        }
        for number in range(count)
    ]
    figure = new_figure(IDENTITY, "windows")
    counts = np.random.default_rng(1).normal(0, 100, 100)
    fits = [DrawnFit(np.arange(20, 40), np.full(20, 5.0), np.full(20, 9.0))] * count
    draw_windows(figure, 5000 + 0.5 * np.arange(100), counts, fits, rows)
    _, *below = figure.axes
    titles = [axes.get_title(loc="left") for axes in below]
    assert len(titles) == count
    for number, title in enumerate(titles):
        line = f"Ne I {6402.25 + number:.2f}" if number else "no line"
        assert title.startswith(f"{number + 1}  {line}")
        assert f"{number + 2},345.04 ± 0.21" in title
        assert title.endswith(", saturated") == (number == 2)
    save(figure, tmp_path / "a.png")
