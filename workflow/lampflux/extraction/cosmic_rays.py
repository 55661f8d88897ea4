"""Cosmic rays, found by comparing the rows of a frame."""

import numpy as np

# A cosmic ray exceeds the noise by this factor, its outskirts by the second.
DETECTION, OUTSKIRTS = 5.0, 2.0
# Least part of the light by which model and frame may differ anywhere.
LEAST_MISFIT = 0.05
# Rows with less than this part of the typical light tell nothing about the spectrum.
WEAK = 0.3
# The share of a row's light may differ from block to block of so many columns, by this part.
BLOCK, BLOCK_SCATTER = 512, 0.1
# Pixels that must be this bright, against the noise, and so many, to tell the misfit.
BRIGHT, FEWEST = 100.0, 500
# The model's shifts are rounded to this part of a pixel.
STEP = 0.05
# Half width of the interpolating kernel [pixel].
LANCZOS = 4


def shifted(spectra, shift):
    """Shift spectra along the dispersion axis.

    Parameters
    ----------
    spectra : ndarray, shape (rows, columns)
    shift : ndarray, shape (rows,)
        Shift of each towards higher columns [pixel].

    Returns
    -------
    ndarray, shape (rows, columns)
        Interpolated with Lanczos' kernel (Duchon 1979, J. Appl. Meteor. 18, 1016), which leaves
        narrow lines their width and does not carry the edges of saturated ones far; the ends are
        repeated.
    """
    whole = np.floor(shift).astype(int)
    taps = np.arange(1 - LANCZOS, LANCZOS + 1)
    distance = taps - (shift - whole)[:, np.newaxis]
    kernel = np.sinc(distance) * np.sinc(distance / LANCZOS)
    kernel = (kernel / kernel.sum(axis=1, keepdims=True)).astype(np.float32)
    reach = int(np.abs(whole).max()) + LANCZOS
    padded = np.pad(spectra, ((0, 0), (reach, reach)), mode="edge")
    result = np.zeros_like(spectra)
    columns = spectra.shape[1]
    for step in np.unique(whole):
        rows = np.flatnonzero(whole == step)
        for tap, weight in zip(taps, kernel[rows].T):
            first = reach - step - tap
            result[rows] += weight[:, np.newaxis] * padded[rows, first : first + columns]
    return result


def along_slit(image, drift):
    """Shift each column towards higher rows [pixel], as `shifted` does with rows."""
    return np.ascontiguousarray(shifted(np.ascontiguousarray(image.T), drift).T)


def neighbourhood(image, rows, columns):
    """Largest value among so many rows and columns to either side of each pixel."""
    for axis, reach in enumerate((rows, columns)):
        largest = image.copy()
        for step in range(1, min(reach, image.shape[axis] - 1) + 1):
            ahead, behind = [slice(None)] * 2, [slice(None)] * 2
            ahead[axis], behind[axis] = slice(step, None), slice(None, -step)
            np.maximum(largest[tuple(behind)], image[tuple(ahead)], out=largest[tuple(behind)])
            np.maximum(largest[tuple(ahead)], image[tuple(behind)], out=largest[tuple(ahead)])
        image = largest
    return image


def common_light(image, profile, shift):
    """Model a frame as one spectrum, shifted along the dispersion axis in each row.

    Parameters
    ----------
    image : ndarray of float32, shape (rows, columns)
        Lit rows, background subtracted [ADU].
    profile : ndarray, shape (rows,)
        Light of each row.
    shift : ndarray, shape (rows,)
        Shift of the lines [pixel].

    Returns
    -------
    ndarray of float32, shape (rows, columns)
        The spectrum, as a row of light 1 has it, the median of all rows [ADU].
    """
    strong = np.flatnonzero(profile > WEAK * typical_light(profile))
    scaled = image[strong] / profile[strong, np.newaxis].astype(np.float32)
    spectrum = np.median(shifted(scaled, -shift[strong]), axis=0)
    steps, step_of_row = np.unique(np.rint(shift / STEP) * STEP, return_inverse=True)
    return shifted(np.tile(spectrum, (steps.size, 1)), steps)[step_of_row]


