import numpy as np
import pytest

from lampflux.wavelengths.continuation import continued
from lampflux.wavelengths.fit import Solution
from lampflux.wavelengths.lines import Lines

SIZE = 1000
PIXELS = np.arange(SIZE)
X = (PIXELS - 500) / 500
# A dispersion that changes by a fifth, and a polynomial that runs away from it at the red end.
TRUTH = 6000 + 1000 * X + 50 * X**2
RUNAWAY = TRUTH + 300 * np.clip(X - 0.2, 0, None) ** 4
NOMINAL = 6010 + 1000 * X


def solution_with(wavelength, error, first, last):
    none = Lines(*(np.empty(0) for _ in range(3)))
    empty = np.empty(0)
    return Solution(
        wavelength, error, 6, none, empty, empty, empty, empty, 0.1, 1.0, 0.7, first, last
    )


def pixels_off(wavelength):
    return np.abs((wavelength - TRUTH) / np.gradient(TRUTH))


def error_of(first, last):
    """Error [Angstrom] that is small between two pixels and large beyond."""
    return np.where((first <= PIXELS) & (last >= PIXELS), 0.1, 10.0)


@pytest.mark.parametrize("reference", [None, TRUTH + 7], ids=["nominal", "reference"])
def test_a_solution_does_not_run_away_where_no_line_holds_it(reference):
    found = continued(solution_with(RUNAWAY, error_of(0, 600), 0, 600), NOMINAL, reference)
    assert pixels_off(RUNAWAY).max() > 50
    assert pixels_off(found.wavelength).max() < 2
    assert pixels_off(found.wavelength).max() < pixels_off(NOMINAL).max() / 2
    # Its error covers what it is off by, and does not shrink.
    assert (np.abs(found.wavelength - TRUTH) < 3 * found.error).all()
    assert found.error[-1] > 5 * found.error[600]


def test_a_solution_stays_what_it_is_where_its_error_is_small():
    found = continued(solution_with(TRUTH, error_of(100, 900), 200, 800), NOMINAL)
    held = slice(100, 901)
    np.testing.assert_array_equal(found.wavelength[held], TRUTH[held])
    np.testing.assert_array_equal(found.error[held], 0.1)
    whole = solution_with(TRUTH, np.full(SIZE, 0.1), 0, SIZE - 1)
    np.testing.assert_array_equal(continued(whole, NOMINAL).wavelength, TRUTH)


@pytest.mark.parametrize("off", [10, 400])
def test_a_solution_is_continued_without_a_jump_or_a_kink_however_far_off_the_nominal_is(off):
    nominal = NOMINAL + off * X**3
    found = continued(solution_with(TRUTH, error_of(0, 500), 0, 500), nominal)
    np.testing.assert_array_equal(found.wavelength[:501], TRUTH[:501])
    steps = np.diff(found.wavelength)
    assert np.abs(np.diff(steps)).max() < 0.02 * steps.mean()
