"""Summarise a lamp in one arm: what all its exposures say about each of its lines."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/..")

import logging

import numpy as np
from astropy.io import fits

from lampflux.files.products import write_product
from lampflux.files.spectra import air_wavelengths, table_of
from lampflux.files.tables import read_fluxes
from lampflux.jobs import run
from lampflux.lamps.measurements import join_tables
from lampflux.lamps.summary import summarise
from lampflux.pictures.lamps import draw_lamp
from lampflux.pictures.style import save


def main(snakemake):
    """Read the flux tables of a lamp's exposures, summarise, write and draw."""
    brand, lamp, arm = snakemake.params.lamp["names"]
    exposures = snakemake.params.lamp["exposures"]
    fluxes, identified = (
        [read_fluxes(path) for path in paths]
        for paths in (snakemake.input.fluxes, snakemake.input.identified)
    )
    measurements = join_tables(fluxes, exposures, identified)
    with fits.open(snakemake.input.shown) as hdus:
        gain = hdus[0].header.get("GAIN", np.nan)
        simulated = hdus[0].header.get("SIMULATE", False)
        counts = table_of(hdus["SPECTRUM"])["clean"].astype(float)
        wavelength = air_wavelengths(hdus)
    summary = summarise(measurements, snakemake.params.fibres, gain)
    lines = summary.lines
    for row in lines[lines["excluded"] > 0].itertuples():
        logging.info("line %d, %.1f Angstrom: %s", row.line, row.wavelength, row.excluded_why)
    names = {"brand": brand, "lamp": lamp, "arm": arm}
    write_product(snakemake.output.csv, "lamp", lines.assign(**names))
    table = summary.exposures.assign(**names)
    write_product(snakemake.output.exposures, "lamp_exposures", table)
    for row in table[table["outlying"]].itertuples():
        logging.info("%s left out: the lamp at %.2f of its mean", row.exposure, row.brightness)
    number = "one exposure" if len(exposures) == 1 else f"{len(exposures)} exposures"
    title = f"{brand} {lamp}, {arm} arm: {number}; spectrum of {snakemake.params.lamp['shown']}"
    figure = draw_lamp(title, simulated, (wavelength, counts), summary, measurements)
    save(figure, snakemake.output.png, snakemake.params.pictures)


if __name__ == "__main__":
    run(main, snakemake)
