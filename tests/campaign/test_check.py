"""Copies of frames under other names are found."""

import numpy as np
from astropy.io import fits

from lampflux.campaign import check
from lampflux.campaign.check import same_pixels
from lampflux.files.frames import read_frame


def write(path, counts, **header):
    hdu = fits.PrimaryHDU(counts)
    hdu.header.update(header)
    hdu.writeto(path)
    return str(path)


def test_a_copy_with_another_header_is_named_and_frames_alike_in_part_are_not(tmp_path):
    counts = np.full((200, 300), 500, np.uint16)
    first = write(tmp_path / "a.fits", counts, EXPTIME=10.0)
    copy = write(tmp_path / "b.fits", counts, EXPTIME=20.0)
    counts[0, 0] += 1
    other = write(tmp_path / "c.fits", counts, EXPTIME=10.0)
    (problem,) = same_pixels([first, copy, other])
    assert problem.startswith(f"{first} and {copy} hold the same pixels")


def test_one_frame_of_two_arms_is_no_copy_and_a_damaged_file_is_left_to_other_checks(tmp_path):
    counts = np.full((20, 30), 500, np.uint16)
    frame = write(tmp_path / "a.fits", counts)
    for name in "b.fits", "c.fits":
        (tmp_path / name).write_bytes(b"SIMPLE")
    paths = [frame, frame, str(tmp_path / "b.fits"), str(tmp_path / "c.fits")]
    assert same_pixels(paths) == []


def test_each_of_several_copies_is_read_once_and_named_with_each_other(tmp_path, monkeypatch):
    counts = np.full((20, 30), np.nan)
    counts[3] = 7
    paths = [write(tmp_path / f"{name}.fits", counts) for name in "abc"]
    read = []
    monkeypatch.setattr(check, "read_frame", lambda path: read.append(path) or read_frame(path))
    assert len(same_pixels(paths)) == 3
    assert read == paths
