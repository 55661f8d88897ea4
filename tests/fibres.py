"""Simulate frames of a fibre slit, apart from anything the project simulates."""

import math

import numpy as np

from arcs import erf
from lampflux.extraction.detector import Detector
from lampflux.extraction.image import LitImage

PITCH, FIBRE_FWHM = 5.4, 2.9


def pixel_light(distance, fwhm):
    """Fraction of a Gaussian's light in a pixel at some distance from its centre."""
    scale = np.asarray(fwhm) / math.sqrt(4 * math.log(2))
    return 0.5 * (erf((distance + 0.5) / scale) - erf((distance - 0.5) / scale))


def fibre_places(first, number):
    return first + PITCH * np.arange(number)


def shares(rows, fibres, strengths=1.0, drift=0.0):
    """Part of the light in each row: shape (rows, 1), or (rows, lines) if fibres drift by line."""
    strengths = np.broadcast_to(strengths, fibres.shape)
    moved = fibres[:, np.newaxis] + np.atleast_1d(drift)
    distance = np.arange(rows)[:, np.newaxis, np.newaxis] - moved
    return np.einsum("rfl,f->rl", pixel_light(distance, FIBRE_FWHM), strengths / strengths.sum())


def slit_light(columns, share, centres, fluxes, fwhm=2.3, shift=0.0):
    """Light of lines in each pixel of a slit [ADU].

    ``share`` of each row as of `shares`; ``fwhm`` may differ by (rows, lines), ``shift`` by row.
    """
    light = np.zeros((share.shape[0], columns))
    share = np.broadcast_to(share, (share.shape[0], centres.size))
    fwhm = np.broadcast_to(fwhm, share.shape)
    shift = np.broadcast_to(shift, share.shape[0])
    for number, (centre, flux) in enumerate(zip(centres, fluxes)):
        width = fwhm[:, number].max()
        first = max(int(centre + shift.min() - 3 * width), 0)
        last = min(int(centre + shift.max() + 3 * width) + 2, columns)
        distance = np.arange(first, last) - centre - shift[:, np.newaxis]
        part = pixel_light(distance, fwhm[:, number : number + 1])
        light[:, first:last] += flux * share[:, number : number + 1] * part
    return light


def exposed(light, rng, gain=2.0, read_noise=5.0):
    """Expose a detector to light [ADU]: photon noise and read noise [electron], bias off."""
    electrons = rng.poisson(light * gain) + rng.normal(0, read_noise, light.shape)
    return (electrons / gain).astype(np.float32)


def random_lines(columns, number, rng, faintest=1e4, brightest=1e6):
    """Places and fluxes [ADU] of lines of very different brightness."""
    centres = np.sort(rng.uniform(15, columns - 15, number))
    return centres, 10 ** rng.uniform(np.log10(faintest), np.log10(brightest), number)


def as_lit(counts, variance, gain=None, missing=None):
    """Counts above the background [ADU] as an image of lit rows without saturated pixels."""
    nothing = np.zeros(counts.shape, bool)
    columns = counts.shape[1]
    detector = Detector([(0, columns - 1)], gain, None, np.inf, variance)
    missing = nothing if missing is None else missing
    return LitImage(counts, missing, nothing, np.zeros(columns, bool), 0.0, detector)
