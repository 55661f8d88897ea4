"""Predictions of lamps in another instrument, against simulated light and fits."""

import numpy as np
import pandas as pd
import pytest

from conftest import PROJECT
from lampflux.campaign.planned_instrument import read_planned_instrument
from lampflux.errors import UserError
from lampflux.lamps.prediction import (
    centre_error,
    is_blocked,
    mode_lines,
    plan_mode,
    rank_choices,
    wavelength_precision,
)

MAVIS = PROJECT / "resources" / "instruments" / "mavis.yaml"
FWHM = 2.1


@pytest.fixture
def modes():
    return {mode.name: mode for mode in read_planned_instrument(MAVIS)[1]}


def lamp(wavelengths, flux=100.0, ion="Ne I", limit=None):
    table = pd.DataFrame({"wavelength": np.asarray(wavelengths, float)})
    return table.assign(flux=flux, flux_err=1.0, ion=ion, limit=limit, flags="", source="A Ne")


def frame(rng, mode, rate, seconds, phase=0.0):
    """Electrons of a line in rows by columns, and the noisy frame of them."""
    pixel, sigma = np.arange(-10, 11), FWHM / np.sqrt(8 * np.log(2))
    fine = np.linspace(-0.5, 0.5, 201)
    shape = np.exp(-0.5 * ((pixel[:, None] + fine - phase) / sigma) ** 2).mean(axis=1)
    shape /= sigma * np.sqrt(2 * np.pi)
    part = np.array(
        [(1 - mode.brightest_row) / 2, mode.brightest_row, (1 - mode.brightest_row) / 2]
    )
    light = rate * seconds * part[:, None] * shape
    return light, rng.poisson(light) + rng.normal(0, mode.read_noise, light.shape)


# The instrument


def test_the_modes_are_the_design(modes):
    assert list(modes) == ["LR-Blue", "LR-Red", "HR-Blue", "HR-Red"]
    # Dispersions by the design [Angstrom/pixel].
    for name, dispersion in zip(modes, (0.5107, 0.7108, 0.1581, 0.3125)):
        assert modes[name].element / modes[name].pixels == pytest.approx(dispersion, rel=1e-3)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("read_noise: 3.0", "read_noise: -3.0", "read_noise"),
        ("resolving_power: 3450}", "resolving_power: 0}", "resolving_power"),
        ("wavelength_to: 7400", "wavelength_to: 3000", "is not above wavelength_from"),
        ("name: MAVIS", "name: [", "is not YAML in UTF-8"),
    ],
)
def test_a_wrong_instrument_is_refused_in_a_sentence(tmp_path, old, new, sentence):
    path = tmp_path / "mine.yaml"
    path.write_text(MAVIS.read_text().replace(old, new, 1))
    with pytest.raises(UserError, match=sentence) as error:
        read_planned_instrument(path)
    assert "mine.yaml" in error.value.args[0]


# Lines


def test_blocked_lines_and_those_beyond_the_mode_are_not_used(modes):
    found = mode_lines(lamp([3600.0, 5000, 5900, 7000, 7500]), modes["LR-Blue"])
    assert list(found["wavelength"]) == [5000, 5900, 7000]
    assert list(found["blocked"]) == [False, True, False]
    assert not is_blocked(found["wavelength"], []).any()
    _, planned = plan_mode(found, modes["LR-Blue"])
    assert list(planned["centre_err"].notna()) == [True, False, True]


def test_a_line_of_two_arms_counts_once(modes):
    lines = pd.concat([lamp([5800.5, 5750]), lamp([5750.0], flux=200.0).assign(flux_err=0.1)])
    found = mode_lines(lines, modes["LR-Blue"])
    assert list(found["flux"]) == [200, 100]


# Times


@pytest.mark.parametrize("flux", [20.0, 300.0, 9000.0])
def test_planned_times_give_the_promised_peak_and_signal_to_noise_ratio(modes, flux):
    mode, rng = modes["LR-Blue"], np.random.default_rng(1)
    line = mode_lines(lamp([5000.0], flux=flux), mode).iloc[0]
    light, _ = frame(rng, mode, line["electrons_per_second"], line["time_peak"])
    assert light.max() == pytest.approx(mode.peak, rel=0.05)
    inside = slice(10 - 2, 10 + 3)
    sums = [
        frame(rng, mode, line["electrons_per_second"], line["time_snr"])[1][:, inside].sum()
        for _ in range(2000)
    ]
    assert np.mean(sums) / np.std(sums) == pytest.approx(mode.snr, rel=0.10)


def test_planned_times_are_those_that_the_shutter_makes(modes):
    mode = modes["LR-Blue"]
    lines = lamp(np.linspace(3800, 5700, 40), flux=np.geomspace(20, 4e5, 40))
    times, planned = plan_mode(mode_lines(lines, mode), mode)
    assert times == sorted(times)
    for time in times:
        assert time >= mode.shortest_time
        assert time / mode.time_step == pytest.approx(round(time / mode.time_step), abs=1e-6)
        assert time <= mode.longest_time + mode.time_step
    used = planned[planned["served_by"] != ""]
    assert (used["time_peak"] >= min(times)).all()


