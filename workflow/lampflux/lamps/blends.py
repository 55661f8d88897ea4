"""Which lines of a lamp remain single at a resolution."""

from typing import NamedTuple

import numpy as np

from lampflux.lamps.measurements import JOIN
from lampflux.statistics import SIGMA_PER_FWHM


class BlendSettings(NamedTuple):
    """Constants of blends."""

    # A line is not single if others shift its centre by more than this [resolution elements]: a
    # hundredth of a pixel, the accuracy of lines with well sampled profiles.
    shift: float = 0.005
    # Fewest measured lines of an ion from which to predict the light of its other listed lines.
    fewest: int = 5


BLENDS = BlendSettings()


def unblended_lines(lines, element, listed=None):
    """Find the lines of a lamp that are not blended at a resolution.

    A neighbour at the distance *d* with *r* times the line's light shifts the line's centre by
    r d exp(-d**2 / (2 sigma**2)), the neighbour's slope there over the line's curvature.

    Parameters
    ----------
    lines : DataFrame
        ``ion``, ``wavelength`` [Angstrom] and ``flux``.
    element : float
        Width of a resolution element [Angstrom].
    listed : DataFrame, optional
        As in `mode_lines`.

    Returns
    -------
    ndarray of bool, shape (lines,)
        Lines that all neighbours together shift by less than `BLENDS.shift`.
    """
    place, flux = (lines[name].to_numpy(dtype=float) for name in ("wavelength", "flux"))
    distance = np.abs(place[:, np.newaxis] - place)
    shift = shifts(distance, flux / flux[:, np.newaxis], element).sum(axis=1)
    if listed is not None:
        shift += listed_shifts(lines, element, listed)
    return shift < BLENDS.shift * element


def shifts(distance, ratio, element):
    """Shift of a line's centre by neighbours, given their distances and light ratios."""
    sigma = SIGMA_PER_FWHM * element
    return ratio * distance * np.exp(-0.5 * (distance / sigma) ** 2)


def listed_shifts(lines, element, listed):
    """Shift of each line's centre by listed lines that are not measured [Angstrom].

    Intensities can be compared within an ion only. The light of a listed line is its intensity
    times the light per intensity of the measured line if that is of the same ion, and otherwise
    times the median light per intensity of its own ion's measured lines. Arguments are as in
    `unblended_lines`.
    """
    place, flux = (lines[name].to_numpy(dtype=float) for name in ("wavelength", "flux"))
    total = np.zeros(len(lines))
    for ion, of_ion in listed.groupby("ion"):
        places, intensity = (
            of_ion[name].to_numpy(dtype=float) for name in ("wavelength_air", "intensity")
        )
        offset = np.abs(place[:, np.newaxis] - places)
        nearest = offset.argmin(axis=1)
        seen = (lines["ion"] == ion).to_numpy() & (offset.min(axis=1) < JOIN.same_line)
        unseen = np.setdiff1d(np.arange(len(places)), nearest[seen])
        # Some lists have faint lines of intensity 0.
        known = seen & (intensity[nearest] > 0)
        own = np.divide(flux, intensity[nearest], out=np.zeros(len(lines)), where=known)
        typical = np.median(own[known]) if known.sum() >= BLENDS.fewest else 0.0
        light = np.where(known, own, typical)[:, np.newaxis] * intensity[unseen]
        total += shifts(offset[:, unseen], light / flux[:, np.newaxis], element).sum(axis=1)
    return total
