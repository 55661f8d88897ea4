import numpy as np
import pytest

from fibres import exposed, fibre_places, random_lines, shares, slit_light
from lampflux.extraction.drift import measure_drift, offset
from lampflux.extraction.lines import Lines, line_weights
from lampflux.extraction.projection import row_profile
from lampflux.extraction.rows import LIT, lit_rows
from lampflux.extraction.slit import measure_shift, straighten
from lampflux.extraction.stray_light import measure_stray_light

AMPLIFIERS = [(0, 1023), (1024, 2047)]


def lamp(seed, columns=2048, number=60):
    """Counts of a lamp's lines in each column, without noise."""
    centres, fluxes = random_lines(columns, number, np.random.default_rng(seed))
    return slit_light(columns, np.ones((1, 1)), centres, fluxes)[0]


def weights_of(light):
    """Weights by hand: light minus its mean in each amplifier."""
    weights = light.copy()
    for first, last in AMPLIFIERS:
        weights[first : last + 1] -= light[first : last + 1].mean()
    return weights


# Light of lines


def noisy_sum(seed):
    rng = np.random.default_rng(seed)
    light = lamp(seed)
    return light, light + 500.0 + rng.normal(0, 100, light.size)


@pytest.mark.parametrize("seed", range(5))
def test_line_weights_has_zero_mean_in_each_amplifier(seed):
    light, spectrum = noisy_sum(seed)
    amplifiers = [(0, 99), (100, 1500), (1501, 2047)]
    weights = line_weights(spectrum, amplifiers)
    for first, last in amplifiers:
        assert abs(weights[first : last + 1].mean()) < 1e-9 * np.abs(weights).max()
        # Within noise of the light: 8 sigma, for the lower quartile and the cut take part of it.
        part = slice(first, last + 1)
        above, bright = weights[part] - weights[part].min(), light[part] > 1500
        np.testing.assert_allclose(above[bright], light[part][bright], atol=800)


def test_line_weights_weighs_no_column_that_is_not_known():
    light, spectrum = noisy_sum(1)
    blank = np.zeros(light.size, bool)
    blank[[0, 5, 700, 701, 2047, int(light.argmax())]] = True
    spectrum[blank] = np.nan
    weights = line_weights(spectrum, AMPLIFIERS)
    assert (weights[blank] == 0).all()
    assert np.isfinite(weights).all()
    for first, last in AMPLIFIERS:
        assert abs(weights[first : last + 1].sum()) < 1e-9 * np.abs(weights).sum()


def test_an_amplifier_that_is_not_known_weighs_nothing():
    _, spectrum = noisy_sum(2)
    spectrum[1024:] = np.nan
    weights = line_weights(spectrum, AMPLIFIERS)
    assert weights[:1024].any()
    assert not weights[1024:].any()


@pytest.mark.parametrize("level", [np.nan, 0.0, 700.0])
def test_nothing_weighs_anything_without_lines(level):
    assert not line_weights(np.full(2048, level), AMPLIFIERS).any()


# Light of rows


def whole_frame(seed, dtype):
    """A frame and dark of whole numbers, the light of the lines, and each row's share of it."""
    rng = np.random.default_rng(seed)
    light = np.rint(lamp(seed) / 1000)
    share = rng.integers(0, 30, 600)
    dark = rng.integers(400, 600, (share.size, light.size))
    pattern = np.repeat(rng.integers(0, 300, (share.size, 2)), 1024, axis=1)
    frame = share[:, np.newaxis] * light + dark + pattern
    assert frame.max() < 65536
    return frame.astype(dtype), dark.astype(dtype), light, share


@pytest.mark.parametrize("dtype", ["u2", "i4", "f4"])
def test_each_row_has_its_share_whatever_the_levels_of_its_amplifiers(dtype):
    frame, dark, light, share = whole_frame(1, dtype)
    profile = row_profile(frame, dark, weights_of(light))
    np.testing.assert_allclose(profile, share, atol=1e-9)


def test_a_bias_of_columns_is_subtracted_from_every_row():
    frame, dark, light, share = whole_frame(2, "f8")
    bias = np.random.default_rng(3).uniform(400, 600, light.size)
    # Single precision rounds 60000 ADU by 0.002 ADU.
    profile = row_profile(frame - dark + bias, bias, weights_of(light))
    np.testing.assert_allclose(profile, share, atol=1e-5)


