"""Run Snakemake on small campaigns in temporary folders, and report what it did."""

import contextlib
import os
import re
import runpy
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml
from astropy.io import fits

PROJECT = Path(__file__).resolve().parent.parent
# What a copy of the project needs to run.
WORKING_PARTS = (
    "Snakefile",
    "config.yaml",
    "environment.yml",
    "profiles",
    "resources",
    "workflow",
)
RULES = ("extract_spectrum", "calibrate_wavelengths", "measure_fluxes", "draw_exposure")


def rule_messages():
    """Map each rule's message, as a pattern with a group for each wildcard, to the rule."""
    messages = {}
    for path in sorted((PROJECT / "workflow" / "rules").glob("*.smk")):
        for rule, body in re.findall(r"(?ms)^rule (\w+):(.*?)(?=^\S|\Z)", path.read_text()):
            for message in re.findall(r'message:\s+"(.+?)"', body):
                pattern = re.sub(r"\\\{wildcards\\\.\w+\\\}", r"(\\S+)", re.escape(message))
                messages[re.compile(pattern)] = rule
    return messages


@dataclass(frozen=True)
class Run:
    """Output and exit status of a run of Snakemake."""

    status: int
    output: str

    @property
    def sentences(self):
        """The lines of output that come from lampflux."""
        return [line for line in self.output.splitlines() if line.startswith("lampflux:")]

    @property
    def jobs(self):
        """The jobs that ran, or in a dry run would run: a set of (rule, exposure).

        Rules for a lamp and arm have lamp_arm in place of the exposure.

        Read from the line of each job, and compared with Snakemake's own counts.
        Targets (rules without a message, that make no file) are left out.
        """
        announced, messages = [], rule_messages()
        # Of a dry run and, in a run, of a job that ended.
        line = r"(?m)^(?:Job \d+: | *\d+ of \d+  )(.+?)(?: -> .+)?$"
        for message in re.findall(line, self.output):
            matches = [
                (rule, "_".join(match.groups()))
                for pattern, rule in messages.items()
                if (match := pattern.fullmatch(message))
            ]
            assert len(matches) == 1, f"which rule says {message!r}?"
            announced += matches
        counts = re.search(r"(?m)^Job stats:\njob .*\n-.*\n((?:.+\n)+?)total ", self.output)
        counted = dict(row.split() for row in counts[1].splitlines()) if counts else {}
        counted = {rule: int(n) for rule, n in counted.items() if rule in messages.values()}
        if self.status == 0:
            assert Counter(rule for rule, _ in announced) == counted
        assert len(set(announced)) == len(announced)
        return set(announced)


@pytest.fixture(scope="session")
def snakemake(tmp_path_factory):
    """Return a function that runs the workflow as a user would, and returns its `Run`."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("SNAKEMAKE_")
    } | {"XDG_CACHE_HOME": str(tmp_path_factory.mktemp("cache"))}

    def run(directory, *arguments, project=PROJECT, cwd=None, variables=None):
        place = [] if directory is None else ["--directory", directory]
        command = [sys.executable, "-m", "snakemake", "-s", project / "Snakefile", *place]
        done = subprocess.run(
            [*map(str, command), "--cores", "2", *map(str, arguments)],
            cwd=cwd,
            env=environment | (variables or {}),
            capture_output=True,
            text=True,
            check=False,
        )
        return Run(done.returncode, done.stdout + done.stderr)

    return run


def chain(*exposures, rules=RULES):
    """The jobs of some exposures: all, or those of some rules."""
    return {(rule, exposure) for exposure in exposures for rule in rules}


def lamps_of(*exposures):
    """The jobs that summarise the lamps and arms of some exposures."""
    return {("summarise_lamp", exposure.rsplit("_", 2)[0]) for exposure in exposures}


def summaries(*exposures):
    """The jobs that follow if fluxes of some exposures change: their lamps, and all lamps."""
    rules = "compare_lamps", "plan_exposures", "check_quality", "plan_instrument", "answer"
    return lamps_of(*exposures) | {(rule, "") for rule in rules}


def lamp_counts(seed, bias=(500, 504), shape=(16, 4096), dtype="u2"):
    """Make a frame of a lamp: bias of two amplifiers, noise, a lit bundle of fibres."""
    rng = np.random.default_rng(seed)
    counts = np.repeat(bias, shape[1] // 2) + rng.integers(-3, 4, shape)
    counts[6:9] += rng.integers(0, 3000, (3, shape[1]))
    return counts.astype(dtype)


def dark_counts(seed, shape=(16, 4096)):
    """Make a dark: bias of two amplifiers and noise, so that frame - dark is negative at times."""
    rng = np.random.default_rng(seed)
    return (np.repeat((500, 504), shape[1] // 2) + rng.integers(0, 7, shape)).astype("u2")


def write_frame(path, counts, **header):
    """Write counts as a FITS file of the kind of its suffix (.fits, .fits.gz, .fits.fz)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".fz":
        hdus = fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(counts)])
    else:
        hdus = fits.HDUList([fits.PrimaryHDU(counts)])
    hdus[-1].header.update(header)
    hdus.writeto(path, overwrite=True)


def write_text(path, text):
    """Write a text file and the folders that lead to it; return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def write_config(path, **settings):
    """Write a user's config file; return the arguments that make Snakemake use it."""
    return ["--configfile", write_text(path, yaml.safe_dump(settings))]


def small_campaign(folder, exposures):
    """Write settings that simulate some exposures on a part of the rows; return arguments."""
    table = write_text(folder / "exposures.csv", exposures)
    simulation = {"exposures": str(table), "first_row": 1680, "rows": 400}
    return write_config(folder / "mine.yaml", simulation=simulation)


def products(root):
    """Content of every product of a run, by path; logs contain the time and are left out."""
    found = {}
    for folder in ("results", "resources"):
        for path in (root / folder).rglob("*"):
            # A job that outlives its run may finish a file, which renames it, meanwhile.
            with contextlib.suppress(FileNotFoundError):
                if path.is_file() and "results/logs" not in str(path):
                    found[str(path.relative_to(root))] = path.read_bytes()
    return found


def visible(files):
    """Leave out hidden files, which were being written."""
    return {name: content for name, content in files.items() if "/." not in name}


def failures(run):
    """Error messages at the end of a run, by the log named for each."""
    said = run.output.split("Some products could not be made")[1]
    found = re.findall(r"(?m)^\S+: (.+)\n  log: (.+)$", said)
    return {log: sentence for sentence, log in found}


def script(name):
    """Return the function ``main`` of a rule's script."""
    folder = PROJECT / "workflow" / "scripts"
    job = SimpleNamespace(scriptdir=folder)
    return runpy.run_path(str(folder / f"{name}.py"), init_globals={"snakemake": job})["main"]
