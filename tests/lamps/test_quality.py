"""Health of exposures: made-up spectra with known faults are scored as they should be."""

import numpy as np
import pandas as pd
import pytest
import yaml

from conftest import PROJECT
from lampflux.files.products import column_facts
from lampflux.lamps.quality import (
    IDEAL,
    brightest_line,
    compare_exposures,
    exposure_parameters,
    score_exposures,
)
from lampflux.pictures.quality import draw_health

THRESHOLDS = yaml.safe_load((PROJECT / "config.yaml").read_text())["quality"]
PIXELS = 400
STEP = 0.52
GOOD = {
    "levels": (500.0, 504.0),
    "background": 0.1,
    "width": 2.5,
    "rms": 0.02,
    "shift": 0.0,
    "method": "fitted",
    "saturated": 0,
    "replaced": 0,
    "cosmics": True,
    "refused": 0,
    "broken": 0,
    "errors": "gain",
    "flux": 900.0,
    "error": 5.0,
    "flags": "",
    "gain": (1.9, 1.85),
    "unidentified": 0.05,
    "combined": 1,
    "noise": 3.0,
    "cut_off": 0.01,
}


def exposure(**faults):
    """Header, spectrum and flux table of an exposure that is good except for its faults."""
    facts = GOOD | faults
    header = {
        "BIASMETH": "amplifiers" if facts["levels"] else "dark",
        "PIXVAR": facts["noise"] ** 2,
        "CUTOFF": facts["cut_off"],
        "LINEFWHM": facts["width"],
        "WAVEMETH": facts["method"],
        "COSMICS": facts["cosmics"],
        "NREFUSED": facts["refused"],
        "NBROKEN": facts["broken"],
        "ERRSRC": facts["errors"],
        "WAVEUNID": facts["unidentified"],
        "NCOMBINE": facts["combined"],
    }
    header |= {
        card: gain for card, gain in zip(("GAIN", "GAINMEAS"), facts["gain"]) if gain is not None
    }
    for number, level in enumerate(facts["levels"], start=1):
        # What the lamp's own light adds to the plain sum's bias must not count.
        header |= {f"BIASLEV{number}": level + 50, f"LITBIAS{number}": level}
    if facts["method"] != "nominal":
        header |= {
            "WAVERMS": facts["rms"] * STEP,
            "WAVENLIN": 20,
            "WAVEFRST": 100,
            "WAVELAST": 300,
        }
    summed = np.full(PIXELS, 50)
    clean = facts["background"] * summed
    clean[::10] += 5000.0
    spectrum = {
        "wavelength": 6000 + STEP * (np.arange(PIXELS) + facts["shift"]),
        "clean": clean,
        "summed": summed,
        "replaced": np.zeros(PIXELS, int),
        "saturated": np.zeros(PIXELS, int),
    }
    spectrum["replaced"][7], spectrum["saturated"][8] = facts["replaced"], facts["saturated"]
    table = pd.DataFrame(
        {
            "net_flux": [50.0, facts["flux"], 5000.0],
            "net_flux_err": facts["error"],
            "flags": ["faint", facts["flags"], "saturated"],
            "Wavelength": [6010.0, 6050.1, 6100.0],
            "wavelength_air": [np.nan, 6050.0, np.nan],
        }
    )
    return header, spectrum, table


def identified(hg=1.0, ar=1.0, lines=6):
    """Fluxes of identified lines of two elements; an element without light has none."""
    rows = [
        {"ion": ion, "wavelength_air": start + 10.0 * n, "flux": 100.0 * (n + 1) * light}
        for ion, start, light in (("Hg I", 6000.0, hg), ("Ar I", 6005.0, ar))
        for n in range(lines if light else 0)
    ]
    return pd.DataFrame(rows, columns=["ion", "wavelength_air", "flux"]).assign(flags=np.nan)


