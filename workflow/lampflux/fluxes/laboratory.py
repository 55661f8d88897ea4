"""Lines that the laboratory knows, where the wavelengths put them on the detector."""

from typing import NamedTuple

import numpy as np


class LaboratoryTuning(NamedTuple):
    """Constants of the brightness of ions."""

    # A peak is a laboratory line that stands this near [line widths].
    near: float = 0.3
    # Fewest of them that measure an ion's brightness.
    fewest: int = 3


LABORATORY = LaboratoryTuning()


class LaboratoryLine(NamedTuple):
    """A line of the lamp's ions.

    ``pixel``, where it falls; its ``ion`` and ``wavelength_air`` [Angstrom]; and its relative
    ``intensity`` among the lines of that ion, in any unit.
    """

    pixel: float
    ion: str
    wavelength_air: float
    intensity: float


def lines_on_detector(lists, wavelength):
    """Place the lines of ions on the detector.

    Parameters
    ----------
    lists : dict of str to list of dict
        Lines of each ion: ``wavelength_air`` [Angstrom] and relative ``intensity``.
    wavelength : ndarray, shape (pixels,)
        Air wavelength of each pixel [Angstrom], rising or falling.

    Returns
    -------
    list of LaboratoryLine
        Those between the ends of the spectrum, by pixel.
    """
    order = slice(None) if wavelength[-1] > wavelength[0] else slice(None, None, -1)
    pixels = np.arange(wavelength.size, dtype=float)[order]
    rising, ends = wavelength[order], (wavelength.min(), wavelength.max())
    return sorted(
        LaboratoryLine(
            float(np.interp(row["wavelength_air"], rising, pixels)),
            ion,
            row["wavelength_air"],
            row.get("intensity", np.nan),
        )
        for ion, rows in lists.items()
        for row in rows
        if ends[0] <= row["wavelength_air"] <= ends[1]
    )


def ion_brightness(pixel, fluxes, width, laboratory):
    """Measure how bright the lines of each ion are for their intensities.

    Intensities are relative to the lines of an ion and the ions of a lamp shine as they like.

    Parameters
    ----------
    pixel, fluxes : ndarray, shape (lines,)
        The spectrum's lines [pixel], [ADU].
    width : float
        Width of the lines [pixel].
    laboratory : sequence of LaboratoryLine

    Returns
    -------
    dict of str to float
        Median flux over intensity [ADU] of each ion with enough lines.
    """
    if not laboratory or not pixel.size:
        return {}
    places = np.array([line.pixel for line in laboratory])
    ratios = {}
    for place, flux in zip(pixel, fluxes):
        nearest = int(np.argmin(np.abs(places - place)))
        line = laboratory[nearest]
        if abs(line.pixel - place) < LABORATORY.near * width and line.intensity > 0:
            ratios.setdefault(line.ion, []).append(flux / line.intensity)
    return {
        ion: float(np.median(each))
        for ion, each in ratios.items()
        if len(each) >= LABORATORY.fewest
    }
