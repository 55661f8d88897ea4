import numpy as np
import pytest

from lampflux.fluxes.smoothing import (
    data_bands,
    difference_bands,
    factors_of,
    gathered,
    knots_at,
    level_at,
    smoothness_of,
    solved,
)


def full(bands):
    """The matrix of seven diagonals."""
    number = bands.shape[1]
    matrix = np.diag(bands[0])
    for below in 1, 2, 3:
        diagonal = np.diag(bands[below, : number - below], below)
        matrix = matrix + diagonal + diagonal.T
    return matrix


@pytest.mark.parametrize("order", [1, 2, 3])
def test_differences_of_levels_are_squared_and_summed(order):
    levels = np.random.default_rng(1).normal(size=30)
    wanted = np.sum(np.diff(levels, order) ** 2)
    assert levels @ full(difference_bands(30, order)) @ levels == pytest.approx(wanted)


def test_the_precision_of_levels_is_that_of_the_pixels():
    rng = np.random.default_rng(2)
    knots = knots_at(np.arange(200), 7.3)
    weight, levels = rng.uniform(0, 1, 200), rng.normal(size=knots.number)
    wanted = np.sum(weight * level_at(levels, knots) ** 2)
    assert levels @ full(data_bands(weight, knots)) @ levels == pytest.approx(wanted)
    values = rng.normal(size=200)
    assert gathered(values, knots) @ levels == pytest.approx(values @ level_at(levels, knots))


def test_banded_equations_are_solved():
    rng = np.random.default_rng(3)
    knots = knots_at(np.arange(300), 5.0)
    bands = data_bands(rng.uniform(1, 2, 300), knots) + 40 * difference_bands(knots.number, 3)
    factors, wanted = factors_of(bands), rng.normal(size=(knots.number, 3))
    np.testing.assert_allclose(full(bands) @ solved(factors, wanted), wanted, atol=1e-9)
    assert factors.determinant == pytest.approx(np.linalg.slogdet(full(bands))[1])


def test_splines_follow_cubic_curves_exactly():
    pixels = np.arange(200)
    knots = knots_at(pixels, 7.3)
    curve = np.polynomial.Polynomial([3.0, -0.2, 4e-3, -2e-5])(pixels)
    factors = factors_of(data_bands(np.ones(200), knots))
    found = level_at(solved(factors, gathered(curve, knots)), knots)
    np.testing.assert_allclose(found, curve, atol=1e-9)


# Level, order of the differences, and its standard deviation from the curve that is found [noise]:
# a straight line through 2,000 pixels is known to 0.03, a ripple to some 0.2.
LEVELS = {
    "line": (lambda place: 20 * place, 2, 0.1),
    "parabola": (lambda place: 30 * place**2, 3, 0.1),
    "ripple": (lambda place: 30 * np.sin(40 * place), 3, 0.3),
}


@pytest.mark.parametrize("scale", [1.0, 1e-6, 1e6])
@pytest.mark.parametrize("name", LEVELS)
def test_the_evidence_finds_how_smooth_a_level_is(name, scale):
    curve, order, most = LEVELS[name]
    pixels = np.arange(2000)
    knots, weight = knots_at(pixels, 10.0), np.ones(2000)
    level = curve(pixels / 1000 - 1)
    values = scale * (level + np.random.default_rng(4).normal(0, 1, 2000))
    smoothness = smoothness_of(values, weight, knots)
    factors = factors_of(data_bands(weight, knots) + smoothness.bands(knots.number))
    smooth = level_at(solved(factors, gathered(values, knots)), knots)
    assert smoothness.order == order
    assert np.std(smooth / scale - level) < most
