"""Wavelengths of arcs of which only the ions and a rough range are known."""

import numpy as np
import pytest

from arcs import LAMPS, arc, catalogue, standing_peaks
from lampflux.peaks import find_peaks
from lampflux.wavelengths import blind, identify
from lampflux.wavelengths.blind import trial_ranges
from lampflux.wavelengths.resemblance import resembling_ion

ROUGH = 3500, 9500


@pytest.fixture
def few_trials(monkeypatch):
    """Ranges that cover at least half of the rough one: fewer to try."""
    monkeypatch.setattr(blind, "BLIND", blind.BLIND._replace(least_coverage=0.5))


def largest_error(found, truth):
    trusted = slice(found.solution.first, found.solution.last + 1)
    off = np.abs(found.wavelength - truth)[trusted]
    assert (off < 5 * found.error[trusted]).all()
    return (off / np.abs(np.gradient(truth))[trusted]).max()


def test_an_arc_is_solved_without_a_nominal_solution(few_trials):
    true = arc("Xe", 8800, 4700, 1024, 3, fwhm=3.0)
    found = identify(true.counts, catalogue("Xe I"), wavelength_range=ROUGH)
    assert found.method == "fitted"
    assert largest_error(found, true.wavelength) < 0.5


def test_another_lamp_is_refused_and_has_no_wavelengths(few_trials):
    true = arc("Kr", 4700, 8800, 1024, 3, fwhm=3.0)
    found = identify(true.counts, catalogue("Ne I"), wavelength_range=ROUGH)
    assert found.method == "nominal"
    assert np.isnan(found.wavelength).all()
    assert "could be chance" in found.verdict.reason


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lamp", "first", "last", "size"),
    [("Ne", 5700, 7800, 2048), ("HgAr", 9000, 4000, 1024), ("Kr", 4000, 9300, 4096)],
)
def test_all_of_a_rough_range_is_searched(lamp, first, last, size):
    true = arc(lamp, first, last, size, 5, fwhm=3.0)
    found = identify(true.counts, catalogue(*LAMPS[lamp]), wavelength_range=ROUGH)
    assert found.method == "fitted"
    assert largest_error(found, true.wavelength) < 0.5


@pytest.mark.slow
def test_a_blind_refusal_names_the_ion_whose_lines_are_seen():
    true = arc("Kr", 5700, 7800, 4096, seed=23)
    peaks = find_peaks(true.counts, true.uncertainty)
    assert resembling_ion(peaks, ["Ne I"], true.nominal, (3400, 9500)) == "Kr I"


def test_every_range_within_the_rough_one_is_close_to_one_that_is_tried():
    trials = np.array(list(trial_ranges(*ROUGH)))
    middle, covered = trials.mean(axis=1), np.ptp(trials, axis=1)
    rng = np.random.default_rng(1)
    for part in rng.uniform(1 / 7, 1, 200):
        wanted = part * (ROUGH[1] - ROUGH[0])
        centre = rng.uniform(ROUGH[0] + wanted / 2, ROUGH[1] - wanted / 2)
        # What an alignment reaches: 23 % of the detector at its ends, a scale 25 % off.
        off = np.abs(middle - centre) / wanted + 0.5 * np.abs(covered / wanted - 1)
        assert off.min() < 0.23


def test_neither_a_nominal_solution_nor_a_range_is_refused():
    with pytest.raises(ValueError, match="nominal solution"):
        identify(np.ones(512), catalogue("Ne I"))


def test_a_spectrum_with_too_few_peaks_is_refused():
    counts = np.random.default_rng(1).normal(100, 5, 512)
    assert standing_peaks(counts).pixel.size < 4
    assert identify(counts, catalogue("Ne I"), wavelength_range=ROUGH).method == "nominal"
