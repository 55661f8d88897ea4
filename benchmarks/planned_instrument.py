"""Compare the plan for another instrument with frames that are simulated with the planned times.

The workflow measures simulated lamps. Exposures with another instrument (other resolution,
throughput, gain, detector) are planned from their lines, simulated from the true lines and reduced
by the workflow. Peaks, signal-to-noise ratios, blends and wavelengths are then compared.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from campaign import PROJECT, markdown

sys.path.insert(0, str(PROJECT / "workflow"))

from lampflux.campaign.planned_instrument import read_planned_instrument
from lampflux.lamps.planner import served
from lampflux.lamps.prediction import (
    centre_error,
    mode_lines,
    plan_mode,
    wavelength_precision,
)
from lampflux.simulation.light import line_positions

SIMULATION = PROJECT / "resources" / "simulation"
# Each mode takes the lamps' true lines in this measured arm.
ARM_OF_MODE = {"Violet": "Blue", "Amber": "Red"}
INSTRUMENT = {
    "name": "Other",
    "modes": {
        "Violet": {"wavelength_from": 3720, "wavelength_to": 5860, "resolving_power": 1900},
        "Amber": {"wavelength_from": 5730, "wavelength_to": 7800, "resolving_power": 3300},
    },
    "pixels_per_element": 3.0,
    "blocked": [],
    "light": {"factor": 0.8, "error": 0.0},
    "brightest_row": 0.5,
    # As many as the extraction sums for a narrow trace.
    "rows": 21,
    "read_noise": 6.0,
    "peak": 50000,
    "shortest_time": 0.05,
    "longest_time": 600,
    "time_step": 0.05,
    "snr": 30,
    "polynomial_order": 3,
    "centre_floor": 0.005,
}
GAIN = 1.25
# Full width at half maximum along the slit that leaves half of the light in the brightest row.
ROW_FWHM = 1.881
ROWS = 48
# Departure from a straight dispersion: quadratic and cubic part of half the range.
CURVE = (-0.03, -0.012)
# A line counts as single if its light is right to this fraction and its centre to this many
# predicted errors.
FLUX_RIGHT, SIGMAS = 0.05, 3.0
# Outliers of a solution are left out beyond this many predicted errors, in this many passes.
CLIP, PASSES = 4.0, 5
# Solutions of fewer lines are not compared.
FEWEST_LINES = 10
# Higher peaks are left to shorter exposures [ADU].
HIGHEST = INSTRUMENT["peak"] / GAIN


def physics():
    """Constants of the simulated instrument, in the form of resources/simulation/physics.yaml."""
    constants = yaml.safe_load((SIMULATION / "physics.yaml").read_text())
    constants |= {
        "detector_rows": ROWS,
        "gain": GAIN,
        "read_noise": INSTRUMENT["read_noise"],
        "full_well": 90000,
        "bias": [300],
        "line_fwhm": INSTRUMENT["pixels_per_element"],
        "wing_fraction": 0.0,
        "bundle_rows": [20, 20],
        "fibre_fwhm": ROW_FWHM,
        "throughput_scatter": 0.0,
        "weak_fibres": [],
        "stray_light": 0.0,
        "slit_rows": [0, ROWS - 1],
        "slit_curvature": 0.0,
    }
    constants["arms"] = {}
    for name, mode in INSTRUMENT["modes"].items():
        low, high = mode["wavelength_from"], mode["wavelength_to"]
        step = low / mode["resolving_power"] / INSTRUMENT["pixels_per_element"]
        half = (high - low) / 2
        constants["arms"][name] = {
            "columns": 2 * round(half / step),
            "dispersion": [(low + high) / 2, half, CURVE[0] * half, CURVE[1] * half],
            "thickness": 16,
        }
    return constants


def run_workflow(folder, *arguments):
    """Run the workflow in a folder."""
    command = [sys.executable, "-m", "snakemake", "-s", str(PROJECT / "Snakefile")]
    command += ["--directory", str(folder), "--cores", "1", *map(str, arguments)]
    with open(folder / "snakemake.log", "w") as log:
        if subprocess.run(command, stdout=log, stderr=log).returncode:
            sys.exit(f"The workflow failed: see {folder / 'snakemake.log'}.")


def plan_lamps(measured, path):
    """Plan every measured lamp in the mode of its arm: rows of brand, lamp, mode, times, lines."""
    lines = pd.read_csv(measured / "results/lamps/all_lines.csv")
    lines = lines[lines["wavelength_from"] == "laboratory"]
    lists = yaml.safe_load((PROJECT / "resources/instruments/hector.yaml").read_text())["lamps"]
    plans = []
    for mode in read_planned_instrument(path)[1]:
        own = lines[lines["arm"] == ARM_OF_MODE[mode.name]]
        for (brand, lamp), part in own.groupby(["brand", "lamp"]):
            listed = pd.concat(
                pd.read_csv(PROJECT / f"resources/line_lists/{ion.replace(' ', '_')}.csv").assign(
                    ion=ion
                )
                for ion in lists[lamp]
            )
            times, planned = plan_mode(mode_lines(part, mode, listed), mode)
            if times:
                plans.append((brand, lamp, mode, times, planned))
    return plans


def write_frames(folder, plans, repeats, seed):
    """Write the settings that simulate and reduce the planned exposures; return their path."""
    (folder / "lines").mkdir(parents=True, exist_ok=True)
    rows = []
    for brand, lamp, mode, times, _ in plans:
        true = pd.read_csv(SIMULATION / f"lines/{brand}_{lamp}_{ARM_OF_MODE[mode.name]}.csv")
        true["flux"] *= mode.light / GAIN
        true.to_csv(folder / f"lines/{brand}_{lamp}_{mode.name}.csv", index=False)
        for time in times:
            rows += [
                (brand, lamp, mode.name, f"{time:g}", f"{number:02d}", "no")
                for number in range(1, repeats + 1)
            ]
    names = ["brand", "lamp", "arm", "exptime", "id", "dark"]
    pd.DataFrame(rows, columns=names).to_csv(folder / "exposures.csv", index=False)
    constants = physics()
    (folder / "physics.yaml").write_text(yaml.safe_dump(constants))
    arms = {
        name: {
            "crval": arm["dispersion"][0],
            "crpix": arm["columns"] / 2 + 1,
            "cdelt": 2 * arm["dispersion"][1] / arm["columns"],
            "gain": GAIN,
            "read_noise": INSTRUMENT["read_noise"],
        }
        for name, arm in constants["arms"].items()
    }
    simulation = {"exposures": "exposures.csv", "lines": "lines", "physics": "physics.yaml"}
    simulation |= {"first_row": 0, "rows": ROWS, "seed": seed}
    path = folder / "settings.yaml"
    path.write_text(yaml.safe_dump({"fibres": 1, "arms": arms, "simulation": simulation}))
    return path


def compare(folder, plans, repeats):
    """Compare every planned line with the frames, and every solution with the truth.

    Returns
    -------
    lines, solutions : DataFrame
    """
    constants, lines, solutions = physics(), [], []
    for brand, lamp, mode, times, planned in plans:
        true = pd.read_csv(folder / f"lines/{brand}_{lamp}_{mode.name}.csv")
        for time in times:
            expected = planned.assign(served=served(planned, time) & planned["unblended"])
            electrons = expected["electrons_per_second"] * time
            read = mode.rows * 2 * mode.pixels * mode.read_noise**2
            expected["peak_planned"] = mode.peak * time / expected["time_peak"] / GAIN
            expected["snr_planned"] = electrons / np.sqrt(electrons + read)
            reads = np.full(len(expected), mode.rows * mode.read_noise**2)
            noise = centre_error(electrons.to_numpy(), reads, mode.pixels)
            expected["error"] = np.hypot(noise, mode.centre_floor)
            used = expected[expected["served"]]
            for number in range(1, repeats + 1):
                name = f"{brand}_{lamp}_{mode.name}_{time:g}s_{number:02d}"
                seen = pd.read_csv(folder / f"results/fluxes/{name}_lines.csv")
                found = expected.merge(
                    seen,
                    how="left",
                    left_on="wavelength",
                    right_on="wavelength_air",
                    suffixes=("", "_seen"),
                )
                if found["flux_seen"].isna().all():
                    # Too few lines for a solution: none is identified.
                    continue
                truth = true.set_index("wavelength_air")["flux"].reindex(found["wavelength"])
                arm = constants["arms"][mode.name]
                place = line_positions(found["wavelength"], arm["dispersion"], arm["columns"])
                found = found.assign(name=name, flux_true=truth.to_numpy())
                lines.append(found.assign(off=found["pixel"] - place))
                peaks = pd.read_csv(folder / f"results/calibrated/{name}_lines.csv")
                if "wavelength_air" not in peaks:
                    continue
                # What the workflow itself takes for outliers fits no solution.
                fitted = used.drop(columns="used").merge(
                    peaks[peaks["used"]], left_on="wavelength", right_on="wavelength_air"
                )
                if len(fitted) >= FEWEST_LINES:
                    solutions.append({"name": name} | precision(fitted, mode, arm))
    return pd.concat(lines, ignore_index=True), pd.DataFrame(solutions)


def precision(lines, mode, arm):
    """Fit the mode's polynomial to the measured centres, and compare it with the truth.

    Parameters
    ----------
    lines : DataFrame
        ``wavelength`` [Angstrom], ``pixel``, as measured, and the predicted ``error`` [pixel].
    mode : lampflux.campaign.planned_instrument.Mode
    arm : dict
        ``dispersion`` and ``columns`` of the simulation.

    Returns
    -------
    dict
        Predicted error of the wavelengths and rms of the solution's between the first line and
        the last [Angstrom].
    """
    dispersion = mode.element / mode.pixels
    for _ in range(PASSES):
        solution = np.polynomial.Polynomial.fit(
            lines["pixel"], lines["wavelength"], mode.order, w=1 / lines["error"]
        )
        off = (solution(lines["pixel"]) - lines["wavelength"]).abs() / dispersion
        lines = lines[off < CLIP * lines["error"]]
    band = lines["wavelength"].min(), lines["wavelength"].max()
    _, predicted = wavelength_precision(
        lines["wavelength"], lines["error"] * dispersion, band, mode.order
    )
    half = arm["columns"] / 2
    pixel = np.arange(lines["pixel"].min(), lines["pixel"].max())
    true = np.polynomial.polynomial.polyval((pixel - half) / half, arm["dispersion"])
    rms = np.sqrt(np.mean((solution(pixel) - true) ** 2))
    return {"lines": len(lines), "predicted": predicted, "rms": rms, "ratio": rms / predicted}


def report(lines, solutions):
    """Tabulate the comparison of the frames with the plan."""
    used = lines[lines["served"]]
    # Lines that the exposure measures well, single or not.
    clear = lines[(lines["snr_planned"] > INSTRUMENT["snr"]) & (lines["peak_planned"] < HIGHEST)]
    single = clear["unblended"].astype(bool)
    light = (clear["flux_seen"] / clear["flux_true"] - 1).abs() < FLUX_RIGHT
    centre = clear["off"].abs() < SIGMAS * clear["error"]
    rows = []
    for name, ratio in (
        ("peak / planned", used["peak"] / used["peak_planned"]),
        ("S/N / planned", used["flux_seen"] / used["flux_err_seen"] / used["snr_planned"]),
        ("light of single lines / true", used["flux_seen"] / used["flux_true"]),
        ("rms of the wavelengths / predicted", solutions["ratio"]),
    ):
        ratio = ratio.dropna()
        low, middle, high = np.percentile(ratio, (16, 50, 84))
        spread = f"{low:.3f} to {high:.3f}"
        rows.append([name, str(len(ratio)), f"{middle:.3f}", spread])
    for name, part in (("single", single), ("blended", ~single)):
        for what, right in (("light", light), ("centre", centre)):
            share = f"{100 * right[part].mean():.0f} %"
            rows.append([f"predicted as {name}: {what} right", str(part.sum()), share, ""])
    together = np.sqrt(np.mean(solutions["ratio"] ** 2))
    rows.append(["all wavelengths, quadratic mean", str(len(solutions)), f"{together:.3f}", ""])
    return markdown(["quantity", "number", "median", "central 68 %"], rows)


def main():
    """Measure, plan, simulate, reduce, compare and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--directory", type=Path, required=True, help="where to work")
    parser.add_argument("--repeats", type=int, default=3, help="frames of each planned time (3)")
    parser.add_argument("--seed", type=int, default=1, help="of the planned frames (1)")
    options = parser.parse_args()
    measured, planned = options.directory / "measured", options.directory / "planned"
    for folder in measured, planned:
        folder.mkdir(parents=True, exist_ok=True)
    path = options.directory / "instrument.yaml"
    path.write_text(yaml.safe_dump(INSTRUMENT))
    run_workflow(measured, "results/lamps/all_lines.csv")
    plans = plan_lamps(measured, path)
    settings = write_frames(planned, plans, options.repeats, options.seed)
    run_workflow(planned, "all", "--configfile", settings)
    lines, solutions = compare(planned, plans, options.repeats)
    lines.to_csv(planned / "lines.csv", index=False)
    solutions.to_csv(planned / "solutions.csv", index=False)
    print(report(lines, solutions))


if __name__ == "__main__":
    main()
