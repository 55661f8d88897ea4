"""Read raw frames: FITS images of any number type, as physical ADU."""

import bz2
import gzip
import io
import logging
import math
import os
import warnings
from contextlib import contextmanager

import numpy as np
from astropy.io import fits
from astropy.utils.exceptions import AstropyUserWarning

from lampflux.errors import UserError
from lampflux.files.integrity import check_integrity, damaged

# Where observatories write the exposure time; EXPOSED is the AAT's keyword.
EXPOSURE_TIME_KEYWORDS = ("EXPTIME", "EXPOSED")
# A header's exposure time may differ from the name's by rounding, relative.
EXPOSURE_TIME_TOLERANCE = 1e-3

# How files of two first bytes are unpacked.
PACKED = {b"\x1f\x8b": gzip.decompress, b"BZ": bz2.decompress}


def read_frame(path: str, spatial_axis: int = 0) -> tuple[np.ndarray, fits.Header]:
    """Read the one 2D image of a FITS file, scaled to physical values.

    Parameters
    ----------
    path : str
        FITS file, also packed by gzip or bzip2, or tile-compressed.
    spatial_axis : {0, 1}
        Axis of the stored image that runs along the slit.

    Returns
    -------
    frame : ndarray, shape (rows, columns)
        Rows run along the slit, columns along the dispersion. Integers where the file holds
        whole numbers without blanks (unsigned ones by the FITS BZERO convention), else
        float64 with NaN for blank pixels. Never wrapped: subtract after conversion.
    header : astropy.io.fits.Header

    Raises
    ------
    UserError
        The file cannot be read, changes meanwhile, or does not hold exactly one 2D image.

    Examples
    --------
    An unsigned 16-bit frame, as cameras write it:

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     counts = np.full((4, 6), 40_000, dtype=np.uint16)
    ...     fits.writeto(f"{folder}/arc.fits", counts)
    ...     frame, header, *_ = read_frame(f"{folder}/arc.fits")
    >>> frame.shape, frame.dtype, int(frame[0, 0]), header["BZERO"]
    ((4, 6), dtype('uint16'), 40000, 32768)
    """
    with image_of(path) as image:
        header = readable(image.header)
        frame = to_physical(image.data, header)
    return (frame.T if spatial_axis == 1 else frame), header


def frame_format(path, spatial_axis=0):
    """Read all of a FITS file but the pixels of its one 2D image; see `read_frame`.

    Returns
    -------
    shape : (int, int)
        Rows and columns.
    header : astropy.io.fits.Header
    """
    with image_of(path) as image:
        header, shape = readable(image.header), image.shape
    return (shape[::-1] if spatial_axis == 1 else shape), header


@contextmanager
def image_of(path):
    """Open the one 2D image of a sound FITS file; any fault of the file becomes a `UserError`."""
    try:
        before = os.stat(path)
        with (
            recorded_warnings() as caught,
            unzipped(path) as file,
            fits.open(
                file, do_not_scale_image_data=True, checksum=check_integrity(file, path)
            ) as hdus,
        ):
            images = [hdu for hdu in hdus if hdu.is_image and len(hdu.shape) == 2 and hdu.size]
            if len(images) != 1:
                raise UserError(
                    f"{path} holds {len(images)} two-dimensional images where one is wanted; "
                    "give the raw frame, one image to a file."
                )
            check_sums([str(warning.message) for warning in caught], hdus, path)
            yield images[0]
        after = os.stat(path)
    except UserError:
        raise
    except PermissionError as error:
        raise UserError(
            f"{path} cannot be read ({error.strerror}); give yourself the right to read it."
        ) from error
    except Exception as error:  # Damaged files raise whatever they first trip over.
        raise damaged(path, error) from error
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise UserError(f"{path} changed while it was read; run again once it is complete.")


def unzipped(path):
    """Open a file; unpack one of gzip or bzip2 at once, which verifies its checksum."""
    file = open(path, "rb")  # noqa: SIM115
    unpack = PACKED.get(file.read(2))
    if unpack is None:
        return file
    with file:
        file.seek(0)
        return io.BytesIO(unpack(file.read()))


