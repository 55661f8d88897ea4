import csv
import re
import time
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest

from arcs import (
    LAMPS,
    arc,
    catalogue,
    dispersion,
    exact_reference,
    gaussian_lines,
    noisy,
    nominal_of,
    red_reference,
    standing_peaks,
)
from conftest import PROJECT
from lampflux.peaks import Peaks, find_peaks
from lampflux.wavelengths import Lines, identify
from lampflux.wavelengths.fit import fit_solution
from lampflux.wavelengths.identification import contradicts, find_solution
from lampflux.wavelengths.matching import candidates, match_lines
from lampflux.wavelengths.reference import reference_solution
from lampflux.wavelengths.resemblance import resembling_ion
from lampflux.wavelengths.scale import extended, inverse, nominal_wavelength
from lampflux.wavelengths.shift import Reference, fit_shift
from lampflux.wavelengths.verdict import judge

RED = {"crval": 6754.73992674, "crpix": 2048, "cdelt": 0.5201465201465}


# An alignment that leads all others by far.
SURE = np.full(4096, 100.0)


def solve(true, lamp):
    peaks = standing_peaks(true.counts, true.uncertainty)
    return find_solution(peaks, catalogue(*LAMPS[lamp]), true.nominal)


def pixels_off(outcome, wavelength):
    """How far each pixel's wavelength is off the truth [pixel]."""
    return np.abs((outcome.wavelength - wavelength) / np.gradient(wavelength))


# Solved, and right

SOLVABLE = [
    # lamp, first and last wavelength, pixels: either sign of the dispersion
    ("HgAr", 3800, 9300, 4096),
    ("HgAr", 7000, 4000, 4096),
    ("HgAr", 7000, 4000, 2048),
    ("HgNe", 4000, 7000, 4096),
    ("HgNe", 7800, 5700, 2048),
    ("HgNe", 5700, 7800, 1024),
    ("Kr", 5700, 7800, 4096),
    ("Kr", 9300, 3800, 4096),
    ("Kr", 3800, 9300, 2048),
    ("Kr", 7800, 5700, 2048),
    ("Kr", 5700, 7800, 1024),
    ("Ne", 5700, 7800, 4096),
    ("Ne", 7800, 5700, 4096),
    ("Ne", 5700, 7800, 2048),
    ("Ne", 7800, 5700, 1024),
    ("ThAr", 5700, 7800, 4096),
    ("ThAr", 7800, 5700, 4096),
    ("ThAr", 5700, 7800, 2048),
    ("Xe", 3800, 9300, 4096),
    ("Xe", 7000, 4000, 4096),
    ("Xe", 5700, 7800, 2048),
    ("Xe", 9300, 3800, 2048),
    ("Xe", 9300, 3800, 1024),
]


