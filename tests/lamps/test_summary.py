"""Summaries of lamps, from the published tables and from simulated ones of known truth."""

import numpy as np
import pandas as pd
import pytest

from flux_tables import FIBRES, PEAK_PART, flux_table, measured, published, windows_for
from lampflux.errors import UserError
from lampflux.lamps.measurements import join_tables
from lampflux.lamps.noise import noise_model
from lampflux.lamps.series import ratio_verdict
from lampflux.lamps.summary import (
    LINE_COLUMNS,
    line_facts,
    summarise,
)
from lampflux.pictures.lamps import draw_lamp

GAIN = 1.9


def summary_of(tables, exposures, gain=np.nan):
    return summarise(join_tables(tables, exposures), FIBRES, gain)


def series(*seconds):
    """Exposures of these times, numbered within each."""
    return [
        {"exposure": f"E_{time:g}s_{n + 1:02d}", "seconds": time, "id": f"{n + 1:02d}"}
        for n, time in (
            (sum(other == time for other in seconds[:place]), time)
            for place, time in enumerate(seconds)
        )
    ]


@pytest.fixture(scope="module")
def campaign():
    """The published tables of each brand, lamp and arm, summarised."""
    return {
        "_".join(names): summary_of(*tables).lines.set_index("wavelength")
        for names, tables in published().items()
    }


def at(lines, wavelength):
    """The line within an Angstrom of a wavelength."""
    (line,) = [row for place, row in lines.iterrows() if abs(place - wavelength) < 1]
    return line


# The published tables


def test_there_are_80_published_tables_of_16_lamps_and_arms(campaign):
    assert len(campaign) == 16
    assert sum(len(tables) for tables, _ in published().values()) == 80
    assert sum(len(table) for tables, _ in published().values() for table in tables) == 587


@pytest.mark.parametrize(
    ("lamp", "wavelength", "seconds", "ratio"),
    [  # ratio of the published mean rates over that of the faint lines, by hand
        ("Newport_Ar_Red", 7635, 60, 0.638),
        ("Newport_Kr_Red", 7601.5, 60, 0.638),
        ("Photron_ThAr_Red", 7504, 60, 0.643),
        ("Photron_ThAr_Red", 7635, 60, 0.612),
        ("GS_ThAr_Red", 7504, 60, 0.657),
        ("GS_ThAr_Red", 7635, 60, 0.679),
        ("Newport_Ne_Red", 7032, 10, 0.577),
    ],
)
def test_published_lines_that_lose_flux_in_long_exposures_are_found(
    campaign, lamp, wavelength, seconds, ratio
):
    line = at(campaign[lamp], wavelength)
    assert line["linearity_verdict"] == "nonlinear"
    assert line["excluded_why"] == f"10 nonlinear at {seconds} s"
    assert line["used"] == 1
    assert line["linearity"] == pytest.approx(ratio, abs=0.003)


@pytest.mark.parametrize(
    ("lamp", "wavelengths"),
    [
        ("Newport_Ar_Red", (6965.4, 7067.2, 7272.9, 7384.0, 7503.9, 7514.7)),
        ("Newport_Kr_Red", (5870.9, 7587.4, 7685.2, 7694.5)),
        ("Photron_ThAr_Red", (6965.4, 7067.2)),
        ("GS_ThAr_Red", (6965.4, 7067.2)),
        ("Newport_Ne_Red", (5944.8, 5975.5, 7438.9, 7535.8, 7544.0)),
        ("Newport_HgNe_Blue", (4046.6, 4077.8, 5769.6, 5790.7)),
    ],
)
def test_published_lines_that_keep_their_flux_are_kept(campaign, lamp, wavelengths):
    for wavelength in wavelengths:
        line = at(campaign[lamp], wavelength)
        assert line["linearity_verdict"] == "linear"
        assert line["excluded"] == 0


@pytest.mark.parametrize("lamp", ["Photron_ThAr_Red", "GS_ThAr_Red", "Newport_Ne_Red"])
def test_the_published_drifts_are_found(campaign, lamp):
    lines = campaign[lamp]
    lines = lines[lines["used"] == 11]
    assert lines["drifts"].all()
    assert (lines["drift"] > 0.2).all()


