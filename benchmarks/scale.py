"""Measure how Snakemake's own work grows with the number of exposures, on small frames."""

import argparse
import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import yaml
from astropy.io import fits
from matplotlib.figure import Figure

from campaign import MB, markdown, snakemake

PIXELS = 512
# A series of exposures of one lamp in one arm.
SERIES = 50
COLUMNS = (100, 220, 350, 410)
# Colour of each kind of run.
STEPS = {"dry run": "#1b3a5c", "run": "#e08214"}


def make_frames(folder, number):
    """Write small exposures of lamps in series, with four lines each, as a campaign names them."""
    rng = np.random.default_rng(1)
    column = np.arange(PIXELS)
    light = sum(2000 * np.exp(-0.5 * ((column - line) / 1.5) ** 2) for line in COLUMNS)
    slit = np.exp(-0.5 * ((np.arange(16)[:, np.newaxis] - 8) / 2) ** 2)
    for exposure in range(number):
        series, id = divmod(exposure, SERIES)
        frame = rng.normal(500, 3, (16, PIXELS)) + rng.poisson(slit * light)
        name = f"Maker{series:03d}_Ne_Small_10s_{id:02d}"
        path = folder / f"{name.rsplit('_', 2)[0]}_fits" / f"{name}.fits"
        path.parent.mkdir(parents=True, exist_ok=True)
        fits.writeto(path, frame.round().astype("u2"))


def settings(folder):
    """Write the settings of the small spectrograph and its window table; return their path."""
    windows = folder / "resources" / "line_windows" / "Ne_Small.csv"
    windows.parent.mkdir(parents=True)
    rows = [f"{line - 6},{line + 6}" for line in COLUMNS]
    windows.write_text("\n".join(["start,stop", *rows]) + "\n")
    path = folder / "small.yaml"
    arm = {"crval": 6000.0, "crpix": 256, "cdelt": 1.0}
    path.write_text(yaml.safe_dump({"raw_dir": "raw", "fibres": 1, "arms": {"Small": arm}}))
    return path


class Row(NamedTuple):
    """A run: exposures, what was run, wall clock and processor time [s], peak memory [MB]."""

    exposures: int
    step: str
    wall: float
    cpu: float
    job: float
    snakemake: float

    @property
    def cells(self):
        """As text; no memory of jobs where none ran."""
        numbers = f"{self.wall:.1f}", f"{self.cpu:.1f}", f"{self.job:.0f}", f"{self.snakemake:.0f}"
        return [
            f"{self.exposures:,}",
            self.step,
            *(each if each != "0" else "–" for each in numbers),
        ]


def draw(rows, path):
    """Draw time and memory of dry runs and runs against the number of exposures."""
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    figure.suptitle("Cost against number of exposures: small frames, 2 cores", x=0.01, ha="left")
    steps = {step: sorted(row for row in rows if row.step == step) for step in STEPS}
    for step, colour in STEPS.items():
        runs = steps[step]
        numbers = [row.exposures for row in runs]
        left.plot(numbers, [row.wall for row in runs], "o-", color=colour, label=step)
        right.plot(
            numbers,
            [row.snakemake for row in runs],
            "o-",
            color=colour,
            label=f"Snakemake, {step}",
        )
    runs = steps["run"]
    right.plot(
        [row.exposures for row in runs],
        [row.job for row in runs],
        "s--",
        color=STEPS["run"],
        mfc="none",
        label="largest job",
    )
    right.set_ylim(bottom=0)
    left.set_yscale("log")
    left.yaxis.set_major_formatter("{x:g}")
    for axes, label in (left, "Wall clock (s)"), (right, "Peak memory (MB)"):
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.set_xlabel("Exposures")
        axes.set_ylabel(label)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, loc="upper left")
    figure.savefig(path, dpi=110)


def main():
    """Run the benchmark, print its table and draw it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", type=Path, default=Path("results/scale"))
    parser.add_argument(
        "--numbers", type=int, nargs="+", default=[10, 100, 1000, 10000], help="of dry runs"
    )
    parser.add_argument("--run", type=int, nargs="*", default=[], help="reduced for real")
    parser.add_argument("--cores", type=int, default=2)
    args = parser.parse_args()
    runs = [(number, ["--dry-run"]) for number in args.numbers]
    runs += [(number, []) for number in args.run for _ in range(2)]
    rows = []
    for number, arguments in runs:
        folder = args.directory.absolute() / f"{number}"
        if not (folder / "small.yaml").exists():
            shutil.rmtree(folder, ignore_errors=True)
            make_frames(folder / "raw", number)
            settings(folder)
        cost, processes = snakemake(folder, [folder / "small.yaml"], args.cores, *arguments)
        jobs = [process.memory for process in processes if process.script != "snakemake"]
        row = Row(
            number,
            "dry run" if arguments else "run" if jobs else "nothing changed",
            cost.wall,
            cost.cpu,
            max(jobs, default=0) / MB,
            max(each.memory for each in processes if each.script == "snakemake") / MB,
        )
        rows.append(row)
        print(row.cells, flush=True)
    headings = ["exposures", "step", "wall s", "CPU s", "largest job MB", "Snakemake MB"]
    print(markdown(headings, [row.cells for row in rows]))
    draw(rows, args.directory / "scale.png")


if __name__ == "__main__":
    main()
