import numpy as np
import pytest

from lampflux.fluxes.line_fit import fit_lines
from lampflux.fluxes.line_shape import gaussian_profile
from line_spectra import core_and_wing as spectrum

FWHM = 2.3
FREE = {"all": (np.inf, np.inf), "centres": (np.inf, 0.0), "none": (0.0, 0.0)}


def fit(counts, variance, centres, fwhm, free="all", good=None, ties=()):
    good = np.ones(counts.size, bool) if good is None else good
    pixels = np.arange(counts.size)
    line = counts, variance, good, pixels
    return fit_lines(*line, centres, fwhm, gaussian_profile(), *FREE[free], ties)


def agrees(found, fluxes, centres, fwhm):
    np.testing.assert_allclose(found.flux, fluxes, rtol=1e-5)
    np.testing.assert_allclose(found.centre, centres, atol=1e-4)
    assert found.fwhm == pytest.approx(fwhm, rel=1e-5)


@pytest.mark.parametrize("fwhm", [1.7, 2.3, 5.0])
@pytest.mark.parametrize("phase", [-0.4, 0.0, 0.25, 0.5])
def test_a_line_without_noise_is_recovered(fwhm, phase):
    centre = np.array([20 + phase])
    counts = spectrum(41, centre, [3e5], fwhm)
    found = fit(counts, np.full(41, 25.0), centre + 0.3 * fwhm / 2, 1.1 * fwhm)
    agrees(found, [3e5], centre, fwhm)


@pytest.mark.parametrize("distance", [1.2, 1.5, 3.0])
@pytest.mark.parametrize("ratio", [1.0, 0.2, 0.05])
def test_a_blend_without_noise_is_recovered(distance, ratio):
    centres = 20.2 + np.array([0, distance * FWHM])
    fluxes = 1e5 * np.array([1, ratio])
    counts = spectrum(50, centres, fluxes)
    found = fit(counts, np.full(50, 25.0), centres + np.array([0.2, -0.2]), 2.4)
    agrees(found, fluxes, centres, FWHM)


def test_bad_pixels_are_not_fitted():
    good = np.ones(41, bool)
    good[[19, 25]] = False
    counts = np.where(good, spectrum(41, [20.3], [1e5]), np.nan)
    found = fit(counts, np.where(good, 25.0, np.nan), np.array([20.0]), 2.4, good=good)
    agrees(found, [1e5], [20.3], FWHM)


@pytest.mark.parametrize("free", FREE)
def test_errors_of_fluxes_are_right(free):
    rng = np.random.default_rng(1)
    centres, fluxes = np.array([15.2, 20.9]), np.array([2e4, 8e3])
    clean = spectrum(36, centres, fluxes)
    variance = clean / 2 + 30
    pulls, chi2 = [], []
    for _ in range(300):
        found = fit(clean + rng.normal(0, np.sqrt(variance)), variance, centres, FWHM, free)
        pulls.append((found.flux - fluxes) / found.flux_error)
        chi2.append(found.reduced_chi2)
    pulls = np.array(pulls)
    assert (np.abs(pulls.mean(axis=0)) < 3 / np.sqrt(300)).all()
    # The scatter of 300 trials is known to 4 %.
    assert ((pulls.std(axis=0) > 0.9) & (pulls.std(axis=0) < 1.1)).all()
    # About 31 degrees of freedom: 0.25 for one, 0.015 for the mean of 300.
    assert np.mean(chi2) == pytest.approx(1, abs=0.06)


def test_the_response_tells_what_a_level_adds_to_a_flux():
    clean, variance = spectrum(41, [20.3], [1e6]), np.full(41, 25.0)
    found = fit(clean, variance, np.array([20.3]), FWHM)
    raised = fit(clean + 10, variance, np.array([20.3]), FWHM)
    assert raised.flux[0] - found.flux[0] == pytest.approx(10 * found.response[0].sum(), rel=0.02)


def test_a_distance_that_is_known_narrows_the_errors_of_a_close_pair():
    centres = np.array([20.2, 20.2 + 0.5 * FWHM])
    clean = spectrum(41, centres, [1e5, 3e4])
    variance = clean / 2 + 30
    alone = fit(clean, variance, centres, FWHM, "centres")
    tied = fit(clean, variance, centres, FWHM, "centres", ties=[(0, 1, 0.5 * FWHM, 0.01)])
    np.testing.assert_allclose(tied.flux, [1e5, 3e4], rtol=1e-4)
    assert (tied.flux_error < 0.8 * alone.flux_error).all()


def hopeless():
    rng = np.random.default_rng(2)
    line, noise = spectrum(41, [20.3], [1e5]), rng.normal(0, 5, 41)
    few = np.zeros(41, bool)
    few[20] = True
    return {
        "few pixels": (line, [20.0], FWHM, few),
        "no pixel": (line, [20.0], FWHM, np.zeros(41, bool)),
        "a constant": (np.full(41, 1e5), [20.0], FWHM, None),
        "far too wide": (line, [20.3], 4 * FWHM, None),
        "a step": (1e4 * (np.arange(41) > 20) + noise, [20.0], FWHM, None),
    }


@pytest.mark.parametrize("kind", hopeless())
def test_hopeless_cases_are_not_fitted(kind):
    counts, centres, fwhm, good = hopeless()[kind]
    assert fit(counts, np.full(41, 25.0), np.array(centres), fwhm, good=good) is None


def test_whatever_noise_is_fitted_is_near_the_first_guess_and_finite():
    rng = np.random.default_rng(3)
    for _ in range(100):
        found = fit(rng.normal(0, 5, 41), np.full(41, 25.0), np.array([20.0]), FWHM)
        if found is not None:
            assert abs(found.centre[0] - 20) < 2 * FWHM
            assert np.isfinite([found.flux[0], found.flux_error[0], found.fwhm]).all()
