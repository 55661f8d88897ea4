"""The picture of identified lines."""

import numpy as np
import pytest

from lampflux.files.spectra import Spectrum
from lampflux.pictures.lettering import Words, font_of
from lampflux.pictures.style import new_figure
from lampflux.pictures.wavelengths import RESIDUALS as RESIDUAL_PANEL
from lampflux.pictures.wavelengths import draw_calibration

IDENTITY = {"BRAND": "Photron", "LAMP": "ThAr", "CCD": "Red", "EXPTIME": 0.5, "ID": "02"}
WAVELENGTH = 5000 + 0.5 * np.arange(1000)
RESIDUALS = [0.001] * 9 + [-0.5]


def calibration(trusted):
    spectrum = Spectrum(**dict.fromkeys(Spectrum._fields))._replace(
        wavelength=WAVELENGTH, clean=np.ones(1000), wavelength_error=np.full(1000, 0.01)
    )
    lines = [
        {"ion": "Ne I", "wavelength_air": 5010.0 + 45 * number, "height": 9.0, "used": "True"}
        | {"residual": residual}
        for number, residual in enumerate(RESIDUALS)
    ]
    figure = new_figure(IDENTITY, "wavelengths")
    draw_calibration(figure, spectrum, WAVELENGTH, lines, trusted, "10 lines used")
    (words,) = (artist for artist in figure.artists if isinstance(artist, Words))
    return figure, words.words


@pytest.mark.parametrize(
    ("trusted", "labels"), [((0, 999), 0), ((10, 999), 1), ((0, 900), 1), ((10, 900), 1)]
)
def test_the_legend_explains_the_hatching_once_where_there_is_any(trusted, labels):
    _, words = calibration(trusted)
    texts = [text for _, _, text, _ in words]
    assert texts.count("not trusted") == labels
    assert texts.count("10 lines used") == 1


def test_a_line_in_use_is_never_outside_the_panel_of_residuals():
    figure, _ = calibration((0, 999))
    (used,) = (artist for artist in figure.artists if artist.get_label() == "used")
    height = used.get_ydata()[:-2]
    assert len(height) == len(RESIDUALS) + 1
    bottom, top = RESIDUAL_PANEL[1], RESIDUAL_PANEL[1] + RESIDUAL_PANEL[3]
    assert bottom < np.nanmin(height)
    assert np.nanmax(height[:-1]) < top


def test_names_of_lines_do_not_touch():
    _, words = calibration((0, 999))
    names = sorted((x, style["fontsize"]) for x, _, text, style in words if "Ne I" in text)
    assert len(names) == len(RESIDUALS)
    height = font_of("x-small", "normal")[1] / 72
    assert np.diff([x for x, _ in names]).min() > height
