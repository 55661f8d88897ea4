"""The project's own files agree with each other and with what was published."""

import csv
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import lampflux
from conftest import PROJECT
from lampflux.fluxes.flags import FLAGS
from lampflux.fluxes.windows import line_windows, order_problems, read_rows
from lampflux.lamps.quality import IDEAL

SCRIPTS = PROJECT / "workflow" / "scripts"
PUBLISHED = PROJECT.parent / "shared" / "reference" / "line_windows.csv"
TABLES = sorted((PROJECT / "resources" / "line_windows").glob("*.csv"))
DETECTOR_COLUMNS = 4096
# Each lock and what it pins.
LOCKS = {
    "requirements.lock": ["requirements.txt"],
    "requirements-dev.lock": ["requirements.txt", "requirements-dev.txt"],
    "requirements-cluster.lock": [
        "requirements.txt",
        "requirements-dev.txt",
        "requirements-cluster.txt",
    ],
}


def read(name):
    return (PROJECT / name).read_text(encoding="utf-8")


def ranges(lines):
    """Package name to range, of lines such as numpy>=2.0."""
    parsed = [Requirement(line) for line in lines]
    names = [requirement.name for requirement in parsed]
    assert len(set(names)) == len(names)
    return {requirement.name: requirement.specifier for requirement in parsed}


def requirements(name="requirements.txt"):
    lines = (line.partition("#")[0].strip() for line in read(name).splitlines())
    return ranges(line for line in lines if line)


def environment():
    return ranges(yaml.safe_load(read("environment.yml"))["dependencies"])


def project():
    return tomllib.loads(read("pyproject.toml"))["project"]


def pins(lock):
    """Package name to version and hashes, of a lock file."""
    text = re.sub(r"(?m)^\s*#.*\n", "", read(lock))
    packages = {}
    for entry in text.replace("\\\n", " ").splitlines():
        pin, *hashes = entry.split()
        name, version = re.fullmatch(r"([A-Za-z0-9._-]+)==([^\s;]+)", pin).groups()
        packages[name] = version, hashes
    return packages


# Packages


def test_conda_and_pip_ask_for_the_same_packages_in_the_same_ranges():
    conda = environment()
    conda.pop("python")
    assert conda == requirements()


def test_the_package_with_its_workflow_extra_asks_for_the_same_packages_in_the_same_ranges():
    extra = project()["optional-dependencies"]["workflow"]
    assert ranges(project()["dependencies"] + extra) == requirements()


def test_the_workflow_asks_for_the_oldest_snakemake_that_its_packages_allow():
    oldest = re.search(r'(?m)^min_version\("(.+)"\)$', read("Snakefile"))[1]
    assert requirements()["snakemake"] == SpecifierSet(f">={oldest},<10")
    # Any Snakemake 9 must understand the code before the version check.
    assert "pathvars" not in read("Snakefile")


def test_conda_and_pip_ask_for_the_same_python():
    assert environment()["python"] == SpecifierSet(project()["requires-python"])


@pytest.mark.parametrize("lock", LOCKS)
def test_each_lock_pins_every_required_package_within_its_range(lock):
    pinned = pins(lock)
    for source in LOCKS[lock]:
        for name, versions in requirements(source).items():
            assert pinned[name][0] in versions, name


def test_development_runs_the_versions_that_users_run():
    development = pins("requirements-dev.lock")
    for name, pin in pins("requirements.lock").items():
        assert development[name] == pin


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_of_a_lock_has_sha256_hashes(lock):
    for name, (_, hashes) in pins(lock).items():
        assert hashes, name
        for text in hashes:
            assert re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", text), name


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_index(lock):
    text = read(lock)
    options = [line.strip() for line in text.splitlines() if line.lstrip().startswith("-")]
    assert options
    assert all(option.startswith("--hash=sha256:") for option in options)
    assert "://" not in text


# Version and config


def test_the_version_is_the_same_everywhere():
    citation = yaml.safe_load(read("CITATION.cff"))
    newest = re.search(r"(?m)^## (\S+)", read("CHANGELOG.md"))
    assert str(citation["version"]) == newest[1] == lampflux.__version__


def test_config_and_schema_have_the_same_keys():
    config = yaml.safe_load(read("config.yaml"))
    schema = yaml.safe_load(read("workflow/schemas/config.schema.yaml"))
    assert set(config) == set(schema["properties"]) == set(schema["required"])
    assert not schema["additionalProperties"]


def test_every_key_of_an_arm_is_in_the_schema_and_explained_in_the_config():
    text = read("config.yaml")
    arms = yaml.safe_load(read("resources/instruments/hector.yaml"))["arms"]
    arm = yaml.safe_load(read("workflow/schemas/config.schema.yaml"))["$defs"]["arm"]
    known = set(arm["properties"])
    for settings in arms.values():
        assert set(arm["then"]["required"]) <= set(settings) <= known
    comments = " ".join(re.findall(r"(?m)^\s*#(.*)$", text))
    assert not [key for key in known if not re.search(rf"\b{key}\b", comments)]


