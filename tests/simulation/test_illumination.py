"""The distribution of simulated light, against the configured one."""

import numpy as np
import pytest
import yaml

from conftest import PROJECT
from lampflux.simulation.exposure import ABSENT, simulate
from lampflux.simulation.illumination import illuminate
from lampflux.simulation.light import continuum, trace_offset

ROWS, COLUMNS = np.arange(160), 300
PLACES, COUNTS = np.array([75.0, 150.0, 225.0]), np.array([4000.0, 9000.0, 1000.0])
SETTINGS = {"seed": 7, "fibres": 12, "first_row": 0, "rows": ROWS.size}


@pytest.fixture
def physics():
    """A small detector; wavelengths are columns."""
    constants = yaml.safe_load((PROJECT / "resources/simulation/physics.yaml").read_text())
    own = {
        "detector_rows": ROWS.size,
        "columns": COLUMNS,
        "dispersion": [COLUMNS / 2, COLUMNS / 2],
        "bundle_rows": [50, 110],
        "slit_rows": [0, ROWS.size - 1],
        "slit_curvature": 0,
        "stray_light": 0,
        "muon_rate": 0,
        "compton_rate": 0,
        "bias_scatter": 0,
    }
    return ABSENT | constants | constants.pop("arms")["Red"] | own


def image(physics, level=0.0, fibres=12):
    lights = illuminate(
        ROWS,
        PLACES,
        COUNTS,
        np.broadcast_to(level, COLUMNS),
        "Red",
        SETTINGS | {"fibres": fibres},
        physics,
    )
    everything = slice(0, ROWS.size)
    return sum(light.within(everything) for light in lights), lights


@pytest.mark.parametrize("rise", [0, 7.5, -80])
def test_traces_rise_as_configured_and_keep_their_light(physics, rise):
    light, (lines,) = image(physics | {"trace_rise": rise})
    np.testing.assert_allclose(lines.column_sums(lines.bundle), light.sum(axis=0), rtol=1e-9)
    assert light.sum() == pytest.approx(12 * COUNTS.sum(), rel=1e-4)
    still, _ = image(physics)
    rows = [
        [np.average(ROWS, weights=each[:, int(place)]) for place in PLACES]
        for each in (light, still)
    ]
    moved = np.subtract(*rows)
    # In steps of a tenth of a row.
    np.testing.assert_allclose(
        moved, trace_offset(COLUMNS, rise)[PLACES.astype(int)], atol=0.05 + 1e-6
    )
    assert np.ptp(trace_offset(COLUMNS, rise)) == pytest.approx(abs(rise))


def test_lines_follow_a_tilted_and_curved_slit(physics):
    light, _ = image(physics | {"slit_tilt": 24, "slit_curvature": 10})
    place = (ROWS + 0.5) / (ROWS.size / 2) - 1
    shift = 12 * place + 10 * place**2
    middle = slice(112, 188)
    lit = np.flatnonzero(light[:, middle].sum(axis=1) > 1)
    places = [np.average(np.arange(112, 188), weights=light[row, middle]) for row in lit]
    off = np.array(places) - shift[lit]
    # The dispersion holds for the light as a whole; shifts are in steps of 1/50 pixel.
    assert np.ptp(off) < 0.021
    assert np.average(places, weights=light[lit, middle].sum(axis=1)) == pytest.approx(
        150, abs=0.02
    )


@pytest.mark.parametrize(("fibres", "pitch"), [(1, 61), (12, 61 / 12), (600, 61 / 600)])
def test_a_few_fibres_stand_apart_and_many_make_a_long_slit(physics, fibres, pitch):
    evenly = {"throughput_scatter": 0, "weak_fibres": []}
    light, _ = image(physics | evenly, fibres=fibres)
    assert light.sum() == pytest.approx(fibres * COUNTS.sum(), rel=1e-4)
    profile = light[55:105].sum(axis=1)
    if pitch < 1:
        assert np.ptp(profile) < 1e-3 * profile.mean()
    else:
        assert profile.min() < 0.5 * profile.max()


def test_the_continuum_is_flat_curved_or_rippled(physics):
    x = np.arange(COLUMNS)
    flat = continuum(COLUMNS, physics | {"continuum": 6.0})
    np.testing.assert_array_equal(flat, 6.0)
    bent = continuum(COLUMNS, physics | {"continuum": 6.0, "continuum_bend": 0.4})
    assert (bent[150], bent[0]) == (pytest.approx(6.0), pytest.approx(3.6))
    ripple = {"continuum": 6.0, "continuum_ripple": 0.1, "ripple_period": 50}
    np.testing.assert_allclose(
        continuum(COLUMNS, physics | ripple), 6 + 0.6 * np.sin(2 * np.pi * x / 50)
    )
    dark, _ = image(physics)
    light, _ = image(physics, level=bent)
    np.testing.assert_allclose((light - dark).sum(axis=0), 12 * bent, rtol=1e-6)


def test_scattered_light_falls_everywhere_with_the_configured_share(physics):
    still, _ = image(physics)
    light, (_, scattered) = image(physics | {"scattered_light": 0.05})
    added = light - still
    assert added.sum() == pytest.approx(0.05 * still.sum(), rel=0.01)
    assert (added > 0).mean() > 0.5
    # It has no lines: from one column to the next it changes by little of its largest value.
    assert np.abs(np.diff(added.sum(axis=0))).max() < 0.1 * added.sum(axis=0).max()
    np.testing.assert_allclose(scattered.column_sums(scattered.stray), added.sum(axis=0))


def frame_of(physics, name="A_Ar_Red_10s_01"):
    frame, *_ = simulate(name, "Red", 10.0, [], 1.0, SETTINGS, physics)
    return frame.astype(float)


def test_amplifiers_in_both_directions_have_their_bias(physics):
    frame = frame_of(physics | {"bias": [[500, 504], [520, 480]]})
    levels = [[part.mean() for part in np.hsplit(half, 2)] for half in np.vsplit(frame, 2)]
    np.testing.assert_allclose(levels, [[500, 504], [520, 480]], atol=0.1)


def test_defects_have_the_configured_numbers_and_the_same_places_in_each_frame(physics):
    defects = {"hot_pixels": 0.01, "hot_current": 2000.0, "wild_pixels": 0.001, "bits": 32}
    one, two = (frame_of(physics | defects, name) for name in ("A_Ar_Red_10s_01", "Dark_Red_10s"))
    number = 0.001 * one.size
    wild = one == 2**32 - 1
    assert abs(wild.sum() - number) < 4 * np.sqrt(number)
    np.testing.assert_array_equal(wild, two == 2**32 - 1)
    hot = (one > 600) & ~wild
    assert abs(hot.sum() - 10 * number) < 4 * np.sqrt(10 * number)
    # An exponential distribution of 20,000 electrons, without pixels below 100 ADU.
    above = (one[hot] - 502) * physics["gain"]
    assert above.mean() == pytest.approx(20_000, abs=4 * 20_000 / np.sqrt(hot.sum()))
    assert np.abs(one[hot] - two[hot]).mean() < 0.02 * one[hot].mean()


def test_dead_pixels_and_columns_see_no_light(physics):
    lamp = physics | {"continuum": 500.0}
    dead = frame_of(lamp | {"dead_pixels": 0.1, "dead_columns": 3})[55:105]
    bias = dead < 560
    columns = bias[25:].mean(axis=0) > 0.9
    assert columns.sum() == 3
    assert bias[:, ~columns].mean() == pytest.approx(0.1, abs=0.02)
    assert not (frame_of(lamp)[55:105] < 560).any()
