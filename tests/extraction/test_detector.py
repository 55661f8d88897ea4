import numpy as np
import pytest

from fibres import PITCH, as_lit, exposed, random_lines, shares, slit_light
from lampflux.extraction.cosmic_rays import find_cosmic_rays
from lampflux.extraction.detector import pixel_variance
from lampflux.extraction.gain import full_well, with_gain
from lampflux.extraction.slit import Slit
from lampflux.statistics import clipped_moments

# Moments


@pytest.mark.parametrize("sigma", [0.5, 1.0, 5.0])
@pytest.mark.parametrize("level", [500.0, 500.3, 500.5, -2.8])
def test_the_mean_of_whole_numbers_is_finer_than_their_median(level, sigma):
    rng = np.random.default_rng(1)
    values = np.rint(rng.normal(level, sigma, 100_000))
    values[::100] += 10.0 ** rng.uniform(2, 4.5, 1000)
    values[7::500] = np.nan
    mean, variance = clipped_moments(values)
    # Rounding moves the mean of 0.5 ADU of noise by up to exp(-2 (pi 0.5)^2) / pi = 0.0023 ADU.
    error = np.hypot(sigma, 0.3) / np.sqrt(98_800)
    assert mean == pytest.approx(level, abs=0.0023 + 4 * error)
    if sigma >= 1:
        # Sheppard's correction, and 4 sigma of a variance of 1e5 values.
        assert variance == pytest.approx(sigma**2 + 1 / 12, rel=0.02)


@pytest.mark.parametrize("level", [0, 7])
def test_moments_of_equal_values(level):
    assert clipped_moments(np.full(50, level)) == (level, 0)


# Noise of a pixel


