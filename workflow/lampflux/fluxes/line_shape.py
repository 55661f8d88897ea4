"""The shape of a line: any profile, scaled by the width of the lines, integrated over pixels."""

import math
from functools import cache
from typing import NamedTuple

import numpy as np

from lampflux.peaks import FWHM_PER_SIGMA

# Profiles are tabulated over this reach to either side, in these steps [line widths]. Cubic
# interpolation is then good to 1e-7 of the light.
REACH, STEP = 12.0, 0.02
NOTHING = 1e-18
GRID = np.linspace(-REACH, REACH, round(2 * REACH / STEP) + 1)


class Profile(NamedTuple):
    """A profile of width and light 1, at the places of ``GRID``.

    ``below``, the light below each place, and ``density``, the light there per line width.
    """

    below: np.ndarray
    density: np.ndarray


class Shape(NamedTuple):
    """Shape of a spectrum's lines.

    ``fwhm``, their width in each pixel, an array of shape (pixels,) [pixel]; their ``profile``;
    and its relative ``error``, by which lines differ from it, as a part of their height.
    """

    fwhm: np.ndarray
    profile: Profile
    error: float


@cache
def gaussian_profile(fwhm=1.0, offset=0.0):
    """Tabulate a Gaussian of this width and offset [line widths]."""
    sigma = fwhm / FWHM_PER_SIGMA
    scaled = (GRID - offset) / sigma
    below = np.array([0.5 * math.erfc(-place / math.sqrt(2)) for place in scaled])
    density = np.exp(-0.5 * scaled**2) / (sigma * math.sqrt(2 * math.pi))
    # Next to nothing is nothing: arithmetic of the tiniest numbers is slow.
    return Profile(np.where(below > NOTHING, below, 0), np.where(density > NOTHING, density, 0))


def light_below(distance, profile):
    """Part of the light below a distance from the line's centre, in line widths."""
    place = np.clip((distance + REACH) / STEP, 0, GRID.size - 1.0)
    left = np.minimum(place.astype(int), GRID.size - 2)
    part = place - left
    # Hermite interpolation of values and slopes.
    rise = profile.below[left + 1] - profile.below[left]
    start = profile.density[left] * STEP - rise
    end = rise - profile.density[left + 1] * STEP
    return (
        profile.below[left] + part * rise + part * (1 - part) * (start * (1 - part) + end * part)
    )


def density_at(distance, profile):
    """Light per line width at a distance from the line's centre, in line widths."""
    return np.interp(distance, GRID, profile.density, left=0.0, right=0.0)


def far_light(profile):
    """Part of a line's light that lies more than five widths from its centre."""
    near = light_below(np.array([-5.0, 5.0]), profile)
    return float(1 - near[1] + near[0])


def line_light(edges, centres, fwhm, profile):
    """Light of lines in contiguous pixels, and how it changes with centre and width.

    Parameters
    ----------
    edges : ndarray, shape (pixels + 1,)
        Ends of the pixels.
    centres : ndarray, shape (lines,)
        [pixel]
    fwhm : float or ndarray, shape (lines,)
        [pixel]
    profile : Profile

    Returns
    -------
    light, by_centre, by_fwhm : ndarray, shape (pixels, lines)
        All light of a line is 1; its derivatives [1/pixel].
    """
    distance = (edges[:, np.newaxis] - centres) / fwhm
    density = density_at(distance, profile)
    light = np.diff(light_below(distance, profile), axis=0)
    by_centre = -np.diff(density, axis=0) / fwhm
    by_fwhm = -np.diff(density * distance, axis=0) / fwhm
    return light, by_centre, by_fwhm


def pixels_near(centres, shape, reach=REACH):
    """Pixels about each line, shape (lines, near); they may lie beyond the spectrum."""
    widest = np.interp(centres, np.arange(shape.fwhm.size), shape.fwhm).max(initial=1.0)
    reach = int(np.ceil(reach * widest))
    return np.rint(centres).astype(int)[:, np.newaxis] + np.arange(-reach, reach + 1)


def light_near(pixels, centres, shape, profile=None):
    """Light of each line in the pixels about it.

    Parameters
    ----------
    pixels : ndarray of int, shape (lines, near)
        As `pixels_near` gives them.
    centres : ndarray, shape (lines,)
        [pixel]
    shape : Shape
    profile : Profile, optional
        In place of the shape's own.

    Returns
    -------
    ndarray, shape (lines, near)
        0 beyond the spectrum.
    """
    size = shape.fwhm.size
    width = np.interp(centres, np.arange(size), shape.fwhm)[:, np.newaxis]
    edges = np.concatenate([pixels, pixels[:, -1:] + 1], axis=1) - 0.5
    below = light_below((edges - centres[:, np.newaxis]) / width, profile or shape.profile)
    return np.diff(below, axis=1) * ((pixels >= 0) & (pixels < size))


def slopes_near(pixels, centres, shape):
    """Change of each line's light with its centre [1/pixel], as `light_near` gives the light."""
    size = shape.fwhm.size
    width = np.interp(centres, np.arange(size), shape.fwhm)[:, np.newaxis]
    edges = np.concatenate([pixels, pixels[:, -1:] + 1], axis=1) - 0.5
    density = density_at((edges - centres[:, np.newaxis]) / width, shape.profile)
    return -np.diff(density, axis=1) / width * ((pixels >= 0) & (pixels < size))


def at(values, pixels):
    """Values of a spectrum in some pixels; of those beyond its ends, the last one's."""
    return values[np.clip(pixels, 0, values.size - 1)]


def summed_light(pixels, light, fluxes, size):
    """Sum the light of lines of these fluxes in each pixel of a spectrum [ADU]."""
    light = light * fluxes[:, np.newaxis]
    return np.bincount(np.clip(pixels, 0, size - 1).ravel(), light.ravel(), size)


def overlaps(pixels, one, other):
    """Sum the product of the light of every line and every other over the pixels they share.

    Parameters
    ----------
    pixels : ndarray of int, shape (lines, near)
    one, other : ndarray, shape (lines, near)

    Returns
    -------
    ndarray, shape (lines, lines)
    """
    near = pixels.shape[1]
    apart = pixels[:, 0] - pixels[:, :1]
    left, right = np.nonzero(np.abs(apart) < near)
    padded = np.pad(one, ((0, 0), (near, near)))
    places = near + apart[left, right][:, np.newaxis] + np.arange(near)
    result = np.zeros(apart.shape)
    result[left, right] = np.einsum("ij,ij->i", padded[left[:, np.newaxis], places], other[right])
    return result
