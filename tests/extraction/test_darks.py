"""Masters of darks and biases of known level, noise and dark current."""

import numpy as np
import pytest

from lampflux.extraction import darks
from lampflux.extraction.darks import combine, frame_noise, scale_dark
from lampflux.extraction.spectrum import extract

SHAPE, NOISE, GAIN = (300, 400), 4.0, 2.0
# Bias [ADU] with a pattern, and dark current [ADU/s] with hot pixels.
PATTERN = 500 + 10 * np.sin(np.arange(SHAPE[1]) / 7)
CURRENT = np.full(SHAPE, 0.05)
CURRENT[::37, ::41] = 20.0

COLD = CURRENT < 1


def noise(seconds, share):
    """Noise of a cold pixel of a master [ADU]; rounding to whole numbers is part of it."""
    return np.sqrt((NOISE**2 + 1 / 12 + 0.05 * seconds / GAIN) * share)


def frame(seconds, seed, cosmic_rays=0):
    rng = np.random.default_rng(seed)
    counts = PATTERN + rng.poisson(CURRENT * seconds * GAIN) / GAIN + rng.normal(0, NOISE, SHAPE)
    hits = rng.integers(0, SHAPE[0], cosmic_rays), rng.integers(0, SHAPE[1], cosmic_rays)
    counts[hits] += rng.uniform(100, 20000, cosmic_rays)
    return np.round(counts).astype("u2")


@pytest.mark.parametrize("number", [1, 2, 3, 4, 9])
def test_the_noise_of_a_master_is_that_of_a_mean(number):
    master = combine([frame(60, seed) for seed in range(number)])
    residual = (master.counts - PATTERN - CURRENT * 60)[COLD]
    assert master.share == pytest.approx(1 / number)
    # Rounding to whole numbers adds to the noise of each frame.
    assert residual.std() == pytest.approx(noise(60, master.share), rel=0.02)
    assert abs(residual.mean()) < 5 * residual.std() / np.sqrt(residual.size)


@pytest.mark.parametrize("number", [2, 3, 5])
def test_cosmic_rays_do_not_reach_the_master(number):
    master = combine([frame(60, seed, cosmic_rays=40) for seed in range(number)])
    residual = (master.counts - PATTERN - CURRENT * 60)[COLD]
    # What is left of a ray is below the cut.
    assert np.max(residual) < 7 * noise(60, 1)
    assert abs(residual.mean()) < 0.05


@pytest.mark.parametrize("number", [2, 3, 5])
def test_hot_pixels_keep_their_mean(number):
    master = combine([frame(60, seed) for seed in range(number)])
    residual = (master.counts - PATTERN - CURRENT * 60)[~COLD]
    error = np.sqrt((NOISE**2 + 20 * 60 / GAIN) / number / residual.size)
    assert abs(residual.mean()) < 4 * error


def test_unknown_pixels_are_left_out_where_another_frame_knows_them():
    frames = [frame(60, seed).astype(float) for seed in range(3)]
    frames[0][5, 6] = frames[0][7, 8] = frames[1][7, 8] = frames[2][7, 8] = np.nan
    master = combine(frames)
    assert master.counts[5, 6] == pytest.approx(np.mean([frames[1][5, 6], frames[2][5, 6]]))
    assert np.argwhere(np.isnan(master.counts)).tolist() == [[7, 8]]


def test_the_noise_of_a_frame_is_found_from_two():
    assert frame_noise([frame(0, 1), frame(0, 2)]) == pytest.approx(noise(0, 1), rel=0.02)


@pytest.mark.parametrize("seconds", [20, 180, 600])
def test_a_dark_of_another_time_gives_the_right_dark_with_its_noise_carried(seconds):
    bias = combine([frame(0, seed) for seed in range(10, 15)])
    dark = combine([frame(seconds, seed) for seed in range(3)])
    scaled = scale_dark(dark, bias, 60 / seconds)
    residual = (scaled.counts - PATTERN - CURRENT * 60)[COLD]
    expected = noise(0, scaled.share) ** 2 + (60 / seconds) ** 2 * 0.05 * seconds / GAIN / 3
    assert residual.std() == pytest.approx(np.sqrt(expected), rel=0.02)
    assert abs(residual.mean()) < 5 * residual.std() / np.sqrt(residual.size)


def test_a_longer_dark_a_bias_and_the_right_dark_agree_within_their_errors():
    bias = combine([frame(0, seed) for seed in range(10, 20)])
    right = combine([frame(60, seed) for seed in range(5)])
    scaled = scale_dark(combine([frame(180, seed) for seed in range(20, 25)]), bias, 1 / 3)
    level = {
        name: np.mean((master.counts - PATTERN)[COLD])
        for name, master in (("bias", bias), ("right", right), ("scaled", scaled))
    }
    error = noise(60, 1) / np.sqrt(COLD.sum())
    assert abs(level["right"] - level["scaled"]) < 4 * error
    assert abs(level["right"] - level["bias"] - 0.05 * 60) < 4 * error


