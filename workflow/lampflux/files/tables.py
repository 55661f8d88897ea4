"""Read the CSV tables that users keep."""

import csv
import io
import math
import re

import numpy as np

from lampflux.errors import UserError
from lampflux.medium import to_air

# Removed from the ends of cells: every kind of space, and marks without width
MARKS = "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
EDGES = re.compile(rf"^[\s{MARKS}]+|[\s{MARKS}]+$")

# Columns of wavelengths in vacuum, and what they are read as.
AIR = {"wavelength_vacuum": "wavelength_air", "blend_vacuum": "blend_air"}


def read_table(path, numbers=(), may_be_empty=False):
    """Read a CSV table with a heading line.

    Parameters
    ----------
    path : str
        UTF-8, with or without byte-order mark, any line ends. Empty lines are ignored.
    numbers : collection of str
        Columns to read as numbers where they can be; all else stays text. What the table gives as
        ``wavelength_vacuum`` is read as ``wavelength_air``, in air; likewise ``blend_vacuum``.
    may_be_empty : bool
        Whether a heading without rows is right.

    Returns
    -------
    list of dict
        A row each: column to value. Empty cells are left out.

    Raises
    ------
    UserError
        The file is not such a table or holds no rows.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            # The heading is the first line that is not empty.
            text = file.read().lstrip()
            if "\0" in text:
                raise csv.Error("it holds NUL bytes")
            reader = csv.reader(io.StringIO(text, newline=""), strict=True)
            columns = [trimmed(name) for name in next(reader, [])]
            vacuum = {AIR[name] for name in columns if name in AIR}
            columns = [AIR.get(name, name) for name in columns]
            rows = [
                {
                    column: number(text) if column in numbers else text
                    for column, cell in zip(columns, cells)
                    if (text := trimmed(cell))
                }
                | ({"": cells[len(columns) :]} if len(cells) > len(columns) else {})
                for cells in reader
                if cells
            ]
    except (UnicodeDecodeError, csv.Error) as error:
        what = "it is in another encoding" if isinstance(error, UnicodeDecodeError) else error
        raise UserError(f"{path} is not a UTF-8 CSV table ({what}); save it as one.") from error
    for mark, name in (";", "semicolons"), ("\t", "tabs"):
        if len(columns) == 1 and mark in columns[0]:
            raise UserError(f"{path} is separated by {name}; save it with commas.")
    if both := vacuum & {name for name in columns if columns.count(name) > 1}:
        names = ", ".join(name.removesuffix("_air") for name in both)
        raise UserError(f"{path} gives {names} in air and in vacuum; keep one of the columns.")
    if len(set(columns)) < len(columns):
        raise UserError(f"{path} names a column twice ({', '.join(columns)}); keep one.")
    for name in vacuum:
        for row in rows:
            if isinstance(row.get(name), (int, float)) and row[name] > 0:
                row[name] = float(to_air(row[name]))
    surplus = next((n for n, row in enumerate(rows, start=1) if "" in row), None)
    if surplus:
        raise UserError(
            f"{path}, row {surplus} has more cells than the heading ({', '.join(columns)}); "
            "correct the heading, or quote cells with commas."
        )
    if not rows and not may_be_empty:
        raise UserError(f"{path} holds no rows below its heading; fill it in or remove it.")
    return rows


def read_emitted_lines(path):
    """Read the table of lines that a simulated lamp emits; see `read_table`."""
    return read_table(path, numbers=("wavelength_air", "flux"))


def read_line_list(path):
    """Read an ion's line list; see `read_table`."""
    return read_table(path, numbers=("wavelength_air", "intensity"))


def read_identified_lines(path):
    """Read the table of an exposure's peaks and the lines they are; see `read_table`."""
    return read_table(
        path,
        numbers=("pixel", "pixel_error", "height", "wavelength_air", "blend_air", "residual"),
        may_be_empty=True,
    )


def read_shown_fluxes(path):
    """Read the windows of a flux table for a picture, a dict each; None for what is not known."""
    numbers = ("pixel_start", "pixel_stop", "net_flux", "net_flux_err", "wavelength_air")
    unknown = dict.fromkeys((*numbers, "ion")) | {"flags": ""}
    return [unknown | row for row in read_table(path, numbers, may_be_empty=True)]


def read_fluxes(path):
    """Read a table of fluxes or of identified lines, its wavelengths in air.

    Returns
    -------
    pandas.DataFrame
    """
    import pandas as pd

    table = pd.read_csv(path)
    if "wavelength_vacuum" in table:
        for name in {*AIR, "Wavelength"} & set(table):
            table[name] = to_air(table[name])
    return table.rename(columns=AIR)


def read_fits(path):
    """Read what was fitted to each window.

    Returns
    -------
    list of (ndarray, ndarray, ndarray)
        For each window the pixels, shape (pixels,), the continuum there, and the lines, last all
        that were not fitted with the window's, shape (lines, pixels) [ADU].
    """
    windows = {}
    with open(path, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            part = windows.setdefault(row["window"], {}).setdefault(row["part"], {})
            part[int(row["pixel"])] = float(row["counts"] or "nan")
    fits = []
    for parts in windows.values():
        continuum, *lines = (np.array(list(part.values())) for part in parts.values())
        fits.append((np.array(list(parts["continuum"])), continuum, np.array(lines)))
    return fits


def read_reference(path):
    """Read an arm's wavelength reference; see `read_table`."""
    return read_table(path, numbers=("pixel", "wavelength_air"))


def read_gains(path):
    """Read the table of an arm's gain; see `read_table`."""
    return read_table(path, numbers=("column_start", "column_stop", "gain", "read_noise"))


def trimmed(text):
    """Remove `EDGES` from text; of ASCII, which is nearly all, in a tenth of the time."""
    return text.strip() if text.isascii() else EDGES.sub("", text)


def number(text):
    """Convert text to a finite int or float if it is one, and leave it as text otherwise."""
    text = trimmed(text)
    # Python would accept 1_000 and digits of any script.
    if not text.isascii() or "_" in text:
        return text
    try:
        value = int(text) if text.lstrip("+-").isdigit() else float(text)
        return value if math.isfinite(value) else text
    except (ValueError, OverflowError):
        return text