@cache
def solved(lamp, first, last, size):
    """An arc with a nominal shifted by 40 pixels and stretched by 1 %, either way, and solved."""
    number = SOLVABLE.index((lamp, first, last, size))
    shift, stretch = (40.0, -40.0)[number % 2], (0.01, -0.01)[number // 2 % 2]
    fwhm = 3.0 if size == 1024 else 4.0
    true = arc(lamp, first, last, size, 1000 + number, shift, stretch, fwhm)
    return true, solve(true, lamp)


@pytest.mark.parametrize("case", SOLVABLE, ids=str)
def test_a_lamp_is_solved_within_a_third_of_a_pixel_wherever_it_is_trusted(case):
    true, outcome = solved(*case)
    size = true.counts.size
    assert outcome.method == "fitted"
    assert outcome.verdict.accepted
    assert outcome.verdict.reason == ""
    solution = outcome.solution
    trusted = slice(solution.first, solution.last + 1)
    assert pixels_off(outcome, true.wavelength)[trusted].max() < 0.3
    assert solution.last - solution.first > 0.25 * size
    assert solution.first >= 0
    assert solution.last < size
    assert outcome.wavelength.shape == solution.error.shape == (size,)


def test_most_of_the_detector_is_trusted():
    spans = [
        (outcome.solution.last - outcome.solution.first + 1) / outcome.wavelength.size
        for _, outcome in (solved(*case) for case in SOLVABLE)
        if outcome.solution
    ]
    assert np.mean(spans) > 0.75


def test_errors_cover_what_the_solutions_are_off_by():
    covered, within = [], []
    for true, outcome in (solved(*case) for case in SOLVABLE):
        solution = outcome.solution
        if solution is None:
            continue
        trusted = slice(solution.first, solution.last + 1)
        off = np.abs(outcome.wavelength - true.wavelength)[trusted]
        assert (solution.error[trusted] > 0).all()
        covered.append(np.mean(off < 4 * solution.error[trusted]))
        within.append(np.mean(off < 2 * solution.error[trusted]))
    assert np.mean(np.array(covered) > 0.95) >= 0.9
    assert np.mean(within) > 0.75


@pytest.mark.parametrize("case", SOLVABLE[::6], ids=str)
def test_identified_lines_are_the_ones_that_shine_there(case):
    true, outcome = solved(*case)
    solution = outcome.solution
    peaks = standing_peaks(true.counts, true.uncertainty)
    sign = 1 if true.wavelength[-1] > true.wavelength[0] else -1
    line = solution.lines.wavelength[solution.line[solution.used]]
    at = np.interp(sign * line, sign * true.wavelength, np.arange(true.counts.size))
    off = np.abs(at - peaks.pixel[solution.used])
    # Blends and unknown lines near a listed one: not all can be right to a small part of a pixel.
    assert np.mean(off < 0.5) > 0.85
    used = solution.line[solution.used]
    assert len(set(used)) == used.size
    assert (used >= 0).all()


# Never accepted: more than sixty runs in which there is nothing to find


def refuse(outcome, nominal):
    assert outcome.method == "nominal", outcome.verdict
    assert outcome.solution is None
    assert not outcome.verdict.accepted
    np.testing.assert_array_equal(outcome.wavelength, nominal)
    # In words, for a title and a header card.
    assert len(outcome.verdict.reason.split()) >= 4
    assert len(outcome.verdict.reason) < 60


WRONG = {
    "Ar": ("Kr", "Ne", "Xe"),
    "HgNe": ("Ar", "Kr", "Xe"),
    "Kr": ("Ar", "HgAr", "Ne", "ThAr", "Xe"),
    "Ne": ("Ar", "HgAr", "Kr", "ThAr", "Xe", "Cd"),
    "ThAr": ("Kr", "HgNe", "Ne", "Xe", "Cu"),
    "Xe": ("Ar", "HgAr", "Kr", "Ne", "ThAr", "Cu"),
}


@pytest.mark.parametrize(
    ("lamp", "name"), [(lamp, name) for lamp, names in WRONG.items() for name in names]
)
def test_a_lamp_of_another_name_is_not_solved(lamp, name):
    true = arc(lamp, 5700, 7800, 4096, seed=21)
    refuse(solve(true, name), true.nominal)


@pytest.mark.parametrize("shift", [2000.0, -2000.0])
@pytest.mark.parametrize("lamp", ["HgAr", "HgNe", "Kr", "Ne", "ThAr", "Xe"])
def test_a_nominal_solution_half_the_detector_off_is_kept(lamp, shift):
    true = arc(lamp, 5700, 7800, 4096, seed=22, shift=shift)
    refuse(solve(true, lamp), true.nominal)


@pytest.mark.parametrize(("shift", "stretch"), [(600.0, 0.0), (-600.0, 0.0), (400.0, -0.1)])
@pytest.mark.parametrize("lamp", ["HgNe", "Kr", "ThAr"])
def test_a_nominal_solution_15_percent_or_its_scale_10_percent_off_will_do(lamp, shift, stretch):
    true = arc(lamp, 5700, 7800, 4096, seed=22, shift=shift, stretch=stretch)
    outcome = solve(true, lamp)
    assert outcome.method == "fitted", outcome.verdict
    trusted = slice(outcome.solution.first, outcome.solution.last + 1)
    assert pixels_off(outcome, true.wavelength)[trusted].max() < 0.3


def grism(change):
    """Wavelengths of a grism: the dispersion, of 4 Angstrom, changes by a part from end to end."""
    x = np.linspace(-1, 1, 1024)
    # The grating equation: wavelengths go with the sine of the angle, here 0.16 to either side.
    middle = np.arctan(change / 0.32)
    sine = np.sin(middle + 0.16 * x)
    return 6000 + 2.0 * x.size * (sine - np.sin(middle)) / (0.16 * np.cos(middle))


@pytest.mark.parametrize("change", [-0.25, -0.15, 0.0, 0.2, 0.25])
@pytest.mark.parametrize("ions", [("He I", "Ne I"), ("Hg I", "Ar I")], ids="".join)
def test_a_grisms_dispersion_is_followed_to_its_ends(change, ions):
    wavelength = grism(change)
    assert np.ptp(np.gradient(wavelength)) == pytest.approx(4 * abs(change), abs=0.12)
    lines, rng = catalogue(*ions), np.random.default_rng(41)
    inside = (lines.wavelength > wavelength[0]) & (lines.wavelength < wavelength[-1])
    strength = lines.intensity[inside]
    for ion in ions:
        own = lines.ion[inside] == ion
        strength[own] /= strength[own].max()
    centres = np.interp(lines.wavelength[inside], wavelength, np.arange(1024))
    counts, uncertainty = noisy(gaussian_lines(1024, centres, 3e5 * strength, 3.0), rng)
    nominal = nominal_of(wavelength, shift=30.0)
    found = find_solution(standing_peaks(counts, uncertainty), lines, nominal)
    assert found.method == "fitted", found.verdict
    first, last = found.solution.first, found.solution.last
    off = pixels_off(found, wavelength)[first : last + 1]
    assert off.max() < 0.6
    assert (
        off < 5 * found.error[first : last + 1] / np.gradient(wavelength)[first : last + 1]
    ).all()
    assert last - first > 0.5 * 1024


@pytest.mark.parametrize("size", [2048, 4096])
@pytest.mark.parametrize("lamp", ["HgAr", "HgNe", "Kr", "Ne", "ThAr", "Xe"])
def test_a_flipped_spectrum_is_not_solved(lamp, size):
    true = arc(lamp, 4000, 7000, size, seed=23)
    flipped = true._replace(counts=true.counts[::-1], uncertainty=true.uncertainty[::-1])
    refuse(solve(flipped, lamp), true.nominal)


@pytest.mark.parametrize("lamp", ["Ne", "ThAr"])
def test_an_upside_down_spectrum_is_not_solved(lamp):
    true = arc(lamp, 5700, 7800, 4096, seed=24)
    refuse(solve(true._replace(counts=-true.counts), lamp), true.nominal)


def blank(clean, seed):
    """A spectrum without a line of the lamp, and the wavelengths that it does not have."""
    rng = np.random.default_rng(seed)
    wavelength = dispersion(5700, 7800, clean.size)
    return *noisy(clean, rng), nominal_of(wavelength)


def solve_blank(clean, seed, lamp):
    counts, uncertainty, nominal = blank(clean, seed)
    peaks = standing_peaks(counts, uncertainty)
    refuse(find_solution(peaks, catalogue(*LAMPS[lamp]), nominal), nominal)


@pytest.mark.parametrize("lamp", ["HgAr", "HgNe", "Kr", "Ne", "ThAr", "Xe"])
@pytest.mark.parametrize("size", [1024, 4096])
def test_noise_is_not_solved(lamp, size):
    solve_blank(np.zeros(size), 25, lamp)


@pytest.mark.parametrize("lamp", ["Ne", "ThAr", "Xe"])
@pytest.mark.parametrize("shape", ["slope", "hump", "ripple"])
def test_a_continuum_lamp_is_not_solved(lamp, shape):
    x = np.linspace(0, 1, 4096)
    clean = {
        "slope": 2e5 * x,
        "hump": 1e5 * np.exp(-0.5 * ((x - 0.4) / 0.2) ** 2),
        "ripple": 1e5 * (1 + 0.1 * np.sin(2 * np.pi * 60 * x)),
    }[shape]
    solve_blank(clean, 26, lamp)


@pytest.mark.parametrize("lamp", ["HgAr", "HgNe", "Kr", "Ne", "ThAr", "Xe"])
@pytest.mark.parametrize("number", [12, 40, 150])
def test_lines_at_random_are_not_solved(lamp, number):
    rng = np.random.default_rng(number)
    centres, heights = rng.uniform(0, 4096, number), 1e4 * rng.lognormal(0, 1.5, number)
    solve_blank(gaussian_lines(4096, centres, heights, 4.0), 27, lamp)


@pytest.mark.parametrize("number", [0, 1, 3])
def test_with_fewer_than_four_peaks_nothing_is_tried(number):
    clean = gaussian_lines(2048, np.arange(1, number + 1) * 500.0, np.full(number, 1e5), 4.0)
    counts, uncertainty, nominal = blank(clean, 28)
    outcome = find_solution(standing_peaks(counts, uncertainty), catalogue("Ne I"), nominal)
    refuse(outcome, nominal)
    assert outcome.verdict.reason == "fewer than four peaks stand out"


def test_without_listed_lines_nothing_is_tried():
    true = arc("Ne", 5700, 7800, 2048, seed=29)
    nothing = Lines(np.empty(0), np.empty(0), np.empty(0, object))
    peaks = standing_peaks(true.counts, true.uncertainty)
    refuse(find_solution(peaks, nothing, true.nominal), true.nominal)


# The verdict


def solution_with(**changes):
    _, outcome = solved(*SOLVABLE[0])
    return outcome.solution._replace(**changes)


@pytest.mark.parametrize(
    ("score", "chance", "changes", "words"),
    [
        (10.0, 300.0, {}, r"could be chance: evidence \d+ of 5, lead -\d+ of \d+"),
        (-500.0, -900.0, {}, r"could be chance: evidence -\d+ of 5, lead \d+ of \d+"),
        (
            300.0,
            10.0,
            {"matched": 0.3},
            "lines found for 30 % of the .* peaks, of 45 % needed",
        ),
        (300.0, 10.0, {"certain": 0.05}, "certain over 5 % of the detector, of 10 % needed"),
    ],
)
def test_a_verdict_says_what_speaks_against_a_solution(score, chance, changes, words):
    judged = judge(score, chance, solution_with(**changes), 4.0)
    assert not judged.accepted
    assert re.fullmatch(words, judged.reason)


def test_a_verdict_without_a_fit_is_no():
    judged = judge(300.0, 10.0, None, 4.0)
    assert not judged.accepted
    assert judged.reason == "too few lines match for a fit"


def test_a_lamp_under_another_name_is_identified_by_its_ion():
    true = arc("Kr", 5700, 7800, 2048, seed=36)
    peaks = find_peaks(true.counts, true.uncertainty)
    assert resembling_ion(peaks, ["Ne I"], true.nominal) == "Kr I"


def test_lines_at_random_resemble_no_ion():
    rng = np.random.default_rng(37)
    clean = gaussian_lines(2048, rng.uniform(0, 2048, 40), 1e4 * rng.lognormal(0, 1.5, 40), 4.0)
    counts, uncertainty, nominal = blank(clean, 38)
    assert resembling_ion(find_peaks(counts, uncertainty), ["Ne I"], nominal) is None


# Borrowing the shape of a reference


def tabled_xenon():
    with open(PROJECT / "resources/line_windows/Xe_Red.csv", newline="") as file:
        return np.array([float(row["wavelength_air"]) for row in csv.DictReader(file)])


def xenon_peaks(shift, seed):
    """The six lines of xenon in the red arm, shifted against the reference."""
    rng = np.random.default_rng(seed)
    lines = tabled_xenon()
    assert lines.size == 6
    centres = np.interp(lines, red_reference(), np.arange(4096)) + shift
    clean = gaussian_lines(4096, centres, 2e4 * rng.lognormal(0, 0.5, 6), 5.0)
    return standing_peaks(*noisy(clean, rng))


@pytest.mark.parametrize("shift", [12.3, -12.3, 0.0, 31.7])
def test_six_lines_carry_a_shift_of_the_reference(shift):
    reference = red_reference()
    peaks = xenon_peaks(shift, seed=31)
    nominal = nominal_wavelength(np.arange(4096), **RED)
    outcome = find_solution(peaks, catalogue("Xe I"), nominal, exact_reference(reference))
    assert outcome.method in ("shifted", "fitted")
    trusted = slice(outcome.solution.first, outcome.solution.last + 1)
    truth = extended(reference, np.arange(4096) - shift)
    assert np.median(np.abs(pixels_off(outcome, truth))[trusted]) < 0.3
    assert pixels_off(outcome, truth)[trusted].max() < 1
    assert outcome.solution.used.sum() >= 5


@pytest.mark.parametrize("shift", [12.3, -12.3])
def test_a_fitted_shift_is_the_one_put_in(shift):
    reference = red_reference()
    start = extended(reference, np.arange(4096) - np.round(shift))
    solution = fit_shift(xenon_peaks(shift, seed=32), catalogue("Xe I"), start, SURE)
    truth = extended(reference, np.arange(4096) - shift)
    off = np.abs((solution.wavelength - truth) / np.gradient(truth))
    assert solution.parameters <= 2
    assert off[solution.first : solution.last + 1].max() < 0.3
    assert off[2048] < 0.1


def test_the_error_of_a_shifted_reference_covers_where_the_reference_has_no_lines():
    pixels, lines, xenon = np.arange(4096), catalogue("Xe I"), tabled_xenon()
    truth = red_reference()
    nominal = nominal_wavelength(pixels, **RED)
    for seed in range(12):
        rng = np.random.default_rng([36, seed])
        known = np.sort(rng.uniform(300, 3800, 25))
        pairs = known + rng.normal(0, 0.2, 25), np.interp(known, pixels, truth)
        centres = np.interp(xenon, truth, pixels)
        clean = gaussian_lines(4096, centres, 2e4 * rng.lognormal(0, 0.5, 6), 5.0)
        reference = reference_solution(*pairs, pixels)
        counts, uncertainty = noisy(clean, rng)
        found = find_solution(standing_peaks(counts, uncertainty), lines, nominal, reference)
        trusted = slice(found.solution.first, found.solution.last + 1)
        assert (np.abs(found.wavelength - truth) / found.error)[trusted].max() < 4, seed


def test_a_reference_that_is_too_inaccurate_is_refused_and_named():
    truth = red_reference()
    nominal = nominal_wavelength(np.arange(4096), **RED)
    poor = Reference(truth, np.full(4096, 0.3))
    refused = find_solution(xenon_peaks(12.3, seed=31), catalogue("Xe I"), nominal, poor)
    assert refused.method == "nominal"
    assert "the arm's reference is too inaccurate" in refused.verdict.reason


def test_a_shifted_reference_expects_blends_at_their_centroids():
    wavelength, lines = dispersion(5700, 7800, 512), catalogue("Ne I")
    inside = (lines.wavelength > 5700) & (lines.wavelength < 7800)
    centres = np.interp(lines.wavelength[inside], wavelength, np.arange(512))
    heights = 1e5 * lines.intensity[inside] / lines.intensity[inside].max()
    counts, _ = noisy(gaussian_lines(512, centres, heights, 4.0), np.random.default_rng(1))
    solution = fit_shift(standing_peaks(counts), lines, wavelength, SURE[:512])
    used = solution.used
    step = np.interp(solution.lines.wavelength, wavelength, np.gradient(wavelength))
    moved = (solution.centroid - solution.lines.wavelength) / step
    assert np.std(moved[solution.line[used]]) > 0.1
    assert np.std(solution.residual[used]) < 0.5 * np.std(moved[solution.line[used]])
    assert pixels_off(solution, wavelength).max() < 0.1


def test_a_lamp_with_a_dark_element_is_solved_with_the_lines_of_the_other():
    reference, rng = red_reference(), np.random.default_rng(35)
    centres = np.interp(tabled_xenon(), reference, np.arange(4096))
    clean = gaussian_lines(4096, centres, 2e4 * rng.lognormal(0, 0.5, 6), 5.0)
    counts, uncertainty = noisy(clean, rng)
    nominal = nominal_wavelength(np.arange(4096), **RED)
    found = identify(counts, catalogue("Xe I", "Ne I"), nominal, reference, uncertainty)
    trusted = slice(found.solution.first, found.solution.last + 1)
    assert pixels_off(found, reference)[trusted].max() < 0.3
    assert {line["ion"] for line in found.lines if line["used"]} == {"Xe I"}


def test_solutions_contradict_each_other_by_their_errors_where_they_are_trusted():
    straight = SimpleNamespace(wavelength=np.linspace(5000, 6000, 101), first=20, last=80)
    bent = np.where(np.arange(101) > 85, 5.0, 0.4) + straight.wavelength
    straight.error = np.full(101, 0.2)
    other = SimpleNamespace(wavelength=bent, error=np.zeros(101))
    assert not contradicts(straight, other)
    straight.error[50] = 0.05
    assert contradicts(straight, other)
    other.error[50] = 0.1
    assert not contradicts(straight, other)


def test_a_reference_does_not_make_six_random_peaks_xenon():
    reference = exact_reference(red_reference())
    nominal = nominal_wavelength(np.arange(4096), **RED)
    rng = np.random.default_rng(33)
    for _ in range(8):
        clean = gaussian_lines(4096, rng.uniform(100, 4000, 6), 2e4 * rng.lognormal(0, 0.5, 6), 5)
        peaks = standing_peaks(*noisy(clean, rng))
        refuse(find_solution(peaks, catalogue("Xe I"), nominal, reference), nominal)


@pytest.mark.parametrize("lamp", ["Ne", "Kr", "ThAr", "HgAr"])
def test_a_reference_does_not_make_a_lamp_another(lamp):
    reference = exact_reference(red_reference())
    ends = reference.wavelength[[0, -1]]
    true = arc(lamp, *ends, 4096, seed=34, shift=0.0, stretch=0.0)
    peaks = standing_peaks(true.counts, true.uncertainty)
    refuse(find_solution(peaks, catalogue("Xe I"), true.nominal, reference), true.nominal)


@pytest.mark.slow
def test_a_long_spectrum_of_many_ions_is_solved_in_seconds():
    ions = "Hg I", "Ne I", "Ar I", "Xe I", "Kr I", "Th I"
    lines, truth = catalogue(*ions), np.linspace(3600, 9200, 25725)
    inside = (lines.wavelength > truth[0]) & (lines.wavelength < truth[-1])
    place = np.interp(lines.wavelength[inside], truth, np.arange(truth.size))
    rng = np.random.default_rng(5)
    counts = rng.normal(300, 10, truth.size)
    counts += gaussian_lines(truth.size, place, 30 * lines.intensity[inside] ** 0.7, 4.0)
    began = time.process_time()
    outcome = identify(counts, lines, truth + 8)
    assert time.process_time() - began < 10
    assert outcome.method == "fitted"
    trusted = slice(outcome.solution.first, outcome.solution.last + 1)
    assert np.abs(outcome.wavelength - truth)[trusted].max() < 0.05


# Matching


def close_peaks(pixel):
    pixel = np.asarray(pixel, float)
    none = np.zeros(pixel.size, bool)
    return Peaks(pixel, np.full(pixel.size, 0.05), np.full(pixel.size, 1e4), none, none, none, 4.0)


def choice_of(peaks, lines, line_ranks):
    start = 5000.0 + np.arange(1000)
    choice = candidates(peaks, lines, start)
    return choice._replace(line_ranks=line_ranks, ranks=np.ones(peaks.pixel.size))


def test_no_line_is_given_to_two_peaks():
    rng = np.random.default_rng(35)
    for _ in range(20):
        peaks = close_peaks(np.sort(rng.uniform(0, 300, 40)))
        lines = Lines(np.sort(rng.uniform(5000, 5300, 25)), np.ones(25), np.full(25, "X I"))
        choice = choice_of(peaks, lines, rng.integers(1, 6, 25).astype(float))
        line, _ = match_lines(peaks, choice, 5000 + peaks.pixel, np.ones(40), 8.0)
        given = line[line >= 0]
        assert given.size > 10
        assert len(set(given)) == given.size
        distance = np.abs(lines.wavelength[given] - 5000 - peaks.pixel[line >= 0])
        assert distance.max() <= 8


def test_the_nearer_of_two_lines_is_chosen_and_the_brighter_of_two_as_near():
    peaks = close_peaks([100.0, 200.0])
    lines = Lines(np.array([5099.0, 5103.0, 5197.0, 5203.0]), np.ones(4), np.full(4, "X I"))
    ranks = np.array([1.0, 1.0, 1.0, 6.0])
    for sign in (1, -1):
        choice = choice_of(peaks, lines, ranks)
        expected = np.array([5100.0, 5200.0])
        line, _ = match_lines(peaks, choice, expected, np.full(2, sign), 8.0)
        assert line.tolist() == [0, 2]


def test_a_peak_with_no_line_within_reach_gets_none():
    lines = Lines(np.array([5050.0, 5150.0]), np.ones(2), np.full(2, "X I"))
    peaks = close_peaks([100.0])
    choice = choice_of(peaks, lines, np.ones(2))
    line, doubtful = match_lines(peaks, choice, np.array([5100.0]), np.ones(1), 8.0)
    assert line.tolist() == [-1]
    assert not doubtful.any()


# Fitting from close by


@pytest.mark.parametrize("falling", [False, True])
def test_exact_lines_are_fitted_exactly(falling):
    wavelength = dispersion(*((8000, 5000) if falling else (5000, 8000)), 2048)
    pixel = np.linspace(30, 2010, 45)
    lines = Lines(
        np.sort(np.interp(pixel, np.arange(2048), wavelength)),
        np.ones(45),
        np.full(45, "X I", object),
    )
    step = np.gradient(wavelength)
    solution = fit_solution(close_peaks(pixel), lines, wavelength + 2.0 * step, SURE[:2048])
    assert np.abs((solution.wavelength - wavelength) / step).max() < 0.01
    assert solution.used.all()
    assert solution.matched == pytest.approx(1)
    assert (solution.first, solution.last) == (0, 2047)


@pytest.mark.parametrize("lamp", ["Kr", "Xe"])
def test_a_fit_from_an_alignment_with_a_wrong_end_is_right(lamp):
    true = arc(lamp, 4000, 7800, 2048, seed=1)
    peaks, pixels = standing_peaks(true.counts, true.uncertainty), np.arange(2048)
    # Off by up to 60 pixels, where its lead falls to nothing.
    wrong = 60 * np.clip((pixels - 1200) / 850, 0, None) ** 2
    start = true.wavelength + wrong * np.gradient(true.wavelength)
    lead = np.interp(pixels, [0, 1000, 1500], [30, 30, 0])
    solution = fit_solution(peaks, catalogue(*LAMPS[lamp]), start, lead)
    assert pixels_off(solution, true.wavelength)[peaks.pixel.astype(int)].max() < 0.5


def test_too_few_lines_give_no_fit():
    wavelength = dispersion(5000, 8000, 2048)
    lines = Lines(wavelength[[300, 1500]], np.ones(2), np.full(2, "X I", object))
    assert fit_solution(close_peaks([300.0, 1500.0]), lines, wavelength, SURE[:2048]) is None
    assert fit_shift(close_peaks([300.0, 1500.0]), lines, wavelength, SURE[:2048]) is None


# Helpers


@pytest.mark.parametrize("sign", [1, -1])
def test_inverse_and_extended_undo_each_other_even_beyond_the_detector(sign):
    wavelength = dispersion(*(5000, 8000)[::sign], 1024)
    at = np.linspace(-150, 1170, 300)
    np.testing.assert_allclose(inverse(wavelength, extended(wavelength, at)), at, atol=1e-6)


@pytest.mark.parametrize("sign", [1, -1])
def test_inverse_is_exact_for_a_straight_line(sign):
    wavelength = 6000 + sign * 0.5 * np.arange(100)
    wanted = np.array([5900.0, 6000.0, 6000.25 * sign + 6000 * (1 - sign), 6080.0])
    np.testing.assert_allclose(inverse(wavelength, wanted), (wanted - 6000) / (sign * 0.5))


def test_extended_goes_on_straight_beyond_the_ends():
    values = np.array([0.0, 1.0, 4.0, 9.0])
    np.testing.assert_allclose(extended(values, np.array([-2.0, 1.5, 5.0])), [-2, 2.5, 19])


def test_a_line_that_the_detectors_end_cuts_weighs_little():
    peaks = Peaks(
        *np.array([[1.5, 500.0, 1022.0], [0.03] * 3, [1e4] * 3]), *np.zeros((3, 3), bool), 3.0
    )
    start = np.linspace(5000, 6000, 1024)
    weight = candidates(peaks, catalogue("Ne I"), start).weights(np.zeros(3, int), slice(None))
    assert weight[[0, 2]].max() < 0.25 * weight[1]
