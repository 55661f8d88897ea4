import numpy as np
import pytest

from fibres import as_lit, exposed, fibre_places, pixel_light, random_lines, shares, slit_light
from lampflux.extraction.cosmic_rays import find_cosmic_rays, neighbourhood
from lampflux.extraction.model import common_light, shift_rows
from lampflux.extraction.ray_proofs import repeating
from lampflux.extraction.slit import Slit

COLUMNS = 2048
GAIN, READ_NOISE = 2.0, 5.0
VARIANCE = (READ_NOISE / GAIN) ** 2

# Shifted spectra


def gaussians(shift, fwhm=2.3):
    columns = np.arange(120)
    return np.array([pixel_light(columns - 60.3 - by, fwhm) for by in np.atleast_1d(shift)])


@pytest.mark.parametrize("fwhm", [2.3, 4.0])
def test_shifted_lines_are_those_of_another_place(fwhm):
    shift = np.linspace(-4, 4, 81)
    still = np.repeat(gaussians(0.0, fwhm), shift.size, axis=0)
    wanted = gaussians(shift, fwhm)
    assert np.abs(shift_rows(still, shift) - wanted).max() < 0.02 * wanted.max()


def test_whole_shifts_are_exact_and_repeat_the_ends():
    spectra = np.random.default_rng(1).integers(0, 1000, (5, 40)).astype("f4")
    shift = np.array([0.0, 3.0, -2.0, 7.0, -11.0])
    result = shift_rows(spectra, shift)
    for row, step in enumerate(shift.astype(int)):
        columns = np.clip(np.arange(40) - step, 0, 39)
        # Single precision holds 1000 to 6e-5.
        np.testing.assert_allclose(result[row], spectra[row, columns], atol=1e-3)


def test_a_constant_stays_constant_when_shift_rows():
    shift = np.random.default_rng(2).uniform(-9, 9, 30)
    np.testing.assert_allclose(shift_rows(np.full((30, 20), 7.0), shift), 7, rtol=1e-6)


def test_a_track_along_the_slit_is_no_line_of_few_rows():
    rng = np.random.default_rng(3)
    profile = np.exp(-0.5 * (np.linspace(-1.2, 1.2, 16) ** 2))
    spectrum = 4000 * gaussians(0.0)[0]
    image = profile[:, np.newaxis] * spectrum
    image = rng.poisson(image * GAIN) / GAIN + rng.normal(0, np.sqrt(VARIANCE), image.shape)
    # Nine rows of sixteen, some five line widths from the line.
    image[3:12, 72] += rng.uniform(100, 600, 9)
    image = image.astype("f4")
    still = np.zeros(16)
    light = common_light(image, profile, still, VARIANCE, GAIN)
    assert np.median((image / profile[:, np.newaxis])[:, 72]) > 50
    # The median of seven rows: 1.3 ADU.
    np.testing.assert_allclose(light[0, 65:], spectrum[65:], atol=8)
    np.testing.assert_allclose(light[0, 55:65], spectrum[55:65], rtol=0.05, atol=10)


# Largest neighbours


@pytest.mark.parametrize("shape", [(13, 17), (1, 9), (9, 1), (2, 2)])
@pytest.mark.parametrize("reach", [(0, 0), (1, 1), (2, 2), (3, 1), (0, 5)])
def test_neighbourhood_is_the_largest_value_around(shape, reach):
    image = np.random.default_rng(3).normal(0, 1, shape)
    before = image.copy()
    found = neighbourhood(image, *reach)
    for (row, column), value in np.ndenumerate(found):
        rows = slice(max(row - reach[0], 0), row + reach[0] + 1)
        columns = slice(max(column - reach[1], 0), column + reach[1] + 1)
        assert value == image[rows, columns].max()
    np.testing.assert_array_equal(image, before)


