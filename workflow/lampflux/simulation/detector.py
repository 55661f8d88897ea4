"""Read-out of light by a simulated detector."""

import hashlib

import numpy as np

# Rows that are computed at a time, so that a frame needs little memory.
ROWS_AT_A_TIME = 128
# Largest value of an unsigned 16-bit pixel [ADU].
LARGEST_COUNT = 2**16 - 1
# The charge of a track is deposited at this many points per pixel of its length.
DEPOSITS_PER_PIXEL = 4
# Compton electrons change direction between deposits by this standard deviation [radian]; assumed.
ELECTRON_TURN = 0.35


def random_generator(seed, name):
    """Random number generator that depends on the seed and a name alone.

    Parameters
    ----------
    seed : int
    name : str
        For instance the name of an exposure.

    Returns
    -------
    numpy.random.Generator
    """
    digest = hashlib.sha256(name.encode()).digest()
    return np.random.default_rng([seed, int.from_bytes(digest[:8])])


def cosmic_ray_charge(rng, shape, exptime, physics):
    """Draw the charge of cosmic rays: straight muon tracks and curled Compton electron tracks.

    The intensity of muons varies as the squared cosine c of the zenith angle, so that the number
    that crosses a level surface is distributed as c**3. Muons deposit a constant charge per unit
    length in the sensitive layer, times a log-normal factor. Both kinds arrive at rates
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


def bias_rows(rng, rows, levels, scatter):
    """Bias of each row and amplifier: a level plus a fixed pattern of rows.

    Parameters
    ----------
    rng : numpy.random.Generator
    rows : ndarray of int, shape (rows,)
        Rows of the detector, from 0.
    levels : sequence of float
        Level of each amplifier [ADU].
    scatter : float
        Standard deviation of the pattern [ADU].

    Returns
    -------
    ndarray, shape (rows, amplifiers)
    """
    pattern = rng.normal(0, scatter, (rows.max() + 1, len(levels)))
    return np.asarray(levels) + pattern[rows]


def read_out(rng, spectra, spectrum_of_row, shares, tracks, bias, exptime, physics):
    """Draw the counts that the detector reads out.

    Parameters
    ----------
    rng : numpy.random.Generator
    spectra : ndarray, shape (spectra, columns)
        Light of all fibres [electron].
    spectrum_of_row : ndarray of int, shape (rows,)
        Index of the spectrum that falls on each row.
    shares : ndarray, shape (rows,)
        Share of that spectrum in each row.
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
    for first in range(0, height, ROWS_AT_A_TIME):
        band = slice(first, min(first + ROWS_AT_A_TIME, height))
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
        by_amplifier = charge.reshape(band.stop - first, bias.shape[1], -1)
        by_amplifier += bias[band, :, np.newaxis].astype(np.float32)
        np.rint(charge, out=charge)
        frame[band] = charge.clip(0, LARGEST_COUNT)
    return frame
