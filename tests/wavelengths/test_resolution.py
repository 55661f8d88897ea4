"""Lines as a spectrograph of finite resolution shows them."""

import numpy as np
import pytest

from lampflux.peaks import find_peaks, without_leaning
from lampflux.statistics import SIGMA_PER_FWHM
from lampflux.wavelengths.resolution import blend_centroids, seen_lines

FWHM = 5.0


def spectrum_of(position, strength):
    pixels = np.arange(400)
    sigma = FWHM * SIGMA_PER_FWHM
    profile = np.exp(-0.5 * ((pixels - np.array(position)[:, np.newaxis]) / sigma) ** 2)
    return 1e4 * np.array(strength) @ profile + np.random.default_rng(1).normal(100, 3, 400)


@pytest.mark.parametrize(
    ("distance", "ratio"), [(1.0, 1.0), (2.0, 1.0), (1.0, 0.6), (3.0, 0.6), (2.0, 0.3), (4.0, 0.3)]
)
def test_the_centroid_of_a_blend_is_the_one_that_is_measured(distance, ratio):
    # A line that stands alone shows the width.
    position = np.array([60.0, 150.3, 150.3 + distance, 250.0, 330.0])
    strength = np.array([1.0, 1.0, ratio, 1.0, 0.5])
    peaks = without_leaning(find_peaks(spectrum_of(position, strength)))
    centroid, error = blend_centroids(position, strength, peaks.fwhm)
    measured = peaks.pixel[np.argmin(np.abs(peaks.pixel - 150.3))]
    assert centroid[1] == pytest.approx(measured, abs=0.1)
    np.testing.assert_allclose(centroid[[0, 3, 4]], position[[0, 3, 4]], atol=0.01)
    # Lines that stand alone have no error, and a blend's is a part of its width.
    assert error[[0, 3, 4]].max() < 0.02
    assert 0.05 * distance < error[1] < distance


def test_lines_far_apart_keep_their_places_and_blends_of_an_ion_become_one():
    position = np.array([100.0, 101.5, 130.0, 101.0])
    ion = np.array(["Ar I", "Ar I", "Ar I", "Hg I"], object)
    at, intensity, ions = seen_lines(position, np.array([30.0, 10.0, 8.0, 5.0]), ion, FWHM)
    assert ions.tolist() == ["Ar I", "Ar I", "Hg I"]
    np.testing.assert_allclose(at, [100.37, 130.0, 101.0], atol=0.1)
    assert intensity[0] == pytest.approx(38, rel=0.05)
    np.testing.assert_allclose(intensity[1:], [8, 5], rtol=0.05)


def test_no_lines_are_none():
    none = np.empty(0)
    assert seen_lines(none, none, np.empty(0, object), FWHM)[0].size == 0
    assert blend_centroids(none, none, FWHM)[0].size == 0