def test_neighbourhood_of_hits_are_hits():
    hit = np.zeros((5, 5), bool)
    hit[1, 3] = True
    assert np.argwhere(neighbourhood(hit, 1, 1)).tolist() == [
        [row, column] for row in (0, 1, 2) for column in (2, 3, 4)
    ]


# Frames


def slit(seed, kind="even"):
    """Light of a lamp behind a curved slit, with each row's share, shift and the lines."""
    rng = np.random.default_rng(seed)
    number, height = 18, 112
    shift = 0.4 * np.linspace(-1, 1, height) ** 2
    centres, fluxes = random_lines(COLUMNS, 45, rng, 5e3, 2e6)
    strengths = rng.uniform(0.85, 1.15, number)
    if kind == "uneven":
        strengths[[5, 9]], strengths[12] = 0.0, 2.0
    drift = np.linspace(-1.3, 1.3, 45) if kind == "drifting" else 0.0
    share = shares(height, fibre_places(10.0, number), strengths, drift)
    fwhm = 2.3
    if kind == "wider along the slit":
        fwhm = 2.3 * np.linspace(0.9, 1.1, height)[:, np.newaxis]
    if kind == "wider along the lines":
        fwhm = 2.3 * np.linspace(0.9, 1.1, 45)
    light = slit_light(COLUMNS, share, centres, fluxes, fwhm, shift)
    profile = share @ fluxes / fluxes.sum() if share.shape[1] > 1 else share[:, 0]
    shift = shift - shift @ profile / profile.sum()
    return light, profile, shift, centres, rng


def found_in(image, profile, shift, clipped=None):
    lit = as_lit(image, VARIANCE, GAIN, clipped)
    return find_cosmic_rays(
        lit, Slit(profile, shift, np.zeros(COLUMNS), np.arange(shift.size)), lit.detector
    )


KINDS = ["even", "uneven", "drifting", "wider along the slit", "wider along the lines"]


@pytest.mark.parametrize("kind", KINDS)
def test_lines_are_not_taken_for_cosmic_rays(kind):
    for seed in range(8):
        light, profile, shift, centres, rng = slit(seed, kind)
        image = exposed(light, rng, GAIN, READ_NOISE)
        hit, model, *_ = found_in(image, profile, shift)
        change = np.where(hit, model - image, 0).sum(axis=0)
        for centre in centres:
            window = slice(max(int(centre) - 5, 0), int(centre) + 7)
            assert abs(change[window].sum()) < 0.003 * image[:, window].sum()


def tracks(shape, number, rng, away_from):
    """Charge of cosmic rays [ADU]: tracks of 1 to 6 pixels where no line shines."""
    charge = np.zeros(shape)
    free = np.flatnonzero(~away_from)
    for _ in range(number):
        row, column = rng.integers(6, shape[0] - 6), rng.choice(free)
        angle = rng.uniform(0, 2 * np.pi)
        for step in range(rng.integers(1, 7)):
            place = round(row + step * np.sin(angle)), round(column + step * np.cos(angle))
            # Far above the 2.5 ADU of noise.
            charge[place] = rng.uniform(60, 5000)
    return charge


@pytest.mark.parametrize("kind", KINDS)
def test_the_charge_of_cosmic_rays_off_lines_is_found(kind):
    light, profile, shift, _, rng = slit(5, kind)
    column_light = light.max(axis=0)
    # Twelve columns from what lines light: tracks reach 5 columns.
    near = np.convolve(column_light > 1, np.ones(13), "same") > 0
    near[:8] = near[-8:] = True
    assert np.count_nonzero(~near) > 200
    charge = tracks(light.shape, 80, rng, near)
    hit, model, *_ = found_in(exposed(light, rng, GAIN, READ_NOISE) + charge, profile, shift)
    assert charge[hit].sum() > 0.95 * charge.sum()
    # What replaces them is the frame without them.
    assert np.abs(model - light)[(charge > 0) & hit].max() < 10


