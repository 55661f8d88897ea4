"""Tables as pages that can be sorted and searched in a browser, without a network."""

from html import escape
from pathlib import Path
from string import Template

import pandas as pd

from lampflux.files.whole import whole

SCORES = ("good", "warned", "failed")
# Unit of each column that has one, as workflow/schemas/products give them.
UNITS = {
    "wavelength": "Angstrom",
    "flux": "ADU/s/fibre",
    "flux_err": "ADU/s/fibre",
    "scatter": "%",
    "drift": "% / exposure",
    "drift_err": "% / exposure",
    "brightest_peak": "ADU",
    "peak_rate": "ADU/s",
    "read_variance": "ADU²",
    "photon_variance": "ADU²/s",
    "pixel_start": "pixel",
    "pixel_stop": "pixel",
    "gap": "Angstrom",
    "gap_from": "Angstrom",
    "gap_to": "Angstrom",
    "mean_gap": "Angstrom",
    "time_peak": "s",
    "time_peak_err": "s",
    "single": "s",
    "single_peak": "ADU",
    "pair_short": "s",
    "pair_long": "s",
    "peak": "ADU",
    "seconds": "s",
    "bias_level": "ADU",
    "bias_shift": "ADU",
    "background": "ADU/pixel",
    "noise": "ADU",
    "line_width": "pixel",
    "wave_rms": "Angstrom",
    "wave_rms_pixel": "pixel",
    "wave_shift": "Angstrom",
    "wave_shift_pixel": "pixel",
    "brightest_line": "Angstrom",
    "brightest_flux": "ADU/s/fibre",
}


def write_page(table, title, simulated, template, path):
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
    """
    headings = "".join(f'<th scope="col"><button>{heading(name)}</button></th>' for name in table)
    rows = "\n".join(
        "<tr>" + "".join(map(cell, row)) + "</tr>" for row in table.itertuples(index=False)
    )
    page = Template(Path(template).read_text(encoding="utf-8")).substitute(
        title=escape(title) + (" [SIMULATED]" if simulated else ""), headings=headings, rows=rows
    )
    with whole(path) as part:
        part.write_text(page, encoding="utf-8")


def heading(name):
    """Write a column's name with its unit."""
    unit = UNITS.get(name)
    return escape(name.replace("_", " ") + (f" ({unit})" if unit else ""))


def cell(value):
    """Write a value as a cell: numbers to the right, with six digits at most."""
    if pd.isna(value):
        return "<td></td>"
    if pd.api.types.is_number(value) and not pd.api.types.is_bool(value):
        return f'<td class="number">{value:.6g}</td>'
    text = escape(str(value))
    # The style of the page marks the words of a score.
    return f'<td class="{text}">{text}</td>' if text in SCORES else f"<td>{text}</td>"
