"""The slit on the detector: how lines curve along it, and how traces drift."""

from typing import NamedTuple

import numpy as np

from lampflux.extraction.drift import measure_drift, offset
from lampflux.extraction.lines import line_weights
from lampflux.extraction.model import shift_columns, typical_light
from lampflux.extraction.projection import group_edges, project_rows, row_profile
from lampflux.extraction.rows import lit_rows, miss_groups, with_missing_rows
from lampflux.extraction.spikes import NO_SPIKES
from lampflux.extraction.traces import TRACES, light_of_groups, robust_fit
from lampflux.statistics import SIGMA_PER_MAD, column_percentile, noise


class ShiftSearch(NamedTuple):
    """How the shift of lines along the slit is measured."""

    # Blocks of lit rows in which the lines' position is measured, and fewest rows of one.
    blocks: int = 24
    block_rows: int = 8
    # A column's counts are cut off at this many times those of its bright fibres.
    crest: float = 1.5
    # ... and, where the light of a row is measured, of the rows at this percentile, and this many
    # sigma of noise more.
    brightest: float = 90.0
    noise: float = 5.0
    # Lines exceed the noise of a block's spectrum by this factor.
    significance: float = 5.0
    # Farthest that lines are followed along the slit [pixel].
    farthest: int = 100
    # Blocks with less than this part of the brightest one's light are left out.
    weak: float = 0.1
    # Blocks may scatter about the parabola by this, or it is none [pixel].
    largest_scatter: float = 0.5
    # Least part of the blocks that must follow it, and how much more power lines must have once
    # they stand upright.
    followed: float = 0.5
    sharper: float = 1.05
    # Traces and lines are followed in turn, this many times, until lines move by no more than this
    # [pixel].
    attempts: int = 3
    settled: float = 0.5


SHIFT = ShiftSearch()


class Slit(NamedTuple):
    """Where the light of the slit falls among lit rows.

    Of shape (rows,), ``profile``, the light of each row, and ``shift`` of its lines towards higher
    columns [pixel]; of shape (columns,), ``drift`` of the traces towards higher rows that is left
    [pixel]: less than a row. ``profile`` is None where rows cannot be compared. The light falls on
    ``rows`` once the traces' whole drift, of shape (columns,), is taken out [pixel].
    """

    profile: np.ndarray | None
    shift: np.ndarray
    drift: np.ndarray
    rows: np.ndarray
    whole_drift: np.ndarray | None = None


def trace_slit(image, lit, lines, lean, every_row):
    """Follow traces along the dispersion axis and lines along the slit.

    Parameters
    ----------
    image : lampflux.extraction.image.LitImage
    lit : lampflux.extraction.rows.LitRows
    lines : lampflux.extraction.lines.Lines
        Upright.
    lean : ndarray, shape (rows,)
        Shift of the lines of each lit row as far as it is known [pixel].
    every_row : bool
        Whether to keep rows that are not lit once traces run straight.

    Returns
    -------
    image : lampflux.extraction.image.LitImage
        Columns moved along the slit by whole rows, against the drift of the traces.
    slit : Slit
    """
    columns, variance = lines.weights.size, image.detector.variance
    rows, profile = lit.rows, lit.profile
    if profile is None:
        return image, unknown_slit(rows, lean, columns)
    # The traces' whole drift, and the rows by which columns are moved against it.
    shift, total = across_columns(lean, lit.drift, lines.weights)
    whole = np.rint(total).astype(int)
    if whole.any():
        image = move_columns(image, whole)
    profile, settled = lit.profile, False
    for attempt in range(1 + SHIFT.attempts):
        upright = straighten(image.counts, shift)
        weights = clear_weights(upright, image, shift, lines)
        if attempt:
            # Lines that lean look like traces that drift: first they stand upright.
            if total.any():
                upright = straighten(shift_columns(image.counts, whole - total), shift)
            finer = drift_left(upright, profile, weights, variance, bool(total.any()))
            total = total + finer
            steps = np.rint(total).astype(int) - whole
            if steps.any():
                image, whole = move_columns(image, steps), whole + steps
            upright = straighten(image.counts, shift)
        profile = light_of_rows(upright, weights)
        if lit.drift.any() and attempt == 1 and not every_row:
            kept = rows_to_keep(upright, profile, weights, variance)
            image, rows = take_rows(image, kept), rows[kept]
            profile, shift = profile[kept], shift[kept]
        if settled and not finer.any():
            break
        previous, shift = shift, measure_shift(image.counts, profile, rows, shift)
        settled = np.abs(shift - previous).max() < SHIFT.settled
        if attempt and settled:
            break
    drift = total - whole
    straight = shift_columns(image.counts, -drift) if drift.any() else image.counts
    straight = straighten(straight, shift)
    crest = crests(straight, weights, variance)
    profile = with_missing_rows(light_of_rows(straight, weights, crest), image.missing)
    if not typical_light(profile) > 0:
        return image, unknown_slit(rows, shift, columns)
    return image, Slit(profile, centred(shift, profile), drift, rows, total)