def test_bright_cosmic_rays_on_lines_are_found():
    light, profile, shift, _, rng = slit(6)
    places = rng.integers(5, light.shape[0] - 5, 60), rng.integers(5, COLUMNS - 5, 60)
    charge = np.zeros(light.shape)
    # As bright as the brightest line.
    charge[places] = light.max()
    hit, *_ = found_in(exposed(light, rng, GAIN, READ_NOISE) + charge, profile, shift)
    assert charge[hit].sum() > 0.95 * charge.sum()


def test_a_cosmic_ray_on_the_crest_of_the_brightest_line_does_not_brighten_its_row():
    light, profile, shift, _, rng = slit(6)
    row, column = np.unravel_index(np.argmax(light), light.shape)
    charge = np.zeros(light.shape)
    # Two of the five bright pixels of the line that tells most of the row's light.
    charge[row, [column, column + 1]] = 0.15 * light.max()
    image = exposed(light, rng, GAIN, READ_NOISE) + charge.astype("f4")
    hit, model, *_ = found_in(image, profile, shift)
    assert hit[row, [column, column + 1]].all()
    near = slice(column - 1, column + 3)
    np.testing.assert_allclose(model[row, near], light[row, near], rtol=0.03)


def test_what_differs_all_along_the_slit_is_a_line_and_a_hot_column_is_none():
    rng = np.random.default_rng(11)
    hit = np.zeros((240, 300), bool)
    # Every other row of a line that leans by 20 columns, a hot column, and a track of 30 pixels.
    shift = np.linspace(-10, 10, 240)
    rows = rng.choice(240, 120, replace=False)
    for aside in (-1, 0, 1):
        hit[rows, 100 + np.rint(shift[rows]).astype(int) + aside] = True
    line = hit.copy()
    hit[:, 200] = hit[60:90, 250] = hit[60:90, 251] = True
    np.testing.assert_array_equal(repeating(hit, shift) & line, line)
    assert not repeating(hit, np.zeros(240))[:, 240:].any()
    assert not repeating(hit, np.zeros(240))[:, 195:205].any()


def test_holes_from_cosmic_rays_in_the_dark_are_found():
    light, profile, shift, _, rng = slit(7)
    places = rng.integers(5, light.shape[0] - 5, 60), rng.integers(5, COLUMNS - 5, 60)
    image = exposed(light, rng, GAIN, READ_NOISE)
    image[places] -= light.max()
    assert found_in(image, profile, shift)[0][places].mean() > 0.95


def test_clipped_pixels_are_never_touched():
    light, profile, shift, _, rng = slit(8)
    clipped = np.zeros(light.shape, bool)
    clipped[:, np.convolve(light.max(axis=0) > 1e4, np.ones(15), "same") > 0] = True
    clipped |= rng.random(light.shape) < 0.02
    assert clipped.any(axis=0).sum() > clipped.all(axis=0).sum() > 0
    charge = tracks(light.shape, 80, rng, np.abs(np.arange(COLUMNS) - 1024) > 1012)
    image = exposed(light, rng, GAIN, READ_NOISE) + charge
    hit, *_ = found_in(image, profile, shift, clipped)
    assert not hit[clipped].any()
    assert hit.any()


def test_noise_has_hardly_any_hits():
    rng = np.random.default_rng(9)
    profile = shares(112, fibre_places(10.0, 18))[:, 0]
    for _ in range(3):
        image = rng.normal(0, np.sqrt(VARIANCE), (112, COLUMNS)).astype("f4")
        # 0.1 pixels in 230000 are beyond 5 sigma; one takes its neighbours beyond 2 sigma along.
        assert np.count_nonzero(found_in(image, profile, np.zeros(112))[0]) <= 3


def test_the_light_of_a_frame_is_left_as_it_was():
    light, profile, shift, _, rng = slit(10)
    image = exposed(light, rng, GAIN, READ_NOISE)
    before = image.copy()
    found_in(image, profile, shift)
    np.testing.assert_array_equal(image, before)
