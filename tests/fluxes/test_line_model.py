import numpy as np
import pytest

from lampflux.fluxes.companions import with_companions
from lampflux.fluxes.line_model import spectrum_model
from lampflux.fluxes.line_shape import GRID, Shape, far_light, gaussian_profile
from lampflux.fluxes.line_widths import smooth_width
from lampflux.fluxes.shape_fit import judged_smoothness, profile_equations
from lampflux.fluxes.smoothing import Smoothness, data_bands, knots_at, stiffest
from lampflux.peaks import find_peaks
from lampflux.statistics import blurred
from line_spectra import core_and_wing as spectrum

FWHM = 2.3
NONE = np.zeros(0)
SHAPE = Shape(np.full(51, FWHM), gaussian_profile(), 0.0, np.zeros(51), 0.0)


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
    good = np.isfinite(counts) if good is None else good
    return spectrum_model(counts, variance, good, peaks, NONE)


def wing_of(lines):
    """Part of a line's light that lies further than one and a half widths from its centre."""
    grid = np.interp([-1.5, 1.5], GRID, lines.shape.profile.below)
    return 1 - (grid[1] - grid[0])


# Models of spectra


@pytest.mark.parametrize("part", [0.01, 0.05])
@pytest.mark.parametrize("seed", range(3))
def test_wings_are_recovered(part, seed):
    counts, variance, *_ = lamp(seed, wing_part=part)
    # Of a Gaussian wing four widths wide, 0.377 lies further out than 1.5 widths of the core.
    assert wing_of(modelled(counts, variance)) == pytest.approx(0.377 * part, rel=0.2)


@pytest.mark.parametrize("seed", range(4))
def test_pure_gaussians_have_no_wings(seed):
    counts, variance, *_ = lamp(seed)
    lines = modelled(counts, variance)
    # 4e-4 of a Gaussian lies there.
    assert wing_of(lines) < 0.0015
    np.testing.assert_allclose(lines.shape.fwhm, FWHM, rtol=0.01)


@pytest.mark.parametrize("seed", range(2))
def test_blends_of_a_crowd_are_not_taken_for_wings(seed):
    rng = np.random.default_rng(seed)
    clean = spectrum(2048, rng.uniform(20, 2028, 250), 10 ** rng.uniform(4, 6.3, 250), FWHM)
    variance = clean / 2 + 40.0**2
    lines = modelled(clean + rng.normal(0, np.sqrt(variance)), variance)
    assert wing_of(lines) < 0.0015
    assert lines.level.min() > -20


def test_no_continuum_is_stiffer_than_the_equations_bear():
    pixels = np.arange(2048)
    knots, weight = knots_at(pixels, 10.0), np.ones(2048)
    most = stiffest(data_bands(weight, knots))
    columns = np.array([spectrum(2048, [500.0], [1e5], FWHM), 5.0 + 0.01 * pixels])
    equations = profile_equations(columns, weight, knots)
    for stiffness in 1e-3 * most, most:
        assert judged_smoothness(equations, Smoothness(stiffness, 2)).stiffness <= most


@pytest.mark.parametrize("part", [0.0, 0.02])
@pytest.mark.parametrize("seed", range(4))
def test_bright_lines_on_a_slope_have_their_fluxes(part, seed):
    level = np.linspace(2000, 6000, 2048)
    counts, variance, centres, fluxes = lamp(seed, level=level, wing_part=part)
    lines = modelled(counts, variance)
    assert lines.counts.shape == counts.shape
    bright = fluxes > 3e5
    assert bright.sum() > 10
    nearest = np.abs(lines.peaks.pixel - centres[bright, np.newaxis]).argmin(axis=1)
    np.testing.assert_allclose(lines.peaks.pixel[nearest], centres[bright], atol=0.1)
    np.testing.assert_allclose(lines.fluxes[nearest], fluxes[bright], rtol=0.01)
    np.testing.assert_allclose(lines.level, level, atol=60)


@pytest.mark.parametrize("widths", [17, 40])
def test_a_halo_of_scattered_light_is_no_light_of_the_lines(widths):
    counts, variance, centres, fluxes = lamp(3, number=16)
    counts += 0.1 * blurred(spectrum(2048, centres, fluxes, FWHM), widths * FWHM)
    lines = modelled(counts, variance)
    bright = fluxes > 3e6
    place = np.argmin(np.abs(lines.peaks.pixel[:, np.newaxis] - centres), axis=0)
    # Photon noise is less than 0.1 %.
    np.testing.assert_allclose(lines.fluxes[place][bright], fluxes[bright], rtol=0.003)
    assert far_light(lines.shape.profile) < 0.001


