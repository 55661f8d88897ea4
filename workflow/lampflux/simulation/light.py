"""Light of a simulated lamp on the detector."""

import numpy as np

from lampflux.statistics import SIGMA_PER_FWHM

# The light is computed on a grid of this many steps per pixel, fine compared with any line.
STEPS_PER_PIXEL = 50
# A line is computed to this distance on either side [FWHM of its widest component]: 3e-6 of a
# Gaussian lies beyond.
LINE_REACH = 2.0
# Scattered light spreads along the dispersion axis by this fraction of the detector (1 sigma).
SCATTER_WIDTH = 0.03


def line_positions(wavelength, coefficients, columns):
    """Columns at which lines fall, from the cubic dispersion.

    Parameters
    ----------
    wavelength : ndarray, shape (lines,)
        Air wavelengths [Angstrom].
    coefficients : sequence of float
        Dispersion, lowest power first: wavelength [Angstrom] =
        sum of coefficient * ((column - columns / 2) / (columns / 2)) ** power.
    columns : int

    Returns
    -------
    ndarray, shape (lines,)
        Columns, from 0, whole numbers at the centres of pixels; NaN off the detector.
    """
    half = columns / 2
    # Linear interpolation between points 0.1 pixel apart is accurate to 1e-6 pixel.
    column = np.arange(-0.5, columns, 0.1)
    dispersion = np.polynomial.polynomial.polyval((column - half) / half, coefficients)
    return np.interp(wavelength, dispersion, column, left=np.nan, right=np.nan)


def light_profile(positions, fluxes, physics):
    """Light of all lines in each step along the dispersion axis.

    The line spread function is a Gaussian core with a broader Gaussian wing.

    Parameters
    ----------
    positions, fluxes : ndarray, shape (lines,)
        Columns of the lines, and their light in any unit.
    physics : dict
        ``columns``, ``line_fwhm``, ``wing_fwhm`` [pixel] and ``wing_fraction``.

    Returns
    -------
    ndarray, shape (columns * STEPS_PER_PIXEL,)
        Light in each step; the sum over the steps of a pixel is the light in that pixel.
    """
    profile = np.zeros(physics["columns"] * STEPS_PER_PIXEL)
    parts = (
        (1 - physics["wing_fraction"], physics["line_fwhm"]),
        (physics["wing_fraction"], physics["wing_fwhm"]),
    )
    reach = int(LINE_REACH * max(fwhm for _, fwhm in parts) * STEPS_PER_PIXEL)
    for position, flux in zip(positions, fluxes):
        middle = round((position + 0.5) * STEPS_PER_PIXEL)
        steps = np.arange(max(middle - reach, 0), min(middle + reach, profile.size))
        distance = (steps + 0.5) / STEPS_PER_PIXEL - 0.5 - position
        for fraction, fwhm in parts:
            sigma = fwhm * SIGMA_PER_FWHM
            density = np.exp(-0.5 * (distance / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))
            profile[steps] += flux * fraction * density / STEPS_PER_PIXEL
    return profile


def bundle_profile(rows, throughput, physics):
    """Share of the light in each row, with a Gaussian for each fibre of the lit bundle.

    Parameters
    ----------
    rows : ndarray, shape (rows,)
        Rows of the detector, from 0.
    throughput : ndarray, shape (fibres,)
        Relative throughput, mean 1.
    physics : dict
        ``bundle_rows`` (first and last row) and ``fibre_fwhm`` [pixel].

    Returns
    -------
    ndarray, shape (rows,)
        Sums to the number of fibres over whole rows, if all of them fall on these.
    """
    first, last = physics["bundle_rows"]
    fibres = throughput.size
    pitch = (last - first + 1) / fibres
    centres = first - 0.5 + pitch * (np.arange(fibres) + 0.5)
    distance = (rows[:, np.newaxis] - centres) / (physics["fibre_fwhm"] * SIGMA_PER_FWHM)
    # The sum of a Gaussian over whole rows is its integral, to 1e-12 for fibres this wide.
    norm = np.sqrt(2 * np.pi) * physics["fibre_fwhm"] * SIGMA_PER_FWHM
    return np.exp(-0.5 * distance**2) @ throughput / norm


def fibre_throughput(rng, fibres, scatter, weak):
    """Draw the relative throughput of each fibre, mean 1; ``weak`` are those of weak fibres."""
    throughput = rng.normal(1, scatter, fibres).clip(0)
    weak = weak[:fibres]
    throughput[rng.choice(fibres, len(weak), replace=False)] = weak
    return throughput / throughput.mean()


def slit_shift(rows, detector_rows, curvature, tilt=0.0):
    """Shift of a line in each row for a curved and tilted slit, towards higher columns [pixel].

    ``curvature`` is the shift of the ends of the slit relative to its middle, by a parabola;
    ``tilt`` the shift from one end of the slit to the other, by a straight line [pixel].
    """
    half = detector_rows / 2
    place = (rows + 0.5 - half) / half
    return curvature * place**2 + tilt / 2 * place


def trace_offset(columns, rise):
    """Offset of the traces in each column [row], 0 in the middle.

    They rise by ``rise`` from the first column to the last, a little less steeply towards the end.
    """
    place = np.linspace(-1, 1, columns)
    return rise * (place / 2 - 0.05 * place**2)


def continuum(columns, physics):
    """Continuum of the lamp in each column [ADU / s / fibre].

    ``physics`` gives ``continuum``, in the middle column; ``continuum_bend``, the fraction by
    which it is fainter at the ends, by a parabola; ``continuum_ripple``, the relative amplitude of
    its ripple; and ``ripple_period`` [pixel].
    """
    column = np.arange(columns)
    place = 2 * column / columns - 1
    ripple = physics["continuum_ripple"] * np.sin(2 * np.pi * column / physics["ripple_period"])
    return physics["continuum"] * (1 - physics["continuum_bend"] * place**2) * (1 + ripple)


def smooth_light(spectrum):
    """Spread light over the columns with a Gaussian; light beyond the detector is lost."""
    sigma = SCATTER_WIDTH * spectrum.size
    reach = int(4 * sigma)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    return np.convolve(spectrum, kernel / kernel.sum(), "same")


def shifted_spectra(profile, shifts):
    """Shift the light along the dispersion axis and sum it in each pixel.

    Parameters
    ----------
    profile : ndarray, shape (columns * STEPS_PER_PIXEL,)
        Light per step, from `light_profile`.
    shifts : ndarray of int, shape (shifts,)
        Shifts towards higher columns [steps].

    Returns
    -------
    ndarray, shape (shifts, columns)
        Light in each pixel; light shifted off the detector is lost.
    """
    cumulative = np.append(0.0, np.cumsum(profile))
    edges = np.arange(0, cumulative.size, STEPS_PER_PIXEL) - shifts[:, np.newaxis]
    return np.diff(cumulative[edges.clip(0, cumulative.size - 1)])
