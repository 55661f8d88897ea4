import numpy as np
import pytest

from arcs import gaussian_lines
from lampflux.peaks import find_peaks, without_leaning
from lampflux.statistics import continuum, noise

SIZE = 1024


def lone_lines(phases, fwhm, height=1e5, spacing=40):
    """A spectrum of equal lines, far apart, each at a different phase within its pixel."""
    centres = 30 + spacing * np.arange(len(phases)) + np.asarray(phases)
    size = int(centres[-1]) + 40
    return centres, gaussian_lines(size, centres, np.full(len(phases), height), fwhm)


# Positions, errors and widths


@pytest.mark.parametrize("fwhm", [2.0, 2.8, 4.0, 6.5])
def test_centroids_are_right_at_every_phase_within_a_pixel(fwhm):
    centres, counts = lone_lines(np.linspace(-0.5, 0.5, 41), fwhm)
    peaks = find_peaks(counts)
    assert peaks.pixel.size == centres.size
    assert np.abs(peaks.pixel - centres).max() < 0.02
    assert not peaks.blended.any()
    assert not peaks.flat.any()


@pytest.mark.parametrize("fwhm", [2.0, 2.8, 4.0, 6.5])
def test_the_width_of_the_lines_is_found(fwhm):
    _, counts = lone_lines(np.random.default_rng(1).uniform(-0.5, 0.5, 40), fwhm)
    counts += np.random.default_rng(2).normal(0, 100, counts.size)
    assert find_peaks(counts).fwhm == pytest.approx(fwhm, rel=0.10)


@pytest.mark.parametrize("height", [500.0, 1000.0, 20000.0])
@pytest.mark.parametrize("given", [True, False])
def test_centroids_scatter_by_their_errors(height, given):
    rng = np.random.default_rng(3)
    pulls = []
    for _ in range(8):
        centres, clean = lone_lines(rng.uniform(-0.5, 0.5, 40), 4.0, height)
        sigma = np.full(clean.size, 30.0)
        peaks = find_peaks(clean + rng.normal(0, sigma), sigma if given else None)
        assert peaks.pixel.size == centres.size
        pulls.append((peaks.pixel - centres) / peaks.error)
    # Bright lines are known better than the least error that any line is given.
    assert np.std(pulls) < 1.4
    if given and height < 2000:
        assert np.std(pulls) > 0.7
    assert abs(np.mean(pulls)) < 0.2


