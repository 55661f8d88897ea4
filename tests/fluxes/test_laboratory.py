import numpy as np
import pytest

from lampflux.fluxes.flags import recommendation
from lampflux.fluxes.laboratory import LaboratoryLine, ion_brightness, lines_on_detector
from lampflux.fluxes.measure import measure
from lampflux.fluxes.table import blend_text
from line_spectra import core_and_wing

RISING = 5000 + 0.5 * np.arange(1000)


@pytest.mark.parametrize("wavelength", [RISING, RISING[::-1]])
def test_laboratory_lines_stand_where_the_wavelengths_put_them(wavelength):
    lists = {
        "Ar I": [{"wavelength_air": 5100.25, "intensity": 10}, {"wavelength_air": 9000.0}],
        "Ne I": [{"wavelength_air": 5050.0, "intensity": 3}],
    }
    lines = lines_on_detector(lists, wavelength)
    assert {line.wavelength_air for line in lines} == {5100.25, 5050.0}
    for line in lines:
        found = np.interp(line.pixel, np.arange(1000), wavelength)
        assert found == pytest.approx(line.wavelength_air)
    assert [line.pixel for line in lines] == sorted(line.pixel for line in lines)


def test_the_brightness_of_an_ion_is_that_of_most_of_its_lines():
    places = np.arange(100.0, 900, 100)
    lines = [LaboratoryLine(place, "Ar I", 5000 + place, 10.0 + place) for place in places]
    lines.append(LaboratoryLine(950.0, "Th I", 5950.0, 7.0))
    fluxes = 40.0 * np.array([line.intensity for line in lines])
    fluxes[2] *= 50
    pixel = np.array([line.pixel for line in lines]) + 0.1
    assert ion_brightness(pixel, fluxes, 2.5, lines) == {"Ar I": pytest.approx(40.0)}
    assert ion_brightness(pixel, fluxes, 2.5, []) == {}


def pair(distance, ratio, listed=1.0):
    """A spectrum of twenty single lines and a pair; tables give ``listed`` of its intensities."""
    rng = np.random.default_rng(1)
    centres = np.append(np.arange(60.0, 2000, 97) + rng.uniform(0, 1, 20), 1000.3 + 2.5 * distance)
    centres[9] = 1000.3
    fluxes = np.append(rng.uniform(2e5, 1e6, 20), 6e5 * ratio)
    fluxes[9] = 6e5
    clean = core_and_wing(2048, centres, fluxes, 2.5) + 200.0
    error = np.sqrt(clean / 2 + 40.0**2)
    intensities = fluxes.copy()
    intensities[[9, 20]] *= listed
    laboratory = [
        LaboratoryLine(float(place), "Ar I", 5000 + float(place), float(intensity))
        for place, intensity in zip(centres, intensities)
    ]
    (flux,) = measure(clean + rng.normal(0, error), [(992, 1010)], error, laboratory=laboratory)
    return flux


def test_a_blend_is_named_with_the_part_of_its_light():
    flux = pair(0.9, 0.25)
    assert flux.fit_flux == pytest.approx(6e5, abs=4 * flux.fit_flux_err)
    assert "blended" in flux.flags
    assert (flux.recommended, flux.reason) == ("fit_flux", "neighbours are subtracted")
    (neighbour,) = flux.blend_of
    assert neighbour.is_parted
    assert neighbour.part == pytest.approx(0.2, abs=0.01)
    assert blend_text(flux.blend_of) == f"Ar I 6002.550 {neighbour.part:.2g}"


def test_a_neighbour_that_cannot_be_separated_is_named_and_flagged():
    flux = pair(0.05, 0.1)
    assert "blended" in flux.flags
    assert flux.recommended == "net_flux"
    assert blend_text(flux.blend_of) == "Ar I 6000.425 ?"


def test_a_hidden_neighbour_too_faint_to_flag_is_in_the_error():
    flux = pair(0.05, 0.002)
    assert not flux.flags
    assert flux.fit_flux == pytest.approx(6e5, abs=3 * flux.fit_flux_err)
    assert flux.fit_flux_err > 0.002 * 6e5


def test_a_listed_neighbour_that_the_counts_rule_out_is_no_blend():
    flux = pair(1.2, 1e-9, listed=1e8)
    assert flux.fit_flux == pytest.approx(6e5, abs=4 * flux.fit_flux_err)
    assert flux.fit_flux_err < 0.005 * 6e5


def test_lines_that_are_listed_with_no_intensity_are_measured_as_others_are():
    assert pair(0.05, 0.1, listed=0.0).net_flux == pytest.approx(6.6e5, rel=0.02)


@pytest.mark.parametrize(
    ("flags", "has_fit", "is_inside", "is_parted", "is_cut", "wanted"),
    [
        ((), True, True, True, False, "net_flux"),
        ((), False, True, True, False, "net_flux"),
        ((), True, True, True, True, "fit_flux"),
        (("faint",), True, True, True, False, "fit_flux"),
        (("saturated", "blended"), True, True, True, False, "fit_flux"),
        (("blended",), True, True, True, False, "fit_flux"),
        (("blended",), True, True, False, False, "net_flux"),
        (("blended", "misfit"), True, True, True, False, "net_flux"),
        (("blended",), True, False, True, False, "net_flux"),
    ],
)
def test_the_flux_to_use_follows_from_the_flags(
    flags, has_fit, is_inside, is_parted, is_cut, wanted
):
    assert recommendation(flags, has_fit, is_inside, is_parted, is_cut)[0] == wanted
