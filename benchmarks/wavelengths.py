"""Measure how many arcs are solved, and how many impostors are accepted."""

import argparse
import os
import time
from collections import defaultdict
from multiprocessing import Pool
from pathlib import Path
from typing import NamedTuple

import numpy as np
import yaml
from astropy.io import fits

from arcs import (
    BLUEST,
    IMPOSTORS,
    LAMPS,
    REDDEST,
    Arc,
    Difficulty,
    linear_nominal,
    simulate_arc,
    wrong_lamp,
)
from campaign import markdown
from lampflux.peaks import find_peaks, without_leaning
from lampflux.wavelengths import identify, line_list
from lampflux.wavelengths.scale import nominal_wavelength
from lampflux.wavelengths.verdict import BOUNDS

PROJECT = Path(__file__).resolve().parent.parent
# An accepted solution is right if each trusted pixel deviates by less than this [pixel], and by
# less than this number of its stated errors.
RIGHT = 1.0
ERRORS = 5.0
# Numbers of peaks at which the simulated arcs are split.
FEW, MANY = 15, 40
VARIATIONS = {
    "as above": Difficulty(),
    "FWHM 8 pixels": Difficulty(fwhm=(8.0, 8.0)),
    "HgNeArXe, 4 A/pixel, FWHM 5": Difficulty("HgNeArXe", 4.0, {1024: 1.0}, (5.0, 5.0)),
    "intensity scatter 1.5": Difficulty(scatter=1.5),
    "25 % of lines missing": Difficulty(missing=0.25),
    "no change of dispersion": Difficulty(change=(0.0, 0.0)),
    "dispersion changes by 25 %": Difficulty(change=(0.25, 0.25)),
    "15 % off, scale 10 %": Difficulty(shift=0.15, stretch=0.10),
}
# Columns (from 0) and air wavelengths of unblended Ar I lines in Hector's red arm.
HECTOR_LINES = Path(__file__).resolve().parent.parent / "tests" / "hector_argon.csv"
# Cases in which only the ions and a rough range are known.
BLIND = "blind", "blind, wrong lamp"
HEADINGS = (
    "case",
    "runs",
    "solved",
    "wrongly accepted",
    "rejected",
    "error, median (95 %)",
    "largest, median (95 %)",
    "trusted",
    "CPU s",
)


class Run(NamedTuple):
    """The result of an identification.

    ``error``, ``largest`` [pixel]: median and largest error where the solution is trusted;
    ``pull``: the largest error over the stated one;
    ``trusted``: that part of the detector; ``evidence``, ``margin``: the verdict's; ``reason``:
    why it was refused; ``seconds``: processor time. ``impostor``: should have been refused.
    """

    case: str
    number: int
    lamp: str
    peaks: int
    impostor: bool
    accepted: bool
    error: float
    largest: float
    pull: float
    trusted: float
    evidence: float
    margin: float
    seconds: float
    reason: str

    @property
    def solved(self):
        """Whether the wavelengths are right; an impostor's may be, because of an impurity."""
        return self.accepted and self.largest < RIGHT and self.pull < ERRORS


def catalogues():
    """Read the lines of each lamp."""
    return {lamp: line_list(ions) for lamp, ions in LAMPS.items()}


LINES = catalogues()


def run_of(case, number, arc, impostor=False):
    """Identify an arc's lines and compare with the truth.

    Parameters
    ----------
    case : str
    number : int
    arc : arcs.Arc
    impostor : bool

    Returns
    -------
    Run
    """
    rough = (BLUEST, REDDEST) if case in BLIND else None
    began = time.process_time()
    found = identify(arc.counts, LINES[arc.lamp], arc.nominal, wavelength_range=rough)
    seconds = time.process_time() - began
    error = largest = pull = trusted = np.nan
    solution = found.solution
    if solution is not None:
        pixels = np.arange(arc.counts.size)
        off = np.interp(arc.pixel, pixels, solution.wavelength) - arc.wavelength
        off /= np.interp(arc.pixel, pixels, np.gradient(solution.wavelength))
        inside = (arc.pixel >= solution.first) & (arc.pixel <= solution.last)
        if inside.any():
            off = np.abs(off[inside])
            error, largest = np.median(off), off.max()
            step = np.interp(arc.pixel[inside], pixels, np.abs(np.gradient(found.wavelength)))
            pull = (off * step / np.interp(arc.pixel[inside], pixels, found.error)).max()
        trusted = (solution.last + 1 - solution.first) / pixels.size
    return Run(
        case,
        number,
        arc.lamp,
        without_leaning(found.peaks).pixel.size,
        impostor,
        found.verdict.accepted,
        error,
        largest,
        pull,
        trusted,
        found.verdict.evidence,
        found.verdict.margin,
        seconds,
        found.verdict.reason,
    )


def simulated(task):
    """Simulate and identify an arc: ``task`` is case, seed, number and difficulty."""
    case, seed, number, difficulty = task
    rng = np.random.default_rng([seed, number])
    arc = simulate_arc(rng, LINES, difficulty)
    if case == BLIND[1]:
        return run_of(case, number, wrong_lamp(rng, arc), impostor=True)
    if case in IMPOSTORS:
        return run_of(case, number, IMPOSTORS[case](rng, arc), impostor=True)
    return run_of(case, number, arc)


