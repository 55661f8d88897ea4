"""The clean spectrum: lit rows summed without cosmic rays, lines upright, less stray light."""

from typing import NamedTuple

import numpy as np

from lampflux.extraction.bias import row_levels
from lampflux.extraction.cosmic_rays import along_slit, find_cosmic_rays, neighbourhood
from lampflux.extraction.detector import (
    SATURATED_PIXELS,
    Detector,
    counting_noise,
    saturated_columns,
)
from lampflux.extraction.gain import full_well, measured_gain
from lampflux.extraction.rows import of_rows, row_profile
from lampflux.extraction.slit import slit_shift, straighten, trace_drift


class LitImage(NamedTuple):
    """Lit rows of a frame, arrays of shape (rows, columns).

    ``counts`` above the background [ADU], and which pixels are ``missing`` and ``saturated``.
    """

    counts: np.ndarray
    missing: np.ndarray
    saturated: np.ndarray


class SlitModel(NamedTuple):
    """What is learnt of lit rows by comparing them with each other.

    Arrays of shape (rows, columns): ``counts`` without cosmic rays [ADU], their ``misfit``
    (1 sigma [ADU]; 0 where nothing was compared) and which pixels were ``hit``; ``shift`` of each
    row's lines towards higher columns, of shape (rows,) [pixel].
    """

    counts: np.ndarray
    misfit: np.ndarray | float
    hit: np.ndarray
    shift: np.ndarray


class CleanSpectrum(NamedTuple):
    """A clean spectrum and what was found on the way.

    ``table``, a dict of arrays of shape (columns,): ``counts`` and ``uncertainty`` [ADU], numbers
    of ``summed``, ``replaced`` and ``saturated`` pixels, and ``peak``, the highest pixel [ADU];
    ``detector``, with the gain and saturation that the lit rows told; ``shift``, the largest of a
    row's lines [pixel], and whether rows were ``straightened``; ``scatter`` of the rows' own
    levels [ADU].
    """

    table: dict
    detector: Detector
    shift: float
    straightened: bool
    scatter: float


def clean_spectrum(frame, background, weights, width, lit, detector, replaces):
    """Sum the lit rows without cosmic rays, lines upright, and without stray light.

    Parameters
    ----------
    frame : ndarray, shape (rows, columns)
        Raw counts [ADU].
    background : ndarray, shape (rows, columns) or (columns,)
        Dark, or bias of each column [ADU].
    weights : ndarray, shape (columns,)
        Light of lines, see `lampflux.extraction.rows.line_light`.
    width : float
        Width of the lines [pixel].
    lit : lampflux.extraction.rows.LitRows
    detector : lampflux.extraction.detector.Detector
    replaces : bool
        Whether pixels that cosmic rays hit are replaced.

    Returns
    -------
    CleanSpectrum
    """
    image, detector, scatter = lit_image(frame, background, weights, lit.rows, detector)
    spoiled = saturated_columns(image.saturated, True, width)
    weights = weights * ~spoiled
    profile = lit.profile
    if profile is not None and weights.any():
        profile = image_profile(image.counts, weights)
    if profile is not None and np.median(profile) > 0:
        image, drift = without_drift(image, weights)
        model, detector = compare_rows(image, spoiled, weights, profile, drift, lit.rows, detector)
    else:
        hit = np.zeros(image.counts.shape, bool)
        model = SlitModel(image.counts, 0.0, hit, np.zeros(lit.rows.size))
    if not replaces:
        model.hit[:] = False
    return CleanSpectrum(
        sum_rows(image, model, lit.stray, detector),
        detector,
        float(np.abs(model.shift).max()),
        bool(np.rint(model.shift).any()),
        scatter,
    )


def lit_image(frame, background, weights, lit, detector):
    """Take the background off lit rows, fill their gaps, and find what is saturated.

    Parameters
    ----------
    frame, background, weights, detector
        As in `clean_spectrum`.
    lit : ndarray of int
        Lit rows.

    Returns
    -------
    image : LitImage
    detector : lampflux.extraction.detector.Detector
        With the saturation that a pile of pixels shows, where the known one is never reached.
    scatter : float
        Scatter of the rows' own levels [ADU]; a dark holds them, and leaves none.
    """
    raw = frame[lit]
    counts = raw.astype(np.float32)
    counts -= of_rows(background, lit)
    counts, missing = filled(counts)
    scatter = 0.0
    if background.ndim == 1:
        levels, scatter = row_levels(counts, weights <= 0, detector.amplifiers, detector.variance)
        counts -= levels
    saturated = raw >= detector.saturation
    pile = full_well(counts, detector.variance, detector.gain)
    if np.isfinite(pile) and np.count_nonzero(saturated) < SATURATED_PIXELS:
        saturated |= counts >= pile
        foot = float(raw[counts >= pile].min())
        if foot < detector.saturation:
            detector = detector._replace(saturation=foot, saturation_source="measured")
    return LitImage(counts, missing, saturated), detector, scatter