def test_errors_follow_the_uncertainty_of_each_pixel():
    rng = np.random.default_rng(4)
    _, clean = lone_lines(np.zeros(40), 4.0, 8000.0)
    sigma = np.where(np.arange(clean.size) < clean.size // 2, 10.0, 600.0)
    peaks = find_peaks(clean + rng.normal(0, sigma), sigma)
    quiet = peaks.pixel < clean.size // 2
    assert quiet.sum() >= 20
    assert (~quiet).sum() >= 20
    assert np.median(peaks.error[~quiet]) > 2 * np.median(peaks.error[quiet])


def test_peaks_are_sorted_with_their_true_heights():
    rng = np.random.default_rng(5)
    centres = np.arange(30.0, 1000, 30)
    heights = 10 ** rng.uniform(3, 5, centres.size)
    peaks = find_peaks(gaussian_lines(SIZE, centres, heights, 5.0) + rng.normal(0, 5, SIZE))
    np.testing.assert_allclose(peaks.pixel, centres, atol=0.1)
    # A pixel's mean over a Gaussian of 5 pixels is some 4 % below its top.
    np.testing.assert_allclose(peaks.height, heights, rtol=0.06)
    assert (peaks.error > 0).all()


def test_find_peaks_does_not_change_its_arguments():
    _, counts = lone_lines(np.zeros(20), 4.0)
    counts[100] = np.nan
    before = counts.copy()
    find_peaks(counts, np.full(counts.size, 30.0))
    np.testing.assert_array_equal(counts, before)


# Lines that are not as others


@pytest.mark.parametrize("distance", [5.5, 7.0])
def test_lines_close_together_are_marked_as_blended_and_others_are_not(distance):
    centres = np.append(np.arange(40.0, 960, 60), 400 + distance)
    peaks = find_peaks(gaussian_lines(SIZE, centres, np.full(centres.size, 1e4), 4.0))
    assert peaks.pixel.size == centres.size
    near = np.abs(peaks.pixel - 400 - distance / 2) < 6
    assert near.sum() == 2
    np.testing.assert_array_equal(peaks.blended, near)


def test_a_shoulder_is_not_a_separate_line():
    centres, heights = np.arange(40.0, 960, 60), np.full(16, 1e4)
    centres, heights = np.append(centres, 403.2), np.append(heights, 2e3)
    peaks = find_peaks(gaussian_lines(SIZE, centres, heights, 4.0))
    assert peaks.pixel.size == 16


@pytest.mark.parametrize(("distance", "height"), [(6.0, 3e3), (6.5, 1e3), (7.0, 5e2)])
def test_a_line_that_leans_on_a_brighter_one_is_marked_and_can_be_left_out(distance, height):
    centres, heights = np.arange(40.0, 960, 60), np.full(16, 1e4)
    centres, heights = np.append(centres, 400 + distance), np.append(heights, height)
    peaks = find_peaks(gaussian_lines(SIZE, centres, heights, 4.0))
    (leaning,) = peaks.pixel[peaks.leaning]
    # Right to its error, half a line width.
    assert abs(leaning - 400 - distance) < 2.0
    assert peaks.error[peaks.leaning] >= 2.0
    # Its neighbour is blended with it, and is not once it is left out.
    assert peaks.blended.sum() == 2
    standing = without_leaning(peaks)
    assert standing.pixel.size == 16
    assert not standing.blended.any()
    assert not standing.leaning.any()
    assert standing.fwhm == peaks.fwhm


def test_an_unresolved_blend_is_marked_as_too_wide():
    centres = np.append(np.arange(40.0, 960, 60), 403.0)
    peaks = find_peaks(gaussian_lines(SIZE, centres, np.full(centres.size, 1e4), 4.0))
    wide = np.abs(peaks.pixel - 401.5) < 2
    assert wide.sum() == 1
    assert peaks.flat[wide].all()
    assert not peaks.flat[~wide].any()


def test_clipped_lines_are_marked_as_flat_and_stand_where_they_should():
    centres = np.arange(40.3, 960, 60)
    heights = np.full(centres.size, 2e4)
    heights[[3, 9]] = 4e5
    counts = gaussian_lines(SIZE, centres, heights, 4.0)
    peaks = find_peaks(np.minimum(counts, 6e4) + np.random.default_rng(6).normal(0, 30, SIZE))
    clipped = np.zeros(centres.size, bool)
    clipped[[3, 9]] = True
    assert peaks.pixel.size == centres.size
    np.testing.assert_array_equal(peaks.flat, clipped)
    np.testing.assert_allclose(peaks.pixel, centres, atol=0.3)


# Nothing there, or not known


def test_unknown_columns_hold_no_peak_and_leave_others_unchanged():
    centres, counts = lone_lines(np.full(20, 0.25), 4.0)
    counts[int(centres[7]) - 4 : int(centres[7]) + 6] = np.nan
    counts[[5, 300]] = np.nan
    peaks = find_peaks(counts, np.full(counts.size, 30.0))
    wanted = np.delete(centres, 7)
    np.testing.assert_allclose(peaks.pixel, wanted, atol=0.02)


@pytest.mark.parametrize("size", [0, 1, 31])
def test_a_spectrum_of_hardly_any_pixel_has_no_peak(size):
    assert find_peaks(np.arange(size, dtype=float) % 7).pixel.size == 0


def test_a_spectrum_without_a_known_pixel_has_no_peak():
    assert find_peaks(np.full(SIZE, np.nan)).pixel.size == 0


@pytest.mark.parametrize("level", [0.0, 1234.5, -300.0])
def test_a_constant_spectrum_has_no_peak(level):
    peaks = find_peaks(np.full(SIZE, level))
    assert peaks.pixel.size == 0
    assert peaks.fwhm == 0


@pytest.mark.parametrize("sigma", [1.0, 30.0, 1e4])
def test_noise_alone_hardly_ever_makes_a_peak(sigma):
    rng = np.random.default_rng(7)
    found = sum(find_peaks(rng.normal(100, sigma, 4096)).pixel.size for _ in range(50))
    assert found <= 2


@pytest.mark.parametrize("slope", [-50.0, 3.0, 50.0])
@pytest.mark.parametrize("sigma", [1.0, 30.0])
def test_a_continuum_that_slopes_has_no_peak(slope, sigma):
    rng = np.random.default_rng(8)
    counts = 60000 + slope * np.arange(SIZE) + rng.normal(0, 1, SIZE) * sigma
    assert find_peaks(counts).pixel.size == 0


@pytest.mark.parametrize("sigma", [10, 100, 250])
def test_a_broad_hump_is_no_line(sigma):
    pixels = np.arange(4096)
    counts = 1e5 * np.exp(-0.5 * ((pixels - 2000) / 700) ** 2)
    counts += np.random.default_rng(9).normal(0, sigma, 4096)
    assert find_peaks(counts).pixel.size == 0


def test_lines_on_a_negative_level_are_found():
    rng = np.random.default_rng(11)
    centres, counts = lone_lines(np.full(25, 0.25), 4.0)
    peaks = find_peaks(counts - 1e6 + rng.normal(0, 30, counts.size))
    np.testing.assert_allclose(peaks.pixel, centres, atol=0.05)


def test_lines_on_a_sloping_continuum_keep_their_places():
    centres, counts = lone_lines(np.full(25, -0.25), 4.0)
    counts += 20.0 * np.arange(counts.size)
    peaks = find_peaks(counts + np.random.default_rng(12).normal(0, 30, counts.size))
    np.testing.assert_allclose(peaks.pixel, centres, atol=0.02)


# Noise and continuum


@pytest.mark.parametrize("sigma", [0.5, 40.0])
def test_the_noise_is_estimated_between_the_lines(sigma):
    rng = np.random.default_rng(13)
    _, counts = lone_lines(np.zeros(60), 3.0, spacing=100)
    counts += 0.3 * np.arange(counts.size) + rng.normal(0, sigma, counts.size)
    assert noise(counts) == pytest.approx(sigma, rel=0.35)
    assert noise(rng.normal(0, sigma, 20000)) == pytest.approx(sigma, rel=0.03)


def test_the_continuum_runs_below_the_lines():
    _, counts = lone_lines(np.zeros(50), 4.0)
    below = continuum(counts + 500, 50)
    np.testing.assert_allclose(below, 500, atol=1)
