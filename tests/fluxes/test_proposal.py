import numpy as np
import pytest

from lampflux.fluxes.proposal import PROPOSAL, propose_windows, steady_lines, steady_peaks
from lampflux.fluxes.windows import line_windows, order_problems, window_pixels


def peak(pixel, rate, wavelength, used="True", ion="Ne I"):
    return {
        "pixel": pixel,
        "rate": rate,
        "ion": ion,
        "wavelength_air": wavelength,
        "used": used,
    }


def line(pixel, rate):
    return {"pixel": pixel, "rate": rate, "ion": "Ne I", "wavelength_air": 5000 + pixel}


# Which lines


def test_lines_of_at_least_half_the_exposures_are_kept_brightest_first():
    exposures = [
        [peak(100.0, 5.0, 6402.25), peak(200.0, 50.0, 7032.41), peak(300.0, 9.0, 6506.53)],
        [peak(101.0, 7.0, 6402.25), peak(202.0, 40.0, 7032.41)],
        [peak(102.0, 6.0, 6402.25)],
    ]
    assert steady_lines(exposures) == [
        {"ion": "Ne I", "wavelength_air": 7032.41, "pixel": 201.0, "rate": 50.0},
        {"ion": "Ne I", "wavelength_air": 6402.25, "pixel": 101.0, "rate": 7.0},
    ]


def test_one_exposure_is_enough_and_half_of_two_as_well():
    alone = [peak(100.0, 5.0, 6402.25)]
    assert len(steady_lines([alone])) == 1
    assert len(steady_lines([alone, []])) == 1
    assert steady_lines([alone, [], []]) == []


def test_peaks_that_were_not_used_or_not_identified_are_no_lines():
    unknown = {"pixel": 50.0, "rate": 900.0, "used": "False"}
    assert steady_lines([[unknown, peak(100.0, 5.0, 6402.25, used="False")]]) == []


def test_lines_of_two_ions_at_one_wavelength_are_two():
    rows = [peak(100.0, 5.0, 6402.25), peak(300.0, 4.0, 6402.25, ion="Th I")]
    assert [found["ion"] for found in steady_lines([rows])] == ["Ne I", "Th I"]


# Which windows


@pytest.mark.parametrize(("fwhm", "pixel"), [(4.0, 500.0), (2.3, 500.4), (6.0, 499.5)])
def test_a_window_holds_its_line_to_two_widths_on_either_side(fwhm, pixel):
    (window,) = propose_windows([line(pixel, 1.0)], fwhm, 1000)
    assert window["start"] == pytest.approx(pixel - PROPOSAL.half_width * fwhm, abs=0.5)
    assert window["stop"] == pytest.approx(pixel + PROPOSAL.half_width * fwhm, abs=0.5)
    assert isinstance(window["start"], int)
    assert isinstance(window["stop"], int)
    assert window["note"] == "automatic"
    assert (window["ion"], window["wavelength_air"]) == ("Ne I", 5000 + pixel)


def test_of_lines_too_close_the_brighter_has_the_window():
    lines = [line(500.0, 9.0), line(510.0, 5.0), line(516.0, 3.0), line(527.0, 1.0)]
    found = [window["wavelength_air"] for window in propose_windows(lines, 4.0, 1000)]
    # 510 is within 16 pixels of 500 and so gives way; 516 overlaps 500 by its last pixel.
    assert found == [5500.0, 5527.0]


@pytest.mark.parametrize(("pixel", "kept"), [(7.4, False), (8.0, True), (91.0, True), (92, False)])
def test_a_window_that_leaves_the_detector_is_left_out(pixel, kept):
    assert len(propose_windows([line(pixel, 1.0)], 4.0, 100)) == kept


def test_many_lines_give_the_brightest_windows_in_order_and_apart():
    rng = np.random.default_rng(1)
    lines = sorted(
        (line(float(pixel), float(rate)) for pixel, rate in rng.uniform(0, 4096, (400, 2))),
        key=lambda item: -item["rate"],
    )
    windows = propose_windows(lines, 3.0, 4096)
    assert len(windows) == PROPOSAL.most_windows
    starts = [window["start"] for window in windows]
    assert starts == sorted(starts)
    assert order_problems(line_windows(windows)) == []
    pixels = window_pixels(line_windows(windows), 5000 + np.arange(4096.0), "proposed")
    assert all(0 <= start <= stop < 4096 for start, stop in pixels)
    # A brighter line than the faintest that has a window lies in or beside another's.
    chosen = {window["wavelength_air"]: window for window in windows}
    faintest = min(item["rate"] for item in lines if item["wavelength_air"] in chosen)
    for item in lines:
        if item["rate"] > faintest and item["wavelength_air"] not in chosen:
            reach = PROPOSAL.half_width * 3.0 + 1
            at_edge = item["pixel"] < reach or item["pixel"] > 4095 - reach
            assert at_edge or any(
                window["start"] - reach <= item["pixel"] <= window["stop"] + reach
                for window in windows
            )


def test_no_lines_give_no_windows():
    assert propose_windows([], 4.0, 100) == []


# Where no line is identified


def test_peaks_that_half_the_exposures_show_get_windows_that_say_so():
    exposures = [
        [peak(100.2, 5.0, None), peak(300.0, 9.0, None), peak(500.0, 3.0, None)],
        [peak(99.4, 6.0, None), peak(301.0, 8.0, None)],
        [peak(100.0, 4.0, None)],
    ]
    lines = steady_peaks(exposures, 4.0)
    assert [(line["pixel"], line["rate"]) for line in lines] == [
        (pytest.approx(300.5), 9.0),
        (pytest.approx(99.867, abs=1e-3), 6.0),
    ]
    windows = propose_windows(lines, 4.0, 1000)
    assert [window["note"] for window in windows] == ["unidentified"] * 2
    assert [window["wavelength_air"] for window in windows] == [None, None]
    assert windows[0]["start"] == 92
    assert windows[0]["stop"] == 108


def test_exposures_without_a_peak_get_no_window():
    assert propose_windows(steady_peaks([[], []], 0.0), 0.0, 1000) == []
