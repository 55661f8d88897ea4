"""Means, trends and probabilities against tables and truth."""

import numpy as np
import pytest

from lampflux.statistics import (
    column_percentile,
    linear_trend,
    robust_scatter,
    student_probability,
    weighted_mean,
)


@pytest.mark.parametrize(
    ("t", "dof", "probability"),
    [  # tables of Student's t
        (12.7062, 1, 0.05),
        (4.3027, 2, 0.05),
        (3.1824, 3, 0.05),
        (2.7764, 4, 0.05),
        (2.3060, 8, 0.05),
        (3.3554, 8, 0.01),
        (2.2622, 9, 0.05),
        (-2.2622, 9, 0.05),
        (1.9799, 120, 0.05),
        (0.0, 5, 1.0),
    ],
)
def test_students_t_is_that_of_the_tables(t, dof, probability):
    assert student_probability(t, dof) == pytest.approx(probability, rel=2e-4)


def test_a_mean_weighs_by_errors_that_explain_the_scatter():
    mean, error = weighted_mean(np.array([10.0, 13.0]), np.array([1.0, 2.0]))
    assert mean == pytest.approx((10 + 13 / 4) / (1 + 1 / 4))
    chi_square = (10 - mean) ** 2 + (13 - mean) ** 2 / 4
    assert error == pytest.approx(np.sqrt(chi_square / 1.25))
    assert weighted_mean(np.array([10.0, 10.1]), np.array([1.0, 2.0]))[1] == 1 / np.sqrt(1.25)


def test_a_mean_without_errors_has_one_from_the_scatter():
    mean, error = weighted_mean(np.array([1.0, 2.0, 6.0]), np.array([np.nan, 1.0, 1.0]))
    assert mean == 3
    assert error == pytest.approx(np.sqrt(7 / 3))


def test_a_single_measurement_without_an_error_has_none():
    mean, error = weighted_mean(np.array([4.0]), np.array([np.nan]))
    assert mean == 4
    assert np.isnan(error)
    assert np.isnan(weighted_mean(np.array([]), np.array([]))).all()


def test_a_trend_is_the_slope_of_a_straight_line():
    order = np.arange(10)
    slope, error, probability = linear_trend(order, 5 + 0.3 * order + 0.01 * (-1) ** order)
    assert slope == pytest.approx(0.3, abs=3 * error)
    assert probability < 1e-10
    assert linear_trend(order[:2], order[:2])[0] is np.nan
    assert linear_trend(order, np.ones(10)) == (0, 0, 1)


def test_noise_alone_gives_a_significant_trend_as_often_as_it_says():
    rng = np.random.default_rng(1)
    found = [linear_trend(np.arange(6), rng.normal(size=6))[2] < 0.05 for _ in range(2000)]
    assert np.mean(found) == pytest.approx(0.05, abs=0.015)


def test_the_robust_scatter_is_sigma_and_ignores_an_outlier():
    values = np.random.default_rng(1).normal(0, 3, 10000)
    values[:100] = 1e6
    assert robust_scatter(values) == pytest.approx(3, rel=0.05)
    assert np.isnan(robust_scatter([np.nan]))


@pytest.mark.parametrize("rows", [1, 2, 14, 29, 128])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_percentiles_of_columns_are_those_of_numpy(rows, kind):
    values = np.random.default_rng(rows).normal(0, 1000, (rows, 50)).astype(kind)
    for percent in 20, 80:
        expected = np.percentile(values, percent, axis=0)
        np.testing.assert_array_equal(column_percentile(values, percent), expected)
