"""The clean sum: lit rows without cosmic rays, lines upright, less stray light."""

from typing import NamedTuple

import numpy as np

from lampflux.extraction.detector import sum_noise
from lampflux.extraction.slit import straighten
from lampflux.statistics import box_sums


class Filling(NamedTuple):
    """How columns without pixels are filled."""

    # The model of a column rests on other rows where no more than this part of its pixels is
    # missing.
    lost: float = 0.3
    # Width of a Gaussian (FWHM) in standard deviations.
    fwhm: float = 2.355
    # Lines are looked for this many widths to either side.
    reach: float = 1.5
    # Largest ratio, as a logarithm, of a line's crest to its flanks.
    steepest: float = 3.0


FILLING = Filling()
# Where rows with more than this part of the light are replaced, tracks may have shaped the model,
# or the light of the rows is not known.
DOUBT = 0.3
MOST_REPLACED = 0.9
# Light of a column that the model does not explain exceeds the noise, that of the model included,
# by this factor, beyond what the model misses anywhere.
UNEXPLAINED = 8.0
# Least part by which the light of a row without any good pixel may differ from what its
# neighbours say.
ROW_ERROR = 0.05


def sum_rows(image, rays, slit, width, stray, detector):
    """Replace pixels that are missing or hit, move rows until lines are upright, and sum.

    Parameters
    ----------
    image : lampflux.extraction.image.LitImage
    rays : lampflux.extraction.cosmic_rays.CosmicRays
    slit : lampflux.extraction.slit.Slit
    width : float
        Width (FWHM) of the lines [pixel].
    stray : lampflux.extraction.stray_light.StrayLight
    detector : lampflux.extraction.detector.Detector

    Returns
    -------
    dict of str to ndarray, each shape (columns,)
        ``counts`` and ``uncertainty`` [ADU], numbers of ``summed`` pixels, of those that were
        ``replaced``, of those among them that were ``missing``, and of ``saturated`` ones, and
        ``peak``, the highest pixel [ADU].
    """
    replaced = rays.hit | image.missing
    parts = (
        np.where(replaced, rays.model, image.counts),
        replaced * with_lost_rows(rays.misfit, image.missing, rays.model, slit),
        replaced,
        image.missing,
        image.saturated & ~rays.hit,
    )
    upright, misfit, replaced, missing, saturated = (
        straighten(part, slit.shift) for part in parts
    )
    counts = upright.sum(axis=0, dtype=float)
    summed = np.full(counts.size, upright.shape[0])
    variance = sum_noise(counts, summed, detector)
    lost = missing.mean(axis=0)
    part = replaced_part(replaced * (lost <= FILLING.lost), slit)
    # The model has the noise of the rows that it rests on.
    variance += (variance - summed * detector.variance) * part / (1 - part)
    # The model misses the light of a column alike in all its rows, and of neighbours alike.
    error = np.hypot(misfit.sum(axis=0, dtype=float), replacement_error(image, rays, slit, part))
    error = np.hypot(error, unexplained_light(image, rays, slit, np.sqrt(variance)))
    together = box_sums(error, int(np.ceil(width)))
    error = np.hypot(np.sqrt(error * together), filling_error(counts, lost, width))
    variance = variance + error**2 + (stray.error * counts) ** 2
    return {
        "counts": counts * (1 - stray.part),
        "uncertainty": np.sqrt(variance),
        "summed": summed,
        "replaced": replaced.sum(axis=0),
        "missing": missing.sum(axis=0),
        "saturated": saturated.sum(axis=0),
        "peak": upright.max(axis=0).astype(float),
    }


def with_lost_rows(misfit, missing, model, slit):
    """Add to a model's error that of the light of rows without any good pixel.

    Parameters
    ----------
    misfit, model : ndarray of float32, shape (rows, columns)
        [ADU]
    missing : ndarray of bool, shape (rows, columns)
    slit : lampflux.extraction.slit.Slit

    Returns
    -------
    ndarray of float32, shape (rows, columns)
        In such rows as much of the light as their part of it differs from a straight line between
        the rows on either side [ADU].
    """
    lost = np.flatnonzero(missing.all(axis=1))
    if slit.profile is None or not lost.size:
        return misfit
    good = np.flatnonzero(~missing.all(axis=1))
    if not good.size:
        return misfit
    straight = np.interp(lost, good, slit.profile[good])
    light = np.maximum(slit.profile[lost], 1e-9 * slit.profile.max())
    part = np.maximum(np.abs(straight / light - 1), ROW_ERROR)
    misfit = misfit.copy()
    misfit[lost] += part[:, np.newaxis].astype(np.float32) * np.abs(model[lost])
    return misfit


