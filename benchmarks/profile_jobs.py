"""Profile the jobs of the campaign's first exposures by function, on full frames."""

import argparse
import os
import pstats
import tempfile
from collections import defaultdict
from pathlib import Path

from campaign import (
    PROJECT,
    first_exposures,
    markdown,
    options_and_folder,
    script_name,
    simulate_frames,
    snakemake,
)

PACKAGE = PROJECT / "workflow" / "lampflux"
# Functions below this fraction of a script's time are left out.
LEAST = 0.1


def functions_of(profiles):
    """Add up the profiles of a script's jobs.

    Parameters
    ----------
    profiles : list of Path

    Returns
    -------
    total : float
        Time of one job [s].
    rows : list of (str, float, float, float)
        Function of the package, its calls in one job, and its own and cumulative time [s]; the
        longest first.
    """
    stats = pstats.Stats(*map(str, profiles))
    rows = []
    for (file, _, function), (_, calls, own, whole, _) in stats.stats.items():
        if Path(file).is_relative_to(PACKAGE) and not function.startswith("<"):
            module = ".".join(Path(file).relative_to(PACKAGE).with_suffix("").parts)
            row = calls, own, whole
            rows.append((f"{module}.{function}", *(value / len(profiles) for value in row)))
    return stats.total_tt / len(profiles), sorted(rows, key=lambda row: -row[3])


def main():
    """Run the first exposures under the profiler and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--exposures", type=int, default=8, help="profile the first N (8)")
    options, folder = options_and_folder(parser)
    settings = first_exposures(folder, options.exposures)
    simulate_frames(folder, settings, 1)
    jobs = defaultdict(list)
    with tempfile.TemporaryDirectory() as profiles:
        os.environ["LAMPFLUX_PROFILES"] = profiles
        snakemake(folder, settings, 1)
        for path in Path(profiles).iterdir():
            jobs[script_name(path.stem)].append(path)
        scripts = {name: (len(paths), *functions_of(paths)) for name, paths in jobs.items()}
    rows = []
    for name, (number, total, functions) in sorted(
        scripts.items(), key=lambda script: -script[1][0] * script[1][1]
    ):
        rows.append((f"**{name}**, {number} jobs", "", "", f"{total:.2f}", ""))
        rows += [
            (f"`{function}`", f"{calls:.0f}", f"{own:.2f}", f"{whole:.2f}", f"{whole / total:.0%}")
            for function, calls, own, whole in functions
            if LEAST * total <= whole and function != "jobs.run"
        ]
    headings = "function", "calls", "own s", "with callees s", "of the job"
    print(markdown(headings, rows))


if __name__ == "__main__":
    main()