def test_an_unsigned_row_darker_than_its_dark_takes_nothing():
    _, _, light, _ = whole_frame(4, "u2")
    frame, dark = np.full((3, 2048), 100, "u2"), np.full((3, 2048), 110, "u2")
    np.testing.assert_allclose(row_profile(frame, dark, weights_of(light)), 0, atol=1e-9)


@pytest.mark.parametrize("blank", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_not_known_hold_no_light(blank):
    weights = np.array([1.0, 3.0, 0.0, 2.0])
    image = np.tile(weights, (3, 1))
    image[1, 1] = blank
    found = row_profile(image, np.zeros(4), weights)
    np.testing.assert_allclose(found, [1, 5 / 14, 1])


@pytest.mark.parametrize("background", ["dark", "bias"])
def test_a_blank_pixel_takes_no_more_than_its_own_light(background):
    light = lamp(5)
    share = np.full(20, 0.05)
    frame = 500 + share[:, np.newaxis] * light
    dark = np.full(frame.shape if background == "dark" else light.size, 500.0)
    # Beside the crest of a line of average brightness.
    column = np.flatnonzero(light > np.percentile(light[light > 100], 50))[0]
    frame[7, column] = np.nan
    weights = weights_of(light)
    part = abs(weights[column] * light[column]) / (weights @ weights)
    profile = row_profile(frame, dark, weights)
    np.testing.assert_allclose(np.delete(profile, 7), 0.05, rtol=1e-5)
    assert profile[7] == pytest.approx(0.05 * (1 - part), rel=1e-4)


# Lit rows


def noisy_profile(rng, rows, share, signal):
    """Share of each row against a noise of 1: as bright as the signal at a fibre's crest."""
    return signal * share / share.max() + rng.normal(0, 1, rows)


def holds(lit, fibres):
    """Whether rows hold a bundle of fibres and its margin, and hardly more."""
    wanted = np.arange(round(fibres[0]) - LIT.margin, round(fibres[-1]) + LIT.margin + 1)
    most = np.arange(wanted[0] - LIT.fibre_rows, wanted[-1] + LIT.fibre_rows + 1)
    return np.isin(wanted, lit).all() and np.isin(lit, most).all()


@pytest.mark.parametrize("signal", [30.0, 1e3, 1e5])
@pytest.mark.parametrize("number", [5, 19, 60])
def test_a_bundle_of_fibres_is_lit_with_its_margin(signal, number):
    rng = np.random.default_rng(1)
    fibres = fibre_places(70.3, number)
    share = shares(500, fibres)[:, 0]
    assert holds(lit_rows(noisy_profile(rng, 500, share, signal), 1.0), fibres)


def test_two_bundles_are_lit_and_the_rows_between_them_are_not():
    rng = np.random.default_rng(2)
    one, two = fibre_places(60.0, 12), fibre_places(260.0, 20)
    share = shares(500, np.concatenate([one, two]))[:, 0]
    lit = lit_rows(noisy_profile(rng, 500, share, 1e3), 1.0)
    assert holds(lit[lit < 190], one)
    assert holds(lit[lit >= 190], two)


@pytest.mark.parametrize("weak", [0.0, 0.05, 0.2])
def test_weak_and_dead_fibres_within_a_bundle_are_lit_as_the_others(weak):
    rng = np.random.default_rng(3)
    fibres = fibre_places(100.0, 30)
    strengths = rng.uniform(0.6, 1.4, fibres.size)
    strengths[[4, 11, 12, 20]] = weak
    lit = lit_rows(noisy_profile(rng, 400, shares(400, fibres, strengths)[:, 0], 1e4), 1.0)
    assert holds(lit, fibres)


@pytest.mark.parametrize("number", [0, 19])
@pytest.mark.parametrize("strength", [30.0, 1e3, 1e6])
def test_a_cosmic_ray_lights_no_row(number, strength):
    rng = np.random.default_rng(4)
    fibres = fibre_places(70.0, max(number, 1))
    share = shares(500, fibres)[:, 0] * (number > 0)
    for row in (0, 3, 300, 350, 499):
        profile = noisy_profile(rng, 500, np.maximum(share, 1e-30), 1e3 * (number > 0))
        profile[row] += strength
        lit = lit_rows(profile, 1.0)
        assert holds(lit, fibres) if number else lit.size == 0


@pytest.mark.parametrize("rows", [1, 5, 200, 4096])
def test_noise_lights_no_row(rows):
    rng = np.random.default_rng(5)
    for _ in range(100):
        assert lit_rows(rng.normal(0, 1, rows), 1.0).size == 0


def test_faint_bundles_are_found_nearly_whole_or_not_at_all():
    rng = np.random.default_rng(6)
    fibres = fibre_places(150.0, 25)
    share = shares(600, fibres)[:, 0]
    found = np.array(
        [
            share[lit_rows(noisy_profile(rng, 600, share, signal), 1.0)].sum()
            for signal in np.repeat(np.geomspace(1, 100, 40), 10)
        ]
    ).reshape(40, 10)
    assert ((found == 0) | (found > 0.95)).all()
    # Signal to noise of some tens at the crest of a fibre is no limit.
    assert (found[-13:] > 0.99).all()
    assert (found[0] == 0).all()


@pytest.mark.parametrize("number", [1, 3])
def test_few_fibres_on_a_tall_detector_are_lit(number):
    rng = np.random.default_rng(7)
    fibres = fibre_places(2000.0, number)
    share = shares(4096, fibres)[:, 0]
    assert holds(lit_rows(noisy_profile(rng, 4096, share, 1e4), 1.0), fibres)


# Stray light

BUNDLE = fibre_places(220.0, 18)
LIT_ROWS = np.arange(208, 325)
ROWS = 560


def with_stray(part, seed, signal, moved=0, fibres=BUNDLE, strengths=1.0):
    """A frame whose lit rows hold this part of stray light, and what `measure_stray_light` needs.

    ``signal`` is the light of all rows over the noise of a pixel, ``moved`` the shift of the
    lines in stray light.
    """
    rng = np.random.default_rng(seed)
    light = signal * lamp(7) / lamp(7).max()
    share = shares(ROWS, fibres, strengths)
    level = part / (1 - part) * share[LIT_ROWS].sum() / LIT_ROWS.size
    frame = share * light + level * np.roll(light, moved) + rng.normal(500, 1, (ROWS, light.size))
    return frame, np.full(light.size, 500.0), Lines(2.3, weights_of(light)), LIT_ROWS, 1.0


@pytest.mark.parametrize("signal", [1e4, 1e5])
@pytest.mark.parametrize("part", [0.01, 0.03])
def test_stray_light_is_recovered_within_its_error(signal, part):
    found = np.array([measure_stray_light(*with_stray(part, seed, signal)) for seed in range(16)])
    pulls = (found[:, 0] - part) / found[:, 1]
    # 16 trials: mean and standard deviation are known to 0.25 and 0.18.
    assert abs(pulls.mean()) < 4 * 0.25
    assert 0.4 < pulls.std() < 1.7
    assert (found[:, 1] < 0.1 * part).all()


@pytest.mark.parametrize("moved", [-1, 1])
def test_stray_light_is_recovered_where_lines_are_shifted(moved):
    for seed in range(5):
        part, error = measure_stray_light(*with_stray(0.01, seed, 1e5, moved))
        # As much as its error, or a tenth of it: the part that a shift by a pixel may take.
        assert abs(part - 0.01) < max(4 * error, 0.001)


def test_diffuse_light_is_no_stray_light_of_lines():
    for seed in range(3):
        frame, *rest = with_stray(0.01, seed, 1e5)
        rows, columns = np.indices(frame.shape)
        # Up to 300 times the noise of a pixel, less towards higher rows.
        frame += 300 * np.exp(-columns / frame.shape[1]) * (1 - 0.7 * rows / frame.shape[0])
        part, error = measure_stray_light(frame, *rest)
        assert abs(part - 0.01) < max(4 * error, 0.001)


def test_stray_light_is_recovered_from_whole_numbers_above_a_dark():
    frame, bias, *rest = with_stray(0.01, 1, 1e4)
    dark = np.random.default_rng(2).normal(bias, 1, frame.shape)
    frame, dark = (np.rint(np.clip(part, 0, 65535)).astype("u2") for part in (frame, dark))
    part, error = measure_stray_light(frame, dark, *rest)
    assert 0 < error < 0.001
    assert abs(part - 0.01) < 6 * error


def test_no_stray_light_is_found_if_there_is_none():
    found = np.array([measure_stray_light(*with_stray(0.0, seed, 1e5)) for seed in range(16)])
    # One in 740 is beyond 3 sigma.
    assert np.count_nonzero(found[:, 0]) <= 1
    assert (found[:, 1] > 0).all()


@pytest.mark.parametrize("strength", [1e-2, 1e-3])
@pytest.mark.parametrize("signal", [1e4, 1e6])
def test_light_of_other_fibres_is_no_stray_light(strength, signal):
    others = np.concatenate([np.arange(20.0, 190, 10), np.arange(350.0, 540, 10)])
    fibres = np.concatenate([BUNDLE, others])
    strengths = np.repeat([1.0, strength], [BUNDLE.size, others.size])
    for seed in range(4):
        frame = with_stray(0.0, seed, signal, fibres=fibres, strengths=strengths)
        part, error = measure_stray_light(*frame)
        # Averaged over all rows, these fibres would be 3 % or 0.3 % of the light beneath the
        # bundle; a hundredth of that is lost in the wings.
        assert part < max(4 * error, 0.05 * strength)


@pytest.mark.parametrize("lit", [np.arange(ROWS), np.arange(5, ROWS - 5)])
def test_without_unlit_rows_no_stray_light_is_measured(lit):
    frame, bias, lines, *_ = with_stray(0.01, 1, 1e5)
    assert measure_stray_light(frame, bias, lines, lit, 1.0) == (0.0, 0.0)


# Shifts


def lines_at(shift, fwhm=2.3):
    rng = np.random.default_rng(8)
    centres = np.arange(60.0, 540, 25) + rng.uniform(-8, 8, 20)
    fluxes = 10 ** rng.uniform(3, 5, centres.size)
    return slit_light(600, np.ones((1, 1)), centres + shift, fluxes, fwhm)[0]


@pytest.mark.parametrize("fwhm", [2.3, 5.0])
@pytest.mark.parametrize("shift", [-30.0, -7.35, -0.5, -0.21, 0.0, 0.04, 0.37, 0.5, 1.0, 12.8, 39])
def test_offsets_are_those_of_the_lines(shift, fwhm):
    # A pixel's width makes lines of 2.3 pixel a little less than Gaussian.
    found = offset(lines_at(shift, fwhm=fwhm), lines_at(0.0, fwhm=fwhm), 40)
    assert found == pytest.approx(shift, abs=0.01)


@pytest.mark.parametrize("shift", [-60.0, 55.0])
def test_offsets_beyond_the_farthest_are_not_known_or_not_right_there(shift):
    found = offset(lines_at(shift), lines_at(0.0), 40)
    assert np.isnan(found) or abs(found) < 40


def test_the_offset_of_nothing_is_not_known():
    assert np.isnan(offset(np.zeros(600), lines_at(0.0), 40))


COSMIC_RAYS = 60


def curved(kind, size, seed, signal=1e6, number=22):
    """Lit rows with lines that are shifted along the slit; image, profile, rows and the shift."""
    rng = np.random.default_rng(seed)
    height = round(number * 5.4 + 12)
    place = np.linspace(-0.5, 0.5, height)
    shift = size * (place if kind == "tilt" else 4 * (place - 0.1) ** 2 / 1.44)
    share = shares(height, fibre_places(9.0, number), rng.uniform(0.7, 1.3, number))
    centres, fluxes = random_lines(1024, 40, rng, signal / 100, signal)
    image = exposed(slit_light(1024, share, centres, fluxes, 2.3, shift), rng)
    places = rng.integers(0, height, COSMIC_RAYS), rng.integers(0, 1024, COSMIC_RAYS)
    image[places] += rng.uniform(300, 10000, COSMIC_RAYS)
    return image, share[:, 0], 1000 + np.arange(height), shift - shift @ share[:, 0] / share.sum()


@pytest.mark.parametrize("size", [0.0, 0.4, -0.4, 3.0, 20.0])
@pytest.mark.parametrize("kind", ["tilt", "parabola"])
def test_the_shift_along_the_slit_is_recovered(kind, size):
    for seed in range(3):
        image, profile, rows, truth = curved(kind, size, seed)
        found = measure_shift(image, profile, rows, np.zeros(rows.size))
        bright = profile > 0.1 * profile.max()
        # Far enough shifted, lines smear within a block of rows.
        assert np.abs(found - truth)[bright].max() < max(0.05, 0.005 * abs(size))


def test_few_rows_show_no_shift():
    image, profile, rows, _ = curved("tilt", 3.0, 1)
    assert not measure_shift(image[:20], profile[:20], rows[:20], np.zeros(20)).any()
    assert not measure_shift(image[:1], profile[:1], rows[:1], np.zeros(1)).any()


def test_noise_shows_no_shift():
    rng = np.random.default_rng(9)
    for _ in range(10):
        image = rng.normal(0, 3, (120, 1024)).astype("f4")
        profile, rows = np.full(120, 1 / 120), np.arange(120)
        assert not measure_shift(image, profile, rows, np.zeros(120)).any()


@pytest.mark.parametrize("level", [0.0, 100.0])
def test_an_image_without_lines_shows_no_shift(level):
    image, rows = np.full((120, 1024), level, "f4"), np.arange(120)
    assert not measure_shift(image, np.full(120, 1 / 120), rows, np.zeros(120)).any()
    assert not measure_shift(image, np.zeros(120), rows, np.zeros(120)).any()


# Upright lines


@pytest.mark.parametrize("dtype", ["f4", "i8", "bool"])
def test_rows_are_moved_by_whole_pixels(dtype):
    image = np.random.default_rng(10).integers(0, 2 if dtype == "bool" else 1000, (6, 50))
    image = image.astype(dtype)
    shift = np.array([0.0, 0.4, 0.6, -2.7, 3.2, -0.5])
    upright = straighten(image, shift)
    assert upright.dtype == image.dtype
    for row, step in enumerate([0, 0, 1, -3, 3, 0]):
        wanted = np.roll(image[row], -step)
        np.testing.assert_array_equal(upright[row, 3:-3], wanted[3:-3])
    np.testing.assert_array_equal(upright[4, -3:], np.full(3, image[4, -1]))
    np.testing.assert_array_equal(upright[3, :3], np.full(3, image[3, 0]))


def test_upright_lines_keep_their_counts():
    light = slit_light(400, np.ones((30, 1)), np.array([100.0, 300.0]), np.array([1e4, 3e5]))
    shift = np.linspace(-20, 20, 30)
    steps = np.rint(shift).astype(int)
    tilted = np.array([np.roll(row, step) for row, step in zip(light, steps)])
    upright = straighten(tilted, shift)
    np.testing.assert_array_equal(upright, light)
    assert upright.sum() == tilted.sum()


def test_an_image_that_stands_upright_is_left_alone():
    image = np.random.default_rng(11).normal(0, 1, (5, 40))
    np.testing.assert_array_equal(straighten(image, np.full(5, 0.49)), image)


# Traces


def drifting(rows, columns, drift, seed):
    """An image of 40 fibres that drift along the slit, lit by 30 lines, with noise."""
    rng = np.random.default_rng(seed)
    light = np.zeros(columns)
    for centre in rng.uniform(50, columns - 50, 30):
        light += 1e6 * rng.uniform(0.05, 1) * np.exp(-0.5 * (np.arange(columns) - centre) ** 2)
    centres = rows / 2 + 5.4 * (np.arange(40) - 19.5)
    throughput = rng.normal(1, 0.08, 40)
    places = centres + drift[:, np.newaxis]
    shares = sum(
        part * np.exp(-0.5 * ((np.arange(rows)[:, np.newaxis] - place) / 1.23) ** 2)
        for part, place in zip(throughput, places.T)
    )
    image = shares * light / 200
    return (rng.poisson(image) + rng.normal(0, 3, image.shape)).astype(np.float32), light


@pytest.mark.parametrize("size", [0.0, 3.0, 25.0])
def test_the_drift_of_traces_is_recovered(size):
    u = np.linspace(-1, 1, 2048)
    for seed in range(2):
        truth = size * (0.4 * u + 0.1 * u**2)
        image, light = drifting(300, 2048, truth, seed)
        found = measure_drift(image, light - light.mean(), 9.0)
        off = found - truth
        # Only differences tell; a tenth of a row is little against a fibre's three.
        assert np.ptp(off[100:-100]) < 0.2
