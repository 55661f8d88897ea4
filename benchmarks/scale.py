"""Measure how Snakemake's own work grows with the number of exposures, on small frames."""

import argparse
import shutil
from pathlib import Path

import numpy as np
import yaml
from astropy.io import fits
from matplotlib.figure import Figure

from campaign import MB, markdown, snakemake

PIXELS = 512
# A series of exposures of one lamp in one arm.
SERIES = 50
COLUMNS = (100, 220, 350, 410)


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


def draw(numbers, costs, path):
    """Draw wall clock and memory of the dry run against the number of exposures."""
    figure = Figure(figsize=(8, 4), layout="constrained")
    for axes, values, label in zip(
        figure.subplots(1, 2),
        ([cost.wall for cost in costs], [cost.memory / MB for cost in costs]),
        ("Dry run [s]", "Memory [MB]"),
    ):
        axes.loglog(numbers, values, "o-")
        axes.set_xlabel("Exposures")
        axes.set_ylabel(label)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)


def main():
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", type=Path, default=Path("results/scale"))
    parser.add_argument("--numbers", type=int, nargs="+", default=[10, 100, 1000, 10000])
    parser.add_argument("--run", type=int, default=0, help="exposures to reduce for real")
    parser.add_argument("--cores", type=int, default=2)
    args = parser.parse_args()
    runs = [(number, ["--dry-run"]) for number in args.numbers]
    runs += [(args.run, []), (args.run, [])] if args.run else []
    rows, costs = [], []
    for number, arguments in runs:
        folder = args.directory.absolute() / f"{number}"
        if not (folder / "small.yaml").exists():
            shutil.rmtree(folder, ignore_errors=True)
            make_frames(folder / "raw", number)
            settings(folder)
        cost, processes = snakemake(folder, [folder / "small.yaml"], args.cores, *arguments)
        costs.append(cost)
        jobs = [process for process in processes if process.script != "snakemake"]
        rows.append(
            [
                f"{number}",
                "dry run" if arguments else "run" if jobs else "nothing changed",
                f"{cost.wall:.1f}",
                f"{cost.cpu:.1f}",
                f"{max((job.memory for job in jobs), default=0) / MB:.0f}",
                f"{max(p.memory for p in processes if p.script == 'snakemake') / MB:.0f}",
            ]
        )
        print(rows[-1], flush=True)
    headings = ["exposures", "step", "wall s", "CPU s", "largest job MB", "Snakemake MB"]
    print(markdown(headings, rows))
    draw(args.numbers, costs[: len(args.numbers)], args.directory / "scale.png")


if __name__ == "__main__":
    main()
