"""Answer on one page which lamps to take, what lines they give, and how long to expose them."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/..")

import pandas as pd

from lampflux.files.answers import write_answers
from lampflux.jobs import run
from lampflux.lamps.answers import answer


def main(snakemake):
    """Read all tables of answers, and write the page and its Markdown."""
    inputs, output = snakemake.input, snakemake.output
    names = "choices", "coverage", "plan", "lines", "quality"
    tables = (pd.read_csv(inputs[name]) for name in names)
    answers = answer(*tables, snakemake.params.line_limit)
    write_answers(answers, inputs.arcs, inputs.page, output.html, output.markdown)


if __name__ == "__main__":
    run(main, snakemake)