# Precision


@pytest.mark.parametrize("electrons", [300.0, 1e4, 1e6])
def test_no_fit_of_centres_beats_the_predicted_error_and_a_good_one_reaches_it(modes, electrons):
    mode, rng = modes["LR-Blue"], np.random.default_rng(2)
    reads = mode.rows * mode.read_noise**2
    predicted = centre_error(np.array([electrons]), np.array([reads]), FWHM)[0]
    step, found = 0.05, []
    at, ahead, behind = (
        frame(rng, mode, electrons, 1, phase)[0].sum(axis=0) for phase in (0, step, -step)
    )
    slope = (ahead - behind) / (2 * step)
    weight = slope / (at + reads)
    for _ in range(3000):
        seen = frame(rng, mode, electrons, 1)[1].sum(axis=0)
        found.append(np.sum(weight * (seen - at)) / np.sum(weight * slope))
    assert np.std(found) == pytest.approx(predicted, rel=0.10)


def test_the_predicted_precision_is_that_of_fitted_polynomials():
    rng, band = np.random.default_rng(3), (4000.0, 5000.0)
    places = np.sort(rng.uniform(*band, 25))
    errors = rng.uniform(0.005, 0.03, 25)
    worst, mean = wavelength_precision(places, errors, band, 4)
    grid = np.linspace(*band, 200)
    fits = [
        np.polynomial.Polynomial.fit(places, rng.normal(0, errors), 4, w=1 / errors)(grid)
        for _ in range(2000)
    ]
    spread = np.std(fits, axis=0)
    assert spread.max() == pytest.approx(worst, rel=0.1)
    assert np.sqrt(np.mean(spread**2)) == pytest.approx(mean, rel=0.1)


def test_too_few_lines_give_no_solution():
    assert np.isnan(wavelength_precision(np.arange(5.0), np.ones(5), (0, 5), 5)).all()


# Choices


def test_lamps_that_fill_each_others_gaps_rank_first(modes):
    mode = modes["HR-Blue"]
    places = {"A": np.linspace(4260, 4900, 12), "B": np.linspace(4950, 5620, 12)}
    places["C"] = np.linspace(4300, 4850, 12)
    plans = {
        name: plan_mode(mode_lines(lamp(lines), mode), mode) for name, lines in places.items()
    }
    choices = rank_choices(plans, mode, (3700.0, 7800.0))
    best = choices[choices["rank"] == 1].set_index("number")
    assert best.loc[2, "lamps"] == "A + B"
    assert best.loc[2, "lines"] == 24
    assert best.loc[2, "precision"] < best.loc[1, "precision"] / 10
    assert best.loc[2, "total_seconds"] == sum(plans["A"][0] + plans["B"][0])
    assert sum(map(int, best.loc[2, "lines_by_tenth"].split())) == 24


def test_a_second_lamp_of_the_same_lines_adds_only_light(modes):
    # With enough light the errors are those of the profiles and the laboratory wavelengths.
    mode, own = modes["HR-Blue"]._replace(snr=300.0), np.linspace(4260, 5600, 20)
    plans = {
        name: plan_mode(mode_lines(lamp(own, flux=9000.0), mode), mode) for name in ("A", "B")
    }
    plans["C"] = plan_mode(mode_lines(lamp(own + 30, flux=9000.0), mode), mode)
    choices = rank_choices(plans, mode, (3700.0, 7800.0)).set_index("lamps")
    assert choices.loc["A + B", "precision"] > 0.9 * choices.loc["A", "precision"]
    assert choices.loc["A + B", "lines"] == 20
    assert choices.loc["A + C", "precision"] < 0.8 * choices.loc["A", "precision"]


def test_the_same_lamp_of_two_brands_is_no_pair(modes):
    mode = modes["HR-Blue"]
    plan = plan_mode(mode_lines(lamp(np.linspace(4260, 5600, 12)), mode), mode)
    plans = {"GS ThAr": plan, "Photron ThAr": plan, "Newport Ne": plan}
    choices = rank_choices(plans, mode, (3700.0, 7800.0))
    pairs = choices.loc[choices["number"] == 2, "lamps"]
    assert set(pairs) == {"GS ThAr + Newport Ne", "Photron ThAr + Newport Ne"}
    assert choices["number"].max() == 2


def test_a_lamp_without_a_line_in_use_is_in_no_pair(modes):
    mode = modes["HR-Blue"]
    plans = {
        "A": plan_mode(mode_lines(lamp(np.linspace(4260, 5600, 12)), mode), mode),
        "B": plan_mode(mode_lines(lamp([7000.0]), mode), mode),
    }
    assert list(rank_choices(plans, mode, (3700.0, 7800.0))["lamps"]) == ["A", "B"]


def test_a_mode_that_was_not_measured_has_no_choices(modes):
    assert rank_choices({}, modes["HR-Red"], (3700.0, 6000.0)).empty
