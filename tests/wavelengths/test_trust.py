import numpy as np
import pytest
from numpy.polynomial import Polynomial

from lampflux.wavelengths.trust import (
    coincidence_gain,
    leading,
    left_out,
    longest_stretch,
    nearby_scatter,
    partial_fits,
    proven,
    solution_error,
    thirds,
    trusted_stretch,
    well_inside,
    without_ends,
)

FWHM = 3.0


@pytest.mark.parametrize(
    ("flags", "wanted"),
    [
        ("", (0, -1)),
        ("000", (0, -1)),
        ("111", (0, 2)),
        ("1011", (2, 3)),
        ("0110111010", (4, 6)),
        ("1100011", (0, 1)),
        ("1", (0, 0)),
    ],
)
def test_the_longest_stretch_is_found_and_of_equals_the_first(flags, wanted):
    assert longest_stretch(np.array([flag == "1" for flag in flags], bool)) == wanted


def test_a_partial_fit_leaves_out_lines_where_the_alignment_is_uncertain():
    pixel = np.linspace(0, 1000, 21)
    wavelength = 5000 + 0.5 * pixel
    wavelength[15:] += 20
    parts = [*thirds(21), *without_ends(21), pixel < 740, np.ones(21, bool)]
    rivals = partial_fits(pixel, wavelength, np.ones(21), 1, (0, 1000), parts)
    assert len(rivals) == 7
    off = [np.abs(rival(pixel) - (5000 + 0.5 * pixel)).max() for rival in rivals]
    assert np.argmin(off) == 5
    assert off[5] < 1e-9


def test_a_rival_fit_needs_more_lines_than_coefficients():
    pixel = np.linspace(0, 1000, 9)
    parts = [*thirds(9), *without_ends(9), pixel < 300]
    assert len(partial_fits(pixel, pixel, np.ones(9), 3, (0, 1000), parts)) == 5


def test_a_certain_range_is_cut_only_where_it_does_not_reach_the_detectors_end():
    flags = np.zeros(100, bool)
    flags[:60] = True
    flags[80:90] = True
    assert np.flatnonzero(well_inside(flags, 6)).tolist() == list(range(54))
    assert well_inside(np.ones(100, bool), 6).all()
    assert not well_inside(np.zeros(100, bool), 6).any()


def test_true_coincidences_speak_for_a_solution_and_chance_ones_against_it():
    rng = np.random.default_rng(1)
    error = np.full(1000, 0.05 * FWHM)
    true = coincidence_gain(rng.normal(0, error), error, FWHM)
    chance = coincidence_gain(rng.uniform(-0.5, 0.5, 1000) * FWHM, error, FWHM)
    strangers = coincidence_gain(np.full(1000, np.inf), error, FWHM)
    assert true.mean() > 0.7
    assert strangers.max() < chance.mean() < -0.3


@pytest.mark.parametrize("flip", [False, True])
def test_an_end_where_lines_match_by_chance_is_not_proven_although_some_lie_close(flip):
    rng = np.random.default_rng(2)
    pixel, pixels = np.linspace(20, 980, 49), np.arange(1000)
    residual = rng.normal(0, 0.05 * FWHM, pixel.size)
    # Of the first 15 lines, half are as close as true ones.
    residual[:15:2] = rng.uniform(0.3, 0.5, 8) * FWHM
    if flip:
        residual = residual[::-1]
    gain = coincidence_gain(residual, np.full(pixel.size, 0.05 * FWHM), FWHM)
    flags = proven(pixel, gain, pixels)[:: -1 if flip else 1]
    assert 270 < np.argmax(flags) < 330
    assert flags[330:].all()


def test_a_spectrum_with_a_stranger_here_and_there_is_proven_to_its_ends():
    residual = np.zeros(40)
    residual[3::8] = np.inf
    gain = coincidence_gain(residual, np.full(40, 0.05 * FWHM), FWHM)
    assert proven(np.linspace(20, 980, 40), gain, np.arange(1000)).all()
    assert not proven(np.empty(0), np.empty(0), np.arange(9)).any()


def test_the_error_of_a_straight_fit_covers_a_curve_that_its_lines_do_not_show():
    rng = np.random.default_rng(3)
    pixels = np.arange(1000)
    # Curved by half a pixel, with lines that scatter by as much, as blends do.
    true = 2.0 * pixels + 4.0 * ((pixels - 500) / 500) ** 2
    pulls = []
    for _ in range(50):
        pixel = np.sort(rng.uniform(150, 850, 20))
        wavelength = np.interp(pixel, pixels, true) + rng.normal(0, 1.0, pixel.size)
        weight = np.ones(pixel.size)
        straight = Polynomial.fit(pixel, wavelength, 1, domain=[0, 999])
        rivals = partial_fits(
            pixel, wavelength, weight, 1, (0, 999), thirds(20) + without_ends(20)
        )
        scatter = np.full(1000, 0.5)
        error = solution_error(straight, rivals, pixel, weight, scatter, 0.3 * scatter, pixels)
        pulls.append(np.max(np.abs(straight(pixels) - true) / straight.deriv()(pixels) / error))
    assert np.median(pulls) < 2
    assert max(pulls) < 5


def test_an_uncertain_end_is_led_by_peaks_that_lie_close_to_their_lines():
    lead = np.interp(np.arange(1000), [0, 500, 1000], [4.0, 40.0, 2.0])
    pixel = np.linspace(10, 990, 50)
    certain = np.flatnonzero(leading(lead, pixel, np.zeros(50)))
    led = np.flatnonzero(leading(lead, pixel, np.full(50, 1.2)))
    assert led[0] < certain[0] - 15
    assert led[-1] > certain[-1] + 15
    # Without such peaks beyond it, the very end stays uncertain.
    assert led[0] > 10
    assert led[-1] < 990
    # Peaks in no line list speak against all alignments alike.
    assert np.array_equal(np.flatnonzero(leading(lead, pixel, np.full(50, -1.4))), certain)


def test_the_scatter_nearby_shows_where_residuals_are_large():
    pixel = np.linspace(0, 999, 60)
    residual = np.where(pixel < 500, 0.05, 0.4) * (-1) ** np.arange(60)
    scatter = nearby_scatter(pixel, residual, np.ones(60), 0.1, np.arange(1000))
    assert scatter[:400] == pytest.approx(0.1)
    assert scatter[600:] == pytest.approx(0.4)


def test_a_range_ends_where_its_error_is_well_below_a_third_of_a_pixel_but_is_not_cut_in_two():
    error = np.array([0.4, 0.32, 0.2, 0.32, 0.2, 0.2, 0.31, 0.5, 0.1])
    assert trusted_stretch(np.ones(9, bool), error) == (2, 5)
    assert trusted_stretch(np.arange(9) != 3, error) == (4, 5)
    assert trusted_stretch(np.ones(9, bool), error + 0.3) == (0, -1)


def test_leaving_out_each_value_gives_what_a_fit_to_the_others_gives():
    rng = np.random.default_rng(3)
    rows = np.vander(rng.uniform(-1, 1, 12), 4) * rng.uniform(0.2, 2.0, (12, 1))
    values = rng.normal(size=12)
    missed, change = left_out(rows, values)
    every = np.linalg.lstsq(rows, values)[0]
    for number in range(12):
        others = np.delete(rows, number, axis=0), np.delete(values, number)
        fitted = np.linalg.lstsq(*others)[0]
        assert missed[number] == pytest.approx(values[number] - rows[number] @ fitted)
        np.testing.assert_allclose(change[:, number], every - fitted, atol=1e-9)
