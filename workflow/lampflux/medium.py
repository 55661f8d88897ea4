"""Wavelengths in air and in vacuum."""

from typing import NamedTuple

import numpy as np


class Mixed(NamedTuple):
    """Tuned constants of `mixed_up`."""

    # Distance within which a wavelength is a line's [Angstrom]: lists agree to less, and the media
    # differ by ten times more.
    tolerance: float = 0.05
    # Wavelengths that are needed; part of them that may be lines as stated, and that must be
    # lines in the other medium: dense lists have some by chance.
    least_wavelengths: int = 3
    as_stated: float = 0.5
    otherwise: float = 0.7
    # Largest departure from the difference of the media, and of their median scatter, as a part
    # of it.
    departure: float = 0.25


MIXED = Mixed()


def refractive_index(vacuum):
    """Refractive index of standard air: 15 degrees Celsius, 101325 Pa, 450 ppm CO2, dry.

    Ciddor (1996, Applied Optics 35, 1566, eq. 1), good to 1e-8 from 2300 to 16900 Angstrom.

    Parameters
    ----------
    vacuum : float or ndarray
        Wavelength in vacuum [Angstrom].

    Returns
    -------
    float or ndarray
    """
    square = (1e4 / vacuum) ** 2
    return 1 + 0.05792105 / (238.0185 - square) + 0.00167917 / (57.362 - square)


def to_air(vacuum):
    """Wavelengths in air of those in vacuum [Angstrom]."""
    return vacuum / refractive_index(vacuum)


def to_vacuum(air):
    """Wavelengths in vacuum of those in air [Angstrom]."""
    vacuum = air
    # The index hardly changes with the wavelength: three turns are exact to 1e-12.
    for _ in range(3):
        vacuum = air * refractive_index(vacuum)
    return vacuum


def in_medium(air, medium):
    """Wavelengths in a medium, ``air`` or ``vacuum``, of those in air [Angstrom]."""
    return to_vacuum(air) if medium == "vacuum" else air


def from_medium(wavelength, medium):
    """Wavelengths in air of those in a medium, ``air`` or ``vacuum`` [Angstrom]."""
    return to_air(wavelength) if medium == "vacuum" else wavelength


def mixed_up(stated, listed):
    """Tell whether wavelengths are in the other medium than they are said to be.

    The media differ by 0.8 to 3 Angstrom from 3000 to 11000 Angstrom: lines that all are where
    the other medium has them are not there by chance.

    Parameters
    ----------
    stated : array-like, shape (wavelengths,)
        Laboratory wavelengths, in air as they are said to be [Angstrom].
    listed : array-like, shape (lines,)
        Laboratory wavelengths in air of the lines that they may be [Angstrom].

    Returns
    -------
    str or None
        How they are wrong: ``vacuum`` where they are in vacuum, ``air`` where wavelengths in
        air were taken for vacuum's, and converted once too often.
    """
    stated, listed = np.asarray(stated, dtype=float), np.asarray(listed, dtype=float)
    if stated.size < MIXED.least_wavelengths or listed.size == 0:
        return None

    def part_listed(wavelength):
        off = np.abs(wavelength[:, np.newaxis] - listed).min(axis=1)
        return np.mean(off < MIXED.tolerance)

    if part_listed(stated) > MIXED.as_stated:
        return None
    others = {"vacuum": to_air(stated), "air": to_vacuum(stated)}
    found, part = max(
        ((name, part_listed(wavelength)) for name, wavelength in others.items()),
        key=lambda each: each[1],
    )
    return found if part > MIXED.otherwise else None


def is_displaced(centre, line, medium):
    """Whether windows are displaced against their lines by the difference of the media.

    Parameters
    ----------
    centre : array-like, shape (windows,)
        Centres, in air if they are in the medium that they are said to be in [Angstrom].
    line : array-like, shape (windows,)
        Laboratory wavelengths of the lines, in air [Angstrom].
    medium : str
        What the windows are said to be in, air or vacuum.

    Returns
    -------
    bool
    """
    centre, line = np.asarray(centre, dtype=float), np.asarray(line, dtype=float)
    if line.size < MIXED.least_wavelengths:
        return False
    apart = to_vacuum(line) - line
    off = (centre - line) / (apart if medium == "air" else -apart)
    typical = np.median(off)
    scatter = np.median(np.abs(off - typical))
    return bool(abs(typical - 1) < MIXED.departure and scatter < MIXED.departure)
