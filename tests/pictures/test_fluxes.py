"""The picture of the line windows."""

import numpy as np
import pytest

from lampflux.pictures.fluxes import draw_windows
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
    titles = [axes.get_title(loc="left") for axes in below]
    assert len(titles) == count
    for number, title in enumerate(titles):
        line = f"Ne I {6402.25 + number:.2f}" if number else "no line"
        assert title.startswith(f"{number + 1}  {line}")
        assert f"{number + 2},345.04 ± 0.21" in title
        assert title.endswith(", saturated") == (number == 2)
    save(figure, tmp_path / "a.png")
