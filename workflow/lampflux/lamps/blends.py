"""Which lines of a lamp remain single at a resolution."""

from typing import NamedTuple

import numpy as np
import pandas as pd

# Standard deviation over full width at half maximum of a Gaussian.
SIGMA_PER_FWHM = 1 / np.sqrt(8 * np.log(2))


class BlendSettings(NamedTuple):
    """Constants of blends."""

    # A line is not single if others shift its centre by more [resolution elements]: a hundredth of
    # a pixel, as much as lines of well sampled profiles are known to.
    shift: float = 0.005
    # Window tables and line lists give the same line within this distance [Angstrom].
    same_line: float = 0.3


BLENDS = BlendSettings()


def unblended_lines(lines, element, listed=None):
    """Tell which lines of a lamp are not blended at a resolution.

    A neighbour at the distance *d* with *r* times the line's light shifts the line's centre by
    r d exp(-d**2 / (2 sigma**2)), its slope there over the line's curvature.

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
        Lines that their neighbours shift by less than `BLENDS.shift` in all.
    """
    place, flux = (lines[name].to_numpy(dtype=float) for name in ("wavelength", "flux"))
    others, light = place, flux
    if listed is not None and len(listed):
        unseen = unseen_light(lines, listed)
        others = np.append(others, unseen["wavelength_air"].to_numpy(dtype=float))
        light = np.append(light, unseen["light"].to_numpy(dtype=float))
    distance = np.abs(place[:, np.newaxis] - others)
    sigma = SIGMA_PER_FWHM * element
    shift = light / flux[:, np.newaxis] * distance * np.exp(-0.5 * (distance / sigma) ** 2)
    return shift.sum(axis=1) < BLENDS.shift * element


def unseen_light(lines, listed):
    """Estimate the light of listed lines that are not measured, by their ion's measured ones.

    Parameters
    ----------
    lines, listed : DataFrame
        As in `unblended_lines`. Intensities compare within an ion only.

    Returns
    -------
    DataFrame
        ``wavelength_air`` [Angstrom] and ``light``, in the unit of the flux, of the lines that are
        not measured; none of an ion without a measured line.
    """
    parts = []
    for ion, of_ion in listed.groupby("ion"):
        own = lines[lines["ion"] == ion]
        place = own["wavelength"].to_numpy(dtype=float)[:, np.newaxis]
        offset = np.abs(place - of_ion["wavelength_air"].to_numpy(dtype=float))
        nearest = offset.argmin(axis=1)
        seen = offset.min(axis=1) < BLENDS.same_line
        if not seen.any():
            continue
        intensity = of_ion["intensity"].to_numpy(dtype=float)
        scale = np.median((own["flux"].to_numpy(dtype=float) / intensity[nearest])[seen])
        unseen = np.setdiff1d(np.arange(len(of_ion)), nearest[seen])
        parts.append(of_ion.iloc[unseen].assign(light=intensity[unseen] * scale))
    found = pd.concat(parts) if parts else listed.iloc[:0].assign(light=0.0)
    return found[found["light"] > 0]
