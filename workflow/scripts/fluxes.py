"""Measure line fluxes in each line window: plain sums, net sums and fitted lines."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/..")

import logging

import numpy as np

from lampflux.files.products import write_product
from lampflux.files.spectra import read_spectrum
from lampflux.files.tables import read_identified_lines, read_line_list
from lampflux.fluxes.identified import identified_fluxes
from lampflux.fluxes.laboratory import lines_on_detector
from lampflux.fluxes.line_model import model_lines
from lampflux.fluxes.measure import measure
from lampflux.fluxes.table import expected_pixels, fit_rows, flux_rows, trusted_range
from lampflux.fluxes.windows import line_windows, read_rows, window_pixels
from lampflux.jobs import run


def main(snakemake):
    """Read the calibrated spectrum and the window table, measure and write."""
    header, spectrum, peaks = read_spectrum(snakemake.input.calibrated)
    source, fibres = snakemake.input.windows, snakemake.params.fibres
    medium = snakemake.params.medium
    # Proposed windows may be none, a user's table never.
    windows = line_windows(read_rows(source, may_be_empty=True), medium)
    ends = window_pixels(windows, spectrum.wavelength, source)
    logging.info("%d windows of %s", len(windows), source)
    identified = read_identified_lines(snakemake.input.lines)
    laboratory = []
    if header["WAVEMETH"] != "nominal":
        lists = map(read_line_list, snakemake.input.line_lists)
        laboratory = lines_on_detector(
            dict(zip(snakemake.params.ions, lists)), spectrum.wavelength
        )
    places = np.array([line.pixel for line in laboratory])
    lines = model_lines(spectrum.clean, spectrum.clean_error, spectrum.saturated, peaks, places)
    fluxes = measure(
        spectrum.clean,
        ends,
        spectrum.clean_error,
        exposure_time=header["EXPTIME"],
        fibres=fibres,
        expected=expected_pixels(windows, spectrum.wavelength, trusted_range(header), ends),
        summed=spectrum.summed,
        saturated=spectrum.saturated,
        replaced=spectrum.replaced,
        missing=spectrum.missing,
        peak=spectrum.peak,
        lines=lines,
        laboratory=laboratory,
    )
    rows = flux_rows(windows, fluxes, spectrum, header, identified, fibres)
    write_product(snakemake.output.csv, "fluxes", rows, medium)
    write_product(snakemake.output.fits, "window_fits", fit_rows(fluxes))

    per_flux, simulated = header["EXPTIME"] * fibres, header.get("SIMULATE", False)
    every = identified_fluxes(spectrum, lines, identified, per_flux, laboratory, simulated)
    write_product(snakemake.output.lines, "flux_lines", every, medium)


if __name__ == "__main__":
    run(main, snakemake)
