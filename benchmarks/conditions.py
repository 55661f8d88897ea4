"""Measure the accuracy of line fluxes and their errors on hard simulated frames.

Each condition changes one property of a spectrograph with one lit bundle of fibres. Frames are
simulated, extracted and measured as in the workflow, with windows around the true lines, and net
fluxes are compared with the simulated light. To add a condition, add a line to ``CONDITIONS``.
"""

import argparse
import os
from collections.abc import Mapping, Sequence
from multiprocessing import Pool
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import yaml

from campaign import markdown
from lampflux.extraction.bias import measure_bias
from lampflux.extraction.spectrum import Extraction, extract
from lampflux.fluxes.measure import measure
from lampflux.simulation.exposure import simulate
from lampflux.simulation.light import STEPS_PER_PIXEL, light_profile

PHYSICS = Path(__file__).resolve().parent.parent / "resources" / "simulation" / "physics.yaml"
EXPTIME = 600.0
# Rows from one fibre to the next.
PITCH = 5.4
# Half width of a window [line widths].
WINDOW = 4.0
# Lines are compared with the truth above this signal-to-noise ratio.
CLEAR = 20.0
# Unflagged fluxes that deviate by more than this many errors are counted.
OUTLIER = 5.0
# Draws of noise to find the smallest possible differences.
DRAWS = 400


class Condition(NamedTuple):
    """A spectrograph and its lamp.

    ``physics``: changes of ``resources/simulation/physics.yaml``; ``fibres`` that are lit, or the
    rows that a long ``slit`` lights; ``rows`` and ``columns`` of the detector; ``lines`` of the
    lamp, whose brightest pixels hold ``peaks`` [ADU], evenly in the logarithm; cosmic ``rays`` in
    a frame; whether there is a ``dark``; rows to ``extract``.
    """

    physics: Mapping = MappingProxyType({})
    fibres: int = 20
    slit: int = 0
    rows: int = 200
    columns: int = 1024
    lines: int = 16
    peaks: tuple[float, float] = (20, 20_000)
    rays: float = 40
    dark: bool = False
    extract: str | Sequence[int] = "lit"


STEEP = {"trace_rise": 100}
CONDITIONS = {
    "20 fibres, dark": Condition(dark=True),
    "20 fibres": Condition(),
    "one fibre": Condition(fibres=1, rows=60, rays=12),
    "3 fibres": Condition(fibres=3, rows=80, rays=16),
    "13 fibres": Condition(fibres=13, rows=120, rays=24),
    "600 fibres": Condition(fibres=600, rows=3400, columns=512, lines=10, rays=300),
    "slit of 100 rows": Condition(slit=100),
    "slit over all rows": Condition(slit=220),
    "slit over all rows, dark": Condition(slit=220, dark=True),
    "slit rises by its height": Condition(STEEP, slit=100, rows=300),
    "slit rises by half more": Condition({"trace_rise": 150}, slit=100, rows=320),
    "the same, range of rows": Condition(
        {"trace_rise": 150}, slit=100, rows=320, extract=(10, 310)
    ),
    "30 fibres rise by 60": Condition({"trace_rise": 60}, fibres=30, rows=300),
    "20 fibres rise by 250": Condition({"trace_rise": 250}, rows=480),
    "lines tilt by 20": Condition({"slit_tilt": 40}, slit=100, lines=12),
    "lines tilt by 80": Condition({"slit_tilt": 140}, slit=150, rows=260, columns=2048),
    "lines curve by 15": Condition({"slit_curvature": 26}, slit=150, lines=12),
    "tilt and rise": Condition(STEEP | {"slit_tilt": 60}, slit=110, rows=300, lines=12),
    "flat continuum": Condition({"continuum": 4.0}),
    "curved continuum": Condition({"continuum": 4.0, "continuum_bend": 0.8}),
    "rippled continuum": Condition({"continuum": 4.0, "continuum_ripple": 0.1}),
    "continuum on a slit": Condition({"continuum": 4.0, "continuum_bend": 0.4}, slit=100),
    "5 % scattered light": Condition({"scattered_light": 0.05}),
    "20 % scattered light, slit": Condition({"scattered_light": 0.2}, slit=100),
    "wild pixels": Condition({"wild_pixels": 2e-5, "bits": 32}),
    "hot pixels": Condition({"hot_pixels": 1e-3, "hot_current": 3.0}),
    "hot pixels, dark": Condition({"hot_pixels": 1e-3, "hot_current": 3.0}, dark=True),
    "dead pixels": Condition({"dead_pixels": 1e-3}),
    "dead columns": Condition({"dead_columns": 3}),
    "hot columns": Condition({"hot_columns": 3, "hot_current": 1.0}),
    "four amplifiers": Condition({"bias": [[500, 530], [480, 515]]}),
    "four amplifiers, dark": Condition({"bias": [[500, 530], [480, 515]]}, dark=True),
    "5 ADU of row noise": Condition({"bias_scatter": 5.0}),
    "20 electrons/ADU": Condition({"gain": 20.0, "read_noise": 10.0}),
    "0.2 electrons/ADU": Condition({"gain": 0.2}),
    "faint": Condition(peaks=(5, 60)),
    "faint, 300 rays": Condition(fibres=35, rows=600, peaks=(5, 60), rays=300),
}
HEADINGS = (
    "condition",
    "lines",
    "median",
    "of noise alone",
    "95 %",
    "of noise alone",
    "pulls, mean",
    "sd",
    "largest",
    "beyond 5, not flagged",
    "false `cosmic`",
    "without errors",
    "gain",
)


