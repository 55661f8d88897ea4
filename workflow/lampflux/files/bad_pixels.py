"""Read the bad pixels of a detector: a FITS image, or a table of rectangles."""

import numpy as np
from astropy.io import fits

from lampflux.errors import UserError
from lampflux.files.tables import read_table

COLUMNS = ("row_start", "row_stop", "column_start", "column_stop")


def read_bad_pixels(path, shape, spatial_axis, frame_path):
    """Read which pixels of a frame are bad.

    Parameters
    ----------
    path : str
        FITS image, not 0 where a pixel is bad, stored as the trimmed frame is; or a CSV table of
        rectangles with the columns row_start, row_stop, column_start and column_stop, from 0 and
        both ends included, rows along the slit.
    shape : (int, int)
        Rows and columns of the frame.
    spatial_axis : {0, 1}
        Axis of the stored image that runs along the slit.
    frame_path : str
        The frame, for messages.

    Returns
    -------
    ndarray of bool, shape (rows, columns)

    Raises
    ------
    UserError
        The mask is of another shape, or a rectangle leaves the frame.
    """
    if path.lower().endswith(".csv"):
        return rectangles(read_table(path, numbers=COLUMNS), shape, path)
    try:
        image = fits.getdata(path)
    except (OSError, IndexError) as error:
        raise UserError(
            f"{path} is not a FITS image of bad pixels ({error}); give one, or a CSV table."
        ) from error
    bad = image.T != 0 if spatial_axis == 1 else image != 0
    if bad.shape != shape:
        raise UserError(
            f"{path} has {bad.shape[0]} x {bad.shape[1]} pixels, but {frame_path} has {shape[0]} "
            f"x {shape[1]}; give a mask of the same format."
        )
    return bad


def rectangles(rows, shape, path):
    """Mark rectangles of bad pixels."""
    bad = np.zeros(shape, bool)
    for number, row in enumerate(rows, start=1):
        ends = [row.get(column) for column in COLUMNS]
        whole = all(isinstance(end, int) and end >= 0 for end in ends)
        if not (whole and ends[0] <= ends[1] < shape[0] and ends[2] <= ends[3] < shape[1]):
            raise UserError(
                f"{path}, row {number}: {', '.join(COLUMNS)} ({ends}) are not pixels of a frame "
                f"of {shape[0]} x {shape[1]}; correct them."
            )
        bad[ends[0] : ends[1] + 1, ends[2] : ends[3] + 1] = True
    return bad
