import numpy as np
import pytest

from fibres import pixel_light
from lampflux.fluxes.line_fit import fit_lines
from lampflux.fluxes.line_model import spectrum_model, split_blends
from lampflux.fluxes.line_shape import Shape, gaussian, light_near, overlaps, summed_light
from lampflux.peaks import find_peaks

FWHM = 2.3


def spectrum(size, centres, fluxes, fwhm=FWHM, wing_part=0.0, wing_width=4.0):
    """Counts of lines with a Gaussian core and wing, each integrated over every pixel."""
    counts = np.zeros(size)
    for centre, flux in zip(centres, fluxes):
        for part, width in (1 - wing_part, fwhm), (wing_part, wing_width * fwhm):
            near = np.arange(max(int(centre - 4 * width), 0), min(int(centre + 4 * width), size))
            counts[near] += flux * part * pixel_light(near - centre, width)
    return counts


def pure(fwhm=FWHM, size=100):
    return Shape(np.full(size, fwhm), 0.0, 3.5)


# Light of a line


@pytest.mark.parametrize("fwhm", [1.5, 2.0, 2.3, 4.0, 7.0, 12.0])
@pytest.mark.parametrize("phase", [0.0, 0.13, 0.5])
def test_a_line_is_integrated_over_each_pixel(fwhm, phase):
    distance = np.arange(-60, 61) + phase
    light = gaussian(distance, fwhm)
    np.testing.assert_allclose(light, pixel_light(distance, fwhm), atol=1e-6)
    assert light.sum() == pytest.approx(1, abs=1e-6)


def test_each_pixel_may_have_a_width_of_its_own():
    distance, fwhm = np.arange(-3.0, 4), np.linspace(1.5, 12, 7)
    np.testing.assert_allclose(gaussian(distance, fwhm), pixel_light(distance, fwhm), atol=1e-6)


def test_sums_over_the_pixels_near_lines_are_those_over_all_pixels():
    rng = np.random.default_rng(1)
    centres = np.concatenate([[-0.3, 299.2], rng.uniform(0, 299, 40)])
    pixels, core, wing = light_near(centres, pure(size=300)._replace(wing_width=5.0))
    # Beyond the pixels looked at, wings hold a millionth of the light.
    for light, fwhm in (core, FWHM), (wing, 5.0 * FWHM):
        everywhere = gaussian(np.arange(300) - centres[:, np.newaxis], fwhm)
        products = everywhere @ everywhere.T
        np.testing.assert_allclose(overlaps(pixels, light, light), products, atol=1e-6)
        fluxes = rng.uniform(0, 1, centres.size)
        summed = summed_light(pixels, light, fluxes, 300)
        np.testing.assert_allclose(summed, fluxes @ everywhere, atol=1e-5)


# Fits of lines


def fit(counts, variance, centres, fwhm, free="all", shape=None, good=None):
    size = counts.size
    good = np.ones(size, bool) if good is None else good
    shape = shape or pure()
    return fit_lines(counts, variance, good, np.arange(size), centres, fwhm, shape, free)


def agrees(found, fluxes, centres, fwhm):
    np.testing.assert_allclose(found["flux"], fluxes, rtol=1e-6)
    np.testing.assert_allclose(found["centre"], centres, atol=1e-6)
    assert found["fwhm"] == pytest.approx(fwhm, rel=1e-6)


@pytest.mark.parametrize("fwhm", [1.7, 2.3, 5.0])
@pytest.mark.parametrize("phase", [-0.4, 0.0, 0.25, 0.5])
def test_a_line_without_noise_is_recovered(fwhm, phase):
    centre = np.array([20 + phase])
    counts = spectrum(41, centre, [3e5], fwhm)
    found = fit(counts, np.full(41, 25.0), centre + 0.3 * fwhm / 2, 1.1 * fwhm)
    agrees(found, [3e5], centre, fwhm)


@pytest.mark.parametrize("apart", [1.2, 1.5, 3.0])
@pytest.mark.parametrize("ratio", [1.0, 0.2, 0.05])
def test_a_blend_without_noise_is_recovered(apart, ratio):
    centres = 20.2 + np.array([0, apart * FWHM])
    fluxes = 1e5 * np.array([1, ratio])
    found = fit(
        spectrum(50, centres, fluxes), np.full(50, 25.0), centres + np.array([0.2, -0.2]), 2.4
    )
    agrees(found, fluxes, centres, FWHM)


def test_a_line_with_wings_is_recovered():
    shape = pure()._replace(wing_part=0.05, wing_width=4.0)
    counts = spectrum(81, [40.3], [1e5], 2.3, 0.05)
    found = fit(counts, np.full(81, 25.0), np.array([40.0]), 2.5, shape=shape)
    agrees(found, [1e5], [40.3], 2.3)


