"""The gain by the light between lines, as a test of the one that lines show."""

import math
from typing import NamedTuple

import numpy as np


class BlockTransfer(NamedTuple):
    """How the scatter of blocks without lines is compared with their light."""

    # Rows and columns of a block, and fewest blocks.
    rows: int = 4
    columns: int = 16
    fewest: int = 50
    # Blocks whose columns differ by more than this times the noise hold lines.
    flat: float = 1.5
    # Blocks further from the line than this part are left out, in this many rounds.
    outlying: float = 0.8
    rounds: int = 30
    # Its slope exceeds its error by this factor.
    significance: float = 20.0
    # From the darkest to the brightest of these percentiles the light adds this many times the
    # noise without it: else wings of lines and fibres scatter more than light does.
    range: tuple[float, float] = (5.0, 95.0)
    rise: float = 2.0


BLOCKS = BlockTransfer()


def quiet_gain(counts):
    """Measure the gain by the scatter of blocks without lines against their light.

    A straight line (Janesick 2001, Scientific Charge-Coupled Devices, chapter 2), whose slope
    depends neither on the bias nor on a model of the lines.

    Parameters
    ----------
    counts : ndarray, shape (rows, columns)
        [ADU]

    Returns
    -------
    float or None
        Gain [electron/ADU]; None where light differs too little from block to block.
    """
    # Free of a slope along the columns that differs from row to row, as wings of lines in fibres.
    square = np.diff(np.diff(counts, 2, axis=1), axis=0) / math.sqrt(12)
    height, width = BLOCKS.rows, BLOCKS.columns
    rows, columns = square.shape[0] // height, square.shape[1] // width
    scatter, light = (
        part[: rows * height, : columns * width].reshape(rows, height, columns, width)
        for part in (np.square(square), counts[:-1, 1:-1])
    )
    variance = scatter.mean(axis=1, dtype=float).mean(axis=2).ravel()
    light = light.mean(axis=1, dtype=float).reshape(-1, width)
    level = light.mean(axis=1)
    bends = np.diff(light, 2, axis=1).var(axis=1) / 6 * height
    quiet = (bends < BLOCKS.flat * variance) & (variance > 0)
    variance, level = variance[quiet], level[quiet]
    if level.size < BLOCKS.fewest:
        return None
    weights, least = np.ones(level.size), 0.2 * np.median(variance)
    terms = np.stack([level - level.mean(), np.ones(level.size)], axis=1)
    for _ in range(BLOCKS.rounds):
        inverse = np.linalg.pinv(terms.T @ (terms * weights[:, np.newaxis]))
        line = inverse @ terms.T @ (weights * variance)
        expected = np.maximum(terms @ line, least)
        weights = (np.abs(variance / expected - 1) < BLOCKS.outlying) / expected**2
    darkest, brightest = line[0] * (np.percentile(level, BLOCKS.range) - level.mean()) + line[1]
    if brightest < (1 + BLOCKS.rise) * darkest:
        return None
    # A block's variance has this relative one; neighbours share pixels.
    error = np.sqrt(inverse[0, 0] * 2 * 2.25 / (height * width))
    return float(1 / line[0]) if line[0] > BLOCKS.significance * error else None