def checked(
    *every,
    thresholds=THRESHOLDS,
    fit=True,
    arm="Red",
    seconds=None,
    found=None,
    brightness=None,
    begin=None,
):
    """Score exposures of one lamp."""
    seconds = seconds or [1.0] * len(every)
    rows = [
        {"exposure": f"A_Ne_{arm}_1s_{number}", "brand": "A", "lamp": "Ne", "arm": arm}
        | {"seconds": seconds[number]}
        | exposure_parameters(header | ({"DATE-OBS": begin[number]} if begin else {}), spectrum)
        for number, (header, spectrum, _) in enumerate(every)
    ]
    exposures = pd.DataFrame(rows).assign(brightness=1.0 if brightness is None else brightness)
    found = [identified()] * len(every) if found is None else found
    tables = [table for *_, table in every]
    compared = compare_exposures(exposures, tables, found, {"Ne": ["Hg I", "Ar I"]})
    return score_exposures(compared, thresholds, fit)


def beside_good(**faults):
    """Row of a faulty exposure among four good ones."""
    rows = checked(*[exposure() for _ in range(4)], exposure(**faults))
    assert set(rows["score"][:4]) == {"good"}
    return rows.iloc[4]


def test_a_frame_under_two_names_gives_a_warning_with_the_other_name():
    frames = [exposure() for _ in range(5)]
    for (header, *_), checksum in zip(frames, ("1", "2", "1", "", "")):
        header["DATASUM"] = checksum
    rows = checked(*frames)
    assert list(rows["copy_of"]) == ["", "", "A_Ne_Red_1s_0", "", ""]
    assert list(rows["score"]) == ["good", "good", "warned", "good", "good"]
    assert rows["reasons"][2] == "same pixels as A_Ne_Red_1s_0"


def test_a_good_exposure_has_its_true_parameters_and_no_reason():
    row = beside_good()
    assert (row["score"], row["failed"], row["warned"]) == ("good", "", "")
    assert row["bias_level"] == 502
    assert row["background"] == pytest.approx(0.1)
    assert row["noise"] == 3
    assert row["wave_rms_pixel"] == pytest.approx(0.02)
    assert row["brightest_line"] == 6050.0
    assert row["brightest_flux"] == 900.0
    # The last exposure of the series has all.
    assert row[list(IDEAL)].notna().all()
    assert set(column_facts("quality")) <= set(row.index)


def test_a_lamp_that_was_off_has_no_line_width_to_compare():
    off = [exposure(width=0.0, method="nominal")] * 3
    rows = checked(*off, *[exposure() for _ in range(3)])
    assert rows["line_width_ratio"].isna().tolist() == [True] * 3 + [False] * 3
    assert (rows["line_width_ratio"][3:] == 1).all()
    assert rows["reasons"][0].startswith("no line: was the lamp on?")


def test_a_lamp_that_was_off_fails_even_alone():
    row = checked(exposure(width=0.0, method="nominal")).iloc[0]
    assert row["score"] == "failed"
    assert "no line: was the lamp on?" in row["reasons"]