class Lines(NamedTuple):
    """Clear lines of one frame.

    Of shape (lines,): relative difference ``off`` of the net flux from the truth, ``pull``, its
    difference over its error; relative ``noise``, 1 sigma of photons and read noise alone;
    whether they are ``flagged``; ``false`` flags of a frame without cosmic rays; ``gain`` measured
    over the true one, NaN for none.
    """

    off: np.ndarray
    pull: np.ndarray
    noise: np.ndarray
    flagged: np.ndarray
    false: np.ndarray
    gain: float


def spectrograph(condition):
    """Constants of the spectrograph of a condition, with wavelengths in columns."""
    constants = yaml.safe_load(PHYSICS.read_text())
    constants |= constants.pop("arms")["Red"]
    rows, columns = condition.rows, condition.columns
    lit = condition.slit or PITCH * condition.fibres
    first = (rows - lit) / 2
    area = rows * columns * (constants["pixel_size"] * 1e-4) ** 2
    return constants | {
        "detector_rows": rows,
        "columns": columns,
        "dispersion": [columns / 2, columns / 2],
        "bundle_rows": [first, first + lit - 1],
        "slit_rows": [0, rows - 1],
        "slit_curvature": 0.0,
        "stray_light": 0.0,
        "bias_scatter": 0.0,
        "muon_rate": condition.rays / 2 / area / EXPTIME,
        "compton_rate": condition.rays / 2 / area / EXPTIME,
        **condition.physics,
    }


def draw_lines(condition, physics, rng):
    """Draw lines that are well separated."""
    margin = 60
    step = (condition.columns - 2 * margin) / condition.lines
    places = margin + step * (
        np.arange(condition.lines) + 0.5 + rng.uniform(-0.25, 0.25, condition.lines)
    )
    peaks = 10 ** rng.uniform(*np.log10(condition.peaks), condition.lines)
    # A pixel's part of the light of all fibres: a Gaussian of either width.
    fibre, line = (0.94 / physics[name] for name in ("fibre_fwhm", "line_fwhm"))
    if condition.slit:
        fibre = fibres_of(condition) / condition.slit
    fluxes = peaks / fibre / line / EXPTIME
    return [
        {"ion": "Ar I", "wavelength_air": float(place), "flux": float(flux)}
        for place, flux in zip(places, fluxes)
    ]


def fibres_of(condition):
    """Fibres that are lit: four in each row of a long slit."""
    return 4 * condition.slit or condition.fibres


def measured(condition, name, seed, lines, physics):
    """Simulate, extract and measure a frame.

    Returns
    -------
    truth : list of dict
        True lines.
    spectrum : lampflux.extraction.spectrum.Extraction
    fluxes : list of lampflux.fluxes.measure.LineFlux
    """
    fibres = fibres_of(condition)
    settings = {"seed": seed, "fibres": fibres, "first_row": 0, "rows": condition.rows}
    frame, truth, _ = simulate(name, "Red", EXPTIME, lines, 1.0, settings, physics)
    if condition.dark:
        background, *_ = simulate(f"Dark of {name}", "Red", EXPTIME, [], 0, settings, physics)
    else:
        bias = {"method": "amplifiers", "amplifiers": None, "range": None}
        background, *_ = measure_bias(frame, bias, name, "Red")
    saturation = 2 ** physics.get("bits", 16) - 1
    spectrum = extract(frame, background, rows=condition.extract, saturation=saturation)
    return truth, spectrum, fluxes_of(spectrum, truth, physics, fibres)


def window_of(line, physics, columns):
    """First and last pixel of the window about a line."""
    half = WINDOW * physics["line_fwhm"]
    first, last = round(line["pixel"] - half), round(line["pixel"] + half)
    return max(first, 0), min(last, columns - 1)


def part_in_window(line, physics):
    """Fraction of a line's light in its window."""
    first, last = window_of(line, physics, physics["columns"])
    light = light_profile([line["pixel"]], [1.0], physics)
    return light[first * STEPS_PER_PIXEL : (last + 1) * STEPS_PER_PIXEL].sum()


def fluxes_of(spectrum: Extraction, truth, physics, fibres):
    """Measure the lines in windows around their true places."""
    windows = [window_of(line, physics, spectrum.counts.size) for line in truth]
    clean = spectrum.clean
    names = "summed", "saturated", "replaced", "missing", "peak"
    return measure(
        clean["counts"],
        windows,
        clean["uncertainty"],
        exposure_time=EXPTIME,
        fibres=fibres,
        **{name: clean[name] for name in names},
    )


