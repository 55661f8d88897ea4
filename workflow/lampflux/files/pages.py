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
    template, path : str
        The page's template, and the page.
    product : str
        Name of the schema that explains the columns, as in workflow/schemas/products.
    """
    shown, same = without_constants(table)
    headings, rows = table_parts(shown, column_facts(product))
    title = escape(title) + (" [SIMULATED]" if simulated else "")
    words = "; ".join(f"{name.replace('_', ' ')} {text(value)}" for name, value in same.items())
    same = f"The same in all rows: {escape(words)}." if words else ""
    fill_template(template, path, title=title, headings=headings, rows=rows, same=same)


def without_constants(table):
    """Leave out columns that are empty or the same in all rows of a table of several.

    Returns
    -------
    table : DataFrame
    same : dict
        Column to its value in all rows, of those that are not empty.
    """
    if len(table) < 2:
        return table, {}
    alike = [name for name in table if table[name].nunique(dropna=False) == 1]
    same = {name: table[name].iloc[0] for name in alike}
    return table.drop(columns=alike), {k: v for k, v in same.items() if not pd.isna(v)}


def fill_template(template, path, **parts):
    """Write a page from its template, whole or not at all; ``parts`` are HTML."""
    page = Template(Path(template).read_text(encoding="utf-8")).substitute(parts)
    with whole(path) as part:
        part.write_text(page, encoding="utf-8")


def table_parts(table, facts):
    """Write headings, with units and meanings from a schema's facts, and rows as HTML."""
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
        rows.append(map(text, row))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def heading(name, facts):
    """Write a column's heading: its name and unit, explained on hover."""
    unit = f" ({facts['unit']})" if "unit" in facts else ""
    hover = escape(facts.get("description", "").replace("`", ""))
    text = escape(name.replace("_", " ") + unit)
    return f'<th scope="col"><button title="{hover}">{text}</button></th>'


def is_number(value):
    """Whether a value is a number that is known."""
    known = pd.api.types.is_number(value) and not pd.api.types.is_bool(value)
    return known and not pd.isna(value)


def text(value):
    """Write a value: numbers with four digits, from 1000 on with six; nothing if not known."""
    if is_number(value):
        return f"{value:.6g}" if abs(value) >= 1000 else f"{value:.4g}"
    return "" if pd.isna(value) else str(value)


def cell(value):
    """Write a value as a cell: numbers to the right, marked words in colour."""
    words = escape(text(value))
    kind = "number" if is_number(value) else words if words in MARKED_WORDS else ""
    return f'<td class="{kind}">{words}</td>' if kind else f"<td>{words}</td>"
