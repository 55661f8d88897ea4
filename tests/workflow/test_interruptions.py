"""Runs that are killed, started twice or short of disk space, and products edited by hand."""

import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conftest import PROJECT, Run, failures, products, small_campaign, visible, write_text

# Simulated frames, so that their simulation is interrupted too.
NEON, KRYPTON, ARGON = "Newport_Ne_Red_1s_01", "Newport_Kr_Red_60s_01", "Newport_Ar_Red_10s_01"
EXPOSURES = """brand,lamp,arm,exptime,id,dark
Newport,Ne,Red,1,01,yes
Newport,Kr,Red,60,01,no
Newport,Ar,Red,10,01,yes
"""
KILLS = 8
# For each run, which scripts fail for which lamp and how. Each run continues where the last one
# ended, so a script that fails in one run works in the next.
FAULTY_RUNS = (
    "simulate full Newport_Ne_Red_1, simulate killed Newport_Kr, calibrated killed Newport_Ar",
    "spectra full Newport_Ne, spectra killed Newport_Kr, fluxes full Newport_Ar",
    "calibrated full Newport_Ne, fluxes killed Newport_Kr, lamps full Newport_Ar",
    "lamps killed Newport_Ne, lamps full Newport_Kr, closure killed Ne",
    "quality killed Ne, closure full Ne, atlas full Ne, planner killed Ne",
    "atlas killed Ne, planner full Ne, quality full Ne",
)
SAID = {
    "full": "; free disk space or change the permissions of its folder",
    "killed": "ended without a message: it was stopped, ran out of memory or disk space, or "
    "lacked a library (see above).",
}
# Python reads this when it starts: jobs of some scripts are killed as they finish a product, or
# may write no more than 20 kB into a file. The server of forks runs them with runpy. A script
# begins with its job's wildcards and files.
FAULTS = """
import os, resource, runpy, signal
run = runpy.run_path
def die(source, target):
    os.kill(os.getpid(), signal.SIGKILL)
def run_faulty(path, **options):
    with open(path) as file:
        text = file.read()
    for fault in os.environ["FAULTS"].split(", "):
        script, kind, lamp = fault.split()
        if path.endswith(f".{script}.py") and lamp in text:
            if kind == "killed":
                os.replace = die
            else:
                resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
    return run(path, **options)
runpy.run_path = run_faulty
"""


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """Return the arguments that make a run simulate and reduce three small exposures."""
    return small_campaign(tmp_path_factory.mktemp("settings"), EXPOSURES)


def start(root, settings, **environment):
    """Start a run in its own process group."""
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "snakemake", "-s", PROJECT / "Snakefile"),
            *("--directory", root, "--cores", "2", *settings),
        ],
        env={name: value for name, value in os.environ.items() if name[:10] != "SNAKEMAKE_"}
        | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def ended(process):
    """Wait for the end of a run, and give its `Run`."""
    said, _ = process.communicate()
    return Run(process.returncode, said)


@pytest.fixture(scope="module")
def undisturbed(settings, snakemake, tmp_path_factory):
    """Return the folder of a run that nothing disturbed."""
    root = tmp_path_factory.mktemp("undisturbed")
    run = snakemake(root, *settings)
    assert run.status == 0, run.output
    return root


@pytest.fixture(scope="module")
def truth(undisturbed):
    """Return the products of a run that nothing disturbed."""
    return products(undisturbed)


@pytest.fixture
def copy(undisturbed, tmp_path):
    """Return a copy of the undisturbed run's folder."""
    shutil.copytree(undisturbed, tmp_path / "copy")
    return tmp_path / "copy"


# Killed, or the disk full


