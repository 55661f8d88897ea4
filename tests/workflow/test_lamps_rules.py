"""The rules from flux tables to answers, on published flux tables."""

import numpy as np
import pandas as pd
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.table import QTable

from conftest import RULES, chain, summaries, write_config, write_frame
from flux_tables import published
from lampflux.files.products import column_facts

LAMPS = (("Newport", "Ar", "Red"), ("Newport", "Ne", "Red"), ("Newport", "Ne", "Blue"))
WAVELENGTH = {"Red": np.linspace(5700, 7832, 4096), "Blue": np.linspace(3679, 5905, 4096)}
SETTINGS = {
    "planner": {"peak": 30000, "scale": {"Red": {"factor": 0.5, "error": 0.05}}},
    "line_limit": 1000,
}
ANSWERS = ("all_lines.csv", "coverage.csv", "exposure_plan.csv")
# Products that depend on these, and the health of the exposures, are not requested here.
LATER = {(rule, "") for rule in ("check_quality", "plan_instrument", "answer")}


@pytest.fixture(scope="module")
def answers(snakemake, tmp_path_factory):
    """A folder with the published tables as its products, and the run that made the answers."""
    root = tmp_path_factory.mktemp("answers")
    exposures = [
        (exposure["exposure"], names[2], table)
        for names in LAMPS
        for exposure, table in zip(*reversed(published()[names]))
    ]
    for name, _, _ in exposures:
        write_frame(root / f"resources/raw/{name}.fits", np.zeros((2, 2), "u2"))
    for name, arm, table in exposures:
        header = {"WAVEMETH": "fitted", "SIMULATE": True, "CTYPE1": "AWAV"}
        write_frame(root / f"results/calibrated/{name}.fits", np.ones(4096), **header)
        columns = [
            fits.Column("wavelength", "D", array=WAVELENGTH[arm]),
            fits.Column("clean", "D", array=np.ones(4096)),
        ]
        fits.append(
            root / f"results/calibrated/{name}.fits",
            fits.BinTableHDU.from_columns(columns, name="SPECTRUM").data,
            fits.Header({"EXTNAME": "SPECTRUM"}),
        )
        (root / f"results/calibrated/{name}_lines.csv").write_text("pixel\n")
        (root / "results/fluxes").mkdir(exist_ok=True)
        table.to_csv(root / f"results/fluxes/{name}.csv", index=False)
        headings = ",".join(column_facts("flux_lines"))
        (root / f"results/fluxes/{name}_lines.csv").write_text(f"{headings}\n")
    arguments = write_config(root / "mine.yaml", **SETTINGS)
    targets = [f"results/lamps/{name}" for name in ANSWERS]
    # The products were not made by the rules, only their times show that they are new.
    run = snakemake(root, *targets, "--rerun-triggers", "mtime", *arguments)
    assert run.status == 0, run.output
    return root, run


def table(root, name):
    return pd.read_csv(root / f"results/lamps/{name}")


def test_only_the_lamps_and_what_holds_all_lamps_run(answers):
    _, run = answers
    assert run.jobs == summaries(*("_".join((*names, "1s", "01")) for names in LAMPS)) - LATER


def test_the_table_of_all_lines_holds_those_of_every_lamp(answers):
    root, _ = answers
    lines = table(root, "all_lines.csv")
    parts = [table(root, f"{'_'.join(names)}.csv") for names in LAMPS]
    assert len(lines) == sum(len(part) for part in parts) == 8 + 11 + 5
    line = lines[lines["wavelength"].between(7635, 7636)].iloc[0]
    assert (line["brand"], line["lamp"], line["arm"]) == ("Newport", "Ar", "Red")
    assert line["excluded_why"] == "10 nonlinear at 60 s"
    exposures = table(root, "Newport_Ar_Red_exposures.csv").set_index("seconds")
    # The flux of the one exposure that is used, at the lamp's mean brightness; both are written
    # with two digits of their errors.
    light = exposures.loc[10, "brightness"]
    assert line["flux"] * light == pytest.approx(32385.98, rel=1e-4)


def test_coverage_counts_lines_above_the_limit_of_the_config(answers):
    coverage = table(answers[0], "coverage.csv").set_index(["arm", "number", "rank"])
    pair = coverage.loc["Red", 2, 1]
    assert (pair["first"], pair["second"]) == ("Newport Ar", "Newport Ne")
    assert pair["lines"] == 8 + 11
    # Neon's 909 ADU/s/fibre is its brightest in the blue.
    assert coverage.loc["Blue", 1, 1]["gap"] == pytest.approx(5905 - 3679, abs=0.1)


def test_the_plan_follows_the_peak_and_the_factor_of_the_config(answers):
    root, _ = answers
    plan = table(root, "exposure_plan.csv").set_index(["lamp", "arm"])
    rate = table(root, "Newport_Ne_Red.csv")["peak_rate"].max()
    neon = plan.loc["Ne", "Red"]
    # 1.817 is written with six digits at most; published peaks have no errors, so times have none.
    assert neon["time_peak"] == pytest.approx(30000 / (0.5 * rate), rel=1e-5)
    assert np.isnan(neon["time_peak_err"])
    # The shutter's steps are 0.1 s.
    assert neon["single"] == pytest.approx(np.floor(10 * neon["time_peak"]) / 10)
    assert plan.loc["Ne", "Blue"]["factor"] == 1


def test_an_added_exposure_re_runs_itself_its_lamp_and_what_holds_all_lamps(answers, snakemake):
    root, _ = answers
    added = "Newport_Ne_Red_10s_11"
    write_frame(root / f"resources/raw/{added}.fits", np.zeros((2, 2), "u2"))
    targets = [f"results/lamps/{name}" for name in ANSWERS]
    run = snakemake(root, "--dry-run", *targets, "--configfile", root / "mine.yaml")
    assert run.status == 0, run.output
    assert run.jobs == chain(added, rules=RULES[:3]) | summaries(added) - LATER


def test_any_table_is_made_with_its_units_in_the_file(answers, snakemake):
    root, _ = answers
    target = "results/lamps/Newport_Ar_Red.ecsv"
    arguments = ("--rerun-triggers", "mtime", "--configfile", root / "mine.yaml")
    run = snakemake(root, target, *arguments)
    assert run.status == 0, run.output
    assert run.jobs == {("write_ecsv", "lamps_Newport_Ar_Red")}
    lines, plain = QTable.read(root / target), table(root, "Newport_Ar_Red.csv")
    assert lines["wavelength"].to_value("nm").tolist() == pytest.approx(plain["wavelength"] / 10)
    assert lines["flux"].unit == u.adu / u.s
    assert lines["flux"].info.description.endswith(", per fibre")
    assert lines["flux"].value.tolist() == plain["flux"].tolist()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "config, planner.instrument: mine.yaml cannot be read (No such file or directory)"),
        ("name: [", "mine.yaml, line 1, is not YAML in UTF-8"),
        ("name: MINE", "mine.yaml: 'modes' is missing"),
    ],
)
def test_a_wrong_instrument_is_reported_before_anything_runs(snakemake, tmp_path, text, sentence):
    if text:
        (tmp_path / "mine.yaml").write_text(text)
    run = snakemake(tmp_path, "--dry-run", "--config", "planner={instrument: mine.yaml}")
    assert run.status == 1
    assert sentence in run.output
