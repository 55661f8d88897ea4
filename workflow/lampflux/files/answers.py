"""The page of answers, as HTML and as Markdown."""

import base64
from html import escape
from pathlib import Path

from lampflux.files.pages import fill_template, html_table, markdown_table
from lampflux.files.products import column_facts
from lampflux.files.whole import whole

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


def write_answers(
    title, question, verdicts, note, made_by, tables, picture, template, html, markdown
):
    """Write the answers: verdicts first, then tables and a picture.

    Parameters
    ----------
    title, question, note : str
        The note stands below the first table.
    made_by : str
        Software and version, the last line.
    verdicts : dict
        Mode or arm to its verdict.
    tables : dict of DataFrame
        The tables ``choices``, ``lamps`` and ``health``.
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
        title=escape(title),
        question=escape(question),
        verdicts="\n".join(
            f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in verdicts.items()
        ),
        note=escape(note),
        made_by=escape(made_by),
        picture=f"data:image/png;base64,{image}",
        links=", ".join(f'<a href="{path}">{text}</a>' for text, path in PAGES.items()),
        **{f"{name}_title": text for name, text in TITLES.items()},
        **{
            name: html_table(table, facts) if len(table) else "<p>None.</p>"
            for name, table in tables.items()
        },
    )
    parts = [f"# {title}", question]
    parts.append("\n".join(f"- **{name}** {text}" for name, text in verdicts.items()))
    for name, text in TITLES.items():
        rows = markdown_table(tables[name], facts) if len(tables[name]) else "None."
        parts += [f"## {text}", rows]
    parts += [note, made_by]
    with whole(markdown) as part:
        part.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
