"""The read-out of a simulated detector against theory."""

import numpy as np
import pytest
import yaml

from conftest import PROJECT
from lampflux.simulation.detector import Defects, cosmic_ray_charge, random_generator, read_out
from lampflux.simulation.exposure import ABSENT
from lampflux.simulation.illumination import Illumination

NOWHERE = np.empty(0, int), np.empty(0, int)
NO_TRACKS = (*NOWHERE, np.empty(0))
NO_DEFECTS = Defects(NOWHERE, NOWHERE, NOWHERE, np.empty(0))
SIMULATION = PROJECT / "resources" / "simulation"


@pytest.fixture
def physics():
    constants = yaml.safe_load((SIMULATION / "physics.yaml").read_text())
    return constants | constants.pop("arms")["Red"]


def flat_frame(electrons, physics, name):
    """Frame of 400 rows whose light differs from row to row only."""
    rows, columns = 400, physics["columns"]
    shares = np.broadcast_to(electrons, (1, rows))
    light = Illumination(
        np.ones((1, columns)),
        np.array([0, columns]),
        np.zeros((1, rows), int),
        shares,
        np.zeros((1, rows)),
    )
    bias = np.tile(np.array(physics["bias"], float), (rows, 1))
    frame, _ = read_out(
        random_generator(7, name),
        [light],
        NO_TRACKS,
        bias,
        1.0,
        ABSENT | physics | {"dark_current": 0},
        NO_DEFECTS,
    )
    return frame.astype(float)


def test_variance_grows_with_the_mean_by_one_over_the_gain(physics):
    electrons = np.repeat(np.linspace(500, 80_000, 10), 40)
    first, second = (flat_frame(electrons, physics, name) for name in ("a", "b"))
    levels = (first + second).reshape(10, -1).mean(axis=1) / 2
    variances = (first - second).reshape(10, -1).var(axis=1) / 2
    slope = np.polyfit(levels, variances, 1)[0]
    assert 1 / slope == pytest.approx(physics["gain"], rel=0.02)


def test_read_noise_and_bias(physics):
    frame = flat_frame(0.0, physics, "bias")
    noise = np.sqrt(frame[:, :2048].var() - 1 / 12) * physics["gain"]
    assert noise == pytest.approx(physics["read_noise"], rel=0.02)
    assert frame[:, :2048].mean() == pytest.approx(500, abs=0.01)
    assert frame[:, 2048:].mean() == pytest.approx(504, abs=0.01)


def test_cosmic_rays_grow_with_exposure_time(physics):
    shape = (4112, 4096)
    counts = {}
    for exptime in (60.0, 600.0):
        rng = random_generator(7, "rays")
        *_, electrons, counts[exptime] = cosmic_ray_charge(rng, shape, exptime, physics)
        assert electrons.min() > 0
    area = shape[0] * shape[1] * (physics["pixel_size"] * 1e-4) ** 2
    rate = (physics["muon_rate"] + physics["compton_rate"]) * area
    for exptime, count in counts.items():
        assert abs(count - rate * exptime) < 4 * np.sqrt(rate * exptime)


def test_muons_leave_straight_tracks(physics):
    only_muons = physics | {"compton_rate": 0, "muon_rate": 0.05, "charge_diffusion": 0}
    rows, columns, _, tracks = cosmic_ray_charge(
        random_generator(7, "one ray"), (2000, 2000), 10.0, only_muons
    )
    assert tracks > 1
    steps = np.hypot(np.diff(rows), np.diff(columns))
    # Within a track a deposit lies beside the last one; between tracks it does not.
    assert (steps > 2).sum() == tracks - 1
