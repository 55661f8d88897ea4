"""Measure what the reduction of the simulated campaign costs, on full frames."""

import argparse
import csv
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import NamedTuple

import yaml
from astropy.io import fits

PROJECT = Path(__file__).resolve().parent.parent
SETTINGS = PROJECT / "resources" / "simulation" / "campaign.yaml"
# One process with the libraries of a plain script: its processor time is the unit U.
UNIT = [sys.executable, "-c", "import numpy, astropy.io.fits, pandas, matplotlib.pyplot"]
UNITS_BETWEEN_STEPS = 3
MB = 1e6


class Cost(NamedTuple):
    """Wall clock and processor time [s], and peak memory of the largest process [byte]."""

    wall: float
    cpu: float
    memory: float


class Process(NamedTuple):
    """What one Python process took: script, processor time [s] and peak memory [byte]."""

    script: str
    cpu: float
    memory: float


def measured(command, **options):
    """Run a command and measure the cost of it and all processes that it started.

    Parameters
    ----------
    command : list of str
    **options
        As `subprocess.Popen` takes them.

    Returns
    -------
    Cost
    """
    start = time.perf_counter()
    process = subprocess.Popen(command, **options)
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}.")
    return Cost(wall, used.ru_utime + used.ru_stime, 1024 * used.ru_maxrss)


def snakemake(folder, settings, cores, *arguments):
    """Run the workflow with its output in a file; give the total cost and that of each process."""
    command = [sys.executable, "-m", "snakemake", "-s", str(PROJECT / "Snakefile")]
    command += ["--directory", str(folder), "--configfile", *map(str, settings)]
    command += ["--cores", str(cores), *arguments]
    with tempfile.NamedTemporaryFile("r", suffix=".csv") as accounts:
        environment = os.environ | {
            "LAMPFLUX_ACCOUNTS": accounts.name,
            "PYTHONPATH": str(Path(__file__).parent / "accounting"),
        }
        with open(folder / "snakemake.log", "w") as log:
            cost = measured(command, env=environment, stdout=log, stderr=log)
        rows = list(csv.reader(accounts))
    return cost, [
        Process(script_name(script), float(cpu), 1024 * float(memory))
        for script, cpu, memory in rows
    ]


def script_name(path):
    """Name of the script that Snakemake ran from a temporary file."""
    parts = Path(path).name.split(".")
    return parts[-2] if parts[0].startswith("tmp") else "snakemake"


def first_exposures(folder, number):
    """Write settings that reduce only the first exposures of the campaign."""
    simulation = yaml.safe_load(SETTINGS.read_text())["simulation"]
    lines = (PROJECT / simulation["exposures"]).read_text().splitlines()
    table = folder / "exposures.csv"
    table.write_text("\n".join(lines[: number + 1]) + "\n")
    settings = folder / "exposures.yaml"
    settings.write_text(yaml.safe_dump({"simulation": {"exposures": table.name}}))
    return [SETTINGS, settings]


def replace_frame(path):
    """Change one pixel of a frame by 1 ADU."""
    with fits.open(path, mode="update", do_not_scale_image_data=True) as hdus:
        hdus[0].data[0, 0] ^= 1


def edit_windows(path):
    """Remove the last window from a table."""
    path.write_text("\n".join(path.read_text().splitlines()[:-1]) + "\n")


def markdown(headings, rows):
    """Lay out rows of cells as a Markdown table."""
    rule = ["---", *["---:"] * (len(headings) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (headings, rule, *rows))


def options_and_folder(parser):
    """Read the command line, with an option for the working folder, and make the folder."""
    parser.add_argument(
        "--directory",
        type=Path,
        default=PROJECT / "results" / "benchmark",
        help="where to work; frames stay there for the next time (results/benchmark)",
    )
    options = parser.parse_args()
    folder = options.directory.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    return options, folder


def simulate_frames(folder, settings, cores):
    """Simulate the frames, and remove the products of earlier benchmarks."""
    snakemake(folder, settings, cores, "--until", "simulate_exposure", "simulate_dark")
    results = yaml.safe_load(SETTINGS.read_text())["results_dir"]
    shutil.rmtree(folder / results, ignore_errors=True)


def main():
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--exposures", type=int, help="reduce only the first N (all 80)")
    parser.add_argument("--cores", type=int, default=2, help="jobs at a time (2)")
    options, folder = options_and_folder(parser)
    settings = first_exposures(folder, options.exposures) if options.exposures else [SETTINGS]
    frames = folder / yaml.safe_load(SETTINGS.read_text())["raw_dir"]

    def reduce(*arguments):
        return snakemake(folder, settings, options.cores, *arguments)

    tables = folder / "resources" / "line_windows"
    shutil.rmtree(tables, ignore_errors=True)
    shutil.copytree(PROJECT / "resources" / "line_windows", tables)
    simulate_frames(folder, settings, options.cores)

    units, steps, processes = [], {}, {}

    def step(name, *arguments):
        units.extend(measured(UNIT).cpu for _ in range(UNITS_BETWEEN_STEPS))
        steps[name], processes[name] = reduce(*arguments)

    step("dry run, nothing made yet", "--dry-run")
    step("from nothing")
    step("nothing changed")
    frame = min(frames.glob("*/[!D]*.fits"))
    replace_frame(frame)
    step("one frame replaced")
    _, lamp, arm, *_ = frame.stem.split("_")
    edit_windows(tables / f"{lamp}_{arm}.csv")
    step("one window table edited")
    units.extend(measured(UNIT).cpu for _ in range(UNITS_BETWEEN_STEPS))

    unit = median(units)
    exposures = sum(process.script == "spectra" for process in processes["from nothing"])
    print(
        f"{exposures} exposures on {options.cores} cores; U = {unit:.2f} s "
        f"({min(units):.2f} to {max(units):.2f} s, {len(units)} times)\n"
    )
    print(
        markdown(
            ["step", "jobs", "wall s", "CPU s", "CPU U", "largest process MB"],
            [
                [
                    name,
                    str(sum(process.script != "snakemake" for process in processes[name])),
                    f"{cost.wall:.1f}",
                    f"{cost.cpu:.1f}",
                    f"{cost.cpu / unit:.1f}",
                    f"{cost.memory / MB:.0f}",
                ]
                for name, cost in steps.items()
            ],
        )
    )
    total = steps["from nothing"].cpu
    print(f"\nFrom nothing: {total / unit / exposures:.2f} U per exposure. Its processes:\n")
    kinds = defaultdict(list)
    for process in processes["from nothing"]:
        kinds[process.script].append(process)
    print(
        markdown(
            ["script", "processes", "CPU U each", "CPU U per exposure", "peak MB"],
            [
                [
                    script,
                    str(len(members)),
                    f"{median(process.cpu for process in members) / unit:.2f}",
                    f"{sum(process.cpu for process in members) / unit / exposures:.2f}",
                    f"{max(process.memory for process in members) / MB:.0f}",
                ]
                for script, members in sorted(
                    kinds.items(), key=lambda kind: -sum(process.cpu for process in kind[1])
                )
            ],
        )
    )


if __name__ == "__main__":
    main()
