"""The picture of the line windows."""

import numpy as np
import pytest

from lampflux.pictures.fluxes import draw_windows, flux_text
from lampflux.pictures.style import new_figure, save

IDENTITY = {"BRAND": "Photron", "LAMP": "ThAr", "CCD": "Red", "EXPTIME": 0.5, "ID": "02"}


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
    _, *below = figure.axes
    assert len(below) == count
    for number, axes in enumerate(below):
        title = axes.get_title(loc="left")
        line = f"Ne I {6402.25 + number:.2f}" if number else "no line"
        assert title.startswith(f"{number + 1}  {line}")
        assert title.endswith(f"{number + 2},345.04 ± 0.21 ADU/s/fibre")
        assert [text.get_text() for text in axes.texts] == ["saturated"] * (number == 2)
    save(figure, tmp_path / "a.png")
    (legend,) = figure.legends
    labels = [text.get_text() for text in legend.get_texts()]
    assert labels == ["data", "fit", "single lines", "continuum", "window"]


def test_ticks_below_a_close_up_name_column_and_wavelength():
    row = {"pixel_start": 25, "pixel_stop": 35, "net_flux": None, "flags": "", "ion": "Ne I"}
    row |= {"wavelength_air": 5015.0, "net_flux_err": None}
    figure = new_figure(IDENTITY, "windows")
    fit = np.arange(20, 40), np.full(20, 5.0), np.full((1, 20), 9.0)
    draw_windows(figure, 5000 + 0.5 * np.arange(100), np.arange(100.0), [fit], [row])
    (residual,) = figure.axes[1].child_axes
    assert residual.xaxis.get_major_formatter()(30) == "30\n5015.0"


def test_a_negative_flux_has_a_minus_sign():
    assert flux_text({"net_flux": -1234.56, "net_flux_err": 1.2}) == "−1,234.6 ± 1.2 ADU/s/fibre"
