"""Simulate arcs of arbitrary spectrographs, and spectra that only look like arcs."""

from typing import NamedTuple

import numpy as np

from lampflux.statistics import SIGMA_PER_FWHM

LAMPS = {
    "Ar": ("Ar I",),
    "CuAr": ("Cu I", "Ar I", "Ar II"),
    "CuNe": ("Cu I", "Ne I"),
    "HeNeAr": ("He I", "Ne I", "Ar I"),
    "HgAr": ("Hg I", "Ar I"),
    "HgCd": ("Hg I", "Cd I"),
    "HgNe": ("Hg I", "Ne I"),
    "HgNeArXe": ("Hg I", "Ne I", "Ar I", "Xe I"),
    "Kr": ("Kr I",),
    "Ne": ("Ne I",),
    "ThAr": ("Th I", "Th II", "Ar I", "Ar II"),
    "Xe": ("Xe I",),
}
# Detectors [pixel] and how often each is drawn.
SIZES = {512: 0.05, 1024: 0.3, 2048: 0.35, 4096: 0.25, 8192: 0.05}
# Air wavelengths that a spectrum may cover [Angstrom], as the line lists do, and how many.
BLUEST, REDDEST = 3400.0, 9500.0
COVERAGE = (900.0, 5000.0)
# Line widths and steps are drawn again while a line is wider than this [Angstrom].
WIDEST_LINE = 20.0
# A lamp and range are drawn again while the lists have fewer lines there.
FEWEST_LINES = 6
# Brightest line before saturation, and continuum: decades [electron]; saturation [electron].
BRIGHTEST = (4.0, 6.5)
CONTINUUM = (2.0, 4.0)
SATURATION = 3e5
READ_NOISE = 14.0
# Unknown lines as a part of the known ones, of which at most this number count.
UNKNOWN, MOST_KNOWN = 0.08, 80
# Scatter (natural log) of an ion's brightness against the lamp's other ions.
ION_SCATTER = 1.0


# Half the angle under which the camera sees the detector [degree], and the part by which its
# distortion (cubic) moves the ends, 1 sigma.
CAMERA = (2.0, 9.0)
DISTORTION = 0.002
# How often a lamp of several ions lacks one, another element's lines are mixed in (brightness of
# its brightest against the lamp's), and lines appear in second order (brightness as before,
# above 2 x 3400 Angstrom).
LACKING, IMPURE, IMPURITY = 0.1, 0.2, (0.003, 0.05)
SECOND_ORDER, SECOND = 0.2, (0.003, 0.1)
# How often there are ghosts, their number, brightness, and width against the lines'.
GHOSTS, GHOST_NUMBER, GHOST, GHOST_WIDTH = 0.15, 3, (0.001, 0.03), (1.5, 4.0)


class Difficulty(NamedTuple):
    """How hard simulated arcs are.

    ``lamp`` and ``step`` [Angstrom/pixel] are drawn when None; ``sizes`` as `SIZES`; ``fwhm``:
    range of line widths [pixel]; ``change``: range of the part by which the dispersion changes
    from end to end; ``scatter``: of log intensities about the lists'; ``missing``: part of the
    lines left out; ``shift``: largest part of the range by which the nominal solution is off;
    ``stretch``: the largest part by which its scale is.
    """

    lamp: str | None = None
    step: float | None = None
    sizes: dict = SIZES
    fwhm: tuple = (2.0, 6.0)
    change: tuple = (0.0, 0.25)
    scatter: float = 1.0
    missing: float = 0.12
    shift: float = 0.08
    stretch: float = 0.05


class Arc(NamedTuple):
    """A spectrum to identify and the truth about it.

    ``counts``, ``nominal``: counts and nominal wavelength of each pixel; ``pixel``,
    ``wavelength``: where the true wavelength is known [Angstrom].
    """

    lamp: str
    counts: np.ndarray
    nominal: np.ndarray
    pixel: np.ndarray
    wavelength: np.ndarray


def linear_nominal(pixel, wavelength, size, shift, stretch):
    """Shift the straight line through known wavelengths, and stretch it about the middle.

    Parameters
    ----------
    pixel, wavelength : ndarray, shape (pairs,)
    size : int
        Pixels of the detector.
    shift : float
        [pixel].
    stretch : float
        Part of the scale.

    Returns
    -------
    ndarray, shape (size,)
        Wavelengths [Angstrom].
    """
    step, zero = np.polyfit(pixel, wavelength, 1)
    middle = (size - 1) / 2
    return zero + step * (middle - shift + (np.arange(size) - middle) * (1 + stretch))


