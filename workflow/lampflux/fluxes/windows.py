"""Line windows: the ranges of pixels or wavelengths over which a lamp's lines are summed."""

from itertools import combinations
from typing import NamedTuple

import numpy as np

from lampflux.errors import UserError
from lampflux.files.tables import read_table
from lampflux.medium import from_medium

# Lines may lie this far beyond a spectrum's ends, whose wavelengths may be nominal [its range].
LINE_BEYOND_ENDS = 0.1
# This many windows in pixels beyond the detector were made for other frames.
MANY_OUTSIDE = 3


class LineWindow(NamedTuple):
    """A row of a window table: both ends included, ``unit`` 'pixel' or 'angstrom' (in air)."""

    start: float
    stop: float
    unit: str
    ion: str
    wavelength_air: float | None


def read_rows(path, may_be_empty=False):
    """Read a window table's rows as they stand; see `read_table`."""
    return read_table(path, ("start", "stop", "wavelength_air"), may_be_empty)


def line_windows(rows, medium="air"):
    """Make line windows of a table's rows.

    Parameters
    ----------
    rows : list of dict
        As `read_rows` gives them.
    medium : str
        Medium of their ends where they are in Angstrom, air or vacuum.

    Returns
    -------
    list of LineWindow
    """
    return [
        LineWindow(
            *(
                from_medium(row[end], medium if row.get("unit") == "angstrom" else "air")
                for end in ("start", "stop")
            ),
            row.get("unit", "pixel"),
            row.get("ion", ""),
            row.get("wavelength_air"),
        )
        for row in rows
    ]


def order_problems(windows):
    """Find windows that run backwards or overlap another of the same unit.

    Parameters
    ----------
    windows : list of LineWindow

    Returns
    -------
    list of str
        Sentences that begin with the row, counted from 1.
    """
    problems = []
    for row, window in enumerate(windows, start=1):
        if window.stop < window.start:
            problems.append(
                f"row {row} runs backwards ({window.start:g} to {window.stop:g}); swap its ends."
            )
    for unit in ("pixel", "angstrom"):
        ranges = sorted(
            (window.start, window.stop, row)
            for row, window in enumerate(windows, start=1)
            if window.unit == unit
        )
        for (start, stop, row), (next_start, next_stop, next_row) in combinations(ranges, 2):
            if next_start <= stop:
                problems.append(
                    f"row {next_row} ({next_start:g} to {next_stop:g}) overlaps row {row} "
                    f"({start:g} to {stop:g}); separate them or remove one."
                )
    return problems


def window_pixels(windows, wavelength, source):
    """Find the pixels of each window.

    Parameters
    ----------
    windows : list of LineWindow
    wavelength : ndarray, shape (pixels,)
        Wavelength of each pixel's centre [Angstrom], for windows given in wavelength.
    source : str
        The window table's file, for messages.

    Returns
    -------
    list of tuple of int
        First and last pixel of each window, both included.

    Raises
    ------
    UserError
        A window leaves the detector, holds no pixel, overlaps another, or names a line far from
        all wavelengths.
    """
    pixels, problems, outside = [], [], 0
    lowest, highest = wavelength.min(), wavelength.max()
    for row, window in enumerate(windows, start=1):
        if window.unit == "pixel":
            start, stop = int(window.start), int(window.stop)
            inside = start >= 0 and stop < len(wavelength)
            limits = f"pixels 0 to {len(wavelength) - 1}"
        else:
            inside = lowest <= window.start and window.stop <= highest
            limits = f"{lowest:.1f} to {highest:.1f} Angstrom"
            held = np.flatnonzero((wavelength >= window.start) & (wavelength <= window.stop))
            if inside and held.size == 0:
                problems.append(
                    f"row {row} ({window.start:g} to {window.stop:g} Angstrom) holds no pixel; "
                    "widen it."
                )
            start, stop = (held[0], held[-1]) if held.size else (0, -1)
        if not inside:
            outside += window.unit == "pixel"
            problems.append(
                f"row {row} ({window.start:g} to {window.stop:g}) leaves the detector "
                f"({limits}); correct or remove it."
            )
        beyond = LINE_BEYOND_ENDS * (highest - lowest)
        line = window.wavelength_air
        if line is not None and not lowest - beyond <= line <= highest + beyond:
            problems.append(
                f"row {row} names a line at {line:g} Angstrom, where the spectrum covers "
                f"{lowest:.0f} to {highest:.0f}; correct or remove wavelength_air."
            )
        pixels.append((int(start), int(stop)))
    if outside >= MANY_OUTSIDE:
        problems = [
            f"{outside} of {len(windows)} windows leave the detector (pixels 0 to "
            f"{len(wavelength) - 1}): they seem to be for another format or binning; give such "
            "frames an arm of their own, or correct the windows."
        ]
    problems = problems or order_problems(
        [LineWindow(start, stop, "pixel", "", None) for start, stop in pixels]
    )
    if problems:
        raise UserError(" ".join(f"{source}, {problem}" for problem in problems))
    return pixels


def window_sums(counts, pixels):
    """Sum a spectrum over pixel ranges.

    Parameters
    ----------
    counts : ndarray, shape (pixels,)
        Spectrum [ADU].
    pixels : list of (int, int)
        First and last pixel of each range, both included.

    Returns
    -------
    ndarray, shape (ranges,)
        Sums [ADU]; NaN where a range holds a pixel that is not known.
    """
    return np.array([counts[start : stop + 1].sum() for start, stop in pixels], dtype=float)
