import itertools

import numpy as np
import pytest

from arcs import arc, catalogue, standing_peaks
from lampflux.peaks import Peaks
from lampflux.wavelengths import Lines
from lampflux.wavelengths.path import best_path
from lampflux.wavelengths.scale import extended, inverse
from lampflux.wavelengths.search import (
    FINE,
    RIGID,
    WIDE,
    align,
    chance_score,
    coincidence_table,
    local_ranks,
)


def peaks_at(pixel, height, fwhm=4.0):
    """Peaks as found at known places."""
    order = np.argsort(pixel)
    none = np.zeros(order.size, bool)
    error = np.full(order.size, 0.05)
    return Peaks(pixel[order], error, height[order], none, none, none, fwhm)


def random_lines(rng, size, number=75):
    """Catalogue lines at random pixels, resolved, with random intensities of one ion."""
    place = np.sort(rng.uniform(-200, size + 200, number))
    strength = rng.lognormal(0, 2, number)
    resolved = np.diff(place, prepend=-np.inf) > 6
    place, strength = place[resolved], strength[resolved]
    return place, Lines(place, strength, np.full(place.size, "X I", object))


def seen_through(place, strength, displacement, size):
    """Peaks of lines that stand displaced, the fainter half of them unseen."""
    at = place - displacement(place)
    inside = (at > 0) & (at < size - 1) & (strength > np.median(strength))
    return peaks_at(at[inside], strength[inside])


# Ranks


@pytest.mark.parametrize("grouped", [False, True])
def test_local_ranks_are_those_of_counting(grouped):
    rng = np.random.default_rng(1)
    position = rng.uniform(0, 100, 80)
    strength = rng.integers(1, 30, 80).astype(float)
    group = rng.integers(0, 3, 80) if grouped else np.zeros(80, int)
    wanted = [
        1
        + sum(
            strength[other] > strength[item]
            and abs(position[other] - position[item]) <= 7
            and group[other] == group[item]
            for other in range(80)
        )
        for item in range(80)
    ]
    ranks = local_ranks(position, strength, 7, group if grouped else None)
    np.testing.assert_array_equal(ranks, wanted)


def test_ranks_of_nothing_are_none():
    assert local_ranks(np.empty(0), np.empty(0), 5).size == 0


# How much likelier than chance


EVERYWHERE = (-np.inf, np.inf)
# Distance of the table's entries [pixel].
STEP = 0.5


def table_of(
    position, weight=None, sigma=2.0, size=2001, reach=200, strangers=0.1, covered=EVERYWHERE
):
    position = np.asarray(position, float)
    weight = np.ones(position.size) if weight is None else np.asarray(weight, float)
    return coincidence_table(position, weight, sigma, 0.0, STEP, size, reach, strangers, covered)


def test_evenly_dense_items_give_no_evidence():
    table = table_of(np.arange(-50, 1100, 0.5))
    np.testing.assert_allclose(table[200:-200], 0, atol=0.01)


def test_a_lone_item_is_as_likely_as_its_gaussian_over_the_mean():
    table = table_of([500.0])
    cells = 2 * int(200 / STEP) + 1
    peak = STEP / (2.0 * np.sqrt(2 * np.pi))
    for distance in (0, 1, 2, 3, 5):
        gaussian = peak * np.exp(-0.5 * (distance / 2.0) ** 2)
        for side in (-1, 1):
            wanted = np.log(0.1 + 0.9 * gaussian * cells)
            assert table[int((500 + side * distance) / STEP)] == pytest.approx(wanted, abs=0.02)


def test_far_from_every_item_only_chance_is_left():
    table = table_of([500.0, 520.0])
    assert table[int(450 / STEP)] == pytest.approx(np.log(0.1), abs=1e-6)
    assert table[0] == pytest.approx(np.log(0.1), abs=1e-6)


def test_the_denser_the_items_the_less_evidence_a_coincidence_gives():
    at = [table_of(np.arange(0, 1000, spacing))[int(500 / STEP)] for spacing in (100, 50, 20, 10)]
    assert at == sorted(at, reverse=True)
    assert at[-1] > 0


