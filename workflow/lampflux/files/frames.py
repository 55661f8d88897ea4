"""Read raw frames: FITS images of any number type and layout, as physical ADU."""

import bz2
import gzip
import io
import logging
import math
import os
import warnings
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from astropy.io import fits
from astropy.utils.exceptions import AstropyUserWarning

from lampflux.errors import UserError
from lampflux.files.amplifiers import arranged, gain_ratios, joined, joined_shape, parts_of
from lampflux.files.bad_pixels import read_bad_pixels
from lampflux.files.integrity import check_integrity, damaged
from lampflux.files.keywords import saturation_limit

# Names of extensions that hold a number for each pixel, not 0 where it is bad.
QUALITY = ("DQ", "MASK", "BPM", "QUALITY")
# Cards of a primary header that hold for its own HDU alone.
OWN_CARDS = ("BSCALE", "BZERO", "BLANK", "CHECKSUM", "DATASUM", "EXTNAME", "EXTVER", "INHERIT")

# How files of two first bytes are unpacked.
PACKED = {b"\x1f\x8b": gzip.decompress, b"BZ": bz2.decompress}


class Frame(NamedTuple):
    """A raw frame, trimmed and joined.

    ``counts`` [ADU], shape (rows, columns): rows run along the slit, columns along the dispersion.
    Integers where the file holds whole numbers without blank or bad pixels (unsigned ones by the
    FITS BZERO convention), else float64 with NaN for those. Never wrapped: subtract after
    conversion. ``header`` is that of the (first) image, and what else the primary says.
    ``overscan``, shape (rows, columns), is the bias of each pixel [ADU], still in the counts;
    None where there is no overscan. ``cards`` say in a product's header what was done.
    """

    counts: np.ndarray
    header: fits.Header
    overscan: np.ndarray | None
    cards: list


