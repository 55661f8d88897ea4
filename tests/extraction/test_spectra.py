import doctest
import math
from types import SimpleNamespace

import numpy as np
import pytest
from astropy.io import fits

import lampflux.extraction.spectrum
from conftest import script
from lampflux.errors import UserError
from lampflux.extraction.bias import amplifier_medians, measure_bias
from lampflux.extraction.detector import counting_noise, noise_of_pixels, saturated_columns
from lampflux.extraction.plain import row_slice, sum_along_slit
from lampflux.extraction.raw import check_counts, check_pixels, check_rows
from lampflux.files.frames import check_columns
from lampflux.files.spectra import binary_table, write_spectrum

SETTINGS = {"method": "amplifiers", "amplifiers": [(0, 3), (4, 7)], "range": (450, 550)}


def random_frame(seed):
    return np.random.default_rng(seed).integers(0, 65536, (12, 8)).astype("u2")


def frame_with_bias(first, second):
    """100 rows, two amplifiers of 4 columns; 9 rows lit; noise that leaves the medians alone."""
    frame = np.empty((100, 8))
    frame[:, :4], frame[:, 4:] = first, second
    frame[0:30] -= 2.5
    frame[40:70] += 2.5
    frame[91:] = 20000
    return frame


# Sum along the slit


def test_the_sum_is_that_of_an_arithmetic_series():
    rows, columns = np.mgrid[0:9, 0:5]
    spectrum, missing = sum_along_slit(rows + 10 * columns, np.full((9, 5), 3))
    assert spectrum.tolist() == [36 + 90 * column - 27 for column in range(5)]
    assert missing.tolist() == [0] * 5


def test_an_unsigned_frame_darker_than_its_dark_is_negative():
    frame, dark = np.full((7, 3), 100, "u2"), np.full((7, 3), 110, "u2")
    assert sum_along_slit(frame, dark)[0].tolist() == [-70] * 3


def test_a_background_of_columns_is_subtracted_from_each_row():
    spectrum, _ = sum_along_slit(np.full((4, 3), 600, "u2"), np.array([500.0, 504.0, 599.5]))
    assert spectrum.tolist() == [400, 384, 2]


@pytest.mark.parametrize("blank", [np.nan, np.inf, -np.inf])
def test_a_blank_pixel_is_left_out_of_both_sums_and_counted(blank):
    frame, dark = np.full((5, 3), 30.0), np.full((5, 3), 20.0)
    frame[0, 0] = blank
    dark[1, 1] = blank
    frame[2, 2] = dark[2, 2] = dark[3, 2] = blank
    spectrum, missing = sum_along_slit(frame, dark)
    assert spectrum.tolist() == [40, 40, 30]
    assert missing.tolist() == [1, 1, 2]


def test_a_column_without_a_good_pixel_is_nan():
    frame, dark = np.full((4, 3), 30.0), np.full((4, 3), 20.0)
    frame[:, 0] = np.nan
    frame[:2, 1] = dark[2:, 1] = np.nan
    spectrum, missing = sum_along_slit(frame, dark)
    np.testing.assert_array_equal(spectrum, [np.nan, np.nan, 40])
    assert missing.tolist() == [4, 4, 0]


def test_single_precision_frames_are_summed_in_double():
    frame = np.full((100_000, 1), 0.1, "f4")
    spectrum, _ = sum_along_slit(frame, np.zeros(1, "f4"))
    assert spectrum[0] == pytest.approx(math.fsum(frame[:, 0].tolist()), rel=1e-10)


@pytest.mark.parametrize("dtype", ["u2", "i4", "f4", "f8"])
def test_sums_beyond_32_bits_are_exact(dtype):
    frame = np.full((70_000, 1), 65535, dtype)
    assert sum_along_slit(frame, np.ones(1))[0].tolist() == [70_000 * 65534]