def test_a_heavier_item_gives_more_evidence_than_a_light_one():
    table = table_of([450.0, 550.0], [1.0, 0.1])
    assert table[int(450 / STEP)] > table[int(550 / STEP)] + 1


def test_there_is_no_evidence_far_outside_the_range_with_known_items():
    everywhere, within = table_of([500.0, 520.0]), table_of([500.0, 520.0], covered=(300, 700))
    at = STEP * np.arange(within.size)
    known = (at >= 250) & (at <= 750)
    np.testing.assert_array_equal(within[known], everywhere[known])
    np.testing.assert_array_equal(within[~known], 0)


def test_items_beyond_the_table_are_left_out():
    np.testing.assert_array_equal(table_of([500.0, -30.0, 2000.0]), table_of([500.0]))


# The search


@pytest.mark.parametrize("size", [1024, 2048, 4096])
@pytest.mark.parametrize(
    ("shift", "stretch", "bow"),
    [
        (0.0, 0.0, 0.0),
        (40.0, 0.01, 0.0),
        (-40.0, -0.01, 0.006),
        (75.0, 0.0, 0.008),
        (-80.0, 0.0, 0.0),
        (10.0, 0.03, 0.0),
        (-10.0, -0.03, -0.006),
        (100.0, 0.08, 0.0),
        (0.0, 0.0, 0.03),
        (60.0, -0.05, -0.03),
    ],
)
def test_a_displacement_is_recovered(size, shift, stretch, bow):
    rng = np.random.default_rng(2)
    place, lines = random_lines(rng, size)

    def displacement(pixel):
        x = 2 * pixel / size - 1
        return shift + stretch * (pixel - size / 2) + bow * size * (x**2 - 0.5)

    peaks = seen_through(place, lines.intensity, displacement, size)
    found = align(peaks, place, lines, size)
    pixels = np.arange(size)
    start = pixels + np.interp(pixels, found.knots, found.offsets)
    fine = align(peaks, inverse(start, place), lines, size, FINE)
    # Expected pixel of each peak's line, and what the searches add to the peak's own.
    at = peaks.pixel + np.interp(peaks.pixel, fine.knots, fine.offsets)
    offsets = extended(start, at) - peaks.pixel
    truth = np.interp(peaks.pixel, np.sort(place - displacement(place)), place) - peaks.pixel
    assert np.abs(offsets - truth).max() < 2
    assert found.score > chance_score(peaks, place, lines, size) + 40


@pytest.mark.parametrize(
    ("lamp", "first", "last", "size"),
    [("Ne", 5700, 7800, 4096), ("ThAr", 5700, 7800, 4096), ("Kr", 9300, 3800, 2048)],
)
def test_a_lamp_is_found_far_above_chance_and_another_is_not(lamp, first, last, size):
    true = arc(lamp, first, last, size, seed=3)
    peaks = standing_peaks(true.counts, true.uncertainty)
    lines = catalogue(*{"Ne": ["Ne I"], "ThAr": ["Th I", "Th II", "Ar I"], "Kr": ["Kr I"]}[lamp])
    expected = inverse(true.nominal, lines.wavelength)
    found = align(peaks, expected, lines, size)
    pixels = np.arange(size)
    at = pixels + np.interp(pixels, found.knots, found.offsets)
    step = np.median(np.diff(true.nominal))
    off = np.interp(at, pixels, true.nominal) - true.wavelength
    reached = (at > 0) & (at < size - 1)
    assert np.median(np.abs(off / step)[reached]) < 2
    assert found.score > chance_score(peaks, expected, lines, size) + 40

    other = catalogue("He I", "Cd I", "Cu I")
    expected = inverse(true.nominal, other.wavelength)
    wrong = align(peaks, expected, other, size).score
    assert wrong < chance_score(peaks, expected, other, size) + 25
    assert wrong < found.score - 40


