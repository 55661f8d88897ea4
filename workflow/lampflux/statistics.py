"""Robust statistics: levels, scatter, means and trends."""

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

# Standard deviation over median absolute deviation, normal distribution.
SIGMA_PER_MAD = 1.4826
# Standard deviation over full width at half maximum, normal distribution.
SIGMA_PER_FWHM = 1 / math.sqrt(8 * math.log(2))


def continuum(counts, half_width, percent=25):
    """Follow the level between the lines: percentiles of overlapping blocks, interpolated.

    Parameters
    ----------
    counts : ndarray, shape (pixels,)
    half_width : int
        Half the size of a block [pixel].
    percent : float
        Lower quartiles pass below lines; medians are right where lines were taken off.

    Returns
    -------
    ndarray, shape (pixels,)
    """
    size, step = 2 * half_width + 1, max(half_width // 2, 1)
    centres = np.arange(0, counts.size + half_width, step)
    at = np.minimum(centres, counts.size - 1)
    levels = np.empty(centres.size)
    inside = (at >= half_width) & (at < counts.size - half_width)
    if inside.any():
        blocks = sliding_window_view(counts, size)[at[inside] - half_width]
        levels[inside] = np.percentile(blocks, percent, axis=1)
    for number in np.flatnonzero(~inside):
        block = counts[max(0, at[number] - half_width) : at[number] + half_width + 1]
        levels[number] = np.percentile(block, percent)
    return np.interp(np.arange(counts.size), centres, levels)


def box_sums(values, reach):
    """Sum the values within reach to either side of each; beyond the ends there are none."""
    size = len(values)
    return np.convolve(values, np.ones(2 * reach + 1), "full")[reach : reach + size]


def transform_size(least):
    """Length, not much above the least, whose small prime factors make Fourier transforms fast."""
    return -(-int(least) // 64) * 64


def blurred(values, fwhm):
    """Blur values with a Gaussian of this width (FWHM) [pixel]; beyond the ends there are none."""
    sigma = SIGMA_PER_FWHM * fwhm
    reach = int(4 * sigma)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    return np.convolve(values, kernel / kernel.sum())[reach : reach + values.size]


def noise(counts):
    """Estimate the pixel noise from second differences, which lines and continuum hardly touch.

    Parameters
    ----------
    counts : ndarray, shape (pixels,)

    Returns
    -------
    float
        1-sigma noise; the variance of (1, -2, 1) differences is six times a pixel's.
    """
    differences = np.diff(counts, 2)
    spread = np.median(np.abs(differences - np.median(differences)))
    return SIGMA_PER_MAD * spread / np.sqrt(6.0)


# Values are cut off this many times the spread from the median.
CLIP = 4.0


def clipped_moments(values):
    """Mean and variance of values without the outliers.

    Parameters
    ----------
    values : ndarray
        NaN is left out.

    Returns
    -------
    mean, variance : float
        Of what lies within four standard deviations of the median, from quartiles; the mean
        of whole ADU is finer than their median.
    """
    values = values[np.isfinite(values)]
    if values.size == 0:
        return np.nan, np.nan
    low, middle, high = np.percentile(values, (15.87, 50, 84.13))
    # Whole numbers hide a spread below their step.
    reach = CLIP * max((high - low) / 2, 0.5)
    kept = values[np.abs(values - middle) <= reach]
    return float(kept.mean(dtype=float)), float(kept.var(dtype=float))


def column_percentile(values, percent):
    """Percentile of each column, as `numpy.percentile` gives it, in a third of its time.

    Parameters
    ----------
    values : ndarray of float, shape (rows, columns)
        Without NaN.
    percent : float

    Returns
    -------
    ndarray, shape (columns,)
    """
    # numpy sorts whole rows faster than it looks for one value in each column.
    ordered = np.array(values.T, order="C")
    ordered.sort(axis=1)
    place = percent / 100 * (len(values) - 1)
    below = int(place)
    part = place - below
    low, high = ordered[:, below], ordered[:, min(below + 1, len(values) - 1)]
    # Rounded as numpy does it.
    return high - (high - low) * (1 - part) if part >= 0.5 else low + (high - low) * part


def running_median(values, size):
    """Median of the values about each one, mirrored at the ends."""
    padded = np.pad(values, size // 2, mode="reflect")
    return np.median(sliding_window_view(padded, size), axis=1)


def scatter(values):
    """Measure the standard deviation of values about their neighbours."""
    return (
        SIGMA_PER_MAD * np.median(np.abs(np.diff(values))) / np.sqrt(2) if values.size > 2 else 1.0
    )


def weighted_mean(values, errors):
    """Average repeated measurements.

    Weights are 1 / error**2. Where the measurements scatter by more than their errors say, the
    error of the mean is enlarged by sqrt(chi-square / (n - 1)) (Particle Data Group, Review of
    Particle Physics, introduction, unconstrained averaging).

    Parameters
    ----------
    values, errors : ndarray, shape (n,)
        Measurements and their 1-sigma errors in the same unit. Where any error is NaN all
        measurements weigh alike, and the error of the mean follows from their scatter.

    Returns
    -------
    mean, error : float
        In the unit of the values; NaN where nothing is known.
    """
    number = len(values)
    if number == 0:
        return np.nan, np.nan
    if not np.all(errors > 0):
        scatter = np.std(values, ddof=1) if number > 1 else np.nan
        return float(np.mean(values)), float(scatter / math.sqrt(number))
    weights = 1.0 / np.square(errors)
    mean = np.sum(weights * values) / np.sum(weights)
    error = 1.0 / math.sqrt(np.sum(weights))
    if number > 1:
        chi_square = np.sum(weights * np.square(values - mean))
        error *= max(1.0, math.sqrt(chi_square / (number - 1)))
    return float(mean), float(error)


def linear_trend(order, values):
    """Fit a straight line by least squares.

    Parameters
    ----------
    order, values : ndarray, shape (n,)
        Abscissa and measurements, all of one weight.

    Returns
    -------
    slope, error, probability : float
        Change of the values for each step of the order, its 1-sigma error from the scatter about
        the line, and the probability that values without any trend give a slope as large
        (Student's t with n - 2 degrees of freedom). NaN for fewer than three values.
    """
    dof = len(values) - 2
    if dof < 1:
        return np.nan, np.nan, np.nan
    steps = order - np.mean(order)
    slope = np.sum(steps * values) / np.sum(steps**2)
    residual = values - np.mean(values) - slope * steps
    error = math.sqrt(np.sum(residual**2) / dof / np.sum(steps**2))
    if error == 0:
        return float(slope), 0.0, 1.0 if slope == 0 else 0.0
    return float(slope), error, student_probability(slope / error, dof)


def student_probability(t, dof):
    """Probability that the size of Student's t exceeds a value by chance.

    The finite series of Abramowitz & Stegun, Handbook of Mathematical Functions, 26.7.3 and
    26.7.4.

    Parameters
    ----------
    t : float
    dof : int
        Degrees of freedom, at least 1.

    Returns
    -------
    float
        Two-sided.
    """
    angle = math.atan(abs(t) / math.sqrt(dof))
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = dof % 2
    term, total = (cosine if odd else 1.0), 0.0
    for step in range(2 + odd, dof + 1, 2):
        total += term
        term *= cosine**2 * (step - 1) / step
    inside = 2 / math.pi * (angle + sine * total) if odd else sine * total
    return max(0.0, 1.0 - inside)


def robust_scatter(values):
    """One sigma of a normal distribution with the values' median absolute deviation."""
    values = np.asarray(values, dtype=float)
    values = values[np.isfinite(values)]
    if values.size == 0:
        return np.nan
    return float(SIGMA_PER_MAD * np.median(np.abs(values - np.median(values))))
