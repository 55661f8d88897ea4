"""Simulate frames of slits and fibres that are hard to extract, with their truth.

Apart from anything the project simulates. Light falls on row y and column x as

    profile(y - trace(x)) * (lines + continuum)(x - shift(y - trace(x))) + scattered light.
"""

import math
from typing import NamedTuple

import numpy as np

from arcs import erf

LINE_FWHM, FIBRE_FWHM = 2.6, 2.9
GRID = np.linspace(-12, 12, 24001)
HALF_ERF = 0.5 * erf(GRID)


def pixel_light(distance, fwhm):
    """Part of a Gaussian's light that falls into a pixel at some distance from its centre."""
    scale = fwhm / math.sqrt(4 * math.log(2))
    upper, lower = (np.interp((distance + by) / scale, GRID, HALF_ERF) for by in (0.5, -0.5))
    return upper - lower


class Frame(NamedTuple):
    """A simulated frame and its truth.

    ``counts`` [ADU], whole numbers; ``bias`` of each column [ADU]; ``centres`` [pixel] and
    ``fluxes`` [ADU] of the lines; ``light`` without noise [ADU]; ``gain``; ``variance`` of a pixel
    without light [ADU^2].
    """

    counts: np.ndarray
    bias: np.ndarray
    centres: np.ndarray
    fluxes: np.ndarray
    light: np.ndarray
    gain: float
    variance: float


def fibre_bundle(number, pitch, rng):
    """Profile of a bundle of fibres about row 0: places, and the part of the light of each."""
    places = pitch * (np.arange(number) - (number - 1) / 2)
    strengths = rng.normal(1, 0.08, number).clip(0.3)
    grid = np.arange(-pitch * number / 2 - 12, pitch * number / 2 + 12, 0.05)
    profile = sum(
        part * pixel_light(grid - place, FIBRE_FWHM) for part, place in zip(strengths, places)
    )
    return grid, profile / strengths.sum()


def long_slit(height, rng):
    """Profile of an evenly lit slit about row 0, with a gentle gradient and dust."""
    grid = np.arange(-height / 2 - 6, height / 2 + 6, 0.05)
    edges = np.interp(np.abs(grid), [height / 2 - 1, height / 2 + 1], [1, 0])
    dust = sum(
        rng.uniform(0, 0.15) * np.exp(-0.5 * ((grid - place) / 3) ** 2)
        for place in rng.uniform(-height / 2, height / 2, 4)
    )
    profile = edges * (1 + 0.2 * grid / height) * (1 - dust)
    return grid, profile / (profile.sum() * 0.05)


def line_places(columns, number, rng):
    """Columns of lines that stand apart."""
    step = (columns - 100) / number
    return 50 + step * (np.arange(number) + 0.5) + rng.uniform(-0.25, 0.25, number) * step


def cosmic_rays(shape, number, rng):
    """Charge of straight tracks [electron]."""
    charge = np.zeros(shape)
    for _ in range(number):
        y, x = rng.uniform(0, shape[0]), rng.uniform(0, shape[1])
        angle, length = rng.uniform(0, 2 * np.pi), rng.exponential(4) + 1
        steps = np.arange(0, length, 0.25)
        rows = np.rint(y + np.sin(angle) * steps).astype(int)
        places = np.rint(x + np.cos(angle) * steps).astype(int)
        inside = (rows >= 0) & (rows < shape[0]) & (places >= 0) & (places < shape[1])
        deposit = rng.lognormal(6.0, 0.8) / 4
        np.add.at(charge, (rows[inside], places[inside]), deposit)
    return charge