def test_the_sum_is_linear_in_the_frame():
    one, two, dark = (random_frame(seed).astype("i8") for seed in (1, 2, 3))
    nothing = np.zeros(8)
    separate = 3 * sum_along_slit(one, nothing)[0] + 5 * sum_along_slit(two, nothing)[0]
    together = sum_along_slit(3 * one + 5 * two, dark)[0] + sum_along_slit(dark, nothing)[0]
    assert together.tolist() == separate.tolist()


def test_the_same_constant_in_frame_and_dark_cancels():
    frame, dark = random_frame(1).astype("i4"), random_frame(2).astype("i4")
    raised = sum_along_slit(frame + 12345, dark + 12345)[0]
    assert raised.tolist() == sum_along_slit(frame, dark)[0].tolist()


def test_the_order_of_the_rows_does_not_matter():
    frame, dark = random_frame(1).astype(float), random_frame(2)
    frame[3, 5] = np.nan
    order = np.random.default_rng(3).permutation(12)
    for mixed, straight in zip(
        sum_along_slit(frame[order], dark[order]), sum_along_slit(frame, dark)
    ):
        assert mixed.tolist() == straight.tolist()


def test_the_frame_is_left_as_it_was():
    frame, dark = random_frame(1), random_frame(2)
    sum_along_slit(frame, dark)
    assert frame.tolist() == random_frame(1).tolist()
    assert dark.tolist() == random_frame(2).tolist()


# Bias


def test_the_bias_is_the_median_of_each_amplifier():
    frame = np.array([[1, 2, 7, 7, 100], [3, 500, 8, 9, 10]], "u2")
    assert amplifier_medians(frame, [(0, 1), (2, 4)]).tolist() == [2.5, 8.5]
    assert amplifier_medians(frame, [(0, 0), (1, 3), (4, 4)]).tolist() == [2, 7.5, 55]


def test_lit_rows_and_blank_pixels_do_not_move_the_bias():
    frame = frame_with_bias(500, 504)
    frame[30:36, 2] = np.nan
    assert amplifier_medians(frame, [(0, 3), (4, 7)]).tolist() == [500, 504]


def test_the_bias_of_a_blank_amplifier_is_nan():
    frame = frame_with_bias(500, 504)
    frame[:, 4:] = np.nan
    np.testing.assert_array_equal(amplifier_medians(frame, [(0, 3), (4, 7)]), [500, np.nan])


def test_each_column_gets_the_bias_of_its_amplifier():
    bias, amplifiers, levels = measure_bias(frame_with_bias(500, 504), SETTINGS, "a.fits", "Red")
    assert bias.tolist() == [500] * 4 + [504] * 4
    assert amplifiers == [(0, 3), (4, 7)]
    assert levels.tolist() == [500, 504]


def test_bias_by_frame_is_one_median_whatever_the_amplifiers():
    frame = np.array([[500, 500, 500, 504, 504, 504, 504, 9999]] * 3)
    settings = SETTINGS | {"method": "frame"}
    bias, amplifiers, levels = measure_bias(frame, settings, "a.fits", "Red")
    assert bias.tolist() == [504] * 8
    assert levels.tolist() == [504]
    assert amplifiers == [(0, 7)]


def test_without_amplifiers_in_the_config_one_reads_all():
    settings = {"method": "amplifiers", "amplifiers": None, "range": None}
    bias, amplifiers, _ = measure_bias(np.full((5, 8), 7.0), settings, "a.fits", "Red")
    assert bias.tolist() == [7] * 8
    assert amplifiers == [(0, 7)]


@pytest.mark.parametrize("level", [-100.0, 0.0, 1e5])
def test_without_a_range_any_bias_is_accepted(level):
    settings = SETTINGS | {"range": None}
    bias, *_ = measure_bias(np.full((5, 8), level), settings, "a.fits", "Red")
    assert bias.tolist() == [level] * 8


@pytest.mark.parametrize("level", [450, 550])
def test_a_bias_at_the_end_of_the_range_is_accepted(level):
    bias, *_ = measure_bias(np.full((5, 8), level), SETTINGS, "a.fits", "Red")
    assert bias.tolist() == [level] * 8


