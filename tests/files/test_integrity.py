"""Damage of FITS files that their structure or their checksums reveal."""

import logging

import numpy as np
import pytest
from astropy.io import fits

from lampflux.errors import UserError
from lampflux.files.frames import read_frame
from lampflux.files.keywords import check_exposure_time

COUNTS = np.random.default_rng(1).integers(400, 60000, (40, 60)).astype("u2")


@pytest.fixture(params=["plain", "compressed"])
def summed(request, tmp_path):
    """A file with checksums, its first byte of data and one of its header's values."""
    path = tmp_path / "a.fits"
    if request.param == "plain":
        hdus = [fits.PrimaryHDU(COUNTS)]
    else:
        hdus = [fits.PrimaryHDU(), fits.CompImageHDU(COUNTS, compression_type="RICE_1")]
    hdus[-1].header["OBJECT"] = "argon"
    fits.HDUList(hdus).writeto(path, checksum=True)
    with fits.open(path) as opened:
        return path, opened[-1].fileinfo()["datLoc"]


def plain(path, **cards):
    hdu = fits.PrimaryHDU(COUNTS)
    hdu.header.update(cards)
    hdu.writeto(path)
    return path


def edit(path, old, new):
    content = path.read_bytes()
    assert len(old) == len(new)
    assert old in content
    path.write_bytes(content.replace(old, new))


def refusal(path):
    with pytest.raises(UserError) as caught:
        read_frame(str(path))
    sentence = str(caught.value)
    assert sentence.startswith(str(path))
    assert sentence.isprintable()
    return sentence


# Checksums


def test_a_file_that_matches_its_checksums_passes_without_a_warning(summed, caplog):
    path, _ = summed
    np.testing.assert_array_equal(read_frame(str(path))[0], COUNTS)
    assert caplog.text == ""


def test_data_that_do_not_match_their_checksum_are_refused(summed):
    path, data = summed
    content = bytearray(path.read_bytes())
    content[data + 100] ^= 1
    path.write_bytes(content)
    assert refusal(path) == (
        f"{path} does not match its checksum (DATASUM); copy it again from its source."
    )


def test_a_header_edited_after_writing_passes_with_a_warning(summed, caplog):
    path, _ = summed
    edit(path, b"'argon   '", b"'neon    '")
    with caplog.at_level(logging.WARNING):
        np.testing.assert_array_equal(read_frame(str(path))[0], COUNTS)
    assert str(path) in caplog.text
    assert "CHECKSUM" in caplog.text


def test_without_datasum_the_checksum_covers_the_data(tmp_path):
    path = plain(tmp_path / "a.fits")
    with fits.open(path, "update", checksum=True) as hdus:
        hdus[0].header["OBJECT"] = "argon"
    edit(path, b"DATASUM =", b"COMMENT  ")
    assert refusal(path) == (
        f"{path} does not match its checksum (CHECKSUM); copy it again from its source."
    )


def test_empty_checksums_are_ignored(tmp_path, caplog):
    path = plain(tmp_path / "a.fits", DATASUM="", CHECKSUM="")
    np.testing.assert_array_equal(read_frame(str(path))[0], COUNTS)
    assert caplog.text == ""


# Structure


def test_a_file_with_data_after_its_last_hdu_is_refused(tmp_path):
    path = plain(tmp_path / "a.fits")
    edit(path, b"NAXIS2  =                   40", b"NAXIS2  =                   20")
    assert "data after its last HDU" in refusal(path)


def test_a_file_that_lacks_extensions_is_refused(tmp_path):
    path = tmp_path / "a.fits"
    hdus = [fits.PrimaryHDU(), *(fits.ImageHDU(COUNTS) for _ in range(2))]
    hdus[0].header["NEXTEND"] = 2
    fits.HDUList(hdus[:2]).writeto(path)
    assert "ends after 1 of 2 extensions" in refusal(path)


def padded(tmp_path):
    path = plain(tmp_path / "a.fits")
    content = path.read_bytes()
    end = 2880 + COUNTS.nbytes
    assert end < len(content)
    return path, content, end


def test_a_whole_file_without_padding_is_read_with_a_warning(tmp_path, caplog):
    path, content, end = padded(tmp_path)
    path.write_bytes(content[:end])
    with caplog.at_level(logging.WARNING):
        np.testing.assert_array_equal(read_frame(str(path)).counts, COUNTS)
    assert f"{path} ends without padding" in caplog.text


