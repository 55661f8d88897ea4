"""Cosmic rays, found by comparing the rows of a frame."""

from typing import NamedTuple

import numpy as np

from lampflux.extraction.model import common_light, diffuse_light, shift_columns, slit_model
from lampflux.statistics import box_sums


class RaySearch(NamedTuple):
    """How cosmic rays are told from light."""

    # A cosmic ray exceeds the noise by this factor, its outskirts by the second.
    detection: float = 5.0
    outskirts: float = 2.0
    # Least part of the light by which model and frame may differ anywhere.
    least_misfit: float = 0.01
    # Pixels this bright, against the noise, and so many show the misfit, beyond two sigma.
    misfit_light: float = 100.0
    misfit_pixels: int = 500
    # This percentile of theirs: cosmic rays hit far fewer than one in a hundred.
    misfit_percent: float = 97.0
    # A cosmic ray exceeds it by this factor.
    misfit: float = 3.0
    # A cosmic ray differs from the model by this many times what half its neighbours
    # do, along the slit and along the row: a misfit of the model repeats there.
    contrast: float = 3.0
    # Rays fall on bright pixels (light over noise) as on dark ones, and are harder to see there:
    # more by this factor and number of tracks are misfits of lines, ...
    bright: float = 10.0
    outnumber: float = 3.0
    outnumber_tracks: int = 12
    # ... and so are more than so many tracks, and this part of the bright pixels, in three
    # neighbouring rows.
    row_tracks: int = 6
    row_part: float = 0.03
    # Where the model misses lines by more than this part, single pixels are counted, for its
    # misfits are as long as tracks: so many of them.
    poor: float = 0.06
    outnumber_pixels: int = 30
    row_pixels: int = 8
    # These neighbours, to either side, more than most tracks have pixels [pixel]; along the slit
    # where there are so many rows.
    nearest: int = 3
    farthest: int = 32
    rows: int = 33


RAYS = RaySearch()


def neighbourhood(image, rows, columns):
    """Largest value among so many rows and columns to either side of each pixel."""
    for axis, reach in enumerate((rows, columns)):
        largest = image.copy()
        for step in range(1, min(reach, image.shape[axis] - 1) + 1):
            ahead, behind = [slice(None)] * 2, [slice(None)] * 2
            ahead[axis], behind[axis] = slice(step, None), slice(None, -step)
            np.maximum(largest[tuple(behind)], image[tuple(ahead)], out=largest[tuple(behind)])
            np.maximum(largest[tuple(ahead)], image[tuple(behind)], out=largest[tuple(ahead)])
        image = largest
    return image


class CosmicRays(NamedTuple):
    """Pixels that cosmic rays hit, arrays of shape (rows, columns).

    Which were ``hit``, in the frame or, leaving a hole, in its dark; the ``model`` of the frame
    without cosmic rays, and its 1-sigma ``misfit`` [ADU]. ``refused`` pixels on lines differ from
    the model too, but are too many for cosmic rays, and are left as they are.
    """

    hit: np.ndarray
    model: np.ndarray
    misfit: np.ndarray
    refused: int = 0


def find_cosmic_rays(image, slit, detector):
    """Find the pixels of lit rows that cosmic rays hit.

    Parameters
    ----------
    image : lampflux.extraction.image.LitImage
        Pixels that are missing, or unclear because lines saturate, are not taken for cosmic rays.
    slit : lampflux.extraction.slit.Slit
    detector : lampflux.extraction.detector.Detector
        Without a gain, one electron is taken for an ADU.

    Returns
    -------
    CosmicRays
    """
    counts, clipped = image.counts, image.missing | image.unclear
    if slit.profile is None:
        return CosmicRays(np.zeros(counts.shape, bool), counts, np.zeros_like(counts))
    variance, gain = detector.variance, np.float32(detector.gain or 1.0)
    upright = shift_columns(counts, -slit.drift) if slit.drift.any() else counts
    light = common_light(upright, slit.profile, slit.shift, variance, gain)
    hit, diffuse = np.zeros(counts.shape, bool), np.float32(0)
    for attempt in range(2):
        model = diffuse + frame_model(counts - diffuse, ~(hit | clipped), slit, light, variance)
        near = neighbourhood(np.clip(model, 0, None), 2, 2)
        lines = near > RAYS.bright * np.sqrt(variance)
        residual = counts - model
        sigma = np.sqrt(variance + near / gain)
        bright = (near > RAYS.misfit_light * np.sqrt(variance)) & ~clipped
        part = RAYS.least_misfit
        if np.count_nonzero(bright) > RAYS.misfit_pixels:
            excess = np.abs(residual[bright]) - RAYS.outskirts * sigma[bright]
            part = max(np.percentile(excess / near[bright], RAYS.misfit_percent), part)
        misfit = np.float32(RAYS.misfit * part) * near
        strength = (np.abs(residual) - misfit) / sigma
        core = strength > RAYS.detection
        core[clipped] = False
        core = without_repeats(core, residual / sigma, slit.shift)
        hit = core
        for _ in range(2):
            hit = (neighbourhood(hit, 1, 1) & (strength > RAYS.outskirts)) | core
            hit[clipped] = False
        if attempt == 0:
            diffuse = diffuse_light(residual, ~(hit | clipped | lines))
    refused = outnumbering(hit, lines, part > RAYS.poor)
    hit &= ~refused
    return CosmicRays(hit, model, misfit / RAYS.misfit, int(refused.sum()))