@pytest.mark.parametrize("level", [449.5, 550.5, 2000])
def test_a_bias_out_of_range_is_refused_with_the_level_found_and_where(level):
    with pytest.raises(UserError) as caught:
        measure_bias(frame_with_bias(500, level), SETTINGS, "raw/a.fits", "Red")
    for word in "raw/a.fits", f"{level:.1f} ADU", "columns 4 to 7", "450 to 550", "Red":
        assert word in str(caught.value)


@pytest.mark.parametrize(
    "amplifiers",
    [[(0, 3), (5, 7)], [(0, 3)], [(1, 7)], [(0, 4), (4, 7)], [(0, 7), (0, 7)], [(0, 3), (4, 8)]],
)
def test_amplifiers_that_do_not_cover_each_column_once_are_refused(amplifiers):
    with pytest.raises(UserError, match=r"raw/a\.fits has columns 0 to 7.* arm Red"):
        check_columns(8, amplifiers, "raw/a.fits", "Red")


# Frames and darks that cannot be right


@pytest.mark.parametrize("value", [0, 500, 65535])
def test_a_frame_of_one_number_is_refused(value):
    frame = np.full((6, 8), value, "u2")
    with pytest.raises(UserError, match=rf"raw/a\.fits holds no exposure: every pixel is {value}"):
        check_pixels(frame, "raw/a.fits")
    frame[3, 4] ^= 1
    check_pixels(frame, "raw/a.fits")


def test_unsigned_counts_stored_as_signed_ones_are_refused():
    frame = np.linspace(500, 60000, 600).reshape(20, 30).astype("u2")
    check_pixels(frame, "a.fits")
    with pytest.raises(UserError, match=r"^a\.fits has counts from -\d+ to \d+ .*BZERO = 32768"):
        check_pixels(frame.view("i2"), "a.fits")
    # A frame after subtraction, with a hot pixel of the dark and a dead one, is sound.
    below = np.linspace(-60, 30000, 600).reshape(20, 30).astype("i2")
    below[3, 4:6] = -9000, -32768
    check_pixels(below, "a.fits")


@pytest.mark.parametrize("scale", [30000.0, 60000.0])
def test_a_frame_divided_by_a_flat_or_normalised_is_refused(scale):
    frame = np.linspace(0, 40000, 600, dtype="f4").reshape(20, 30)
    frame[3, 4] = np.nan
    check_counts(frame, "a.fits")
    with pytest.raises(UserError, match=r"^a\.fits holds no counts .* no pixel is above \d\.\d+;"):
        check_counts(frame / scale, "a.fits")


# Uncertainty


@pytest.mark.parametrize(
    ("counts", "pixels", "variance", "gain", "wanted"),
    [
        (400, 10, 0.0, 4.0, 100),
        (0, 16, 9.0, 2.0, 144),
        (-1000, 16, 9.0, 2.0, 144),
        (50, 16, 9.0, 2.0, 169),
        (0, 0, 9.0, 2.0, 0),
    ],
)
def test_noise_by_hand(counts, pixels, variance, gain, wanted):
    noise = counting_noise(np.array([counts]), np.array([pixels]), variance, gain)
    assert noise == pytest.approx([wanted])


@pytest.mark.parametrize("electrons", [0, 2, 30, 1000])
@pytest.mark.parametrize("frames", [1, 2])
def test_noise_is_the_scatter_of_simulated_frames(electrons, frames):
    rows, trials, gain, read_noise, bias = 10, 5000, 2.45, 5.0, 500
    rng = np.random.default_rng(electrons + frames)
    dark = np.full((rows, trials), float(bias))
    frame = bias + rng.poisson(electrons, dark.shape) / gain
    frame += rng.normal(0, read_noise / gain, dark.shape)
    if frames == 2:
        dark += rng.normal(0, read_noise / gain, dark.shape)
    scatter = sum_along_slit(frame, dark)[0].std(ddof=1)
    mean = np.array([rows * electrons / gain])
    variance = frames * (read_noise / gain) ** 2
    noise = np.sqrt(counting_noise(mean, np.array([rows]), variance, gain))
    # The scatter of 5000 trials is itself uncertain by 1 %.
    assert scatter == pytest.approx(noise[0], rel=0.04)


