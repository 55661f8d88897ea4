"""Wavelengths in air and in vacuum."""

import numpy as np
import pytest
from specutils.utils.wcs_utils import air_to_vac

from lampflux.medium import is_displaced, mixed_up, to_air, to_vacuum
from lampflux.wavelengths import line_list

# Air and vacuum wavelengths of Hg I and Ne I lines (NIST Atomic Spectra Database).
NIST = np.array([[4358.328, 4359.553], [5460.735, 5462.252], [6402.248, 6404.018]])


def test_air_and_vacuum_differ_as_in_nist_lists():
    air, vacuum = NIST.T
    # The laboratory's formula is another: Peck and Reeder's.
    np.testing.assert_allclose(to_vacuum(air), vacuum, atol=2e-3)
    np.testing.assert_allclose(to_air(vacuum), air, atol=2e-3)


def test_the_formula_is_that_of_ciddor_and_its_inverse_exact():
    from astropy import units as u

    air = np.linspace(3000, 11000, 81)
    ciddor = air_to_vac(air * u.AA, method="Ciddor1996", scheme="iteration").to_value("AA")
    np.testing.assert_allclose(to_vacuum(air), ciddor, atol=1e-4)
    np.testing.assert_allclose(to_air(to_vacuum(air)), air, rtol=1e-12)


@pytest.mark.parametrize("ions", [["Ne I"], ["Ar I", "Hg I"], ["Th I", "Th II", "Ar I"]])
def test_lines_in_the_other_medium_are_recognised(ions):
    listed = line_list(ions).wavelength
    some = listed[np.random.default_rng(1).integers(0, listed.size, 15)]
    assert mixed_up(some, listed) is None
    assert mixed_up(to_vacuum(some), listed) == "vacuum"
    assert mixed_up(to_air(some), listed) == "air"
    assert mixed_up(to_vacuum(some[:2]), listed) is None
    assert mixed_up(some + 40, line_list(["Ne I"]).wavelength) is None


def test_windows_about_the_other_mediums_lines_are_recognised():
    line = np.array([4158.6, 5495.9, 6965.4, 7635.1])
    about = line + np.array([0.1, -0.2, 0.2, 0.0])
    assert not is_displaced(about, line, "air")
    assert not is_displaced(about, line, "vacuum")
    assert is_displaced(to_vacuum(about), line, "air")
    assert is_displaced(to_air(about), line, "vacuum")
    assert not is_displaced(line + np.array([3, -3, 9, -7]), line, "air")