def grating_dispersion(change, half_angle, distortion, size):
    """Rise of the wavelength from end to end of a detector behind a grating, from 0 to 1.

    The grating equation (Schroeder, Astronomical Optics, 1987, section 13.2) gives wavelengths
    that go with the sine of the angle of diffraction; the camera images its tangent.

    Parameters
    ----------
    change : float
        Part by which the dispersion changes from end to end.
    half_angle : float
        Half the angle under which the camera sees the detector [radian].
    distortion : float
        Part of the detector by which the camera's distortion, cubic, moves its ends.
    size : int
        Pixels.

    Returns
    -------
    ndarray, shape (size,)
    """
    u = np.linspace(-1, 1, size)
    u = u + distortion * (u**3 - u)
    # The dispersion goes with the cosine: its relative slope is the tangent in the middle.
    middle = np.arctan(change / (2 * half_angle))
    sine = np.sin(middle + np.arctan(u * np.tan(half_angle)))
    return (sine - sine[0]) / (sine[-1] - sine[0])


def draw_spectrograph(rng, difficulty):
    """Draw a detector, a dispersion and a line width.

    Returns
    -------
    wavelength : ndarray, shape (pixels,)
        Rising wavelengths [Angstrom].
    fwhm : float
        [pixel].
    """
    while True:
        size = int(rng.choice(list(difficulty.sizes), p=list(difficulty.sizes.values())))
        covered = np.exp(rng.uniform(*np.log(COVERAGE)))
        if difficulty.step:
            covered = difficulty.step * size
        fwhm = rng.uniform(*difficulty.fwhm)
        if difficulty.step or fwhm * covered / size < WIDEST_LINE:
            break
    part = grating_dispersion(
        rng.uniform(*difficulty.change) * rng.choice([-1, 1]),
        np.radians(rng.uniform(*CAMERA)),
        rng.normal(0, DISTORTION),
        size,
    )
    return rng.uniform(BLUEST, REDDEST - covered) + covered * part, fwhm


def draw_lines(rng, catalogues, lamp, span, difficulty):
    """Draw the lines that a lamp shows between two wavelengths.

    Returns
    -------
    wavelength, brightness : ndarray
        Air wavelength [Angstrom], electrons in the highest pixel.
    """
    lines = catalogues[lamp]
    ions, number = np.unique(lines.ion, return_inverse=True)
    contrast = rng.uniform(0.7, 1.2)
    logarithm = contrast * np.log(np.maximum(lines.intensity, 0.5))
    logarithm -= np.array([logarithm[number == n].max() for n in range(ions.size)])[number]
    logarithm += rng.normal(0, ION_SCATTER, ions.size)[number]
    logarithm += rng.normal(0, difficulty.scatter, logarithm.size)
    width = (span[1] - span[0]) * rng.uniform(0.4, 2.0)
    logarithm -= ((lines.wavelength - rng.uniform(*span)) / width) ** 2
    shown = (lines.wavelength > span[0]) & (lines.wavelength < span[1])
    shown &= rng.random(shown.size) > difficulty.missing
    if ions.size > 1 and rng.random() < LACKING:
        shown &= number != rng.integers(ions.size)
    wavelength, logarithm = lines.wavelength[shown], logarithm[shown]
    if wavelength.size < FEWEST_LINES:
        return np.empty(0), np.empty(0)
    brightness = 10 ** rng.uniform(*BRIGHTEST) * np.exp(logarithm - logarithm.max())
    unknown = rng.poisson(UNKNOWN * min(wavelength.size, MOST_KNOWN))
    typical = np.log(np.percentile(brightness, 60))
    parts = [
        (wavelength, brightness),
        (rng.uniform(*span, unknown), np.exp(rng.normal(typical, 1.2, unknown))),
    ]
    if rng.random() < IMPURE:
        other = catalogues[str(rng.choice([name for name in catalogues if name != lamp]))]
        inside = (other.wavelength > span[0]) & (other.wavelength < span[1])
        strength = other.intensity[inside] / max(other.intensity[inside].max(initial=0), 1e-9)
        parts.append((other.wavelength[inside], draw_part(rng, brightness, IMPURITY) * strength))
    if rng.random() < SECOND_ORDER:
        inside = (2 * lines.wavelength > max(span[0], 2 * BLUEST)) & (
            2 * lines.wavelength < span[1]
        )
        strength = lines.intensity[inside] / max(lines.intensity[inside].max(initial=0), 1e-9)
        parts.append((2 * lines.wavelength[inside], draw_part(rng, brightness, SECOND) * strength))
    return tuple(np.concatenate(column) for column in zip(*parts))


def draw_part(rng, brightness, decades):
    """Draw the brightness of other lines as a part of the brightest's."""
    return brightness.max() * np.exp(rng.uniform(*np.log(decades)))


def draw_continuum(rng, size, decades=CONTINUUM):
    """Draw a smooth continuum [electron], shape (size,)."""
    phase = 3 * np.linspace(-1, 1, size) + rng.uniform(0, 2 * np.pi)
    return 10 ** rng.uniform(*decades) * (1 + 0.5 * np.sin(phase))


