"""Read raw frames: FITS images of any number type, as physical ADU."""

import gzip
import io
import math
import os
import warnings

import numpy as np
from astropy.io import fits
from astropy.io.fits.verify import VerifyError
from astropy.utils.exceptions import AstropyUserWarning

from common.errors import UserError

# Where observatories write the exposure time; EXPOSED is the AAT's keyword.
EXPOSURE_TIME_KEYWORDS = ("EXPTIME", "EXPOSED")
# A header's exposure time may differ from the name's by rounding, relative.
EXPOSURE_TIME_TOLERANCE = 1e-3


def read_frame(path, spatial_axis=0):
    """Read the one 2D image of a FITS file, scaled to physical values.

    Parameters
    ----------
    path : str
        FITS file, also gzipped or tile-compressed.
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
    """
    try:
        before = os.stat(path)
        with warnings.catch_warnings():
            # A truncated file must not pass with a warning, nor pixels that their sum disproves.
            for message in ".*truncated", "Datasum verification failed":
                warnings.filterwarnings("error", category=AstropyUserWarning, message=message)
            with fits.open(
                opened(path), do_not_scale_image_data=True, memmap=False, checksum=True
            ) as hdus:
                images = [hdu for hdu in hdus if hdu.is_image and len(hdu.shape) == 2 and hdu.size]
                if len(images) != 1:
                    raise UserError(
                        f"{path} holds {len(images)} two-dimensional images where one is wanted; "
                        "give the raw frame, one image to a file."
                    )
                header = readable(images[0].header)
                frame = to_physical(images[0].data, header)
        after = os.stat(path)
    except UserError:
        raise
    except PermissionError as error:
        raise UserError(
            f"{path} cannot be read ({error.strerror}); give yourself the right to read it."
        ) from error
    except Exception as error:  # Damaged files raise whatever they first trip over.
        raise UserError(
            f"{path} cannot be read as FITS ({plain_words(error)}); copy it again from its source."
        ) from error
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise UserError(f"{path} changed while it was read; run again once it is complete.")
    return (frame.T if spatial_axis == 1 else frame), header


def plain_words(error):
    """Give what a library's error says, in one line."""
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__


def opened(path):
    """Unpack a gzipped file whole, so that its checksum is looked at; leave others as they are."""
    with open(path, "rb") as file:
        begins = file.read(80)
    content = path
    if begins[:2] == b"\x1f\x8b":
        with gzip.open(path) as file:
            content = io.BytesIO(file.read())
        begins = content.getbuffer()[:80].tobytes()
    if not begins:
        raise ValueError("it is empty")
    if not begins.startswith(b"SIMPLE  ="):
        raise ValueError(f"it begins with {begins[:16]!r}")
    return content


def readable(header):
    """Copy a header, with the text of cards that are not proper FITS in place of their values."""
    copy = header.copy()
    for keyword in "BSCALE", "BZERO", "BLANK":
        values = [card.value for card in header.cards if card.keyword == keyword]
        if len(set(values)) > 1:
            raise ValueError(f"its {keyword} is both {values[0]} and {values[1]}")
    for card in header.cards:
        try:
            card.value  # noqa: B018
        except VerifyError:
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
        BSCALE or BZERO cannot be meant.
    """
    scale, zero = header.get("BSCALE", 1), header.get("BZERO", 0)
    for keyword, value in {"BSCALE": scale, "BZERO": zero}.items():
        if isinstance(value, str) or not math.isfinite(value) or (value, keyword) == (0, "BSCALE"):
            raise ValueError(f"its {keyword} is {value}")
    blank = header.get("BLANK") if stored.dtype.kind in "iu" else None
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
