import numpy as np
import pytest

from lampflux.extraction.quiet_blocks import quiet_gain


@pytest.mark.parametrize("gain", [0.16, 1.9])
@pytest.mark.parametrize("bias", [0.0, -3000.0])
def test_the_gain_is_that_of_the_light_whatever_the_bias(gain, bias):
    rng = np.random.default_rng(1)
    light = np.tile(np.linspace(200, 2000, 1024) / gain, (200, 1))
    counts = rng.poisson(light * gain) / gain + rng.normal(0, 5 / gain, light.shape) + bias
    # Lines, wide and bright.
    counts[:, 300:310] += 1e5
    assert quiet_gain(counts) == pytest.approx(gain, rel=0.05)


def test_a_frame_without_light_between_its_lines_has_none():
    assert quiet_gain(np.random.default_rng(2).normal(0, 5, (200, 1024))) is None
    assert quiet_gain(np.zeros((3, 10))) is None