def test_lines_that_saturate_in_the_middle_do_not_show_wings():
    counts, variance, centres, _ = lamp(5)
    brightest = round(centres[counts[np.rint(centres).astype(int)].argmax()])
    good = np.ones(counts.size, bool)
    good[brightest - 1 : brightest + 2] = False
    counts[~good] = counts[~good].min()
    assert wing_of(modelled(counts, variance, good)) < 0.0015


@pytest.mark.parametrize("level", [0.0, 500.0])
def test_a_spectrum_without_lines_has_an_empty_model(level):
    counts = np.random.default_rng(6).normal(level, 10, 1000)
    lines = modelled(counts, np.full(1000, 100.0))
    assert lines.fluxes.size == lines.peaks.pixel.size == 0
    assert not lines.counts.any()
    assert lines.shape.fwhm.shape == (1000,)
    # A thousand pixels tell a straight level to 0.3.
    np.testing.assert_allclose(lines.level, level, atol=3)


@pytest.mark.parametrize("good", [True, False])
def test_a_spectrum_that_is_not_known_has_a_finite_model(good):
    counts, variance, *_ = lamp(7)
    lines = modelled(counts, variance, np.full(counts.size, good))
    assert np.isfinite(lines.fluxes).all()
    assert np.isfinite(lines.counts).all()


# Widths


def test_blends_do_not_widen_the_width_of_unblended_lines():
    rng = np.random.default_rng(1)
    places = np.sort(rng.uniform(0, 4000, 40))
    widths = 2.0 + places / 4000
    blends = rng.choice(40, 15, replace=False)
    measured = widths * rng.normal(1, 0.002, 40)
    measured[blends] *= rng.uniform(1.1, 1.8, 15)
    found, error = smooth_width(places, measured, np.full(40, 0.002), 4000)
    inside = np.arange(int(places[0]), int(places[-1]))
    np.testing.assert_allclose(found[inside], 2.0 + inside / 4000, rtol=0.01)
    assert error[inside].max() < 0.004


# Companions


@pytest.mark.parametrize("ratio", [1.0, 0.3, 0.05])
@pytest.mark.parametrize("distance", [0.8, 1.0, 1.3])
@pytest.mark.parametrize("side", [-1, 1])
def test_two_lines_that_look_like_one_are_separated(ratio, distance, side):
    rng = np.random.default_rng(8)
    centres = 25.2 + np.array([0, side * distance * FWHM])
    clean = spectrum(51, centres, 1e6 * np.array([1, ratio]))
    variance = clean / 2 + 40.0**2
    line = clean + rng.normal(0, np.sqrt(variance)), variance, np.ones(51, bool), np.arange(51)
    start = np.array([np.sum(centres * [1, ratio]) / (1 + ratio)])
    found = with_companions(line, start, FWHM, SHAPE, NONE)
    order = np.argsort(-found.flux)
    assert found.flux.size == 2
    if ratio < 1:
        np.testing.assert_allclose(found.flux[order], [1e6, 1e6 * ratio], rtol=0.06)
        np.testing.assert_allclose(found.centre[order], centres, atol=0.1)


def test_a_companion_of_the_laboratory_is_found_nearer_and_fainter():
    rng = np.random.default_rng(9)
    centres = np.array([25.2, 25.2 + 0.5 * FWHM])
    clean = spectrum(51, centres, [1e6, 8e4])
    variance = clean / 2 + 40.0**2
    line = clean + rng.normal(0, np.sqrt(variance)), variance, np.ones(51, bool), np.arange(51)
    found = with_companions(line, np.array([25.3]), FWHM, SHAPE, centres + 0.2)
    np.testing.assert_allclose(found.flux, [1e6, 8e4], rtol=0.1)
    np.testing.assert_allclose(np.diff(found.centre), 0.5 * FWHM, atol=0.05)


@pytest.mark.parametrize("wing_part", [0.0, 0.02])
def test_unblended_lines_are_left_alone(wing_part):
    for seed in range(4):
        counts, variance, *_ = lamp(10 + seed, wing_part=wing_part)
        peaks = find_peaks(counts, np.sqrt(variance))
        assert modelled(counts, variance).peaks.pixel.size == peaks.pixel.size
