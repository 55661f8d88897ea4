"""The light of a simulated lamp on the detector."""

import numpy as np
import pandas as pd
import pytest
import yaml

from conftest import PROJECT
from lampflux.simulation.light import (
    STEPS_PER_PIXEL,
    bundle_profile,
    fibre_throughput,
    light_profile,
    line_positions,
    shifted_spectra,
    slit_shift,
)

SIMULATION = PROJECT / "resources" / "simulation"


@pytest.fixture
def physics():
    constants = yaml.safe_load((SIMULATION / "physics.yaml").read_text())
    return constants | constants.pop("arms")["Red"]


@pytest.mark.parametrize(
    "table", sorted((SIMULATION / "lines").glob("*.csv")), ids=lambda p: p.stem
)
def test_identified_lines_fall_into_their_windows(table):
    """Each window of the campaign holds its line, and the line is its brightest."""
    _, lamp, arm = table.stem.split("_")
    constants = yaml.safe_load((SIMULATION / "physics.yaml").read_text())
    lines = pd.read_csv(table)
    lines["pixel"] = line_positions(
        lines["wavelength_air"].to_numpy(), constants["arms"][arm]["dispersion"], 4096
    )
    windows = pd.read_csv(PROJECT / "resources" / "line_windows" / f"{lamp}_{arm}.csv")
    for window in windows.dropna(subset="wavelength_air").itertuples():
        inside = lines[lines["pixel"].between(window.start, window.stop)]
        brightest = inside.loc[inside["flux"].idxmax()]
        assert brightest["ion"] == window.ion
        assert brightest["wavelength_air"] == pytest.approx(window.wavelength_air, abs=0.15)


def test_a_line_keeps_its_light_and_its_place(physics):
    profile = light_profile(np.array([1000.3]), np.array([7.0]), physics)
    (counts,) = shifted_spectra(profile, np.array([0]))
    assert counts.size == physics["columns"]
    assert counts.sum() == pytest.approx(7.0, rel=1e-4)
    place = np.average(np.arange(counts.size), weights=counts)
    assert place == pytest.approx(1000.3, abs=0.5 / STEPS_PER_PIXEL)


def test_a_shift_by_whole_pixels_moves_every_pixel_and_loses_what_leaves_the_detector(physics):
    profile = light_profile(np.array([20.0, 2000.0]), np.array([5.0, 3.0]), physics)
    shifts = np.array([0, 4, -40]) * STEPS_PER_PIXEL
    still, moved, lost = shifted_spectra(profile, shifts)
    np.testing.assert_allclose(moved[4:], still[:-4], atol=1e-12)
    assert lost.sum() == pytest.approx(3.0, rel=1e-3)


def test_the_slit_is_curved_as_a_parabola_about_the_middle_row():
    shift = slit_shift(np.array([-0.5, 999.5, 1999.5]), 2000, 15.0)
    np.testing.assert_allclose(shift, [15.0, 0.0, 15.0])


def test_fibres_share_the_light_by_their_throughput(physics):
    rows = np.arange(4112)
    throughput = np.ones(61)
    throughput[0] = 0.0
    shares = bundle_profile(rows, throughput, physics)
    first, last = physics["bundle_rows"]
    assert shares.sum() == pytest.approx(60)
    pitch = (last - first + 1) / 61
    assert shares[first : round(first + 0.4 * pitch)].max() < 0.01 * shares.max()


def test_weak_fibres_have_the_configured_number_and_throughput():
    throughput = fibre_throughput(np.random.default_rng(1), 61, 0.0, [0.25, 0.5])
    assert throughput.mean() == pytest.approx(1)
    assert np.sort(throughput / throughput.max())[:3].tolist() == [0.25, 0.5, 1]
