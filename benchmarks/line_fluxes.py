"""Measure the accuracy of line fluxes on synthetic spectra, condition by condition."""

import argparse
import os
import time
import zlib
from multiprocessing import Pool
from typing import NamedTuple

import numpy as np

import voigt_spectra
from campaign import markdown
from lampflux.fluxes.laboratory import LaboratoryLine
from lampflux.fluxes.measure import measure
from line_spectra import CASES, Truth, lay_windows

# Lines with a lower signal-to-noise ratio do not count.
CLEAR = 20.0
# Conditions for which the lines of the laboratory are given.
KNOWN = {"pairs", "crowded", "low resolution"}
# A blend shifts the fit by at least this many errors; a pull is bad beyond this many.
SHIFTED, BAD = 3.0, 4.0
HEADINGS = (
    "condition",
    "lines",
    "net: median, 95 %",
    "fit: median, 95 %",
    "95 % of unflagged fits",
    "net pulls: sd, beyond 4",
    "unflagged fit pulls: sd, beyond 4",
    "recommended, unflagged: beyond 4",
    "shifted blends flagged",
    "single lines flagged",
    "CPU s",
)


class Line(NamedTuple):
    """A measured line: relative errors, pulls and flags.

    ``net`` and ``fit``, relative errors of both fluxes, and their pulls; ``best_pull``, that of
    the recommended one; whether it is ``flagged`` as a blend or misfit and ``single`` in truth;
    and the processor time ``seconds`` for its spectrum over the lines of that.
    """

    net: float
    fit: float
    net_pull: float
    fit_pull: float
    best_pull: float
    flagged: bool
    single: bool
    seconds: float


def first_truth(name, rng):
    """Draw a spectrum and line list from the tests' generator."""
    truth = CASES[name](rng)
    if name not in KNOWN:
        return truth, {}
    intensity = truth.fluxes * 10 ** rng.normal(0, 0.3, truth.fluxes.size)
    laboratory = [
        LaboratoryLine(float(pixel) + 0.03, "Ar I", 5000.0 + float(pixel), float(each))
        for pixel, each in zip(truth.centres, intensity)
    ]
    return truth, {
        "laboratory": laboratory,
        "expected": list(truth.centres[truth.main] + 0.03),
    }


def second_truth(name, rng):
    """Draw a spectrum and line list from the second generator."""
    counts, uncertainty, light, centres, fluxes, fwhm, listed = voigt_spectra.expose(
        rng, voigt_spectra.CASES[name]
    )
    windows = lay_windows(centres, fluxes, fwhm, counts.size)
    main, single = [], []
    places = np.array(listed)[:, 0]
    for start, stop in windows:
        inside = np.flatnonzero((centres >= start - 0.5) & (centres <= stop + 0.5))
        number = inside[np.argmax(fluxes[inside])]
        near = np.abs(centres - centres[number]) < 4 * fwhm[number]
        near |= (centres >= start - 0.5) & (centres <= stop + 0.5)
        # A listed line that does not shine may be a neighbour, too.
        beside = np.abs(places - centres[number]) < 2 * fwhm[number]
        main.append(number)
        single.append(near.sum() == 1 and beside.sum() == 1)
    truth = Truth(
        counts,
        uncertainty,
        windows,
        light,
        centres,
        fluxes,
        np.array(main),
        np.array(single),
        float(np.median(fwhm)),
    )
    laboratory = [
        LaboratoryLine(float(pixel), "Ar I", 5000.0 + float(pixel), float(intensity))
        for pixel, intensity in listed
    ]
    # The window table names the brightest line, which the laboratory puts a little off.
    expected = [places[np.argmin(np.abs(places - centres[number]))] for number in main]
    return truth, {"laboratory": laboratory, "expected": expected}


def lines_of(task):
    """Expose and measure a spectrum: ``task`` is condition, seed and number."""
    name, seed, number = task
    rng = np.random.default_rng([seed, number, zlib.crc32(name.encode())])
    truth, known = (first_truth if name in CASES else second_truth)(name, rng)
    began = time.process_time()
    found = measure(truth.counts, truth.windows, truth.uncertainty, **known)
    seconds = (time.process_time() - began) / len(found)
    lines = []
    for (start, stop), flux, main, single in zip(truth.windows, found, truth.main, truth.single):
        inside = slice(start, stop + 1)
        net, fit = truth.light[inside].sum(), truth.fluxes[main]
        if net < CLEAR * np.sqrt(np.sum(truth.uncertainty[inside] ** 2)):
            continue
        net_pull = (flux.net_flux - net) / flux.net_flux_err
        fit_pull = (flux.fit_flux - fit) / flux.fit_flux_err
        lines.append(
            Line(
                flux.net_flux / net - 1,
                flux.fit_flux / fit - 1,
                net_pull,
                fit_pull,
                net_pull if flux.recommended == "net_flux" else fit_pull,
                bool({"blended", "misfit"} & set(flux.flags)),
                single,
                seconds,
            )
        )
    return name, lines


def summary(name, lines):
    """One row of the table: the texts of its cells, see `HEADINGS`."""
    net, fit, net_pull, fit_pull, best_pull, flagged, single, seconds = np.array(lines, float).T
    flagged, single = flagged == 1, single == 1
    fitted = np.isfinite(fit)
    shifted = ~single & (np.abs(fit_pull) > SHIFTED)

    def quantiles(values):
        if not values.size:
            return "–"
        median, most = 100 * np.percentile(np.abs(values), (50, 95))
        return f"{median:.2f} %, {most:.2f} %"

    def pulls(values):
        values = values[np.isfinite(values)]
        if not values.size:
            return "–"
        return f"{np.std(values):.2f}, {share(np.abs(values) > BAD)}"

    def share(which):
        return f"{100 * np.mean(which):.1f} %" if which.size else "–"

    return (
        name,
        str(net.size),
        quantiles(net),
        quantiles(fit[fitted]),
        quantiles(fit[~flagged & fitted]).split(", ")[-1],
        pulls(net_pull),
        pulls(fit_pull[~flagged]),
        share(np.abs(best_pull[~flagged]) > BAD),
        f"{share(flagged[shifted])} of {shifted.sum()}" if shifted.any() else "–",
        share(flagged[single]),
        f"{np.mean(seconds) * 40:.2f}",
    )


def main():
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spectra", type=int, default=10, help="spectra of each condition (10)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the simulation (1)")
    parser.add_argument("--cores", type=int, default=os.cpu_count(), help="processes (all cores)")
    parser.add_argument("--condition", action="append", help="only this one; may be repeated")
    options = parser.parse_args()

    names = options.condition or [*CASES, *voigt_spectra.CASES]
    tasks = [(name, options.seed, n) for name in names for n in range(options.spectra)]
    lines = {name: [] for name in names}
    with Pool(options.cores) as pool:
        for name, measured in pool.imap(lines_of, tasks):
            lines[name] += measured
    print(markdown(HEADINGS, [summary(name, each) for name, each in lines.items()]))


if __name__ == "__main__":
    main()
