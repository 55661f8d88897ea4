"""Stray light beneath lit rows, from the unlit rows beside them."""

from typing import NamedTuple

import numpy as np

from lampflux.extraction.projection import of_rows, row_profile
from lampflux.extraction.rows import LIT
from lampflux.statistics import box_sums


class StrayLight(NamedTuple):
    """Stray ``part`` of the light in the lit rows, and its 1-sigma ``error``."""

    part: float = 0.0
    error: float = 0.0


class StraySearch(NamedTuple):
    """How stray light is measured."""

    # Unlit rows on either side of lit ones in which it is measured, and fewest of them.
    beside: int = 100
    fewest: int = 16
    # Half width of the weights by which it is measured [line widths].
    broad: float = 2.0
    # Rows differ by noise where neighbours scatter by this part of what all do.
    alike: float = 0.85
    # Cosmic rays in these rows are cut off at this many sigma.
    clip: float = 6.0
    # Part of the diffuse light that is uncertain: halos of lines are not quite of that form.
    halo: float = 0.2
    # Columns of a block whose median is diffuse light [line widths], and rows that share it: in
    # the noise of a single row lines would not stand out of the median.
    block: float = 24.0
    together: int = 16


STRAY = StraySearch()


def rows_beside(lit, height):
    """Find the unlit rows beside lit ones."""
    beside = np.clip(lit[:, np.newaxis] + np.array([-STRAY.beside, STRAY.beside]), 0, height - 1)
    near = np.zeros(height + 1)
    np.add.at(near, beside[:, 0], 1)
    np.add.at(near, beside[:, 1] + 1, -1)
    return np.setdiff1d(np.flatnonzero(np.cumsum(near[:-1]) > 0), lit)


def measure_stray_light(frame, background, lines, lit, variance):
    """Measure the stray light beneath lit rows by that in the unlit rows beside them.

    Parameters
    ----------
    frame : ndarray, shape (rows, columns)
        Raw counts [ADU].
    background : ndarray, shape (rows, columns) or (columns,)
        Dark or bias [ADU].
    lines : lampflux.extraction.lines.Lines
    lit : ndarray of int
        Lit rows.
    variance : float
        Variance of a pixel without light [ADU^2].

    Returns
    -------
    StrayLight
        0 where none is seen.
    """
    beside = rows_beside(lit, frame.shape[0])
    if beside.size < STRAY.fewest:
        return StrayLight()
    # Lines are shifted there: weights as broad as that matter less where they fall.
    weights = lines.weights
    reach = int(np.ceil(STRAY.broad * lines.width))
    broad = box_sums(weights, reach) / (2 * reach + 1)
    # Diffuse light would be cut off unevenly: less beneath lines than between them.
    beneath = of_rows(background, beside)
    net = frame[beside].astype(np.float32) - beneath
    diffuse = diffuse_level(net, beside, STRAY.block * lines.width)
    # No row beside is lit: its light is less than that part of a lit row's.
    cap = (
        STRAY.clip * np.sqrt(variance)
        + LIT.part * np.clip(box_sums(weights, reach), 0, None) / lit.size
    )
    # Light that changes slowly along the row is no stray light of lines.
    slow = np.stack([np.ones(broad.size), box_sums(broad, 3 * reach)], axis=1)
    broad -= slow @ np.linalg.lstsq(slow, broad, rcond=None)[0]
    light, total = (
        row_profile(frame[rows], level, broad, limit)
        for rows, level, limit in (
            (beside, beneath + diffuse, cap.astype(np.float32)),
            (lit, of_rows(background, lit), None),
        )
    )
    error = np.sqrt(variance / (broad @ broad))
    scale = lit.size / total.sum()
    # Other fibres light single rows, stray light lies beneath all: the lowest fifth of the rows is
    # free of the first. Rows that differ from their neighbours as much as from any others do so
    # by noise, and their median is the better estimate.
    low, below, middle, above = np.percentile(light, (20, 15.87, 50, 84.13))
    steps = np.percentile(np.diff(light), (15.87, 84.13))
    is_noise = steps[1] - steps[0] > STRAY.alike * np.sqrt(2) * (above - below)
    part = (middle if is_noise else low) * scale
    halo = np.median(diffuse @ broad) / (broad @ broad)
    part_error = np.hypot(1.4 * error / np.sqrt(beside.size), STRAY.halo * halo) * scale
    return StrayLight(float(part) if part > 3 * part_error else 0.0, float(part_error))


def diffuse_level(image, rows, width):
    """Measure light that changes slowly along each row, and from row to row.

    Parameters
    ----------
    image : ndarray, shape (rows, columns)
        Background subtracted, NaN where blank [ADU].
    rows : ndarray of int, shape (rows,)
        Their numbers, increasing.
    width : float
        Columns of a block.

    Returns
    -------
    ndarray of float32, shape (rows, columns)
        Medians of blocks of the mean of some rows, interpolated along these [ADU].
    """
    columns = np.arange(image.shape[1])
    blocks = np.array_split(columns, max(int(columns.size / width), 1))
    middle = [block.mean() for block in blocks]
    groups, group = np.unique(rows // STRAY.together, return_inverse=True)
    share = np.eye(groups.size, dtype=np.float32)[group]
    share /= share.sum(axis=0)
    mean = share.T @ np.nan_to_num(image)
    medians = np.stack([np.median(mean[:, block], axis=1) for block in blocks], axis=1)
    levels = [np.interp(columns, middle, each) for each in medians]
    return np.array(levels, dtype=np.float32)[group]