@pytest.mark.parametrize("factor", [0.8, 1.2])
@pytest.mark.parametrize("name", ["clip", "least_gain"])
def test_a_constant_that_is_a_fifth_off_keeps_cosmic_rays_out_and_the_mean(
    monkeypatch, name, factor
):
    moved = darks.COMBINATION._replace(**{name: factor * getattr(darks.COMBINATION, name)})
    monkeypatch.setattr(darks, "COMBINATION", moved)
    master = combine([frame(60, seed, cosmic_rays=40) for seed in range(3)])
    residual = (master.counts - PATTERN - CURRENT * 60)[COLD]
    assert np.max(residual) < 9 * noise(60, 1)
    assert abs(residual.mean()) < 0.05


# Spectra


LINES = sum(
    4000 * np.exp(-0.5 * ((np.arange(SHAPE[1]) - centre) / 1.5) ** 2)
    for centre in range(40, SHAPE[1] - 20, 60)
)
LIT = 100


def masters_of_60_seconds():
    bias = combine([frame(0, seed) for seed in range(10, 20)])
    longer = combine([frame(180, seed) for seed in range(20, 23)])
    return {
        "right": combine([frame(60, 30)]),
        "several": combine([frame(60, seed) for seed in range(40, 49)]),
        "longer": scale_dark(longer, bias, 1 / 3),
        "bias": bias,
    }


@pytest.fixture(scope="module")
def spectra():
    """Return the spectra of one frame of 60 s after each kind of dark."""
    rng = np.random.default_rng(5)
    light = np.zeros(SHAPE)
    light[80 : 80 + LIT] = LINES
    counts = frame(60, 6) + np.round(rng.poisson(light * GAIN) / GAIN).astype("u2")
    # Hot pixels would stand out of the bias alone.
    counts[~COLD] = frame(60, 7)[~COLD]
    known = {"gain": GAIN, "read_noise": NOISE * GAIN, "saturation": 65535}
    return {
        name: (master, extract(counts, master.counts, dark_share=master.share, **known))
        for name, master in masters_of_60_seconds().items()
    }


def test_the_right_dark_several_a_longer_one_and_a_bias_give_the_light_within_errors(spectra):
    for name, (_, spectrum) in spectra.items():
        left = CURRENT.sum(axis=0) * 60 if name == "bias" else 0
        cold = COLD.all(axis=0)
        pulls = ((spectrum.counts - LIT * LINES - left) / spectrum.uncertainty)[cold]
        assert np.std(pulls) == pytest.approx(1, abs=0.15), name
        assert abs(np.mean(pulls)) < 0.2, name


def test_line_fluxes_agree_within_their_errors_whatever_is_subtracted(spectra):
    windows = [slice(centre - 8, centre + 9) for centre in range(40, SHAPE[1] - 20, 60)]
    beside = [slice(centre - 24, centre - 9) for centre in range(40, SHAPE[1] - 20, 60)]

    def fluxes(table):
        counts, errors = table["counts"], table["uncertainty"]
        net = [counts[on].sum() - 17 * counts[off].mean() for on, off in zip(windows, beside)]
        error = [
            np.sqrt(np.sum(errors[on] ** 2) + 17**2 * np.sum(errors[off] ** 2) / 15**2)
            for on, off in zip(windows, beside)
        ]
        return np.array(net), np.array(error)

    right, _ = fluxes(spectra["right"][1].clean)
    for name, (_, spectrum) in spectra.items():
        net, error = fluxes(spectrum.clean)
        assert np.all(np.abs(net - right) < 4 * error), name


@pytest.mark.parametrize("name", ["right", "several", "longer", "bias"])
def test_the_noise_of_a_pixel_is_that_of_frame_and_master(spectra, name):
    master, spectrum = spectra[name]
    # Dark current of the frame, and what is left of that of the master.
    current = 0.05 * 60 / GAIN * (1 + {"several": 1 / 9, "right": 1, "longer": 1 / 9}.get(name, 0))
    expected = (NOISE**2 + 1 / 12) * (1 + master.share) + current
    assert spectrum.detector.variance == pytest.approx(expected, rel=0.08)


def test_the_read_noise_is_that_of_one_frame_whatever_is_subtracted():
    counts = frame(0, 6)
    found = {
        number: extract(
            counts,
            combine([frame(0, seed) for seed in range(50, 50 + number)]).counts,
            dark_share=1 / number,
            gain=GAIN,
        ).detector.read_noise
        for number in (1, 5)
    }
    for number, read_noise in found.items():
        assert read_noise == pytest.approx(GAIN * np.sqrt(NOISE**2 + 1 / 12), rel=0.04), number
