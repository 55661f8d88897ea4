"""Planned exposure times against formulas, and against exposures simulated with them."""

import numpy as np
import pandas as pd
import pytest

from flux_tables import FIBRES, PEAK_PART, flux_table, measured, windows_for
from lampflux.lamps.measurements import join_tables
from lampflux.lamps.planner import choose_times, line_times, plan, time_to_snr
from lampflux.lamps.summary import summarise
from lampflux.pictures.planner import digits, draw_plan, plan_text

GAIN, READ = 1.9, 60.0
FLUX = np.array([3.0, 20, 150, 900, 4000, 20000])


def lamp_lines(seconds):
    """Summarise simulated exposures of lines of known flux."""
    rng, windows = np.random.default_rng(1), windows_for(len(FLUX))
    tables = [measured(rng, windows, FLUX, time, GAIN, READ) for time in seconds]
    exposures = [
        {"exposure": f"E{n}", "seconds": time, "id": str(n)} for n, time in enumerate(seconds)
    ]
    return summarise(join_tables(tables, exposures), FIBRES, GAIN)[0]


def true_snr(flux, time):
    """Signal-to-noise ratio of a line in one fibre of `measured`'s exposures."""
    counts = flux * time * FIBRES
    return counts / np.sqrt(counts / GAIN + READ**2) / np.sqrt(FIBRES)


def table_of(needed, allowed):
    return pd.DataFrame({"time_snr": needed, "time_peak": allowed}, dtype=float)


# Formulas


def test_the_time_for_a_snr_follows_photon_noise_and_read_noise():
    rate = np.array([10.0, 10.0, 10.0, 0.0, -1.0, 10.0])
    read = np.array([0.0, 400.0, 400.0, 1.0, 1.0, np.nan])
    photons = np.array([5.0, 0.0, 5.0, 1.0, 1.0, 1.0])
    times = time_to_snr(rate, read, photons, 50)
    assert times[0] == pytest.approx(50**2 * 5 / 100)
    assert times[1] == pytest.approx(50 * 20 / 10)
    assert 10 * times[2] / np.sqrt(400 + 5 * times[2]) == pytest.approx(50)
    assert np.isnan(times[3:]).all()


def test_a_time_serves_the_most_lines_and_is_the_shortest_that_does():
    single, pair = choose_times(table_of([1, 2, 5, 50], [10, 20, 60, 500]))
    assert single == 5
    assert pair == (2, 50)


def test_a_pair_is_planned_only_where_one_time_cannot_serve_all():
    single, pair = choose_times(table_of([1, 2, 5], [10, 20, 60]))
    assert single == 5
    assert np.isnan(pair).all()


def test_the_pair_serves_bright_and_faint_lines():
    needed, allowed = [0.1, 0.2, 0.3, 30, 40], [1, 2, 3, 300, 400]
    single, pair = choose_times(table_of(needed, allowed))
    assert single == 0.3
    assert pair == (0.3, 40)


def test_lines_that_saturate_before_their_snr_do_not_count():
    single, pair = choose_times(table_of([20, 1], [10, 5]))
    assert single == 1
    assert np.isnan(pair).all()
    single, pair = choose_times(table_of([20], [10]))
    assert np.isnan([single, *pair]).all()


def test_where_no_noise_is_known_the_brightest_line_sets_the_time():
    assert choose_times(table_of([np.nan] * 2, [7, 30]))[0] == 7


def test_times_are_those_that_the_shutter_makes():
    times = table_of([0.03, 0.13, 0.22, 30.1], [1, 2, 3, 30.4])
    single, pair = choose_times(times, shortest=0.1, step=0.5)
    assert single == 0.5
    # No whole step lies between the time that the last line needs and its longest.
    assert np.isnan(pair).all()
    assert choose_times(times, shortest=0.1, step=0.1) == (
        pytest.approx(0.3),
        pytest.approx((0.3, 30.1)),
    )
    unknown = table_of([np.nan] * 2, [7.26, 30])
    assert choose_times(unknown, shortest=0.1, step=0.1)[0] == pytest.approx(7.2)
    assert np.isnan(choose_times(unknown, shortest=8.0, step=0.1)[0])
    assert np.isnan(choose_times(times, shortest=60.0)[0])


@pytest.mark.parametrize("factor", [0.25, 1.0, 3.0])
def test_another_instrument_scales_light_but_not_read_noise(factor):
    lines = lamp_lines((10, 60, 300))
    here, there = (line_times(lines, FIBRES, 40000, 100, by, 0.0) for by in (1.0, factor))
    assert np.allclose(there["time_peak"] * factor, here["time_peak"])
    variance = lines["read_variance"] + lines["photon_variance"] * factor * there["time_snr"]
    snr = lines["flux"] * factor * there["time_snr"] * FIBRES / np.sqrt(variance * FIBRES)
    assert np.allclose(snr, 100)


