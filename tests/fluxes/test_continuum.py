"""The continuum beneath lines that are too dense to show it."""

import numpy as np

from arcs import gaussian_lines
from lampflux.fluxes.laboratory import LaboratoryLine
from lampflux.fluxes.measure import measure

SIZE, FWHM = 600, 3.0
BRIGHT = np.arange(60.0, 550.0, 120.0)


def forest(seed):
    """Net fluxes and errors of bright lines in a forest, with and without a line list; truth."""
    rng = np.random.default_rng([37, seed])
    places = np.append(
        rng.uniform(0, SIZE, SIZE // 2), BRIGHT + rng.uniform(-0.5, 0.5, BRIGHT.size)
    )
    heights = np.append(rng.lognormal(4.5, 1.2, SIZE // 2), np.full(BRIGHT.size, 1e4))
    light = gaussian_lines(SIZE, places, heights, FWHM)
    uncertainty = np.sqrt(light + 25.0**2)
    counts = 40 + light + rng.normal(0, uncertainty)
    windows = [(int(place) - 8, int(place) + 8) for place in BRIGHT]
    laboratory = [
        LaboratoryLine(place, "Th I", 5000 + place, height)
        for place, height in zip(places, heights)
    ]
    truth = np.array([light[start : stop + 1].sum() for start, stop in windows])
    found = [measure(counts, windows, uncertainty, laboratory=each) for each in ((), laboratory)]
    measured = [[(line.net_flux, line.net_flux_err) for line in lines] for lines in found]
    return np.moveaxis(np.array(measured), -1, 1), truth


def test_listed_lines_keep_a_forest_from_being_taken_for_continuum():
    off, pull = [], []
    for seed in range(4):
        measured, truth = forest(seed)
        off.append(measured[:, 0] / truth - 1)
        pull.append((measured[1, 0] - truth) / measured[1, 1])
    assert np.abs(pull).max() < 4
    without, listed = np.abs(np.median(np.concatenate(off, axis=-1), axis=-1))
    assert listed < 0.7 * without
