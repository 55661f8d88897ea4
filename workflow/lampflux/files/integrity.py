"""Tell whether a FITS file is whole before its numbers are believed."""

import io
import logging
import math
import re

import numpy as np

from lampflux.errors import UserError

# Length of a FITS block and of a card [bytes].
BLOCK, CARD = 2880, 80
END = b"END".ljust(CARD)
# Keywords that say where the pixels lie and what their numbers mean: two of them would contradict
# each other, and readers differ in which they take.
DECISIVE = re.compile(
    r"SIMPLE|XTENSION|Z?(BITPIX|NAXIS\d*|PCOUNT|GCOUNT)|ZSIMPLE|ZTENSION|ZTILE\d+|ZCMPTYPE|ZIMAGE|TFIELDS|THEAP"
    r"|BSCALE|BZERO|BLANK|ZSCALE|ZZERO|ZBLANK|CHECKSUM|DATASUM"
)
# Other compressions, and other parameters of Rice's (FITS standard 4.0, table 37), let a damaged
# file write beyond the decompressor's memory.
COMPRESSIONS = ("RICE_1", "RICE_ONE", "GZIP_1", "GZIP_2", "NOCOMPRESS")
ALLOWED = {"BLOCKSIZE": ("16", "32"), "BYTEPIX": ("1", "2", "4", "8")}
# Most axes and columns that the standard allows (FITS standard 4.0, section 4.4.1).
MOST = 999