@pytest.mark.parametrize(
    ("faults", "parameter", "value", "verdict"),
    [
        ({"levels": (500.0, 511.0)}, "bias_shift", 7, "warned"),
        ({"levels": (478.0, 504.0)}, "bias_shift", -22, "failed"),
        ({"background": 3.0}, "background", 3, "warned"),
        ({"background": -12.0}, "background", -12, "failed"),
        ({"width": 3.0}, "line_width_ratio", 1.2, "warned"),
        ({"width": 1.5}, "line_width_ratio", 0.6, "failed"),
        ({"rms": 0.2}, "wave_rms_pixel", 0.2, "warned"),
        ({"rms": 0.4}, "wave_rms_pixel", 0.4, "failed"),
        ({"shift": -1.0}, "wave_shift_pixel", -1, "warned"),
        ({"shift": 3.0}, "wave_shift_pixel", 3, "failed"),
        ({"flux": 720.0}, "brightest_ratio", 0.8, "warned"),
        ({"flux": 1800.0}, "brightest_ratio", 2, "failed"),
        ({"saturated": 40}, "saturated_fraction", 0.002, "warned"),
        ({"saturated": 400}, "saturated_fraction", 0.02, "failed"),
        ({"replaced": 200}, "replaced_fraction", 0.01, "warned"),
        ({"replaced": 800}, "replaced_fraction", 0.04, "failed"),
    ],
)
def test_a_fault_is_measured_and_scored(faults, parameter, value, verdict):
    row = beside_good(**faults)
    assert row[parameter] == pytest.approx(value)
    assert row["score"] == verdict
    assert row[verdict] == parameter
    limit = THRESHOLDS[parameter][verdict == "failed"]
    bound = IDEAL[parameter] + (limit if value > IDEAL[parameter] else -limit)
    sign = ">" if value > IDEAL[parameter] else "<"
    assert row["reasons"] == f"{parameter.replace('_', ' ')} {value:.3g} {sign} {bound:g}"


@pytest.mark.parametrize(
    ("faults", "parameter", "reason"),
    [
        ({"refused": 40}, "cosmics_refused", "40 pixels on lines left alone"),
        ({"broken": 1}, "rows_broken", "1 lit rows dead or saturated"),
        ({"errors": "columns"}, "error_source", "scatter of neighbouring columns"),
    ],
)
def test_limits_of_the_extraction_give_warnings(faults, parameter, reason):
    row = beside_good(**faults)
    assert (row["score"], row["warned"], row["failed"]) == ("warned", parameter, "")
    assert reason in row["reasons"]


def test_the_worst_parameter_decides_and_all_are_named():
    row = beside_good(background=3.0, width=5.0, shift=3.0)
    assert row["score"] == "failed"
    assert row["failed"] == "line_width_ratio wave_shift_pixel"
    assert row["warned"] == "background"


def test_without_a_solution_wavelengths_give_a_warning_and_no_other_score():
    row = beside_good(method="nominal", shift=9.0)
    assert row["warned"] == "wave_method"
    assert np.isnan(row[["wave_rms", "wave_shift", "wave_shift_pixel"]].astype(float)).all()


def test_nominal_wavelengths_that_were_asked_for_are_good():
    rows = checked(*[exposure(method="nominal")] * 3, fit=False)
    assert set(rows["score"]) == {"good"}


def test_bias_with_a_dark_and_cosmic_rays_not_searched_for_are_not_scored():
    row = beside_good(levels=(), cosmics=False)
    assert row["score"] == "good"
    assert np.isnan(row["bias_level"])
    assert np.isnan(row["bias_shift"])
    assert np.isnan(row["replaced_fraction"])


@pytest.mark.parametrize(
    ("fault", "warned", "reason"),
    [
        ({"unidentified": 0.2}, "peaks_unidentified", "20 % of the brightest peaks are no lines"),
        ({"combined": 5}, "combined", "5 exposures in one frame: fluxes hold if"),
        ({"cut_off": 0.23}, "cut_off", "23 % of the pixels hold the lowest count"),
        # The bias of a camera with little noise lies between two whole numbers.
        ({"cut_off": 0.25, "noise": 0.5}, "", ""),
    ],
)
def test_strangers_combined_frames_and_noise_cut_off_are_warned_of(fault, warned, reason):
    row = checked(exposure(**fault)).iloc[0]
    assert (row["score"], row["warned"]) == ("warned" if warned else "good", warned)
    assert row["reasons"].startswith(reason)


def test_errors_from_the_scatter_of_rows_are_good():
    assert beside_good(errors="scatter")["score"] == "good"


