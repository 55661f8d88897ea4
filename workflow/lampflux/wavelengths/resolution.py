"""Catalogue lines as a spectrograph of finite resolution shows them: blended."""

from typing import NamedTuple

import numpy as np

from lampflux.statistics import SIGMA_PER_FWHM


class Resolution(NamedTuple):
    """Tuned constants of blends."""

    # Cells of the grid in a line's standard deviation, and reach of a line [standard deviation].
    cells: int = 4
    reach: float = 5.0
    # Turns in which centroids settle.
    turns: int = 20
    # A line this far from its blend's centroid shows no peak of its own there: it keeps its
    # place [line width].
    lost: float = 0.25
    # Scatter of lines' intensities about the lists', natural log.
    intensity_scatter: float = 1.0
    # Intensity of lines that lists give none.
    least_intensity: float = 0.5


RESOLUTION = Resolution()


def known_strength(intensity):
    """Relative intensities, of lines without one, too."""
    return np.maximum(intensity, RESOLUTION.least_intensity)


def smoothed(position, weights, sigma, power=1.0):
    """Sum Gaussians about lines on a grid.

    Parameters
    ----------
    position : ndarray, shape (lines,)
        [pixel]
    weights : sequence of ndarray, shape (lines,)
        Heights of the Gaussians; a sum for each.
    sigma : float
        Standard deviation of a line, which sets the grid [pixel].
    power : float
        To which the profile is raised: that of half is wider by the square root of 2.

    Returns
    -------
    grid : ndarray, shape (cells,)
        [pixel]
    sums : list of ndarray, shape (cells,)
    """
    cell = sigma / RESOLUTION.cells
    half = int(RESOLUTION.reach * RESOLUTION.cells)
    at = (position - position.min()) / cell + half
    low = at.astype(int)
    size = low.max() + half + 2
    kernel = np.exp(-0.5 * power * (np.arange(-half, half + 1) / RESOLUTION.cells) ** 2)
    sums = []
    for weight in weights:
        laid = np.bincount(low, weight * (low + 1 - at), size)
        laid += np.bincount(low + 1, weight * (at - low), size)
        sums.append(np.convolve(laid, kernel, "same"))
    return position.min() + cell * (np.arange(size) - half), sums


def seen_lines(position, intensity, ion, fwhm):
    """Join lines of an ion that are too close to be seen apart.

    Parameters
    ----------
    position, intensity, ion : ndarray, shape (lines,)
        Pixel, relative intensity and ion of catalogue lines.
    fwhm : float
        Width of the lines [pixel].

    Returns
    -------
    position, intensity, ion : ndarray, shape (seen,)
        Maxima of the ion's spectrum.
    """
    parts = [(position[:0], intensity[:0], ion[:0])]
    for name in sorted(set(ion)):
        own = ion == name
        strength = known_strength(intensity[own])
        grid, (light,) = smoothed(position[own], [strength], fwhm * SIGMA_PER_FWHM)
        top = 1 + np.flatnonzero((light[1:-1] > light[:-2]) & (light[1:-1] >= light[2:]))
        left, middle, right = light[top - 1], light[top], light[top + 1]
        shift = 0.5 * (left - right) / (left - 2 * middle + right)
        at = grid[top] + shift * (grid[1] - grid[0])
        parts.append((at, middle, np.full(at.size, name, object)))
    return tuple(np.concatenate(column) for column in zip(*parts))


def blend_centroids(position, strength, fwhm):
    """Centroids that lines have with their neighbours, as `find_peaks` measures them.

    A Gaussian window of the lines' width settles where the light under it, lines times window,
    has its mean: the mean shift of a Gaussian that is wider by the square root of 2.

    Parameters
    ----------
    position, strength : ndarray, shape (lines,)
        Pixel and brightness of each line.
    fwhm : float
        Width of the lines [pixel].

    Returns
    -------
    centroid, error : ndarray, shape (lines,)
        [pixel]; the error is 1 sigma, as the intensities scatter.
    """
    sigma = fwhm * SIGMA_PER_FWHM
    if position.size == 0:
        return position, position
    start = position.min()
    position = position - start
    grid, (total, moment) = smoothed(position, [strength, strength * position], sigma, 0.5)
    mean = moment / np.maximum(total, 1e-300)
    centroid = position
    for _ in range(RESOLUTION.turns):
        centroid = np.interp(centroid, grid, mean)
    lost = np.abs(centroid - position) > RESOLUTION.lost * fwhm
    centroid = np.where(lost, position, centroid)
    square = strength**2
    _, moments = smoothed(position, [square * position**n for n in range(3)], sigma, 1.0)
    zeroth, first, second = (np.interp(centroid, grid, each) for each in moments)
    variance = second - 2 * centroid * first + centroid**2 * zeroth
    weight = np.interp(centroid, grid, total)
    error = np.sqrt(np.maximum(variance, 0)) / weight
    return start + centroid, RESOLUTION.intensity_scatter * error
