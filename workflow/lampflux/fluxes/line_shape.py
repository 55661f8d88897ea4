"""The shape of a line: any profile, scaled by the width of the lines, integrated over pixels."""

import math
from functools import cache
from typing import NamedTuple

import numpy as np

from lampflux.statistics import SIGMA_PER_FWHM, blurred


class TableTuning(NamedTuple):
    """Constants of the tables of profiles."""

    # Reach to either side [line widths]: a Lorentzian has 1 % of its light beyond.
    reach: float = 30.0
    # Step [line widths]: cubic interpolation is then good to 1e-7 of the light.
    step: float = 0.02
    # Less than this part of the light is none: arithmetic of the tiniest numbers is slow.
    nothing: float = 1e-18
    # A line ends where its light falls below this part of its top: 0.01 ADU of a bright one.
    end: float = 1e-8
    # Light beyond this many widths is far: wings and continuum are one there.
    far: float = 5.0


TABLE = TableTuning()
GRID = np.linspace(-TABLE.reach, TABLE.reach, round(2 * TABLE.reach / TABLE.step) + 1)


class Profile(NamedTuple):
    """A profile of width and light 1, at the places of ``GRID``.

    ``below``, the light below each place, and ``density``, the light there per line width; and
    ``reach``, beyond which there is next to none [line widths].
    """

    below: np.ndarray
    density: np.ndarray
    reach: float


class Shape(NamedTuple):
    """Shape of a spectrum's lines.

    ``fwhm``, their width in each pixel, an array of shape (pixels,) [pixel]; their ``profile``;
    its relative ``error``, by which lines differ from it, as a part of their height; the relative
    ``width_error`` by which widths of single lines differ from ``fwhm``, shape (pixels,); and
    ``far_error``, 1 sigma of the part of the light that is far from a line. The ``halo`` of light
    scattered about a line is a sum of Gaussians: (width [line widths], light over the line's).
    """

    fwhm: np.ndarray
    profile: Profile
    error: float
    width_error: np.ndarray
    far_error: float
    halo: tuple = ()


def tabulated(below, density):
    """Make a profile of its light below and its density at the places of ``GRID``."""
    below, density = (np.where(each > TABLE.nothing, each, 0) for each in (below, density))
    lit = np.abs(GRID[density > TABLE.end * density.max()])
    return Profile(below, density, float(lit.max()))


@cache
def gaussian_profile(fwhm=1.0, offset=0.0):
    """Tabulate a Gaussian of this width and offset [line widths]."""
    sigma = fwhm * SIGMA_PER_FWHM
    scaled = (GRID - offset) / sigma
    below = np.array([0.5 * math.erfc(-place / math.sqrt(2)) for place in scaled])
    density = np.exp(-0.5 * scaled**2) / (sigma * math.sqrt(2 * math.pi))
    return tabulated(below, density)


@cache
def lorentzian_profile(fwhm=1.0):
    """Tabulate a Lorentzian of this width [line widths]; the table's ends are not its wings'."""
    scaled = 2 * GRID / fwhm
    return tabulated(0.5 + np.arctan(scaled) / np.pi, 2 / (np.pi * fwhm * (1 + scaled**2)))


def light_below(distance, profile):
    """Part of the light below a distance from the line's centre, in line widths."""
    place = np.clip((distance + TABLE.reach) / TABLE.step, 0, GRID.size - 1.0)
    left = np.minimum(place.astype(int), GRID.size - 2)
    part = place - left
    # Hermite interpolation of values and slopes.
    below = profile.below.take(left)
    rise = profile.below.take(left + 1) - below
    start = profile.density.take(left) * TABLE.step - rise
    end = rise - profile.density.take(left + 1) * TABLE.step
    return below + part * rise + part * (1 - part) * (start * (1 - part) + end * part)


def density_at(distance, profile):
    """Light per line width at a distance from the line's centre, in line widths."""
    return np.interp(distance, GRID, profile.density, left=0.0, right=0.0)


def far_light(profile):
    """Part of a line's light that lies far from its centre: more than five widths."""
    near = light_below(np.array([-TABLE.far, TABLE.far]), profile)
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


def pixels_near(centres, shape, reach=None):
    """Pixels about each line, shape (lines, near); they may lie beyond the spectrum.

    All pixels that have light of the line, or those within some reach [line widths].
    """
    reach = shape.profile.reach if reach is None else reach
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
    return values.take(pixels, mode="clip")


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


def halo_light(lines, fwhm, halo):
    """Light that is scattered about lines, smoothly.

    Parameters
    ----------
    lines : ndarray, shape (pixels,)
        Light of all lines [ADU].
    fwhm : float
        Typical width of the lines [pixel].
    halo : sequence of (float, float)
        Width (FWHM) of each Gaussian of the halo [line widths] and its light, relative to that of
        the line.

    Returns
    -------
    ndarray, shape (pixels,)
        [ADU]
    """
    return sum((part * blurred(lines, width * fwhm) for width, part in halo), np.zeros(lines.size))