def run(case):
    """Simulate a frame of a condition with a seed, and the same without cosmic rays."""
    name, seed = case
    condition = CONDITIONS[name]
    physics = spectrograph(condition)
    lines = draw_lines(condition, physics, np.random.default_rng([seed, len(name)]))
    truth, spectrum, fluxes = measured(condition, name, seed, lines, physics)
    per_flux = EXPTIME * fibres_of(condition)
    held = np.array([part_in_window(line, physics) for line in truth])
    true = held * np.array([line["injected"] for line in truth]) / per_flux
    pixels = spectrum.rows.size * 2 * WINDOW * physics["line_fwhm"]
    noise = (1 + condition.dark) * ((physics["read_noise"] / physics["gain"]) ** 2 + 1 / 12)
    level = physics.get("continuum", 0.0) * per_flux * 2 * WINDOW * physics["line_fwhm"]
    error = np.sqrt((true * per_flux + level) / physics["gain"] + pixels * noise) / per_flux
    clear = (true > CLEAR * error) & ~np.array([line["saturated"] for line in truth])
    net, net_error = (
        np.array([getattr(flux, each) for flux in fluxes]) for each in ("net_flux", "net_flux_err")
    )
    no_rays = physics | {"muon_rate": 0, "compton_rate": 0}
    flagged = np.array([bool(flux.flags) for flux in fluxes])
    truth, _, without = measured(condition, f"{name}, no rays", seed, lines, no_rays)
    # An isolated saturated pixel is correctly replaced.
    clipped = np.array([line["saturated"] for line in truth])
    false = np.array(["cosmic" in flux.flags for flux in without])[~clipped]
    found = spectrum.detector.gain
    return Lines(
        (net / true - 1)[clear],
        ((net - true) / net_error)[clear],
        (error / true)[clear],
        flagged[clear],
        false,
        found / physics["gain"] if found else np.nan,
    )


def least_off(noise, percent):
    """Simulate a percentile of the relative differences from noise alone.

    Parameters
    ----------
    noise : ndarray, shape (lines,)
        Relative 1-sigma noise of each line.
    percent : float
    """
    drawn = np.random.default_rng(1).standard_normal((DRAWS, noise.size)) * noise
    return np.median(np.percentile(np.abs(drawn), percent, axis=1))


def row_of(name, frames):
    """Summarise the frames of a condition as a row of the table."""
    off, pull, noise, flagged, false = (
        np.concatenate([getattr(lines, each) for lines in frames])
        for each in ("off", "pull", "noise", "flagged", "false")
    )
    known = pull[np.isfinite(pull)]
    gains = np.array([lines.gain for lines in frames])
    gains = gains[np.isfinite(gains)]
    bare = sum(bool(np.isnan(lines.pull).any()) for lines in frames)
    # Pixels with defects are correctly replaced.
    defects = any(key.endswith("_pixels") for key in CONDITIONS[name].physics)
    if not off.size:
        return (name, 0, *["–"] * (len(HEADINGS) - 2))
    return (
        name,
        off.size,
        *(
            f"{100 * part:.2f} %"
            for percent in (50, 95)
            for part in (np.percentile(np.abs(off), percent), least_off(noise, percent))
        ),
        f"{known.mean():.2f}" if known.size else "–",
        f"{known.std():.2f}" if known.size else "–",
        f"{known[np.argmax(np.abs(known))]:.1f}" if known.size else "–",
        int(np.sum(np.abs(pull[~flagged]) > OUTLIER)),
        "–" if defects else f"{100 * false.mean():.1f} %",
        f"{bare} of {len(frames)}",
        f"{gains.min():.2f} to {gains.max():.2f} ({gains.size})" if gains.size else "none",
    )


def results_by_condition(run, headings, description):
    """Run all conditions, or those that the command line names.

    Parameters
    ----------
    run : callable
        Takes the name of a condition and a seed.
    headings : sequence of str
        Of the table, which is begun.
    description : str
        Of the benchmark.

    Yields
    ------
    name : str
    results : list
        What ``run`` returns for each seed.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("conditions", nargs="*", help="those whose names hold one of these")
    parser.add_argument("--frames", type=int, default=6, help="of each condition")
    parser.add_argument("--seed", type=int, default=1, help="of the first frame")
    parser.add_argument("--cores", type=int, default=os.cpu_count())
    options = parser.parse_args()
    wanted = options.conditions or [""]
    names = [name for name in CONDITIONS if any(part in name for part in wanted)]
    print(markdown(headings, []))
    seeds = range(options.seed, options.seed + options.frames)
    with Pool(options.cores) as pool:
        found = pool.imap(run, [(name, seed) for name in names for seed in seeds])
        for name in names:
            yield name, [next(found) for _ in seeds]


def main():
    """Print a table of all conditions, or of those named."""
    for name, frames in results_by_condition(run, HEADINGS, __doc__.splitlines()[0]):
        print(f"| {' | '.join(map(str, row_of(name, frames)))} |", flush=True)


if __name__ == "__main__":
    main()
