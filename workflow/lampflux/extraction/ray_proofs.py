"""Proofs that pixels which differ from the model are hit by cosmic rays, and are no lines."""

from math import lgamma, log
from typing import NamedTuple

import numpy as np

from lampflux.extraction.projection import of_rows
from lampflux.extraction.spikes import find_spikes, places_of
from lampflux.extraction.stray_light import rows_beside
from lampflux.statistics import box_sums


class RayProofs(NamedTuple):
    """What shows that a difference is no misfit of lines."""

    # A cosmic ray differs from the model by this many times what its neighbours do, along the slit
    # and along the row: a misfit repeats there. Along the row the median of the neighbours counts,
    # along the slit the first percentile where the difference exceeds all light near it, else the
    # second.
    contrast: float = 3.0
    usual: tuple[float, float] = (25, 75)
    # These neighbours, to either side, more than most tracks have pixels [pixel]; along the slit
    # where there are this many rows.
    nearest: int = 3
    farthest: int = 32
    rows: int = 33
    # One of less than this many sigma exceeds the median of its neighbours along the row, this far
    # away at most, by the second: diffuse light that the model misses is smooth.
    faint: float = 10.0
    smooth: int = 10
    excess: float = 5.0
    # Rays fall on bright pixels as on dark ones, and are harder to see there: more by this factor
    # and number of tracks are misfits. A track is what hits a square of this many pixels.
    outnumber: float = 3.0
    outnumber_tracks: int = 12
    square: int = 12
    # So are more than this many places, beyond those off the lines, and this part of the bright
    # pixels, in three neighbouring rows, and more than this many places in neighbouring columns.
    row_places: int = 6
    row_part: float = 0.03
    # Where the model is poor, single pixels are counted, for its misfits are as long as tracks.
    outnumber_pixels: int = 30
    row_pixels: int = 8
    # Chance that rays hit any row as often as the one that is hit most, below which it is lit.
    gathered: float = 0.01
    # Without a dark, more than this many pixels that are too faint in a square of nine are missing
    # light.
    alone: int = 3


PROOFS = RayProofs()
# Pixels along the side of a small square.
SQUARE = 3


def square_around(rows, columns, shape):
    """Rows and columns of the nine pixels about each of some, of shape (9, pixels)."""
    around = np.indices((SQUARE, SQUARE)).reshape(2, -1, 1) - SQUARE // 2
    places = rows + around[0], columns + around[1]
    return tuple(np.clip(place, 0, size - 1) for place, size in zip(places, shape))


def clumped(faint):
    """Whether pixels that are too faint have others beside them: dead ones stand alone."""
    places = places_of(faint)
    result = np.zeros_like(faint)
    result[places] = faint[square_around(*places, faint.shape)].sum(axis=0) > PROOFS.alone
    return result


def outnumbering(hit, may_be_misfit, lines, poor, beside):
    """Find the pixels hit on lines that are too many for cosmic rays, in a row or in all.

    Parameters
    ----------
    hit, lines : ndarray of bool, shape (rows, columns)
        Pixels that are hit, and those that lines light.
    may_be_misfit : ndarray of bool, shape (pixels,)
        Whether those that are hit lie on a line and differ by no more than its light.
    poor : bool
        Whether the model misses the lines by much.
    beside : (int, int)
        As in `lampflux.extraction.cosmic_rays.find_cosmic_rays`.

    Returns
    -------
    ndarray of bool, shape (rows, columns)
    """
    places = np.stack(places_of(hit))
    on_lines, off_lines = places[:, may_be_misfit], places[:, ~may_be_misfit]
    in_rows = np.count_nonzero(lines, axis=1)
    area, result = in_rows.sum(), np.zeros_like(hit)
    if poor:
        number, elsewhere = on_lines.shape[1], off_lines.shape[1]
        unlit, fewest = lines.size - area, PROOFS.outnumber_pixels
    else:
        number, elsewhere = count_tracks(on_lines), count_tracks(off_lines) + beside[0]
        unlit, fewest = lines.size - area + beside[1], PROOFS.outnumber_tracks
    if number > PROOFS.outnumber * elsewhere / max(unlit, 1) * area + fewest:
        result[tuple(on_lines)] = True
        return result
    # The model misses the ends of a slit, and the edges of fibres, in line after line.
    pixels = box_sums(np.bincount(on_lines[0], minlength=len(hit)), 1)
    number, fewest = pixels, PROOFS.row_pixels
    if not poor:
        # A track along the row hits the gaps between lines, too.
        number = places_in_rows(on_lines, len(hit))
        number = number - PROOFS.outnumber * places_in_rows(off_lines, len(hit))
        fewest = PROOFS.row_places
    many = (number > fewest) & (pixels > PROOFS.row_part * box_sums(in_rows, 1))
    result[tuple(on_lines[:, many[on_lines[0]]])] = True
    return result


