"""Tables of products as pages to sort and search in a browser without a network."""

from html import escape
from pathlib import Path
from string import Template

import pandas as pd

from lampflux.files.products import column_facts
from lampflux.files.whole import whole

# Words that the style of the page marks.
MARKED_WORDS = ("warned", "failed")


def write_page(table, title, simulated, template, path, product):
    """Write a table as a page of HTML.

    Parameters
    ----------
    table : DataFrame
    title : str
    simulated : bool
        Whether any frame is simulated; the title then says so.
    template : str
        Path of the page's template.
    path : str
        The page.
    product : str
        Name of the schema that explains the columns, as in workflow/schemas/products.
    """
    headings, rows = table_parts(table, column_facts(product))
    title = escape(title) + (" [SIMULATED]" if simulated else "")
    fill_template(template, path, title=title, headings=headings, rows=rows)


def fill_template(template, path, **parts):
    """Write a page from its template, whole or not at all; ``parts`` are HTML."""
    page = Template(Path(template).read_text(encoding="utf-8")).substitute(parts)
    with whole(path) as part:
        part.write_text(page, encoding="utf-8")


def table_parts(table, facts):
    """Write the headings and the rows of a table as HTML.

    Parameters
    ----------
    table : DataFrame
    facts : dict
        Column to its ``unit`` and ``description``, where it has them.

    Returns
    -------
    headings, rows : str
    """
    headings = "".join(heading(name, facts.get(name, {})) for name in table)
    rows = "\n".join(
        "<tr>" + "".join(map(cell, row)) + "</tr>" for row in table.itertuples(index=False)
    )
    return headings, rows


def html_table(table, facts):
    """Write a table as HTML; see `table_parts`."""
    headings, rows = table_parts(table, facts)
    return f"<table><thead><tr>{headings}</tr></thead><tbody>{rows}</tbody></table>"


def markdown_table(table, facts):
    """Write a table as Markdown; see `table_parts`."""
    units = (facts.get(name, {}).get("unit") for name in table)
    headings = [name.replace("_", " ") + (f" ({u})" if u else "") for name, u in zip(table, units)]
    rows = [headings, ["---"] * len(headings)]
    for row in table.itertuples(index=False):
        rows.append(["" if pd.isna(value) else str(value) for value in row])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def heading(name, facts):
    """Write a column's heading: its name and unit, explained on hover."""
    unit = f" ({facts['unit']})" if "unit" in facts else ""
    hover = escape(facts.get("description", "").replace("`", ""))
    text = escape(name.replace("_", " ") + unit)
    return f'<th scope="col"><button title="{hover}">{text}</button></th>'


def cell(value):
    """Write a value as a cell: numbers to the right, with six digits at most."""
    if pd.isna(value):
        return "<td></td>"
    if pd.api.types.is_number(value) and not pd.api.types.is_bool(value):
        return f'<td class="number">{value:.6g}</td>'
    text = escape(str(value))
    return f'<td class="{text}">{text}</td>' if text in MARKED_WORDS else f"<td>{text}</td>"