def patterned(shape, seed, sigma, whole):
    """Noise, row patterns, a slope, an amplifier's step and blank pixels."""
    rng = np.random.default_rng(seed)
    frame = rng.normal(500, sigma, shape) + rng.normal(0, 30, (shape[0], 1))
    frame += 0.05 * np.arange(shape[1])
    frame[:, shape[1] // 2 :] += 40
    if whole:
        return np.rint(frame).astype("i4")
    frame[rng.random(shape) < 0.01] = np.nan
    frame[0] = np.nan
    return frame


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("sigma", [1.0, 4.0])
def test_patterns_do_not_touch_the_variance_of_a_pixel(sigma, whole):
    frame = patterned((100, 1000), 2, sigma, whole)
    rounding = 1 / 12 if whole else 0
    # Neighbouring differences of 1e5 pixels: 0.5 %; what is clipped at 4 sigma takes 0.1 %.
    found = pixel_variance(frame, np.full(1000, 500.0))
    assert found == pytest.approx(sigma**2 + rounding, rel=0.025)


def test_frame_and_dark_share_the_variance_of_a_pixel():
    frame, dark = (patterned((100, 1000), seed, 3.0, True) for seed in (3, 4))
    found = pixel_variance(frame.astype("u2"), dark.astype("u2"))
    assert found == pytest.approx(2 * (9 + 1 / 12), rel=0.025)


@pytest.mark.parametrize("shape", [(1, 1000), (100, 1), (1, 1), (0, 50)])
def test_few_pixels_give_no_variance(shape):
    assert pixel_variance(np.zeros(shape), np.zeros(shape[1])) is None


def test_blank_pixels_give_no_variance():
    assert pixel_variance(np.full((100, 100), np.nan), np.zeros(100)) is None


# Gain


def lamp_frame(seed, brightest=3e6, number=36, pitch=PITCH, columns=2048, lines=80, bend=0.4):
    """Light of a lamp behind fibres, their share of it, and the shift of each row's lines."""
    rng = np.random.default_rng(seed)
    height = round(number * pitch + 20)
    share = shares(height, 10.0 + pitch * np.arange(number), rng.uniform(0.8, 1.2, number))
    centres, fluxes = random_lines(columns, lines, rng, brightest / 1000, brightest)
    shift = bend * np.linspace(-1, 1, height) ** 2
    light = slit_light(columns, share, centres, fluxes, 2.3, shift)
    profile = share[:, 0]
    return light, profile, shift - shift @ profile, rng


def gain_of(image, profile, shift, variance):
    lit = as_lit(image, variance)
    rays = find_cosmic_rays(
        lit, Slit(profile, shift, np.zeros(image.shape[1]), np.arange(shift.size)), lit.detector
    )
    return with_gain(lit, rays, lit.detector).gain


@pytest.mark.parametrize("gain", [0.6, 1.9, 4.0])
def test_the_gain_is_measured(gain):
    for seed in range(3):
        light, profile, shift, rng = lamp_frame(seed)
        variance = (5.0 / gain) ** 2
        found = gain_of(exposed(light, rng, gain, 5.0), profile, shift, variance)
        assert found == pytest.approx(gain, rel=0.15)


@pytest.mark.parametrize("wrong", [360.0, 4.5, 1.9, 0.8])
def test_the_gain_that_a_frame_shows_is_reported_whatever_gain_is_given(wrong):
    for seed in range(3):
        light, profile, shift, rng = lamp_frame(seed)
        image = exposed(light, rng, 1.9, 5.0)
        detector = as_lit(image, (5.0 / 1.9) ** 2).detector._replace(gain=wrong)
        lit = as_lit(image, detector.variance)._replace(detector=detector)
        slit = Slit(profile, shift, np.zeros(image.shape[1]), np.arange(shift.size))
        found = with_gain(lit, find_cosmic_rays(lit, slit, detector), detector)
        assert found.gain == wrong
        assert found.shown_gain == pytest.approx(1.9, rel=0.2)


@pytest.mark.parametrize("faint", [0.0, 1e-5])
def test_a_frame_without_light_shows_no_gain(faint):
    light, profile, shift, rng = lamp_frame(4)
    assert gain_of(exposed(faint * light, rng, 1.9, 5.0), profile, shift, 7.0) is None


def test_a_frame_without_photon_noise_shows_no_gain():
    light, profile, shift, rng = lamp_frame(5)
    image = (light + rng.normal(0, 3, light.shape)).astype("f4")
    found = gain_of(image, profile, shift, 9.0)
    # What the model is off by must not be taken for photons.
    assert found is None or found > 20


# Full well


@pytest.mark.parametrize("read_noise", [3.0, 20.0])
def test_a_saturation_limit_of_the_detector_is_found(read_noise):
    for seed in range(5):
        light, *_, rng = lamp_frame(seed, 3e7)
        image = np.minimum(rng.poisson(light * 2.0) / 2.0, 40000)
        clipped = image == 40000
        assert clipped.sum() > 100
        image = (image + rng.normal(0, read_noise, image.shape)).astype("f4")
        found = full_well(image, read_noise**2)
        # A hundredth below the clipped charge, which noise may raise by 4 sigma.
        assert 0.99 * 40000 - 1 <= found <= 0.99 * (40000 + 5 * read_noise)
        assert (image[clipped] >= found).all()


@pytest.mark.parametrize("cosmic_rays", [0, 4])
def test_a_detector_that_is_not_full_has_no_limit(cosmic_rays):
    rng = np.random.default_rng(6)
    for seed in range(40):
        settings = 10 ** rng.uniform(5, 7), int(rng.integers(5, 40)), rng.uniform(4.5, 7)
        light, *_ = lamp_frame(seed, *settings, 512, 15, rng.uniform(0, 2))
        image = exposed(light, rng)
        places = rng.integers(0, light.shape[0], cosmic_rays), rng.integers(0, 512, cosmic_rays)
        image[places] = 60000
        assert full_well(image, 6.25) == np.inf


@pytest.mark.parametrize("pitch", [5.0, 5.4, 6.0])
@pytest.mark.parametrize("number", [10, 40])
@pytest.mark.parametrize("bend", [0.0, 0.4])
def test_equal_fibres_are_no_limit(pitch, number, bend):
    for seed in range(4):
        rng = np.random.default_rng(seed)
        share = shares(round(number * pitch + 20), 10.0 + pitch * np.arange(number))
        centres, fluxes = random_lines(512, 15, rng, 1e4, 5e4 * number / 0.13)
        shift = bend * np.linspace(-1, 1, share.size) ** 2
        image = exposed(slit_light(512, share, centres, fluxes, 2.3, shift), rng)
        assert full_well(image, 6.25) == np.inf


@pytest.mark.parametrize("shape", [(0, 0), (1, 5), (1, 20), (30, 30)])
def test_an_image_without_light_has_no_limit(shape):
    rng = np.random.default_rng(7)
    assert full_well(np.zeros(shape), 4.0) == np.inf
    assert full_well(rng.normal(0, 2, shape), 4.0) == np.inf
