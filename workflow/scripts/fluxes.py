"""Measure line fluxes in each line window: plain sums, net sums and fitted lines."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/..")

import csv
import logging

import numpy as np

from lampflux.files.pages import write_csv
from lampflux.files.spectra import read_spectrum
from lampflux.files.tables import read_identified_lines
from lampflux.files.whole import whole
from lampflux.fluxes.identified import identified_fluxes
from lampflux.fluxes.line_model import model_lines
from lampflux.fluxes.measure import measure_window
from lampflux.fluxes.table import COLUMNS, expected_pixel, flag_words, flux_row, line_check
from lampflux.fluxes.windows import line_windows, read_rows, window_pixels
from lampflux.jobs import run
from lampflux.pictures.fluxes import draw_windows
from lampflux.pictures.style import draw_spectrum, new_figure, save


def main(snakemake):
    """Read the calibrated spectrum and the window table, measure, write and draw."""
    header, spectrum = read_spectrum(snakemake.input.calibrated)
    source = snakemake.input.windows
    # Proposed windows may be none, a user's table never.
    windows = line_windows(read_rows(source, may_be_empty=True))
    pixels = window_pixels(windows, spectrum.wavelength, source)
    logging.info("%d windows of %s", len(windows), source)
    peaks = read_identified_lines(snakemake.input.lines)
    method = header["WAVEMETH"]
    trusted = header.get("WAVEFRST", 0), header.get("WAVELAST", -1)
    per_flux = header["EXPTIME"] * snakemake.params.fibres
    lines = model_lines(spectrum)
    logging.info(
        "lines %.2f pixels wide, %.3f of their light in wings %.1f times as wide",
        np.median(lines.shape.fwhm),
        lines.shape.wing_part,
        lines.shape.wing_width,
    )
    rows = []
    for window, ends in zip(windows, pixels):
        expected = expected_pixel(window, spectrum.wavelength, trusted, ends)
        measured = measure_window(spectrum, lines, *ends, expected)
        row = flux_row(window, ends, spectrum, measured, per_flux)
        columns, misplaced = line_check(row, spectrum.wavelength, method, trusted, peaks)
        row |= columns
        row["flags"] = flag_words(row, measured, header["BIASMETH"] == "dark", misplaced)
        row["simulated"] = header.get("SIMULATE", False)
        rows.append(row)
    with whole(snakemake.output.csv) as part, open(part, "w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)

    simulated = header.get("SIMULATE", False)
    identified = identified_fluxes(spectrum, lines, peaks, per_flux, simulated)
    write_csv(identified, snakemake.output.lines)

    figure = new_figure(header, "line windows")
    if rows:
        draw_windows(figure, spectrum.wavelength, spectrum.clean, lines.counts, rows, per_flux)
    else:
        axes = figure.subplots()
        draw_spectrum(axes, spectrum.wavelength, spectrum.clean, faint=True)
        axes.set_title("no line windows", loc="left")
    save(figure, snakemake.output.png)


if __name__ == "__main__":
    run(main, snakemake)
