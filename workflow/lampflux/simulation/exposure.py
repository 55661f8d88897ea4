"""Simulate an exposure or a dark, with the truth about it."""

import logging

import numpy as np

from lampflux.simulation.detector import (
    bias_rows,
    cosmic_ray_charge,
    draw_defects,
    largest_count,
    random_generator,
    read_out,
)
from lampflux.simulation.illumination import illuminate
from lampflux.simulation.light import continuum, line_positions

# The peak of a line is the highest of this many columns on either side of its position.
PEAK_COLUMNS = 2
# A row belongs to the bundle if it has more than this fraction of the brightest row's light.
FAINTEST_ROW = 1e-3
# Effects that Hector does not have, with values that switch them off; docs/simulation.md explains
# them.
ABSENT = {
    "trace_rise": 0.0,
    "slit_tilt": 0.0,
    "continuum": 0.0,
    "continuum_bend": 0.0,
    "continuum_ripple": 0.0,
    "ripple_period": 100.0,
    "scattered_light": 0.0,
    "dead_pixels": 0.0,
    "hot_pixels": 0.0,
    "wild_pixels": 0.0,
    "dead_columns": 0,
    "hot_columns": 0,
    "hot_current": 100.0,
    "bits": 16,
}


def true_lines(lines, positions, injected, exptime, fibres, peaks, ceilings):
    """List each line that falls on the detector with its true flux and peak, as rows of a table.

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
    """Simulate one exposure, or a dark if there are no lines.

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
        Constants of the arm; see ``resources/simulation/physics.yaml``. Those in `ABSENT` may be
        left out.

    Returns
    -------
    frame : ndarray of uint16, shape (rows, columns)
        Raw counts [ADU].
    truth : list of dict
        The lines that fall on the detector; see `true_lines`.
    columns : dict of str to ndarray, each shape (columns,)
        Before clipping: ``injected``, the expected counts [ADU] of the lines in the lit bundle
        summed over the rows; ``stray``, those of stray and scattered light; and ``cosmic``, the
        cosmic rays [ADU] in the rows of the bundle.
    """
    physics = ABSENT | physics
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
    level = continuum(width, physics) * brightness * exptime
    lights = illuminate(rows, positions, counts, level, arm, settings, physics)

    bias = bias_rows(
        random_generator(seed, f"bias of {arm}"),
        rows,
        physics["bias"],
        physics["detector_rows"],
        physics["bias_scatter"],
    )
    defects = draw_defects(random_generator(seed, f"defects of {arm}"), rows, physics)
    *deposits, tracks = cosmic_ray_charge(rng, (rows.size, width), exptime, physics)
    logging.info("%d lines, %d cosmic rays", len(lines), tracks)
    charge = [light._replace(spectra=light.spectra * gain) for light in lights]
    frame, peaks = read_out(rng, charge, deposits, bias, exptime, physics, defects)

    levels = np.atleast_2d(physics["bias"]).max(axis=0)
    level = np.repeat(levels, width // levels.size)
    peaks = peaks / gain + level
    ceilings = np.minimum(physics["full_well"] / gain + level, largest_count(physics))
    emitted = lights[0]
    # Light of the bundle that falls on the detector [fibres].
    held = emitted.bundle.sum(axis=1)[emitted.run_of(positions)]
    truth = true_lines(lines, positions, counts * held, exptime, fibres, peaks, ceilings)
    hit_rows, hit_columns, electrons = deposits
    share = emitted.bundle[emitted.run_of(hit_columns), hit_rows]
    in_bundle = share > FAINTEST_ROW * emitted.bundle.max()
    return (
        frame,
        truth,
        {
            "injected": emitted.column_sums(emitted.bundle),
            "stray": sum(light.column_sums(light.stray) for light in lights),
            "cosmic": np.bincount(hit_columns[in_bundle], electrons[in_bundle] / gain, width),
        },
    )
