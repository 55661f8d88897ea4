"""Compare the measured fluxes and wavelengths of simulated exposures with the true ones."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/..")

import logging
from pathlib import Path

import pandas as pd
from astropy.io import fits

from lampflux.files.products import product_table, write_product
from lampflux.files.spectra import air_wavelengths
from lampflux.files.tables import read_fluxes
from lampflux.jobs import run
from lampflux.pictures.closure import draw
from lampflux.pictures.style import save
from lampflux.simulation.closure import closure_table, exposure_closure, summarise_closure


def main(snakemake):
    """Read measurements and truth of all exposures, compare them, write tables and a picture."""
    source, parts = snakemake.input, []
    for fluxes, calibrated, lines, pixels in zip(
        source.fluxes, source.calibrated, source.lines, source.pixels
    ):
        with fits.open(calibrated) as hdus:
            header = hdus[0].header
            wavelength = air_wavelengths(hdus)
        per_flux = header["EXPTIME"] * snakemake.params.fibres
        part = exposure_closure(
            read_fluxes(fluxes), wavelength, pd.read_csv(lines), pd.read_csv(pixels), per_flux
        )
        whose = {
            "exposure": Path(fluxes).stem,
            "arm": header["CCD"],
            "dark": header["BIASMETH"] == "dark",
        }
        parts.append(whose | part)
    table = product_table("closure", closure_table(parts))
    summary = summarise_closure(table)
    logging.info("\n%s", summary.to_string(index=False))
    write_product(snakemake.output.lines, "closure", table)
    write_product(snakemake.output.summary, "closure_summary", summary)
    save(draw(table), snakemake.output.png, snakemake.params.pictures)


if __name__ == "__main__":
    run(main, snakemake)