def test_errors_of_times_follow_those_of_the_factor_and_the_flux():
    lines = lamp_lines((10, 60, 300)).assign(flux_err=[0.02, 0.2, 1, 5, 20, 90])
    planned = line_times(lines, FIBRES, 40000, 100, 0.8, 0.05)
    rng = np.random.default_rng(1)
    draws = []
    for _ in range(400):
        flux = rng.normal(lines["flux"], lines["flux_err"])
        draws.append(
            line_times(lines.assign(flux=flux), FIBRES, 40000, 100, rng.normal(0.8, 0.05), 0.0)
        )
    for name in "time_peak", "time_snr":
        spread = np.std([each[name] for each in draws], axis=0)
        assert np.allclose(planned[f"{name}_err"], spread, rtol=0.15)


def test_repeats_are_the_exposures_that_together_reach_the_ratio():
    lines = lamp_lines((60, 600)).assign(peak_rate=200.0)
    planned = line_times(lines, FIBRES, 1000, 100, 1.0, 0.0)
    snr = true_snr(FLUX, 5.0)
    assert planned["repeats"].to_numpy()[1:] == pytest.approx(
        np.ceil((100 / snr) ** 2)[1:], rel=0.05
    )


# Against exposures simulated with the planned times


@pytest.mark.parametrize("seconds", [(20,) * 6, (5, 20, 60, 60)])
def test_planned_times_give_the_promised_peak_and_snr(seconds):
    planned = line_times(lamp_lines(seconds), FIBRES, 40000, 100, 1.0, 0.0)
    assert np.allclose(FLUX * FIBRES * PEAK_PART * planned["time_peak"], 40000, rtol=0.05)
    rng, windows = np.random.default_rng(2), windows_for(len(FLUX))
    for number, time in enumerate(planned["time_snr"]):
        assert true_snr(FLUX[number], time) == pytest.approx(100, rel=0.1)
        seen = [
            measured(rng, windows, FLUX, time, GAIN, READ)["net_flux"][number] for _ in range(200)
        ]
        scattered = np.mean(seen) / np.std(seen) / np.sqrt(FIBRES)
        # 200 exposures know their scatter to 5 %.
        assert scattered == pytest.approx(100, rel=0.17)


def test_a_plan_serves_the_lines_that_it_counts():
    lines = lamp_lines((5, 20, 60, 60))
    summary, planned = plan(lines, FIBRES, 40000, 100, 1.0, 0.0)
    pair = np.array([summary["pair_short"], summary["pair_long"]])
    by_single = true_snr(FLUX, summary["single"]) > 90
    by_single &= FLUX * FIBRES * PEAK_PART * summary["single"] < 1.05 * 40000
    assert summary["single_served"] == by_single.sum()
    in_pair = np.any(
        [(true_snr(FLUX, t) > 90) & (FLUX * FIBRES * PEAK_PART * t < 1.05 * 40000) for t in pair],
        axis=0,
    )
    assert summary["pair_served"] == in_pair.sum() > summary["single_served"]
    assert summary["lines"] - summary["unserved"] == (planned["served_by"] != "").sum()


def test_a_line_that_always_saturated_makes_the_time_an_upper_limit():
    windows = windows_for(2)
    tables = [
        flux_table(windows, 60, (50.0, 900.0), 1.0, flags=["", "saturated"]) for _ in range(2)
    ]
    exposures = [{"exposure": f"E{n}", "seconds": 60, "id": str(n)} for n in range(2)]
    lines = summarise(join_tables(tables, exposures), FIBRES, GAIN)[0]
    summary, _ = plan(lines, FIBRES, 40000, 100, 1.0, 0.0)
    assert summary["time_peak_limit"] == "upper"


# Words and picture


@pytest.mark.parametrize(("time", "text"), [(1410.2, "1410"), (14.72, "14.7"), (0.0521, "0.0521")])
def test_times_are_written_without_exponent(time, text):
    assert digits(time) == text


def test_the_picture_shows_lamps_with_and_without_a_plan(tmp_path):
    parts = []
    nothing = lamp_lines((20,)).iloc[:0]
    for number, lines in enumerate(
        (lamp_lines((5, 20, 60)), lamp_lines((20,)).assign(flux=-1.0, peak_rate=-1.0), nothing)
    ):
        identity = {"brand": "B", "lamp": f"L{number}", "arm": "Red"}
        summary, planned = plan(lines, FIBRES, 40000, 100, 0.8, 0.1)
        named = lines[["line", "ion", "wavelength"]].join(planned)
        parts.append((identity | summary, named.assign(**identity)))
    plans = pd.DataFrame([each for each, _ in parts])
    assert [plan_text(each) for each in plans.itertuples()][1:] == ["no time serves a line"] * 2
    planned = pd.concat([each for _, each in parts if len(each)], ignore_index=True)
    figure = draw_plan(plans, planned, 40000, 100)
    figure.savefig(tmp_path / "plan.png")
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert len(labels) == 3
    assert "× 0.8" in labels[0]
    brightest = planned.sort_values("time_peak").iloc[0]
    names = [text.get_text() for text in figure.axes[0].texts]
    assert any(name.endswith(f"{brightest['wavelength']:.1f}") for name in names)