@pytest.mark.parametrize(("variance", "gain"), [(5.0, None), (None, 2.0), (None, None)])
def test_noise_is_nan_where_the_detector_is_not_known(variance, gain):
    noise = counting_noise(np.ones(3), np.full(3, 10), variance, gain)
    assert noise.shape == (3,)
    assert np.isnan(noise).all()


def test_noise_of_a_column_without_counts_is_nan():
    noise = counting_noise(np.array([np.nan, 4.0]), np.array([0, 5]), 0.0, 1.0)
    np.testing.assert_array_equal(noise, [np.nan, 4])


def noisy_frames(dark_current=0.0):
    rng = np.random.default_rng(8)
    return [
        np.rint(500 + (rng.poisson(dark_current, (300, 200)) + rng.normal(0, 4, (300, 200))) / 1.9)
        for _ in range(2)
    ]


@pytest.mark.parametrize("read_noise", [None, 4.0, 2.0])
@pytest.mark.parametrize("dark_current", [0.0, 30.0])
def test_noise_of_pixels_is_what_the_frame_shows_if_that_is_more(read_noise, dark_current):
    frame, dark = (np.asarray(one, "u2") for one in noisy_frames(dark_current))
    variance, measured = noise_of_pixels(frame, dark, 1, read_noise, 1.9)
    # Read noise and dark current of both frames, and rounding to whole ADU; 60000 pixels tell a
    # variance to 0.7 per cent.
    true = 2 * ((16 + dark_current) / 1.9**2 + 1 / 12)
    assert variance == pytest.approx(true, rel=0.03)
    assert measured == (read_noise is None)


def test_a_read_noise_above_what_the_frame_shows_is_believed():
    frame, dark = (np.asarray(one, "u2") for one in noisy_frames())
    variance, measured = noise_of_pixels(frame, dark, 1, 19.0, 1.9)
    assert variance == pytest.approx(200)
    assert not measured


# Rows


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        ("all", [0, 1, 2, 3, 4, 5]),
        ("lit", [0, 1, 2, 3, 4, 5]),
        ([2, 4], [2, 3, 4]),
        ([0, 5], [0, 1, 2, 3, 4, 5]),
        ([5, 5], [5]),
    ],
)
def test_rows_include_both_ends(rows, wanted):
    assert np.arange(6)[row_slice(rows, 6)].tolist() == wanted


@pytest.mark.parametrize("rows", [[0, 6], [6, 7], [4, 3]])
def test_rows_that_the_frame_has_not_are_refused(rows):
    with pytest.raises(UserError, match=rf"raw/a\.fits has rows 0 to 5.*{rows[0]} to {rows[1]}"):
        check_rows(rows, 6, "raw/a.fits")


# The example of the public function


def test_the_example_of_extract_holds():
    assert doctest.testmod(lampflux.extraction.spectrum).failed == 0


# The product


