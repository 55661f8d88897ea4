"""Measure gain and read noise of an arm from its repeats and single exposures."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/..")

import logging

from astropy.io import fits

from lampflux.extraction.arm_gain import arm_gain, frame_gain
from lampflux.extraction.raw import read_repeats
from lampflux.extraction.repeats import compare_pair
from lampflux.files.products import write_product
from lampflux.jobs import run


def main(snakemake):
    """Compare the frames of each pair, read what single spectra show, and write the table."""
    paths, params = snakemake.input, snakemake.params
    frames = list(zip(paths.frames, params.seconds))
    pairs = []
    for repeats in zip(frames[::2], frames[1::2]):
        pairs.append(compare_pair(*read_repeats(repeats, params, snakemake.wildcards.arm)))
        logging.info("compared: %s and %s", *(path for path, _ in repeats))
    gains = filter(None, (frame_gain(fits.getheader(path)) for path in paths.spectra))
    rows = arm_gain(pairs, list(gains), params.amplifiers)
    for row in rows:
        if "gain" not in row:
            logging.warning("no gain of arm %s: %s", snakemake.wildcards.arm, row["reason"])
    write_product(snakemake.output.csv, "gains", rows)


if __name__ == "__main__":
    run(main, snakemake)