@pytest.mark.parametrize(
    ("found", "verdict", "reason"),
    [
        (identified(hg=0.0), "failed", "lines missing 0.5 > 0.3"),
        (identified(hg=0.0), "failed", "no line of Hg identified"),
        (identified(hg=0.04), "failed", "element ratio 0.04 < 0.7 (Hg)"),
        (identified(ar=0.8), "warned", "element ratio 0.8 < 0.9 (Ar)"),
        (identified(lines=5), "warned", "lines missing 0.167 > 0.1"),
        (identified(hg=0.5, ar=0.5), "good", ""),
    ],
)
def test_dark_elements_and_missing_lines_are_named(found, verdict, reason):
    every = [exposure() for _ in range(4)]
    rows = checked(*every, found=[identified()] * 3 + [found])
    assert set(rows["score"][:3]) == {"good"}
    assert rows["score"].iloc[3] == verdict
    assert reason in rows["reasons"].iloc[3]


def test_a_missing_element_is_named_even_in_the_only_exposure():
    row = checked(exposure(), found=[identified(ar=0.0)]).iloc[0]
    assert (row["warned"], row["reasons"]) == ("elements_missing", "no line of Ar identified")
    # Without any line other reasons say so.
    assert checked(exposure(), found=[identified(0.0, 0.0)])["score"].iloc[0] == "good"


def test_lines_of_a_longer_exposure_are_not_expected_in_a_shorter_one():
    every = [exposure() for _ in range(4)]
    found = [identified(lines=3)] + [identified()] * 3
    rows = checked(*every, seconds=[1.0, 60.0, 60.0, 60.0], found=found)
    assert set(rows["score"]) == {"good"}


@pytest.mark.parametrize(
    ("change", "verdict"), [(-0.02, "good"), (-0.1, "warned"), (-0.3, "failed"), (0.3, "good")]
)
def test_a_lamp_that_loses_brightness_is_reported_at_the_end_of_its_series(change, verdict):
    rng = np.random.default_rng(1)
    brightness = 1 + change * np.linspace(-0.5, 0.5, 10) + rng.normal(0, 0.002, 10)
    rows = checked(*[exposure()] * 10, brightness=brightness)
    assert set(rows["score"][:9]) == {"good"}
    assert rows["score"].iloc[9] == verdict
    assert rows["brightness_fall"].iloc[9] == pytest.approx(-100 * min(change, 0), abs=0.5)
    assert rows["brightness_fall"][:9].isna().all()


def test_the_time_of_observation_orders_the_series_where_headers_have_it():
    begin = [f"2023-05-01T10:0{minute}:00" for minute in (3, 2, 1, 0)]
    rows = checked(*[exposure()] * 4, brightness=[0.8, 0.87, 0.93, 1.0], begin=begin)
    assert list(rows["score"]) == ["failed", "good", "good", "good"]
    figure = draw_health(rows.assign(simulated=False), THRESHOLDS, IDEAL)
    assert figure.axes[-1].get_xlabel() == "Hours after\n2023-05-01 10:00"


def test_two_exposures_are_not_compared_with_a_median():
    rows = checked(exposure(), exposure(levels=(600.0, 604.0), width=9.0, shift=9.0, flux=90.0))
    assert set(rows["score"]) == {"good"}
    assert rows["wave_shift"].isna().all()


def test_a_parameter_without_thresholds_is_not_scored():
    rows = checked(*[exposure(background=30.0)] * 3, thresholds=THRESHOLDS | {"background": None})
    assert set(rows["score"]) == {"good"}


def test_each_arm_has_its_own_median():
    blue = checked(*[exposure(width=5.0)] * 3, arm="Blue")
    assert set(blue["score"]) == {"good"}
    assert set(blue["line_width_ratio"]) == {1.0}