def check_integrity(file, path):
    """Walk through the headers of a FITS file and hold what they say against its bytes.

    Each header must begin with its mandatory keywords in their order, say nothing decisive twice,
    and be followed by as many bytes as it says; the file must end with its last HDU; and data and
    headers must match the sums that they carry (FITS standard 4.0, sections 4.4.1 and 4.4.2.7).

    Parameters
    ----------
    file : binary file
        The FITS file, unzipped.
    path : str
        Its name, for messages.

    Raises
    ------
    UserError
        The file is damaged. A header that alone does not match its CHECKSUM was edited after
        writing; that is logged as a warning.
    """
    length, place = file.seek(0, io.SEEK_END), 0
    if length == 0:
        raise damaged(path, "it is empty")
    file.seek(0)
    begins = file.read(16)
    if not begins.startswith(b"SIMPLE  ="):
        raise damaged(path, f"it begins with {begins!r}")
    if length % BLOCK:
        raise damaged(path, f"its {length} bytes are not whole blocks of {BLOCK}; truncated?")
    while place < length:
        file.seek(place)
        if place and file.read(8) != b"XTENSION":
            file.seek(place)
            if file.read().strip(b"\0 "):
                raise damaged(path, "it goes on after its last HDU")
            break
        header = read_header(file, place, path)
        values = header_values(header, path)
        check_structure(values, "XTENSION" if place else "SIMPLE", path)
        start, size = place + len(header), data_size(values)
        place = start + -(-size // BLOCK) * BLOCK
        if start + size > length:
            raise damaged(path, f"truncated to {length} of {place} bytes")
        if "DATASUM" in values or "CHECKSUM" in values:
            check_sums(file, header, values, (start, place), path)


def damaged(path, reason):
    """Make the error for a file that is not sound FITS; the reason may quote its bytes."""
    reason = "".join(letter if letter.isprintable() else " " for letter in str(reason))
    return UserError(f"{path} cannot be read as FITS ({reason}); copy it again from its source.")


def read_header(file, place, path):
    """Read the blocks of a header up to its END."""
    file.seek(place)
    header = bytearray()
    while block := file.read(BLOCK):
        header += block
        if any(block[card : card + CARD] == END for card in range(0, BLOCK, CARD)):
            return bytes(header)
        if not header.startswith((b"SIMPLE  =", b"XTENSION=")):
            break
    raise damaged(path, "a header has no END")


def header_values(header, path):
    """Map the keywords of a header to their values as text."""
    values = {}
    for place in range(0, header.index(END), CARD):
        card = header[place : place + CARD]
        if re.search(rb"[^ -~]", card[:8]):
            raise damaged(path, "a keyword of its header is not ASCII")
        keyword = card[:8].decode().strip().upper()
        if card[8:10] == b"= ":
            if keyword in values and DECISIVE.fullmatch(keyword):
                raise damaged(path, f"its header gives {keyword} twice")
            value = re.match(rb" *('(?:[^']|'')*'|[^/ ]*)", card[10:])[1]
            values.setdefault(keyword, value.decode("latin-1"))
    return values


def check_structure(values, first, path):
    """Hold a header's mandatory keywords against what the standard allows."""
    try:
        axes = [whole_number(values[f"NAXIS{n + 1}"]) for n in range(count(values, "NAXIS"))]
        order = [first, "BITPIX", "NAXIS", *(f"NAXIS{n + 1}" for n in range(len(axes)))]
        order += ["PCOUNT", "GCOUNT"] if first == "XTENSION" else []
        if list(values)[: len(order)] != order:
            raise damaged(path, f"its header does not begin with {', '.join(order)}")
        if values["BITPIX"] not in ("8", "16", "32", "64", "-32", "-64"):
            raise damaged(path, f"its header gives BITPIX as {values['BITPIX']}")
        whole_number(values.get("PCOUNT", "0"))
        whole_number(values.get("GCOUNT", "1"))
        count(values, "TFIELDS")
        if values.get("ZIMAGE") == "T":
            check_tiles(values, path)
    except (KeyError, ValueError) as error:
        raise damaged(path, f"its header lacks a right {error}") from None


def check_tiles(values, path):
    """Hold a tile-compressed image against its table, which has a row for each tile."""
    kind, tiles = values["ZCMPTYPE"].strip("' "), 1
    if kind not in COMPRESSIONS:
        raise UserError(
            f"{path} is compressed by {kind!a}, which cannot be read safely; unpack it (funpack), "
            "or compress it by RICE_1."
        )
    for n in range(1, count(values, "ZNAXIS") + 1):
        axis = whole_number(values[f"ZNAXIS{n}"])
        tile = whole_number(values.get(f"ZTILE{n}", values["ZNAXIS1"] if n == 1 else "1"))
        if tile == 0:
            raise damaged(path, f"its header gives ZTILE{n} as 0")
        tiles *= -(-axis // tile)
    for n in range(1, MOST + 1):
        name, value = values.get(f"ZNAME{n}", "").strip("' "), values.get(f"ZVAL{n}")
        if name in ALLOWED and value not in ALLOWED[name]:
            raise damaged(path, f"its header gives {name} (ZVAL{n}) as {value}")
    rows = whole_number(values["NAXIS2"])
    if tiles != rows:
        raise damaged(path, f"its header tells of {tiles} compressed tiles, its table of {rows}")


def whole_number(text):
    """Turn a header's value into a number of zero or more."""
    if not re.fullmatch(r"\+?\d{1,18}", text):
        raise ValueError(f"number in place of {text!r}")
    return int(text)


def count(values, keyword):
    """Read how many axes or columns a header tells of."""
    number = whole_number(values.get(keyword, "0"))
    if number > MOST:
        raise ValueError(f"{keyword} ({number})")
    return number


def data_size(values):
    """Bytes of data that a header tells of (FITS standard 4.0, equation 2)."""
    axes = [whole_number(values[f"NAXIS{n + 1}"]) for n in range(count(values, "NAXIS"))]
    pixels = math.prod(axes) + whole_number(values.get("PCOUNT", "0")) if axes else 0
    return abs(int(values["BITPIX"])) // 8 * whole_number(values.get("GCOUNT", "1")) * pixels


def check_sums(file, header, values, span, path):
    """Hold an HDU against its DATASUM and CHECKSUM.

    Parameters
    ----------
    file : binary file
    header : bytes
    values : dict of str to str
        The header's values.
    span : (int, int)
        First byte of the data and the byte behind them, filled up to whole blocks.
    path : str
    """
    start, stop = span
    file.seek(start)
    data = ones_complement_sum(file.read(stop - start))
    expected = values.get("DATASUM", "").strip("' ")
    if expected and (not expected.isdecimal() or int(expected) != data):
        raise UserError(
            f"{path} does not match its checksum (DATASUM); copy it again from its source."
        )
    # With its CHECKSUM the sum of an HDU has all bits set; an empty one says nothing.
    whole = ones_complement_sum(header, data)
    if values.get("CHECKSUM", "").strip("' ") and whole != 0xFFFFFFFF:
        if not expected:
            raise UserError(
                f"{path} does not match its checksum (CHECKSUM); copy it again from its source."
            )
        logging.warning(
            "%s: the header does not match its checksum (CHECKSUM), the data match theirs "
            "(DATASUM); the header was edited after writing, or is damaged.",
            path,
        )


def ones_complement_sum(content, start=0):
    """Sum 32-bit words, adding what is carried over at the end (FITS standard 4.0, appendix J)."""
    content += b"\0" * (-len(content) % 4)
    total = start + int(np.frombuffer(content, ">u4").sum(dtype=np.uint64))
    while total >> 32:
        total = (total & 0xFFFFFFFF) + (total >> 32)
    return total
