"""The drift of traces along the dispersion axis."""

from typing import NamedTuple

import numpy as np


class DriftSearch(NamedTuple):
    """How the drift of traces along the dispersion axis is measured."""

    # Columns of a group, the least part of all lines' power in it, and fewest groups.
    columns: int = 256
    light: float = 1e-4
    fewest: int = 5
    # Rows within which the second group is looked for, and any later one about where it should be.
    first_step: int = 12
    later_step: int = 4
    # Rows by which a group may miss the cubic, and by which traces must drift to matter.
    largest_misfit: float = 1.0
    least: float = 0.3


DRIFT = DriftSearch()


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


def measure_drift(image, weights):
    """Measure how traces drift along the slit from column to column.

    Parameters
    ----------
    image : ndarray, shape (rows, columns)
        Lit rows, background subtracted [ADU].
    weights : ndarray, shape (columns,)
        Light of lines, see `lampflux.extraction.lines.line_weights`.

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
    for first in range(0, columns, DRIFT.columns):
        part = slice(first, first + DRIFT.columns)
        power = light[part] @ light[part]
        if power > DRIFT.light * (light @ light):
            profile = np.clip(image[:, part] @ light[part] / power, 0, None)
            # Cosmic rays are cut off.
            profile = np.minimum(profile, 3 * np.percentile(profile, 80))
            profiles.append(profile - profile.mean())
            middle.append(np.average(np.arange(columns)[part], weights=light[part] ** 2))
    if len(middle) < DRIFT.fewest:
        return none
    # Equal fibres repeat after a few rows: a group is looked for where the slope so far puts it.
    drift, slope = [0.0], 0.0
    for number in range(1, len(middle)):
        distance = middle[number] - middle[number - 1]
        guess = int(np.rint(slope * distance))
        reach = DRIFT.later_step if number > 1 else DRIFT.first_step
        step = offset(np.roll(profiles[number], -guess), profiles[number - 1], reach)
        if not np.isfinite(step):
            return none
        drift.append(drift[-1] + guess + step)
        slope = (guess + step) / distance
    fit = np.polynomial.Polynomial.fit(middle, drift, 3)
    if np.abs(fit(np.array(middle)) - drift).max() > DRIFT.largest_misfit:
        return none
    half = DRIFT.columns / 2
    drift = fit(np.clip(np.arange(columns), middle[0] - half, middle[-1] + half))
    drift -= np.average(drift, weights=light)
    return drift if np.ptp(drift) > DRIFT.least else none