def test_pixels_that_are_not_good_are_not_gone_by():
    good = np.ones(41, bool)
    good[[19, 25]] = False
    counts = np.where(good, spectrum(41, [20.3], [1e5]), np.nan)
    found = fit(counts, np.where(good, 25.0, np.nan), np.array([20.0]), 2.4, good=good)
    agrees(found, [1e5], [20.3], FWHM)


@pytest.mark.parametrize("free", ["all", "centres", "none"])
def test_errors_of_fluxes_are_right(free):
    rng = np.random.default_rng(1)
    centres, fluxes = np.array([15.2, 20.9]), np.array([2e4, 8e3])
    clean = spectrum(36, centres, fluxes)
    variance = clean / 2 + 30
    pulls, chi2 = [], []
    for _ in range(300):
        found = fit(clean + rng.normal(0, np.sqrt(variance)), variance, centres, FWHM, free)
        pulls.append((found["flux"] - fluxes) / found["flux_error"])
        chi2.append(found["reduced_chi2"])
    pulls = np.array(pulls)
    assert (np.abs(pulls.mean(axis=0)) < 3 / np.sqrt(300)).all()
    # The scatter of 300 trials is known to 4 %.
    assert ((pulls.std(axis=0) > 0.9) & (pulls.std(axis=0) < 1.1)).all()
    # About 31 degrees of freedom: 0.25 for one, 0.015 for the mean of 300.
    assert np.mean(chi2) == pytest.approx(1, abs=0.06)


def hopeless():
    rng = np.random.default_rng(2)
    line, noise = spectrum(41, [20.3], [1e5]), rng.normal(0, 5, 41)
    few = np.zeros(41, bool)
    few[19:22] = True
    return {
        "few pixels": (line, [20.0], FWHM, few),
        "no pixel": (line, [20.0], FWHM, np.zeros(41, bool)),
        "a line far away": (line, [8.0], FWHM, None),
        "a constant": (np.full(41, 1e5), [20.0], FWHM, None),
        "far too wide": (line, [20.3], 4 * FWHM, None),
        "a step": (1e4 * (np.arange(41) > 20) + noise, [20.0], FWHM, None),
    }


@pytest.mark.parametrize("kind", hopeless())
def test_what_cannot_be_fitted_is_not(kind):
    counts, centres, fwhm, good = hopeless()[kind]
    assert fit(counts, np.full(41, 25.0), np.array(centres), fwhm, good=good) is None


def test_nothing_has_no_flux():
    found = fit(np.zeros(41), np.full(41, 25.0), np.array([20.0]), FWHM)
    assert found is None or (found["flux"] == 0).all()


def test_whatever_noise_is_fitted_is_near_the_first_guess_and_finite():
    rng = np.random.default_rng(3)
    for _ in range(100):
        found = fit(rng.normal(0, 5, 41), np.full(41, 25.0), np.array([20.0]), FWHM)
        if found is not None:
            assert abs(found["centre"][0] - 20) < 2 * FWHM
            assert np.isfinite([found["flux"][0], found["flux_error"][0], found["fwhm"]]).all()
            # Noise is no line, though the best of some 20 places and widths is taken.
            assert abs(found["flux"][0]) < 8 * found["flux_error"][0]


# Models of spectra


def apart(rng, number, size, least):
    """Random places no closer than that."""
    gaps = rng.exponential(1, number + 1)
    free = size - 80 - least * number
    return 40 + np.cumsum(gaps)[:number] / gaps.sum() * free + least * np.arange(number)


def lamp(seed, number=40, size=2048, level=0.0, **wing):
    rng = np.random.default_rng(seed)
    centres = apart(rng, number, size, 8.0)
    fluxes = 10 ** rng.uniform(4.5, 7, number)
    clean = spectrum(size, centres, fluxes, FWHM, **wing) + level
    variance = clean / 2 + 40.0**2
    return clean + rng.normal(0, np.sqrt(variance)), variance, centres, fluxes


def modelled(counts, variance, good=None):
    peaks = find_peaks(counts, np.sqrt(variance))
    return spectrum_model(counts, variance, np.isfinite(counts) if good is None else good, peaks)


@pytest.mark.parametrize("part", [0.01, 0.05])
@pytest.mark.parametrize("seed", range(3))
def test_wings_are_recovered(part, seed):
    counts, variance, *_ = lamp(seed, wing_part=part)
    shape, *_ = modelled(counts, variance)
    assert shape.wing_part == pytest.approx(part, rel=0.2)