def frame_model(counts, good, slit, light, variance):
    """Model lit rows as `slit_model` does, with their traces straight."""
    if not slit.drift.any():
        return slit_model(counts, good, slit.profile, light, variance)
    upright = shift_columns(counts, -slit.drift)
    good = shift_columns(good.astype(np.float32), -slit.drift) > 0.9
    model = slit_model(upright, good, slit.profile, light, variance)
    return shift_columns(model, slit.drift)


def outnumbering(hit, lines, poor):
    """Find the pixels hit on lines that are too many for cosmic rays, in a row or in all.

    Parameters
    ----------
    hit, lines : ndarray of bool, shape (rows, columns)
        Pixels that are hit, and those that lines light.
    poor : bool
        Whether the model misses the lines by much.

    Returns
    -------
    ndarray of bool, shape (rows, columns)
    """
    on_lines = hit & lines
    counted = hit if poor else track_starts(hit)
    number, area = np.count_nonzero(counted & lines), np.count_nonzero(lines)
    elsewhere = np.count_nonzero(counted & ~lines)
    expected = elsewhere / max(lines.size - area, 1) * area
    fewest = RAYS.outnumber_pixels if poor else RAYS.outnumber_tracks
    if number > RAYS.outnumber * expected + fewest:
        return on_lines
    # The model misses the ends of a slit, and the edges of fibres, in line after line.
    number, pixels, area = (
        box_sums(part.sum(axis=1), 1) for part in (counted & lines, on_lines, lines)
    )
    fewest = RAYS.row_pixels if poor else RAYS.row_tracks
    many = (number > fewest) & (pixels > RAYS.row_part * area)
    return on_lines & many[:, np.newaxis]


def track_starts(hit):
    """Mark a pixel of each track: one that no hit pixel precedes, in the row before or its own."""
    before = np.zeros_like(hit)
    before[:, 1:] |= hit[:, :-1]
    before[1:] |= hit[:-1]
    before[1:, 1:] |= hit[:-1, :-1]
    before[1:, :-1] |= hit[:-1, 1:]
    return hit & ~before


def without_repeats(found, residual, shift):
    """Leave out pixels that differ from the model no more than their neighbours do.

    Parameters
    ----------
    found : ndarray of bool, shape (rows, columns)
        Pixels that differ from the model.
    residual : ndarray, shape (rows, columns)
        Frame minus model over its noise.
    shift : ndarray, shape (rows,)
        Shift of each row's lines, along which neighbours in other rows are taken [pixel].

    Returns
    -------
    ndarray of bool, shape (rows, columns)
    """
    rows, columns = np.nonzero(found)
    height, width = found.shape
    own = np.abs(residual[rows, columns])
    kept = np.ones(rows.size, bool)
    if height >= RAYS.rows:
        steps = neighbours(height)
        near = mirrored(rows[:, np.newaxis] + steps, height)
        places = columns[:, np.newaxis] + np.rint(shift[near] - shift[rows, np.newaxis]).astype(
            int
        )
        # Lines that lean otherwise than the shift says differ one pixel aside.
        beside = [np.abs(residual[near, mirrored(places + aside, width)]) for aside in (-1, 0, 1)]
        typical = np.percentile(np.max(beside, axis=0), 50, axis=1)
        kept &= own > RAYS.contrast * typical
    near = mirrored(columns[:, np.newaxis] + neighbours(width), width)
    typical = np.percentile(np.abs(residual[rows[:, np.newaxis], near]), 50, axis=1)
    kept &= own > RAYS.contrast * typical
    result = np.zeros(found.shape, bool)
    result[rows[kept], columns[kept]] = True
    return result


def neighbours(size):
    """Distances to neighbours on either side on an axis of this size."""
    steps = np.arange(RAYS.nearest, min(RAYS.farthest, size // 2) + 1)
    return np.concatenate([-steps, steps])


def mirrored(places, size):
    """Places on an axis of this size, mirrored at its ends."""
    places = np.abs(places)
    return np.clip(np.where(places >= size, 2 * size - 2 - places, places), 0, size - 1)