@pytest.mark.parametrize("key", yaml.safe_load(read("config.yaml")))
def test_every_key_of_the_config_is_explained_above_it(key):
    lines = read("config.yaml").splitlines()
    (at,) = [number for number, line in enumerate(lines) if line.startswith(f"{key}:")]
    assert lines[at - 1].startswith("#")


def test_both_published_red_solutions_are_available():
    config = yaml.safe_load(read("resources/instruments/hector.yaml"))["arms"]
    published = yaml.safe_load(read("resources/solutions/published_red.yaml"))["arms"]
    solutions = [
        tuple(arm[key] for key in ("crval", "crpix", "cdelt"))
        for arm in (config["Blue"], config["Red"], published["Red"])
    ]
    assert solutions == [
        (4799.726495726, 2048, 0.5470085470085),
        (6754.73992674, 2048, 0.5201465201465),
        (6781.932617188, 2048, 0.5185891473977),
    ]


# Line windows


def rows_of(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_there_is_a_window_table_for_each_of_the_14_published_pairs():
    assert len(TABLES) == 14


@pytest.mark.skipif(not PUBLISHED.is_file(), reason=f"there is no {PUBLISHED}")
def test_the_window_tables_are_the_published_windows():
    published, ours = {}, {}
    for row in rows_of(PUBLISHED):
        window = (row["pixel_start"], row["pixel_stop"], row["ion"], row["wavelength_air"])
        published.setdefault(f"{row['lamp']}_{row['arm']}.csv", []).append(window)
    for path in TABLES:
        ours[path.name] = [
            (row["start"], row["stop"], row["ion"], row["wavelength_air"]) for row in rows_of(path)
        ]
    assert ours == published


@pytest.mark.parametrize("path", TABLES, ids=lambda path: Path(path).stem)
def test_a_window_table_of_the_project_passes_every_check(path):
    windows = [(int(row["start"]), int(row["stop"])) for row in rows_of(path)]
    assert windows
    assert all(0 <= start <= stop < DETECTOR_COLUMNS for start, stop in windows)
    in_order = sorted(windows)
    assert all(stop < start for (_, stop), (start, _) in zip(in_order, in_order[1:]))
    assert order_problems(line_windows(read_rows(path))) == []


@pytest.mark.parametrize("path", TABLES, ids=lambda path: Path(path).stem)
def test_a_window_table_of_the_project_is_for_a_lamp_and_arm_of_the_config(path):
    config = yaml.safe_load(read("resources/instruments/hector.yaml"))
    lamp, arm = path.stem.split("_")
    assert arm in config["arms"]
    ions = {row["ion"] for row in rows_of(path)} - {""}
    assert ions <= set(config["lamps"][lamp])


# Columns, units, thresholds and flags that the documentation explains


def documented(table):
    """The columns of a product by its schema: name to unit and description."""
    return yaml.safe_load(read(f"workflow/schemas/products/{table}.yaml"))["columns"]


def test_a_column_of_several_tables_has_one_unit():
    units = {}
    for table in "lamp", "coverage", "exposure_plan", "planned_lines", "quality":
        for name, facts in documented(table).items():
            assert units.setdefault(name, facts.get("unit")) == facts.get("unit"), name


def test_thresholds_are_those_of_the_documentation():
    thresholds = yaml.safe_load(read("config.yaml"))["quality"]
    assert list(thresholds) == list(IDEAL)
    explained = re.findall(r"(?m)^\| `(\w+)` \| [01] \| ([\d.]+, [\d.]+)", read("docs/quality.md"))
    for name, limits in thresholds.items():
        assert yaml.safe_load(f"[{dict(explained)[name]}]") == limits


def test_every_flag_is_documented_in_order():
    flags = read("docs/fluxes.md").split("## Flags")[1]
    words = re.findall(r"(?m)^\| `(\w+)` \|", flags.split("\n## ")[0])
    assert tuple(words) == FLAGS


def test_every_rule_that_makes_products_belongs_to_a_cluster_job():
    groups = yaml.safe_load(read("workflow/profiles/slurm/config.yaml"))["groups"]
    files = (PROJECT / "workflow" / "rules").glob("*.smk")
    made = {name for file in files for name in re.findall(r"(?m)^rule (\w+):", file.read_text())}
    # Two rules report faults; the others make optional products on request.
    on_request = {"join_wavelengths", "measure_gain", "write_ecsv"}
    assert made - groups.keys() == {"check", "refuse"} | on_request
