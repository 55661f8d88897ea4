"""The page of answers: its sentences follow from its tables and are visible at once."""

import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest

from conftest import PROJECT
from lampflux.files.answers import write_answers
from lampflux.files.pages import markdown_table, without_constants
from lampflux.lamps.answers import (
    answer,
    arm_verdict,
    choice_table,
    gain_note,
    lamp_health,
    lamp_table,
    mode_verdict,
    not_measured,
    steadiness,
    worst_health,
)

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")


def choices(alone=0.02, pair=0.01, measured_to=7400.0):
    rows = [
        ("A Ne", 1, 1, 40, 300.0, alone, "A Ne 2 s", 2.0),
        ("B Kr", 1, 2, 10, 900.0, np.nan, "B Kr 9 s", 9.0),
        ("A Ne + B Kr", 2, 1, 50, 210.4, pair, "A Ne 2 s; B Kr 1 + 9 s", 12.0),
    ]
    names = ["lamps", "number", "rank", "lines", "gap", "precision", "exposures", "total_seconds"]
    table = pd.DataFrame(rows, columns=names)
    table = table.assign(mode="LR", precision_mean=table["precision"] / 2, mode_from=3700.0)
    return table.assign(mode_to=7400.0, measured_from=3700.0, measured_to=measured_to)


def lines():
    rows = [
        ("A", "Ne", "Red", 6402.2, 9000.0),
        ("A", "Ne", "Red", 6506.5, 40.0),
        ("A", "Ne", "Red", 6600.0, 70.0),
        ("B", "Kr", "Red", 7601.5, 800.0),
    ]
    names = ["brand", "lamp", "arm", "wavelength", "flux"]
    return pd.DataFrame(rows, columns=names)


def quality(score="good"):
    table = pd.DataFrame({"brand": ["A", "A", "B"], "lamp": ["Ne", "Ne", "Kr"], "arm": "Red"})
    table = table.assign(seconds=1.0, brightness=[0.99, 1.01, 1.0], error_source="gain")
    return table.assign(score=["good", score, "good"])


def coverage():
    rows = [
        ("Red", 1, 1, "A Ne", None, 40, 300.4),
        ("Red", 1, 2, "B Kr", None, 10, 900.0),
        ("Red", 2, 1, "A Ne", "B Kr", 50, 210.4),
    ]
    return pd.DataFrame(rows, columns=["arm", "number", "rank", "first", "second", "lines", "gap"])


def plans():
    rows = [("A", "Ne", "Red", 2.0, 0.5, 8.0), ("B", "Kr", "Red", 9.0, np.nan, np.nan)]
    return pd.DataFrame(
        rows, columns=["brand", "lamp", "arm", "single", "pair_short", "pair_long"]
    )


def health(score="good"):
    return lamp_health(quality(score))


def test_the_verdict_names_pair_times_lines_gap_and_precision():
    assert mode_verdict(choices(), health()) == (
        "A Ne 2 s; B Kr 1 + 9 s: 50 lines, longest gap 210 Å, wavelengths good to 0.01 Å; "
        "A Ne alone reaches 0.02 Å"
    )


def test_a_lamp_alone_that_is_nearly_as_good_is_named():
    assert "A Ne alone does nearly as well (0.011 Å)" in mode_verdict(choices(0.011), health())


def test_the_verdict_gives_the_range_of_a_partly_measured_mode():
    assert "as far as measured (3700 to 7000 Å)" in mode_verdict(
        choices(measured_to=7000.0), health()
    )


def test_the_verdict_says_that_no_lamp_has_enough_lines():
    assert mode_verdict(choices(np.nan, np.nan), health()).startswith("no lamp or pair")


def test_an_arm_has_its_best_pair_and_lamp():
    assert arm_verdict(coverage(), health(), 50) == (
        "A Ne + B Kr: 50 lines, longest gap 210 Å; A Ne alone: 40 lines, longest gap 300 Å "
        "(lines above 50 ADU/s/fibre)"
    )


def test_a_verdict_warns_of_exposures_that_are_not_good():
    warning = "; health of the exposures: 1 of 3 failed"
    assert mode_verdict(choices(), health("failed")).endswith(warning)
    assert arm_verdict(coverage(), health("failed"), 50).endswith(warning)


def test_a_mode_without_a_lamp_has_no_health():
    assert worst_health(health(), [""]) == ""


def test_steadiness_is_the_scatter_of_the_brightness_in_the_least_steady_arm():
    table = pd.concat([quality(), quality().assign(arm="Blue", brightness=[0.9, 1.1, 1.0])])
    expected = 100 * np.std([0.9, 1.1], ddof=1)
    assert steadiness(table) == {"A Ne": pytest.approx(expected)}


def test_exposures_without_a_gain_are_counted():
    assert gain_note(quality()) == ""
    table = quality().assign(error_source=["gain", "scatter", "scatter"])
    assert gain_note(table).startswith("The gain is not known for 2 of 3 exposures")


