"""The picture of the line windows."""

import re

import numpy as np
import pytest

from lampflux.pictures.fluxes import NAMES, STYLES, draw_close_up, draw_windows, flux_text
from lampflux.pictures.lettering import Words
from lampflux.pictures.panels import Sheet
from lampflux.pictures.style import new_figure, save

IDENTITY = {"BRAND": "Photron", "LAMP": "ThAr", "CCD": "Red", "EXPTIME": 0.5, "ID": "02"}


def words_of(figure):
    (words,) = (artist for artist in figure.artists if isinstance(artist, Words))
    return [text for _, _, text, _ in words.words]


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
    fits = [(np.arange(20, 40), np.full(20, 5.0), np.full((1, 20), 9.0))] * count
    draw_windows(figure, 5000 + 0.5 * np.arange(100), counts, fits, rows)
    words = words_of(figure)
    titles = [text for text in words if "fibre" in text]
    assert len(titles) == count
    for number, title in enumerate(titles):
        line = f"Ne I {6402.25 + number:.2f}" if number else "no line"
        assert title.startswith(f"{number + 1}  {line}")
        assert title.endswith(f"{number + 2},345.04 ± 0.21 ADU/s/fibre")
    assert words.count("saturated") == (count > 2)
    save(figure, tmp_path / "a.png")
    assert [word for word in words if word in NAMES] == ["data", "fit", "continuum", "window"]


def test_ticks_below_a_close_up_name_column_and_wavelength():
    row = {"pixel_start": 25, "pixel_stop": 35, "net_flux": None, "flags": "", "ion": "Ne I"}
    row |= {"wavelength_air": 5015.0, "net_flux_err": None}
    figure = new_figure(IDENTITY, "windows")
    fit = np.arange(20, 40), np.full(20, 5.0), np.full((1, 20), 9.0)
    draw_windows(figure, 5000 + 0.5 * np.arange(100), np.arange(100.0), [fit], [row])
    ticks = [re.fullmatch(r"(\d+)\n(.*)", word) for word in words_of(figure)]
    places = {int(tick[1]): float(tick[2]) for tick in ticks if tick}
    assert len(places) >= 2
    assert all(wavelength == 5000 + 0.5 * column for column, wavelength in places.items())


def test_all_of_a_close_up_is_within_its_panels():
    pixels = np.arange(20, 40)
    row = {"pixel_start": 25, "pixel_stop": 35, "net_flux": None, "flags": "", "ion": "Ne I"}
    row |= {"wavelength_air": 5015.0, "net_flux_err": None}
    counts = np.zeros(100)
    counts[28:31] = [-50, 900, np.nan]
    sheet = Sheet(new_figure(IDENTITY, "windows"), STYLES)
    fit = pixels, np.full(20, 100.0), np.array([[-300.0] * 20, [2000.0] * 20, [0.0] * 20])
    draw_close_up(sheet, (1.0, 1.0), 5000 + 0.5 * np.arange(100), counts, fit, 1, row)
    panel, residual = sheet.paths["frame"]
    low, high = residual[:, 1].min(), panel[:, 1].max()
    for name in NAMES:
        points = np.concatenate(sheet.paths[name])
        points = points[np.isfinite(points).all(axis=1)]
        assert low <= points[:, 1].min() <= points[:, 1].max() <= high
        assert panel[:, 0].min() <= points[:, 0].min() <= points[:, 0].max() <= panel[:, 0].max()


def test_a_negative_flux_has_a_minus_sign():
    assert flux_text({"net_flux": -1234.56, "net_flux_err": 1.2}) == "−1,234.6 ± 1.2 ADU/s/fibre"


def test_a_long_flux_is_written_with_a_power_of_ten():
    row = {"net_flux": 2_181_623.0, "net_flux_err": 565_234.0}
    assert flux_text(row) == "(2.18 ± 0.57)×10⁶ ADU/s/fibre"
