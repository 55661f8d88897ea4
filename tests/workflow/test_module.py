"""lampflux as a module of another workflow, and as the workflow catalogue runs it."""

import pytest
import yaml

from conftest import PROJECT, lamp_counts, write_frame, write_text

EXPOSURE = "Newport_Ne_Red_10s_01"
OUTER = f"""
module lampflux:
    snakefile:
        "{PROJECT}/Snakefile"
    config:
        {{"raw_dir": "night", "fibres": 1}}


use rule * from lampflux as lampflux_*


rule brightest:
    input:
        "results/fluxes/{EXPOSURE}.csv",
    output:
        "brightest.csv",
    shell:
        "sort -t, -k3 -g {{input}} | tail -1 > {{output}}"
"""


@pytest.fixture
def frame(tmp_path):
    """Return the folder of a frame that the outer workflow is to measure."""
    write_frame(tmp_path / "night" / f"{EXPOSURE}.fits", lamp_counts(1))
    return tmp_path


def test_another_workflow_uses_rules_and_products_and_gives_only_what_it_changes(
    frame, snakemake, tmp_path
):
    write_text(tmp_path / "outer/Snakefile", OUTER)
    run = snakemake(frame, "brightest", project=tmp_path / "outer")
    assert run.status == 0, run.output
    assert "lampflux_measure_fluxes" in run.output
    rows = (frame / f"results/fluxes/{EXPOSURE}.csv").read_text().splitlines()[1:]
    brightest = max(rows, key=lambda row: float(row.split(",")[2]))
    assert (frame / "brightest.csv").read_text().strip() == brightest
    # With the 61 fibres of config.yaml it would be 61 times less.
    alone = snakemake(frame, f"again/fluxes/{EXPOSURE}.csv", *settings("night", "again"))
    assert alone.status == 0, alone.output
    fluxes = [
        [float(row.split(",")[2]) for row in path.read_text().splitlines()[1:]]
        for path in (
            frame / f"results/fluxes/{EXPOSURE}.csv",
            frame / f"again/fluxes/{EXPOSURE}.csv",
        )
    ]
    assert fluxes[0] == pytest.approx([61 * flux for flux in fluxes[1]], rel=1e-9)


# Another workflow, whose scripts have a package of a common name in the usual place.
NEIGHBOUR = """
import os

before = dict(os.environ)
{module}
assert dict(os.environ) == before


rule own:
    output:
        "own.txt",
    script:
        "workflow/scripts/own.py"


rule variables:
    output:
        "variables.txt",
    shell:
        "env > {{output}}"
"""
MODULE = f"""
module lampflux:
    snakefile:
        "{PROJECT}/Snakefile"
    config:
        {{"raw_dir": "night"}}


use rule * from lampflux as lampflux_*
"""


def test_a_neighbour_keeps_its_modules_and_its_environment_variables(frame, snakemake, tmp_path):
    seen = []
    for name, module in ("alone", ""), ("beside", MODULE):
        outer = tmp_path / name
        write_text(outer / "Snakefile", NEIGHBOUR.format(module=module))
        write_text(outer / "workflow/scripts/common/__init__.py", "WHOSE = 'own'")
        write_text(
            outer / "workflow/scripts/own.py",
            "from common import WHOSE\n"
            "with open(snakemake.output[0], 'w') as file:\n    file.write(WHOSE)\n",
        )
        product = [f"results/fluxes/{EXPOSURE}.csv"] if module else []
        run = snakemake(frame, "own", "variables", *product, "--forcerun", "own", project=outer)
        assert run.status == 0, run.output
        assert (frame / "own.txt").read_text() == "own"
        lines = (frame / "variables.txt").read_text().splitlines()
        (frame / "variables.txt").unlink()
        seen.append({line for line in lines if not line.startswith("_=")})
    assert seen[0] == seen[1]
    assert (frame / f"results/fluxes/{EXPOSURE}.csv").is_file()
    assert not (frame / "results/logs/run.lock").exists()


def settings(raw, results):
    return ["--config", f"raw_dir={raw}", f"results_dir={results}"]


def test_the_catalogues_snakefile_is_the_same_workflow(frame, snakemake):
    run = snakemake(frame, "--dry-run", *settings("night", "results"))
    other = snakemake(
        frame, "--dry-run", *settings("night", "results"), project=PROJECT / "workflow"
    )
    assert other.status == 0, other.output
    assert other.jobs == run.jobs != set()


def test_the_catalogue_entry_is_complete():
    catalog = yaml.safe_load((PROJECT / ".snakemake-workflow-catalog.yml").read_text())
    assert catalog["usage"] == {"software-stack-deployment": {"conda": True}, "report": True}
    assert (PROJECT / "config/README.md").is_file()
    assert (PROJECT / "environment.yml").is_file()