def test_a_run_killed_at_any_time_leaves_only_complete_products_and_continues_to_the_same(
    truth, settings, tmp_path
):
    moments = random.Random(7)
    for number in range(KILLS):
        process = start(tmp_path, settings)
        try:
            process.wait(timeout=moments.uniform(1, 5))
        except subprocess.TimeoutExpired:
            # With its jobs, and in turn without them, so that these continue.
            (os.killpg if number % 2 else os.kill)(process.pid, signal.SIGKILL)
            process.wait()
        process.stdout.close()
        left = visible(products(tmp_path))
        assert {name: truth[name] for name in left} == left
        if process.returncode == 0:
            shutil.rmtree(tmp_path / "results")
            shutil.rmtree(tmp_path / "resources")
    run = ended(start(tmp_path, settings))
    assert run.status == 0, run.output
    assert products(tmp_path) == truth


def test_interrupted_jobs_say_so_without_a_traceback_and_the_run_continues_to_the_same(
    truth, settings, tmp_path
):
    def logs():
        found = (tmp_path / "results/logs").glob("*/*.log")
        return {(path, path.stat().st_mtime_ns) for path in found if path.stat().st_size}

    said = ""
    while "\nlampflux: interrupted; run the same command again to continue.\n" not in said:
        before = logs()
        process = start(tmp_path, settings)
        # Until a job has begun its log.
        while logs() <= before and process.poll() is None:
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGINT)
        run = ended(process)
        assert run.status != 0, "never met a job"
        # Snakemake's own is beyond reach, where the interrupt meets it as it starts a job.
        assert not re.search(r'(?m)^ +File ".*/(workflow|scripts)/', run.output), run.output
        said += run.output
    run = ended(start(tmp_path, settings))
    assert run.status == 0, run.output
    assert products(tmp_path) == truth


@pytest.mark.slow
def test_jobs_killed_or_out_of_disk_space_in_any_step_are_named_and_done_by_the_next_run(
    truth, settings, tmp_path
):
    write_text(tmp_path / "faults/sitecustomize.py", FAULTS)
    root = tmp_path / "work"
    for faults in FAULTY_RUNS:
        run = ended(start(root, settings, PYTHONPATH=str(tmp_path / "faults"), FAULTS=faults))
        assert run.status != 0, faults
        assert "Traceback" not in run.output
        said = failures(run)
        wanted = [SAID[fault.split()[1]] for fault in faults.split(", ")]
        assert len(said) == len(wanted), faults
        for words in SAID.values():
            assert sum(words in sentence for sentence in said.values()) == wanted.count(words)
        assert all((root / log).is_file() for log in said)
        left = visible(products(root))
        assert {path: truth[path] for path in left} == left
    run = ended(start(root, settings))
    assert run.status == 0, run.output
    assert products(root) == truth


@pytest.mark.slow
def test_a_full_disk_is_named_and_more_space_lets_the_run_continue(truth, settings, tmp_path):
    def mount(size, *options):
        options = ",".join((*options, f"size={size}"))
        return subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", tmp_path],
            capture_output=True,
            check=False,
        )

    if mount("19m").returncode:
        pytest.skip("no file system can be mounted here")
    try:
        run = ended(start(tmp_path, settings))
        assert run.status != 0
        assert "Traceback" not in run.output
        assert run.sentences
        for sentence in run.sentences:
            assert re.search(r"cannot be written \((No space left|the disk may be full)", sentence)
        left = visible(products(tmp_path))
        assert {path: truth[path] for path in left} == left
        assert mount("1g", "remount").returncode == 0
        run = ended(start(tmp_path, settings))
        assert run.status == 0, run.output
        assert products(tmp_path) == truth
    finally:
        subprocess.run(["umount", tmp_path], check=True)


@pytest.mark.parametrize("place", ["results", "."])
def test_a_folder_that_cannot_be_written_into_is_named(place, settings, snakemake, tmp_path):
    root, locked = tmp_path / "work", (tmp_path / "work" / place).resolve()
    locked.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", locked]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        run = snakemake(root, *settings)
    finally:
        subprocess.run(["umount", locked], check=True)
    assert run.status != 0
    assert "Traceback" not in run.output
    choice = {"results": "--config results_dir=FOLDER", ".": "--directory FOLDER"}[place]
    assert run.sentences == [
        f"lampflux: {locked} is not writable; change its permissions, or name "
        f"another folder with {choice}."
    ]


