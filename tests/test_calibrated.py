import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.wcs import WCS
from specutils import Spectrum

from calibrated import nominal_wavelength, write_calibrated

BLUE = {"crval": 4799.726495726, "crpix": 2048, "cdelt": 0.5470085470085}
RED = {"crval": 6754.73992674, "crpix": 2048, "cdelt": 0.5201465201465}


def write_example(folder, nominal, size=50):
    pixels = np.arange(size)
    table = {
        "pixel": pixels,
        "wavelength": nominal_wavelength(pixels, **nominal),
        "flux": 1000.5 - 40 * pixels,
        "uncertainty": np.sqrt(pixels + 1),
        "mask": pixels % 7 == 3,
    }
    path = folder / "a.fits"
    write_calibrated(path, fits.Header({"LAMP": "ThAr", "EXPTIME": 60.0}), nominal, table)
    return path, table


@pytest.mark.parametrize("solution", [BLUE, RED, {"crval": 100.0, "crpix": 1.5, "cdelt": -2.0}])
def test_the_reference_pixel_counts_from_one(solution):
    pixel = solution["crpix"] - 1
    assert nominal_wavelength(pixel, **solution) == solution["crval"]
    after = nominal_wavelength(pixel + 3, **solution)
    assert after == pytest.approx(solution["crval"] + 3 * solution["cdelt"], abs=1e-9)


@pytest.mark.parametrize(("solution", "first", "last"), [(BLUE, 3680, 5920), (RED, 5690, 7820)])
def test_the_arms_of_hector_span_round_wavelengths(solution, first, last):
    ends = nominal_wavelength(np.array([0, 4095]), **solution)
    assert ends == pytest.approx([first, last], abs=1e-6)


@pytest.mark.parametrize("solution", [BLUE, RED, {"crval": 4500.25, "crpix": 10.5, "cdelt": -4.6}])
def test_the_header_gives_the_wavelengths_of_the_table(tmp_path, solution):
    path, _ = write_example(tmp_path, solution)
    with fits.open(path) as hdus:
        wcs = WCS(hdus[0].header)
        table = hdus["SPECTRUM"].data
        world = wcs.pixel_to_world_values(table["pixel"]) * u.Unit(wcs.wcs.cunit[0])
        assert world.to_value("Angstrom") == pytest.approx(table["wavelength"], abs=1e-6)
    assert wcs.wcs.ctype[0] == "AWAV"


def test_the_table_is_written_whole_in_order_and_with_units(tmp_path):
    path, wanted = write_example(tmp_path, BLUE)
    with fits.open(path) as hdus:
        columns = hdus["SPECTRUM"].columns
        units = {column.name: column.unit for column in columns}
        for name, values in wanted.items():
            np.testing.assert_array_equal(hdus["SPECTRUM"].data[name], values)
        np.testing.assert_array_equal(hdus[0].data, wanted["flux"])
        assert hdus[0].header["LAMP"] == "ThAr"
        assert hdus[0].header["EXPTIME"] == 60
    assert list(units) == ["pixel", "wavelength", "flux", "uncertainty", "mask"]
    assert units == {
        "pixel": "pixel",
        "wavelength": "Angstrom",
        "flux": "adu",
        "uncertainty": "adu",
        "mask": None,
    }


def test_the_header_that_was_handed_in_is_left_alone(tmp_path):
    header = fits.Header({"LAMP": "ThAr"})
    table = {"pixel": np.arange(2), "flux": np.ones(2)}
    write_calibrated(tmp_path / "a.fits", header, BLUE, table)
    assert list(header) == ["LAMP"]


def test_specutils_opens_the_file(tmp_path):
    path, wanted = write_example(tmp_path, RED)
    spectrum = Spectrum.read(path)
    assert spectrum.flux.unit == u.adu
    assert spectrum.spectral_axis.unit == u.Angstrom
    np.testing.assert_array_equal(spectrum.flux.value, wanted["flux"])
    np.testing.assert_array_equal(spectrum.spectral_axis.value, wanted["wavelength"])
    np.testing.assert_array_equal(spectrum.uncertainty.array, wanted["uncertainty"])
    np.testing.assert_array_equal(spectrum.mask, wanted["mask"])
