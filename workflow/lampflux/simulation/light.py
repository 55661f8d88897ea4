"""Light of a simulated lamp on the detector."""

import numpy as np

# Light is laid out in steps of this part of a pixel, fine against any line.
STEPS = 50
# Reach of a line to either side [widest FWHM]; 3e-6 of a Gaussian lies beyond 2.
REACH = 2.0
SIGMA_PER_FWHM = 1 / np.sqrt(8 * np.log(2))


def line_positions(wavelength, coefficients, columns):
    """Find the columns at which lines fall, from the cubic dispersion.

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
        Columns, from 0, a whole number in a pixel's centre; NaN off the detector.
    """
    half = columns / 2
    # A tenth of a pixel apart, straight lines between the points are good to 1e-6 pixel.
    column = np.arange(-0.5, columns, 0.1)
    dispersion = np.polynomial.polynomial.polyval((column - half) / half, coefficients)
    return np.interp(wavelength, dispersion, column, left=np.nan, right=np.nan)


def light_profile(positions, fluxes, physics):
    """Light of all lines per step along the dispersion axis.

    The line spread function is a Gaussian core with a broader Gaussian wing.

    Parameters
    ----------
    positions : ndarray, shape (lines,)
        Columns of the lines.
    fluxes : ndarray, shape (lines,)
        Light of each line, any unit.
    physics : dict
        ``columns``, ``line_fwhm``, ``wing_fwhm`` [pixel] and ``wing_fraction``.

    Returns
    -------
    ndarray, shape (columns * STEPS,)
        Light in each step; its sum over a pixel's STEPS steps is what that pixel gets.
    """
    profile = np.zeros(physics["columns"] * STEPS)
    parts = (
        (1 - physics["wing_fraction"], physics["line_fwhm"]),
        (physics["wing_fraction"], physics["wing_fwhm"]),
    )
    reach = int(REACH * max(fwhm for _, fwhm in parts) * STEPS)
    for position, flux in zip(positions, fluxes):
        middle = round((position + 0.5) * STEPS)
        steps = np.arange(max(middle - reach, 0), min(middle + reach, profile.size))
        distance = (steps + 0.5) / STEPS - 0.5 - position
        for fraction, fwhm in parts:
            sigma = fwhm * SIGMA_PER_FWHM
            density = np.exp(-0.5 * (distance / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))
            profile[steps] += flux * fraction * density / STEPS
    return profile


def bundle_profile(rows, throughput, physics):
    """Share of the light in each row: a Gaussian for each fibre of the lit bundle.

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
        Sums to the number of fibres.
    """
    first, last = physics["bundle_rows"]
    fibres = throughput.size
    pitch = (last - first + 1) / fibres
    centres = first - 0.5 + pitch * (np.arange(fibres) + 0.5)
    distance = (rows[:, np.newaxis] - centres) / (physics["fibre_fwhm"] * SIGMA_PER_FWHM)
    shares = np.exp(-0.5 * distance**2)
    return (shares / shares.sum(axis=0)) @ throughput


def fibre_throughput(rng, fibres, scatter, weak):
    """Draw the relative throughput of each fibre: scatter, and some weak fibres.

    Parameters
    ----------
    rng : numpy.random.Generator
    fibres : int
    scatter : float
        Standard deviation, relative.
    weak : sequence of float
        Throughput of each weak fibre.

    Returns
    -------
    ndarray, shape (fibres,)
        Mean 1.
    """
    throughput = rng.normal(1, scatter, fibres).clip(0)
    weak = weak[:fibres]
    throughput[rng.choice(fibres, len(weak), replace=False)] = weak
    return throughput / throughput.mean()


def slit_shift(rows, detector_rows, curvature):
    """Shift of a line along a curved slit: a parabola about the middle row.

    Parameters
    ----------
    rows : ndarray, shape (rows,)
        Rows of the detector, from 0.
    detector_rows : int
    curvature : float
        Shift at the ends of the slit against its middle [pixel].

    Returns
    -------
    ndarray, shape (rows,)
        Shift towards higher columns [pixel].
    """
    half = detector_rows / 2
    return curvature * ((rows + 0.5 - half) / half) ** 2


def shifted(profile, steps):
    """Move the light along the dispersion axis and gather it into pixels.

    Parameters
    ----------
    profile : ndarray, shape (columns * STEPS,)
        Light per step, from `light_profile`.
    steps : ndarray of int, shape (shifts,)
        Shifts towards higher columns, in steps.

    Returns
    -------
    ndarray, shape (shifts, columns)
        Light in each pixel; what leaves the detector is lost.
    """
    gathered = np.append(0.0, np.cumsum(profile))
    edges = np.arange(0, gathered.size, STEPS) - steps[:, np.newaxis]
    return np.diff(gathered[edges.clip(0, gathered.size - 1)])
