"""Nominal and reference solutions of an arm."""

import numpy as np
from numpy.polynomial import Polynomial

from lampflux.files.tables import read_line_list, read_reference
from lampflux.wavelengths.search import Lines

# A degree of the reference solution must better the next lower one's prediction by this factor.
WORTH_A_DEGREE = 0.95


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


def reference_wavelength(pixel, wavelength, pixels):
    """Wavelengths of an arm's reference: the polynomial that best predicts each pair left out.

    Parameters
    ----------
    pixel, wavelength : ndarray, shape (pairs,)
        Columns of known lines and their air wavelengths [Angstrom].
    pixels : ndarray
        Pixels, counted from 0.

    Returns
    -------
    ndarray
        Air wavelengths [Angstrom].
    """
    others = ~np.eye(pixel.size, dtype=bool)
    best, least = None, np.inf
    for degree in range(1, min(5, pixel.size // 3) + 1):
        missed = [
            known - Polynomial.fit(pixel[kept], wavelength[kept], degree)(at)
            for at, known, kept in zip(pixel, wavelength, others)
        ]
        if np.std(missed) < WORTH_A_DEGREE * least:
            best, least = degree, np.std(missed)
    return Polynomial.fit(pixel, wavelength, best)(pixels)


def read_lines(paths, ions):
    """Read the line lists of a lamp's ions into one catalogue."""
    rows = [(row, ion) for path, ion in zip(paths, ions) for row in read_line_list(path)]
    return Lines(
        np.array([row["wavelength_air"] for row, _ in rows], dtype=float),
        np.array([row["intensity"] for row, _ in rows], dtype=float),
        np.array([ion for _, ion in rows], dtype=object),
    )


def arm_reference(inputs, pixels):
    """Read the arm's reference and give the wavelength of every pixel; None without one."""
    if not inputs.get("reference"):
        return None
    rows = read_reference(inputs.reference)
    pixel, wavelength = (
        np.array([row[column] for row in rows], dtype=float)
        for column in ("pixel", "wavelength_air")
    )
    return reference_wavelength(pixel, wavelength, pixels)