def typical_light(profile):
    """Light of a typical row among those that are lit."""
    return np.median(profile[profile > WEAK * profile.max()])


def slit_model(image, good, profile, light, variance):
    """Model a frame as the rows' common light times each row's share of it.

    Horne's (1986, PASP 98, 609) separation of profile and spectrum, for many fibres with the same
    light; the share of a row may change slowly along the dispersion axis, as traces do.

    Parameters
    ----------
    image : ndarray of float32, shape (rows, columns)
        Lit rows, background subtracted [ADU].
    good : ndarray of bool, shape (rows, columns)
        Pixels to go by.
    profile : ndarray, shape (rows,)
        Light of each row.
    light : ndarray of float32, shape (rows, columns)
        From `common_light` [ADU].
    variance : float
        Variance of a pixel without light [ADU^2].

    Returns
    -------
    ndarray of float32, shape (rows, columns)
    """
    stiffness = np.float32(variance / (BLOCK_SCATTER * typical_light(profile)) ** 2)
    shares = profile.astype(np.float32)
    result = np.empty_like(image)
    for first in range(0, image.shape[1], BLOCK):
        part = slice(first, first + BLOCK)
        used = light[:, part] * good[:, part]
        product = np.einsum("ij,ij->i", used, image[:, part]) + stiffness * shares
        power = np.einsum("ij,ij->i", used, light[:, part]) + stiffness
        result[:, part] = light[:, part] * (product / power)[:, np.newaxis]
    return result


def find_cosmic_rays(image, profile, shift, variance, gain, clipped, drift=None):
    """Find the pixels of a frame that cosmic rays hit.

    Parameters
    ----------
    image : ndarray of float32, shape (rows, columns)
        Lit rows, background subtracted [ADU].
    profile, shift : ndarray, shape (rows,)
        Light and shift [pixel] of each row.
    variance : float
        Variance of a pixel without light [ADU^2].
    gain : float
        Electrons per ADU.
    clipped : ndarray of bool, shape (rows, columns)
        Pixels that tell nothing because lines saturate there; none of them is a cosmic ray.
    drift : ndarray, shape (columns,), optional
        Shift of the traces towards higher rows in each column [pixel]; the profile is then that
        of upright traces.

    Returns
    -------
    hit : ndarray of bool, shape (rows, columns)
        Also where one hit the dark, which leaves a hole.
    model : ndarray of float32, shape (rows, columns)
        The frame without cosmic rays [ADU].
    misfit : ndarray of float32, shape (rows, columns)
        What the model may be off by, 1 sigma [ADU].
    """
    hit = np.zeros(image.shape, bool)
    drifts = drift is not None and drift.any()
    upright = along_slit(image, -drift) if drifts else image
    light = common_light(upright, profile, shift)
    for _ in range(2):
        good = ~(hit | clipped)
        if drifts:
            good = along_slit(good.astype(np.float32), -drift) > 0.9
        model = slit_model(upright, good, profile, light, variance)
        if drifts:
            model = along_slit(model, drift)
        near = neighbourhood(np.clip(model, 0, None), 2, 2)
        residual = image - model
        bright = (near > BRIGHT * np.sqrt(variance)) & ~clipped
        part = LEAST_MISFIT
        if np.count_nonzero(bright) > FEWEST:
            # Cosmic rays hit far fewer than one pixel in a hundred.
            part = max(np.percentile(np.abs(residual[bright]) / near[bright], 99), part)
        sigma = np.sqrt(variance + near / np.float32(gain))
        misfit = np.float32(2 * part) * near
        strength = (np.abs(residual) - misfit) / sigma
        core = strength > DETECTION
        core[clipped] = False
        hit = core
        for _ in range(2):
            hit = (neighbourhood(hit, 1, 1) & (strength > OUTSKIRTS)) | core
            hit[clipped] = False
    return hit, model, misfit / 2
