import numpy as np
import pytest

from lampflux.fluxes.smoothing import (
    data_bands,
    difference_bands,
    factors_of,
    gathered,
    knots_at,
    level_at,
    solved,
    stiffness_of,
)


def full(bands):
    """The matrix of five diagonals."""
    number = bands.shape[1]
    matrix = np.diag(bands[0])
    for below in 1, 2:
        diagonal = np.diag(bands[below, : number - below], below)
        matrix = matrix + diagonal + diagonal.T
    return matrix


@pytest.mark.parametrize("order", [1, 2])
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
    bands = data_bands(rng.uniform(1, 2, 300), knots) + 40 * difference_bands(knots.number, 2)
    factors, wanted = factors_of(bands), rng.normal(size=(knots.number, 3))
    np.testing.assert_allclose(full(bands) @ solved(factors, wanted), wanted, atol=1e-9)
    assert np.log(factors.middle).sum() == pytest.approx(np.linalg.slogdet(full(bands))[1])


@pytest.mark.parametrize("scale", [1.0, 1e-6, 1e6])
def test_the_evidence_finds_straight_lines_straight_and_ripples_bent(scale):
    pixels = np.arange(2000)
    knots, weight = knots_at(pixels, 10.0), np.ones(2000)
    noise = np.random.default_rng(4).normal(0, 1, 2000)
    found = {}
    for name, level in ("line", 0.01 * pixels), ("ripple", 30 * np.sin(pixels / 25)):
        values = scale * (level + noise)
        stiffness = stiffness_of(values, weight, knots)
        factors = factors_of(
            data_bands(weight, knots) + stiffness * difference_bands(knots.number, 2)
        )
        smooth = level_at(solved(factors, gathered(values, knots).tolist()), knots)
        found[name] = stiffness, np.std(smooth / scale - level)
    assert found["line"][0] > 1e3 * found["ripple"][0]
    # A straight line through 2,000 pixels is known to 0.03, a free ripple to some 0.3.
    assert found["line"][1] < 0.1
    assert found["ripple"][1] < 0.5
