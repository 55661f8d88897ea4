"""Fit dispersions as smooth as those of spectrographs."""

from typing import NamedTuple

import numpy as np
from numpy.polynomial import Chebyshev
from numpy.polynomial.chebyshev import chebvander


class Smoothness(NamedTuple):
    """Tuned constants of `fit_dispersion`."""

    # Expected size of the Chebyshev coefficients of degree 2 and above, as a part of the linear
    # one, 1 sigma. Behind a grating that the camera sees under 10 degrees to either side, with a
    # dispersion that changes by 25 %, they are 0.03, 0.004, 0.0002 and 0.00002 (Schroeder,
    # Astronomical Optics, 1987, section 13.2); the cameras' distortion adds to that. Of 23 real
    # spectrographs none had more than 0.053, 0.015, 0.0015 and 0.0009.
    sizes: tuple = (0.05, 0.01, 0.001, 0.0005)


SMOOTHNESS = Smoothness()


def stiffness(degree, size):
    """Inverse of the coefficients' expected size, shape (degree + 1,) [1 / pixel]."""
    bends = np.array(SMOOTHNESS.sizes)[: max(degree - 1, 0)]
    return np.concatenate([np.zeros(min(degree, 1) + 1), 2 / (size * bends)])


def fit_dispersion(pixel, wavelength, weight, degree, size):
    """Fit a polynomial whose higher terms are no larger than lines ask for.

    Parameters
    ----------
    pixel, wavelength : ndarray, shape (lines,)
        [pixel], [Angstrom].
    weight : ndarray, shape (lines,)
        [1 / pixel]
    degree : int
        At most 5.
    size : int
        Pixels of the spectrum.

    Returns
    -------
    numpy.polynomial.Chebyshev
    """
    u = 2 * pixel / (size - 1) - 1
    rows = np.concatenate(
        [weight[:, np.newaxis] * chebvander(u, degree), np.diag(stiffness(degree, size))]
    )
    wanted = np.concatenate([weight * wavelength, np.zeros(degree + 1)])
    coefficients = np.linalg.lstsq(rows, wanted, rcond=None)[0]
    return Chebyshev(coefficients, domain=[0, size - 1])


def oddness(polynomial):
    """Chi-square of a dispersion's higher terms against their expected sizes."""
    size = polynomial.domain[1] + 1
    coefficients = polynomial.coef * stiffness(polynomial.degree(), size) * size / 2
    return float(np.sum((coefficients / polynomial.coef[1]) ** 2))


def dispersion_error(degree, pixel, weight, pixels, size):
    """1-sigma error of `fit_dispersion` at some pixels, from the weights [pixel].

    Parameters
    ----------
    degree : int
    pixel, weight : ndarray, shape (lines,)
        [pixel], [1 / pixel].
    pixels : ndarray
        Where the error is wanted.
    size : int
        Pixels of the spectrum.

    Returns
    -------
    ndarray
    """
    rows = weight[:, np.newaxis] * chebvander(2 * pixel / (size - 1) - 1, degree)
    covariance = np.linalg.pinv(rows.T @ rows + np.diag(stiffness(degree, size) ** 2))
    wanted = chebvander(2 * pixels / (size - 1) - 1, degree)
    return np.sqrt(np.einsum("ij,jk,ik->i", wanted, covariance, wanted))
