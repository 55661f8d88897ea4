"""Simulate an exposure or a dark, with the truth about it."""

import logging
from typing import NamedTuple

import numpy as np

from lampflux.simulation.detector import (
    LARGEST_COUNT,
    bias_rows,
    cosmic_ray_charge,
    random_generator,
    read_out,
)
from lampflux.simulation.light import (
    STEPS_PER_PIXEL,
    bundle_profile,
    curved_slit,
    fibre_throughput,
    light_profile,
    line_positions,
    shifted_spectra,
)

# The peak of a line is the highest of so many columns on either side of its position.
PEAK_COLUMNS = 2
# A row belongs to the bundle if it has more than this part of the light of its brightest row.
FAINTEST_ROW = 1e-3


class Illumination(NamedTuple):
    """Light on the detector.

    Row ``y`` receives ``(bundle + stray)[y] * spectra[spectrum_of_row[y]]``.

    Attributes
    ----------
    spectra : ndarray, shape (spectra, columns)
        Counts of one fibre [ADU], shifted as the curved slit shifts lines.
    spectrum_of_row : ndarray of int, shape (rows,)
    bundle, stray : ndarray, shape (rows,)
        Share of each row in the light of the lit bundle and in stray light [fibres].
    """

    spectra: np.ndarray
    spectrum_of_row: np.ndarray
    bundle: np.ndarray
    stray: np.ndarray


def true_lines(lines, positions, injected, exptime, fibres, peaks, ceilings):
    """List each line that falls on the detector with its true flux and peak.

    Parameters
    ----------
    lines : list of dict
        ``ion`` and ``wavelength_air`` of each line.
    positions, injected : ndarray, shape (lines,)
        Column of each line and its expected counts in the frame [ADU].
    exptime : float
        Exposure time [s].
    fibres : int
    peaks, ceilings : ndarray, shape (columns,)
        Highest expected count in each column and the highest possible one [ADU].

    Returns
    -------
    list of dict
        Rows of the table of true lines.
    """
    rows = []
    clipped = np.minimum(peaks, ceilings)
    for line, position, counts in zip(lines, positions, injected):
        middle = round(position)
        near = slice(max(middle - PEAK_COLUMNS, 0), middle + PEAK_COLUMNS + 1)
        rows.append(
            {
                "ion": line["ion"],
                "wavelength_air": line["wavelength_air"],
                "pixel": round(float(position), 4),
                "injected": round(float(counts), 3),
                "flux": round(float(counts / exptime / fibres), 6),
                "peak": round(float(peaks[near].max()), 1),
                "peak_clipped": round(float(clipped[near].max()), 1),
                "saturated": bool((peaks > ceilings)[near].any()),
            }
        )
    return rows


def illuminate(rows, profile, arm, settings, physics):
    """Distribute the light of a lamp over the rows of the detector.

    Parameters
    ----------
    rows : ndarray of int, shape (rows,)
        Rows of the detector, from 0.
    profile : ndarray
        Light in each step along the dispersion axis, from `light_profile`.
    arm, settings, physics
        As in `simulate`.

    Returns
    -------
    Illumination
    """
    fibres = settings["fibres"]
    throughput = fibre_throughput(
        random_generator(settings["seed"], f"fibres of {arm}"),
        fibres,
        physics["throughput_scatter"],
        physics["weak_fibres"],
    )
    bundle = bundle_profile(rows, throughput, physics)
    first, last = physics["slit_rows"]
    stray = physics["stray_light"] * fibres * ((rows >= first) & (rows <= last))
    stray = stray / (last - first + 1)
    shift = curved_slit(rows, physics["detector_rows"], physics["slit_curvature"])
    # The dispersion is that of the lit bundle as a whole.
    shift -= np.average(shift, weights=bundle)
    steps = np.rint(shift * STEPS_PER_PIXEL).astype(int)
    shifts, spectrum_of_row = np.unique(steps, return_inverse=True)
    return Illumination(shifted_spectra(profile, shifts), spectrum_of_row, bundle, stray)