@pytest.mark.parametrize("lamp", ["Newport_Ar_Red", "Newport_Ar_Blue", "Newport_Kr_Red"])
def test_no_drift_is_claimed_of_published_lamps_that_were_steady(campaign, lamp):
    assert not campaign[lamp]["drifts"].any()


def test_the_one_published_flux_that_is_ten_times_too_high_is_left_out(campaign):
    line = at(campaign["Newport_HgAr_Red"], 7135)
    assert line["excluded_why"] == "1 outlier at 90 s"
    assert line["flux"] == pytest.approx(4.77, abs=0.05)


def test_a_published_single_exposure_is_summarised_as_it_is(campaign):
    lines = campaign["Newport_Xe_Red"]
    assert (lines["used"] == 1).all()
    assert (
        lines[["flux_err", "scatter", "drift", "linearity", "read_variance"]].isna().all(axis=None)
    )
    assert at(lines, 7642)["flux"] == pytest.approx(137.2982, rel=1e-6)


# Simulated tables of known truth

FLUX = np.array([900.0, 1500, 2500, 4000, 8000, 12000, 20000, 33000])


def simulated(seed, seconds, brightness, kept=None):
    """Summarise exposures of lines `FLUX`; `kept` is the fraction of each after saturation."""
    rng = np.random.default_rng(seed)
    windows = windows_for(len(FLUX))
    tables = [
        measured(
            rng, windows, FLUX * (1 if kept is None else kept(time)), time, GAIN, brightness=b
        )
        for time, b in zip(seconds, brightness)
    ]
    return summary_of(tables, series(*seconds), GAIN).lines


def test_best_fluxes_agree_with_the_truth_within_their_errors():
    pulls = []
    for seed in range(15):
        lines = simulated(seed, (10, 60, 60, 60, 60), np.ones(5))
        assert (lines["used"] == 5).all()
        pulls.append((lines["flux"] - FLUX) / lines["flux_err"])
    pulls = np.array(pulls)
    assert abs(pulls.mean()) < 0.2
    # Errors are never below those of the noise, and at times enlarged: a little less than 1.
    assert 0.75 < pulls.std() < 1.05
    assert np.abs(pulls).max() < 4


def test_best_fluxes_of_a_drifting_lamp_are_those_of_its_mean_brightness():
    brightness = 1 + 0.012 * (np.arange(10) - 4.5)
    lines = simulated(1, (60,) * 10, brightness)
    assert (np.abs(lines["flux"] / FLUX - 1) < 2 * lines["flux_err"] / lines["flux"]).all()
    assert lines["scatter"].to_numpy() == pytest.approx(100 * brightness.std(ddof=1), rel=0.05)
    assert (lines["excluded"] == 0).all()


@pytest.mark.parametrize("drift", [-0.5, 0.12, 1.2])
def test_injected_drifts_are_recovered_within_two_sigma(drift):
    pulls, claimed = [], []
    for seed in range(10):
        steps = np.arange(10) - 4.5
        lines = simulated(seed, (60,) * 10, 1 + drift / 100 * steps)
        pulls.append((lines["drift"] - drift) / lines["drift_err"])
        claimed.append(lines["drifts"])
    # 92 % of Student's t with 8 degrees of freedom lie within 2.
    assert (np.abs(pulls) < 2).mean() > 0.87
    assert abs(np.mean(pulls)) < 0.2
    assert np.mean(claimed) > 0.9


def test_drift_is_not_claimed_of_a_steady_lamp():
    claimed = [simulated(seed, (60,) * 8, np.ones(8))["drifts"] for seed in range(12)]
    assert np.mean(claimed) < 0.06


def test_warming_up_between_exposure_times_is_not_taken_for_saturation():
    lines = simulated(1, (10, 60, 60, 60), (0.9, 1.0, 1.02, 1.04))
    assert (lines["linearity_verdict"] == "linear").all()
    assert (lines["excluded"] == 0).all()
    assert np.allclose(lines["linearity"], 1, atol=0.01)