def test_the_tables_have_no_empty_column():
    best = choice_table(choices(), quality("warned"))
    assert list(best["exposures"]) == ["A Ne 2 s", "A Ne 2 s; B Kr 1 + 9 s"]
    assert list(best["health"]) == ["1 of 2 warned", "1 of 3 warned"]
    assert list(best["scatter"]) == [1.4, 1.4]
    lamps = lamp_table(lines(), coverage(), plans(), quality(), 50)
    assert list(lamps["lines"]) == [2, 1]
    assert list(lamps["brightest_line"]) == [6402.2, 7601.5]
    assert list(lamps["exposures"]) == ["0.5 + 8 s", "9 s"]
    assert list(lamps["health"]) == ["good", "good"]
    assert "scatter" not in choice_table(choices(), quality().assign(brightness=np.nan))


def test_a_choice_without_a_line_has_no_row():
    best = choice_table(choices().assign(lines=[0, 0, 50]), quality())
    assert list(best["lines"]) == [50]


def test_lamps_that_were_not_measured_in_an_arm_are_named():
    assert not_measured(plans()) == ""
    blue = plans().assign(arm=["Blue", "Red"])
    assert not_measured(blue).endswith("counted: B Kr in the Blue arm, A Ne in the Red arm.")


def test_a_page_leaves_out_constant_columns():
    table = pd.DataFrame({"lamp": ["A", "B"], "arm": "Red", "drift": np.nan})
    shown, same = without_constants(table)
    assert list(shown) == ["lamp"]
    assert same == {"arm": "Red"}
    assert list(without_constants(table[:1])[0]) == list(table)


def test_health_counts_failed_before_warned():
    table = pd.concat([quality("failed"), quality("warned")])
    assert worst_health(lamp_health(table), ["A Ne"]) == "1 of 4 failed, 1 of 4 warned"


def test_tables_in_markdown_have_a_row_for_each_and_units():
    table = pd.DataFrame({"gap": [1.5, np.nan], "lamps": ["A", "B"]})
    text = markdown_table(table, {"gap": {"unit": "Angstrom"}})
    assert text.splitlines() == [
        "| gap (Angstrom) | lamps |",
        "| --- | --- |",
        "| 1.5 | A |",
        "|  | B |",
    ]


PROBE = """
<script>
const first = document.querySelector("table"), box = first.getBoundingClientRect();
const seen = [...document.querySelectorAll("dd")].every(
  each => each.getBoundingClientRect().bottom < innerHeight);
const rows = [...first.tBodies[0].rows].filter(
  row => row.getBoundingClientRect().bottom < innerHeight).length;
const wide = box.right <= innerWidth;
const heads = [...first.querySelectorAll("th")];
const cells = number => [...first.tBodies[0].rows].map(row => row.cells[number].textContent);
let sorted = true;
heads.forEach((head, number) => {
  head.click();
  const values = cells(number), known = values.filter(value => value && !isNaN(value));
  for (let i = 1; i < known.length; i++) sorted &&= +known[i - 1] <= +known[i];
});
const named = heads.every(head => head.firstChild.title);
document.body.textContent = "PROBE" + JSON.stringify({seen, rows, wide, sorted, named});
</script>
"""


@pytest.mark.skipif(BROWSER is None, reason="needs the browser chromium")
@pytest.mark.parametrize("size", ["1280,720", "1920,1080"])
def test_the_verdicts_and_the_best_lamps_are_visible_at_once(tmp_path, size):
    best = choices(0.011, measured_to=7000.0).assign(instrument="MAVIS")
    modes = [best.assign(mode=mode) for mode in ("LR-Blue", "LR-Red", "HR-Blue", "HR-Red")]
    arms = [coverage().assign(arm=arm) for arm in ("Red", "Blue")]
    every = quality().assign(exposure="E", reasons="")
    simulated = lines().assign(simulated=True)
    answers = answer(pd.concat(modes), pd.concat(arms), plans(), simulated, every, 50)
    (tmp_path / "arcs.png").write_bytes(b"")
    page, text = tmp_path / "answers.html", tmp_path / "answers.md"
    template = PROJECT / "workflow" / "report" / "answers.html"
    write_answers(answers, tmp_path / "arcs.png", template, page, text)
    assert text.read_text("utf-8").startswith("# Lamps for MAVIS [SIMULATED]\n")
    assert text.read_text("utf-8").count(mode_verdict(best, health())) == 4
    page.write_text(page.read_text("utf-8").replace("</body>", PROBE + "</body>"), "utf-8")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--window-size={size}"]
    run = subprocess.run(
        [BROWSER, *flags, f"--user-data-dir={tmp_path}", "--dump-dom", page.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
    )
    found = run.stdout.split("PROBE")[1].split("<")[0].strip()
    assert found == ('{"seen":true,"rows":8,"wide":true,"sorted":true,"named":true}')