def column_peaks(light, exptime, physics):
    """Highest expected and highest possible count of each column.

    Parameters
    ----------
    light : Illumination
    exptime : float
        Exposure time [s].
    physics : dict
        As in `simulate`.

    Returns
    -------
    peaks, ceilings : ndarray, shape (columns,)
        Counts [ADU] with bias and dark current.
    """
    highest = np.zeros(len(light.spectra))
    np.maximum.at(highest, light.spectrum_of_row, light.bundle + light.stray)
    peaks = (highest[:, np.newaxis] * light.spectra).max(axis=0)
    level = np.repeat(physics["bias"], physics["columns"] // len(physics["bias"]))
    peaks += level + physics["dark_current"] * exptime / physics["gain"]
    ceilings = np.minimum(physics["full_well"] / physics["gain"] + level, LARGEST_COUNT)
    return peaks, ceilings


def simulate(name, arm, exptime, lines, brightness, settings, physics):
    """Simulate one exposure, or a dark when there are no lines.

    Parameters
    ----------
    name : str
        Name of the exposure. Seed and name determine the random numbers.
    arm : str
        Name of the arm. Seed and arm determine the fixed patterns of bias and fibres.
    exptime : float
        Exposure time [s].
    lines : list of dict
        ``ion``, ``wavelength_air`` [Angstrom] and ``flux`` [ADU / s / fibre] of the lamp's lines.
    brightness : float
        Brightness of the lamp in this exposure, relative to the table of lines.
    settings : dict
        ``seed``, ``fibres``, ``first_row`` and ``rows`` (the part of the detector).
    physics : dict
        Constants of the arm; see ``resources/simulation/physics.yaml``.

    Returns
    -------
    frame : ndarray of uint16, shape (rows, columns)
        Raw counts [ADU].
    truth : list of dict
        The lines that fall on the detector; see `true_lines`.
    columns : dict of str to ndarray, each shape (columns,)
        ``injected`` and ``stray``, the expected counts [ADU] of the lit bundle and of stray light
        summed over the rows, and ``cosmic``, the cosmic rays [ADU] in the rows of the bundle, all
        before clipping.
    """
    seed, fibres = settings["seed"], settings["fibres"]
    width, gain = physics["columns"], physics["gain"]
    rows = settings["first_row"] + np.arange(settings["rows"])
    rng = random_generator(seed, name)

    positions = line_positions(
        np.array([line["wavelength_air"] for line in lines]), physics["dispersion"], width
    )
    on_detector = np.isfinite(positions)
    lines = [line for line, on in zip(lines, on_detector) if on]
    positions = positions[on_detector]
    counts = np.array([line["flux"] for line in lines]) * brightness * exptime
    light = illuminate(rows, light_profile(positions, counts, physics), arm, settings, physics)

    bias = bias_rows(
        random_generator(seed, f"bias of {arm}"), rows, physics["bias"], physics["bias_scatter"]
    )
    *deposits, tracks = cosmic_ray_charge(rng, (rows.size, width), exptime, physics)
    logging.info("%d lines, %d cosmic rays", len(lines), tracks)
    frame = read_out(
        rng,
        light.spectra * gain,
        light.spectrum_of_row,
        light.bundle + light.stray,
        deposits,
        bias,
        exptime,
        physics,
    )

    peaks, ceilings = column_peaks(light, exptime, physics)
    truth = true_lines(lines, positions, counts * fibres, exptime, fibres, peaks, ceilings)
    injected, stray = (
        np.bincount(light.spectrum_of_row, shares, len(light.spectra)) @ light.spectra
        for shares in (light.bundle, light.stray)
    )
    hit_rows, hit_columns, electrons = deposits
    in_bundle = (light.bundle > FAINTEST_ROW * light.bundle.max())[hit_rows]
    cosmic = np.bincount(hit_columns[in_bundle], electrons[in_bundle] / gain, width)
    return frame, truth, {"injected": injected, "stray": stray, "cosmic": cosmic}