def test_the_brightest_line_is_one_that_is_unsaturated_most_often():
    tables = [exposure()[2] for _ in range(4)]
    tables[3].loc[1, "flags"] = "blended saturated"
    wavelength, flux, ratio = brightest_line(tables)
    # The line at 6050 is saturated in one exposure, the faint one in none.
    assert wavelength == 6010.0
    np.testing.assert_array_equal(ratio, 1)
    tables = [table.iloc[[1]].reset_index(drop=True) for table in tables]
    wavelength, flux, ratio = brightest_line(tables)
    assert wavelength == 6050.0
    np.testing.assert_array_equal(flux, [900, 900, 900, np.nan])
    np.testing.assert_array_equal(ratio, [1, 1, 1, np.nan])


def test_noise_and_windows_that_miss_their_lines_are_not_the_brightest_line():
    assert np.isnan(brightest_line([exposure(error=200.0)[2]] * 4)[0])
    assert brightest_line([exposure(flags="wavelength")[2]] * 4)[0] == 6010.0


def test_windows_that_miss_their_lines_give_a_warning():
    row = beside_good(flags="wavelength")
    assert (row["score"], row["warned"]) == ("warned", "windows_missed")
    assert row["reasons"] == "100 % of the windows miss their lines"


def test_a_lamp_without_windows_or_with_saturated_lines_only_has_no_brightest_line():
    for rows in [], [2]:
        tables = [exposure()[2].iloc[rows].reset_index(drop=True) for _ in range(3)]
        wavelength, _, ratio = brightest_line(tables)
        assert np.isnan(wavelength)
        assert np.isnan(ratio).all()


def test_the_picture_names_some_of_many_exposures_and_draws_all():
    rows = checked(*[exposure() for _ in range(79)], exposure(shift=3.0))
    figure = draw_health(rows.assign(simulated=False), THRESHOLDS, IDEAL)
    panels = figure.axes
    assert len(panels) == len(IDEAL)
    shifts = panels[list(IDEAL).index("wave_shift_pixel")]
    drawn = {
        line.get_marker(): len(line.get_xdata())
        for line in shifts.lines
        if line.get_marker() in ("o", "s", "X")
    }
    assert drawn == {"o": 79, "s": 0, "X": 1}
    assert 20 <= len(panels[-1].get_xticks()) <= 40


def test_the_arms_stand_in_a_fixed_order():
    rows = checked(*[exposure() for _ in range(4)]).assign(simulated=False)
    figure = draw_health(rows.assign(arm=["Red", "IR", "Blue", "Red"]), THRESHOLDS, IDEAL)
    titles = [axes.get_title(loc="left") for axes in figure.axes[:3]]
    assert titles == ["Blue arm", "Red arm", "IR arm"]


def test_saturation_is_expected_where_a_shorter_exposure_measures_the_line():
    short, long = exposure(), exposure(saturated=40, flags="saturated")
    for table in short[2], long[2]:
        table.loc[2, "flags"] = ""
    rows = checked(short, short, long, seconds=[1.0, 1.0, 60.0])
    assert list(rows["score"]) == ["good"] * 3
    assert rows["saturated_fraction"].iloc[2] == pytest.approx(0.002)
    # Where the short exposures saturate as well, or are none, it is not.
    for others in [], [long, long]:
        rows = checked(*others, long, seconds=[1.0] * len(others) + [60.0])
        assert rows["score"].iloc[-1] == "warned"
        assert rows["reasons"].iloc[-1] == "saturated fraction 0.002 > 0.001"


@pytest.mark.parametrize(
    ("gain", "warned"),
    [
        ((360.0, 1.9), True),
        ((0.9, 1.9), True),
        ((1.0, 1.9), False),
        ((3.7, 1.9), False),
        ((360.0, None), False),
        ((None, None), False),
    ],
)
def test_a_gain_that_the_frame_contradicts_by_a_factor_of_two_gives_a_warning(gain, warned):
    row = beside_good(gain=gain)
    assert (row["score"], row["warned"]) == (("warned", "gain") if warned else ("good", ""))
    if warned:
        assert row["reasons"] == f"gain {gain[0]:g} electron/ADU, but the frame shows 1.9"
