"""Stray light beneath lit rows, from the unlit rows beside them."""

import numpy as np

from lampflux.extraction.rows import LIT, of_rows, row_profile
from lampflux.statistics import box_sums

# Unlit rows on either side of lit ones that tell how much stray light lies beneath these.
BESIDE, FEWEST_BESIDE = 100, 16
# Half width of the weights by which stray light is measured [line widths].
BROAD = 2.0
# Rows that differ by that from their neighbours, against what noise would do, differ by noise.
ALIKE = 0.85
# Cosmic rays beside the lit rows are cut off at so many sigma.
CLIP = 6.0


def rows_beside(lit, height):
    """Find the unlit rows beside lit ones."""
    beside = np.clip(lit[:, np.newaxis] + np.array([-BESIDE, BESIDE]), 0, height - 1)
    near = np.zeros(height + 1)
    np.add.at(near, beside[:, 0], 1)
    np.add.at(near, beside[:, 1] + 1, -1)
    return np.setdiff1d(np.flatnonzero(np.cumsum(near[:-1]) > 0), lit)


def stray_light(frame, background, weights, lit, variance, width):
    """Measure the stray light beneath lit rows by that in the unlit rows beside them.

    Parameters
    ----------
    frame, background, weights
        As in `row_profile`.
    lit : ndarray of int
        Lit rows.
    variance : float
        Variance of a pixel without light [ADU^2].
    width : float
        Width of the lines [pixel].

    Returns
    -------
    part, error : float
        Stray part of the light in the lit rows, and its 1-sigma error; 0 where none is seen.
    """
    beside = rows_beside(lit, frame.shape[0])
    if beside.size < FEWEST_BESIDE:
        return 0.0, 0.0
    # Lines are shifted there: weights as broad as that matter less where they fall.
    reach = int(np.ceil(BROAD * width))
    broad = box_sums(weights, reach) / (2 * reach + 1)
    # No row beside is lit: its light is less than that part of a lit row's.
    cap = CLIP * np.sqrt(variance) + LIT * np.clip(box_sums(weights, reach), 0, None) / lit.size
    broad -= broad.mean()
    light, total = (
        row_profile(frame[rows], of_rows(background, rows), broad, limit)
        for rows, limit in ((beside, cap.astype(np.float32)), (lit, None))
    )
    error = np.sqrt(variance / (broad @ broad))
    scale = lit.size / total.sum()
    # Other fibres light single rows, stray light lies beneath all: the lowest fifth of the rows is
    # free of the first. Rows that differ from their neighbours as much as from any others do so
    # by noise, and their median is the better estimate.
    low, below, middle, above = np.percentile(light, (20, 15.87, 50, 84.13))
    steps = np.percentile(np.diff(light), (15.87, 84.13))
    is_noise = steps[1] - steps[0] > ALIKE * np.sqrt(2) * (above - below)
    part = (middle if is_noise else low) * scale
    part_error = 1.4 * error / np.sqrt(beside.size) * scale
    return (float(part), float(part_error)) if part > 3 * part_error else (0.0, float(part_error))