# Two at once, and a clock set back


def test_a_second_run_is_refused_while_the_first_continues(settings, snakemake, tmp_path):
    first = start(tmp_path, settings)
    lock = tmp_path / "results/logs/run.lock"
    while not (lock.exists() and lock.read_text()):
        time.sleep(0.05)
    # So that it continues until the others have ended.
    os.killpg(first.pid, signal.SIGSTOP)
    second = snakemake(tmp_path, *settings)
    dry = snakemake(tmp_path, *settings, "--dry-run")
    assert first.poll() is None
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    assert second.status != 0
    assert second.sentences == [
        f"lampflux: another run (process {first.pid} on {socket.gethostname()}) is writing into "
        "results; wait until it ends or stop it, then run again."
    ]
    assert "Traceback" not in second.output
    assert dry.status == 0


def test_a_frame_from_the_future_is_named(settings, snakemake, tmp_path):
    frame = tmp_path / "raw/odd $(name)/Newport_Ne_Red_1s_01.fits"
    write_text(frame, "")
    os.utime(frame, (4e9, 4e9))
    run = snakemake(tmp_path, *settings, "--config", "raw_dir=raw", "--dry-run")
    assert run.status != 0
    assert run.sentences == [
        "lampflux: raw/odd $(name)/Newport_Ne_Red_1s_01.fits has a modification time in the "
        f"future ({time.ctime(4e9)}); correct the clock, or the file's time with: touch "
        "'raw/odd $(name)/Newport_Ne_Red_1s_01.fits'"
    ]


def test_products_older_than_what_they_are_made_of_are_named(copy, settings, snakemake):
    spectrum, table = f"results/spectra/{NEON}.fits", f"results/calibrated/{NEON}.fits"
    (copy / table).unlink()
    os.utime(copy / spectrum, (4e9, 4e9))
    run = snakemake(copy, *settings)
    assert run.status != 0
    assert (
        f"{NEON}: {table} is older than {spectrum}, from which it was made: the clock was set "
        f"back; correct it, run touch {spectrum} and start again.\n"
    ) in run.output


# Products edited or deleted by hand


def test_an_edited_product_stays_and_what_depends_on_it_runs_again(
    truth, copy, settings, snakemake
):
    table = copy / f"results/fluxes/{KRYPTON}.csv"
    edited = "".join(table.read_text().splitlines(keepends=True)[:-1])
    table.write_text(edited)
    run = snakemake(copy, *settings)
    assert run.status == 0, run.output
    assert table.read_text() == edited
    lamp = "results/lamps/Newport_Kr_Red.csv"
    assert (copy / lamp).read_bytes() != truth[lamp]
    assert ("summarise_lamp", "Newport_Kr_Red") in run.jobs
    others = f"Newport_Ne_Red Newport_Ar_Red {NEON} {ARGON}".split()
    assert not {job for job in run.jobs if job[1] in others}
    assert {rule for rule, exposure in run.jobs if exposure == KRYPTON} == {"draw_exposure"}
    table.unlink()
    assert snakemake(copy, *settings).status == 0
    assert products(copy) == truth


def test_a_deleted_product_is_made_again(truth, copy, settings, snakemake):
    for product in f"fluxes/{NEON}.png", "lamps/coverage.html", "closure/lines.csv":
        (copy / "results" / product).unlink()
    run = snakemake(copy, *settings)
    assert run.status == 0, run.output
    assert products(copy) == truth


def test_the_documentation_gives_the_sentences_that_are_tested():
    page = (PROJECT / "docs/faults.md").read_text()
    tested = Path(__file__).read_text()
    tested = re.sub(r'"\n\s+f?"', "", tested)
    sentences = [
        SAID["killed"],
        "free disk space or change the permissions of its folder",
        "is not writable; change its permissions, or name another folder with",
        "is writing into results; wait until it ends or stop it, then run again.",
        "correct the clock, or the file's time with: touch ",
        "from which it was made: the clock was set back; correct it, run touch ",
    ]
    assert [each for each in sentences if each not in page or each not in tested] == []
