import numpy as np
import pytest

from lampflux.wavelengths.dispersion import (
    dispersion_error,
    fit_dispersion,
    oddness,
    smooth_alignment,
)

SIZE = 2048
PIXELS = np.arange(SIZE)
WHOLE = 0, SIZE - 1


def grating(change, half_angle):
    """Wavelengths behind a grating: the sine of the diffraction angle, its tangent imaged."""
    u = np.linspace(-1, 1, SIZE)
    middle = np.arctan(change / (2 * half_angle))
    return 6000 + 1000 * np.sin(middle + np.arctan(u * np.tan(half_angle))) / half_angle


def pixels_off(wavelength, truth):
    return np.abs(wavelength - truth) / np.gradient(truth)


@pytest.mark.parametrize("change", [0.0, 0.1, 0.25])
def test_a_gratings_dispersion_is_followed_to_a_hundredth_of_a_pixel(change):
    truth = grating(change, np.radians(9))
    pixel = np.linspace(20, 2020, 40)
    wavelength = np.interp(pixel, PIXELS, truth)
    fit = fit_dispersion(pixel, wavelength, np.full(40, 20.0), 5, WHOLE)
    assert pixels_off(fit(PIXELS), truth).max() < 0.01
    assert oddness(fit) < 3


def test_lines_on_one_side_are_continued_within_the_error():
    rng = np.random.default_rng(1)
    pulls, ends, free_ends = [], [], []
    for _ in range(100):
        truth = grating(rng.uniform(-0.25, 0.25), np.radians(rng.uniform(2, 9)))
        pixel = np.sort(rng.uniform(50, 1100, 15))
        wavelength = np.interp(pixel, PIXELS, truth)
        wavelength += rng.normal(0, 0.05, 15) * np.interp(pixel, PIXELS, np.gradient(truth))
        weight = np.full(15, 20.0)
        off = pixels_off(fit_dispersion(pixel, wavelength, weight, 5, WHOLE)(PIXELS), truth)
        pulls.append(off / dispersion_error(5, pixel, weight, PIXELS, WHOLE))
        ends.append(off[-1])
        free = np.polynomial.Polynomial.fit(pixel, wavelength, 5)
        free_ends.append(pixels_off(free(PIXELS), truth)[-1])
    assert np.percentile(pulls, 99) < 3
    # A polynomial that is free to bend is off by far more.
    assert np.median(ends) < np.median(free_ends) / 5


def test_a_curve_that_no_spectrograph_has_is_odd():
    u = np.linspace(-1, 1, SIZE)
    wavelength = 6000 + 1000 * (u + 0.01 * np.polynomial.Chebyshev([0, 0, 0, 0, 1])(u))
    fit = fit_dispersion(PIXELS[::20], wavelength[::20], np.full(103, 20.0), 4, WHOLE)
    assert oddness(fit) > 50


def test_a_wrong_end_of_an_alignment_is_corrected_by_the_rest():
    truth = grating(0.15, np.radians(7))
    lead = np.interp(PIXELS, [0, 300, 1300, 1700], [12, 25, 20, 0])
    # Off by 80 pixels at the end, where the lead shows that it may be; by one pixel elsewhere.
    astray = np.cos(PIXELS / 60) + 80 * np.clip((PIXELS - 1400) / 650, 0, None) ** 2
    smooth = smooth_alignment(truth + astray * np.gradient(truth), lead)
    off = pixels_off(smooth, truth)
    assert off[:1300].max() < 1.5
    assert off.max() < 80 / 3
