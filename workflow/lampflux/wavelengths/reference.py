"""Reference solution of an arm, from the pixels of known lines."""

import numpy as np
from numpy.polynomial import Polynomial
from numpy.polynomial.chebyshev import chebvander

from lampflux.files.tables import read_reference
from lampflux.wavelengths.shift import Reference
from lampflux.wavelengths.trust import left_out, polynomial_error

# A degree of the reference solution must better the next lower one's prediction by this factor.
WORTH_A_DEGREE = 0.95
# Highest degree, and pairs of different pixels and their wavelengths for each.
HIGHEST_DEGREE = 5
PAIRS_PER_DEGREE = 3


def reference_solution(pixel, wavelength, pixels):
    """Solution of an arm's reference: the polynomial that best predicts each pair left out.

    Parameters
    ----------
    pixel, wavelength : ndarray, shape (pairs,)
        Pixels of known lines and their air wavelengths [Angstrom].
    pixels : ndarray
        Pixels, counted from 0.

    Returns
    -------
    Reference
    """
    best, least = None, np.inf
    # Pairs of one pixel do not hold a curve better than one of them.
    highest = min(HIGHEST_DEGREE, np.unique(pixel).size // PAIRS_PER_DEGREE)
    scaled = 2 * (pixel - pixel.min()) / np.ptp(pixel) - 1
    for degree in range(1, highest + 1):
        missed, _ = left_out(chebvander(scaled, degree), wavelength)
        if np.std(missed) < WORTH_A_DEGREE * least:
            best, least = degree, np.std(missed)
    fitted = Polynomial.fit(pixel, wavelength, best)
    error = polynomial_error(fitted, pixel, wavelength, np.ones(pixel.size), least, pixels)
    return Reference(fitted(pixels), error)


def arm_reference(path, pixels):
    """Read an arm's table of pixels and wavelengths: a solution, or a few pinned lines.

    Parameters
    ----------
    path : path-like or None
    pixels : ndarray

    Returns
    -------
    reference : Reference or None
        None for fewer than three different pixels.
    pinned : list of (float, float)
        The pairs, if they are too few for a solution.
    """
    if not path:
        return None, []
    rows = read_reference(path)
    pixel, wavelength = (
        np.array([row[column] for row in rows], dtype=float)
        for column in ("pixel", "wavelength_air")
    )
    if np.unique(pixel).size < PAIRS_PER_DEGREE:
        return None, list(zip(pixel, wavelength))
    return reference_solution(pixel, wavelength, pixels), []
