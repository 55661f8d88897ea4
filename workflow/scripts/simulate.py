"""Simulate a raw exposure or a dark, and write down what went into it."""

import csv
import hashlib
import logging

import numpy as np
from astropy.io import fits

from common import __version__
from common.files import whole
from common.jobs import run
from common.tables import read_emitted_lines

# Light is laid out in steps of this part of a pixel, fine against any line.
STEPS = 50
# Rows that are drawn at a time, so that a frame needs little memory.
BAND = 128
# Reach of a line to either side [widest FWHM]; 3e-6 of a Gaussian lies beyond 2.
REACH = 2.0
SIGMA_PER_FWHM = 1 / np.sqrt(8 * np.log(2))
# Columns about a line's position in which its peak is looked for.
PEAK_COLUMNS = 2
LARGEST_NUMBER = 2**16 - 1
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


def generator(seed, name):
    """Random numbers that depend on the seed and a name alone.

    Parameters
    ----------
    seed : int
    name : str
        For instance an exposure's name.

    Returns
    -------
    numpy.random.Generator
    """
    digest = hashlib.sha256(name.encode()).digest()
    return np.random.default_rng([seed, int.from_bytes(digest[:8])])


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


def cosmic_rays(rng, shape, exptime, physics):
    """Charge of cosmic rays: straight muon tracks and wound tracks of Compton electrons.

    Muons fall with the cosine squared of the zenith angle, so the cosines through a level surface
    are distributed as c**3. They leave a constant charge per length within the sensitive layer,
    scattered by a log-normal factor. Both kinds arrive in proportion to area and exposure time.

    Parameters
    ----------
    rng : numpy.random.Generator
    shape : (int, int)
        Rows and columns.
    exptime : float
        Exposure time [s].
    physics : dict
        ``muon_rate`` and ``compton_rate`` [cm-2 s-1], ``pixel_size`` and ``thickness``
        [micrometre], ``charge_per_length`` [electron / micrometre], ``charge_scatter``,
        ``charge_diffusion`` [pixel] and ``compton_length`` [micrometre].

    Returns
    -------
    rows, columns : ndarray of int, shape (deposits,)
    electrons : ndarray, shape (deposits,)
        Charge of each deposit; a pixel may take several.
    tracks : int
        Number of particles.
    """
    pixel, thickness = physics["pixel_size"], physics["thickness"]
    area = shape[0] * shape[1] * (pixel * 1e-4) ** 2
    muons, comptons = (
        rng.poisson(physics[f"{kind}_rate"] * area * exptime) for kind in ("muon", "compton")
    )
    tracks = muons + comptons
    cosine = 1 - rng.random(muons)
    cosine **= 0.25
    # Length seen from above [pixel] and in the layer [micrometre].
    seen = np.append(thickness * np.sqrt(1 / cosine**2 - 1), np.zeros(comptons)) / pixel
    seen[muons:] = rng.exponential(physics["compton_length"], comptons) / pixel
    seen = seen.clip(0, shape[1])
    length = np.append(thickness / cosine, seen[muons:] * pixel)
    charge = length * physics["charge_per_length"]
    charge *= rng.lognormal(0, physics["charge_scatter"], tracks)

    # Four deposits for each pixel of length; muons keep their direction, electrons wander.
    deposits = 1 + np.ceil(4 * seen).astype(int)
    track = np.repeat(np.arange(tracks), deposits)
    starts = np.cumsum(deposits) - deposits
    turns = rng.normal(0, 0.35, track.size) * (track >= muons)
    turns[starts] = rng.uniform(0, 2 * np.pi, tracks)
    places = []
    angle = since_start(np.cumsum(turns), turns, starts, deposits)
    for component, size in zip((np.sin, np.cos), shape):
        step = component(angle) * (seen / deposits)[track]
        path = since_start(np.cumsum(step), step, starts, deposits)
        origin = np.repeat(rng.uniform(-0.5, size - 0.5, tracks), deposits)
        blur = rng.normal(0, physics["charge_diffusion"], track.size)
        places.append(np.rint(origin + path + blur).astype(int))
    rows, columns = places
    inside = (rows >= 0) & (rows < shape[0]) & (columns >= 0) & (columns < shape[1])
    return rows[inside], columns[inside], (charge / deposits)[track][inside], tracks


