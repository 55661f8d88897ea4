import itertools

import numpy as np
import pytest

from lampflux.errors import UserError
from lampflux.fluxes.windows import (
    LineWindow,
    line_windows,
    order_problems,
    read_rows,
    window_pixels,
)

RISING = 5000 + 0.5 * np.arange(100)
FALLING = RISING[::-1]


def windows(*ends, unit="pixel"):
    return [LineWindow(start, stop, unit, "", None) for start, stop in ends]


def refusal(lines, wavelength=RISING):
    with pytest.raises(UserError) as caught:
        window_pixels(lines, wavelength, "mine/Ne_Red.csv")
    return str(caught.value)


# Tables


def test_a_table_becomes_windows_in_its_order(tmp_path):
    path = tmp_path / "Ne_Red.csv"
    path.write_text(
        "start,stop,unit,ion,wavelength_air,note\n"
        "30,40,pixel,Ne I,6402.25,strong\n"
        "5000.5,5001,angstrom,,,\n"
        "10,20,,Ar II,7000,\n"
    )
    assert line_windows(read_rows(path)) == [
        (30, 40, "pixel", "Ne I", 6402.25),
        (5000.5, 5001, "angstrom", "", None),
        (10, 20, "pixel", "Ar II", 7000),
    ]


def test_start_and_stop_are_enough(tmp_path):
    path = tmp_path / "Ne_Red.csv"
    path.write_text("start,stop\n10,20\n")
    assert line_windows(read_rows(path)) == [(10, 20, "pixel", "", None)]


# Order


@pytest.mark.parametrize(
    "ends",
    [
        [],
        [(10, 20)],
        [(10, 10)],
        [(10, 20), (21, 30)],
        [(50, 60), (10, 20), (30, 40)],
    ],
)
def test_windows_apart_are_in_order(ends):
    assert order_problems(windows(*ends)) == []


def test_windows_of_different_units_are_not_compared():
    assert order_problems(windows((10, 20)) + windows((15, 25), unit="angstrom")) == []


@pytest.mark.parametrize("unit", ["pixel", "angstrom"])
def test_a_window_that_runs_backwards_is_reported_with_its_row(unit):
    (problem,) = order_problems(windows((10, 20), (40, 30.5), (50, 60), unit=unit))
    assert problem.startswith("row 2 ")
    assert "40 to 30.5" in problem


@pytest.mark.parametrize("unit", ["pixel", "angstrom"])
@pytest.mark.parametrize(
    "ends", [[(10, 20), (20, 30)], [(15, 25), (10, 20)], [(10, 40), (20, 30)], [(10, 20)] * 2]
)
def test_windows_that_share_a_pixel_are_reported_with_both_rows(ends, unit):
    (problem,) = order_problems(windows(*ends, unit=unit))
    for row, (start, stop) in enumerate(ends, start=1):
        assert f"row {row} ({start} to {stop})" in problem


def test_every_window_that_overlaps_another_is_reported():
    ends = [(0, 100), (10, 20), (30, 40), (200, 210)]
    problems = " ".join(order_problems(windows(*ends)))
    for row, told in enumerate([True, True, True, False], start=1):
        assert (f"row {row} " in problems) == told


def test_there_are_problems_if_and_only_if_two_windows_meet():
    rng = np.random.default_rng(1)
    outcomes = set()
    for _ in range(300):
        starts = rng.integers(0, 60, 4)
        ends = [(int(start), int(start + length)) for start, length in zip(starts, [0, 3, 6, 12])]
        meet = any(
            set(range(a, b + 1)) & set(range(c, d + 1))
            for (a, b), (c, d) in itertools.combinations(ends, 2)
        )
        assert bool(order_problems(windows(*ends))) == meet
        outcomes.add(meet)
    assert outcomes == {True, False}


# Pixels


@pytest.mark.parametrize("wavelength", [RISING, FALLING])
def test_pixel_windows_stay_as_they_are(wavelength):
    ends = [(0, 5), (50, 50), (90, 99)]
    assert window_pixels(windows(*ends), wavelength, "Ne_Red.csv") == ends


@pytest.mark.parametrize(
    ("ends", "rising"),
    [
        ((5010, 5012), (20, 24)),
        ((5010.1, 5011.9), (21, 23)),
        ((5009.9, 5012.1), (20, 24)),
        ((5010, 5010), (20, 20)),
        ((5000, 5049.5), (0, 99)),
    ],
)
def test_a_wavelength_window_holds_the_pixels_whose_centres_lie_in_it(ends, rising):
    lines = windows(ends, unit="angstrom")
    assert window_pixels(lines, RISING, "Ne_Red.csv") == [rising]
    mirrored = (99 - rising[1], 99 - rising[0])
    assert window_pixels(lines, FALLING, "Ne_Red.csv") == [mirrored]


