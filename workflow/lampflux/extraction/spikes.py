"""Pixels that stand alone, cosmic rays and hot ones, set aside before anything is weighed."""

from typing import NamedTuple

import numpy as np

from lampflux.extraction.projection import above_background


class SpikeSearch(NamedTuple):
    """What makes a pixel stand alone."""

    # It exceeds the noise by this factor, ...
    significance: float = 6.0
    # ... and its neighbours, along the slit or along the row, hold at most this part of it. In a
    # line or fibre of two pixels (FWHM) they hold half.
    neighbours: float = 0.25
    # Rows that are searched at a time, so that a frame needs little memory.
    band: int = 256
    # Rounds in which the ends of tracks are taken off.
    rounds: int = 8
    # Of bright pixels that do not, where they are less than this part of all, a track is what
    # repeats neither in its row nor in its column: further off than one or two times this [pixel]
    # they hold no more than this many times the median row or column, and this many.
    sparse: float = 0.02
    block: int = 24
    usual: float = 3.0
    few: int = 4
    # More of them in a column, and this part of its bright pixels, are a narrower line: few tracks
    # are longer.
    repeats: int = 20
    repeated_part: float = 0.2
    # No converter of a detector gives more than this [ADU]: 20 bits.
    largest: float = 2.0**20
    # The neighbours of such a pixel hold at most this part of it.
    wild_neighbours: float = 0.01


SPIKES = SpikeSearch()


class Spikes(NamedTuple):
    """Pixels that stand alone: ``rows``, ``columns`` and ``counts`` above the background [ADU]."""

    rows: np.ndarray
    columns: np.ndarray
    counts: np.ndarray

    def within(self, rows):
        """Those of a slice of rows, counted from its first."""
        inside = (self.rows >= rows.start) & (self.rows < rows.stop)
        return Spikes(self.rows[inside] - rows.start, self.columns[inside], self.counts[inside])

    def moved(self, shift, columns):
        """Those that stay among the columns once each row is moved by its shift [pixel]."""
        places = self.columns + np.rint(shift).astype(int)[self.rows]
        inside = (places >= 0) & (places < columns)
        return Spikes(self.rows[inside], places[inside], self.counts[inside])


NO_SPIKES = Spikes(np.empty(0, int), np.empty(0, int), np.empty(0, np.float32))


def without_wild_pixels(frame):
    """Blank single pixels with counts that no detector gives.

    Parameters
    ----------
    frame : ndarray, shape (rows, columns)
        Raw counts [ADU].

    Returns
    -------
    ndarray
        The frame itself, or in float64 with NaN in these pixels.
    """
    if frame.dtype.itemsize < 4:
        return frame
    rows, columns = places_of(np.abs(frame.astype(float)) > SPIKES.largest)
    if not rows.size:
        return frame
    counts = frame.astype(float)
    sides = np.minimum(*highest_neighbours(np.abs(counts), rows, columns))
    wild = sides < SPIKES.wild_neighbours * np.abs(counts[rows, columns])
    if not wild.any():
        return frame
    counts[rows[wild], columns[wild]] = np.nan
    return counts


def places_of(pixels):
    """Rows and columns of the pixels that are True, as `numpy.nonzero` gives them, but faster."""
    return np.divmod(np.flatnonzero(pixels), pixels.shape[1])


def highest_neighbours(counts, rows, columns):
    """Higher neighbour of some pixels along the slit, and along the row."""
    height, width = counts.shape
    flat, places = counts.ravel(), rows * width + columns
    # Beyond an edge lies the neighbour on the other side.
    above, below = np.where(rows > 0, -width, width), np.where(rows < height - 1, width, -width)
    left, right = np.where(columns > 0, -1, 1), np.where(columns < width - 1, 1, -1)
    return [
        np.fmax(flat[places + before], flat[places + after])
        for before, after in ((above, below), (left, right))
    ]


def repeats(rows, columns, shape):
    """Whether bright pixels have others in their rows, more than most rows have, further off.

    Parameters
    ----------
    rows, columns : ndarray of int, shape (pixels,)
    shape : (int, int)
        Of the frame.

    Returns
    -------
    ndarray of bool, shape (pixels,)
    """
    blocks = 3 + shape[1] // SPIKES.block
    block = rows * blocks + 1 + columns // SPIKES.block
    number = np.bincount(block, minlength=shape[0] * blocks)
    own = sum(number[block + aside] for aside in (-1, 0, 1))
    total = number.reshape(shape[0], blocks).sum(axis=1)
    return total[rows] - own > SPIKES.usual * np.median(total) + SPIKES.few


def find_spikes(frame, background, variance):
    """Find the pixels of a frame that stand alone.

    Parameters
    ----------
    frame : ndarray, shape (rows, columns)
        Raw counts [ADU].
    background : ndarray, shape (rows, columns) or (columns,)
        Dark or bias [ADU].
    variance : float
        Variance of a pixel without light [ADU^2].

    Returns
    -------
    Spikes
    """
    found, left = [NO_SPIKES], []
    width = frame.shape[1]
    bright = np.zeros(width, int)
    limit = np.float32(SPIKES.significance * np.sqrt(variance))
    if min(frame.shape) < 2 or not np.isfinite(limit):
        return NO_SPIKES
    for first in range(0, frame.shape[0], SPIKES.band):
        # One row more on either side, for the neighbours.
        start = max(first - 1, 0)
        band = slice(start, first + SPIKES.band + 1)
        net = above_background(frame, background, band)
        above = net > limit
        above[: first - start] = above[first - start + SPIKES.band :] = False
        rows, columns = places_of(above)
        bright += np.bincount(columns, minlength=width)
        # Tracks are taken off from their ends.
        for _ in range(SPIKES.rounds):
            counts = net[rows, columns]
            sides = np.minimum(*highest_neighbours(net, rows, columns))
            alone = sides < SPIKES.neighbours * counts
            rows, columns = rows[alone], columns[alone]
            if not rows.size:
                break
            found.append((rows + start, columns, counts[alone]))
            net[rows, columns], above[rows, columns] = 0, False
            # Only pixels beside these may stand alone now.
            beside = rows * width + columns + np.array([[-width], [-1], [1], [width]])
            beside = np.unique(np.clip(beside, 0, above.size - 1))
            rows, columns = np.divmod(beside[above.take(beside)], width)
        rows, columns = places_of(above)
        left.append((rows + start, columns, net[rows, columns]))
    if bright.sum() < SPIKES.sparse * frame.size:
        rows, columns, counts = (np.concatenate(part) for part in zip(*left))
        lone = ~repeats(rows, columns, frame.shape) & ~repeats(columns, rows, frame.shape[::-1])
        found.append((rows[lone], columns[lone], counts[lone]))
    rows, columns, counts = (np.concatenate(part) for part in zip(*found))
    number = np.bincount(columns, minlength=width)
    line = (number > SPIKES.repeats) & (number > SPIKES.repeated_part * bright)
    kept = ~line[columns]
    return Spikes(rows[kept], columns[kept], counts[kept])
