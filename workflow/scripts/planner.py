"""Plan exposures: how long each lamp needs, and how long it may have, in each arm."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/..")

import logging

import pandas as pd

from lampflux.files.pages import write_page
from lampflux.files.whole import whole
from lampflux.jobs import run
from lampflux.lamps.planner import HEADROOM, PLAN_COLUMNS, PLANNED_COLUMNS, plan_lamp
from lampflux.pictures.planner import draw
from lampflux.pictures.style import save


def main(snakemake):
    """Read the summaries of all lamps, plan, write and draw."""
    settings = snakemake.params
    plans, parts = [], []
    for path, (brand, lamp, arm) in zip(snakemake.input.lamps, settings.lamps):
        lines = pd.read_csv(path)
        scale = settings.scale.get(arm, {"factor": 1.0, "error": 0.0})
        peak = min(settings.peak, HEADROOM * settings.saturation[arm])
        aims = settings.fibres, peak, settings.snr, scale["factor"], scale["error"]
        plan, planned = plan_lamp(lines, *aims)
        identity = {"brand": brand, "lamp": lamp, "arm": arm}
        plans.append(identity | plan)
        logging.info("%s %s %s: single %.4g s", brand, lamp, arm, plan["single"])
        parts.append(
            lines[["line", "ion", "wavelength", "limit"]].join(planned).assign(**identity)
        )
    plans = pd.DataFrame(plans)
    planned = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    for table, columns, path in (
        (plans, PLAN_COLUMNS, snakemake.output.plan),
        (planned, PLANNED_COLUMNS, snakemake.output.lines),
    ):
        with whole(path) as part:
            table[columns].to_csv(part, index=False, float_format="%.6g", lineterminator="\n")
    write_page(
        plans[PLAN_COLUMNS],
        "Exposure plan",
        plans["simulated"].any(),
        snakemake.input.page,
        snakemake.output.html,
    )
    save(draw(plans, planned, settings.peak, settings.snr), snakemake.output.png)


if __name__ == "__main__":
    run(main, snakemake)
