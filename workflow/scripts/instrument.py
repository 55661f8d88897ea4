"""Predict what the lamps will give another instrument, and rank them, pairs and triples by it."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/..")

import logging

import pandas as pd

from lampflux.campaign.planned_instrument import read_planned_instrument
from lampflux.files.pages import write_page
from lampflux.files.products import product_table, write_product
from lampflux.files.tables import read_line_list
from lampflux.jobs import run
from lampflux.lamps.prediction import predict
from lampflux.pictures.arcs import draw_arcs
from lampflux.pictures.style import save


def main(snakemake):
    """Read the lines of all lamps, line lists and the instrument, predict, write and draw."""
    output = snakemake.output
    name, modes = read_planned_instrument(snakemake.input.instrument)
    lines = pd.read_csv(snakemake.input.lines)
    lines["source"] = lines["brand"] + " " + lines["lamp"]
    listed = {
        lamp: pd.concat(
            [pd.DataFrame(read_line_list(path)).assign(ion=ion) for ion, path in paths.items()]
        )
        for lamp, paths in snakemake.params.line_lists.items()
        if paths
    }
    simulated = bool(lines["simulated"].any())
    choices, planned = predict(lines, modes, listed)
    choices = product_table("lamp_choices", choices.assign(instrument=name, simulated=simulated))
    planned = product_table("mode_lines", planned.assign(instrument=name))
    write_product(output.choices, "lamp_choices", choices)
    write_product(output.lines, "mode_lines", planned)
    title, page = f"Lamps for {name}", snakemake.input.page
    write_page(choices, title, simulated, page, output.html, "lamp_choices")
    # The best pair, or the best lamp where there is no pair.
    best = {row.mode: row for row in choices.query("rank == 1 and number <= 2").itertuples()}
    for mode, row in best.items():
        logging.info("%s: %s, %.3f Angstrom at worst", mode, row.lamps, row.precision)
    figure = draw_arcs(name, modes, best, planned, simulated)
    save(figure, output.png, snakemake.params.pictures)


if __name__ == "__main__":
    run(main, snakemake)