def since_start(running, values, starts, lengths):
    """Turn a running sum over all tracks into one that begins anew with each track."""
    return running - np.repeat((running - values)[starts], lengths)


def bias_rows(rng, rows, levels, scatter):
    """Bias of every row in each amplifier: a level with a fixed pattern of rows.

    Parameters
    ----------
    rng : numpy.random.Generator
    rows : ndarray of int, shape (rows,)
        Rows of the detector, from 0.
    levels : sequence of float
        Level of each amplifier [ADU].
    scatter : float
        Standard deviation of the rows' pattern [ADU].

    Returns
    -------
    ndarray, shape (rows, amplifiers)
    """
    pattern = rng.normal(0, scatter, (rows.max() + 1, len(levels)))
    return np.asarray(levels) + pattern[rows]


def read_out(rng, spectra, spectrum_of_row, shares, tracks, bias, exptime, physics):
    """Draw the numbers that the detector reads.

    Parameters
    ----------
    rng : numpy.random.Generator
    spectra : ndarray, shape (spectra, columns)
        Light of all fibres [electron].
    spectrum_of_row : ndarray of int, shape (rows,)
        Which of the spectra falls on a row.
    shares : ndarray, shape (rows,)
        Share of it that does.
    tracks : (ndarray, ndarray, ndarray)
        Rows, columns and electrons of cosmic-ray deposits.
    bias : ndarray, shape (rows, amplifiers)
        Bias [ADU]; the amplifiers share the columns evenly.
    exptime : float
        Exposure time [s].
    physics : dict
        ``columns``, ``dark_current`` [electron / s / pixel], ``gain`` [electron / ADU],
        ``read_noise`` and ``full_well`` [electron].

    Returns
    -------
    frame : ndarray of uint16, shape (rows, columns)
        Raw counts [ADU].
    """
    height, columns = bias.shape[0], physics["columns"]
    frame = np.empty((height, columns), np.uint16)
    hit_rows, hit_columns, hit_electrons = tracks
    for first in range(0, height, BAND):
        band = slice(first, min(first + BAND, height))
        expected = shares[band, np.newaxis] * spectra[spectrum_of_row[band]]
        expected += physics["dark_current"] * exptime
        charge = rng.poisson(expected).astype(np.float32)
        hit = (hit_rows >= band.start) & (hit_rows < band.stop)
        np.add.at(charge, (hit_rows[hit] - first, hit_columns[hit]), hit_electrons[hit])
        np.minimum(charge, physics["full_well"], out=charge)
        noise = rng.standard_normal(charge.shape, dtype=np.float32)
        noise *= np.float32(physics["read_noise"])
        charge += noise
        charge /= np.float32(physics["gain"])
        halves = charge.reshape(band.stop - first, bias.shape[1], -1)
        halves += bias[band, :, np.newaxis].astype(np.float32)
        np.rint(charge, out=charge)
        frame[band] = charge.clip(0, LARGEST_NUMBER)
    return frame


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


def write_table(path, columns, rows):
    """Write a CSV table, whole or not at all."""
    with whole(path) as part, open(part, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


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


def main(snakemake):
    """Read the table of lines, simulate, and write the frame and the truth about it."""
    output, params = snakemake.output, snakemake.params
    source = snakemake.input.get("lines")
    lines = read_emitted_lines(source) if source else []
    frame, truth, columns = simulate(
        params.name,
        params.arm,
        params.exptime,
        lines,
        params.brightness,
        params.settings,
        params.physics,
    )
    hdu = fits.PrimaryHDU(frame)
    hdu.header["EXPTIME"] = (params.exptime, "[s] exposure time")
    hdu.header["SIMULATE"] = (True, "this frame is simulated")
    hdu.header["SEED"] = (params.settings["seed"], "seed of the random numbers")
    hdu.header["FIRSTROW"] = (params.settings["first_row"], "detector row of row 0")
    hdu.header["CREATOR"] = (f"lampflux {__version__}", "software that made this file")
    with whole(output.frame) as part:
        hdu.writeto(part)
    if source:
        write_table(output.lines, TRUTH, [[row[column] for column in TRUTH] for row in truth])
        pixels = zip(range(frame.shape[1]), *(values.round(3) for values in columns.values()))
        write_table(output.pixels, ["pixel", *columns], pixels)


if __name__ == "__main__":
    run(main, snakemake)
