"""Dead and hot columns of simulated frames, against the lines' truth."""

import numpy as np
import pytest

from lampflux.extraction.bad_columns import bad_columns, band_light
from lampflux.extraction.clean import filling_error
from lampflux.extraction.spectrum import extract
from lampflux.fluxes.measure import measure
from slits import line_errors, line_sums, simulate

# Random numbers of the frames.
SEEDS = [41, pytest.param(42, marks=pytest.mark.slow)]
SLITS = {
    "fibres": {"fibres": 40},
    "three fibres": {"fibres": 3, "rows": 100, "rays": 20},
    "long slit": {"slit": 100, "rows": 200},
    "slit over all rows": {"slit": 230, "rows": 200},
    "tilted lines": {"slit": 100, "rows": 200, "tilt": 20},
    "steep slit": {"slit": 100, "rise": 150},
    "continuum": {"fibres": 40, "continuum": 200},
}


def spoil(counts, column, kind, width=1):
    """Let a column be dead, at the bias or at zero, or hot."""
    columns = slice(column, column + width)
    rng = np.random.default_rng(column)
    if kind == "hot":
        counts[:, columns] = np.minimum(counts[:, columns].astype(int) + 3000, 65535)
    elif kind == "dead":
        counts[:, columns] = rng.normal(500, 2.1, counts[:, columns].shape).round()
    else:
        counts[:, columns] = 0


def spoiled(name, kind, seed):
    """A frame with bad columns at or beside the crests of eight bright lines."""
    frame = simulate(seed, **SLITS[name])
    rng = np.random.default_rng(seed)
    bright = np.flatnonzero(frame.fluxes > np.median(frame.fluxes))
    lines = rng.choice(bright, 8, replace=False)
    columns = np.rint(frame.centres[lines]).astype(int) + rng.integers(-1, 2, 8)
    for column in columns:
        spoil(frame.counts, column, kind)
    return frame, lines, np.sort(columns)


@pytest.mark.parametrize("name", SLITS)
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", ["dead", "zero", "hot"])
def test_a_bad_column_on_a_line_is_found_and_its_flux_true_within_its_error(name, kind, seed):
    if (name, kind) == ("slit over all rows", "hot"):
        pytest.skip("a hot column beneath a line that every row holds cannot be told from it")
    frame, lines, columns = spoiled(name, kind, seed)
    spectrum = extract(frame.counts, frame.bias, saturation=65535)
    np.testing.assert_array_equal(spectrum.bad_columns, columns)
    clean = spectrum.clean
    truth = frame.fluxes[lines]
    sums = line_sums(clean["counts"], frame.centres[lines])
    errors = line_errors(clean["uncertainty"], frame.centres[lines])
    # One sigma is the most by which the filling is off, whatever the line's place.
    assert np.abs((sums - truth) / errors).max() < 2.5
    windows = [(round(centre) - 9, round(centre) + 9) for centre in frame.centres[lines]]
    names = ("summed", "saturated", "replaced", "missing", "peak")
    fluxes = measure(
        clean["counts"], windows, clean["uncertainty"], **{each: clean[each] for each in names}
    )
    for flux, true in zip(fluxes, truth):
        assert "bad_pixels" in flux.flags
        assert flux.fit_flux == pytest.approx(true, rel=0.01, abs=5 * flux.fit_flux_err)


@pytest.mark.parametrize("name", SLITS)
def test_a_frame_without_bad_columns_has_none(name):
    for seed in (43, 44):
        frame = simulate(seed, **SLITS[name])
        assert not extract(frame.counts, frame.bias, saturation=65535).bad_columns.size


@pytest.mark.parametrize(("fwhm", "number"), [(1.4, 80), (2.0, 80), (2.0, 250), (2.6, 250)])
def test_narrow_lines_are_not_taken_for_hot_columns_nor_the_gaps_between_them_for_dead_ones(
    monkeypatch, fwhm, number
):
    monkeypatch.setattr("slits.LINE_FWHM", fwhm)
    for name in ("fibres", "slit over all rows"):
        frame = simulate(45, **SLITS[name], lines=number)
        assert not bad_columns(band_light(frame.counts, frame.bias), frame.variance).any()


def test_two_dead_columns_side_by_side_are_found_on_a_line():
    frame = simulate(46, fibres=40)
    column = round(frame.centres[np.argmax(frame.fluxes)])
    spoil(frame.counts, column, "dead", width=2)
    found = np.flatnonzero(bad_columns(band_light(frame.counts, frame.bias), frame.variance))
    assert found.tolist() == [column, column + 1]


@pytest.mark.parametrize("name", ["fibres", "slit over all rows"])
def test_a_column_that_is_dead_from_some_row_on_is_left_out(name):
    frame, lines, columns = spoiled(name, "dead", 48)
    whole = simulate(48, **SLITS[name]).counts
    height = len(whole)
    # From the middle of the lit rows.
    whole[height // 2 :, columns] = frame.counts[height // 2 :, columns]
    spectrum = extract(whole, frame.bias, saturation=65535)
    np.testing.assert_array_equal(spectrum.bad_columns, columns)
    sums = line_sums(spectrum.clean["counts"], frame.centres[lines])
    errors = line_errors(spectrum.clean["uncertainty"], frame.centres[lines])
    assert np.abs((sums - frame.fluxes[lines]) / errors).max() < 2.5


def test_the_plain_sum_keeps_bad_columns():
    frame, _, columns = spoiled("fibres", "dead", 47)
    spectrum = extract(frame.counts, frame.bias, saturation=65535)
    np.testing.assert_array_equal(
        spectrum.counts[columns], frame.counts[:, columns].sum(axis=0, dtype=float) - 320 * 500
    )


@pytest.mark.parametrize("width", [1, 2])
def test_the_error_of_filling_is_what_a_gaussian_crest_lacks(width):
    sigma = 2.6 / 2.355
    # A line whose crest is in the middle of the lost columns.
    pixel, centre = np.arange(60), 30 + (width - 1) / 2
    line = 1000 * np.exp(-0.5 * ((pixel - centre) / sigma) ** 2)
    lost = (pixel >= 30) & (pixel < 30 + width)
    filled = 50 + np.interp(pixel, pixel[~lost], line[~lost])
    error = filling_error(filled, lost.astype(float), 2.6)
    assert not error[~lost].any()
    lacks = 1000 - line[29]
    np.testing.assert_allclose(error[lost], lacks, rtol=0.01)
    # Off the lines a filled column has hardly any.
    assert filling_error(np.full(60, 50.0), lost.astype(float), 2.6).max() == 0