@pytest.mark.parametrize("brightness", [0.8, 1.0, 1.2])
@pytest.mark.parametrize("lost", [0.05, 0.3, 0.5])
def test_lines_that_lose_light_are_found_at_any_brightness_of_the_lamp(brightness, lost):
    bright = np.isin(np.arange(len(FLUX)), (4, 5, 6, 7))

    def kept(time):
        return np.where(bright & (time == 60), 1 - lost, 1)

    lines = simulated(1, (10, 60, 60), (1.0, brightness, brightness), kept)
    assert list(lines["linearity_verdict"]) == ["linear"] * 4 + ["nonlinear"] * 4
    assert list(lines["excluded_why"][4:]) == ["2 nonlinear at 60 s"] * 4
    assert np.allclose(lines["linearity"][4:], 1 - lost, atol=0.02)
    mean = FLUX * (1 + 2 * brightness) / 3
    assert (np.abs(lines["flux"] - mean) < 3.5 * lines["flux_err"])[4:].all()


def test_flagged_saturation_is_distinguished_from_unflagged_loss():
    rng, windows = np.random.default_rng(1), windows_for(len(FLUX))
    short = measured(rng, windows, FLUX, 10)
    long = measured(rng, windows, np.where(FLUX > 10000, 0.7, 1) * FLUX, 60)
    long["flags"] = ["cosmic faint"] * 7 + ["blended saturated"]
    lines = summary_of([short, long], series(10, 60)).lines
    assert list(lines["linearity_verdict"][5:]) == ["nonlinear", "nonlinear", "saturated"]
    assert lines["excluded_why"].iloc[-1] == "1 saturated at 60 s"
    assert lines["linearity"].iloc[-1] == pytest.approx(0.7, abs=0.02)
    assert lines["flags"].iloc[-1] == "blended saturated"
    assert lines["flags"].iloc[0] == "cosmic faint"
    assert (lines["excluded"][:5] == 0).all()
    assert lines["brightest_exposure"].iloc[-1] == "E_10s_01"
    assert lines["brightest_exposure"].iloc[0] == "E_60s_01"


def test_one_saturated_exposure_of_a_time_does_not_exclude_the_others():
    rng, windows = np.random.default_rng(1), windows_for(len(FLUX))
    tables = [measured(rng, windows, FLUX, time) for time in (10, 60, 60, 60)]
    brightest = tables[2].index[-1]
    tables[2].loc[brightest, ["flags", "net_flux"]] = "saturated", 0.5 * FLUX[-1]
    line = summary_of(tables, series(10, 60, 60, 60)).lines.iloc[-1]
    assert line["excluded_why"] == "1 saturated at 60 s"
    assert line["linearity_verdict"] == "linear"
    assert line["linearity"] == pytest.approx(1, abs=0.02)


def test_a_line_saturated_in_every_exposure_has_a_lower_limit():
    windows = windows_for(2)
    tables = [
        flux_table(windows, time, (50.0, 900.0 - time), 1.0, flags=["", "saturated"])
        for time in (10, 60)
    ]
    line = summary_of(tables, series(10, 60)).lines.iloc[1]
    assert line["limit"] == "lower"
    assert line["flux"] == 890
    assert np.isnan(line["flux_err"])
    assert line["used"] == 0
    assert pd.isna(line["brightest_exposure"])
    assert line["peak_rate"] == pytest.approx(tables[0]["peak"][1] / 10)


def test_the_lamps_brightness_is_not_known_where_every_line_is_saturated():
    windows = windows_for(4)
    tables = [
        flux_table(windows, time, (100.0, 200, 300, 400), 1.0, flags=flags)
        for time, flags in ((10, ""), (60, "saturated"))
    ]
    joined = join_tables(tables, series(10, 60))
    summary = summarise(joined, FIBRES, GAIN)
    lines, brightness = summary.lines, summary.series.brightness
    assert list(brightness.isna()) == [False, True]
    assert (lines["linearity_verdict"] == "saturated").all()
    spectrum = np.linspace(5700, 7830, 4096), np.ones(4096)
    assert lines["linearity"].isna().all()
    figure = draw_lamp("no repeats", False, spectrum, summary, joined)
    assert len(figure.axes) == 2


