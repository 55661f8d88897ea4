"""Join the parts of a detector that its amplifiers read: sections, overscan, gains."""

import logging
import re
from typing import NamedTuple

import numpy as np

from lampflux.errors import UserError
from lampflux.files.keywords import KEYWORDS, header_number
from lampflux.files.overscan import overscan_level


class Part(NamedTuple):
    """What one amplifier reads: where it lies in its stored image and on the detector.

    ``image`` numbers the stored image; ``data`` and ``overscan`` are (rows, columns) slices of it,
    ``overscan`` None where there is none; ``row`` and ``column`` the first pixel on the detector,
    by which parts are ordered; ``flips`` the axes along which it was read backwards; ``gain`` its
    gain [electron/ADU], None where it is not known.
    """

    image: int
    data: tuple
    overscan: tuple | None
    row: int
    column: int
    flips: tuple
    gain: float | None


def parse_section(text):
    """Read a FITS section, ``[x1:x2,y1:y2]``, counted from 1 and both ends included.

    Returns
    -------
    section : (slice, slice) or None
        Rows and columns; None where the text is no section (UNKNOWN, say).
    flips : tuple of int
        Axes along which it runs backwards.
    """
    found = re.fullmatch(r"\[(\d+):(\d+),(\d+):(\d+)\]", "".join(str(text).split()))
    if found is None:
        return None, ()
    x1, x2, y1, y2 = map(int, found.groups())
    if 0 in (x1, x2, y1, y2):
        return None, ()
    section = slice(min(y1, y2) - 1, max(y1, y2)), slice(min(x1, x2) - 1, max(x1, x2))
    return section, tuple(axis for axis, back in ((0, y1 > y2), (1, x1 > x2)) if back)


def section_in(text, shape, what, path):
    """Read a section and leave it out, with a warning, where it does not lie in the image."""
    section, _ = parse_section(text)
    if section is None:
        return None
    if any(part.stop > size for part, size in zip(section, shape)):
        logging.warning(
            "%s: %s %s does not lie in the image of %d x %d pixels and is ignored.",
            *(path, what, text, shape[1], shape[0]),
        )
        return None
    return section


def parts_of(number, header, shape, sections, path):
    """Find the amplifiers of one stored image.

    Parameters
    ----------
    number : int
        Number of the image among those that are joined.
    header : mapping
        Its header: BIASSEC, and TRIMSEC or DATASEC; DETSEC or CCDSEC; the gain.
    shape : (int, int)
        Its rows and columns.
    sections : list of dict or None
        From the config, in place of the header's: ``data`` and, where they are given,
        ``overscan`` and ``gain`` of each amplifier, as FITS sections and in electron/ADU.
    path : str
        For messages.

    Returns
    -------
    list of Part

    Raises
    ------
    UserError
        A section of the config does not lie in the image.
    """
    gain, _ = header_number(header, KEYWORDS["gain"])
    if sections:
        parts = []
        for each in sections:
            data = section_in(each.get("data"), shape, "data", path)
            overscan = section_in(each.get("overscan"), shape, "overscan", path)
            if data is None or (each.get("overscan") and overscan is None):
                raise UserError(
                    f"{path}: the image of {shape[1]} x {shape[0]} pixels does not contain the "
                    f"config's sections {each}; correct them ([x1:x2,y1:y2], from 1)."
                )
            place = data[0].start, data[1].start
            parts.append(Part(number, data, overscan, *place, (), each.get("gain", gain)))
        return parts
    overscan = section_in(header.get("BIASSEC"), shape, "BIASSEC", path)
    data = None
    for keyword in ("TRIMSEC", "DATASEC"):
        data = data or section_in(header.get(keyword), shape, keyword, path)
    data = data or beside(overscan, shape)
    place, flips = parse_section(header.get("DETSEC"))
    if place is None:
        place, flips = parse_section(header.get("CCDSEC"))
    row, column = (0, 0) if place is None else (place[0].start, place[1].start)
    return [Part(number, data, overscan, row, column, flips, gain)]


def beside(overscan, shape):
    """Leave the overscan out of an image, where it lies along an edge."""
    whole = slice(0, shape[0]), slice(0, shape[1])
    for axis in (0, 1):
        other = None if overscan is None else overscan[1 - axis]
        if other is None or other.stop - other.start < 0.5 * shape[1 - axis]:
            continue
        first, stop = overscan[axis].start, overscan[axis].stop
        if stop - first < 0.5 * shape[axis]:
            rest = slice(stop, shape[axis]) if first < shape[axis] - stop else slice(0, first)
            return (rest, whole[1]) if axis == 0 else (whole[0], rest)
    return whole


