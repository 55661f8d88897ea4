"""Answer on one page which lamps to take, what lines they give, and how long to expose them."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/..")

import pandas as pd

from lampflux import __version__
from lampflux.files.answers import write_answers
from lampflux.jobs import run
from lampflux.lamps.answers import (
    NOTE,
    QUESTION,
    choice_table,
    gain_note,
    lamp_table,
    not_measured,
    verdicts,
)


def main(snakemake):
    """Read all tables of answers, and write the page and its Markdown."""
    inputs, output, limit = snakemake.input, snakemake.output, snakemake.params.line_limit
    choices, coverage, plan, lines, quality = (
        pd.read_csv(inputs[name]) for name in ("choices", "coverage", "plan", "lines", "quality")
    )
    name = choices["instrument"].iloc[0] if len(choices) else "the instrument"
    mark = " [SIMULATED]" if lines["simulated"].any() else ""
    write_answers(
        title=f"Lamps for {name}{mark}",
        question=QUESTION,
        verdicts=verdicts(choices, coverage, quality, limit),
        note=" ".join(filter(None, [NOTE, not_measured(plan), gain_note(quality)])),
        made_by=f"Made by lampflux {__version__}.",
        tables={
            "choices": choice_table(choices, quality),
            "lamps": lamp_table(lines, coverage, plan, quality, limit),
            "health": quality.loc[quality["score"] != "good", ["exposure", "score", "reasons"]],
        },
        picture=inputs.arcs,
        template=inputs.page,
        html=output.html,
        markdown=output.markdown,
    )


if __name__ == "__main__":
    run(main, snakemake)