def test_faint_lines_below_zero_count_like_any_other():
    windows = windows_for(3)
    tables = [
        flux_table(windows, 60, (faint, 500.0, 800.0), 5.0, flags=["negative faint", "", ""])
        for faint in (-3.0, 4.0, -2.0, 1.0)
    ]
    line = summary_of(tables, series(60, 60, 60, 60)).lines.iloc[0]
    assert line["used"] == 4
    assert line["flux"] == pytest.approx(0, abs=1e-12)


def test_a_missing_flux_is_left_out_and_counted():
    windows = windows_for(2)
    tables = [flux_table(windows, 60, fluxes, 1.0) for fluxes in ((np.nan, 8.0), (5.0, 8.0))]
    lines = summary_of(tables, series(60, 60)).lines
    assert lines["excluded_why"].iloc[0] == "1 missing at 60 s"
    assert lines["flux"].iloc[0] == 5


@pytest.mark.parametrize("number", [1, 2, 3])
def test_few_lines_are_summarised_and_none_is_compared_with_itself(number):
    windows = windows_for(number)
    tables = [flux_table(windows, time, 100.0 * np.arange(1, number + 1)) for time in (10, 60)]
    lines = summary_of(tables, series(10, 60)).lines
    assert (lines["used"] == 2).all()
    assert lines["linearity"].isna().all() == (number == 1)


def test_no_windows_make_an_empty_summary():
    tables = [flux_table(windows_for(1), 60, (1.0,)).iloc[:0]]
    summary = summary_of(tables, series(60))
    assert list(summary.lines) == LINE_COLUMNS
    assert summary.lines.empty
    spectrum = np.arange(4000.0, 4100.0), np.ones(100)
    draw_lamp("nothing", False, spectrum, summary, join_tables(tables, series(60)))


def test_exposures_follow_each_other_by_time_and_then_by_number():
    numbers = ("10", "9", "1", "b", "2")
    seconds = (60, 60, 60, 10, 10)
    exposures = [
        {"exposure": f"{time}s_{number}", "seconds": time, "id": number}
        for time, number in zip(seconds, numbers)
    ]
    tables = [flux_table(windows_for(1), time, (1.0,)) for time in seconds]
    joined = join_tables(tables, exposures).sort_values("order")
    assert list(joined["exposure"]) == ["10s_2", "10s_b", "60s_1", "60s_9", "60s_10"]


def test_tables_of_different_windows_are_refused():
    tables = [flux_table(windows_for(n), 60, np.ones(n)) for n in (2, 3)]
    with pytest.raises(UserError, match="E_60s_01 and E_60s_02 hold different numbers"):
        join_tables(tables, series(60, 60))


@pytest.mark.parametrize(
    ("columns", "wanted"),
    [
        ({}, ("Ar I", 5808.0, "laboratory")),
        ({"ion": None, "wavelength_air": np.nan}, ("", 5808.5, "solution")),
        (
            {"ion": None, "wavelength_air": np.nan, "wavelength_trusted": False},
            ("", 5808.5, "nominal"),
        ),
        ({"wavelength_trusted": False}, ("Ar I", 5808.0, "laboratory")),
    ],
)
def test_a_line_has_its_laboratory_wavelength_else_the_solutions(columns, wanted):
    table = flux_table(windows_for(1), 60, (1.0,), **columns).assign(Wavelength=5808.5)
    facts = line_facts(join_tables([table], series(60))).fillna({"ion": ""})
    assert tuple(facts.loc[1, ["ion", "wavelength", "wavelength_from"]]) == wanted


def test_a_verdict_needs_both_two_per_cent_and_three_sigma():
    assert ratio_verdict(0.985, 0.001) == "linear"
    assert ratio_verdict(0.97, 0.001) == "nonlinear"
    assert ratio_verdict(0.90, 0.05) == "linear"
    assert ratio_verdict(1.05, 0.01) == "gains"


# Noise


def test_noise_is_split_by_exposures_of_two_times():
    seconds = np.array([10.0, 10, 60, 60, 300])
    read, photons, source = noise_model(50 * seconds, 900 + 40 * seconds, seconds, np.nan)
    assert (read, photons, source) == (pytest.approx(900), pytest.approx(40), "times")


