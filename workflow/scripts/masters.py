"""Combine several darks or biases, and scale darks to another exposure time."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/..")

import logging

from lampflux.extraction.raw import make_master
from lampflux.files.masters import write_master
from lampflux.jobs import run


def main(snakemake):
    """Read the frames, make the master and write it."""
    paths, params = snakemake.input, snakemake.params
    master = make_master(paths.darks, paths.biases, params)
    for path in (*paths.darks, *paths.biases):
        logging.info("combined: %s", path)
    logging.info("noise variance over that of one frame: %.3g", master.share)
    write_master(snakemake.output.fits, *master)


if __name__ == "__main__":
    run(main, snakemake)
