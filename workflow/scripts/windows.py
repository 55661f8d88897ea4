"""Propose line windows for a lamp and arm from the lines identified in all its exposures."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/..")

import logging

import numpy as np
from astropy.io import fits

from lampflux.files.products import write_product
from lampflux.files.tables import read_identified_lines
from lampflux.fluxes.proposal import propose_windows, steady_lines
from lampflux.jobs import run


def main(snakemake):
    """Read the identified lines of every exposure, and write the windows."""
    exposures, widths, size = [], [], 0
    for path, table in zip(snakemake.input.calibrated, snakemake.input.lines):
        header = fits.getheader(path)
        size = header["NAXIS1"]
        if header["WAVEMETH"] == "nominal":
            logging.info("%s: no line identified (%s)", path, header["WAVEREAS"])
            continue
        widths.append(header["LINEFWHM"])
        rows = read_identified_lines(table)
        exposures.append([row | {"rate": row["height"] / header["EXPTIME"]} for row in rows])
    windows = []
    if exposures:
        windows = propose_windows(steady_lines(exposures), float(np.median(widths)), size)
    else:
        logging.warning("no exposure has an identified line: there is no window to propose")
    write_product(snakemake.output.csv, "proposed_windows", windows)


if __name__ == "__main__":
    run(main, snakemake)
