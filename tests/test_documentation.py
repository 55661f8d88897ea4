"""The documentation is correct: columns, keys, links, and the code that it shows."""

import os
import re
import subprocess
import sys

import pandas as pd
import pytest
import yaml
from astropy.io import fits

import reference
from conftest import PROJECT, dark_counts, lamp_counts, small_campaign, write_frame, write_text
from lampflux.files.headers import OBSERVATION

DOCS = PROJECT / "docs"
EXPOSURES = """brand,lamp,arm,exptime,id,dark
Photron,ThAr,Red,10,01,yes
Newport,Ar,Red,10,01,no
"""
THORIUM, ARGON = "Photron_ThAr_Red_10s_01", "Newport_Ar_Red_10s_01"
FRAMES = "resources/raw/simulated/Photron_ThAr_Red_fits"
# A file of each table, below the folder of a run.
TABLES = {
    "identified_lines": f"results/calibrated/{THORIUM}_lines.csv",
    "proposed_windows": "results/windows/ThAr_Red.csv",
    "fluxes": f"results/fluxes/{THORIUM}.csv",
    "window_fits": f"results/fluxes/{THORIUM}_fits.csv",
    "lamp": "results/lamps/Photron_ThAr_Red.csv",
    "coverage": "results/lamps/coverage.csv",
    "exposure_plan": "results/lamps/exposure_plan.csv",
    "planned_lines": "results/lamps/planned_lines.csv",
    "quality": "results/quality/exposures.csv",
    "closure": "results/closure/lines.csv",
    "closure_summary": "results/closure/summary.csv",
    "truth_lines": f"{FRAMES}/{THORIUM}_truth.csv",
    "truth_pixels": f"{FRAMES}/{THORIUM}_injected.csv",
}
SPECTRA = {
    "spectrum": "spectra",
    "spectrum_rows": "spectra",
    "calibrated": "calibrated",
    "peaks": "calibrated",
}
MARKDOWN = [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]


def table_of(name):
    """Name of the FITS table that a schema describes."""
    return reference.read(f"workflow/schemas/products/{name}.yaml")["part"].split()[-1]


def columns_of(name):
    """The columns of a product by its schema: name to unit and description."""
    return reference.read(f"workflow/schemas/products/{name}.yaml")["columns"]


@pytest.fixture(scope="module")
def root(snakemake, tmp_path_factory):
    """Return the folder of a run of two small simulated exposures, one without a dark."""
    root = tmp_path_factory.mktemp("documented")
    settings = small_campaign(root, EXPOSURES)
    run = snakemake(root, "all", "results/windows/ThAr_Red.csv", *settings)
    assert run.status == 0, run.output
    return root


# The reference


@pytest.mark.parametrize("name", reference.pages())
def test_the_reference_is_what_the_schemas_say(name):
    written = (DOCS / "reference" / name).read_text(encoding="utf-8")
    assert written == reference.pages()[name], "run: python docs/reference.py"


def test_every_schema_is_in_the_reference():
    schemas = {path.stem for path in (PROJECT / "workflow/schemas/products").glob("*.yaml")}
    assert schemas == set(reference.PRODUCTS)
    inputs = {path.name.split(".")[0] for path in (PROJECT / "workflow/schemas").glob("*.yaml")}
    assert inputs == set(reference.INPUTS) | {"config", "physics", "planned_instrument"}


@pytest.mark.parametrize(("name", "path"), TABLES.items())
def test_a_table_has_the_columns_that_are_documented_in_order(name, path, root):
    assert list(pd.read_csv(root / path, nrows=1)) == list(columns_of(name))


@pytest.mark.parametrize(("name", "folder"), SPECTRA.items())
def test_a_spectrum_has_the_columns_units_and_keywords_that_are_documented(name, folder, root):
    standard = {"SIMPLE", "BITPIX", "NAXIS", "NAXIS1", "EXTEND"}
    known = {"spectrum": columns_of("spectrum_header")}
    known["calibrated"] = known["spectrum"] | columns_of("calibrated_header")
    known["spectrum_rows"], known["peaks"] = known["spectrum"], known["calibrated"]
    seen = set()
    for exposure in THORIUM, ARGON:
        with fits.open(root / f"results/{folder}/{exposure}.fits") as hdus:
            units = {column.name: column.unit for column in hdus[table_of(name)].columns}
            # Keywords of amplifiers end with their number; a record's field follows a point.
            seen |= {
                re.sub(
                    r"^((?:BADCOL|BIASCOL|BIASLEV|LITBIAS))\d+$", r"\1n", keyword.partition(".")[0]
                )
                for keyword in hdus[0].header
            }
        documented = columns_of(name)
        assert units == {column: facts.get("unit") for column, facts in documented.items()}
        assert list(units) == list(documented)
    # Fitted wavelengths need no reason; no master is made; and the simulated frames have no cards
    # on telescope, gain or overscan.
    absent = {"DARKTIME", "DARKFn", "NBIAS", "BIASFILE", "BIASFn", "BGSHARE", "NCOMBINE"}
    absent |= {*OBSERVATION}
    absent |= {"BADPIX", "OVERMETn", "OVERLEVn", "AMPGAINn", "WAVEREAS", "GAINMEAS", "BADCOLn"}
    assert seen - standard == known[name].keys() - absent