def read_frame(
    path: str,
    spatial_axis: int = 0,
    *,
    extensions: int | str | list | None = None,
    sections: list | None = None,
    bad_pixels: str | None = None,
) -> Frame:
    """Read the frame of a FITS file, scaled to physical values, trimmed and joined.

    Parameters
    ----------
    path : str
        FITS file, also packed by gzip or bzip2, or tile-compressed.
    spatial_axis : {0, 1}
        Axis of the stored image that runs along the slit.
    extensions : int or str or list, optional
        The image by its number (0 is the primary) or name (``SCI`` or ``SCI,2``); a list joins
        several along the columns, a list of lists as a grid, lowest row first. Without, the one
        image is read, or several are joined by DETSEC or CCDSEC.
    sections : list of dict, optional
        ``data``, ``overscan`` and ``gain`` of each amplifier of an image, in place of the
        header's BIASSEC and TRIMSEC or DATASEC.
    bad_pixels : str, optional
        Mask of the frame, FITS or a table; see `lampflux.files.bad_pixels`.

    Returns
    -------
    Frame

    Raises
    ------
    UserError
        The file cannot be read, changes meanwhile, or does not hold one such frame.

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
    with table_of(path, extensions, sections) as (table, images, headers):
        stored = [pixels(*image) for image in images]
        counts, overscan, cards = joined(table, stored, path)
    header = headers[0]
    ratios = gain_ratios([part for row in table for part in row])
    if any(ratio != 1 for ratio in ratios):
        # The counts of all are in the first one's ADU.
        each = [headers[part.image] for row in table for part in row]
        limits = [saturation_limit(own, None)[0] * r for own, r in zip(each, ratios)]
        header["SATURATE"] = min(limits)
    if spatial_axis == 1:
        counts, overscan = counts.T, None if overscan is None else overscan.T
    if bad_pixels:
        bad = read_bad_pixels(bad_pixels, counts.shape, spatial_axis, path)
        counts = np.where(bad, np.nan, counts)
        cards.append(("BADPIX", int(bad.sum()), "pixels of the arm's mask, left out"))
    return Frame(counts, header, overscan, cards)


def frame_format(path, spatial_axis=0, *, extensions=None, sections=None):
    """Read all of a FITS file but its pixels; see `read_frame`.

    Returns
    -------
    shape : (int, int)
        Rows and columns.
    header : astropy.io.fits.Header
    """
    with table_of(path, extensions, sections) as (table, _, headers):
        shape = joined_shape(table)
    return (shape[::-1] if spatial_axis == 1 else shape), headers[0]


@contextmanager
def table_of(path, extensions, sections):
    """Open a FITS file and find the parts of its frame; any fault becomes a `UserError`.

    Yields
    ------
    table : list of list of lampflux.files.amplifiers.Part
    images : list of (HDU, HDU or None)
        Each image and its data-quality extension.
    headers : list of astropy.io.fits.Header
    """
    try:
        before = os.stat(path)
        with (
            recorded_warnings() as caught,
            unzipped(path) as packed,
            open_hdus(packed, path) as hdus,
        ):
            images, grid = chosen_images(hdus, extensions, path)
            check_sums([str(warning.message) for warning in caught], hdus, path)
            headers = [header_of(image, hdus[0]) for image in images]
            parts = [
                part
                for number, (image, header) in enumerate(zip(images, headers))
                for part in parts_of(number, header, image.shape[-2:], sections, path)
            ]
            if len(parts) == 1:
                # Columns count as they are stored.
                parts = [parts[0]._replace(flips=())]
            yield (
                arranged(parts, grid, path),
                [(image, quality_of(image, hdus)) for image in images],
                headers,
            )
        after = os.stat(path)
    except UserError:
        raise
    except PermissionError as error:
        raise UserError(
            f"{path} cannot be read ({error.strerror}); change its permissions."
        ) from error
    except Exception as error:  # Damaged files raise whatever they first trip over.
        raise damaged(path, error) from error
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise UserError(f"{path} changed while it was read; run again once it is complete.")


def open_hdus(file, path):
    """Open the HDUs of a FITS file whose structure is sound."""
    file, can_verify = check_integrity(file, path)
    return fits.open(file, do_not_scale_image_data=True, checksum=can_verify)


def is_plane(hdu):
    """Whether an HDU holds a two-dimensional image, also as the one plane of a cube."""
    shape = hdu.shape if hdu.is_image else ()
    return len(shape) >= 2 and hdu.size > 0 and all(size == 1 for size in shape[:-2])


def chosen_images(hdus, extensions, path):
    """Choose the images of a frame.

    Returns
    -------
    images : list of HDU
    grid : list of list of int or None
        Their numbers in the config's order; None where the config gives none.
    """
    if extensions is None:
        images = [hdu for hdu in hdus if is_plane(hdu) and hdu.name.upper() not in QUALITY]
        places = [hdu.header.get("DETSEC", hdu.header.get("CCDSEC")) for hdu in images]
        if len(images) == 1 or (images and None not in places):
            return images, None
        if not images:
            raise UserError(f"{path} holds no two-dimensional image; give the raw frame.")
        raise UserError(
            f"{path} holds {len(images)} two-dimensional images; name those to read with "
            "the config key frame: extensions of the arm."
        )
    rows = extensions if isinstance(extensions, list) else [extensions]
    rows = rows if all(isinstance(row, list) for row in rows) else [rows]
    images = [named_image(hdus, name, path) for row in rows for name in row]
    numbers = iter(range(len(images)))
    grid = [[next(numbers) for _ in row] for row in rows]
    return images, None if len(images) == 1 else grid


def named_image(hdus, name, path):
    """Find an image by its number, its name, or its name and version."""
    base, _, version = str(name).partition(",")
    for number, hdu in enumerate(hdus):
        is_named = hdu.name.upper() == base.strip().upper() and (
            not version or hdu.ver == int(version)
        )
        if (number == name or (isinstance(name, str) and is_named)) and is_plane(hdu):
            return hdu
    names = ", ".join(f"{n} {hdu.name}".strip() for n, hdu in enumerate(hdus) if is_plane(hdu))
    raise UserError(
        f"{path} holds no two-dimensional image {name}, only {names or 'none'}; correct the "
        "config key frame: extensions of the arm."
    )


def quality_of(image, hdus):
    """Find the data-quality extension of an image: of its version, and its shape."""
    for hdu in hdus:
        is_quality = is_plane(hdu) and hdu.name.upper() in QUALITY and hdu.ver == image.ver
        if is_quality and hdu.shape[-2:] == image.shape[-2:]:
            return hdu
    return None


def header_of(image, primary):
    """Join an image's header with the primary one (FITS convention INHERIT)."""
    header = readable(image.header)
    if image is not primary and header.get("INHERIT") is not False:
        inherited = readable(primary.header)
        for keyword in OWN_CARDS:
            inherited.remove(keyword, ignore_missing=True, remove_all=True)
        header.extend(inherited, unique=True, strip=True)
    return header


def pixels(image, quality):
    """Physical values of an image; NaN where its data-quality extension is not 0."""
    values = to_physical(image.data, image.header)
    values = values.reshape(values.shape[-2:])
    if quality is None:
        return values
    return np.where(quality.data.reshape(values.shape) != 0, np.nan, values)


def unzipped(path):
    """Open a file; unpack one of gzip or bzip2 in memory, which verifies its checksum."""
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
    """Refuse a file whose data do not match their checksums, by astropy's warnings.

    A header that alone does not match its CHECKSUM was usually edited after writing: a warning.
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

    Returns ``BZERO + BSCALE * stored`` (FITS standard 4.0, section 4.4.2.5) in native byte order:
    integers if nothing but an unsigned offset applies, else float64 with NaN for BLANK. A BSCALE,
    BZERO or BLANK that cannot be meant is a ValueError.
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
