"""Tables as pages: what they hold, and that they need no network."""

import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd

from conftest import PROJECT
from lampflux.files.pages import write_page

TEMPLATE = PROJECT / "workflow" / "report" / "table.html"


class Cells(HTMLParser):
    """The text and class of every cell, row by row."""

    def __init__(self):
        super().__init__()
        self.rows, self.inside = [], False

    def handle_starttag(self, tag, attrs):
        if tag == "tr":
            self.rows.append([])
        if tag in ("th", "td"):
            self.rows[-1].append(("", dict(attrs).get("class")))
            self.inside = True

    def handle_endtag(self, tag):
        if tag in ("th", "td"):
            self.inside = False

    def handle_data(self, data):
        if self.inside:
            text, kind = self.rows[-1][-1]
            self.rows[-1][-1] = text + data, kind


def page_rows(text):
    """Heading and rows of a page, as lists of (text, class)."""
    parser = Cells()
    parser.feed(text)
    return parser.rows


def fetched(text):
    """Whatever a browser would fetch for a page: sources, style sheets, imports."""
    marks = r"""(?:\ssrc\s*=|<link|@import|url\(|import\s*\(|fetch\(|XMLHttpRequest)[^>;]{0,80}"""
    return [found for found in re.findall(marks, text) if "data:" not in found]


def test_a_page_has_every_cell_with_units_in_the_headings(tmp_path):
    table = pd.DataFrame(
        {
            "lamp": ["A & <B>", "C"],
            "flux": [1234.56789, np.nan],
            "lines": [3, 12],
            "score": ["failed", "good"],
            "simulated": [True, False],
        }
    )
    write_page(table, "Lamps <of> all", True, TEMPLATE, tmp_path / "page.html", "lamp")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    heading, first, second = page_rows(text)
    assert [word for word, _ in heading] == [
        "lamp",
        "flux (ADU/s/fibre)",
        "lines",
        "score",
        "simulated",
    ]
    assert first == [
        ("A & <B>", None),
        ("1234.57", "number"),
        ("3", "number"),
        ("failed", "failed"),
        ("True", None),
    ]
    assert second[1] == ("", None)
    assert 'title="Best flux, at the lamp&#x27;s mean brightness"' in text
    assert "<h1>Lamps &lt;of&gt; all [SIMULATED]</h1>" in text


def test_a_page_fetches_nothing(tmp_path):
    table = pd.DataFrame({"lamp": ["A"]})
    write_page(table, "Lamps", False, TEMPLATE, tmp_path / "page.html", "lamp")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert fetched(text) == []
    assert "http" not in text
    assert "$" not in text
