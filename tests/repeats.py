"""Simulate repeats of an exposure, apart from anything the project simulates."""

import numpy as np

from fibres import fibre_places, random_lines, shares, slit_light
from lampflux.extraction.repeats import compare_pair

COLUMNS = 1024
HALVES = [(0, COLUMNS // 2 - 1), (COLUMNS // 2, COLUMNS - 1)]


def exposures(
    seed, number=2, fibres=13, gain=1.9, read_noise=4.0, shift=0.0, drift=0.0, lean=0.0, level=0.0
):
    """Repeats of a lamp that drifts and moves: raw counts with bias, cosmic rays and a pattern.

    ``gain`` may be one for each pixel; lines ``lean`` by so many columns over the rows, and
    the light between them rises from nothing to a ``level`` [ADU].
    """
    rng = np.random.default_rng(seed)
    height = round(5.4 * fibres + 60)
    share = shares(height, fibre_places(25, fibres), rng.uniform(0.8, 1.2, fibres))
    centres, fluxes = random_lines(COLUMNS, 16, rng, 200 * fibres, 1e5 * fibres)
    pattern = rng.normal(1, 0.01, (height, COLUMNS))
    leaning = lean * np.linspace(-0.5, 0.5, height)
    between = np.linspace(0, level, COLUMNS)
    frames = []
    for repeat in range(number):
        light = (
            slit_light(COLUMNS, share, centres + shift * repeat, fluxes, 2.3, leaning) + between
        )
        electrons = rng.poisson(light * (1 + drift * repeat) * pattern * gain)
        electrons = electrons + rng.normal(0, read_noise, light.shape)
        places = rng.integers(0, height, 20), rng.integers(0, COLUMNS, 20)
        electrons[places] += rng.exponential(2000, 20)
        counts = np.rint(500 + electrons / gain).clip(0, 65535)
        frames.append(counts.astype("u2"))
    return frames


def pairs_of(frames):
    """Compare each two frames that follow each other."""
    pairs = zip(frames[::2], frames[1::2], strict=True)
    return [compare_pair(*pair, 65535, HALVES) for pair in pairs]