# Links, names and code


@pytest.mark.parametrize("page", MARKDOWN, ids=lambda page: str(page.relative_to(PROJECT)))
def test_links_of_a_page_lead_to_files_of_the_repository(page):
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).is_file()] == []


def test_every_page_is_in_the_navigation():
    text = (PROJECT / "mkdocs.yml").read_text(encoding="utf-8")
    pages = {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")}
    assert set(re.findall(r"\S+\.md", text)) == pages


def test_the_path_of_an_exposure_names_functions_of_the_package():
    text = (DOCS / "contributing.md").read_text(encoding="utf-8")
    path = text.split("## The path of an exposure")[1].split("\n## ")[0]
    stages = re.findall(r"(?m)\| `(\w+)` \| `(\w+)` \|$", path)
    assert len(stages) > 10
    for folder, function in stages:
        modules = (PROJECT / "workflow" / "lampflux" / folder).glob("*.py")
        code = "".join(module.read_text(encoding="utf-8") for module in modules)
        assert re.search(rf"(?m)^def {function}\(", code), f"{function} in {folder}"


def code_blocks(page, language):
    return re.findall(rf"(?ms)^```{language}\n(.*?)^```", (DOCS / page).read_text())


def test_the_tutorial_makes_the_table_of_a_night(snakemake, tmp_path):
    night = {
        "20190812_dark_0001.fits": (dark_counts(seed=0), {"IMAGETYP": "DARK", "EXPTIME": 10.0}),
        "20190812_arc_0002.fits": (lamp_counts(seed=1), {"IMAGETYP": "ARC", "EXPTIME": 10.0}),
        "20190812_arc_0003.fits": (lamp_counts(seed=2), {"IMAGETYP": "ARC", "EXPTIME": 60.0}),
    }
    for name, (counts, header) in night.items():
        header |= {"OBJECT": "Newport Ne", "DETECTOR": "RED"}
        write_frame(tmp_path / "night" / name, counts, **header)
    (script,) = code_blocks("tutorial.md", "python")
    (settings,) = code_blocks("tutorial.md", "yaml")
    write_text(tmp_path / "mine.yaml", settings)
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)
    assert (tmp_path / "night/exposures.csv").read_text().splitlines()[1:] == [
        "20190812_arc_0002.fits,Newport,Ne,Red,10.0,0002,20190812_dark_0001.fits",
        "20190812_arc_0003.fits,Newport,Ne,Red,60.0,0003,",
    ]
    run = snakemake(tmp_path, "check", "--configfile", tmp_path / "mine.yaml")
    assert run.status == 0, run.output
    assert "No problems found. Exposures: 2," in run.output


def test_yaml_that_pages_show_has_keys_of_the_config_only():
    known = set(reference.read("config.yaml"))
    shown = [block for page in DOCS.rglob("*.md") for block in code_blocks(page, "yaml")]
    assert len(shown) > 3
    for block in shown:
        assert set(yaml.safe_load(block)) <= known


def test_the_script_that_uses_the_products_runs(root):
    environment = os.environ | {"LAMPFLUX_RESULTS": str(root / "results"), "MPLBACKEND": "agg"}
    run = subprocess.run(
        [sys.executable, "docs/using_products.py"],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    # Ar I 7635.106 from the lists; a pixel is 0.5 Angstrom.
    seen = float(re.search(r"brightest pixel at ([\d.]+) Angstrom", run.stdout)[1])
    assert seen == pytest.approx(7635.106, abs=0.26)
    assert run.stdout.count("times as bright as Ar") == 7
    # The tables of lines that are simulated.
    lines = PROJECT / "resources/simulation/lines"
    argon, thorium = (
        pd.read_csv(lines / f"{lamp}_Red.csv").set_index("wavelength_air")["flux"]
        for lamp in ("Newport_Ar", "Photron_ThAr")
    )
    wavelength = argon.index[abs(argon.index - 7635.106) < 0.01][0]
    ratio = float(re.search(r"7635\.11 Angstrom: ThAr is ([\d.]+)", run.stdout)[1])
    assert ratio == pytest.approx(thorium[wavelength] / argon[wavelength], rel=0.01)
    assert {path.name for path in (root / "results/pictures").iterdir()} == {
        "line.png",
        "two_lamps.png",
    }