def test_noise_is_split_by_the_gain_where_there_is_one_time():
    seconds = np.array([60.0, 60])
    counts = np.array([6000.0, 6000])
    read, photons, source = noise_model(counts, 900 + counts / 2, seconds, 2.0)
    assert (read, photons, source) == (pytest.approx(900), pytest.approx(50), "gain")


def test_without_a_gain_all_noise_of_one_time_is_photons():
    assert noise_model(np.ones(1), np.array([600.0]), np.array([60.0]), np.nan) == (
        0,
        10,
        "photons",
    )


def test_neither_part_of_the_noise_is_negative():
    seconds = np.array([10.0, 60])
    read, photons, _ = noise_model(seconds, np.array([10.0, 100]), seconds, np.nan)
    assert (read, photons) == (0, pytest.approx((1 + 0.6) / (1 + 0.36)))
    read, photons, _ = noise_model(seconds, np.array([100.0, 80]), seconds, np.nan)
    assert read > 0
    assert photons == 0
    nothing = noise_model(seconds, np.full(2, np.nan), seconds, 1.9)
    assert np.isnan(nothing[:2]).all()


# Pictures


@pytest.mark.parametrize(
    ("lamp", "panels"),
    [
        ("Newport_Ne_Red", 4),
        ("Newport_HgAr_Blue", 3),
        ("Newport_Ar_Blue", 2),
    ],
)
def test_a_picture_has_a_panel_for_what_there_is_and_no_empty_one(lamp, panels, tmp_path):
    tables, exposures = published()[tuple(lamp.split("_"))]
    joined = join_tables(tables, exposures)
    summary = summarise(joined, FIBRES, np.nan)
    spectrum = np.linspace(5700, 7830, 4096), np.random.default_rng(1).normal(100, 9, 4096)
    figure = draw_lamp("title", True, spectrum, summary, joined)
    figure.savefig(tmp_path / "lamp.png")
    assert len(figure.axes) == panels
    assert all(axes.has_data() for axes in figure.axes)
    assert all(axes.get_ylabel() for axes in figure.axes)
    assert "SIMULATED" in figure.get_suptitle()


# Identified lines without windows


def identified_table(pixels, fluxes, **columns):
    table = pd.DataFrame({"pixel": pixels, "ion": "Ar I", "flux": fluxes, "flux_err": 0.1})
    table["wavelength_air"] = 5754.0 + 0.5 * table["pixel"]
    table = table.assign(peak=5.0, counts=600.0, flags=np.nan, simulated=False)
    return table.assign(**columns)


def test_identified_lines_outside_the_windows_follow_them():
    windows = windows_for(2)
    tables = [flux_table(windows, 10, (40.0, 90.0), 0.1) for _ in range(2)]
    # The first lies in a window, the others do not; the last is seen in one exposure only.
    identified = [
        identified_table([108.0, 300.0], [40.0, 7.0]),
        identified_table([108.0, 300.0, 400.0], [40.0, 9.0, 3.0]),
    ]
    lines = summarise(join_tables(tables, series(10, 10), identified), FIBRES, GAIN).lines
    assert list(lines["measured"]) == ["window", "window", "fit", "fit"]
    assert list(lines["line"]) == [1, 2, 3, 4]
    assert lines["wavelength"].iloc[2] == 5904
    assert lines["flux"].iloc[2] == pytest.approx(8, rel=0.05)
    assert lines["excluded_why"].iloc[3] == "1 missing at 10 s"
    assert lines["pixel_start"].iloc[2:].isna().all()


@pytest.mark.parametrize(
    ("named", "left"), [(5754.0 + 0.5 * 108, 5754.0 + 0.5 * 113), (np.nan, 5754.0 + 0.5 * 108)]
)
def test_a_second_line_in_a_window_is_counted_too(named, left):
    windows = windows_for(1).assign(wavelength_air=named)
    tables = [flux_table(windows, 10, [90.0], 0.1)]
    # The window's own line is the one it names, or else the brighter.
    identified = [identified_table([108.0, 113.0], [30.0, 60.0])]
    lines = summarise(join_tables(tables, series(10), identified), FIBRES, GAIN).lines
    assert list(lines["measured"]) == ["window", "fit"]
    assert lines["wavelength"].iloc[1] == left


