import numpy as np
import pytest

from fibres import pixel_light
from lampflux.fluxes.line_shape import (
    Shape,
    far_light,
    gaussian_profile,
    light_near,
    line_light,
    lorentzian_profile,
    overlaps,
    pixels_near,
    slopes_near,
    summed_light,
)
from lampflux.fluxes.shape_fit import none_negative


@pytest.mark.parametrize("fwhm", [1.5, 2.0, 2.3, 4.0, 7.0, 12.0])
@pytest.mark.parametrize("phase", [0.0, 0.13, 0.5])
def test_a_line_is_integrated_over_each_pixel(fwhm, phase):
    edges = np.arange(-60, 62) - 0.5
    light, *_ = line_light(edges, np.array([phase]), fwhm, gaussian_profile())
    wanted = pixel_light(np.arange(-60, 61) - phase, fwhm)
    np.testing.assert_allclose(light[:, 0], wanted, atol=1e-6)
    assert light.sum() == pytest.approx(1, abs=1e-6)


def test_slopes_are_those_of_the_light():
    edges, centres = np.arange(30) - 0.5, np.array([14.3, 17.0])
    _, by_centre, by_fwhm = line_light(edges, centres, 2.3, gaussian_profile())
    for wanted, moved, widened in ((by_centre, 1e-3, 0), (by_fwhm, 0, 1e-3)):
        ahead, *_ = line_light(edges, centres + moved, 2.3 + widened, gaussian_profile())
        behind, *_ = line_light(edges, centres - moved, 2.3 - widened, gaussian_profile())
        np.testing.assert_allclose(wanted, (ahead - behind) / 2e-3, atol=3e-4)


def test_sums_over_the_pixels_near_lines_are_those_over_all_pixels():
    rng = np.random.default_rng(1)
    centres = np.concatenate([[-0.3, 299.2], rng.uniform(0, 299, 40)])
    shape = Shape(np.full(300, 2.3), gaussian_profile(), 0.0, np.zeros(300), 0.0)
    pixels = pixels_near(centres, shape, 4.0)
    light = light_near(pixels, centres, shape)
    everywhere = np.array([pixel_light(np.arange(300) - centre, 2.3) for centre in centres])
    np.testing.assert_allclose(
        overlaps(pixels, light, light), everywhere @ everywhere.T, atol=1e-6
    )
    fluxes = rng.uniform(0, 1, centres.size)
    summed = summed_light(pixels, light, fluxes, 300)
    np.testing.assert_allclose(summed, fluxes @ everywhere, atol=1e-5)
    slopes = slopes_near(pixels, centres, shape)
    moved = light_near(pixels, centres + 1e-3, shape) - light_near(pixels, centres - 1e-3, shape)
    np.testing.assert_allclose(slopes, moved / 2e-3, atol=3e-4)


def test_only_wide_profiles_have_light_far_from_the_line():
    assert far_light(gaussian_profile()) < 1e-12
    # Beyond five widths, 2 erfc of a Gaussian seven times as wide.
    assert far_light(gaussian_profile(7.0)) == pytest.approx(0.0926, abs=1e-3)
    # A Lorentzian: 1 - 2 / pi atan(10).
    assert far_light(lorentzian_profile()) == pytest.approx(0.06345, abs=1e-5)


def test_unknowns_that_are_not_negative_are_the_best_ones():
    rng = np.random.default_rng(2)
    for _ in range(50):
        design, values = rng.normal(size=(30, 6)), rng.normal(size=30)
        found = none_negative(design.T @ design, design.T @ values)
        slope = design.T @ (values - design @ found)
        # Karush-Kuhn-Tucker conditions.
        assert (found >= 0).all()
        assert (slope < 1e-6).all()
        assert np.abs(slope[found > 0]).max(initial=0) < 1e-6