@pytest.mark.parametrize("more", [b"\n", b"\0" * 80, b"copied by night assistant\r\n"])
def test_a_few_bytes_after_the_last_hdu_are_ignored_with_a_warning(tmp_path, caplog, more):
    path, content, _ = padded(tmp_path)
    path.write_bytes(content + more)
    with caplog.at_level(logging.WARNING):
        np.testing.assert_array_equal(read_frame(str(path)).counts, COUNTS)
    assert f"{path} has {len(more)} bytes after its last HDU" in caplog.text


@pytest.mark.parametrize("change", [-3, 5])
def test_data_that_lost_or_gained_bytes_are_refused(tmp_path, change):
    path, content, _ = padded(tmp_path)
    place = 2880 + 1000
    moved = content[place - min(change, 0) :]
    path.write_bytes(content[:place] + b"x" * max(change, 0) + moved)
    assert "truncated" in refusal(path) or "data after its last HDU" in refusal(path)


@pytest.mark.filterwarnings("ignore:Unexpected extra padding")
def test_blocks_of_zeros_at_the_end_are_ignored(tmp_path):
    path = plain(tmp_path / "a.fits")
    path.write_bytes(path.read_bytes() + b"\0" * 2880)
    np.testing.assert_array_equal(read_frame(str(path))[0], COUNTS)


def test_a_header_that_contradicts_itself_is_refused(tmp_path):
    path = plain(tmp_path / "a.fits", OTHER=1)
    edit(path, b"OTHER   =", b"BZERO   =")
    assert "gives BZERO twice" in refusal(path)


@pytest.mark.parametrize("axes", ["4294967296", "999999999", "-1", "1000"])
def test_an_absurd_number_of_axes_is_refused_at_once(tmp_path, axes):
    path = plain(tmp_path / "a.fits")
    edit(path, b"NAXIS   =                    2", b"NAXIS   = " + axes.rjust(20).encode())
    assert "NAXIS" in refusal(path) or "number" in refusal(path)


@pytest.mark.parametrize("name", ["BLOCKSIZE", "BYTEPIX"])
def test_parameters_that_crash_the_decompressor_are_refused(tmp_path, name):
    path = tmp_path / "a.fits.fz"
    image = fits.CompImageHDU(COUNTS, compression_type="RICE_1")
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(path)
    key = b"ZVAL1" if name == "BLOCKSIZE" else b"ZVAL2"
    place = path.read_bytes().index(key + b"   =")
    old = path.read_bytes()[place : place + 30]
    edit(path, old, old[:10] + b"999999999".rjust(20))
    assert name in refusal(path)


def test_unsafe_compressions_are_refused_with_a_remedy(tmp_path):
    path = tmp_path / "a.fits.fz"
    image = fits.CompImageHDU(COUNTS, compression_type="HCOMPRESS_1")
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(path)
    assert "HCOMPRESS_1" in refusal(path)
    assert "funpack" in refusal(path)


@pytest.mark.parametrize(
    "card",
    ["BSCALE  =                    0", "BZERO   =                    F", "BLANK   =      1.5"],
)
def test_impossible_scales_are_refused(tmp_path, card):
    path = tmp_path / "a.fits"
    fits.PrimaryHDU(COUNTS.astype("i4"), fits.Header({"OTHER": 1})).writeto(path)
    place = path.read_bytes().index(b"OTHER   =")
    old = path.read_bytes()[place : place + 30]
    edit(path, old, card.ljust(30).encode())
    assert card[:6].strip() in refusal(path)


# Headers


@pytest.mark.filterwarnings("ignore")
def test_an_unreadable_exposure_time_is_refused(tmp_path):
    path = plain(tmp_path / "a.fits", EXPTIME=60, GAIN=2)
    edit(path, b"EXPTIME =                   60", b"EXPTIME =                 6x60")
    edit(path, b"GAIN    =                    2", b"GAIN    =                 2,50")
    _, header, *_ = read_frame(str(path))
    assert header["GAIN"] == "2,50"
    with pytest.raises(UserError, match="EXPTIME"):
        check_exposure_time(header, 60.0, str(path))
