"""Lines of the laboratory that blend with the line of a window, parted from it or hidden in it."""

from typing import NamedTuple

import numpy as np

from lampflux.fluxes.companions import another_line
from lampflux.fluxes.laboratory import LaboratoryLine
from lampflux.fluxes.line_shape import line_light
from lampflux.fluxes.window_fit import width_at


class NeighbourTuning(NamedTuple):
    """Constants of neighbours."""

    # Neighbours are looked for within this distance [line widths].
    near: float = 1.5
    # The brightest laboratory line this near to a window's line is that line [line widths].
    own: float = 0.3
    # A fitted line is one of the laboratory if their distances agree this well [line widths].
    parted: float = 0.15
    # Counts allow a hidden line up to its fitted flux plus this many errors.
    room: float = 2.0
    # A hidden line matters from this part of the flux and this many of its errors.
    hidden: float = 0.003
    hidden_errors: float = 1.0
    # Root mean square of a line's brightness over its listed one: good to a factor of two.
    brighter: float = 1.6


NEIGHBOURS = NeighbourTuning()


class Neighbour(NamedTuple):
    """A laboratory ``line`` that blends with a window's line.

    ``part`` of the blend's light that it takes where the fit separates the two, ``is_parted``.
    Where it does not, the part of the fitted flux that may be its: what its intensity says, and no
    more than the counts leave room for; NaN for an ion whose brightness is not known.
    """

    line: LaboratoryLine
    part: float
    is_parted: bool


def laboratory_neighbours(lines, found, laboratory, brightness):
    """Name the laboratory lines that blend with the window's line.

    Parameters
    ----------
    lines : lampflux.fluxes.line_model.LineModel
    found : lampflux.fluxes.window_fit.WindowFit
    laboratory : sequence of LaboratoryLine
    brightness : dict of str to float
        Of the ions, as `lampflux.fluxes.laboratory.ion_brightness` gives it.

    Returns
    -------
    neighbours : list of Neighbour
        Those that are parted, and those hidden in the line that matter.
    hidden : float
        1 sigma of the light of all hidden lines [ADU].
    """
    width = width_at(lines, found.centre)
    near = [
        line for line in laboratory if abs(line.pixel - found.centre) < NEIGHBOURS.near * width
    ]
    if len(near) < 2:
        return [], 0.0
    light = np.array([line.intensity * brightness.get(line.ion, np.nan) for line in near])
    apart = np.array([line.pixel for line in near]) - found.centre
    own = own_line(apart, light, width)
    apart = apart - apart[own]
    # What stands where the line itself does takes its light.
    total = found.fit.flux[np.abs(found.fit.centre - found.centre) < width].sum()
    offsets = np.abs(found.fit.centre - found.centre - apart[:, np.newaxis])
    offsets[:, found.main] = np.inf
    nearest = offsets.argmin(axis=1)
    parted = offsets.min(axis=1) < NEIGHBOURS.parted * width
    taken = hidden_light(lines, found, apart, np.nan_to_num(light), width)
    error = found.fit.flux_error[found.main] * np.sqrt(max(found.fit.reduced_chi2, 1.0))
    least = max(NEIGHBOURS.hidden * found.flux, NEIGHBOURS.hidden_errors * error)
    neighbours, hidden = [], 0.0
    for number, line in enumerate(near):
        if number == own:
            continue
        if parted[number]:
            flux = found.fit.flux[nearest[number]]
            neighbours.append(Neighbour(line, float(flux / total), True))
            continue
        hidden += NEIGHBOURS.brighter * float(taken[number])
        if taken[number] > least:
            neighbours.append(Neighbour(line, float(taken[number] / found.flux), False))
    return neighbours, hidden


def own_line(apart, light, width):
    """Find which laboratory line the window's line is: the brightest close by."""
    distance = np.abs(apart)
    close = distance < NEIGHBOURS.own * width
    if np.nan_to_num(light[close]).any():
        return int(np.argmax(np.where(close, np.nan_to_num(light), -1.0)))
    return int(np.argmin(distance))


def hidden_light(lines, found, apart, light, width):
    """Estimate the light of other lines that the fit may have taken for the window's line.

    Parameters
    ----------
    lines : lampflux.fluxes.line_model.LineModel
    found : lampflux.fluxes.window_fit.WindowFit
    apart : ndarray, shape (others,)
        Distances from the window's line [pixel].
    light : ndarray, shape (others,)
        Fluxes by the laboratory's intensities [ADU].
    width : float
        Of single lines [pixel].

    Returns
    -------
    ndarray, shape (others,)
        [ADU]
    """
    places = found.centre + apart
    flux, error = another_line(found.data, found.fit.centre, width, lines.shape, places)
    room = np.clip(flux, 0, None) + NEIGHBOURS.room * error
    pixels = found.data[-1]
    edges = np.append(pixels, pixels[-1] + 1) - 0.5
    added, *_ = line_light(edges, places, width, lines.shape.profile)
    return np.minimum(light, room) * np.abs(found.fit.response[found.main] @ added)
