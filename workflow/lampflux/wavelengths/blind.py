"""Search for wavelengths where nothing is known but the ions and a rough range."""

from typing import NamedTuple

import numpy as np

from lampflux.wavelengths.scale import extended, inverse
from lampflux.wavelengths.search import WIDE, align


class BlindSearch(NamedTuple):
    """Tuned constants of `search_blind`."""

    # Least part of the rough range that a spectrum covers.
    least_coverage: float = 1 / 7
    # Factor between scales that are tried, and distance between ranges of one scale [coverage]:
    # each alignment reaches 10 % and 15 %, so that neighbouring ones overlap.
    scale_step: float = 1.22
    shift_step: float = 0.33
    # Steps of the displacement in a detector, half as many as about a nominal solution, changes
    # of the dispersion from end to end, and the largest departure from these.
    steps: int = 1024
    bends: tuple = (-0.17, 0.0, 0.17)
    change: int = 1
    # The same for a glance at the lines of another ion: factor between scales, distance between
    # ranges, and steps.
    glance_scale_step: float = 1.4
    glance_shift_step: float = 0.5
    glance_steps: int = 512
    # Best alignments of either direction that are refined.
    refined: int = 3
    # Alignments that differ by more than this over half the detector are others [detector].
    other: float = 0.02


BLIND = BlindSearch()
COARSE = WIDE._replace(steps=BLIND.steps, bends=BLIND.bends, change=BLIND.change)
GLANCE = COARSE._replace(steps=BLIND.glance_steps, bends=(0.0,))


def trial_ranges(low, high, scale_step=BLIND.scale_step, shift_step=BLIND.shift_step):
    """First and last wavelengths of the ranges that are tried, all of them rising.

    Parameters
    ----------
    low, high : float
        Rough range, which holds the spectrum [Angstrom].
    scale_step, shift_step : float
        Factor between scales, and distance between ranges of one scale [coverage].

    Yields
    ------
    first, last : float
        [Angstrom]
    """
    whole = high - low
    steps = int(np.ceil(-np.log(BLIND.least_coverage) / np.log(scale_step)))
    for covered in np.geomspace(BLIND.least_coverage * whole, whole, steps + 1):
        number = 1 + int(np.ceil((whole - covered) / (shift_step * covered)))
        for first in np.linspace(low, high - covered, number):
            yield float(first), float(first + covered)


def displaced(peaks, lines, expected, reach):
    """Align a spectrum about expected wavelengths: the score and the displaced wavelengths."""
    size = expected.size
    pixels = np.arange(size)
    best = align(peaks, inverse(expected, lines.wavelength), lines, size, reach, with_lead=False)
    return best.score, extended(expected, pixels + np.interp(pixels, best.knots, best.offsets))


def is_elsewhere(wavelength, other):
    """Whether two solutions differ over at least half the detector."""
    step = np.abs(np.median(np.gradient(wavelength)))
    return np.median(np.abs(wavelength - other)) > BLIND.other * wavelength.size * step


def glance(peaks, lines, size, low, high):
    """Score of the best alignment that a quick search of a rough range finds; see `search_blind`.

    Returns
    -------
    float
    """
    ranges = trial_ranges(low, high, BLIND.glance_scale_step, BLIND.glance_shift_step)
    return max(
        displaced(peaks, lines, np.linspace(*ends, size), GLANCE)[0]
        for first, last in ranges
        for ends in ((first, last), (last, first))
    )


def search_blind(peaks, lines, size, low, high):
    """Find where in a rough range a spectrum lies, and in which direction it runs.

    Overlapping ranges of all scales are aligned coarsely, in both directions, and the best ones
    finely. The wrong direction shows what chance reaches in such a search.

    Parameters
    ----------
    peaks : lampflux.peaks.Peaks
        Without leaning ones.
    lines : Lines
    size : int
        Pixels of the spectrum.
    low, high : float
        Rough range, which holds the spectrum [Angstrom].

    Returns
    -------
    wavelength : ndarray, shape (pixels,)
        The best wavelengths, right to some pixels [Angstrom].
    rival : float
        Log-likelihood of the best alignment elsewhere or in the other direction.
    """
    ways = {}
    for direction in (1, -1):
        coarse = [
            displaced(peaks, lines, np.linspace(first, last, size)[::direction], COARSE)
            for first, last in trial_ranges(low, high)
        ]
        coarse.sort(key=lambda way: -way[0])
        places = []
        for score, wavelength in coarse:
            if all(is_elsewhere(wavelength, other) for _, other in places):
                places.append((score, wavelength))
            if len(places) == BLIND.refined:
                break
        ways[direction] = [displaced(peaks, lines, place, WIDE) for _, place in places]
    every = sorted(ways[1] + ways[-1], key=lambda way: -way[0])
    best = every[0][1]
    elsewhere = [score for score, wavelength in every[1:] if is_elsewhere(best, wavelength)]
    return best, max(elsewhere, default=-np.inf)
