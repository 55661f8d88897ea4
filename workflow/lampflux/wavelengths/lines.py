"""Catalogue lines of a lamp's ions."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

import lampflux
from lampflux.errors import UserError
from lampflux.files.tables import read_line_list


class Lines(NamedTuple):
    """Catalogue lines, each an array of shape (lines,).

    ``wavelength`` in air [Angstrom]; relative ``intensity``, comparable within an ion only;
    ``ion``, such as "Ar I".
    """

    wavelength: np.ndarray
    intensity: np.ndarray
    ion: np.ndarray


def shipped_folder():
    """Folder of the line lists that come with lampflux, installed or in a checkout."""
    package = Path(lampflux.__file__).resolve().parent
    installed = package / "resources/line_lists"
    return installed if installed.is_dir() else package.parents[1] / "resources/line_lists"


def shipped_ions():
    """Ions that lampflux comes with line lists of, sorted."""
    return sorted(path.stem.replace("_", " ") for path in shipped_folder().glob("*.csv"))


def line_list(ions: Sequence[str], paths: Sequence | None = None) -> Lines:
    """Read the line lists of a lamp's ions into one catalogue.

    Parameters
    ----------
    ions : sequence of str
        Such as ``["Hg I", "Ar I"]``.
    paths : sequence of path-like, optional
        CSV table of each ion, columns ``wavelength_air`` [Angstrom] and ``intensity``; without,
        the lists that come with lampflux (sources in ``resources/line_lists/README.md``).

    Returns
    -------
    Lines
        In the order of the tables.

    Raises
    ------
    UserError
        There is no list of an ion, or it cannot be read.

    Examples
    --------
    >>> from lampflux.wavelengths import line_list
    >>> lines = line_list(["Hg I", "Ar I"])
    >>> float(lines.wavelength[abs(lines.wavelength - 5460.7).argmin()])
    5460.7499
    """
    if paths is None:
        folder = shipped_folder()
        paths = [folder / f"{ion.replace(' ', '_')}.csv" for ion in ions]
        missing = [ion for ion, path in zip(ions, paths) if not path.is_file()]
        if missing:
            raise UserError(
                f"No line list of {', '.join(missing)}; choose among "
                f"{', '.join(shipped_ions())}, or name tables of your own."
            )
    rows = [(row, ion) for path, ion in zip(paths, ions) for row in read_line_list(path)]
    return Lines(
        np.array([row["wavelength_air"] for row, _ in rows], dtype=float),
        np.array([row["intensity"] for row, _ in rows], dtype=float),
        np.array([ion for _, ion in rows], dtype=object),
    )
