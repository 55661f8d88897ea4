"""Read raw frames: FITS images of any number type, as physical ADU."""

import gzip
import io
import math
import warnings

import numpy as np
from astropy.io import fits
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
        The file cannot be read or does not hold exactly one 2D image.
    """
    try:
        with warnings.catch_warnings():
            # A truncated file must not pass with a warning.
            warnings.filterwarnings("error", category=AstropyUserWarning, message=".*truncated")
            with fits.open(unzipped(path), do_not_scale_image_data=True) as hdus:
                images = [hdu for hdu in hdus if hdu.is_image and hdu.header.get("NAXIS") == 2]
                if len(images) != 1:
                    raise UserError(
                        f"{path} holds {len(images)} two-dimensional images where one is wanted; "
                        "give the raw frame, one image to a file."
                    )
                header = images[0].header.copy()
                frame = to_physical(images[0].data, header)
    except UserError:
        raise
    except Exception as error:  # Damaged files raise whatever they first trip over.
        raise UserError(
            f"{path} cannot be read as FITS ({error}); copy it again from its source."
        ) from error
    return (frame.T if spatial_axis == 1 else frame), header


def unzipped(path):
    """Unpack a gzipped file whole, so that its checksum is looked at; leave others as they are."""
    with open(path, "rb") as file:
        if file.read(2) != b"\x1f\x8b":
            return path
    with gzip.open(path) as file:
        return io.BytesIO(file.read())


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
    """
    scale, zero = header.get("BSCALE", 1), header.get("BZERO", 0)
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
    """Hold the exposure time in a header, where there is one, against the expected one.

    Parameters
    ----------
    header : mapping
        FITS header.
    exptime : float
        Exposure time [s] from the file's name or the table of exposures.
    path : str
        The file, for the message.

    Raises
    ------
    UserError
        They differ by more than a rounding.
    """
    for keyword in EXPOSURE_TIME_KEYWORDS:
        if keyword in header:
            try:
                agrees = math.isclose(
                    float(header[keyword]), exptime, rel_tol=EXPOSURE_TIME_TOLERANCE
                )
            except (TypeError, ValueError):
                agrees = False
            if not agrees:
                raise UserError(
                    f"{path} was exposed for {exptime:g} s by its name but for "
                    f"{header[keyword]} s by its header ({keyword}); correct the wrong one."
                )
            return