def real_arcs(data):
    """Give the real arcs of a folder: name of the case and `Arc`.

    Parameters
    ----------
    data : pathlib.Path
        Holds ``hector`` and ``sprat``.
    """
    with open(PROJECT / "resources/instruments/hector.yaml", encoding="utf-8") as file:
        documented = yaml.safe_load(file)["arms"]["Red"]
    with open(PROJECT / "resources/solutions/published_red.yaml", encoding="utf-8") as file:
        published = yaml.safe_load(file)["arms"]["Red"]
    counts = fits.getdata(data / "hector/Photron_ThAr_Red_60s_02_1dspec.fits").astype(float)
    known = np.loadtxt(HECTOR_LINES, delimiter=",", skiprows=1).T
    for name, solution in ("documented", documented), ("published", published):
        linear = {key: solution[key] for key in ("crval", "crpix", "cdelt")}
        nominal = nominal_wavelength(np.arange(counts.size), **linear)
        yield f"Hector ThAr, {name} nominal", Arc("ThAr", counts, nominal, *known)
    frame = fits.getdata(data / "sprat/v_a_20190516_57_1_0_1.fits").astype(float)
    counts = (frame - np.median(frame))[40:251].sum(axis=0)
    clicked, wavelength = np.loadtxt(data / "sprat/pixel_wavelength_pairs.txt", delimiter=",").T
    # The pairs' columns are whole numbers, clicked by eye: take the peaks that were meant, no
    # pair whose click is further than half a line width from any, and none of a peak that is
    # wider than a line, whose centroid is not that of the line that was named.
    peaks = without_leaning(find_peaks(counts))
    nearest = np.argmin(np.abs(peaks.pixel - clicked[:, np.newaxis]), axis=1)
    meant = np.abs(peaks.pixel[nearest] - clicked) < peaks.fwhm / 2
    meant &= ~peaks.flat[nearest]
    known = peaks.pixel[nearest[meant]], wavelength[meant]
    for shift in (-40, 40):
        for stretch in (-0.01, 0.01):
            nominal = linear_nominal(*known, counts.size, shift, stretch)
            name = f"SPRAT Xe, {shift:+} pixels, {100 * stretch:+.0f} %"
            yield name, Arc("Xe", counts, nominal, *known)


def summary(name, runs):
    """One row of the table: the texts of its cells, see `HEADINGS`."""
    solved = [run for run in runs if run.solved]
    wrong = [run for run in runs if run.accepted and not run.solved]

    def quantiles(attribute):
        if not solved:
            return "–"
        values = [getattr(run, attribute) for run in solved]
        return f"{np.median(values):.2f} ({np.percentile(values, 95):.2f})"

    return (
        name,
        str(len(runs)),
        str(len(solved)),
        str(len(wrong)),
        str(sum(not run.accepted for run in runs)),
        quantiles("error"),
        quantiles("largest"),
        f"{100 * np.median([run.trusted for run in solved]):.0f} %" if solved else "–",
        f"{np.mean([run.seconds for run in runs]):.2f}",
    )


def rows_of(runs):
    """Rows of the table: a row for each case, and the simulated arcs also by number of peaks."""
    cases = defaultdict(list)
    for run in runs:
        cases[run.case].append(run)
    for case, members in cases.items():
        yield summary(case, members)
        if case in ("simulated", "blind"):
            for label, low, high in (
                (f"below {FEW} peaks", 0, FEW),
                (f"{FEW} to {MANY} peaks", FEW, MANY + 1),
                (f"above {MANY} peaks", MANY + 1, np.inf),
            ):
                part = [run for run in members if low <= run.peaks < high]
                if part:
                    yield summary(f"– {label}", part)


def main():
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arcs", type=int, default=300, help="simulated arcs (300)")
    parser.add_argument("--impostors", type=int, default=150, help="runs of each impostor (150)")
    parser.add_argument("--blind", type=int, default=0, help="arcs without a nominal solution (0)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the simulation (1)")
    parser.add_argument("--cores", type=int, default=os.cpu_count(), help="processes (all cores)")
    parser.add_argument("--variations", action="store_true", help="harder arcs, not the usual")
    parser.add_argument("--failures", action="store_true", help="list what was not solved")
    options = parser.parse_args()

    runs = []
    if options.variations:
        tasks = [
            (case, options.seed, number, difficulty)
            for case, difficulty in VARIATIONS.items()
            for number in range(options.arcs)
        ]
    else:
        tasks = [("simulated", options.seed, n, Difficulty()) for n in range(options.arcs)]
        tasks += [
            (case, options.seed, number, Difficulty())
            for case in IMPOSTORS
            for number in range(options.impostors)
        ]
        tasks += [
            (case, options.seed, number, Difficulty())
            for case in BLIND
            for number in range(options.blind)
        ]
        if data := os.environ.get("LAMPFLUX_DATA"):
            runs += [run_of(case, 0, arc) for case, arc in real_arcs(Path(data))]
        else:
            print("LAMPFLUX_DATA does not name the folder of real arcs: simulated ones only.\n")
    with Pool(options.cores) as pool:
        runs += pool.imap(simulated, tasks, chunksize=4)
    print(markdown(HEADINGS, rows_of(runs)))
    # An impostor may be right, by lines of the wrong lamp as an impurity.
    impostors = [run for run in runs if run.impostor and not run.solved]
    if impostors:
        nearest = max(impostors, key=lambda run: run.evidence + run.margin)
        print(
            f"\nThe nearest impostor but these has an evidence of {nearest.evidence:.1f} and a "
            f"lead of {nearest.margin:.1f}; {BOUNDS.least_evidence:g}, {BOUNDS.least_margin:g} "
            f"and a sum of {BOUNDS.least_sum:g} are needed."
        )
    if options.failures:
        print()
        for run in runs:
            if run.accepted == run.impostor or (run.accepted and not run.solved):
                print(*(f"{value:.3g}" if isinstance(value, float) else value for value in run))


if __name__ == "__main__":
    main()
