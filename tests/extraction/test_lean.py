import numpy as np
import pytest

from lampflux.extraction.bad_columns import band_light
from lampflux.extraction.lean import measure_lean
from slits import simulate


def lean_of(frame):
    bands = band_light(frame.counts, frame.bias)
    return measure_lean(bands.light, bands.middle, frame.counts.shape[0])


@pytest.mark.parametrize("lines", [2, 20])
@pytest.mark.parametrize("rise", [0, -80])
@pytest.mark.parametrize("tilt", [-15, 40])
def test_the_lean_of_lines_is_found_however_traces_run(tilt, rise, lines):
    frame = simulate(
        3, slit=80, rows=240, columns=1024, lines=lines, tilt=tilt, rise=rise, peaks=(500, 20000)
    )
    found = np.diff(lean_of(frame)).mean()
    # The simulated slit ends six rows beyond its 80 rows of light, on either side.
    truth = tilt / 92
    # Lines that lean cross columns in which traces have risen further, or less.
    truth /= 1 + truth * rise / 1024
    assert found == pytest.approx(truth, rel=0.03)


@pytest.mark.parametrize("rise", [0, 100])
def test_upright_lines_do_not_lean(rise):
    frame = simulate(4, slit=80, rows=240, columns=1024, lines=12, rise=rise)
    assert not lean_of(frame).any()


def test_cosmic_rays_do_not_lean():
    for seed in range(4):
        frame = simulate(seed, slit=80, rows=200, columns=1024, lines=2, peaks=(1e-3, 1e-2))
        assert not lean_of(frame).any()
