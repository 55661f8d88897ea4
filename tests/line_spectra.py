"""Spectra of known truth: lines of several shapes on several continua, with noise.

Independent of the code that measures them: profiles are sampled finely and summed over pixels.
"""

import math
from typing import NamedTuple

import numpy as np

erf = np.vectorize(math.erf, otypes=[float])
GAIN, READ_NOISE = 1.9, 55.0
SIZE = 4096
# Samples of a profile in a pixel, and reach of a profile [FWHM].
FINE, REACH = 25, 40


class Truth(NamedTuple):
    """A noisy spectrum, its windows, and its truth.

    ``light`` is all lines without continuum, ``centres`` and ``fluxes`` are those of the lines,
    ``main`` is the brightest line in each window and ``single`` whether no other line is near it.
    """

    counts: np.ndarray
    uncertainty: np.ndarray
    windows: list
    light: np.ndarray
    centres: np.ndarray
    fluxes: np.ndarray
    main: np.ndarray
    single: np.ndarray
    fwhm: float


def gauss(x):
    """Line profiles of a full width at half maximum of 1, of any height."""
    return np.exp(-4 * np.log(2) * x**2)


def lorentz_wings(x):
    lorentz = 1 / (1 + 4 * x**2) * 2 / np.pi
    return 0.85 * gauss(x) * np.sqrt(4 * np.log(2) / np.pi) + 0.15 * lorentz


def moffat(x):
    return (1 + (2 * x) ** 2 * (2 ** (1 / 2.5) - 1)) ** -2.5


def convolved(x, kernel):
    light = np.convolve(gauss(x), kernel(x), "same")
    return light


def tailed(x):
    """A Gaussian with an exponential tail to one side."""
    return convolved(x, lambda x: np.where(x >= 0, np.exp(-np.clip(x, 0, None) / 0.5), 0.0))


def boxed(x):
    """A Gaussian convolved with a box of its own width."""
    return convolved(x, lambda x: (np.abs(x) <= 0.5).astype(float))


def light_in_pixels(centre, flux, fwhm, profile, size):
    """Light of a line in each pixel."""
    reach = int(REACH * fwhm) + 2
    first = int(np.floor(centre)) - reach
    fine = first - 0.5 + (np.arange((2 * reach + 1) * FINE) + 0.5) / FINE
    # The same sampling on either side of the centre, for the convolved profiles.
    sampled = np.arange(-REACH, REACH + 1e-9, 0.02)
    density = np.interp((fine - centre) / fwhm, sampled, profile(sampled))
    light = flux * density.reshape(-1, FINE).sum(axis=1) / density.sum()
    counts = np.zeros(size)
    pixels = first + np.arange(light.size)
    inside = (pixels >= 0) & (pixels < size)
    counts[pixels[inside]] = light[inside]
    return counts


def observe(rng, centres, fluxes, fwhm, continuum=0.0, profile=gauss, windows=None, size=SIZE):
    """Expose lines on a continuum; windows reach 2.5 widths about lines unless they are given."""
    fwhm = np.broadcast_to(fwhm, centres.shape)
    order = np.argsort(centres)
    centres, fluxes, fwhm = centres[order], fluxes[order], fwhm[order]
    light = np.zeros(size)
    for line in zip(centres, fluxes, fwhm):
        light += light_in_pixels(*line, profile, size)
    clean = light + continuum
    counts = rng.poisson(clean * GAIN) / GAIN + rng.normal(0, READ_NOISE, size)
    uncertainty = np.sqrt(np.clip(counts, 0, None) / GAIN + READ_NOISE**2)
    if windows is None:
        windows = lay_windows(centres, fluxes, fwhm, size)
    main, single = [], []
    for start, stop in windows:
        inside = np.flatnonzero((centres >= start - 0.5) & (centres <= stop + 0.5))
        number = inside[np.argmax(fluxes[inside])]
        others = np.delete(np.arange(centres.size), number)
        near = np.abs(centres[others] - centres[number]) < 4 * fwhm[number]
        near |= (centres[others] >= start - 0.5) & (centres[others] <= stop + 0.5)
        main.append(number)
        single.append(not near.any())
    main, single = np.array(main), np.array(single)
    median = float(np.median(fwhm))
    return Truth(counts, uncertainty, windows, light, centres, fluxes, main, single, median)


def lay_windows(centres, fluxes, fwhm, size):
    """Windows about the brightest lines that do not overlap."""
    taken, windows = np.zeros(size, bool), []
    for number in np.argsort(-fluxes):
        half = 2.5 * fwhm[number]
        start, stop = int(np.rint(centres[number] - half)), int(np.rint(centres[number] + half))
        if start < 5 or stop > size - 6 or taken[start : stop + 1].any():
            continue
        taken[start : stop + 1] = True
        windows.append((start, stop))
        if len(windows) == 40:
            break
    return sorted(windows)


