"""Columns of a window that are lost: dead or hot ones, which the clean sum bridges."""

import numpy as np

from lampflux.fluxes.flags import is_misfit
from lampflux.fluxes.line_shape import line_light

# A column with more than this part of its pixels missing is lost: other rows do not show it.
LOST = 0.3


def lost_columns(columns):
    """Whether each of the `lampflux.fluxes.measure.Columns` is lost."""
    return columns.missing > LOST * columns.summed


def with_lost_columns(columns, lines, line, inside):
    """Fill lost columns of a window with the light of the lines that were fitted to the others.

    Parameters
    ----------
    columns : lampflux.fluxes.measure.Columns
        Lost ones hold a straight line between their neighbours.
    lines : lampflux.fluxes.line_model.LineModel
    line : lampflux.fluxes.measure.WindowLine
    inside : slice
        The window.

    Returns
    -------
    counts, uncertainty : ndarray, shape (pixels,)
        Light that was fitted is as uncertain as the flux of the line [ADU]. As they were where no
        column is lost, or the fit does not describe the line.
    """
    counts, uncertainty, found = columns.counts, columns.uncertainty, line.found
    lost = lost_columns(columns)
    if not lost[inside].any() or not found or not line.error < found.flux:
        return counts, uncertainty
    if is_misfit(found.fit.reduced_chi2, line.error / found.flux):
        return counts, uncertainty
    net, _, _, pixels = found.data
    edges = np.append(pixels, pixels[-1] + 1) - 0.5
    light, *_ = line_light(edges, found.fit.centre, found.fit.fwhm, lines.shape.profile)
    light, filled = light @ found.fit.flux, lost[pixels]
    counts, uncertainty = counts.copy(), uncertainty.copy()
    counts[pixels[filled]] += (light - net)[filled]
    uncertainty[pixels[filled]] = (light * line.error / found.flux)[filled]
    return counts, uncertainty
