import bz2
import gzip

import numpy as np
import pytest
from astropy.io import fits

from lampflux.errors import UserError
from lampflux.files.frames import read_frame

FILL = {"header": b" ", "data": b"\0"}


def write_raw(path, stored, **cards):
    """Write stored numbers and cards byte by byte, with no library's idea of scaling."""
    bits = 8 * stored.dtype.itemsize
    cards = {
        "SIMPLE": "T",
        "BITPIX": -bits if stored.dtype.kind == "f" else bits,
        "NAXIS": stored.ndim,
        **{f"NAXIS{n}": size for n, size in enumerate(reversed(stored.shape), start=1)},
        **cards,
    }
    lines = [f"{key:<8}= {value:>20}" for key, value in cards.items()]
    parts = {
        "header": "".join(line.ljust(80) for line in [*lines, "END"]).encode(),
        "data": stored.astype(stored.dtype.newbyteorder(">")).tobytes(),
    }
    path.write_bytes(
        b"".join(part + FILL[kind] * (-len(part) % 2880) for kind, part in parts.items())
    )
    return str(path)


def write(path, *hdus):
    fits.HDUList(list(hdus)).writeto(path)
    return str(path)


def noise(dtype):
    rng = np.random.default_rng(1)
    if np.dtype(dtype).kind == "f":
        return rng.normal(500, 5, (20, 30)).astype(dtype)
    limits = np.iinfo(dtype)
    return rng.integers(max(limits.min, -60000), min(limits.max, 60000), (20, 30)).astype(dtype)


# Numbers


@pytest.mark.parametrize("dtype", ["u1", "i2", "i4", "i8"])
def test_whole_numbers_are_read_as_stored(tmp_path, dtype):
    limits = np.iinfo(dtype)
    values = [[limits.min, 0, 1], [2, 100, limits.max]]
    frame, _, *_ = read_frame(write_raw(tmp_path / "a.fits", np.array(values, dtype)))
    assert frame.tolist() == values
    assert frame.dtype == np.dtype(dtype)
    assert frame.dtype.isnative


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_fractions_are_read_as_stored_and_nan_stays_nan(tmp_path, dtype):
    stored = np.array([[-1.5, 0, 2**-20], [np.nan, 1e30, 0.1]], dtype)
    frame, _, *_ = read_frame(write_raw(tmp_path / "a.fits", stored))
    np.testing.assert_array_equal(frame, stored)
    assert frame.dtype.isnative


@pytest.mark.parametrize("bits", [16, 32, 64])
def test_unsigned_numbers_by_bzero_do_not_wrap(tmp_path, bits):
    half = 2 ** (bits - 1)
    values = [[0, 1, half - 1], [half, half + 1, 2 * half - 1]]
    stored = np.array([[value - half for value in row] for row in values], f"i{bits // 8}")
    frame, _, *_ = read_frame(write_raw(tmp_path / "a.fits", stored, BZERO=half))
    assert frame.tolist() == values


@pytest.mark.parametrize("bzero", ["32768", "32768.0", "3.2768E4"])
def test_bzero_is_read_in_any_number_format(tmp_path, bzero):
    stored = np.array([[-32768, -1, 0, 32767]], "i2")
    frame, _, *_ = read_frame(write_raw(tmp_path / "a.fits", stored, BSCALE="1.0", BZERO=bzero))
    assert frame.tolist() == [[0, 32767, 32768, 65535]]


def test_a_fractional_scale_and_zero_are_exact(tmp_path):
    stored = np.array([[-32768, -1, 0, 32767]], "i2")
    frame, _, *_ = read_frame(write_raw(tmp_path / "a.fits", stored, BSCALE=0.25, BZERO=100.5))
    assert frame.tolist() == [[-8091.5, 100.25, 100.5, 8292.25]]
    assert frame.dtype == np.float64


def test_scaled_single_precision_is_scaled_in_double(tmp_path):
    stored = np.array([[16777215.0, 1.0]], "f4")
    frame, _, *_ = read_frame(write_raw(tmp_path / "a.fits", stored, BSCALE=3, BZERO=0.5))
    assert frame.tolist() == [[50331645.5, 3.5]]


def test_signed_bytes_by_bzero_are_negative(tmp_path):
    stored = np.array([[0, 127, 128, 255]], "u1")
    frame, _, *_ = read_frame(write_raw(tmp_path / "a.fits", stored, BZERO=-128))
    assert frame.tolist() == [[-128, -1, 0, 127]]


@pytest.mark.parametrize(
    ("cards", "wanted"),
    [
        ({}, [-3.0, np.nan, 7.0]),
        ({"BZERO": 32768}, [32765.0, np.nan, 32775.0]),
        ({"BSCALE": 0.5, "BZERO": 1}, [-0.5, np.nan, 4.5]),
    ],
)
def test_blank_pixels_are_nan(tmp_path, cards, wanted):
    stored = np.array([[-3, -32768, 7]], "i2")
    frame, _, *_ = read_frame(write_raw(tmp_path / "a.fits", stored, BLANK=-32768, **cards))
    np.testing.assert_array_equal(frame, [wanted])


# Kinds of file