def test_the_file_holds_both_spectra(tmp_path):
    counts, noise = np.array([0.1, np.nan, -7e9]), np.array([1.5, np.nan, 2.5])
    path = tmp_path / "a.fits"
    clean = {"counts": counts + 1, "replaced": np.array([0, 2, 3])}
    spectrum = SimpleNamespace(
        counts=counts,
        uncertainty=noise,
        missing=np.array([0, 4, 1]),
        clean=clean,
        rows=np.array([1, 3]),
    )
    values = {"LAMP": "ThAr", "GAIN": None, "RDNOISE": np.nan, "RAWFILE": "né.fits"}
    cards = [(keyword, value, "meaning") for keyword, value in values.items()]
    write_spectrum(path, cards, spectrum, np.ones((2, 3)), (4, 6))
    with fits.open(path) as hdus:
        for hdu, wanted in zip(hdus[:3], (counts, noise, [0, 4, 1]), strict=True):
            np.testing.assert_array_equal(hdu.data, wanted)
        assert [hdu.header["BUNIT"] for hdu in hdus[:3]] == ["adu", "adu", "pixel"]
        for name, unit in (("counts", "adu"), ("replaced", "pixel")):
            np.testing.assert_array_equal(hdus["CLEAN"].data[name], clean[name])
            assert hdus["CLEAN"].columns[name].unit == unit
        assert hdus["ROWS"].data["row"].tolist() == [1, 3]
        assert hdus["FRAME"].data.tolist() == np.ones((2, 3)).tolist()
        assert hdus[0].header["LAMP"] == "ThAr"
        assert hdus[0].header["RAWFILE"] == r"n\xe9.fits"
        assert not {"GAIN", "RDNOISE"} & set(hdus[0].header)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.fits"]


class Job(dict):
    """Stands for Snakemake's job: names by dot and by get."""

    __getattr__ = dict.__getitem__


def job(folder, frame, dark=None, rows="all"):
    inputs = Job(frame=str(folder / "frame.fits"))
    fits.writeto(inputs.frame, frame)
    if dark is not None:
        inputs["dark"] = str(folder / "dark.fits")
        fits.writeto(inputs.dark, dark)
    identity = {"BRAND": "B", "LAMP": "Ne", "CCD": "Red", "EXPTIME": 1.0, "ID": "01"}
    params = Job(
        identity=identity,
        spatial_axis=0,
        layout={},
        table=None,
        rows=rows,
        bias=SETTINGS,
        gain=None,
        read_noise=None,
        saturation=None,
        amplifiers=None,
        cosmic_rays=True,
    )
    output = Job(fits=str(folder / "out.fits"))
    return Job(input=inputs, params=params, output=output)


def test_a_dark_of_another_shape_is_refused_with_both_files_and_shapes(tmp_path):
    with pytest.raises(UserError) as caught:
        script("spectra")(job(tmp_path, np.eye(6, 8, dtype="u2"), np.eye(6, 9, dtype="u2")))
    for word in f"{tmp_path}/dark.fits", f"{tmp_path}/frame.fits", "6 x 8", "6 x 9":
        assert word in str(caught.value)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["dark.fits", "frame.fits"]


def test_a_frame_that_is_blank_in_the_summed_rows_is_refused(tmp_path):
    frame = np.full((6, 8), 500.0)
    frame[0] = 501
    frame[2:4] = np.nan
    with pytest.raises(UserError, match=r"frame\.fits has no good pixel"):
        script("spectra")(job(tmp_path, frame, rows=[2, 3]))
    assert [file.name for file in tmp_path.iterdir()] == ["frame.fits"]


def test_a_blank_pixel_hides_no_saturated_column():
    frame = np.zeros((4, 9))
    frame[:2, 4] = 65535
    frame[3, 4] = np.nan
    assert np.flatnonzero(saturated_columns(frame, 65535, 0.0)).tolist() == [4]
    frame[1, 4] = 0
    assert not saturated_columns(frame, 65535, 0.0).any()


def test_a_table_is_written_as_astropy_writes_it(tmp_path):
    columns = [
        fits.Column("counts", "D", unit="adu", array=np.arange(5.0)),
        fits.Column("mask", "L", array=np.arange(5) > 2),
        fits.Column("summed", "J", unit="pixel", array=np.arange(5)),
    ]
    for name, table in (
        ("own", binary_table(columns, "CLEAN")),
        ("astropy", fits.BinTableHDU.from_columns(columns, name="CLEAN")),
    ):
        fits.HDUList([fits.PrimaryHDU(), table]).writeto(tmp_path / name)
    assert (tmp_path / "own").read_bytes() == (tmp_path / "astropy").read_bytes()