def simulate(
    seed,
    *,
    rows=320,
    columns=2048,
    fibres=0,
    pitch=5.4,
    slit=0,
    centre=None,
    rise=0.0,
    tilt=0.0,
    bow=0.0,
    lines=45,
    peaks=(20, 20000),
    continuum=0.0,
    ripple=0.0,
    scattered=0.0,
    rays=150,
    gain=1.9,
    read_noise=4.0,
    bias=(500, 500),
    row_noise=0.0,
    saturation=65535,
):
    """Simulate a frame.

    Parameters
    ----------
    seed : int
    rows, columns : int
    fibres, pitch : number of fibres, or 0, and rows from one to the next
    slit : rows that a long slit lights, or 0
    centre : row of the light's middle; default the frame's
    rise : rows by which traces rise over the detector
    tilt, bow : columns by which lines run over the slit, straight and as a parabola
    lines : number of lines
    peaks : (float, float)
        Faintest and brightest highest pixel of a line [ADU].
    continuum : float
        Brightness of a continuum under the lines [ADU in the brightest row], curved along the
        columns, with a ripple of this part.
    scattered : part of the light that falls anywhere, smoothly
    rays : number of cosmic rays
    gain, read_noise, bias : [electron/ADU], [electron], [ADU] of both amplifiers
    row_noise : scatter of the rows' levels [ADU]
    saturation : [ADU]

    Returns
    -------
    Frame
    """
    rng = np.random.default_rng(seed)
    grid, profile = fibre_bundle(fibres, pitch, rng) if fibres else long_slit(slit, rng)
    centre = (rows - 1) / 2 if centre is None else centre
    u = np.linspace(-1, 1, columns)
    trace = centre + rise * (u / 2 + 0.05 * (1 - u**2))
    place = np.arange(rows)[:, np.newaxis] - trace
    share = np.interp(place, grid, profile, left=0, right=0)
    extent = grid[-1] - grid[0]
    bent = tilt * grid / extent + bow * (2 * grid / extent) ** 2
    bent = bent - np.average(bent, weights=profile)
    shift = np.interp(place, grid, bent)

    centres = line_places(columns, lines, rng)
    height = 10 ** rng.uniform(*np.log10(peaks), lines)
    fluxes = height / profile.max() * LINE_FWHM * 1.064
    inside = share.sum(axis=0)[np.rint(centres).astype(int)]
    fine = np.arange(-200, columns + 200, 0.02)
    spectrum = np.zeros(fine.size)
    for x, flux in zip(centres, fluxes):
        near = slice(*np.searchsorted(fine, [x - 15, x + 15]))
        spectrum[near] += flux * pixel_light(fine[near] - x, LINE_FWHM)
    level = continuum / profile.max() * (1 - 0.4 * (2 * fine / columns - 1) ** 2)
    spectrum += level * (1 + ripple * np.sin(fine / 15))
    light = share * np.interp(np.arange(columns) - shift, fine, spectrum)
    if scattered:
        spread = np.interp(np.arange(columns), fine, spectrum)
        for _ in range(3):
            spread = np.convolve(spread, np.ones(121) / 121, "same")
        fall = np.exp(-0.5 * ((np.arange(rows) - 0.35 * rows) / (0.5 * rows)) ** 2)
        light += scattered * fall[:, np.newaxis] / fall.sum() * spread

    electrons = rng.poisson(light * gain) + cosmic_rays(light.shape, rays, rng)
    levels = np.repeat(np.array(bias, float), columns // 2)
    counts = electrons / gain + rng.normal(0, read_noise / gain, light.shape)
    counts += levels + rng.normal(0, row_noise, (rows, 1))
    counts = np.rint(counts).clip(0, saturation).astype("u2" if saturation < 65536 else "u4")
    variance = (read_noise / gain) ** 2 + 1 / 12
    return Frame(counts, levels, centres, fluxes * inside, light, gain, variance)


def line_sums(counts, centres, half=9):
    """Sum each line above the level on either side of it, shape (lines,)."""
    sums = []
    for centre in np.rint(centres).astype(int):
        window = counts[centre - half : centre + half + 1]
        left, right = counts[centre - half - 4 : centre - half], counts[centre + half + 1 :][:4]
        sums.append(window.sum() - window.size * (np.mean(left) + np.mean(right)) / 2)
    return np.array(sums)


def line_errors(uncertainty, centres, half=9):
    """1-sigma error of `line_sums`."""
    errors = []
    for centre in np.rint(centres).astype(int):
        variance = uncertainty**2
        window = variance[centre - half : centre + half + 1]
        beside = [variance[centre - half - 4 : centre - half], variance[centre + half + 1 :][:4]]
        part = window.size / 8
        errors.append(window.sum() + part**2 * np.sum(beside))
    return np.sqrt(errors)
