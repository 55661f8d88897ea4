"""Plan exposures: how long each lamp needs, and how long it may have, in each arm."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/..")

import logging

import pandas as pd

from lampflux.campaign.planned_instrument import read_planned_instrument
from lampflux.files.pages import write_page
from lampflux.files.products import product_table, write_product
from lampflux.jobs import run
from lampflux.lamps.planner import PLANNER, plan
from lampflux.pictures.planner import draw_plan
from lampflux.pictures.style import save


def main(snakemake):
    """Read the summaries of all lamps, plan, write and draw."""
    settings, output = snakemake.params, snakemake.output
    # All modes have the shutter.
    shutter = read_planned_instrument(snakemake.input.instrument)[1][0]
    plans, parts = [], []
    for path, (brand, lamp, arm) in zip(snakemake.input.lamps, settings.lamps):
        lines = pd.read_csv(path)
        lines = lines[(lines["measured"] == "window") | (lines["flux"] > settings.line_limit)]
        scale = settings.scale.get(arm, {"factor": 1.0, "error": 0.0})
        peak = min(settings.peak, PLANNER.headroom * settings.saturation[arm])
        summary, times = plan(
            lines,
            settings.fibres,
            peak,
            settings.snr,
            scale["factor"],
            scale["error"],
            shutter.shortest_time,
            shutter.time_step,
        )
        logging.info("%s %s %s: single %.4g s", brand, lamp, arm, summary["single"])
        names = {"brand": brand, "lamp": lamp, "arm": arm}
        plans.append(names | summary)
        parts.append(lines[["line", "ion", "wavelength", "limit"]].join(times).assign(**names))
    plans = product_table("exposure_plan", pd.DataFrame(plans))
    planned = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    write_product(output.plan, "exposure_plan", plans)
    write_product(output.lines, "planned_lines", planned)
    simulated = plans["simulated"].any()
    title, page = "Exposure plan", snakemake.input.page
    write_page(plans, title, simulated, page, output.html, "exposure_plan")
    figure = draw_plan(plans, planned, settings.peak, settings.snr)
    save(figure, output.png, settings.pictures)


if __name__ == "__main__":
    run(main, snakemake)