def observe(rng, size, positions, heights, fwhm, continuum):
    """Expose Gaussian lines on a continuum, with saturation, photon noise and read noise.

    Parameters
    ----------
    rng : numpy.random.Generator
    size : int
        Pixels.
    positions, heights : ndarray, shape (lines,)
        [pixel], [electron].
    fwhm : float
        [pixel].
    continuum : ndarray or float
        [electron].

    Returns
    -------
    ndarray, shape (size,)
    """
    pixels, sigma = np.arange(size), fwhm * SIGMA_PER_FWHM
    counts = np.zeros(size)
    for position, height in zip(positions, heights):
        near = slice(max(int(position - 6 * sigma), 0), max(int(position + 6 * sigma) + 2, 0))
        counts[near] += height * np.exp(-0.5 * ((pixels[near] - position) / sigma) ** 2)
    counts = np.minimum(counts, SATURATION) + continuum
    return rng.poisson(counts) + rng.normal(0, READ_NOISE, size)


def simulate_arc(rng, catalogues, difficulty):
    """Simulate an arc of an arbitrary spectrograph and lamp.

    Parameters
    ----------
    rng : numpy.random.Generator
    catalogues : dict of str to lampflux.wavelengths.Lines
        The lines of each lamp.
    difficulty : Difficulty

    Returns
    -------
    Arc
    """
    while True:
        lamp = difficulty.lamp or str(rng.choice(list(catalogues)))
        truth, fwhm = draw_spectrograph(rng, difficulty)
        lines, heights = draw_lines(rng, catalogues, lamp, truth[[0, -1]], difficulty)
        if lines.size:
            break
    if rng.random() < 1 / 3:
        truth = truth[::-1]
    size, pixels = truth.size, np.arange(truth.size)
    order = np.argsort(truth)
    positions = np.interp(lines, truth[order], pixels[order])
    continuum = draw_continuum(rng, size)
    if rng.random() < GHOSTS:
        for _ in range(GHOST_NUMBER):
            wide = fwhm * rng.uniform(*GHOST_WIDTH) * SIGMA_PER_FWHM
            distance = (pixels - rng.uniform(0, size)) / wide
            continuum = continuum + draw_part(rng, heights, GHOST) * np.exp(-0.5 * distance**2)
    counts = observe(rng, size, positions, heights, fwhm, continuum)
    shift = size * rng.uniform(-difficulty.shift, difficulty.shift)
    stretch = rng.uniform(-difficulty.stretch, difficulty.stretch)
    return Arc(lamp, counts, linear_nominal(pixels, truth, size, shift, stretch), pixels, truth)


def wrong_lamp(rng, arc):
    """Name another lamp that shares no ion with the arc."""
    others = [lamp for lamp in LAMPS if not set(LAMPS[lamp]) & set(LAMPS[arc.lamp])]
    return arc._replace(lamp=str(rng.choice(others)))


def far_nominal(rng, arc):
    """Shift the nominal solution from the truth by 60 % of the range."""
    shift = 0.6 * arc.counts.size * rng.choice([-1, 1])
    return arc._replace(
        nominal=linear_nominal(arc.pixel, arc.wavelength, arc.counts.size, shift, 0.0)
    )


def flipped(rng, arc):
    """Flip the spectrum left to right."""
    return arc._replace(counts=arc.counts[::-1].copy())


def noise_only(rng, arc):
    """Replace the spectrum by read noise."""
    return arc._replace(counts=rng.normal(0, READ_NOISE, arc.counts.size))


def continuum_only(rng, arc):
    """Replace the spectrum by that of a continuum lamp, half of them with fringes."""
    size = arc.counts.size
    continuum = draw_continuum(rng, size, (4.0, 6.0))
    if rng.random() < 0.5:
        period = rng.uniform(8, 40) * (1 + 0.2 * np.linspace(-1, 1, size))
        continuum = continuum * (
            1 + rng.uniform(0.01, 0.1) * np.sin(np.cumsum(2 * np.pi / period))
        )
    return arc._replace(counts=rng.poisson(continuum).astype(float))


def random_peaks(rng, arc):
    """Replace the spectrum by lines at random pixels."""
    size, number = arc.counts.size, rng.integers(8, 150)
    heights = np.exp(rng.normal(8, 1.5, number))
    fwhm = rng.uniform(2, 6)
    positions = rng.uniform(0, size, number)
    counts = observe(rng, size, positions, heights, fwhm, draw_continuum(rng, size))
    return arc._replace(counts=counts)


IMPOSTORS = {
    "wrong lamp": wrong_lamp,
    "nominal 60 % off": far_nominal,
    "flipped": flipped,
    "noise": noise_only,
    "continuum, fringes": continuum_only,
    "random peaks": random_peaks,
}
