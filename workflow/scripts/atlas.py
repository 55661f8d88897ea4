"""Set the lines of all lamps side by side, and find the stretches where they leave gaps."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/..")

import logging

import pandas as pd
from astropy.io import fits

from lampflux.files.pages import write_page
from lampflux.files.whole import whole
from lampflux.jobs import run
from lampflux.lamps.coverage import COVERAGE_COLUMNS, arm_bands, arm_coverage
from lampflux.pictures.coverage import draw_atlas, draw_coverage
from lampflux.pictures.style import save


def main(snakemake):
    """Read the summaries of all lamps and the ends of their spectra, compare, write and draw."""
    tables = [pd.read_csv(path) for path in snakemake.input.lamps]
    names = pd.DataFrame(snakemake.params.lamps, columns=["brand", "lamp", "arm"])
    names["source"] = names["brand"] + " " + names["lamp"]
    ends = []
    for path, arm in zip(snakemake.input.shown, names["arm"]):
        with fits.open(path) as hdus:
            wavelength = hdus["SPECTRUM"].data["wavelength"]
            low, high = sorted((float(wavelength[0]), float(wavelength[-1])))
            method, simulated = hdus[0].header["WAVEMETH"], hdus[0].header.get("SIMULATE", False)
        ends.append(
            {"arm": arm, "method": method, "low": low, "high": high, "simulated": simulated}
        )
    ends = pd.DataFrame(ends)
    bands = arm_bands(ends)
    lines = pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True)
    simulated = bool(ends["simulated"].any())
    page = snakemake.input.page
    with whole(snakemake.output.lines) as part:
        lines.to_csv(part, index=False, float_format="%.8g", lineterminator="\n")
    write_page(lines, "Lines of all lamps", simulated, page, snakemake.output.lines_html)

    lines["source"] = lines["brand"] + " " + lines["lamp"]
    line_limit = snakemake.params.line_limit
    # A line whose wavelength is not known from the laboratory calibrates nothing.
    counted = lines[(lines["wavelength_from"] == "laboratory") & (lines["flux"] > line_limit)]
    parts = []
    for arm, band in bands.items():
        every = names.loc[names["arm"] == arm, ["source"]].merge(
            counted[counted["arm"] == arm][["source", "wavelength"]], how="left"
        )
        parts.append(arm_coverage(every, band).assign(arm=arm))
        best = parts[-1].query("rank == 1").iloc[-1]
        sources = " and ".join(best[["first", "second"]].dropna())
        logging.info("%s arm: %s leave at most %.0f Angstrom", arm, sources, best["gap"])
    coverage = pd.concat(parts, ignore_index=True)
    coverage["simulated"] = simulated
    with whole(snakemake.output.coverage) as part:
        coverage[COVERAGE_COLUMNS].to_csv(
            part, index=False, float_format="%.8g", lineterminator="\n"
        )
    title = f"Coverage by lines above {line_limit:g} ADU/s/fibre"
    write_page(coverage[COVERAGE_COLUMNS], title, simulated, page, snakemake.output.coverage_html)
    lines["simulated"] = simulated
    save(draw_atlas(lines, bands, line_limit), snakemake.output.atlas)
    save(draw_coverage(counted, coverage, bands, line_limit), snakemake.output.coverage_png)


if __name__ == "__main__":
    run(main, snakemake)