@pytest.mark.parametrize(("pack", "ending"), [(gzip.compress, "gz"), (bz2.compress, "bz2")])
@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "u4", "i4", "f4"])
def test_a_packed_frame_is_the_frame(tmp_path, dtype, pack, ending):
    plain, zipped = tmp_path / "plain.fits", tmp_path / f"a.fits.{ending}"
    write(plain, fits.PrimaryHDU(noise(dtype)))
    zipped.write_bytes(pack(plain.read_bytes()))
    np.testing.assert_array_equal(read_frame(str(zipped))[0], noise(dtype))


@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "u4", "i4"])
def test_a_rice_compressed_frame_is_the_frame(tmp_path, dtype):
    data = noise(dtype)
    hdu = fits.CompImageHDU(data, compression_type="RICE_1")
    frame, _, *_ = read_frame(write(tmp_path / "a.fits.fz", fits.PrimaryHDU(), hdu))
    np.testing.assert_array_equal(frame, data)
    assert frame.dtype == data.dtype


@pytest.mark.parametrize("compression", ["GZIP_1", "GZIP_2"])
def test_a_losslessly_compressed_float_frame_is_the_frame(tmp_path, compression):
    data = noise("f4")
    data[3, 4] = np.nan
    hdu = fits.CompImageHDU(data, compression_type=compression, quantize_level=0)
    frame, _, *_ = read_frame(write(tmp_path / "a.fits.fz", fits.PrimaryHDU(), hdu))
    np.testing.assert_array_equal(frame, data)


@pytest.mark.parametrize("compression", ["RICE_1", "GZIP_1"])
def test_a_quantised_float_frame_is_true_to_half_a_step(tmp_path, compression):
    data = noise("f4")
    data[3, 4] = np.nan
    # A negative level is the step itself.
    hdu = fits.CompImageHDU(data, compression_type=compression, quantize_level=-0.5)
    frame, _, *_ = read_frame(write(tmp_path / "a.fits.fz", fits.PrimaryHDU(), hdu))
    difference = np.abs(frame - data)
    assert 0 < np.nanmax(difference) <= 0.2501
    np.testing.assert_array_equal(np.isnan(frame), np.isnan(data))


def test_an_image_is_read_from_an_extension_beside_a_table(tmp_path):
    data = noise("u2")
    table = fits.BinTableHDU.from_columns([fits.Column("a", "J", array=[1, 2])])
    image = fits.ImageHDU(data)
    image.header["EXPTIME"] = 12.5
    frame, header, *_ = read_frame(write(tmp_path / "a.fits", fits.PrimaryHDU(), table, image))
    np.testing.assert_array_equal(frame, data)
    assert header["EXPTIME"] == 12.5


def test_spatial_axis_1_turns_the_frame(tmp_path):
    path = write_raw(tmp_path / "a.fits", np.array([[1, 2, 3], [4, 5, 6]], "i2"))
    assert read_frame(path, spatial_axis=0)[0].tolist() == [[1, 2, 3], [4, 5, 6]]
    assert read_frame(path, spatial_axis=1)[0].tolist() == [[1, 4], [2, 5], [3, 6]]


# Files that hold no frame; tests/workflow/test_faults.py has the message of each


@pytest.mark.parametrize("make", [lambda path: path.mkdir(), lambda path: None])
def test_a_folder_and_a_missing_file_are_refused_by_name(tmp_path, make):
    path = tmp_path / "Photron_ThAr_Red_60s_02.fits"
    make(path)
    with pytest.raises(UserError) as caught:
        read_frame(str(path))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def sound_file(folder, suffix):
    path = folder / f"sound{suffix}"
    image = fits.PrimaryHDU(noise("u2"))
    if suffix == ".fits.fz":
        compressed = fits.CompImageHDU(image.data, compression_type="RICE_1")
        write(path, fits.PrimaryHDU(), compressed)
    else:
        write(folder / "plain.fits", image)
        content = (folder / "plain.fits").read_bytes()
        path.write_bytes(gzip.compress(content) if suffix == ".fits.gz" else content)
    return path.read_bytes()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("part", [0.1, 0.5, 0.8])
@pytest.mark.parametrize("suffix", [".fits", ".fits.gz", ".fits.fz"])
def test_a_truncated_file_is_refused_by_name(tmp_path, suffix, part):
    content = sound_file(tmp_path, suffix)
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content[: int(part * len(content))])
    with pytest.raises(UserError) as caught:
        read_frame(str(path))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("suffix", "sound", "damaged"),
    [
        (".fits", b"NAXIS2", b"NAXIX2"),
        (".fits", b"BITPIX", b"BITPXX"),
        (".fits", b"BITPIX  =                   16", b"BITPIX  =                   66"),
        (".fits", b"BZERO   =                32768", b"BZERO   = 'much              '"),
        (".fits.fz", b"ZNAXIS2", b"ZNAXIX2"),
        (".fits.fz", b"ZBITPIX", b"ZBITPXX"),
        (".fits.fz", b"'RICE_1", b"'MICE_1"),
        (".fits.fz", b"ZVAL1   =    ", b"ZVAL1   = a b"),
    ],
)
def test_a_file_with_a_damaged_header_is_refused_by_name(tmp_path, suffix, sound, damaged):
    content = sound_file(tmp_path, suffix)
    assert sound in content
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content.replace(sound, damaged))
    with pytest.raises(UserError) as caught:
        read_frame(str(path))
    assert str(path) in str(caught.value)