@pytest.mark.parametrize("seed", range(4))
def test_pure_gaussians_have_no_wings(seed):
    counts, variance, *_ = lamp(seed)
    shape, *_ = modelled(counts, variance)
    assert shape.wing_part < 0.003
    np.testing.assert_allclose(shape.fwhm, FWHM, rtol=0.01)


@pytest.mark.parametrize("part", [0.0, 0.02])
@pytest.mark.parametrize("seed", range(4))
def test_bright_lines_on_a_slope_have_their_fluxes(part, seed):
    level = np.linspace(2000, 6000, 2048)
    counts, variance, centres, fluxes = lamp(seed, level=level, wing_part=part)
    _, peaks, found, model = modelled(counts, variance)
    assert model.shape == counts.shape
    bright = fluxes > 3e5
    assert bright.sum() > 10
    nearest = np.abs(peaks.pixel - centres[bright, np.newaxis]).argmin(axis=1)
    np.testing.assert_allclose(peaks.pixel[nearest], centres[bright], atol=0.1)
    np.testing.assert_allclose(found[nearest], fluxes[bright], rtol=0.01)


def test_lines_that_saturate_in_the_middle_do_not_tell_wings():
    counts, variance, centres, _ = lamp(5)
    brightest = round(centres[counts[np.rint(centres).astype(int)].argmax()])
    good = np.ones(counts.size, bool)
    good[brightest - 1 : brightest + 2] = False
    counts[~good] = counts[~good].min()
    shape, *_ = modelled(counts, variance, good)
    assert shape.wing_part < 0.003


@pytest.mark.parametrize("level", [0.0, 500.0])
def test_a_spectrum_without_lines_has_an_empty_model(level):
    counts = np.random.default_rng(6).normal(level, 10, 1000)
    shape, peaks, fluxes, model = modelled(counts, np.full(1000, 100.0))
    assert fluxes.size == peaks.pixel.size == 0
    assert not model.any()
    assert shape.fwhm.shape == (1000,)


@pytest.mark.parametrize("good", [True, False])
def test_a_spectrum_that_is_not_known_has_a_finite_model(good):
    counts, variance, *_ = lamp(7)
    peaks = find_peaks(counts, np.sqrt(variance))
    *_, fluxes, model = spectrum_model(counts, variance, np.full(counts.size, good), peaks)
    assert np.isfinite(fluxes).all()
    assert np.isfinite(model).all()


# Blends


@pytest.mark.parametrize("side", [-1, 1])
@pytest.mark.parametrize("phase", [0.0, 0.3, 0.7])
def test_two_lines_within_a_pixel_are_taken_apart(side, phase):
    rng = np.random.default_rng(8)
    centres = np.append(np.arange(60.2, 950, 45.37), [982.0 + phase, 982.0 + phase + side * 0.9])
    fluxes = np.append(np.full(centres.size - 2, 1e6), [8e6, 2e6])
    clean = spectrum(1024, centres, fluxes)
    variance = clean / 2 + 40.0**2
    counts = clean + rng.normal(0, np.sqrt(variance))
    good = np.ones(1024, bool)
    peaks = find_peaks(counts, np.sqrt(variance))
    assert peaks.pixel.size == centres.size - 1
    parted = split_blends(counts, variance, good, peaks, pure(FWHM, 1024))
    order = np.argsort(centres)
    np.testing.assert_allclose(parted.pixel, centres[order], atol=0.1)
    assert parted.blended[-2:].all()
    assert not parted.blended[:-2].any()
    assert parted.height[-2:].sum() == pytest.approx(peaks.height[-1])
    _, found, fluxes_found, _ = spectrum_model(counts, variance, good, peaks)
    assert found.pixel.size == centres.size
    # The model only parts them roughly; the fit of a window does so by photon noise.
    assert fluxes_found[-2:].sum() == pytest.approx(fluxes[order][-2:].sum(), rel=0.01)


@pytest.mark.parametrize("wing_part", [0.0, 0.02])
def test_single_lines_are_left_alone(wing_part):
    for seed in range(4):
        counts, variance, *_ = lamp(10 + seed, wing_part=wing_part)
        peaks = find_peaks(counts, np.sqrt(variance))
        shape = pure(FWHM, counts.size)._replace(wing_part=wing_part, wing_width=4.0)
        parted = split_blends(counts, variance, np.ones(counts.size, bool), peaks, shape)
        np.testing.assert_array_equal(parted.pixel, peaks.pixel)
        _, found, *_ = modelled(counts, variance)
        assert found.pixel.size == peaks.pixel.size
