"""Simulate arc spectra whose wavelengths are known, apart from anything the project simulates."""

import csv
import math
from functools import cache
from typing import NamedTuple

import numpy as np

from conftest import PROJECT
from lampflux.peaks import find_peaks, without_leaning
from lampflux.wavelengths import Lines
from lampflux.wavelengths.reference import reference_solution
from lampflux.wavelengths.shift import Reference

LINE_LISTS = PROJECT / "resources/line_lists"
LAMPS = {
    "Ar": ("Ar I",),
    "Cd": ("Cd I",),
    "Cu": ("Cu I",),
    "He": ("He I",),
    "HgAr": ("Hg I", "Ar I"),
    "HgNe": ("Hg I", "Ne I"),
    "Kr": ("Kr I",),
    "Ne": ("Ne I",),
    "ThAr": ("Th I", "Th II", "Ar I", "Ar II"),
    "Xe": ("Xe I",),
}
READ_NOISE = 30.0
erf = np.vectorize(math.erf, otypes=[float])


@cache
def catalogue(*ions):
    """Lines of some ions, as the project lists them."""
    wavelength, intensity, names = [], [], []
    for ion in ions:
        with open(LINE_LISTS / f"{ion.replace(' ', '_')}.csv", newline="") as file:
            for row in csv.DictReader(file):
                wavelength.append(float(row["wavelength_air"]))
                intensity.append(float(row["intensity"]))
                names.append(ion)
    return Lines(np.array(wavelength), np.array(intensity), np.array(names, object))


def standing_peaks(counts, uncertainty=None):
    """Peaks of a spectrum that a solution is fitted to."""
    return without_leaning(find_peaks(counts, uncertainty))


def red_reference():
    """Wavelength of each of Hector's 4096 columns in red by the project's reference."""
    path = PROJECT / "resources/wavelength_references/Red.csv"
    pixel, wavelength = np.loadtxt(path, delimiter=",", skiprows=1, usecols=(0, 1), unpack=True)
    return reference_solution(pixel, wavelength, np.arange(4096)).wavelength


def exact_reference(wavelength):
    """Reference without error."""
    return Reference(wavelength, np.zeros(wavelength.size))


def gaussian_lines(size, centres, heights, fwhm):
    """Counts of Gaussian lines, each integrated over every pixel; heights as if it were not."""
    sigma = fwhm / math.sqrt(8 * math.log(2))
    counts = np.zeros(size)
    for centre, height in zip(centres, heights):
        first = max(int(centre - 8 * sigma), 0)
        last = min(int(centre + 8 * sigma) + 2, size)
        if first < last:
            edges = (np.arange(first, last + 1) - 0.5 - centre) / (sigma * math.sqrt(2))
            integral = np.diff(erf(edges)) * sigma * math.sqrt(math.pi / 2)
            counts[first:last] += height * integral
    return counts


class Arc(NamedTuple):
    """A simulated spectrum: what a detector saw, and the truth."""

    counts: np.ndarray
    uncertainty: np.ndarray
    wavelength: np.ndarray
    nominal: np.ndarray


def dispersion(first, last, size, bow=0.03, twist=0.012):
    """Wavelengths of a cubic dispersion between two ends; falling where last < first."""
    x = np.linspace(-1, 1, size)
    curve = x + bow * (1 - x**2) + twist * (x - x**3)
    return (first + last) / 2 + (last - first) / 2 * curve


def nominal_of(wavelength, shift=40.0, stretch=0.01):
    """The best straight line through wavelengths, shifted [pixel] and stretched."""
    size = wavelength.size
    x = np.arange(size) - (size - 1) / 2
    slope, level = np.polyfit(x, wavelength, 1)
    return level + slope * (1 + stretch) * (x + shift)


def noisy(clean, rng, level=200.0):
    """Add a continuum and noise; return counts and uncertainty."""
    variance = clean + level + READ_NOISE**2
    return clean + level + rng.normal(0, np.sqrt(variance)), np.sqrt(variance)


def arc(lamp, first, last, size, seed, shift=40.0, stretch=0.01, fwhm=4.0, brightest=1e5):
    """Simulate a lamp: catalogue lines of scattered intensity, some missing, some unknown.

    Intensities scatter log-normally by a factor e and ions by another; 10 % of the lines are
    missing, and a few as bright as any are in no catalogue.
    """
    rng = np.random.default_rng(seed)
    wavelength = dispersion(first, last, size)
    lines = catalogue(*LAMPS[lamp])
    strength = lines.intensity * rng.lognormal(0, 1, lines.intensity.size)
    strength[rng.random(strength.size) < 0.1] = 0
    inside = (lines.wavelength > wavelength.min()) & (lines.wavelength < wavelength.max())
    for ion in LAMPS[lamp]:
        own = inside & (lines.ion == ion)
        if own.any():
            strength[own] *= rng.lognormal(0, 1) / strength[own].max()
    sign = 1 if last > first else -1
    centres = np.interp(sign * lines.wavelength[inside], sign * wavelength, np.arange(size))
    heights = strength[inside]
    unknown = rng.integers(2, 5)
    centres = np.append(centres, rng.uniform(0, size, unknown))
    heights = np.append(heights, rng.choice(np.sort(heights)[-20:], unknown))
    clean = gaussian_lines(size, centres, heights * brightest / heights.max(), fwhm)
    counts, uncertainty = noisy(clean, rng)
    return Arc(counts, uncertainty, wavelength, nominal_of(wavelength, shift, stretch))
