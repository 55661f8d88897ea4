"""Check frames, darks and window tables without computing anything."""

import hashlib
import os
from contextlib import suppress
from itertools import combinations

import numpy as np

from lampflux.errors import UserError
from lampflux.files.exposure import exposure_format
from lampflux.files.frames import check_columns, check_shapes, read_frame
from lampflux.fluxes.windows import line_windows, read_rows, window_pixels

# Bytes in the middle of a file, which differ between most frames.
SAMPLE = 1 << 16


def complaints(look, *arguments):
    """Call a function that checks files and return its errors as sentences.

    Parameters
    ----------
    look : callable
        Raises `UserError` or OSError where something is wrong.
    *arguments
        Arguments of ``look``.

    Returns
    -------
    list of str
        Empty if nothing is wrong.
    """
    try:
        look(*arguments)
    except UserError as error:
        return list(error.args)
    except OSError as error:
        return [f"{error.filename} cannot be read ({error.strerror}); correct this."]
    return []


def same_pixels(paths):
    """Find frames that are copies of each other under other names.

    Parameters
    ----------
    paths : collection of str
        Files that are there.

    Returns
    -------
    list of str
        One sentence for each pair with the same pixels.
    """
    alike, copies = {}, {}
    for path in sorted({os.path.realpath(path) for path in paths}):
        size = os.path.getsize(path)
        with open(path, "rb") as file:
            file.seek(size // 2)
            alike.setdefault((size, file.read(SAMPLE)), []).append(path)
    for group in alike.values():
        for path in group if len(group) > 1 else ():
            # Other checks report a file that cannot be read.
            with suppress(UserError, OSError):
                counts = read_frame(path).counts
                pixels = counts.shape, hashlib.sha256(np.ascontiguousarray(counts)).digest()
                copies.setdefault(pixels, []).append(path)
    return [
        f"{first} and {second} hold the same pixels; remove the copy, or give the right frame."
        for group in copies.values()
        for first, second in combinations(group, 2)
    ]


def exposure_problems(exposure):
    """Check a frame's format against its darks, its arm and its line windows.

    Parameters
    ----------
    exposure : dict
        ``frame`` (path), ``backgrounds`` (path and exposure time of each dark and bias),
        ``seconds``, ``arm``, ``spatial_axis``,
        ``amplifiers`` (list of first and last columns, or None) and ``windows`` (path or None);
        where given, ``settings`` (the arm's config key ``frame``) and ``table`` (of exposures).

    Returns
    -------
    list of str
        One sentence for each fault.
    """
    shapes, problems = {}, []

    def look(path, seconds):
        # Missing files are reported with the names and tables.
        if not os.path.exists(path):
            return
        shapes[path] = exposure_format(
            *(path, seconds, exposure["spatial_axis"]),
            *(exposure.get("settings"), exposure.get("table")),
        )

    frame = exposure["frame"]
    for path, seconds in ((frame, exposure["seconds"]), *exposure["backgrounds"]):
        problems += complaints(look, path, seconds)
    if frame not in shapes:
        return problems
    columns = shapes[frame][1]
    for path in filter(shapes.get, dict(exposure["backgrounds"])):
        problems += complaints(check_shapes, shapes[frame], shapes[path], frame, path)
    misfits = []
    if exposure["amplifiers"]:
        misfits = complaints(
            check_columns, columns, exposure["amplifiers"], frame, exposure["arm"]
        )
    # The windows of the arm say nothing about a frame with other columns.
    if exposure["windows"] and not misfits:
        misfits = complaints(check_windows, exposure["windows"], columns)
    return problems + misfits


def check_windows(path, columns):
    """Refuse windows in pixels that leave the detector.

    Windows in wavelength can be checked only once there is a wavelength solution.
    """
    windows = [
        window._replace(wavelength_air=None)
        for window in line_windows(read_rows(path))
        if window.unit == "pixel"
    ]
    window_pixels(windows, np.arange(columns), path)
