"""Compare the lines of all lamps, and find the gaps that they leave."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/..")

import logging

import pandas as pd
from astropy.io import fits

from lampflux.files.pages import write_page
from lampflux.files.products import product_table, write_product
from lampflux.files.spectra import air_wavelengths
from lampflux.jobs import run
from lampflux.lamps.coverage import arm_bands, counted_lines, lamp_coverage
from lampflux.pictures.coverage import draw_atlas, draw_coverage
from lampflux.pictures.style import save


def spectrum_ends(path, arm):
    """Read the first and last wavelength of a calibrated spectrum, and how they were found."""
    with fits.open(path) as hdus:
        ends = sorted(float(air_wavelengths(hdus)[place]) for place in (0, -1))
        header = hdus[0].header
        found = {"method": header["WAVEMETH"], "simulated": header.get("SIMULATE", False)}
    return {"arm": arm, "low": ends[0], "high": ends[1], **found}


def main(snakemake):
    """Read the summaries of all lamps and the ends of their spectra, compare, write and draw."""
    output, line_limit = snakemake.output, snakemake.params.line_limit
    lamps = pd.DataFrame(snakemake.params.lamps, columns=["brand", "lamp", "arm"])
    ends = pd.DataFrame(map(spectrum_ends, snakemake.input.shown, lamps["arm"]))
    bands, simulated = arm_bands(ends), bool(ends["simulated"].any())
    tables = [pd.read_csv(path) for path in snakemake.input.lamps]
    lines = pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True)
    write_product(output.lines, "lamp", lines)
    page = snakemake.input.page
    write_page(lines, "Lines of all lamps", simulated, page, output.lines_html, "lamp")

    for table in lines, lamps:
        table["source"] = table["brand"] + " " + table["lamp"]
    counted = counted_lines(lines, line_limit)
    coverage = lamp_coverage(counted, lamps, bands).assign(simulated=simulated)
    for best in coverage[coverage["rank"] == 1].itertuples():
        sources = best.first if best.number == 1 else f"{best.first} and {best.second}"
        logging.info("%s arm: %s leave at most %.0f Angstrom", best.arm, sources, best.gap)
    table = product_table("coverage", coverage)
    write_product(output.coverage, "coverage", table)
    title = f"Coverage by lines above {line_limit:g} ADU/s/fibre"
    write_page(table, title, simulated, page, output.coverage_html, "coverage")
    atlas = draw_atlas(lines.assign(simulated=simulated), bands, line_limit)
    save(atlas, output.atlas, snakemake.params.pictures)
    figure = draw_coverage(counted, coverage, bands, line_limit)
    save(figure, output.coverage_png, snakemake.params.pictures)


if __name__ == "__main__":
    run(main, snakemake)
