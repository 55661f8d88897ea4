"""Where the light of a simulated lamp falls on the detector."""

from typing import NamedTuple

import numpy as np

from lampflux.simulation.detector import random_generator
from lampflux.simulation.light import (
    STEPS_PER_PIXEL,
    bundle_profile,
    fibre_throughput,
    light_profile,
    shifted_spectra,
    slit_shift,
    smooth_light,
    trace_offset,
)

# Traces are followed in steps of this fraction of a row, fine compared with any fibre.
STEPS_PER_ROW = 10


class Illumination(NamedTuple):
    """Light on the detector.

    In the columns of run ``k``, row ``y`` receives ``(bundle + stray)[k, y]`` times
    ``spectra[spectrum_of_row[k, y]]``. If traces follow the rows, there is only one run.

    Attributes
    ----------
    spectra : ndarray, shape (spectra, columns)
        Counts of one fibre [ADU], with each shift of the lines along the slit.
    edges : ndarray of int, shape (runs + 1,)
        First column of each run, and the number of columns.
    spectrum_of_row : ndarray of int, shape (runs, rows)
    bundle, stray : ndarray, shape (runs, rows)
        Share of each row in the light of the lit bundle and in stray light [fibres].
    """

    spectra: np.ndarray
    edges: np.ndarray
    spectrum_of_row: np.ndarray
    bundle: np.ndarray
    stray: np.ndarray

    def run_of(self, columns):
        """Find the run of some columns."""
        return np.searchsorted(self.edges, columns, side="right") - 1

    def within(self, rows):
        """Gather the expected light in a slice of rows, shape (rows, columns)."""
        shares = (self.bundle + self.stray)[:, rows]
        parts = [
            share[:, np.newaxis] * self.spectra[:, first:last][spectrum]
            for share, spectrum, first, last in zip(
                shares, self.spectrum_of_row[:, rows], self.edges, self.edges[1:]
            )
        ]
        return parts[0] if len(parts) == 1 else np.hstack(parts)

    def column_sums(self, shares):
        """Sum the light over the rows, with these shares of shape (runs, rows)."""
        return np.concatenate(
            [
                np.bincount(spectrum, share, len(self.spectra)) @ self.spectra[:, first:last]
                for share, spectrum, first, last in zip(
                    shares, self.spectrum_of_row, self.edges, self.edges[1:]
                )
            ]
        )


def illuminate(rows, positions, counts, level, arm, settings, physics):
    """Distribute the light of a lamp over the detector.

    Parameters
    ----------
    rows : ndarray of int, shape (rows,)
        Rows of the detector, from 0.
    positions, counts : ndarray, shape (lines,)
        Column of each line and its counts in one fibre [ADU].
    level : ndarray, shape (columns,)
        Continuum of one fibre [ADU].
    arm, settings, physics
        As in `lampflux.simulation.exposure.simulate`.

    Returns
    -------
    list of Illumination
        That of the lines, and those of the continuum and scattered light, if any.
    """
    lines = through_slit(rows, light_profile(positions, counts, physics), arm, settings, physics)
    lights = [lines]
    if level.any():
        profile = np.repeat(level / STEPS_PER_PIXEL, STEPS_PER_PIXEL)
        lights.append(through_slit(rows, profile, arm, settings, physics))
    if physics["scattered_light"]:
        total = sum(light.column_sums(light.bundle) for light in lights)
        lights.append(scatter(rows, physics["scattered_light"] * total, physics))
    return lights


def through_slit(rows, profile, arm, settings, physics):
    """Distribute light over the rows of the lit bundle and, as stray light, of the whole slit.

    Parameters
    ----------
    rows : ndarray of int, shape (rows,)
        Rows of the detector, from 0.
    profile : ndarray
        Light in each step along the dispersion axis, from `light_profile`.
    arm, settings, physics
        As in `lampflux.simulation.exposure.simulate`.

    Returns
    -------
    Illumination
    """
    fibres, columns = settings["fibres"], physics["columns"]
    throughput = fibre_throughput(
        random_generator(settings["seed"], f"fibres of {arm}"),
        fibres,
        physics["throughput_scatter"],
        physics["weak_fibres"],
    )
    offset = trace_offset(columns, physics["trace_rise"])
    steps_per_row = STEPS_PER_ROW if offset.any() else 1
    offset = np.rint(offset * steps_per_row).astype(int)
    edges = np.concatenate([[0], 1 + np.flatnonzero(np.diff(offset)), [columns]])
    offset = offset[edges[:-1]]

    # Steps along the slit, in rows of the detector at its middle column.
    first = rows[0] * steps_per_row - offset.max()
    last = rows[-1] * steps_per_row - offset.min()
    place = np.arange(first, last + 1) / steps_per_row
    bundle = bundle_profile(place, throughput, physics)
    slit_first, slit_last = physics["slit_rows"]
    stray = physics["stray_light"] * fibres * ((place >= slit_first) & (place <= slit_last))
    stray = stray / (slit_last - slit_first + 1)
    shift = slit_shift(
        place, physics["detector_rows"], physics["slit_curvature"], physics["slit_tilt"]
    )
    # The dispersion is that of the lit bundle as a whole.
    shift -= np.average(shift, weights=bundle)
    shifts, spectrum = np.unique(np.rint(shift * STEPS_PER_PIXEL).astype(int), return_inverse=True)
    step = rows * steps_per_row - offset[:, np.newaxis] - first
    return Illumination(
        shifted_spectra(profile, shifts), edges, spectrum[step], bundle[step], stray[step]
    )


def scatter(rows, spectrum, physics):
    """Scatter a ``spectrum`` [ADU], shape (columns,), smoothly over the whole detector.

    All of it is stray light, brightest at a third of the detector's height.
    """
    height = physics["detector_rows"]
    fall = np.exp(-0.5 * ((np.arange(height) - height / 3) / (height / 2)) ** 2)
    stray = (fall / fall.sum())[rows][np.newaxis]
    spectra = smooth_light(spectrum)[np.newaxis]
    edges = np.array([0, spectrum.size])
    return Illumination(spectra, edges, np.zeros(stray.shape, int), np.zeros(stray.shape), stray)
