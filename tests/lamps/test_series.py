"""The model of a lamp's series against simulated series of known shutter, lamp and losses."""

import numpy as np
import pandas as pd
import pytest

from flux_tables import FIBRES, measured, windows_for
from lampflux.lamps import light as light_module
from lampflux.lamps import series as series_module
from lampflux.lamps.light import connected, exposure_light, fit_shutter
from lampflux.lamps.measurements import join_tables
from lampflux.lamps.summary import summarise

GAIN = 1.9
SHUTTER = 0.05
# Thirty lines that keep their light and ten bright ones; times in the order of observation.
FLUX = np.concatenate([np.geomspace(60.0, 6000.0, 30), np.geomspace(9000.0, 60000.0, 10)])
SECONDS = np.array([1.0] * 6 + [3.0] * 5 + [10.0] * 5 + [60.0] * 6)
HALF = (3, 18)


def brightness(rng, seconds, half=HALF, drift=0.0004, flicker=0.002):
    """Light of a lamp that warms up, flickers, and was half covered twice."""
    light = (1 + drift * np.arange(len(seconds))) * (1 + rng.normal(0, flicker, len(seconds)))
    light[list(half)] *= 0.5
    return light


def losses(seconds):
    """Fraction of the light that is lost: up to 6 % for the ten bright lines in 60 s."""
    lost = np.zeros((len(seconds), len(FLUX)))
    lost[seconds == 60, 30:] = np.linspace(0.025, 0.06, 10)
    return lost


def observe(seed, seconds=SECONDS, running=True, saturated=0, **lamp):
    """Summary of a simulated series, and the light of its exposures."""
    rng, windows = np.random.default_rng(seed), windows_for(len(FLUX))
    light = brightness(rng, seconds, **lamp)
    tables, exposures = [], []
    for number, (time, bright, lost) in enumerate(zip(seconds, light, losses(seconds))):
        late = bright * (time + SHUTTER) / time
        table = measured(rng, windows, FLUX * (1 - lost), time, GAIN, brightness=late)
        if time == 60 and saturated:
            table["flags"] = ["saturated"] * saturated + [""] * (len(FLUX) - saturated)
        name = str(number + 1) if running else str((seconds[:number] == time).sum() + 1)
        tables.append(table)
        exposures.append({"exposure": f"E{number}", "seconds": time, "id": name})
    return summarise(join_tables(tables, exposures), FIBRES, GAIN), light


@pytest.fixture(scope="module")
def observed():
    return [observe(seed) for seed in range(12)]


def test_the_shutters_offset_is_found_within_a_tenth(observed):
    found = np.array([summary.series.shutter for summary, _ in observed])
    assert np.abs(found / SHUTTER - 1).max() < 0.10
    pulls = [(s.series.shutter - SHUTTER) / s.series.shutter_err for s, _ in observed]
    assert np.abs(pulls).max() < 4


def test_best_fluxes_are_right_and_so_are_their_errors(observed):
    pulls = []
    for summary, light in observed:
        mean = light[~summary.series.outlying.to_numpy()].mean()
        lines = summary.lines
        off = lines["flux"] / (FLUX * mean) - 1
        bright = FLUX > 600
        assert np.abs(off[bright]).max() < 0.005
        pulls.append((off * FLUX * mean / lines["flux_err"])[bright])
    assert 0.8 < np.std(pulls) < 1.3


def test_exposures_at_half_light_are_left_out_and_named(observed):
    for summary, _ in observed:
        named = summary.exposures.loc[summary.exposures["outlying"], "exposure"]
        assert list(named) == [f"E{number}" for number in HALF]
        assert summary.lines["excluded_why"].str.contains("1 outlying at 1 s").all()


def test_the_brightness_of_each_exposure_is_found(observed):
    for summary, light in observed:
        relative = light / light[~summary.series.outlying.to_numpy()].mean()
        assert np.allclose(summary.exposures["brightness"], relative, rtol=0.006)


def test_losses_are_found_and_steady_lines_stay_linear(observed):
    for summary, _ in observed:
        verdicts = summary.lines["linearity_verdict"]
        assert (verdicts[:30] != "nonlinear").all()
        assert (verdicts[30:] == "nonlinear").all()
        true = 1 - losses(SECONDS)[-1]
        assert np.allclose(summary.lines["linearity"][20:], true[20:], atol=0.004)


def test_brightness_is_unknown_where_every_reference_line_is_saturated():
    summary, _ = observe(1, saturated=len(FLUX))
    long = summary.exposures["seconds"] == 60
    assert summary.exposures.loc[long, "brightness"].isna().all()
    assert not (summary.series.ratios["seconds"] == 60).any()
    assert (summary.lines["linearity_verdict"] == "saturated").all()


