"""The picture of identified lines."""

import numpy as np
import pytest

from lampflux.files.spectra import Spectrum
from lampflux.pictures.style import new_figure
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
    return figure.axes


@pytest.mark.parametrize(
    ("trusted", "labels"), [((0, 999), 0), ((10, 999), 1), ((0, 900), 1), ((10, 900), 1)]
)
def test_the_legend_explains_the_hatching_once_where_there_is_any(trusted, labels):
    _, middle, _ = calibration(trusted)
    legend = [text.get_text() for text in middle.get_legend().get_texts()]
    assert legend.count("not trusted") == labels
    assert middle.get_title(loc="right") == "10 lines used"


def test_a_line_in_use_is_never_outside_the_panel_of_residuals():
    _, middle, _ = calibration((0, 999))
    low, high = middle.get_ylim()
    assert low < min(RESIDUALS)
    assert high > max(RESIDUALS)


def test_names_of_lines_do_not_touch():
    above, _, _ = calibration((0, 999))
    boxes = [text.get_window_extent() for text in above.texts]
    assert len(boxes) == len(RESIDUALS)
    assert not any(left.overlaps(right) for left, right in zip(boxes, boxes[1:]))
