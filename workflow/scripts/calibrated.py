"""Give every pixel of a spectrum its wavelength: identify its lines, or keep the nominal one."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/..")

import csv
import logging

import numpy as np
from astropy.io import fits

from lampflux.files.spectra import write_calibrated
from lampflux.files.whole import whole
from lampflux.jobs import run
from lampflux.peaks import find_peaks
from lampflux.pictures.style import draw_spectrum, new_figure, save
from lampflux.pictures.wavelengths import draw_identification
from lampflux.wavelengths.reference import arm_reference, nominal_wavelength, read_lines
from lampflux.wavelengths.table import LINE_COLUMNS, identified_rows, solution_cards
from lampflux.wavelengths.verdict import Outcome, Verdict, find_solution

# The clean sum's columns that are named otherwise beside the plain ones.
CLEAN = {"counts": "clean", "uncertainty": "clean_uncertainty"}


def main(snakemake):
    """Read the spectrum, find its wavelengths, write and draw them."""
    with fits.open(snakemake.input.spectrum) as hdus:
        header = hdus[0].header
        flux, uncertainty, missing = (hdu.data.astype(float) for hdu in hdus[:3])
        clean = {name: np.array(hdus["CLEAN"].data[name]) for name in hdus["CLEAN"].data.names}
    params = snakemake.params
    pixels = np.arange(flux.size)
    nominal = nominal_wavelength(pixels, **params.nominal)
    counts = clean["counts"].astype(float)
    peaks = find_peaks(counts, clean["uncertainty"].astype(float))
    if params.fit:
        lines = read_lines(snakemake.input.lines, params.ions)
        outcome = find_solution(peaks, lines, nominal, arm_reference(snakemake.input, pixels))
    else:
        outcome = Outcome("nominal", nominal, None, Verdict(False, 0.0, 0.0, "asked for"))
    cards = [("LINEFWHM", round(peaks.fwhm, 3), "[pixel] width of the lines")]
    cards += solution_cards(outcome)
    for keyword, value, _ in cards:
        logging.info("%s = %s", keyword, value)
    solution = outcome.solution
    unknown = np.full(flux.size, np.nan)
    write_calibrated(
        snakemake.output.fits,
        header,
        params.nominal,
        cards,
        {
            "pixel": pixels,
            "wavelength": outcome.wavelength,
            "flux": flux,
            "uncertainty": uncertainty,
            "mask": missing > 0,
            "wavelength_error": solution.error if solution else unknown,
        }
        | {CLEAN.get(name, name): values for name, values in clean.items()},
    )
    rows = identified_rows(peaks, solution)
    with whole(snakemake.output.lines) as part, open(part, "w", newline="") as file:
        writer = csv.DictWriter(file, LINE_COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)

    subject = f"{outcome.method} wavelengths"
    figure = new_figure(header, subject if solution else f"{subject}: {outcome.verdict.reason}")
    if solution:
        draw_identification(figure, outcome, nominal, counts, peaks)
    else:
        linear, stretched = figure.subplots(2, sharex=True)
        draw_spectrum(linear, nominal, counts)
        draw_spectrum(stretched, nominal, counts, faint=True)
        stretched.set_xlabel("Nominal wavelength in air (Å)")
        figure.supylabel("Sum along the slit (ADU)", fontsize="medium")
    save(figure, snakemake.output.png)


if __name__ == "__main__":
    run(main, snakemake)