def test_repeats_do_not_reduce_the_error_of_a_hidden_neighbour():
    windows, light = windows_for(2), (0.99, 1.0, 1.01, 1.0)
    tables = [flux_table(windows, 10, (40.0 * each, 90.0 * each), 0.1) for each in light]
    identified = [
        identified_table([300.0, 400.0], [30.0 * each, 20.0 * each], noise=0.1) for each in light
    ]
    for table in identified:
        table["flux_err"] = [5.0, 0.1]
    lines = summarise(join_tables(tables, series(*[10] * 4), identified), FIBRES, GAIN).lines
    assert lines["flux_err"].iloc[2] == pytest.approx(5, rel=0.01)
    assert lines["flux_err"].iloc[3] < 0.15
    assert lines["read_variance"].iloc[2] + lines["photon_variance"].iloc[2] * 10 == (
        pytest.approx((0.1 * 10 * FIBRES) ** 2)
    )


def test_a_line_that_few_exposures_show_is_taken_for_chance():
    tables = [flux_table(windows_for(1), time, [90.0], 0.1) for time in (1, 10, 10, 10)]
    # One line needs 10 s to be seen, the other is seen once of three times.
    seen = [108.0], [108.0, 300.0, 400.0], [108.0, 300.0], [108.0, 300.0]
    identified = [identified_table(pixels, 30.0) for pixels in seen]
    lines = summarise(join_tables(tables, series(1, 10, 10, 10), identified), FIBRES, GAIN).lines
    assert list(lines["wavelength"].iloc[1:]) == [5754.0 + 0.5 * 300]


def test_a_faint_lines_peak_follows_from_its_flux():
    rng, windows, seen = np.random.default_rng(3), windows_for(len(FLUX)), []
    faint = np.append(FLUX[1:], 3.0)
    for _ in range(20):
        tables = [measured(rng, windows, faint, 60, GAIN) for _ in range(4)]
        for table in tables:
            # The highest of a window's noisy pixels is that of the line and a little more.
            table["peak"] += np.abs(rng.normal(0, 8, len(table)))
        lines = summary_of(tables, series(60, 60, 60, 60), GAIN).lines
        seen.append(lines["peak_rate"].iloc[-1] / (3.0 * FIBRES * PEAK_PART))
    assert np.mean(seen) == pytest.approx(1, abs=0.03)
    assert (lines["peak_rate_err"] > 0).all()


# Net or fitted flux


def test_a_line_has_the_flux_that_most_of_its_unsaturated_exposures_recommend():
    windows, net, fit = windows_for(3), np.array([100.0, 200.0, 300.0]), np.array([90, 150, 290])
    tables = [
        flux_table(windows, 10, net, 1.0, fit_flux=fit, fit_flux_err=2.0).assign(
            recommended=["net_flux", "fit_flux", "fit_flux" if number == 0 else "net_flux"]
        )
        for number in range(3)
    ]
    tables[2].loc[1, ["flags", "recommended"]] = "saturated", "net_flux"
    joined = join_tables(tables, series(10, 10, 10)).pivot(index="order", columns="line")
    assert joined["flux_from"].iloc[0].tolist() == ["net_flux", "fit_flux", "net_flux"]
    # The saturated exposure shows what is left of the light.
    assert joined["flux"][2].tolist() == [150.0, 150.0, 200.0]
    assert joined["flux_err"][2].tolist() == [2.0, 2.0, 1.0]
    assert (joined["flux"][[1, 3]] == [100.0, 300.0]).all(axis=None)


def test_a_lamp_without_windows_and_lines_has_no_lines(tmp_path):
    flux_table(windows_for(0), 10, []).to_csv(tmp_path / "a.csv", index=False)
    summary = summary_of([pd.read_csv(tmp_path / "a.csv")], series(10))
    assert summary.lines.empty
    assert list(summary.lines) == LINE_COLUMNS
