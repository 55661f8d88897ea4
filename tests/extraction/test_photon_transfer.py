import numpy as np
import pytest

from fibres import fibre_places, random_lines, shares, slit_light
from lampflux.extraction.arm_gain import gain_of_pairs
from repeats import COLUMNS, exposures, pairs_of

QUADRANTS = range(4)


def transfer(frames, parts=QUADRANTS):
    return gain_of_pairs(pairs_of(frames), parts)


@pytest.mark.parametrize(
    "case",
    [
        {},
        {"shift": 0.3, "drift": 0.03},
        {"lean": 20, "shift": -0.3, "drift": -0.03},
        {"gain": 20.0, "read_noise": 10.0, "number": 4},
        {"gain": 0.4, "read_noise": 8.0, "number": 8},
        {"fibres": 3, "number": 10},
        {"level": 300.0, "shift": 0.2, "number": 6},
    ],
)
def test_pairs_show_gain_and_noise_whatever_moves_between_the_two(case):
    gain, read_noise = case.get("gain", 1.9), case.get("read_noise", 4.0)
    for seed in range(2):
        found = transfer(exposures(seed, **case))
        assert found.gain == pytest.approx(gain, rel=0.15)
        assert abs(found.gain - gain) < 4 * found.gain_err
        if "level" in case:
            # Light falls on every pixel.
            assert found.noise is None
        else:
            assert found.noise * gain == pytest.approx(read_noise, rel=0.06)


def test_one_pair_of_a_single_fibre_is_too_little():
    found = transfer(exposures(1, fibres=1))
    assert found.gain is None
    assert found.reason


def test_parts_of_different_gain_have_none_in_common_but_each_its_own():
    right = np.arange(COLUMNS) >= COLUMNS // 2
    frames = exposures(2, 8, fibres=30, gain=np.where(right, 3.0, 1.5))
    found = transfer(frames)
    assert found.gain is None
    assert "parts of the frame differ" in found.reason
    for part, gain in ((0, 1.5), (2, 3.0)):
        found = transfer(frames, (part, part + 1))
        assert found.gain == pytest.approx(gain, rel=0.15)


def test_a_pair_that_contradicts_the_others_is_left_out():
    frames = exposures(3, 8, fibres=20)
    # Noise that no light explains.
    rng = np.random.default_rng(1)
    light = frames[3].astype(float) - 500
    frames[3] = np.rint(frames[3] + 0.05 * light * rng.normal(0, 1, light.shape)).astype("u2")
    found = transfer(frames)
    assert found.number == 3
    assert found.gain == pytest.approx(1.9, rel=0.15)


@pytest.mark.parametrize("frames", [[0, 0], [0, 1]])
def test_copies_and_frames_without_light_show_nothing(frames):
    rng = np.random.default_rng(1)
    dark = np.rint(rng.normal(500, 3, (2, 60, COLUMNS))).astype("u2")
    found = transfer([dark[number] for number in frames])
    assert found.gain is None
    assert found.reason


def test_scatter_that_grows_as_the_square_of_the_light_is_no_photon_noise():
    rng = np.random.default_rng(4)
    share = shares(120, fibre_places(25, 13))
    light = slit_light(COLUMNS, share, *random_lines(COLUMNS, 16, rng, 1e4, 1e6))
    frames = [
        np.rint(500 + light * rng.normal(1, 0.03, light.shape) + rng.normal(0, 3, light.shape))
        for _ in range(2)
    ]
    assert transfer(frames).gain is None
