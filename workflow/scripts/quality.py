"""Score the health of every exposure, and draw how it changes from one to the next."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/..")

import logging

import numpy as np
import pandas as pd
from astropy.io import fits

from lampflux.files.pages import write_page
from lampflux.files.products import product_table, write_product
from lampflux.files.spectra import air_wavelengths, table_of
from lampflux.files.tables import read_fluxes
from lampflux.jobs import run
from lampflux.lamps.quality import (
    IDEAL,
    compare_exposures,
    exposure_parameters,
    score_exposures,
)
from lampflux.pictures.quality import draw_health
from lampflux.pictures.style import save


def main(snakemake):
    """Read all calibrated spectra and flux tables, score, write and draw."""
    params, output = snakemake.params, snakemake.output
    rows = []
    for path, identity in zip(snakemake.input.calibrated, params.exposures):
        with fits.open(path) as hdus:
            names, table = ("clean", "summed", "replaced", "saturated"), table_of(hdus["SPECTRUM"])
            spectrum = {name: np.array(table[name]) for name in names}
            spectrum["wavelength"] = air_wavelengths(hdus)
            rows.append(identity | exposure_parameters(hdus[0].header, spectrum))
    fluxes, identified, lamps = (
        [read_fluxes(path) for path in paths]
        for paths in (snakemake.input.fluxes, snakemake.input.identified, snakemake.input.lamps)
    )
    brightness = pd.concat(lamps).set_index("exposure")["brightness"]
    exposures = pd.DataFrame(rows)
    exposures["brightness"] = exposures["exposure"].map(brightness)
    exposures = compare_exposures(exposures, fluxes, identified, params.ions)
    exposures = score_exposures(exposures, params.thresholds, params.fit)
    for row in exposures[exposures["score"] != "good"].itertuples():
        logging.info("%s: %s (%s)", row.exposure, row.score, row.reasons)
    table, simulated = product_table("quality", exposures), exposures["simulated"].any()
    write_product(output.csv, "quality", table)
    title = "Health of the exposures"
    write_page(table, title, simulated, snakemake.input.page, output.html, "quality")
    figure = draw_health(exposures, params.thresholds, IDEAL)
    save(figure, output.png, params.pictures)


if __name__ == "__main__":
    run(main, snakemake)
