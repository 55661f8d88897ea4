"""The page of answers, as HTML and as Markdown."""

import base64
from html import escape
from pathlib import Path

from lampflux import __version__
from lampflux.files.pages import fill_template, html_table, markdown_table
from lampflux.files.products import column_facts
from lampflux.files.whole import whole

QUESTION = "Which lamps calibrate the wavelengths, with which lines, how steady and how long?"
MADE_BY = f"Made by lampflux {__version__}."
# Pages that say more, below the folder of results.
PAGES = {
    "All choices of lamps": "instrument/choices.html",
    "coverage": "lamps/coverage.html",
    "lines of all lamps": "lamps/all_lines.html",
    "exposure plan": "lamps/exposure_plan.html",
    "health of the exposures": "quality/exposures.html",
}
# Titles of the tables, in their order.
TITLES = {
    "choices": "The best lamp, pair and triple for each mode",
    "lamps": "The lamps as measured",
    "health": "Exposures that are not healthy",
}


def write_answers(answers, picture, template, html, markdown):
    """Write the answers: verdicts first, then tables and a picture.

    Parameters
    ----------
    answers : lampflux.lamps.answers.Answers
    picture, template : str
        Paths of a PNG and of the page's template.
    html, markdown : str
        The pages.
    """
    facts = column_facts("lamp_choices") | column_facts("answers")
    # In short lines, since the report takes no line of more than 10,000 characters.
    image = base64.encodebytes(Path(picture).read_bytes()).decode()
    fill_template(
        template,
        html,
        title=escape(answers.title),
        question=escape(QUESTION),
        verdicts="\n".join(
            f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>"
            for name, text in answers.verdicts.items()
        ),
        note=escape(answers.note),
        made_by=MADE_BY,
        picture=f"data:image/png;base64,{image}",
        links=", ".join(f'<a href="{path}">{text}</a>' for text, path in PAGES.items()),
        **{f"{name}_title": text for name, text in TITLES.items()},
        **{
            name: html_table(table, facts) if len(table) else "<p>None.</p>"
            for name, table in answers.tables.items()
        },
    )
    parts = [f"# {answers.title}", QUESTION]
    parts.append("\n".join(f"- **{name}** {text}" for name, text in answers.verdicts.items()))
    for name, text in TITLES.items():
        table = answers.tables[name]
        parts += [f"## {text}", markdown_table(table, facts) if len(table) else "None."]
    parts += [answers.note, MADE_BY]
    with whole(markdown) as part:
        part.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
