"""World coordinates of a spectrum's header."""

import numpy as np
from astropy.io import fits
from numpy.polynomial import Polynomial

# The polynomial of the wavelengths is accurate to this everywhere [Angstrom], if one of at most
# this degree is.
GOOD = 1e-4
HIGHEST_DEGREE = 12


# Type of a wavelength axis in each medium (Greisen et al. 2006, A&A 446, 747, table 1).
AXIS = {"air": "AWAV", "vacuum": "WAVE"}


def linear_cards(solution, alternate="", medium="air"):
    """Cards of a linear scale: ``crval`` [Angstrom], ``crpix`` (from 1), ``cdelt`` [Angstrom]."""
    yield f"CTYPE1{alternate}", AXIS[medium], f"wavelength in {medium}"
    yield f"CUNIT1{alternate}", "Angstrom", "unit of the wavelength"
    yield f"CRPIX1{alternate}", solution["crpix"], "reference pixel, counted from 1"
    yield f"CRVAL1{alternate}", solution["crval"], "[Angstrom] at the reference pixel"
    yield f"CDELT1{alternate}", solution["cdelt"], "[Angstrom] per pixel"


def wavelength_cards(wavelength, medium="air"):
    """Cards of the wavelengths of all pixels: a straight line and a polynomial correction.

    The correction is a sequent distortion of FITS (Calabretta et al. 2004, "Representations of
    distortions in FITS world coordinate systems", draft) as WCSLIB reads it. Software that does
    not know it reads the straight line.

    Parameters
    ----------
    wavelength : ndarray, shape (pixels,)
        [Angstrom]
    medium : {'air', 'vacuum'}
    """
    size = wavelength.size
    # Between two pixels: WCSLIB loses the constant of longer polynomials at their origin.
    middle, half = size // 2 - 0.5, size / 2
    u = (np.arange(size) - middle) / half
    for degree in range(1, HIGHEST_DEGREE + 1):
        fit = Polynomial.fit(u, wavelength, degree, domain=[-1, 1])
        if np.abs(fit(u) - wavelength).max() < GOOD:
            break
    line = Polynomial.fit(u, wavelength, 1, domain=[-1, 1])
    step = line.coef[1] / half
    linear = {"crpix": middle + 1, "crval": line.coef[0], "cdelt": step}
    cards = list(linear_cards(linear, medium=medium))
    if degree == 1:
        return cards
    records = {"NAXES": 1, "AXIS.1": 1, "OFFSET.1": 0.0, "SCALE.1": 1 / half}
    terms = (fit - line).coef / step
    records["NTERMS"] = terms.size
    for power, coefficient in enumerate(terms):
        records[f"TERM.{power + 1}.COEFF"] = float(coefficient)
        records[f"TERM.{power + 1}.VAR.1"] = float(power)
    cards.append(("CQDIS1", "Polynomial", "correction of the line"))
    return cards + [("DQ1", f"{name}: {value!r}") for name, value in records.items()]


def add_cards(header, cards):
    """Append cards to a header; keywords of records stand several times."""
    for card in cards:
        header.append(fits.Card(*card), end=True)