def replaced_part(replaced, slit):
    """Part of each column's light that falls on pixels that are replaced, at most 0.9.

    Parameters
    ----------
    replaced : ndarray of bool, shape (rows, columns)
        Lines upright.
    slit : lampflux.extraction.slit.Slit

    Returns
    -------
    ndarray, shape (columns,)
    """
    if slit.profile is None:
        return np.zeros(replaced.shape[1])
    light = np.clip(slit.profile, 0, None).astype(np.float32)
    return np.minimum(light @ replaced / light.sum(), MOST_REPLACED)


def replacement_error(image, rays, slit, part):
    """Error of columns where cosmic rays hit rows that hold much of the light.

    Parameters
    ----------
    image, rays, slit
        As in `sum_rows`.
    part : ndarray, shape (columns,)
        From `replaced_part`.

    Returns
    -------
    ndarray, shape (columns,)
        Part of the light in the rows that were replaced times what that changed [ADU]; 0 where
        that part is small.
    """
    change = (rays.model - image.counts) * rays.hit
    change = np.abs(straighten(change, slit.shift).sum(axis=0, dtype=float))
    return np.where(part > DOUBT, part * change, 0.0)


def unexplained_light(image, rays, slit, sigma):
    """Light of a column that neither the model nor the pixels that were replaced account for.

    Parameters
    ----------
    image, rays, slit
        As in `sum_rows`.
    sigma : ndarray, shape (columns,)
        Noise of the sum of the rows [ADU].

    Returns
    -------
    ndarray, shape (columns,)
        Frame minus model, summed over the rows [ADU]; 0 where that may be noise, or what the model
        misses of lines anywhere, and where lines saturate.
    """
    if slit.profile is None:
        return np.zeros(sigma.size)
    kept = ~(rays.hit | image.missing)
    left = straighten((image.counts - rays.model) * kept, slit.shift).sum(axis=0, dtype=float)
    missed = straighten(rays.misfit * kept, slit.shift).sum(axis=0, dtype=float)
    clear = (np.abs(left) > UNEXPLAINED * sigma + missed) & ~image.unclear
    return np.where(clear, np.abs(left), 0.0)


def filling_error(counts, missing, width):
    """Error of columns that are filled from their neighbours.

    Parameters
    ----------
    counts : ndarray, shape (columns,)
        Sum of the rows [ADU].
    missing : ndarray, shape (columns,)
        Part of each column's pixels that is missing.
    width : float
        Width (FWHM) of the lines [pixel].

    Returns
    -------
    ndarray, shape (columns,)
        By how much a Gaussian line whose crest lies there exceeds the mean of its nearest good
        columns [ADU]; 0 where other rows hold the column's light.
    """
    error = np.zeros(counts.size)
    good = np.flatnonzero(missing <= FILLING.lost)
    lost = np.flatnonzero(missing > FILLING.lost)
    if not good.size or not lost.size:
        return error
    after = np.searchsorted(good, lost)
    left, right = good[np.maximum(after - 1, 0)], good[np.minimum(after, good.size - 1)]
    distance = np.where(left < right, (right - left) / 2, np.abs(lost - left))
    steep = np.minimum((distance * FILLING.fwhm / max(width, 1.0)) ** 2 / 2, FILLING.steepest)
    reach = np.ceil(FILLING.reach * width) + distance
    for column, a, b, far, ratio in zip(lost, left, right, reach.astype(int), np.expm1(steep)):
        near = counts[max(column - far, 0) : column + far + 1]
        error[column] = missing[column] * ratio * ((counts[a] + counts[b]) / 2 - near.min())
    return error
