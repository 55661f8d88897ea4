"""Answer on one page which lamps to take, what lines they give, and how long to expose them."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/..")

import base64
from html import escape
from pathlib import Path

import pandas as pd

from lampflux.files.pages import column_facts, fill_template, html_table, markdown_table
from lampflux.files.whole import whole
from lampflux.jobs import run
from lampflux.lamps.answers import arm_verdict, choice_table, lamp_table, mode_verdict

QUESTION = "Which lamps calibrate the wavelengths, with which lines, how steady and how long?"
NOTE = (
    "Predicted from the measured lines: lines that remain single at the mode's resolution, the "
    "largest error of the wavelengths, and exposure times, as far as the lamps were measured "
    "({low:.0f} to {high:.0f} Å). Light, detector and shutter are assumptions of the instrument's "
    "file until they are known; times scale with them."
)
PAGES = {
    "All choices of lamps": "instrument/choices.html",
    "coverage": "lamps/coverage.html",
    "lines of all lamps": "lamps/all_lines.html",
    "exposure plan": "lamps/exposure_plan.html",
    "health of the exposures": "quality/exposures.html",
}


def main(snakemake):
    """Read all tables of answers, and write the page and its Markdown."""
    inputs, limit = snakemake.input, snakemake.params.line_limit
    choices, coverage, plan, lines, quality = (
        pd.read_csv(inputs[name]) for name in ("choices", "coverage", "plan", "lines", "quality")
    )
    facts = column_facts("lamp_choices") | column_facts("answers")
    name = choices["instrument"].iloc[0] if len(choices) else "the instrument"
    mark = " [SIMULATED]" if lines["simulated"].any() else ""
    title = f"Lamps for {name}{mark}"
    verdicts = {
        mode: mode_verdict(part, part["mode_to"].iloc[0])
        for mode, part in choices.groupby("mode", sort=False)
    } | {
        f"{arm} arm": arm_verdict(part, limit) for arm, part in coverage.groupby("arm", sort=False)
    }
    best = choice_table(choices, lines, quality)
    lamps = lamp_table(lines, coverage, plan, quality, limit)
    unwell = quality.loc[quality["score"] != "good", ["exposure", "score", "reasons"]]
    note = NOTE.format(low=lines["wavelength"].min(), high=lines["wavelength"].max())
    arms_title = "The lamps as measured"
    items = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in verdicts.items())
    picture = base64.b64encode(Path(inputs.arcs).read_bytes()).decode()
    fill_template(
        inputs.page,
        snakemake.output.html,
        title=escape(title),
        question=QUESTION,
        verdicts=items,
        choices_title="The best lamp, pair and triple for each mode",
        choices=html_table(best, facts),
        note=escape(note),
        picture=f"data:image/png;base64,{picture}",
        arms_title=arms_title,
        lamps=html_table(lamps, facts),
        health=html_table(unwell, facts) if len(unwell) else "<p>None.</p>",
        links=", ".join(f'<a href="{path}">{text}</a>' for text, path in PAGES.items()),
    )
    parts = [f"# {title}", QUESTION, "\n".join(f"- **{k}** {v}" for k, v in verdicts.items())]
    parts += [markdown_table(best, facts), note, f"## {arms_title}", markdown_table(lamps, facts)]
    if len(unwell):
        parts += ["## Exposures that are not healthy", markdown_table(unwell, facts)]
    with whole(snakemake.output.markdown) as part:
        part.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run(main, snakemake)
