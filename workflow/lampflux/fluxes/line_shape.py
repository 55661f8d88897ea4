"""The shape of a line: core and wings, integrated over pixels."""

from typing import NamedTuple

import numpy as np

from lampflux.peaks import FWHM_PER_SIGMA

# Gauss-Legendre points at which a profile is averaged over a pixel.
NODES, WEIGHTS = np.polynomial.legendre.leggauss(5)
# Reach of a line to either side [width of the wing]; 2e-6 of a Gaussian lies beyond.
LIGHT_REACH = 2.0


class Shape(NamedTuple):
    """Shape of a spectrum's lines: a Gaussian core and wing.

    ``fwhm``, the core's width in each pixel, an array of shape (pixels,) [pixel]; ``wing_part``,
    the part of the light that the wing holds, and ``wing_width``, its width against the core's.
    """

    fwhm: np.ndarray
    wing_part: float
    wing_width: float


def gaussian(distance, fwhm):
    """Light of a Gaussian line in pixels at a distance from its centre; all of it is 1.

    Parameters
    ----------
    distance : ndarray
        Pixel minus centre of the line [pixel].
    fwhm : float or ndarray
        Full width at half maximum [pixel].

    Returns
    -------
    ndarray
    """
    sigma = fwhm / FWHM_PER_SIGMA
    within = distance[..., np.newaxis] + 0.5 * NODES
    scaled = within / (sigma[..., np.newaxis] if np.ndim(sigma) else sigma)
    density = np.exp(-0.5 * scaled**2) @ (0.5 * WEIGHTS)
    return density / (sigma * np.sqrt(2 * np.pi))


def line_light(distance, fwhm, shape):
    """Light of a line with a wing in pixels at a distance from its centre; all of it is 1."""
    light = (1 - shape.wing_part) * gaussian(distance, fwhm)
    if shape.wing_part:
        light = light + shape.wing_part * gaussian(distance, shape.wing_width * fwhm)
    return light


def light_near(centres, shape, moved=0.0):
    """Light of each line in the pixels about it; further off it has next to none.

    Parameters
    ----------
    centres : ndarray, shape (lines,)
        [pixel]
    shape : Shape
    moved : float
        How far the lines are moved, but not the pixels that are looked at [pixel].

    Returns
    -------
    pixels : ndarray of int, shape (lines, near)
        May reach beyond the spectrum.
    core, wing : ndarray, shape (lines, near)
        Of lines that are all core and all wing; 0 beyond the spectrum.
    """
    size = shape.fwhm.size
    width = np.interp(centres + moved, np.arange(size), shape.fwhm)[:, np.newaxis]
    reach = int(np.ceil(LIGHT_REACH * shape.wing_width * width.max(initial=1.0)))
    pixels = np.rint(centres).astype(int)[:, np.newaxis] + np.arange(-reach, reach + 1)
    distance = pixels - (centres + moved)[:, np.newaxis]
    inside = (pixels >= 0) & (pixels < size)
    return pixels, *(
        gaussian(distance, wide) * inside for wide in (width, shape.wing_width * width)
    )


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


def light_of_each(centres, shape, moved=0.0):
    """Light of each line, core and wing together, as `light_near` gives it."""
    pixels, core, wing = light_near(centres, shape, moved)
    return pixels, core + shape.wing_part * (wing - core)
