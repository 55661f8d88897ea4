"""The clean sum: lit rows without cosmic rays, lines upright, less stray light."""

import numpy as np

from lampflux.extraction.detector import sum_noise
from lampflux.extraction.slit import straighten


def sum_rows(image, rays, shift, stray, detector):
    """Replace pixels that are missing or hit, move rows until lines are upright, and sum.

    Parameters
    ----------
    image : lampflux.extraction.image.LitImage
    rays : lampflux.extraction.cosmic_rays.CosmicRays
    shift : ndarray, shape (rows,)
        Shift of each row's lines towards higher columns [pixel].
    stray : lampflux.extraction.stray_light.StrayLight
    detector : lampflux.extraction.detector.Detector

    Returns
    -------
    dict of str to ndarray, each shape (columns,)
        ``counts`` and ``uncertainty`` [ADU], numbers of ``summed``, ``replaced`` and ``saturated``
        pixels, and ``peak``, the highest pixel [ADU].
    """
    replaced = rays.hit | image.missing
    parts = (
        np.where(replaced, rays.model, image.counts),
        np.where(replaced, np.square(rays.misfit), np.float32(0)),
        replaced,
        image.saturated & ~rays.hit,
    )
    upright, extra, replaced, saturated = (straighten(part, shift) for part in parts)
    counts = upright.sum(axis=0, dtype=float)
    summed = np.full(counts.size, upright.shape[0])
    variance = sum_noise(counts, summed, detector)
    variance = variance + extra.sum(axis=0, dtype=float) + (stray.error * counts) ** 2
    return {
        "counts": counts * (1 - stray.part),
        "uncertainty": np.sqrt(variance),
        "summed": summed,
        "replaced": replaced.sum(axis=0),
        "saturated": saturated.sum(axis=0),
        "peak": upright.max(axis=0).astype(float),
    }
