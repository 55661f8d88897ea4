"""Propose line windows for a lamp and arm from the lines identified in all its exposures."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/..")

import logging

import numpy as np
from astropy.io import fits

from lampflux.files.products import write_product
from lampflux.files.tables import read_identified_lines
from lampflux.fluxes.proposal import propose_windows, steady_lines, steady_peaks
from lampflux.jobs import run


def main(snakemake):
    """Read the identified lines of every exposure, and write the windows."""
    solved, unsolved, size = [], [], 0
    for path, table in zip(snakemake.input.calibrated, snakemake.input.lines):
        header = fits.getheader(path)
        size = header["NAXIS1"]
        rows = read_identified_lines(table)
        rows = [row | {"rate": row["height"] / header["EXPTIME"]} for row in rows]
        if header["WAVEMETH"] == "nominal":
            logging.info("%s: no line identified (%s)", path, header["WAVEREAS"])
            unsolved.append((header["LINEFWHM"], rows))
        else:
            solved.append((header["LINEFWHM"], rows))
    widths, exposures = zip(*(solved or unsolved))
    fwhm = float(np.median(widths))
    if solved:
        lines = steady_lines(exposures)
    else:
        logging.warning("no exposure has an identified line: windows are placed around peaks")
        lines = steady_peaks(exposures, fwhm)
    windows = propose_windows(lines, fwhm, size)
    write_product(snakemake.output.csv, "proposed_windows", windows, snakemake.params.medium)


if __name__ == "__main__":
    run(main, snakemake)
