"""Spectra of known truth, with other profiles, continua and noise than those of the tests.

Lines have Voigt or skewed Gauss-Hermite profiles whose width and skewness change along the
detector, random places, and fluxes that follow a power law. The continuum has bumps like those of
lamps, and the noise differs between pixels. The line list also has lines that are absent.
"""

from typing import NamedTuple

import numpy as np

SIZE = 2048
# Samples in a pixel; profiles reach over the whole spectrum.
FINE = 16
SIGMA_PER_FWHM = 1 / np.sqrt(8 * np.log(2))


class Optics(NamedTuple):
    """What makes a spectrum.

    ``fwhm`` at the middle [pixel] and its ``widening``, relative change over half of the detector;
    ``lorentz``, the Lorentzian's part of a Voigt profile's width; ``skew``, the third
    Gauss-Hermite moment at the right end, which runs from half of that at the left;
    ``lines`` for each line width of the detector; ``level`` of the continuum [ADU] with bumps.
    """

    fwhm: float
    lines: float
    widening: float = 0.15
    lorentz: float = 0.0
    skew: float = 0.0
    level: float = 200.0


CASES = {
    "FWHM 1.8, sparse": Optics(1.8, 0.03),
    "FWHM 1.8, dense": Optics(1.8, 0.15),
    "FWHM 3, Voigt": Optics(3.0, 0.05, lorentz=0.2),
    "FWHM 3, skewed": Optics(3.0, 0.05, skew=0.08),
    "FWHM 4, bumps of continuum": Optics(4.0, 0.06, level=20_000.0),
    "FWHM 5, dense": Optics(5.0, 0.2, lorentz=0.1, skew=0.04),
    "FWHM 12, sparse": Optics(12.0, 0.1, level=1_000.0),
    "FWHM 12, dense": Optics(12.0, 0.25, lorentz=0.1, level=1_000.0),
}


def gauss_hermite(x, skew):
    """Gauss-Hermite profile of third moment ``skew`` at ``x`` standard deviations.

    van der Marel & Franx 1993, Astrophysical Journal 407, 525, equation 9; none negative.
    """
    hermite = (2 * np.sqrt(2) * x**3 - 3 * np.sqrt(2) * x) / np.sqrt(6)
    return np.clip(np.exp(-0.5 * x**2) * (1 + skew * hermite), 0, None)


def line_pixels(centre, fwhm, lorentz, skew):
    """Light of a line in each pixel; its total, including beyond the detector, is 1."""
    reach = max(SIZE, 60 * fwhm)
    edges = np.arange(-FINE * reach, FINE * reach) / FINE
    core = np.abs(edges) < 12 * fwhm
    profile = np.zeros(edges.size)
    gaussian = fwhm * (1 - lorentz) * SIGMA_PER_FWHM
    profile[core] = gauss_hermite(edges[core] / gaussian, skew)
    profile /= profile.sum()
    if lorentz:
        half = lorentz * fwhm / 2
        wings = np.diff(np.arctan((np.append(edges, edges[-1] + 1 / FINE) - 0.5 / FINE) / half))
        spectrum = np.fft.rfft(profile) * np.fft.rfft(np.fft.ifftshift(wings / wings.sum()))
        profile = np.fft.irfft(spectrum, profile.size)
    below = np.append(0.0, np.cumsum(profile))
    places = np.append(edges, edges[-1] + 1 / FINE) - 0.5 / FINE
    return np.diff(np.interp(np.arange(SIZE + 1) - 0.5 - centre, places, below))


def bumpy(rng, level):
    """Draw a continuum with bumps, like those of molecules and hot walls [ADU]."""
    place = np.arange(SIZE)
    continuum = 1 + 0.5 * place / SIZE * rng.normal()
    for _ in range(6):
        width = rng.uniform(60, 300)
        bump = np.exp(-0.5 * ((place - rng.uniform(0, SIZE)) / width) ** 2)
        continuum = continuum + rng.uniform(0.1, 0.8) * bump
    return level * np.clip(continuum, 0.2, None)


def expose(rng, optics):
    """Draw lines, light and noise.

    Parameters
    ----------
    rng : numpy.random.Generator
    optics : Optics

    Returns
    -------
    counts, uncertainty, light : ndarray, shape (pixels,)
        Noisy spectrum, its 1 sigma, and the light of all lines [ADU].
    centres, fluxes, fwhm : ndarray, shape (lines,)
        By place [pixel], [ADU], [pixel].
    listed : list of (float, float)
        Places [pixel] and relative intensities of the laboratory's lines.
    """
    number = max(int(optics.lines * SIZE / optics.fwhm), 25)
    centres = np.sort(rng.uniform(3 * optics.fwhm, SIZE - 3 * optics.fwhm, number))
    fluxes = 3e3 * optics.fwhm**0.5 * np.clip(rng.pareto(0.5, number) + 1, None, 500)
    place = 2 * centres / SIZE - 1
    fwhm = optics.fwhm * (1 + optics.widening * (place**2 + 0.5 * place))
    skew = optics.skew * (0.75 + 0.25 * place)
    light = np.zeros(SIZE)
    for centre, flux, width, lean in zip(centres, fluxes, fwhm, skew):
        light += flux * line_pixels(centre, width, optics.lorentz, lean)
    expected = light + bumpy(rng, optics.level)
    gain, read_noise = 1.3, rng.uniform(8, 40, SIZE)
    counts = rng.poisson(expected * gain) / gain + rng.normal(0, read_noise)
    uncertainty = np.sqrt(np.clip(counts, 0, None) / gain + read_noise**2)
    shift = 0.08 * optics.fwhm * np.sin(2 * np.pi * (centres / SIZE + rng.uniform()))
    listed = list(zip(centres + shift, fluxes * 10 ** rng.normal(0, 0.4, number)))
    dark = rng.uniform(0, SIZE, number // 4)
    listed += list(zip(dark, np.exp(rng.normal(np.log(1e4), 1, dark.size))))
    return counts, uncertainty, light, centres, fluxes, fwhm, sorted(listed)