def repeating(hit, shift):
    """Find the pixels hit in columns hit in too many places for cosmic rays: lines.

    Parameters
    ----------
    hit : ndarray of bool, shape (rows, columns)
    shift : ndarray, shape (rows,)
        Shift of each row's lines [pixel].

    Returns
    -------
    ndarray of bool, shape (rows, columns)
    """
    rows, columns = places_of(hit)
    upright = np.clip(columns - np.rint(shift[rows]).astype(int), 0, hit.shape[1] - 1)
    places = np.unique(np.stack([upright, rows // PROOFS.square]), axis=1)[0]
    number = np.bincount(places, minlength=hit.shape[1])
    many = number > PROOFS.row_places + PROOFS.outnumber * number.mean()
    # A hot column stands alone; a line lights its neighbours.
    line = box_sums(many, 1) > 1
    lit = box_sums(line & many, 2) > 0
    result = np.zeros_like(hit)
    result[rows[lit[upright]], columns[lit[upright]]] = True
    return result


def count_tracks(places):
    """Count tracks by the squares that they hit, of pixels at places of shape (2, pixels)."""
    return np.unique(places // PROOFS.square, axis=1).shape[1]


def tracks_beside(frame, background, rows, variance):
    """Count tracks in unlit rows beside lit ones.

    Parameters
    ----------
    frame : ndarray, shape (rows, columns)
        Raw counts [ADU].
    background : ndarray, shape (rows, columns) or (columns,)
        Dark or bias [ADU].
    rows : ndarray of int
        Lit rows.
    variance : float
        Variance of a pixel without light [ADU^2].

    Returns
    -------
    tracks, pixels : int
    """
    beside = rows_beside(rows, frame.shape[0])
    spikes = find_spikes(frame[beside], of_rows(background, beside), variance)
    return count_tracks(np.stack([spikes.rows, spikes.columns])), beside.size * frame.shape[1]


def places_in_rows(places, height):
    """Count the places where each row or its neighbours are hit; one track makes one or two."""
    rows, columns = places
    near = (rows + np.array([[-1], [0], [1]])).ravel()
    lanes = np.unique(np.stack([near, np.tile(columns // PROOFS.square, 3)]), axis=1)[0]
    return np.bincount(lanes[(lanes >= 0) & (lanes < height)], minlength=height)


def gathering(rows, columns, height):
    """Whether so many pixels lie in one row, and its neighbours, as cosmic rays seldom do."""
    places = places_in_rows((rows, columns), height)
    busiest, most = int(places.argmax()), int(places.max())
    elsewhere = np.delete(places, slice(max(busiest - 2, 0), busiest + 3))
    usual = max(elsewhere.sum(), 1) / height
    # Of rays that fall at random, by Poisson's law.
    return log(height) + most * log(usual) - usual - lgamma(most + 1) < log(PROOFS.gathered)


def without_repeats(found, residual, shift, outshining):
    """Leave out pixels that differ from the model no more than their neighbours do.

    Parameters
    ----------
    found : ndarray of bool, shape (rows, columns)
        Pixels that differ from the model.
    residual : ndarray, shape (rows, columns)
        Frame minus model over its noise.
    shift : ndarray, shape (rows,)
        Shift of each row's lines, along which neighbours in other rows are taken [pixel].
    outshining : ndarray of bool, shape (pixels,)
        Whether those that were found differ by far more than all light near them.

    Returns
    -------
    ndarray of bool, shape (rows, columns)
    """
    rows, columns = places_of(found)
    height, width = found.shape
    own = np.abs(residual[rows, columns])
    kept = np.ones(rows.size, bool)
    if height >= PROOFS.rows:
        steps = neighbours(height)
        near = mirrored(rows[:, np.newaxis] + steps, height)
        places = columns[:, np.newaxis] + np.rint(shift[near] - shift[rows, np.newaxis]).astype(
            int
        )
        # Lines that lean otherwise than the shift says differ one pixel aside.
        beside = [np.abs(residual[near, mirrored(places + aside, width)]) for aside in (-1, 0, 1)]
        usual = np.percentile(np.max(beside, axis=0), PROOFS.usual, axis=1)
        typical = np.where(outshining, usual[0], usual[1])
        kept &= own > PROOFS.contrast * typical
    near = mirrored(columns[:, np.newaxis] + neighbours(width), width)
    typical = np.percentile(np.abs(residual[rows[:, np.newaxis], near]), 50, axis=1)
    kept &= own > PROOFS.contrast * typical
    faint = np.flatnonzero(kept & (own < PROOFS.faint))
    near = mirrored(columns[faint, np.newaxis] + neighbours(width, PROOFS.smooth), width)
    level = np.median(residual[rows[faint, np.newaxis], near], axis=1)
    apart = np.abs(residual[rows[faint], columns[faint]] - level)
    kept[faint] = apart > PROOFS.excess
    result = np.zeros(found.shape, bool)
    result[rows[kept], columns[kept]] = True
    return result


def neighbours(size, farthest=PROOFS.farthest):
    """Distances to neighbours on either side on an axis of this size."""
    steps = np.arange(PROOFS.nearest, min(farthest, size // 2) + 1)
    return np.concatenate([-steps, steps])


def mirrored(places, size):
    """Places on an axis of this size, mirrored at its ends."""
    places = np.abs(places)
    return np.clip(np.where(places >= size, 2 * size - 2 - places, places), 0, size - 1)
