"""Join the identified lines of all exposures of an arm to a reference solution."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/..")

import logging

from astropy.io import fits

from lampflux.errors import UserError
from lampflux.files.products import write_product
from lampflux.files.tables import read_identified_lines
from lampflux.jobs import run
from lampflux.wavelengths.joint import join_lines


def main(snakemake):
    """Read the lines that trusted solutions used, join them, write the table."""
    exposures = []
    for path, table in zip(snakemake.input.calibrated, snakemake.input.lines):
        header = fits.getheader(path)
        if header["WAVEMETH"] != "fitted":
            logging.info("%s: %s wavelengths, left out", path, header["WAVEMETH"])
            continue
        first, last = header["WAVEFRST"], header["WAVELAST"]
        lines = [
            row
            for row in read_identified_lines(table)
            if row["used"] == "True" and first <= row["pixel"] <= last
        ]
        exposures.append((header["LAMP"], lines))
    rows = join_lines(exposures)
    if not rows:
        raise UserError(
            f"{snakemake.output.csv} cannot be made: the fitted exposures of arm "
            f"{snakemake.wildcards.arm} have too few lines for a reference; add exposures "
            "of a lamp with more lines."
        )
    logging.info("%d lines of %d exposures", len(rows), len(exposures))
    write_product(snakemake.output.csv, "joint_reference", rows, snakemake.params.medium)


if __name__ == "__main__":
    run(main, snakemake)
