"""Score the health of every exposure, and draw how it changes from one to the next."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/..")

import logging

import numpy as np
import pandas as pd
from astropy.io import fits

from lampflux.files.pages import write_page
from lampflux.files.whole import whole
from lampflux.jobs import run
from lampflux.lamps.quality import COLUMNS, compare, measure, score
from lampflux.pictures.quality import draw
from lampflux.pictures.style import save


def main(snakemake):
    """Read all calibrated spectra and flux tables, score, write and draw."""
    params = snakemake.params
    rows = []
    for path, identity in zip(snakemake.input.calibrated, params.exposures):
        with fits.open(path) as hdus:
            names = ("wavelength", "clean", "summed", "replaced", "saturated")
            spectrum = {name: np.array(hdus["SPECTRUM"].data[name]) for name in names}
            rows.append(identity | measure(hdus[0].header, spectrum))
    exposures = compare(pd.DataFrame(rows), [pd.read_csv(path) for path in snakemake.input.fluxes])
    exposures = score(exposures, params.thresholds, params.fit)
    for row in exposures[exposures["score"] != "good"].itertuples():
        logging.info("%s: %s (%s)", row.exposure, row.score, f"{row.failed} {row.warned}".strip())
    with whole(snakemake.output.csv) as part:
        exposures[COLUMNS].to_csv(part, index=False, float_format="%.6g", lineterminator="\n")
    simulated = exposures["simulated"].any()
    title = "Health of the exposures"
    write_page(exposures[COLUMNS], title, simulated, snakemake.input.page, snakemake.output.html)
    save(draw(exposures, params.thresholds), snakemake.output.png)


if __name__ == "__main__":
    run(main, snakemake)
