"""Measure the accuracy of gain and read noise from simulated exposures.

Conditions are those of ``conditions.py``. Each second exposure of a pair is 3 % brighter, and its
lines are shifted by 0.3 pixel. Gains of single exposures, of one pair and of five pairs are
compared with the simulated one.
"""

import numpy as np

from conditions import (
    CONDITIONS,
    EXPTIME,
    draw_lines,
    fibres_of,
    results_by_condition,
    spectrograph,
)
from lampflux.extraction.arm_gain import gain_of_pairs
from lampflux.extraction.bias import measure_bias
from lampflux.extraction.repeats import compare_pair
from lampflux.extraction.spectrum import extract
from lampflux.simulation.exposure import simulate

DRIFT, SHIFT = 0.03, 0.3
PAIRS = 5
BIAS = {"method": "amplifiers", "amplifiers": None, "range": None}
HEADINGS = (
    "condition",
    "single exposures",
    "one pair",
    f"{PAIRS} pairs",
    f"read noise, {PAIRS} pairs",
)


def exposure(condition, name, seed, number, physics):
    """Simulate one of several exposures of a lamp."""
    lines = draw_lines(condition, physics, np.random.default_rng([seed, len(name)]))
    odd = number % 2
    moved = [line | {"wavelength_air": line["wavelength_air"] + SHIFT * odd} for line in lines]
    settings = {
        "seed": seed,
        "fibres": fibres_of(condition),
        "first_row": 0,
        "rows": condition.rows,
    }
    frame, *_ = simulate(
        f"{name} {number}", "Red", EXPTIME, moved, 1 + DRIFT * odd, settings, physics
    )
    return frame


def run(case):
    """Measure gains of one exposure, one pair and several, and read noise, over the true ones."""
    name, seed = case
    condition = CONDITIONS[name]
    physics = spectrograph(condition)
    frames = [exposure(condition, name, seed, number, physics) for number in range(2 * PAIRS)]
    limit = 2 ** physics.get("bits", 16) - 1
    background, *_ = measure_bias(frames[0], BIAS, name, "Red")
    single = extract(frames[0], background, rows=condition.extract, saturation=limit)
    half = condition.columns // 2
    amplifiers = [(0, half - 1), (half, condition.columns - 1)]
    pairs = [compare_pair(*pair, limit, amplifiers) for pair in zip(frames[::2], frames[1::2])]
    one, several = (gain_of_pairs(some, range(4)) for some in (pairs[:1], pairs))
    gains = single.detector.gain, one.gain, several.gain
    noise = several.noise * physics["gain"] / physics["read_noise"] if several.noise else np.nan
    return [gain / physics["gain"] if gain else np.nan for gain in gains] + [noise]


def main():
    """Print a table of all conditions, or of those named."""
    for name, lamps in results_by_condition(run, HEADINGS, __doc__.splitlines()[0]):
        known = [column[np.isfinite(column)] for column in np.array(lamps).T]
        cells = [
            f"{each.min():.2f} to {each.max():.2f} ({each.size})" if each.size else "none"
            for each in known
        ]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