def filled(image):
    """Fill missing pixels of an image from their rows; 0 in rows without any good one."""
    missing = ~np.isfinite(image)
    columns = np.arange(image.shape[1])
    for row in np.flatnonzero(missing.any(axis=1)):
        good = ~missing[row]
        image[row] = np.interp(columns, columns[good], image[row, good]) if good.any() else 0
    return image, missing


def image_profile(counts, weights):
    """Light of each row of an image from which the background was taken, as `row_profile`."""
    return row_profile(counts, np.zeros(counts.shape[1]), weights)


def without_drift(image, weights):
    """Move columns along the slit by whole rows, against the drift of the traces.

    Columns are summed: that costs nothing.

    Parameters
    ----------
    image : LitImage
    weights : ndarray, shape (columns,)

    Returns
    -------
    image : LitImage
    drift : ndarray, shape (columns,)
        What remains, less than a row.
    """
    drift = trace_drift(image.counts, weights)
    whole = np.rint(drift).astype(int)
    if whole.any():
        height = image.counts.shape[0]
        rows = np.clip(np.arange(height)[:, np.newaxis] + whole, 0, height - 1)
        image = LitImage(*(np.take_along_axis(part, rows, axis=0) for part in image))
    return image, drift - whole


def compare_rows(image, spoiled, weights, profile, drift, rows, detector):
    """Find shift of the lines, cosmic rays and gain by what the rows have in common.

    Parameters
    ----------
    image : LitImage
    spoiled : ndarray of bool, shape (columns,)
        Columns that saturated lines spoil.
    weights, drift : ndarray, shape (columns,)
        Light of lines that are not, and drift of the traces that remains [pixel].
    profile : ndarray, shape (rows,)
        Light of each row.
    rows : ndarray of int, shape (rows,)
        Their places on the detector.
    detector : lampflux.extraction.detector.Detector

    Returns
    -------
    model : SlitModel
    detector : lampflux.extraction.detector.Detector
        With the gain, where it was not known and can be measured.
    """
    counts, variance = image.counts, detector.variance
    along = profile
    if drift.any():
        profile = image_profile(counts, weights)
        along = image_profile(along_slit(counts, -drift), weights)
    shift = slit_shift(counts, profile, rows)
    clipped = image.missing | spoiled
    hit, model, misfit = find_cosmic_rays(
        counts, along, shift, variance, detector.gain or 1.0, clipped, drift
    )
    if detector.gain is None:
        near = neighbourhood(np.clip(model, 0, None), 2, 2)
        gain = measured_gain(counts - model, model, near, ~(hit | clipped), variance)
        if gain is not None:
            detector = detector._replace(gain=gain, gain_source="measured")
    return SlitModel(model, misfit, hit, shift), detector


def sum_rows(image, model, stray, detector):
    """Replace pixels that are missing or hit, move rows until lines are upright, and sum.

    Parameters
    ----------
    image : LitImage
    model : SlitModel
    stray : (float, float)
        Stray part of the light, and its error.
    detector : lampflux.extraction.detector.Detector

    Returns
    -------
    dict of str to ndarray, each shape (columns,)
        See `CleanSpectrum`.
    """
    replaced = model.hit | image.missing
    parts = (
        np.where(replaced, model.counts, image.counts),
        np.where(replaced, np.square(model.misfit), np.float32(0)),
        replaced,
        image.saturated & ~model.hit,
    )
    image, extra, replaced, saturated = (straighten(part, model.shift) for part in parts)
    counts = image.sum(axis=0, dtype=float)
    summed = np.full(counts.size, image.shape[0])
    spread = counting_noise(counts, summed, detector.variance, detector.gain)
    spread = spread + extra.sum(axis=0, dtype=float) + (stray[1] * counts) ** 2
    return {
        "counts": counts * (1 - stray[0]),
        "uncertainty": np.sqrt(spread),
        "summed": summed,
        "replaced": replaced.sum(axis=0),
        "saturated": saturated.sum(axis=0),
        "peak": image.max(axis=0).astype(float),
    }
