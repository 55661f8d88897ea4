"""One reference solution of an arm from the lines of all its lamps."""

from typing import NamedTuple

import numpy as np
from numpy.polynomial import Polynomial

from lampflux.statistics import SIGMA_PER_MAD
from lampflux.wavelengths.reference import HIGHEST_DEGREE, PAIRS_PER_DEGREE, WORTH_A_DEGREE


class Joining(NamedTuple):
    """Tuned constants of `join_lines`."""

    # Turns in which the solution and the exposures' shifts are fitted: more change nothing.
    turns: int = 8
    # Lines further off than this many times the scatter are left out.
    clip: float = 3.5


JOINING = Joining()


def fit_with_shifts(pixel, wavelength, exposure, degree):
    """Fit one polynomial to the lines of several exposures, each of which may be shifted.

    Parameters
    ----------
    pixel, wavelength : ndarray, shape (lines,)
        [pixel], [Angstrom].
    exposure : ndarray of int, shape (lines,)
        Number of the exposure that shows the line.
    degree : int

    Returns
    -------
    polynomial : numpy.polynomial.Polynomial
    shift : ndarray, shape (exposures,)
        What to add to an exposure's pixels; the median is zero.
    """
    shift = np.zeros(exposure.max() + 1)
    for _ in range(JOINING.turns):
        at = pixel + shift[exposure]
        polynomial = Polynomial.fit(at, wavelength, degree)
        off = (wavelength - polynomial(at)) / polynomial.deriv()(at)
        shift += [np.median(off[exposure == number]) for number in range(shift.size)]
        shift -= np.median(shift)
    return polynomial, shift


def prediction_error(pixel, wavelength, group, degree):
    """Robust 1-sigma error with which lines predict those of each group left out [Angstrom]."""
    missed = []
    for left_out in np.unique(group):
        kept = group != left_out
        if kept.sum() <= degree + 1:
            return np.inf
        fit = Polynomial.fit(pixel[kept], wavelength[kept], degree)
        missed.append(wavelength[~kept] - fit(pixel[~kept]))
    return SIGMA_PER_MAD * np.median(np.abs(np.concatenate(missed)))


def join_lines(exposures):
    """Join the identified lines of all exposures of an arm to one table of pixels and wavelengths.

    The polynomial's degree is the one with which the other lamps predict each lamp best, or, of
    one lamp, the other lines each line. Lines far from it are left out.

    Parameters
    ----------
    exposures : list of (str, list of dict)
        Lamp and lines of each exposure: ``pixel``, ``ion``, ``wavelength_air`` and ``blend_air``,
        the wavelength at which it is expected [Angstrom].

    Returns
    -------
    list of dict
        Rows of the joint reference, by pixel: mean pixel, number of exposures, and line minus
        solution [Angstrom]. Empty where there are too few lines.
    """
    rows = [
        (row["pixel"], row["blend_air"], row["wavelength_air"], number, lamp, row["ion"])
        for number, (lamp, lines) in enumerate(exposures)
        for row in lines
    ]
    if len({row[2] for row in rows}) < 2 * PAIRS_PER_DEGREE:
        return []
    pixel, wavelength, laboratory, exposure, lamp, ion = map(np.array, zip(*rows))
    group = lamp if np.unique(lamp).size > 1 else laboratory
    best, least = 1, np.inf
    highest = min(HIGHEST_DEGREE, np.unique(laboratory).size // PAIRS_PER_DEGREE)
    for degree in range(1, highest + 1):
        _, shift = fit_with_shifts(pixel, wavelength, exposure, degree)
        error = prediction_error(pixel + shift[exposure], wavelength, group, degree)
        if error < WORTH_A_DEGREE * least:
            best, least = degree, error
    polynomial, shift = fit_with_shifts(pixel, wavelength, exposure, best)
    at = pixel + shift[exposure]
    residual = wavelength - polynomial(at)
    good = np.abs(residual) <= JOINING.clip * SIGMA_PER_MAD * np.median(np.abs(residual)) + 1e-9
    joined = []
    for line in np.unique(laboratory[good]):
        own = good & (laboratory == line)
        mean, expected = float(np.mean(at[own])), float(np.mean(wavelength[own]))
        joined.append(
            {
                "pixel": round(mean, 3),
                "wavelength_air": expected,
                "ion": str(ion[own][0]),
                "exposures": int(own.sum()),
                "residual": round(expected - float(polynomial(mean)), 4),
            }
        )
    return sorted(joined, key=lambda row: row["pixel"])
