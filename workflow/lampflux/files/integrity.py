"""Check the structure of a FITS file before astropy reads its pixels.

astropy finds most damage by itself. Of ten thousand damaged files (``tests/fuzz_frames.py``),
these are the ones that it reads wrongly or never finishes: headers whose mandatory keywords are
out of order, repeated or absurdly large, files that end too early or too late, and tiles that
overrun their decompressor.
"""

import io
import logging
import math
import re
from collections import Counter

from astropy.io import fits

from lampflux.errors import UserError

# Length of a FITS block [bytes].
BLOCK = 2880
# Most axes that the standard allows (FITS standard 4.0, section 4.4.1).
MOST_AXES = 999
# Keywords that place the pixels or give their values; readers differ in which of two they take.
DECISIVE = re.compile(
    r"SIMPLE|XTENSION|Z?(BITPIX|NAXIS\d*|PCOUNT|GCOUNT)|ZSIMPLE|ZTENSION|ZTILE\d+|ZCMPTYPE|ZIMAGE|TFIELDS|THEAP"
    r"|BSCALE|BZERO|BLANK|ZSCALE|ZZERO|ZBLANK|CHECKSUM|DATASUM"
)
# Other compressions, and other parameters of Rice's (FITS standard 4.0, table 37), let a damaged
# file write beyond the decompressor's memory.
COMPRESSIONS = ("RICE_1", "RICE_ONE", "GZIP_1", "GZIP_2", "NOCOMPRESS")
RICE_PARAMETERS = {"BLOCKSIZE": (16, 32), "BYTEPIX": (1, 2, 4, 8)}


def check_integrity(file, path):
    """Check each header of a FITS file, and that the HDUs fill the file.

    Parameters
    ----------
    file : binary file
        The FITS file, unzipped.
    path : str
        Its name, for messages.

    Returns
    -------
    file : binary file
        The same, or a copy that ends with its last HDU, in whole blocks.
    can_verify : bool
        Whether astropy can verify the file's checksums: it fails where one is empty.

    Raises
    ------
    UserError
        The file is damaged. A file without padding, or with a few bytes after its last HDU, is
        not; that is logged as a warning.
    Exception
        Whatever astropy raises for a header that it cannot read.
    """
    length, place, can_verify, padding = file.seek(0, io.SEEK_END), 0, True, b""
    extensions = wanted = 0
    if length == 0:
        raise damaged(path, "it is empty")
    file.seek(0)
    begins = file.read(16)
    if not begins.startswith(b"SIMPLE  ="):
        raise damaged(path, f"it begins with {begins!r}")
    while place < length and (place == 0 or bytes_at(file, place, 8) == b"XTENSION"):
        file.seek(place)
        header = fits.Header.fromfile(file)
        check_header(header, "XTENSION" if place else "SIMPLE", path)
        # How many extensions follow, where the primary says so: a file cut off between two of
        # them has no other sign of it.
        wanted = wanted if place else header.get("NEXTEND", 0)
        extensions += place > 0
        can_verify &= "" not in (header.get("DATASUM"), header.get("CHECKSUM"))
        end, place = file.tell() + header.data_size, file.tell() + header.data_size_padded
        if length < place and length != end:
            raise damaged(path, f"truncated to {length} of {place} bytes")
        padding = bytes_at(file, end, place - end)
    if type(wanted) is int and extensions < wanted:
        raise damaged(path, f"it ends after {extensions} of {wanted} extensions")
    behind = bytes_at(file, place, length)
    if length % BLOCK == 0 and not behind.strip(b"\0 "):
        file.seek(0)
        return file, can_verify
    # Bytes that were lost or added inside the data would have moved these into the padding.
    if len(behind) >= BLOCK or (behind and (not padding or padding.strip(b"\0 "))):
        raise damaged(path, "there are data after its last HDU")
    what = f"has {len(behind)} bytes after its last HDU" if behind else "ends without padding"
    logging.warning("%s %s; it is used anyway.", path, what)
    return io.BytesIO(bytes_at(file, 0, place).ljust(place, b"\0")), can_verify


def bytes_at(file, place, size):
    """Read some bytes of a file, or as many as there are."""
    file.seek(place)
    return file.read(size)


def damaged(path, reason):
    """Make the error for a damaged file; the reason may quote its bytes."""
    reason = " ".join("".join(c if c.isprintable() else " " for c in str(reason)).split())[:200]
    return UserError(f"{path} cannot be read as FITS ({reason}); copy it again from its source.")


def check_header(header, first, path):
    """Check the keywords of a header that place the pixels and give their values."""
    axes = whole_number(header, "NAXIS", MOST_AXES)
    sizes = [f"NAXIS{n}" for n in range(1, axes + 1)]
    order = [first, "BITPIX", "NAXIS", *sizes]
    order += ["PCOUNT", "GCOUNT"] if first == "XTENSION" else []
    if list(header)[: len(order)] != order:
        raise damaged(path, f"its header does not begin with {', '.join(order)}")
    if header["BITPIX"] not in (8, 16, 32, 64, -32, -64):
        raise damaged(path, f"its header gives BITPIX as {header['BITPIX']}")
    for keyword in sizes:
        whole_number(header, keyword)
    for keyword in ("PCOUNT", "GCOUNT", "TFIELDS"):
        whole_number(header, keyword, MOST_AXES if keyword == "TFIELDS" else math.inf)
    # astropy puts question marks in place of other characters.
    if any("?" in keyword or not keyword.isprintable() for keyword in header):
        raise damaged(path, "a keyword of its header is not ASCII")
    for keyword, times in Counter(list(header)).items():
        if times > 1 and DECISIVE.fullmatch(keyword):
            raise damaged(path, f"its header gives {keyword} twice")
    if header.get("ZIMAGE") is True:
        check_tiles(header, path)


def check_tiles(header, path):
    """Check a tile-compressed image against its table, which has a row for each tile."""
    compression = header["ZCMPTYPE"]
    if compression not in COMPRESSIONS:
        raise UserError(
            f"{path} is compressed by {compression!a}, which cannot be read safely; unpack it "
            "(funpack), or compress it by RICE_1."
        )
    tiles = 1
    for n in range(1, whole_number(header, "ZNAXIS", MOST_AXES) + 1):
        axis = whole_number(header, f"ZNAXIS{n}")
        tile = header.get(f"ZTILE{n}", axis if n == 1 else 1)
        if not (type(tile) is int and tile > 0):
            raise damaged(path, f"its header gives ZTILE{n} as {tile}")
        tiles *= -(-axis // tile)
    for keyword in header["ZNAME*"]:
        name, value = header[keyword], header.get(keyword.replace("NAME", "VAL"))
        if name in RICE_PARAMETERS and value not in RICE_PARAMETERS[name]:
            raise damaged(path, f"its header gives {name} as {value}")
    if tiles != header["NAXIS2"]:
        raise damaged(
            path, f"its header has {tiles} compressed tiles, its table {header['NAXIS2']}"
        )


def whole_number(header, keyword, most=math.inf):
    """Read a keyword that counts something; 0 where it is missing."""
    value = header.get(keyword, 0)
    if not (type(value) is int and 0 <= value <= most):
        raise ValueError(f"its header gives {keyword} as {value}")
    return value
