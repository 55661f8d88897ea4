import numpy as np
import pytest

from lampflux.fluxes.line_shape import Shape, gaussian_profile
from lampflux.fluxes.missed_lines import with_missed_lines
from lampflux.peaks import Peaks
from line_spectra import core_and_wing

SIZE = 400
NOISE = 20.0


def peaks_at(places):
    no = np.zeros(len(places), bool)
    one = np.ones(len(places))
    return Peaks(np.array(places, float), 0.1 * one, 1e3 * one, no, no, no, 3.0)


def found(rest, places=(50.0,), good=None):
    """Places of the lines that are added to those that are known."""
    shape = Shape(np.full(SIZE, 3.0), gaussian_profile(), 2e-4, np.full(SIZE, 0.001), 0.0)
    good = np.ones(SIZE, bool) if good is None else good
    peaks = with_missed_lines(rest, np.full(SIZE, NOISE**2), good, peaks_at(places), shape)
    assert (np.diff(peaks.pixel) > 0).all()
    return np.setdiff1d(peaks.pixel, places)


@pytest.fixture
def noise():
    return np.random.default_rng(5).normal(0, NOISE, SIZE)


@pytest.mark.parametrize("slope", [0.0, 8.0])
def test_a_line_on_any_level_is_found(noise, slope):
    line = core_and_wing(SIZE, [200.3], [50 * NOISE], fwhm=3.0)
    assert found(noise + line + slope * np.arange(SIZE)) == pytest.approx([200.3], abs=1)


def test_noise_is_no_line(noise):
    assert found(noise).size == 0


def test_lines_beside_a_known_one_are_left_to_the_search_for_companions(noise):
    rest = noise + core_and_wing(SIZE, [206.0], [1e4], fwhm=3.0)
    assert found(rest, places=(200.0,)).size == 0


def test_nothing_is_found_on_pixels_that_are_not_known(noise):
    good = np.ones(SIZE, bool)
    good[198] = False
    assert found(noise + core_and_wing(SIZE, [200.0], [1e4], fwhm=3.0), good=good).size == 0