def test_a_few_unsaturated_lines_give_the_brightness_of_long_exposures():
    summary, light = observe(1, saturated=25)
    relative = light / light[~summary.series.outlying.to_numpy()].mean()
    assert np.allclose(summary.exposures["brightness"], relative, rtol=0.01)


def test_two_exposure_times_give_no_shutter_offset():
    summary, _ = observe(1, seconds=np.array([10.0] * 5 + [60.0] * 5), half=())
    assert np.isnan(summary.series.shutter)


def test_the_shutter_is_found_where_numbers_restart_with_each_time():
    summary, _ = observe(1, running=False, drift=0.0)
    assert abs(summary.series.shutter / SHUTTER - 1) < 0.10


def test_a_perfect_shutter_has_no_significant_offset():
    rng, believed = np.random.default_rng(1), []
    for _ in range(200):
        relative = 1 + rng.normal(0, 0.003, len(SECONDS))
        shutter, error, outlying = fit_shutter(relative, SECONDS)
        believed.append(abs(shutter) > 3 * error)
        assert not outlying.any()
    assert np.mean(believed) < 0.02


@pytest.mark.parametrize(
    ("relative", "seconds", "named"),
    [
        ((1.0, 1.01, 0.6), (1.0, 1.0, 1.0), [2]),
        ((1.0, 0.6), (1.0, 1.0), []),
        ((1.0, 0.6, 0.6), (1.0, 60.0, 60.0), []),
        ((1.0, 1.0, 1.0, 1.0, 1.0, 0.5), (1.0, 2.0, 3.0, 10.0, 30.0, 60.0), [5]),
        ((0.88, 1.0, 1.01, 1.02), (60.0,) * 4, []),
    ],
)
def test_an_exposure_is_far_off_only_where_enough_others_agree(relative, seconds, named):
    outlying = fit_shutter(np.array(relative), np.array(seconds))[2]
    assert list(np.flatnonzero(outlying)) == named


def test_lines_that_are_noise_in_the_shortest_exposures_do_not_seem_to_lose_light():
    rng, seconds = np.random.default_rng(3), np.array([0.3, 0.3, 1.0, 1.0, 5.0, 5.0])
    truth = np.concatenate([np.geomspace(300.0, 3000.0, 15), np.full(200, 6.0)])
    err = pd.DataFrame(np.outer(8 / np.sqrt(seconds), np.ones(truth.size)))
    flux = truth + err * rng.normal(size=err.shape)
    series = series_module.fit_series(flux, err, seconds, flux.isna())
    lost = (series.reasons == "nonlinear").any()
    assert lost[truth == 6].mean() < 0.01


def test_exposures_without_a_common_line_are_not_compared():
    shared = np.array([[1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 1, 1], [0, 0, 0, 1]], bool)
    assert list(connected(shared)) == [True, True, False, False]
    flux = pd.DataFrame(np.where(shared, 100.0, np.nan))
    light, _ = exposure_light(flux, 0.1 + 0 * flux, flux.notna())
    assert list(light.isna()) == [False, False, True, True]


def test_one_flux_that_is_ten_times_too_high_hardly_moves_the_light_of_its_exposure():
    flux = pd.DataFrame(100.0 * np.ones((5, 7)))
    flux.iloc[2, 3] = 1000.0
    light, _ = exposure_light(flux, 0.1 + 0 * flux, flux.notna())
    assert np.allclose(light, 1, atol=0.006)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "constant", "largest_change"),
    [
        (series_module, "reference_snr", 0.0005),
        (series_module, "smallest_loss", 0.0005),
        (series_module, "sure", 0.0005),
        (series_module, "safe_part", 0.001),
        (series_module, "lossy_percentile", 0.001),
        (series_module, "outlier_sigma", 0.0005),
        (series_module, "outlier_beyond", 0.0005),
        (light_module, "line_scatter", 0.0005),
        (light_module, "huber", 0.0005),
        (light_module, "outlying_beyond", 0.0),
    ],
)
@pytest.mark.parametrize("factor", [0.8, 1.2])
def test_a_change_of_a_constant_by_a_fifth_hardly_matters(
    observed, monkeypatch, module, constant, factor, largest_change
):
    name = module.__name__.rpartition(".")[2].upper()
    settings = getattr(module, name)
    moved = settings._replace(**{constant: factor * getattr(settings, constant)})
    monkeypatch.setattr(module, name, moved)
    (summary, _), (other, _) = observed[0], observe(0)
    change = other.lines["flux"] / summary.lines["flux"] - 1
    assert np.abs(change[FLUX > 600]).max() <= largest_change
    assert list(other.lines["linearity_verdict"]) == list(summary.lines["linearity_verdict"])
    assert list(other.series.outlying) == list(summary.series.outlying)
    assert abs(other.series.shutter / SHUTTER - 1) < 0.10