def centred(shift, profile):
    """Shift of lines along the slit that is 0 on average over the light."""
    share = np.clip(profile, 0, None)
    return shift - np.average(shift, weights=share if share.any() else None)


def unknown_slit(rows, shift, columns):
    """Slit whose rows cannot be compared."""
    still = np.zeros(columns)
    return Slit(None, shift, still, rows, still)


def across_columns(lean, drift, weights):
    """Turn lean and drift, each measured as if there were not the other, into those of pixels.

    Lines that lean cross columns in which traces have drifted further, or less.

    Parameters
    ----------
    lean : ndarray, shape (rows,)
        Shift of the lines in each row of the frame [pixel].
    drift : ndarray, shape (columns,)
        Drift of the traces towards higher rows where each line stands once it is upright [pixel].
    weights : ndarray, shape (columns,)
        Light of upright lines [ADU].

    Returns
    -------
    lean : ndarray, shape (rows,)
        In each row once traces run straight [pixel].
    drift : ndarray, shape (columns,)
        In each column of the frame [pixel].
    """
    lit = np.flatnonzero(weights > 0)
    if not lean.any() or not drift.any() or lit.size < 2:
        return lean, drift
    rise = np.polyfit(lit, drift[lit], 1)[0]
    slope = (lean[-1] - lean[0]) / (lean.size - 1)
    # Beyond the first and last column traces run on straight.
    columns = np.arange(drift.size)
    ends = columns[[0, -1]] + np.array([-1, 1]) * drift.size
    far = drift[[0, -1]] + np.diff(drift)[[0, -1]] * [-drift.size, drift.size]
    upright = np.concatenate([ends[:1], columns, ends[1:]])
    followed = np.concatenate([far[:1], drift, far[1:]])
    moved = np.interp(columns, upright + slope * followed, followed)
    return lean / (1 - slope * rise / (1 + slope * rise)), moved


def clear_weights(upright, image, shift, lines):
    """Light of the lines that do not saturate, once they stand upright, in each column."""
    weights = lines.weights
    if np.abs(shift).max() > SHIFT.settled:
        weights = line_weights(upright.sum(axis=0, dtype=float), image.detector.amplifiers)
    clear = weights * ~image.unclear
    return clear if clear.any() else weights


def drift_left(upright, profile, weights, variance, drifting):
    """Drift of traces that is left, see `measure_drift`, with cosmic rays cut off."""
    most = SHIFT.crest * profile.max() * np.clip(weights, 0, None)
    most += SHIFT.noise * np.sqrt(variance)
    capped = np.minimum(upright, most.astype(np.float32))
    return measure_drift(capped, weights, variance, drifting)


def rows_to_keep(upright, profile, weights, variance):
    """Choose the rows that are lit once traces run straight.

    Parameters
    ----------
    upright : ndarray, shape (rows, columns)
        Lines upright, background subtracted [ADU].
    profile : ndarray, shape (rows,)
        Light of each row.
    weights : ndarray, shape (columns,)
        Light of the lines [ADU].
    variance : float
        Variance of a pixel without light [ADU^2].

    Returns
    -------
    ndarray of int
        All of them where groups of columns would lose light.
    """
    kept = lit_rows(profile, np.sqrt(variance / (weights @ weights)))
    edges = group_edges(weights, TRACES.groups)
    counts = np.minimum(upright, crests(upright, weights, variance))
    nothing = np.zeros(weights.size)
    light, level = project_rows(counts, nothing, weights, NO_SPIKES, edges)
    groups = light_of_groups(light, level, weights, edges)
    if not kept.size or miss_groups(kept, groups, variance):
        return np.arange(profile.size)
    return kept


def moved_rows(height, drift):
    """Rows from which each column's pixels come once it is moved against the drift."""
    return (np.arange(height)[:, np.newaxis] + drift) % height


def take_rows(image, rows):
    """Keep some rows of a `LitImage`."""
    counts, missing, saturated = (part[rows] for part in image[:3])
    return image._replace(counts=counts, missing=missing, saturated=saturated)


def light_of_rows(counts, weights, cap=None):
    """Light of each row of an image from which the background was taken, as `row_profile`."""
    return row_profile(counts, np.zeros(counts.shape[1]), weights, cap)


def crests(counts, weights, variance):
    """Largest counts that light reaches in a column where lines are: cosmic rays exceed it.

    Parameters
    ----------
    counts : ndarray, shape (rows, columns)
        Lines upright, background subtracted [ADU].
    weights : ndarray, shape (columns,)
        Light of the lines.
    variance : float
        Variance of a pixel without light [ADU^2].

    Returns
    -------
    ndarray of float32, shape (columns,)
        [ADU]; infinite where no line is.
    """
    columns = np.flatnonzero(weights > 0)
    brightest = np.percentile(counts[:, columns], SHIFT.brightest, axis=0)
    cap = np.full(weights.size, np.inf, np.float32)
    cap[columns] = SHIFT.crest * np.clip(brightest, 0, None) + SHIFT.noise * np.sqrt(variance)
    return cap