def arranged(parts, grid, path):
    """Arrange parts as a grid of rows and columns.

    Parameters
    ----------
    parts : list of Part
    grid : list of list of int or None
        Numbers of the images in the config's order, lowest row first; None: by the place on the
        detector.
    path : str
        For messages.

    Returns
    -------
    list of list of Part

    Raises
    ------
    UserError
        The parts do not fill a grid.
    """
    if grid:
        by_image = {part.image: part for part in parts}
        table = [[by_image[image] for image in row] for row in grid]
    else:
        rows = sorted({part.row for part in parts})
        table = [
            sorted((p for p in parts if p.row == row), key=lambda p: p.column) for row in rows
        ]
    heights = [{p.data[0].stop - p.data[0].start for p in row} for row in table]
    widths = [[p.data[1].stop - p.data[1].start for p in row] for row in table]
    places = [[p.column for p in row] for row in table]
    is_grid = all(len(height) == 1 for height in heights) and len(set(map(tuple, widths))) == 1
    twice = any(len(set(row)) < len(row) for row in places) and not grid
    if not is_grid or twice or sum(map(len, table)) < len(parts):
        raise UserError(
            f"{path}: its {len(parts)} images cannot be joined to one frame; name one, or give "
            "their order, with the config key frame: extensions of the arm."
        )
    return table


def joined_shape(table):
    """Rows and columns of a grid of parts."""
    return (
        sum(row[0].data[0].stop - row[0].data[0].start for row in table),
        sum(part.data[1].stop - part.data[1].start for part in table[0]),
    )


def levels_of(part, image, path):
    """Estimate the bias of a part of a stored image [ADU] from its overscan.

    Returns
    -------
    level : ndarray or None
        Bias of each pixel [ADU], of one row or one column; None where the overscan is not one,
        because it is brighter than the middle of the image.
    method : str
    """
    data, overscan = image[part.data], part.overscan
    beside_columns = not overlap(overscan[1], part.data[1])
    along = 0 if beside_columns else 1
    lines = slice(
        max(overscan[along].start, part.data[along].start),
        min(overscan[along].stop, part.data[along].stop),
    )
    strip = image[lines, overscan[1]] if along == 0 else image[overscan[0], lines].T
    if strip.size == 0 or not np.isfinite(strip).any():
        return None, "no pixels beside the image"
    if np.nanmedian(strip) > np.nanmedian(data) + 5 * np.nanstd(strip):
        logging.warning("%s: its overscan is brighter than its image and is ignored.", path)
        return None, "brighter than the image"
    level, method = overscan_level(strip)
    first, stop = part.data[along].start, part.data[along].stop
    level = np.interp(np.arange(first, stop), np.arange(lines.start, lines.stop), level)
    return (level[:, np.newaxis] if along == 0 else level[np.newaxis, :]), method


def overlap(one, other):
    """Whether two slices share pixels."""
    return one.start < other.stop and other.start < one.stop


def gain_ratios(parts):
    """Gain of each part over the first one's; 1 where one of them is not known."""
    gains = [part.gain for part in parts]
    return [gain / gains[0] for gain in gains] if all(gains) else [1.0] * len(gains)


def joined(table, images, path):
    """Join the parts of a frame, trimmed and in the units of the first one's ADU.

    Parameters
    ----------
    table : list of list of Part
    images : list of ndarray
        Stored images [ADU].
    path : str
        For messages.

    Returns
    -------
    counts : ndarray, shape (rows, columns)
        Raw counts; whole numbers stay so where all gains are the same.
    overscan : ndarray of float32 or None, shape (rows, columns)
        Bias of each pixel [ADU]; None where no part has overscan.
    cards : list of tuple
        Header cards that say what was done.
    """
    shape, ratios = joined_shape(table), gain_ratios([part for row in table for part in row])
    same = all(ratio == 1 for ratio in ratios)
    if len(ratios) == 1:
        counts = images[0][table[0][0].data]
    else:
        counts = np.empty(shape, np.result_type(*images) if same else np.float64)
    overscan, cards, top, number = None, [], 0, 0
    for row in table:
        left = 0
        for part in row:
            image, ratio = images[part.image], ratios[number]
            number += 1
            piece = image[part.data]
            place = slice(top, top + piece.shape[0]), slice(left, left + piece.shape[1])
            if len(ratios) > 1:
                counts[place] = np.flip(piece if same else piece * ratio, part.flips)
            columns = f"{place[1].start}:{place[1].stop - 1}"
            if part.overscan is not None:
                level, method = levels_of(part, image, path)
                cards.append((f"OVERMET{number}", method, f"overscan of columns {columns}"))
                if level is not None:
                    overscan = np.zeros(shape, np.float32) if overscan is None else overscan
                    level = np.broadcast_to(level * ratio, piece.shape)
                    overscan[place] = np.flip(level, part.flips)
                    median = float(np.median(level))
                    cards.append((f"OVERLEV{number}", median, "[adu] its median level"))
            if not same:
                cards.append((f"AMPGAIN{number}", ratio, f"gain ratio, columns {columns}"))
            left += piece.shape[1]
        top += row[0].data[0].stop - row[0].data[0].start
    return counts, overscan, cards
