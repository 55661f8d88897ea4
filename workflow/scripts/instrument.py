"""Predict what the lamps will give another instrument, and rank them, pairs and triples by it."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/..")

import logging

import pandas as pd

from lampflux.campaign.instrument import read_instrument
from lampflux.files.pages import write_csv, write_page
from lampflux.jobs import run
from lampflux.lamps.prediction import (
    CHOICE_COLUMNS,
    MODE_LINE_COLUMNS,
    mode_lines,
    plan_mode,
    rank_choices,
)
from lampflux.pictures.arcs import draw_arcs
from lampflux.pictures.style import save


def listed_lines(paths):
    """Read the line lists of a lamp's ions."""
    tables = [pd.read_csv(path).assign(ion=ion) for ion, path in paths.items()]
    return pd.concat(tables, ignore_index=True) if tables else None


def joined(tables, columns, **same):
    """Join tables, of which all may be empty, and add columns of one value."""
    filled = [table for table in tables if len(table)]
    table = pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=columns)
    return table.assign(**same)[columns]


def main(snakemake):
    """Read the lines of all lamps and the instrument, predict, rank, write and draw."""
    output = snakemake.output
    name, modes = read_instrument(snakemake.input.instrument)
    lines = pd.read_csv(snakemake.input.lines)
    lines["source"] = lines["brand"] + " " + lines["lamp"]
    lines = lines[lines["wavelength_from"] == "laboratory"]
    lists = {lamp: listed_lines(paths) for lamp, paths in snakemake.params.line_lists.items()}
    measured = lines["wavelength"].min(), lines["wavelength"].max()
    choices, parts = [], []
    for mode in modes:
        plans = {}
        for (source, lamp), own in lines.groupby(["source", "lamp"]):
            times, planned = plan_mode(mode_lines(own, mode, lists.get(lamp)), mode)
            plans[source] = times, planned
            parts.append(planned.assign(mode=mode.name))
        choices.append(rank_choices(plans, mode, measured))
    simulated = bool(lines["simulated"].any())
    choices = joined(choices, CHOICE_COLUMNS, instrument=name, simulated=simulated)
    planned = joined(parts, MODE_LINE_COLUMNS, instrument=name)
    write_csv(choices, output.choices, digits=6)
    write_csv(planned, output.lines, digits=6)
    title = f"Lamps for {name}"
    write_page(choices, title, simulated, snakemake.input.page, output.html, "lamp_choices")
    # The best pair, or the best lamp where there is no pair.
    best = {row.mode: row for row in choices.query("rank == 1 and number <= 2").itertuples()}
    for mode, row in best.items():
        logging.info("%s: %s, %.3f Angstrom at worst", mode, row.lamps, row.precision)
    save(draw_arcs(name, modes, best, planned, simulated), output.png)


if __name__ == "__main__":
    run(main, snakemake)
