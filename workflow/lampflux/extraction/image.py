"""The lit rows of a frame as an image: background off, gaps filled, saturated pixels marked."""

from typing import NamedTuple

import numpy as np

from lampflux.extraction.bias import amplifier_steps, row_levels
from lampflux.extraction.detector import (
    SATURATED_PIXELS,
    Detector,
    noise_rows,
    saturated_columns,
    with_measured,
)
from lampflux.extraction.gain import full_well
from lampflux.extraction.projection import above_background

# A row is broken where this part of it, off the lines, is saturated.
BROKEN = 0.5
# ... but not where this many rows are: then the light itself saturates.
MOST_BROKEN = 0.1


class LitImage(NamedTuple):
    """Lit rows of a frame, and what they show of the detector.

    Of shape (rows, columns), ``counts`` above the background [ADU] and which pixels are
    ``missing`` and ``saturated``; ``unclear``, of shape (columns,), where saturated lines and
    their wings fall; ``row_scatter`` of the rows' own levels, which were taken off [ADU]; the
    ``detector``, with a saturation that the rows show; the number of ``broken`` rows, dead or
    saturated throughout, which are missing.
    """

    counts: np.ndarray
    missing: np.ndarray
    saturated: np.ndarray
    unclear: np.ndarray
    row_scatter: float
    detector: Detector
    broken: int = 0


def lit_image(frame, background, lines, lit, detector):
    """Take the background off lit rows, fill their gaps, and find what is saturated.

    Parameters
    ----------
    frame : ndarray, shape (rows, columns)
        Raw counts [ADU].
    background : ndarray, shape (rows, columns) or (columns,)
        Dark, or bias of each column [ADU].
    lines : lampflux.extraction.lines.Lines
    lit : lampflux.extraction.rows.LitRows
    detector : lampflux.extraction.detector.Detector

    Returns
    -------
    LitImage
    """
    raw = frame[lit.rows]
    counts, missing = filled(above_background(frame, background, lit.rows))
    quiet, scatter = lines.weights <= 0, 0.0
    # A dark holds the levels of the rows.
    if background.ndim == 1:
        levels, scatter = row_levels(
            counts, quiet, detector.amplifiers, detector.variance, lit.profile
        )
        counts -= levels
        some = counts[noise_rows(len(counts))]
        counts -= amplifier_steps(some, detector.amplifiers).astype(np.float32)
    saturated = raw >= detector.saturation
    # Lines do not saturate between each other: such a row is broken, as a dead one is.
    broken = (saturated & quiet).sum(axis=1) > BROKEN * quiet.sum()
    if broken.mean() > MOST_BROKEN:
        broken[:] = False
    broken |= lit.dead
    counts[broken], saturated[broken], missing[broken] = 0, False, True
    pile = full_well(counts, detector.variance, detector.gain)
    if np.isfinite(pile) and np.count_nonzero(saturated) < SATURATED_PIXELS:
        piled = (counts >= pile) & ~missing
        saturated |= piled
        foot = float(raw[piled].min())
        if foot < detector.saturation:
            detector = with_measured(detector, saturation=foot)
    unclear = saturated_columns(saturated, True, lines.width)
    return LitImage(counts, missing, saturated, unclear, scatter, detector, int(broken.sum()))


def filled(image):
    """Fill missing pixels of an image from their rows; 0 in rows without any good one."""
    missing = ~np.isfinite(image)
    columns = np.arange(image.shape[1])
    for row in np.flatnonzero(missing.any(axis=1)):
        good = ~missing[row]
        image[row] = np.interp(columns, columns[good], image[row, good]) if good.any() else 0
    return image, missing
