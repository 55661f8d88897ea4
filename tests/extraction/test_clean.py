import numpy as np
import pytest

from fibres import as_lit
from lampflux.extraction.clean import sum_rows
from lampflux.extraction.cosmic_rays import CosmicRays
from lampflux.extraction.slit import Slit
from lampflux.extraction.stray_light import StrayLight

ROWS, COLUMNS, VARIANCE, GAIN, WIDTH = 6, 50, 9.0, 2.0, 2.6


def lit():
    rng = np.random.default_rng(1)
    image = as_lit(rng.integers(0, 1000, (ROWS, COLUMNS)).astype("f4"), VARIANCE, GAIN)
    detector = image.detector._replace(light_scatter=1 / GAIN)
    return image._replace(detector=detector)


def no_rays(image):
    return CosmicRays(np.zeros(image.counts.shape, bool), image.counts, 0 * image.counts)


def clean(image, rays=None, shift=None, stray=None):
    shift = np.zeros(ROWS) if shift is None else shift
    rays = rays or no_rays(image)
    slit = Slit(np.ones(ROWS), shift, np.zeros(COLUMNS), np.arange(ROWS), np.zeros(COLUMNS))
    return sum_rows(image, rays, slit, WIDTH, stray or StrayLight(), image.detector)


def test_rows_are_summed_with_photon_and_pixel_noise():
    image = lit()
    table = clean(image)
    wanted = image.counts.sum(axis=0)
    np.testing.assert_array_equal(table["counts"], wanted)
    np.testing.assert_allclose(table["uncertainty"], np.sqrt(wanted / GAIN + ROWS * VARIANCE))
    assert (table["summed"] == ROWS).all()
    assert not table["replaced"].any()
    np.testing.assert_array_equal(table["peak"], image.counts.max(axis=0))


def test_pixels_that_are_hit_or_missing_take_the_models_value_and_its_error():
    image = lit()
    rays = no_rays(image)._replace(model=image.counts.copy())
    rays.model[[2, 4], [10, 20]] = 7
    rays.hit[2, 10] = True
    rays = rays._replace(misfit=np.full((ROWS, COLUMNS), 30, "f4"))
    image.missing[4, 20] = True
    table = clean(image, rays)
    for row, column in ((2, 10), (4, 20)):
        wanted = image.counts[:, column].sum() - image.counts[row, column] + 7
        assert table["counts"][column] == pytest.approx(wanted)
        # The photon noise of five rows stands for six.
        error = np.sqrt(wanted / GAIN * 6 / 5 + ROWS * VARIANCE + 30**2)
        assert table["uncertainty"][column] == pytest.approx(error)
    assert np.flatnonzero(table["replaced"]).tolist() == [10, 20]


def test_light_that_the_model_does_not_explain_is_in_the_error():
    image = lit()
    rays = no_rays(image)._replace(model=image.counts.copy())
    noise = clean(image, rays)["uncertainty"]
    # Little in column 30, as noise may be, and much in column 10, on two rows.
    rays.model[1, 30] -= 5 * noise[30]
    rays.model[[1, 2], 10] -= 400
    error = np.sqrt(np.square(clean(image, rays)["uncertainty"]) - np.square(noise))
    assert error[10] == pytest.approx(800)
    assert not error[25:].any()


def test_a_saturated_pixel_counts_unless_a_cosmic_ray_saturates_it():
    image = lit()
    image = image._replace(saturated=np.zeros((ROWS, COLUMNS), bool))
    image.saturated[1:4, 30] = image.saturated[0, 31] = True
    rays = no_rays(image)
    rays.hit[0, 31] = True
    assert np.flatnonzero(clean(image, rays)["saturated"]).tolist() == [30]
    assert clean(image, rays)["saturated"][30] == 3


def test_rows_are_moved_upright_before_they_are_summed():
    image = lit()
    spectrum = image.counts[0].copy()
    steps = np.array([0, 1, -2, 3, 0, -1])
    for row, step in enumerate(steps):
        image.counts[row] = np.roll(spectrum, step)
    table = clean(image, shift=steps + 0.2)
    np.testing.assert_allclose(table["counts"][5:-5], ROWS * spectrum[5:-5])


def test_stray_light_is_subtracted_with_its_error():
    image = lit()
    table = clean(image, stray=StrayLight(0.02, 0.005))
    plain = image.counts.sum(axis=0)
    np.testing.assert_allclose(table["counts"], 0.98 * plain, rtol=1e-6)
    variance = plain / GAIN + ROWS * VARIANCE + (0.005 * plain) ** 2
    np.testing.assert_allclose(table["uncertainty"], np.sqrt(variance))


def test_columns_of_which_most_is_replaced_have_an_error_like_the_change():
    image = lit()
    hit = np.zeros(image.counts.shape, bool)
    # One row of six, and four.
    hit[2, 10], hit[1:5, 20] = True, True
    rays = CosmicRays(hit, image.counts - 3000 * hit, np.zeros_like(image.counts))
    table, untouched = clean(image, rays), clean(image)
    assert untouched["counts"][20] - table["counts"][20] == pytest.approx(12_000)
    assert 6_000 < table["uncertainty"][20] < 12_000
    assert table["uncertainty"][10] <= untouched["uncertainty"][10]
