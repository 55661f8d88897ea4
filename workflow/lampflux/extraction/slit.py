"""The slit on the detector: how lines curve along it, and how traces drift."""

import numpy as np

from lampflux.statistics import SIGMA_PER_MAD

# Blocks of lit rows in which the position of the lines is measured, and fewest rows of one.
BLOCKS, BLOCK_ROWS = 24, 8
# A column's counts are cut off at this many times those of its bright fibres.
CREST = 1.5
# Farthest that lines are followed along the slit [pixel].
FARTHEST = 100
# Columns of a group that tells where the traces are, least part of all lines' power in it, and
# fewest groups.
TRACE_BLOCK, TRACE_LIGHT, FEWEST_GROUPS = 256, 1e-4, 5
# Rows within which the second group is looked for, and any later one about where it should be.
FARTHEST_STEP, NEAREST_STEP = 12, 4
# Rows by which a group may miss the cubic, and by which traces must drift to matter.
LARGEST_MISFIT, LEAST_DRIFT = 1.0, 0.3


def offset(spectrum, reference, farthest):
    """Measure how far a spectrum is shifted against a reference.

    Parameters
    ----------
    spectrum, reference : ndarray, shape (columns,)
    farthest : int
        Largest shift to look for [pixel].

    Returns
    -------
    float
        Shift towards higher columns [pixel]: the peak of the cross-correlation, refined by a
        parabola through its logarithm, exact for Gaussian lines.
    """
    size = spectrum.size + farthest
    product = np.fft.rfft(spectrum, size) * np.conj(np.fft.rfft(reference, size))
    correlation = np.fft.irfft(product, size)
    correlation = np.concatenate([correlation[-farthest:], correlation[: farthest + 1]])
    peak = int(np.argmax(correlation))
    if not 0 < peak < 2 * farthest or correlation[peak - 1 : peak + 2].min() <= 0:
        return np.nan
    left, middle, right = np.log(correlation[peak - 1 : peak + 2])
    curve = left - 2 * middle + right
    return peak - farthest + (0.5 * (left - right) / curve if curve < 0 else 0.0)


def mean_spectrum(image):
    """Average rows, cosmic rays cut off, and take the continuum off."""
    # A cosmic ray stands out from the bright fibres of its column.
    crest = CREST * np.clip(np.percentile(image, 80, axis=0), 0, None)
    spectrum = np.minimum(image, crest).mean(axis=0)
    return spectrum - np.median(spectrum)


def slit_shift(image, profile, rows):
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
    blocks = np.array_split(np.arange(rows.size), max(1, min(BLOCKS, rows.size // BLOCK_ROWS)))
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
    farthest = min(FARTHEST, image.shape[1] // 4)
    shifts = np.array([offset(spectrum, reference, farthest) for spectrum in spectra])
    used = np.isfinite(shifts) & (light > 0.1 * light.max())
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
    if spread > 0.5:
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


def trace_drift(image, weights):
    """Measure how traces drift along the slit from column to column.

    Parameters
    ----------
    image : ndarray, shape (rows, columns)
        Lit rows, background subtracted [ADU].
    weights : ndarray, shape (columns,)
        Light of lines, see `line_light`.

    Returns
    -------
    ndarray, shape (columns,)
        Shift of each column towards higher rows [pixel], on average over the light 0: a cubic
        through the shifts of groups of columns, by cross-correlation of their rows' light. All
        zero where they do not drift, or it cannot be measured.
    """
    columns = image.shape[1]
    none = np.zeros(columns)
    light = np.clip(weights, 0, None)
    middle, profiles = [], []
    for first in range(0, columns, TRACE_BLOCK):
        part = slice(first, first + TRACE_BLOCK)
        power = light[part] @ light[part]
        if power > TRACE_LIGHT * (light @ light):
            profile = np.clip(image[:, part] @ light[part] / power, 0, None)
            # Cosmic rays are cut off.
            profile = np.minimum(profile, 3 * np.percentile(profile, 80))
            profiles.append(profile - profile.mean())
            middle.append(np.average(np.arange(columns)[part], weights=light[part] ** 2))
    if len(middle) < FEWEST_GROUPS:
        return none
    # Equal fibres repeat after a few rows: a group is looked for where the slope so far puts it.
    drift, slope = [0.0], 0.0
    for number in range(1, len(middle)):
        distance = middle[number] - middle[number - 1]
        guess = int(np.rint(slope * distance))
        reach = NEAREST_STEP if number > 1 else FARTHEST_STEP
        step = offset(np.roll(profiles[number], -guess), profiles[number - 1], reach)
        if not np.isfinite(step):
            return none
        drift.append(drift[-1] + guess + step)
        slope = (guess + step) / distance
    fit = np.polynomial.Polynomial.fit(middle, drift, 3)
    if np.abs(fit(np.array(middle)) - drift).max() > LARGEST_MISFIT:
        return none
    half = TRACE_BLOCK / 2
    drift = fit(np.clip(np.arange(columns), middle[0] - half, middle[-1] + half))
    drift -= np.average(drift, weights=light)
    return drift if np.ptp(drift) > LEAST_DRIFT else none
