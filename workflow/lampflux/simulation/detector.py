"""Read-out of light by a simulated detector."""

import hashlib
from typing import NamedTuple

import numpy as np

# Rows that are computed at a time, to save memory.
ROWS_AT_A_TIME = 128
# The charge of a track is deposited at this many points per pixel of its length.
DEPOSITS_PER_PIXEL = 4
# Compton electrons change direction between deposits by this standard deviation [radian]; assumed.
ELECTRON_TURN = 0.35


def random_generator(seed, name):
    """Random number generator that depends on the seed and a name alone."""
    digest = hashlib.sha256(name.encode()).digest()
    return np.random.default_rng([seed, int.from_bytes(digest[:8])])


def cosmic_ray_charge(rng, shape, exptime, physics):
    """Draw the charge of cosmic rays: straight muon tracks and curled Compton electron tracks.

    The intensity of muons is proportional to c**2, with c the cosine of the zenith angle, so the
    number that crosses a level surface is distributed as c**3. Muons deposit a constant charge per
    unit length in the sensitive layer, times a log-normal factor. Both kinds arrive at rates
    proportional to area and exposure time.

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
        Charge of each deposit; a pixel may receive several.
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
    # Length projected on the detector [pixel] and through the layer [micrometre].
    seen = np.append(thickness * np.sqrt(1 / cosine**2 - 1), np.zeros(comptons)) / pixel
    seen[muons:] = rng.exponential(physics["compton_length"], comptons) / pixel
    seen = seen.clip(0, shape[1])
    length = np.append(thickness / cosine, seen[muons:] * pixel)
    charge = length * physics["charge_per_length"]
    charge *= rng.lognormal(0, physics["charge_scatter"], tracks)

    # Muons keep their direction, electrons do not.
    deposits = 1 + np.ceil(DEPOSITS_PER_PIXEL * seen).astype(int)
    track = np.repeat(np.arange(tracks), deposits)
    starts = np.cumsum(deposits) - deposits
    turns = rng.normal(0, ELECTRON_TURN, track.size) * (track >= muons)
    turns[starts] = rng.uniform(0, 2 * np.pi, tracks)
    places = []
    angle = restarted_sum(np.cumsum(turns), turns, starts, deposits)
    for component, size in zip((np.sin, np.cos), shape):
        step = component(angle) * (seen / deposits)[track]
        path = restarted_sum(np.cumsum(step), step, starts, deposits)
        origin = np.repeat(rng.uniform(-0.5, size - 0.5, tracks), deposits)
        blur = rng.normal(0, physics["charge_diffusion"], track.size)
        places.append(np.rint(origin + path + blur).astype(int))
    rows, columns = places
    inside = (rows >= 0) & (rows < shape[0]) & (columns >= 0) & (columns < shape[1])
    return rows[inside], columns[inside], (charge / deposits)[track][inside], tracks


def restarted_sum(running, values, starts, lengths):
    """Turn a cumulative sum over all tracks into one that restarts at each track."""
    return running - np.repeat((running - values)[starts], lengths)


def bias_rows(rng, rows, levels, detector_rows, scatter):
    """Bias of each row and amplifier [ADU]: a level plus a fixed pattern of rows.

    ``levels`` are those of the amplifiers along the columns, or one such list for each amplifier
    along the rows; ``scatter`` is the standard deviation of the pattern [ADU].
    """
    levels = np.atleast_2d(levels)
    pattern = rng.normal(0, scatter, (rows.max() + 1, levels.shape[1]))
    return levels[rows * len(levels) // detector_rows] + pattern[rows]


class Defects(NamedTuple):
    """Pixels with defects: rows and columns of each kind, the same in all frames.

    ``dead`` pixels see no light; ``hot`` pixels have an additional dark ``current`` [electron/s];
    ``wild`` pixels read the largest number.
    """

    dead: tuple[np.ndarray, np.ndarray]
    hot: tuple[np.ndarray, np.ndarray]
    wild: tuple[np.ndarray, np.ndarray]
    current: np.ndarray


def draw_defects(rng, rows, physics):
    """Draw the pixels with defects.

    Parameters
    ----------
    rng : numpy.random.Generator
    rows : ndarray of int, shape (rows,)
        Rows of the detector, from 0.
    physics : dict
        ``detector_rows``, ``columns``; ``dead_pixels``, ``hot_pixels`` and ``wild_pixels``,
        fractions of all pixels; ``dead_columns`` and ``hot_columns``, numbers of columns, each
        from a random row to the last; ``hot_current``, the mean of an exponential distribution
        [electron/s].

    Returns
    -------
    Defects
        Places in the frame: row 0 is the first of ``rows``.
    """
    shape = physics["detector_rows"], physics["columns"]

    def places(part, columns=0):
        number = rng.binomial(shape[0] * shape[1], part)
        row, column = (rng.integers(0, size, number) for size in shape)
        for whole, first in zip(
            rng.choice(shape[1], columns, replace=False), rng.integers(0, shape[0] // 2, columns)
        ):
            row = np.append(row, np.arange(first, shape[0]))
            column = np.append(column, np.full(shape[0] - first, whole))
        inside = (row >= rows[0]) & (row <= rows[-1])
        return row[inside] - rows[0], column[inside]

    dead = places(physics["dead_pixels"], physics["dead_columns"])
    hot = places(physics["hot_pixels"], physics["hot_columns"])
    wild = places(physics["wild_pixels"])
    return Defects(dead, hot, wild, rng.exponential(physics["hot_current"], hot[0].size))


def read_out(rng, lights, tracks, bias, exptime, physics, defects):
    """Draw the counts that the detector reads out.

    Parameters
    ----------
    rng : numpy.random.Generator
    lights : list of lampflux.simulation.illumination.Illumination
        Light on the detector [electron].
    tracks : (ndarray, ndarray, ndarray)
        Rows, columns and electrons of cosmic-ray deposits.
    bias : ndarray, shape (rows, amplifiers)
        Bias [ADU]; the amplifiers share the columns evenly.
    exptime : float
        Exposure time [s].
    physics : dict
        ``columns``, ``dark_current`` [electron / s / pixel], ``gain`` [electron / ADU],
        ``read_noise`` and ``full_well`` [electron], ``bits`` of the converter.
    defects : Defects

    Returns
    -------
    frame : ndarray of uint16 or uint32, shape (rows, columns)
        Raw counts [ADU].
    peaks : ndarray, shape (columns,)
        Highest expected charge of each column, with dark current [electron].
    """
    height, columns = bias.shape[0], physics["columns"]
    largest = largest_count(physics)
    frame = np.empty((height, columns), np.uint16 if physics["bits"] <= 16 else np.uint32)
    peaks = np.zeros(columns)
    for first in range(0, height, ROWS_AT_A_TIME):
        band = slice(first, min(first + ROWS_AT_A_TIME, height))
        expected = sum(light.within(band) for light in lights)
        expected += physics["dark_current"] * exptime
        np.maximum(peaks, expected.max(axis=0), out=peaks)
        rows, places = defects.dead
        dead = (rows >= band.start) & (rows < band.stop)
        expected[rows[dead] - first, places[dead]] = physics["dark_current"] * exptime
        rows, places = defects.hot
        hot = (rows >= band.start) & (rows < band.stop)
        expected[rows[hot] - first, places[hot]] += defects.current[hot] * exptime
        charge = rng.poisson(expected).astype(np.float32)
        rows, places, electrons = tracks
        hit = (rows >= band.start) & (rows < band.stop)
        np.add.at(charge, (rows[hit] - first, places[hit]), electrons[hit])
        np.minimum(charge, physics["full_well"], out=charge)
        noise = rng.standard_normal(charge.shape, dtype=np.float32)
        noise *= np.float32(physics["read_noise"])
        charge += noise
        charge /= np.float32(physics["gain"])
        by_amplifier = charge.reshape(band.stop - first, bias.shape[1], -1)
        by_amplifier += bias[band, :, np.newaxis].astype(np.float32)
        np.rint(charge, out=charge)
        frame[band] = charge.clip(0, largest)
    frame[defects.wild] = largest
    return frame, peaks


def largest_count(physics):
    """Largest number of the converter [ADU]."""
    return 2 ** physics["bits"] - 1
