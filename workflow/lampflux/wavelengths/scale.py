"""Wavelength scales: linear ones, what lies beyond the detector, and back to pixels."""

import numpy as np
from numpy.polynomial import Polynomial


def nominal_wavelength(pixels, crval, crpix, cdelt):
    """Wavelengths of the linear solution of an arm.

    FITS linear world coordinates (Greisen et al. 2006, A&A 446, 747), in which pixels count
    from 1.

    Parameters
    ----------
    pixels : ndarray
        Pixels, counted from 0.
    crval : float
        Air wavelength at the reference pixel [Angstrom].
    crpix : float
        Reference pixel, counted from 1.
    cdelt : float
        Wavelength step per pixel [Angstrom].

    Returns
    -------
    ndarray
        Air wavelengths [Angstrom].
    """
    return crval + cdelt * (pixels + 1 - crpix)


def spread_evenly(low, high, size):
    """Straight line from one wavelength to another: ``crval``, ``crpix`` and ``cdelt``.

    Parameters
    ----------
    low, high : float
        Wavelengths of the first and the last pixel [Angstrom].
    size : int
        Pixels.
    """
    return {"crval": low, "crpix": 1, "cdelt": (high - low) / (size - 1)}


def through_pins(wavelength, pinned):
    """Shift wavelengths, and with two or more pinned lines scale them, to fit pinned lines.

    Parameters
    ----------
    wavelength : ndarray, shape (pixels,)
        [Angstrom]
    pinned : sequence of (float, float)
        Pixel and wavelength [Angstrom] of each.

    Returns
    -------
    ndarray, shape (pixels,)
        [Angstrom]
    """
    pixel, wanted = np.transpose(pinned)
    pixels = np.arange(wavelength.size)
    missed = wanted - np.interp(pixel, pixels, wavelength)
    return wavelength + Polynomial.fit(pixel, missed, min(pixel.size - 1, 1), domain=[])(pixels)


def extended(values, at):
    """Interpolate values given at whole pixels, going on in straight lines beyond the ends."""
    last = values.size - 1
    inside = np.clip(at, 0, last)
    ends = np.where(at < 0, values[1] - values[0], values[-1] - values[-2])
    return np.interp(inside, np.arange(values.size), values) + ends * (at - inside)


def inverse(wavelength, wanted):
    """Pixels of wavelengths, going on in straight lines beyond the detector."""
    sign = 1 if wavelength[-1] > wavelength[0] else -1
    pixels = np.arange(wavelength.size)
    inside = np.interp(sign * wanted, sign * wavelength, pixels)
    first, last = sign * wavelength[0], sign * wavelength[-1]
    low, high = sign * wavelength[1] - first, last - sign * wavelength[-2]
    below = np.minimum(sign * wanted - first, 0) / low
    above = np.maximum(sign * wanted - last, 0) / high
    return inside + below + above
