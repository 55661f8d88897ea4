"""The slit on the detector: how lines curve along it, and how traces drift."""

from typing import NamedTuple

import numpy as np

from lampflux.extraction.drift import measure_drift, offset
from lampflux.extraction.model import shift_columns
from lampflux.extraction.projection import row_profile
from lampflux.statistics import SIGMA_PER_MAD


class ShiftSearch(NamedTuple):
    """How the shift of lines along the slit is measured."""

    # Blocks of lit rows in which the lines' position is measured, and fewest rows of one.
    blocks: int = 24
    block_rows: int = 8
    # A column's counts are cut off at this many times those of its bright fibres.
    crest: float = 1.5
    # Farthest that lines are followed along the slit [pixel].
    farthest: int = 100
    # Blocks with less than this part of the brightest one's light are left out.
    weak: float = 0.1
    # Blocks may scatter about the parabola by this, or it is none [pixel].
    largest_scatter: float = 0.5


SHIFT = ShiftSearch()


class Slit(NamedTuple):
    """Where the light of the slit falls among lit rows.

    Of shape (rows,), ``profile``, the light of each row, and ``shift`` of its lines towards higher
    columns [pixel]; of shape (columns,), ``drift`` of the traces towards higher rows that is left
    [pixel]: less than a row. ``profile`` is None where rows cannot be compared.
    """

    profile: np.ndarray | None
    shift: np.ndarray
    drift: np.ndarray


def trace_slit(image, rows, weights):
    """Follow traces along the dispersion axis and lines along the slit.

    Parameters
    ----------
    image : lampflux.extraction.image.LitImage
    rows : ndarray of int, shape (rows,)
        Places of the image's rows on the detector.
    weights : ndarray, shape (columns,) or None
        Light of lines; None to compare nothing.

    Returns
    -------
    image : lampflux.extraction.image.LitImage
        Columns moved along the slit by whole rows, against the drift of the traces.
    slit : Slit
    """
    unknown = Slit(None, np.zeros(rows.size), np.zeros(image.counts.shape[1]))
    if weights is None:
        return image, unknown
    clear = weights * ~image.unclear
    if clear.any():
        weights = clear
    if not np.median(light_of_rows(image.counts, weights)) > 0:
        return image, unknown
    drift = measure_drift(image.counts, weights)
    whole = np.rint(drift).astype(int)
    if whole.any():
        image = move_columns(image, whole)
    drift = drift - whole
    profile = along = light_of_rows(image.counts, weights)
    if drift.any():
        along = light_of_rows(shift_columns(image.counts, -drift), weights)
    return image, Slit(along, measure_shift(image.counts, profile, rows), drift)


def light_of_rows(counts, weights):
    """Light of each row of an image from which the background was taken, as `row_profile`."""
    return row_profile(counts, np.zeros(counts.shape[1]), weights)


def move_columns(image, drift):
    """Move the columns of a `LitImage` towards lower rows by whole rows; sums do not change."""
    height = image.counts.shape[0]
    rows = np.clip(np.arange(height)[:, np.newaxis] + drift, 0, height - 1)
    counts, missing, saturated = (np.take_along_axis(part, rows, axis=0) for part in image[:3])
    return image._replace(counts=counts, missing=missing, saturated=saturated)


def mean_spectrum(image):
    """Average rows, cosmic rays cut off, and take the continuum off."""
    # A cosmic ray stands out from the bright fibres of its column.
    crest = SHIFT.crest * np.clip(np.percentile(image, 80, axis=0), 0, None)
    spectrum = np.minimum(image, crest).mean(axis=0)
    return spectrum - np.median(spectrum)


def measure_shift(image, profile, rows):
    """Measure how lines shift along the slit, as a parabola of the row.

    Parameters
    ----------
    image : ndarray, shape (rows, columns)
        Lit rows, background subtracted [ADU].
    profile : ndarray, shape (rows,)
        Light of each of them.
    rows : ndarray of int, shape (rows,)
        Their places on the detector.

    Returns
    -------
    ndarray, shape (rows,)
        Shift of each row towards higher columns [pixel], on average over the light 0; all zero
        where it cannot be measured.
    """
    blocks = np.array_split(
        np.arange(rows.size), max(1, min(SHIFT.blocks, rows.size // SHIFT.block_rows))
    )
    none = np.zeros(rows.size)
    if len(blocks) < 3:
        return none
    spectra = [mean_spectrum(image[block]) for block in blocks]
    share = np.clip(profile, 0, None)
    light = np.array([share[block].sum() for block in blocks])
    if light.min() <= 0:
        return none
    middle = np.array([np.average(rows[block], weights=share[block]) for block in blocks])
    reference = spectra[int(np.argmax(light))]
    farthest = min(SHIFT.farthest, image.shape[1] // 4)
    shifts = np.array([offset(spectrum, reference, farthest) for spectrum in spectra])
    used = np.isfinite(shifts) & (light > SHIFT.weak * light.max())
    if used.sum() < 3:
        return none
    scale = np.ptp(rows) or 1
    place = (rows - rows.mean()) / scale
    degree = 2 if used.sum() > 3 else 1
    while True:
        fit = np.polynomial.Polynomial.fit(
            (middle[used] - rows.mean()) / scale, shifts[used], degree, w=np.sqrt(light[used])
        )
        residual = np.abs(shifts - fit((middle - rows.mean()) / scale))
        spread = SIGMA_PER_MAD * np.median(residual[used])
        kept = used & (residual <= max(4 * spread, 0.05))
        if kept.sum() == used.sum() or kept.sum() <= degree + 1:
            break
        used = kept
    # A parabola that the blocks do not follow is none.
    if spread > SHIFT.largest_scatter:
        return none
    shift = fit(place)
    return shift - np.average(shift, weights=share)


def straighten(image, shift):
    """Move every row by whole pixels so that lines stand upright; nothing is resampled.

    Parameters
    ----------
    image : ndarray, shape (rows, columns)
    shift : ndarray, shape (rows,)
        Shift of each row towards higher columns [pixel].

    Returns
    -------
    ndarray, shape (rows, columns)
        Rows moved back by their rounded shift; columns that would come from beyond the detector
        repeat the last one.
    """
    steps = np.rint(shift).astype(int)
    if not steps.any():
        return image
    columns = np.clip(np.arange(image.shape[1]) + steps[:, np.newaxis], 0, image.shape[1] - 1)
    return np.take_along_axis(image, columns, axis=1)
