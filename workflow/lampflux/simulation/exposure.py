"""Simulate an exposure or a dark, and write down what went into it."""

import logging

import numpy as np

from lampflux.simulation.detector import (
    LARGEST_NUMBER,
    bias_rows,
    cosmic_rays,
    generator,
    read_out,
)
from lampflux.simulation.light import (
    STEPS,
    bundle_profile,
    fibre_throughput,
    light_profile,
    line_positions,
    shifted,
    slit_shift,
)

# Columns about a line's position in which its peak is looked for.
PEAK_COLUMNS = 2
# Rows with less of the bundle's light than this part of its brightest row are not its own.
FAINTEST_ROW = 1e-3
# Columns of the truth about the lines.
TRUTH = (
    "ion",
    "wavelength_air",
    "pixel",
    "injected",
    "flux",
    "peak",
    "peak_clipped",
    "saturated",
)


def truth_rows(lines, positions, injected, exptime, fibres, peaks, ceilings):
    """Write down each line that falls on the detector.

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
        Highest expected count of each column and the highest it can hold [ADU].

    Returns
    -------
    list of dict
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


def simulate(name, arm, exptime, lines, brightness, settings, physics):
    """Simulate one exposure, or a dark when there are no lines.

    Parameters
    ----------
    name : str
        Name of the exposure; with the seed it determines every random number.
    arm : str
        Name of the arm, which determines its fixed patterns.
    exptime : float
        Exposure time [s].
    lines : list of dict
        ``ion``, ``wavelength_air`` [Angstrom] and ``flux`` [ADU / s / fibre] of the lamp's lines.
    brightness : float
        The lamp's brightness in this exposure, relative to the table of lines.
    settings : dict
        ``seed``, ``fibres``, ``first_row`` and ``rows`` (the part of the detector).
    physics : dict
        Constants of the arm, see resources/simulation/physics.yaml.

    Returns
    -------
    frame : ndarray of uint16, shape (rows, columns)
        Raw counts [ADU].
    truth : list of dict
        The lines that fall on the detector, see `truth_rows`.
    columns : dict of str to ndarray, each shape (columns,)
        ``injected`` and ``stray``, the expected counts [ADU] of the lit bundle and of stray light
        summed over the rows, and ``cosmic``, the cosmic rays [ADU] in the bundle's rows, all
        before any clipping.
    """
    seed, fibres = settings["seed"], settings["fibres"]
    width, gain = physics["columns"], physics["gain"]
    rows = settings["first_row"] + np.arange(settings["rows"])
    rng = generator(seed, name)

    positions = line_positions(
        np.array([line["wavelength_air"] for line in lines]), physics["dispersion"], width
    )
    seen = np.isfinite(positions)
    lines, positions = [line for line, on in zip(lines, seen) if on], positions[seen]
    fluxes = np.array([line["flux"] for line in lines]) * brightness * exptime
    profile = light_profile(positions, fluxes, physics)

    throughput = fibre_throughput(
        generator(seed, f"fibres of {arm}"),
        fibres,
        physics["throughput_scatter"],
        physics["weak_fibres"],
    )
    bundle = bundle_profile(rows, throughput, physics)
    shift = slit_shift(rows, physics["detector_rows"], physics["slit_curvature"])
    # The dispersion is that of the lit bundle as a whole.
    shift -= np.average(shift, weights=bundle)
    first, last = physics["slit_rows"]
    stray = physics["stray_light"] * fibres * ((rows >= first) & (rows <= last))
    stray = stray / (last - first + 1)
    steps, step_of_row = np.unique(np.rint(shift * STEPS).astype(int), return_inverse=True)
    spectra = shifted(profile, steps)

    bias = bias_rows(
        generator(seed, f"bias of {arm}"), rows, physics["bias"], physics["bias_scatter"]
    )
    *tracks, number = cosmic_rays(rng, (rows.size, width), exptime, physics)
    logging.info("%d lines, %d cosmic rays", len(lines), number)
    frame = read_out(
        rng, spectra * gain, step_of_row, bundle + stray, tracks, bias, exptime, physics
    )

    injected, stray_light = (
        np.bincount(step_of_row, shares, steps.size) @ spectra for shares in (bundle, stray)
    )
    highest = np.zeros(steps.size)
    np.maximum.at(highest, step_of_row, bundle + stray)
    peaks = (highest[:, np.newaxis] * spectra).max(axis=0)
    level = np.repeat(physics["bias"], width // len(physics["bias"]))
    peaks += level + physics["dark_current"] * exptime / gain
    ceilings = np.minimum(physics["full_well"] / gain + level, LARGEST_NUMBER)
    truth = truth_rows(lines, positions, fluxes * fibres, exptime, fibres, peaks, ceilings)
    hit_rows, hit_columns, electrons = tracks
    in_bundle = (bundle > FAINTEST_ROW * bundle.max())[hit_rows]
    cosmic = np.bincount(hit_columns[in_bundle], electrons[in_bundle] / gain, width)
    return frame, truth, {"injected": injected, "stray": stray_light, "cosmic": cosmic}