def test_windows_of_both_units_keep_the_tables_order():
    lines = windows((60, 70)) + windows((5010, 5012), unit="angstrom") + windows((0, 9))
    assert window_pixels(lines, RISING, "Ne_Red.csv") == [(60, 70), (20, 24), (0, 9)]


@pytest.mark.parametrize("ends", [(-1, 5), (95, 100), (100, 110), (-9, -1), (4000, 4010)])
def test_a_pixel_window_off_the_detector_is_refused_with_file_row_and_limits(ends):
    message = refusal(windows((10, 20), ends))
    assert message.startswith("mine/Ne_Red.csv, row 2 ")
    assert f"{ends[0]} to {ends[1]}" in message
    assert "pixels 0 to 99" in message


@pytest.mark.parametrize("wavelength", [RISING, FALLING])
@pytest.mark.parametrize("ends", [(4999, 5001), (5049, 5050), (6000, 6010), (4000, 6000)])
def test_a_wavelength_window_off_the_detector_is_refused_with_file_row_and_limits(
    ends, wavelength
):
    message = refusal(windows((5010, 5012), ends, unit="angstrom"), wavelength)
    assert message.startswith("mine/Ne_Red.csv, row 2 ")
    assert "leaves the detector (5000.0 to 5049.5 Angstrom)" in message


def test_a_wavelength_window_between_two_pixels_is_refused():
    message = refusal(windows((5010, 5012), (5020.1, 5020.4), unit="angstrom"))
    assert message.startswith("mine/Ne_Red.csv, row 2 (5020.1 to 5020.4 Angstrom)")
    assert "holds no pixel" in message


@pytest.mark.parametrize("ends", [(20, 30), (24, 24), (0, 99)])
def test_windows_of_both_units_that_share_pixels_are_refused(ends):
    message = refusal(windows((5010, 5012), unit="angstrom") + windows(ends))
    assert message.startswith("mine/Ne_Red.csv, row ")
    assert "row 1 (20 to 24)" in message
    assert f"row 2 ({ends[0]} to {ends[1]})" in message
    assert "overlaps" in message


@pytest.mark.parametrize("ends", [(0, 19), (25, 99)])
def test_windows_of_both_units_that_only_touch_pass(ends):
    lines = windows((5010, 5012), unit="angstrom") + windows(ends)
    assert window_pixels(lines, RISING, "Ne_Red.csv") == [(20, 24), ends]


@pytest.mark.parametrize("ends", [(30, 20), (4000, 20)])
def test_a_pixel_window_that_runs_backwards_is_refused(ends):
    assert refusal(windows((40, 50), ends)).startswith("mine/Ne_Red.csv, row 2 ")


def test_every_faulty_window_is_reported_at_once():
    message = refusal(windows((-5, 3), (10, 20), (90, 200)))
    assert "mine/Ne_Red.csv, row 1 " in message
    assert "mine/Ne_Red.csv, row 3 " in message
    assert "row 2 " not in message


def test_a_line_far_from_all_wavelengths_is_refused_and_one_just_outside_is_not():
    wavelength = np.linspace(5700, 7833, 4096)
    near = [LineWindow(0, 5, "pixel", "Ne I", 5650.0), LineWindow(9, 9, "pixel", "", None)]
    assert window_pixels(near, wavelength, "Ne_Red.csv") == [(0, 5), (9, 9)]
    far = [LineWindow(2489, 2519, "pixel", "Ne I", 703241.0)]
    with pytest.raises(UserError, match="row 1 names a line at 703241 Angstrom, where the "):
        window_pixels(far, wavelength, "Ne_Red.csv")


def test_a_table_for_another_binning_is_refused_in_one_sentence():
    ends = [(10, 20), (40, 50), (110, 120), (140, 150), (180, 190)]
    with pytest.raises(UserError) as caught:
        window_pixels(windows(*ends), RISING, "Ne_Red.csv")
    (message,) = caught.value.args
    assert message.startswith("Ne_Red.csv, 3 of 5 windows leave the detector (pixels 0 to 99)")
    assert message.count("Ne_Red.csv") == 1
    assert "binning; give such frames an arm of their own" in message