def spaced(rng, number):
    """Places about evenly apart, at any phase of the pixel."""
    step = (SIZE - 100) / number
    return 50 + step * (np.arange(number) + rng.uniform(0.3, 0.7, number))


def bright(rng, number, low=4.0):
    """Fluxes [ADU], all clearly above the noise."""
    return 10 ** rng.uniform(low, 6.3, number)


def easy(rng, fwhm=2.3):
    return observe(rng, spaced(rng, 40), bright(rng, 40), fwhm, 300.0)


def pairs(rng, fwhm=2.6):
    """Singles and pairs half and half, apart by 0.5 to 2 widths, with ratios of 0.05 to 1."""
    places, fluxes = spaced(rng, 40), bright(rng, 40, 4.5)
    apart = fwhm * rng.uniform(0.5, 2.0, 20) * rng.choice([-1, 1], 20)
    ratio = 10 ** rng.uniform(np.log10(0.05), 0, 20)
    centres = np.append(places, places[::2] + apart)
    fluxes = np.append(fluxes, fluxes[::2] * ratio)
    half = 3.0 * fwhm
    windows = [
        (int(np.rint(place - half)), int(np.rint(place + half))) for place in np.sort(places[::2])
    ]
    return observe(rng, centres, fluxes, fwhm, 300.0, windows=windows)


def crowded(rng):
    """A line every 13 pixels, at random places."""
    number = SIZE // 13
    return observe(rng, rng.uniform(20, SIZE - 20, number), bright(rng, number, 3.3), 3.0, 300.0)


def low_resolution(rng):
    """Lines of 7 pixels, at random places."""
    return observe(rng, rng.uniform(40, SIZE - 40, 120), bright(rng, 120, 4.3), 7.0, 300.0)


# Levels of a continuum [ADU]: up to hundreds of ADU in each of 340 rows, and faint.
STRONG, FAINT = (5e2, 2e5), (5e2, 2e3)


def continuum_level(rng, levels):
    return np.exp(rng.uniform(*np.log(levels)))


def flat(rng, levels=STRONG):
    return observe(rng, spaced(rng, 40), bright(rng, 40), 2.6, continuum_level(rng, levels))


def curved(rng, levels=STRONG):
    place = np.linspace(-1, 1, SIZE)
    level = continuum_level(rng, levels) * (1.5 - place**2 + 0.3 * place)
    return observe(rng, spaced(rng, 40), bright(rng, 40), 2.6, level)


def rippled(rng, levels=STRONG):
    period = rng.uniform(120, 500)
    ripple = np.sin(2 * np.pi * (np.arange(SIZE) / period + rng.uniform()))
    level = continuum_level(rng, levels) * (1 + 0.3 * ripple)
    return observe(rng, spaced(rng, 40), bright(rng, 40), 2.6, level)


def shaped(profile):
    def case(rng):
        return observe(rng, spaced(rng, 40), bright(rng, 40, 4.3), 2.6, 300.0, profile)

    return case


def widening(rng):
    """The width doubles along the detector."""
    centres = spaced(rng, 40)
    return observe(rng, centres, bright(rng, 40, 4.3), 2.3 * (1 + centres / SIZE), 300.0)


CASES = {
    "easy": easy,
    "pairs": pairs,
    "crowded": crowded,
    "low resolution": low_resolution,
    "faint flat continuum": lambda rng: flat(rng, FAINT),
    "faint curved continuum": lambda rng: curved(rng, FAINT),
    "faint rippled continuum": lambda rng: rippled(rng, FAINT),
    "flat continuum": flat,
    "curved continuum": curved,
    "rippled continuum": rippled,
    "Lorentz wings": shaped(lorentz_wings),
    "Moffat": shaped(moffat),
    "exponential tail": shaped(tailed),
    "box": shaped(boxed),
    "doubling width": widening,
}


def core_and_wing(size, centres, fluxes, fwhm=2.3, wing_part=0.0, wing_width=4.0):
    """Counts of lines with a Gaussian core and wing, each integrated over every pixel."""
    counts = np.zeros(size)
    for centre, flux in zip(centres, fluxes):
        for part, width in (1 - wing_part, fwhm), (wing_part, wing_width * fwhm):
            near = np.arange(max(int(centre - 4 * width), 0), min(int(centre + 4 * width), size))
            edges = (np.append(near, near[-1] + 1) - 0.5 - centre) / width
            counts[near] += flux * part * np.diff(erf(edges * math.sqrt(math.log(16)))) / 2
    return counts