@contextmanager
def recorded_warnings():
    """Record astropy's warnings; those of a file cut short or a damaged END become errors."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", AstropyUserWarning)
        warnings.filterwarnings(
            "error", category=AstropyUserWarning, message=".*(truncated|END key)"
        )
        yield caught


def check_sums(said, hdus, path):
    """Refuse a file whose data do not match their checksums, given astropy's warnings.

    A header that alone does not match its CHECKSUM was usually edited after writing: that is
    logged as a warning.
    """
    data_differ = any(text.startswith("Datasum verification failed") for text in said)
    header_differs = any(text.startswith("Checksum verification failed") for text in said)
    without_datasum = any("CHECKSUM" in h.header and not h.header.get("DATASUM") for h in hdus)
    if data_differ or (header_differs and without_datasum):
        keyword = "DATASUM" if data_differ else "CHECKSUM"
        raise UserError(
            f"{path} does not match its checksum ({keyword}); copy it again from its source."
        )
    if header_differs:
        logging.warning(
            "%s: a header does not match its checksum (CHECKSUM), the data match theirs "
            "(DATASUM); the header was edited after writing, or is damaged.",
            path,
        )


def readable(header):
    """Copy a header, with the text of cards that are not proper FITS in place of their values."""
    copy = header.copy()
    for card in header.cards:
        try:
            card.value  # noqa: B018
        except fits.VerifyError:
            copy.remove(card.keyword, ignore_missing=True)
            copy[card.keyword] = str(card).partition("=")[2].partition("/")[0].strip(" '")
    return copy


def to_physical(stored, header):
    """Apply a FITS header's BSCALE, BZERO and BLANK to stored numbers.

    Parameters
    ----------
    stored : ndarray
        The image as the file holds it.
    header : mapping
        FITS header.

    Returns
    -------
    ndarray
        ``BZERO + BSCALE * stored`` (FITS standard 4.0, section 4.4.2.5), native byte order:
        integers if nothing but an unsigned offset applies, else float64 with NaN for BLANK.

    Raises
    ------
    ValueError
        BSCALE, BZERO or BLANK cannot be meant.
    """
    scale, zero = header.get("BSCALE", 1), header.get("BZERO", 0)
    blank = header.get("BLANK") if stored.dtype.kind in "iu" else None
    if not (blank is None or type(blank) is int):
        raise ValueError(f"its BLANK is {blank}")
    for keyword, value in ("BSCALE", scale), ("BZERO", zero):
        if type(value) not in (int, float) or not math.isfinite(value):
            raise ValueError(f"its {keyword} is {value}")
    if scale == 0:
        raise ValueError(f"its BSCALE is {scale}")
    plain = blank is None and scale == 1
    if plain and zero == 0:
        return stored.astype(stored.dtype.newbyteorder("="))
    if plain and stored.dtype.kind == "i" and zero == 2 ** (8 * stored.dtype.itemsize - 1):
        # Adding half the range to a signed number flips its highest bit.
        unsigned = stored.astype(f"u{stored.dtype.itemsize}")
        unsigned ^= unsigned.dtype.type(zero)
        return unsigned
    physical = stored * np.float64(scale) + np.float64(zero)
    if blank is not None:
        physical[stored == blank] = np.nan
    return physical


def check_exposure_time(header, exptime, path):
    """Hold every exposure time in a header against the expected one.

    Parameters
    ----------
    header : astropy.io.fits.Header
    exptime : float
        Exposure time [s] from the file's name or the table of exposures.
    path : str
        The file, for the message.

    Raises
    ------
    UserError
        They differ by more than a rounding.
    """
    for card in header.cards:
        if card.keyword in EXPOSURE_TIME_KEYWORDS:
            try:
                seconds = float(card.value)
            except (TypeError, ValueError):
                seconds = math.nan
            if not math.isclose(seconds, exptime, rel_tol=EXPOSURE_TIME_TOLERANCE):
                raise UserError(
                    f"{path} was exposed for {exptime:g} s by its name but for {card.value} s by "
                    f"its header ({card.keyword}); correct the wrong one."
                )


def check_columns(columns, amplifiers, path, arm):
    """Refuse a frame whose columns are not those that the arm's amplifiers read."""
    covered = sorted(column for first, last in amplifiers for column in range(first, last + 1))
    if covered != list(range(columns)):
        raise UserError(
            f"{path} has columns 0 to {columns - 1}, but the amplifiers of arm {arm} in the "
            f"config are {amplifiers}; make them cover each column once."
        )


def check_shapes(frame, dark, path, dark_path):
    """Refuse a dark of another format than its frame's, given their rows and columns."""
    if dark != frame:
        raise UserError(
            f"{dark_path} has {dark[0]} x {dark[1]} pixels, but {path} has {frame[0]} x "
            f"{frame[1]}; give a dark of the same format."
        )
