"""Errors of net and fitted fluxes."""

from typing import NamedTuple

import numpy as np

from lampflux.fluxes.line_shape import (
    TABLE,
    far_light,
    light_below,
    light_near,
    lorentzian_profile,
    pixels_near,
    summed_light,
)


class FluxErrorTuning(NamedTuple):
    """Constants of the errors of fluxes."""

    # A window's ends are uncertain by this [pixel], by curved slits and uneven pixels.
    cut: float = 0.02
    # From this distance on the continuum beside a window holds wings of lines [line widths].
    wings: float = 2.5
    # A window that misses more of the line's light than this part cuts it.
    missed: float = 0.01


FLUX_ERRORS = FluxErrorTuning()


def far_wing_error(lines):
    """1 sigma of the far wings of all lines in each pixel, as those of a Lorentzian [ADU]."""
    wing, size = lorentzian_profile(), lines.counts.size
    centres = lines.peaks.pixel
    error = lines.shape.far_error / far_light(wing) * lines.fluxes
    summed = np.zeros(size)
    for reach, sign in (TABLE.reach, 1), (FLUX_ERRORS.wings, -1):
        pixels = pixels_near(centres, lines.shape, reach)
        light = light_near(pixels, centres, lines.shape, wing)
        summed += sign * summed_light(pixels, light, error, size)
    return summed


def net_flux_error(uncertainty, lines, continuum, window):
    """Find the error of a window's net flux.

    Parameters
    ----------
    uncertainty : ndarray, shape (pixels,)
        1 sigma of the counts [ADU].
    lines : lampflux.fluxes.line_model.LineModel
    continuum : lampflux.fluxes.continuum.WindowContinuum
    window : (int, int)
        First and last pixel.

    Returns
    -------
    float
        1 sigma [ADU]: noise, continuum, and the light that the window's ends cut.
    """
    start, stop = window
    # Where the pixels about the window scatter by more than their noise, so do those in it.
    noise = np.sum(np.square(uncertainty[start : stop + 1])) * continuum.chi2
    cut = FLUX_ERRORS.cut * (lines.counts[start] + lines.counts[stop])
    variance = continuum.total_error**2
    # Neither holds more than all of what they share.
    shared = min(continuum.shared, noise, variance)
    return np.sqrt(noise + variance - 2 * shared + cut**2)


def fit_flux_error(lines, continuum, found, hidden):
    """Find the error of a window's fitted flux.

    Parameters
    ----------
    lines : lampflux.fluxes.line_model.LineModel
    continuum : lampflux.fluxes.continuum.WindowContinuum
    found : lampflux.fluxes.window_fit.WindowFit
    hidden : float
        Light of neighbours that the laboratory knows and that the fit cannot separate from the
        line [ADU].

    Returns
    -------
    float
        1 sigma [ADU]: noise and line shape, continuum, far wings and hidden neighbours.
    """
    own = found.fit.flux_error[found.main] * np.sqrt(max(found.fit.reduced_chi2, 1.0))
    level = continuum.error * found.fit.response[found.main].sum()
    wings = lines.shape.far_error * found.flux
    return np.sqrt(own**2 + level**2 + wings**2 + hidden**2)


def missed_light(lines, found, start, stop):
    """Part of the core of a window's line that lies outside of the window."""
    ends = np.array([start - 0.5, stop + 0.5]) - found.centre
    within = np.diff(light_below(ends / found.fit.fwhm, lines.shape.profile))
    return float(1 - far_light(lines.shape.profile) - within[0])
