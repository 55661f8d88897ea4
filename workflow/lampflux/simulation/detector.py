"""What a simulated detector makes of light."""

import hashlib

import numpy as np

# Rows that are drawn at a time, so that a frame needs little memory.
BAND = 128
LARGEST_NUMBER = 2**16 - 1


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