def test_bright_lines_at_unlit_ends_do_not_speak_against_an_alignment():
    place, lines = random_lines(np.random.default_rng(4), 1024)
    lit = (place > 250) & (place < 770)
    part = Lines(*(column[lit] for column in lines))
    peaks = seen_through(place[lit], part.intensity, np.zeros_like, 1024)
    score = align(peaks, place[lit], part, 1024, with_lead=False).score
    assert align(peaks, place, lines, 1024, with_lead=False).score > 0.9 * score


def test_offsets_run_from_end_to_end_and_no_further_than_is_searched():
    rng = np.random.default_rng(4)
    place, lines = random_lines(rng, 2048)
    peaks = peaks_at(rng.uniform(0, 2047, 30), rng.lognormal(0, 1, 30))
    found = align(peaks, place, lines, 2048)
    assert found.knots[0] == 0
    assert found.knots[-1] == 2048
    assert found.knots.shape == found.offsets.shape
    assert np.abs(found.offsets).max() <= WIDE.offset * 2048 + WIDE.slope * 128 + 2


def test_a_displacement_leads_all_others_where_there_are_lines_and_not_where_there_are_none():
    rng = np.random.default_rng(7)
    size = 2048
    place, lines = random_lines(rng, size)
    peaks = seen_through(place, lines.intensity, lambda pixel: 20 + 0.01 * pixel, size)
    found = align(peaks, place, lines, size)
    assert found.lead[3:-3].min() > 12
    # Without its lines the last third of the spectrum may be anywhere.
    kept = peaks.pixel < 1300
    part = peaks_at(peaks.pixel[kept], peaks.height[kept])
    found = align(part, place, lines, size)
    assert found.lead[2:9].min() > 15
    assert found.lead[-1] < 3


def test_the_lead_is_that_over_every_other_path():
    rng = np.random.default_rng(8)
    scores = rng.normal(0, 1, (3, 3, 7)).astype(np.float32)
    slopes = np.array([-1, 0, 1])
    found = best_path(scores, slopes, [0.0], 1, 0.3, 0)
    # All paths of three segments, one by one.
    paths = {}
    for start, *rows in itertools.product(range(7), range(3), range(3), range(3)):
        places = np.cumsum([start, *slopes[rows]])
        if places.min() >= 0 and places.max() < 7 and np.abs(np.diff(rows)).max() <= 1:
            score = sum(scores[n, row, places[n]] for n, row in enumerate(rows))
            paths[tuple(places)] = score - 0.3 * np.sum(np.diff(rows) ** 2)
    best = max(paths, key=paths.get)
    assert found.places.tolist() == list(best)
    assert found.score == pytest.approx(paths[best], abs=1e-5)
    for knot in range(4):
        rival = max(score for places, score in paths.items() if places[knot] != best[knot])
        assert found.lead[knot] == pytest.approx(paths[best] - rival, abs=1e-5)


def test_a_rigid_search_gives_a_straight_line_of_a_small_slope():
    rng = np.random.default_rng(5)
    size = 4096
    place, lines = random_lines(rng, size)
    peaks = seen_through(place, lines.intensity, lambda pixel: 33 + 0.004 * pixel, size)
    found = align(peaks, place, lines, size, RIGID)
    steps = np.diff(found.offsets)
    np.testing.assert_allclose(steps, steps[0], atol=1e-9)
    assert abs(steps[0]) <= np.ceil(RIGID.slope * size / 16)
    offsets = np.interp(peaks.pixel, found.knots, found.offsets)
    # The slope has steps of 1/256: half a step over half a detector is 4 pixels.
    assert np.abs(offsets - (33 + 0.004 * (peaks.pixel + offsets))).max() < 4


def test_a_rigid_search_cannot_bend():
    rng = np.random.default_rng(6)
    size = 4096
    place, lines = random_lines(rng, size)
    bow = 60 * (2 * place / size - 1) ** 2
    peaks = seen_through(place, lines.intensity, lambda pixel: np.interp(pixel, place, bow), size)
    free = align(peaks, place, lines, size)
    rigid = align(peaks, place, lines, size, RIGID)
    assert np.ptp(np.diff(rigid.offsets)) == pytest.approx(0, abs=1e-9)
    assert rigid.score < free.score - 40