def move_columns(image, drift):
    """Move the columns of a `LitImage` towards lower rows by whole rows; sums do not change."""
    height = image.counts.shape[0]
    rows = moved_rows(height, drift)
    counts, missing, saturated = (np.take_along_axis(part, rows, axis=0) for part in image[:3])
    return image._replace(counts=counts, missing=missing, saturated=saturated)


def mean_spectrum(image):
    """Average rows, cosmic rays cut off, and take the continuum off."""
    # A cosmic ray stands out from the bright fibres of its column.
    crest = SHIFT.crest * np.clip(column_percentile(image, 80), 0, None)
    spectrum = np.minimum(image, crest).mean(axis=0)
    return spectrum - np.median(spectrum)


def light_of_spectrum(spectrum):
    """Light of the lines of a spectrum without continuum, above its noise."""
    return np.sum(spectrum[spectrum > SHIFT.significance * noise(spectrum)])


def weighted_median(values, weights):
    """Value below which half the weight lies."""
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return values[order][np.searchsorted(total, total[-1] / 2)]


def clipped_fit(middle, shifts, light, used, degree):
    """Fit a polynomial to the shifts of blocks, without outliers, weighted by their light.

    Returns
    -------
    fit : numpy.polynomial.Polynomial
    kept : ndarray of bool, shape (blocks,)
        Blocks that follow it.
    spread : float
        Scatter of the blocks about it [pixel].
    """
    fit = robust_fit(middle[used], shifts[used], degree, light[used])
    while True:
        residual = np.abs(shifts - fit(middle))
        spread = SIGMA_PER_MAD * weighted_median(residual[used], light[used])
        kept = used & (residual <= max(4 * spread, 0.05))
        if kept.sum() <= degree + 1:
            return fit, kept, spread
        fit = np.polynomial.Polynomial.fit(
            middle[kept], shifts[kept], degree, w=np.sqrt(light[kept])
        )
        if kept.sum() == used.sum():
            return fit, kept, spread
        used = kept


def measure_shift(image, profile, rows, lean):
    """Measure how lines shift along the slit, as a parabola of the row.

    Parameters
    ----------
    image : ndarray, shape (rows, columns)
        Lit rows, background subtracted [ADU].
    profile : ndarray, shape (rows,)
        Light of each of them.
    rows : ndarray of int, shape (rows,)
        Their places on the detector.
    lean : ndarray, shape (rows,)
        Shift of each row as far as it is known [pixel].

    Returns
    -------
    ndarray, shape (rows,)
        Shift of each row towards higher columns [pixel], on average over the light 0; as far as
        it was known where it cannot be measured.
    """
    blocks = np.array_split(
        np.arange(rows.size), max(1, min(SHIFT.blocks, rows.size // SHIFT.block_rows))
    )
    if len(blocks) < 3:
        return lean
    image, moved = straighten(image, lean), np.rint(lean)
    spectra = [mean_spectrum(image[block]) for block in blocks]
    share = np.clip(profile, 0, None)
    light = np.array([light_of_spectrum(spectrum) for spectrum in spectra])
    if light.max() <= 0:
        return lean
    middle = np.array(
        [
            np.average(rows[block], weights=share[block] + 1e-9 * share.max() + 1e-30)
            for block in blocks
        ]
    )
    reference = spectra[int(np.argmax(light))]
    farthest = min(SHIFT.farthest, image.shape[1] // 4)
    shifts = np.array([offset(spectrum, reference, farthest) for spectrum in spectra])
    used = np.isfinite(shifts) & (light > SHIFT.weak * light.max())
    if used.sum() < 3:
        return lean
    known = np.array([moved[block].mean() for block in blocks])
    scale = np.ptp(rows) or 1
    place, middle = (rows - rows.mean()) / scale, (middle - rows.mean()) / scale
    degree = 2 if used.sum() > 3 else 1
    fit, kept, spread = clipped_fit(middle, known + shifts, light, used, degree)
    # A parabola that the blocks do not follow, or that makes lines no sharper, is none.
    if spread > SHIFT.largest_scatter or kept.sum() < SHIFT.followed * used.sum():
        return lean
    steps = np.rint(fit(middle) - known).astype(int)
    if np.ptp(steps[light > 0]) > 1:
        upright = np.sum([np.roll(*part) for part in zip(spectra, -steps)], axis=0)
        still = np.sum(spectra, axis=0)
        if upright @ upright < SHIFT.sharper * (still @ still):
            return lean
    return centred(fit(place), profile)


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
