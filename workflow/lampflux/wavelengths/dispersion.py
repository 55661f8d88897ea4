"""Fit dispersions as smooth as those of spectrographs."""

from typing import NamedTuple

import numpy as np
from numpy.polynomial import Chebyshev
from numpy.polynomial.chebyshev import chebvander

from lampflux.statistics import SIGMA_PER_MAD


class Smoothness(NamedTuple):
    """Tuned constants of fits of dispersions."""

    # Expected size of the Chebyshev coefficients of degree 2 and above, as a part of the linear
    # one, 1 sigma. Behind a grating that the camera sees under 10 degrees to either side, with a
    # dispersion that changes by 25 %, they are 0.03, 0.004, 0.0002 and 0.00002 (Schroeder,
    # Astronomical Optics, 1987, section 13.2); the cameras' distortion adds to that. Of 23 real
    # spectrographs none had more than 0.053, 0.015, 0.0015 and 0.0009.
    sizes: tuple = (0.05, 0.01, 0.001, 0.0005)
    # Turns in which robust weights settle.
    robust_turns: int = 5
    # An alignment is right to about this [pixel], and off by about this where another is the
    # true one [detector], as is true of one whose lead is L with a probability of exp(-L).
    aligned: float = 1.0
    misaligned: float = 0.025
    # Degree of the curve through an alignment, and places of it that count.
    alignment_degree: int = 3
    alignment_places: int = 64


SMOOTHNESS = Smoothness()


def stiffness(degree, domain):
    """Inverse of the coefficients' expected size, shape (degree + 1,) [1 / pixel]."""
    bends = np.array(SMOOTHNESS.sizes)[: max(degree - 1, 0)]
    return np.concatenate([np.zeros(min(degree, 1) + 1), 2 / (np.ptp(domain) * bends)])


def design(pixel, degree, domain):
    """Chebyshev polynomials at some pixels, shape (pixels, degree + 1)."""
    return chebvander(2 * (pixel - domain[0]) / np.ptp(domain) - 1, degree)


def fit_dispersion(pixel, wavelength, weight, degree, domain):
    """Fit a polynomial whose higher terms are no larger than lines ask for.

    Parameters
    ----------
    pixel, wavelength : ndarray, shape (lines,)
        [pixel], [Angstrom].
    weight : ndarray, shape (lines,)
        [1 / pixel]
    degree : int
        At most 5.
    domain : (float, float)
        First and last pixel that the camera lights, to which the expected sizes of terms refer.

    Returns
    -------
    numpy.polynomial.Chebyshev
    """
    rows = design(pixel, degree, domain)
    return Chebyshev(
        coefficients(rows, wavelength, weight, stiffness(degree, domain)), domain=domain
    )


def coefficients(rows, wavelength, weight, stiff):
    """Fit the coefficients of a design, each held to zero by its stiffness."""
    weighted = np.concatenate([weight[:, np.newaxis] * rows, np.diag(stiff)])
    wanted = np.concatenate([weight * wavelength, np.zeros(stiff.size)])
    return np.linalg.lstsq(weighted, wanted, rcond=None)[0]


def fit_robustly(pixel, wavelength, weight, degree, domain, dispersion, least_spread):
    """Fit as `fit_dispersion`, with Cauchy weights: wrong identifications lose their pull.

    Parameters
    ----------
    pixel, wavelength, weight, degree, domain
        As in `fit_dispersion`.
    dispersion : ndarray, shape (lines,)
        About the step at each line [Angstrom / pixel].
    least_spread : float
        Residuals smaller than this [pixel] are as good as none.

    Returns
    -------
    numpy.polynomial.Chebyshev
    """
    rows, stiff = design(pixel, degree, domain), stiffness(degree, domain)
    fitted = coefficients(rows, wavelength, weight, stiff)
    for _ in range(SMOOTHNESS.robust_turns - 1):
        residual = (wavelength - rows @ fitted) / dispersion
        spread = max(SIGMA_PER_MAD * np.median(np.abs(residual)), least_spread)
        softened = weight / (1 + (residual / (2 * spread)) ** 2)
        fitted = coefficients(rows, wavelength, softened, stiff)
    return Chebyshev(fitted, domain=domain)


def smooth_alignment(wavelength, lead):
    """Draw a smooth curve through an alignment, close to it where it leads all others by far.

    Where few lines show, an alignment may go astray. The curve through the rest is nearer to the
    truth there.

    Parameters
    ----------
    wavelength, lead : ndarray, shape (pixels,)
        Wavelengths [Angstrom] and their lead in log-likelihood over others.

    Returns
    -------
    ndarray, shape (pixels,)
        [Angstrom]
    """
    size = wavelength.size
    at = np.linspace(0, size - 1, SMOOTHNESS.alignment_places).astype(int)
    astray = SMOOTHNESS.misaligned * size * np.exp(-np.maximum(lead[at], 0) / 2)
    weight = 1 / np.hypot(SMOOTHNESS.aligned, astray)
    degree = SMOOTHNESS.alignment_degree
    return fit_dispersion(at, wavelength[at], weight, degree, (0, size - 1))(np.arange(size))


def oddness(polynomial):
    """Chi-square of a dispersion's higher terms against their expected sizes."""
    domain = polynomial.domain
    odd = polynomial.coef * stiffness(polynomial.degree(), domain) * np.ptp(domain) / 2
    return float(np.sum((odd / polynomial.coef[1]) ** 2))


def dispersion_error(degree, pixel, weight, pixels, domain):
    """1-sigma error of `fit_dispersion` at some pixels, from the weights [pixel].

    Parameters
    ----------
    degree : int
    pixel, weight : ndarray, shape (lines,)
        [pixel], [1 / pixel].
    pixels : ndarray
        Where the error is wanted.
    domain : (float, float)
        As in `fit_dispersion`.

    Returns
    -------
    ndarray
    """
    rows = weight[:, np.newaxis] * design(pixel, degree, domain)
    covariance = np.linalg.pinv(rows.T @ rows + np.diag(stiffness(degree, domain) ** 2))
    wanted = design(pixels, degree, domain)
    return np.sqrt(np.einsum("ij,jk,ik->i", wanted, covariance, wanted))
