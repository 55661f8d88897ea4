"""Read an exposure as the settings of its arm say."""

import numpy as np

from lampflux.files.frames import frame_format, read_frame
from lampflux.files.keywords import check_exposure_time, check_unit


def read_exposure(path, seconds, spatial_axis=0, settings=None, table=None):
    """Read a frame or dark of known exposure time, its overscan subtracted.

    Parameters
    ----------
    path : str
    seconds : float
        Exposure time by the file's name or the table of exposures [s].
    spatial_axis : {0, 1}
        Axis of the stored image that runs along the slit.
    settings : dict, optional
        The arm's config key ``frame``: ``extensions``, ``sections``, ``bad_pixels``,
        ``keywords``, ``exposure_unit`` and ``exposure_tolerance``.
    table : str, optional
        The table of exposures, where the time comes from one.

    Returns
    -------
    lampflux.files.frames.Frame
        Where there is overscan, ``counts`` are float32 and without it: the saturation limit of
        the raw counts is then lower by ``overscan.max()``.

    Raises
    ------
    UserError
        The file cannot be read, or its header gives another exposure time, or another unit
        than counts.
    """
    settings = settings or {}
    layout = {key: settings.get(key) for key in ("extensions", "sections", "bad_pixels")}
    frame = read_frame(path, spatial_axis, **layout)
    check_unit(frame.header, path)
    check_exposure_time(frame.header, seconds, path, settings, table)
    if frame.overscan is None:
        return frame
    return frame._replace(counts=np.subtract(frame.counts, frame.overscan, dtype=np.float32))


def exposure_format(path, seconds, spatial_axis=0, settings=None, table=None):
    """Check all of an exposure but its pixels; its rows and columns. See `read_exposure`."""
    settings = settings or {}
    layout = {key: settings.get(key) for key in ("extensions", "sections")}
    shape, header = frame_format(path, spatial_axis, **layout)
    check_unit(header, path)
    check_exposure_time(header, seconds, path, settings, table)
    return shape
