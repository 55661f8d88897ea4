"""Runs through a real Slurm of one node, which is started for them: make test-slurm."""

import importlib.util
import os
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest
from astropy.io import fits

from conftest import PROJECT, failures, products, small_campaign, visible

# Two of one lamp, so that a cluster job has more than one exposure.
FAULTY, NEIGHBOUR = "Newport_Ar_Red_10s_01", "Newport_Ar_Red_60s_01"
EXPOSURES = """brand,lamp,arm,exptime,id,dark
Newport,Ne,Red,1,01,yes
Newport,Kr,Red,60,01,no
Newport,Ar,Red,10,01,yes
Newport,Ar,Red,60,01,yes
"""
# This Slurm has no accounting, and its jobs are short.
SLURM = (
    *("--workflow-profile", "slurm", "--slurm-status-command", "squeue", "--slurm-no-account"),
    *("--slurm-init-seconds-before-status-checks", "3"),
)


def hindrance():
    """Reason why Slurm cannot run here, or nothing."""
    missing = [name for name in ("munged", "slurmctld", "slurmd") if shutil.which(name) is None]
    if missing:
        return f"{', '.join(missing)} not installed (Debian: slurm-wlm, munge)"
    if importlib.util.find_spec("snakemake_executor_plugin_slurm") is None:
        return "snakemake-executor-plugin-slurm not installed (requirements-cluster.lock)"
    if os.geteuid():
        return "only root can start a Slurm"
    conf = Path("/etc/slurm/slurm.conf")
    if conf.exists() and "ClusterName=lampflux\n" not in conf.read_text():
        return "this machine already has a Slurm"
    return None


pytestmark = pytest.mark.skipif(hindrance() is not None, reason=str(hindrance()))


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    """Start a Slurm, and return a function that lists its finished jobs."""
    folder = tmp_path_factory.mktemp("slurm")
    script = PROJECT / "tests/slurm/cluster.sh"
    try:
        subprocess.run([script, "start", folder], check=True)
        yield lambda: [
            dict(field.split("=", 1) for field in line.split() if "=" in field)
            for line in (folder / "jobs.txt").read_text().splitlines()
        ]
    finally:
        subprocess.run([script, "stop", folder], check=True)


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """Return the arguments that make a run simulate and reduce four small exposures."""
    return small_campaign(tmp_path_factory.mktemp("settings"), EXPOSURES)


@pytest.fixture(scope="module")
def alone(settings, snakemake, tmp_path_factory):
    """Return the folder of a run on one core, without Slurm."""
    root = tmp_path_factory.mktemp("alone")
    run = snakemake(root, *settings, "--cores", "1")
    assert run.status == 0, run.output
    return root


@pytest.fixture(scope="module")
def frames(alone, tmp_path_factory):
    """Return a folder of raw frames."""
    folder = tmp_path_factory.mktemp("frames") / "raw"
    names = shutil.ignore_patterns("*.csv", ".*")
    return shutil.copytree(alone / "resources/raw/simulated", folder, ignore=names)


@pytest.fixture(scope="module")
def truth(frames, snakemake, tmp_path_factory):
    """Return the products of these frames by a run without Slurm."""
    root = tmp_path_factory.mktemp("truth")
    run = snakemake(root, "--config", f"raw_dir={frames}")
    assert run.status == 0, run.output
    return products(root)


def test_products_are_the_same_by_slurm_on_two_cores_and_on_one(
    slurm, alone, settings, snakemake, tmp_path
):
    run = snakemake(tmp_path / "slurm", *settings, *SLURM, cwd=tmp_path)
    assert run.status == 0, run.output
    assert "Health of 4 exposures" in run.output
    here = snakemake(tmp_path / "here", *settings)
    assert here.status == 0, here.output
    assert products(tmp_path / "slurm") == products(tmp_path / "here") == products(alone)
    # One for each lamp, and one for all that compares lamps.
    assert [job["JobState"] for job in slurm()] == ["COMPLETED"] * 4
    for job in slurm():
        print(job["JobId"], job["StartTime"], job["EndTime"], job["Tres"])
    again = snakemake(tmp_path / "slurm", *settings, *SLURM)
    assert "Nothing to be done" in again.output
    assert len(slurm()) == 4


def test_a_faulty_frame_stops_nothing_else_in_its_cluster_job_and_is_named_once(
    slurm, frames, truth, snakemake, tmp_path
):
    raw = shutil.copytree(frames, tmp_path / "raw")
    (frame,) = raw.rglob(f"{FAULTY}.fits")
    whole = frame.read_bytes()
    frame.write_bytes(whole[:60000])
    root = tmp_path / "work"
    arguments = "--config", f"raw_dir={raw}", *SLURM
    before = len(slurm())
    run = snakemake(root, *arguments)
    assert run.status != 0
    assert "Traceback" not in run.output
    sentence = (
        f"{frame} cannot be read as FITS (truncated to 60000 of {len(whole)} bytes); "
        "copy it again from its source."
    )
    assert failures(run) == {f"results/logs/spectra/{FAULTY}.log": sentence}
    assert run.output.count(sentence) == 1
    assert "the summaries of Newport Ar Red, and all" in run.output
    assert len(slurm()) == before + 3
    left = visible(products(root))
    compare = "results/lamps/all_lines", "results/lamps/coverage", "results/quality"
    assert not [name for name in left if FAULTY in name or name.startswith(compare)]
    assert f"results/fluxes/{NEIGHBOUR}.csv" in left
    assert "results/lamps/Newport_Kr_Red.csv" in left
    assert {name: truth[name] for name in left} == left

    neighbour = root / f"results/fluxes/{NEIGHBOUR}.csv"
    made = neighbour.stat().st_mtime_ns
    frame.write_bytes(whole)
    run = snakemake(root, *arguments)
    assert run.status == 0, run.output
    assert products(root) == truth
    assert neighbour.stat().st_mtime_ns == made
    assert len(slurm()) == before + 3 + 2


def test_products_that_a_stopped_cluster_job_did_not_reach_are_not_taken_for_new(
    slurm, frames, truth, snakemake, tmp_path
):
    raw = shutil.copytree(frames, tmp_path / "raw")
    (frame,) = raw.rglob(f"{FAULTY}.fits")
    root = tmp_path / "work"
    arguments = "--config", f"raw_dir={raw}", *SLURM
    (dark,) = raw.rglob("Newport_Ar_Red_fits/Dark_Red_10s.fits")
    whole = dark.read_bytes()
    with fits.open(dark, mode="update", do_not_scale_image_data=True) as hdus:
        hdus[0].data[:, ::2] ^= 1
    target = f"results/fluxes/{FAULTY}.csv"
    run = snakemake(root, target, *arguments[:2])
    assert run.status == 0, run.output
    old = (root / target).read_bytes()
    dark.write_bytes(whole)
    spectrum = root / f"results/spectra/{FAULTY}.fits"
    made = spectrum.stat().st_mtime_ns

    def cancel():
        while not (spectrum.exists() and spectrum.stat().st_mtime_ns > made):
            time.sleep(0.02)
        subprocess.run(["scancel", "--me"], check=True)

    thread = threading.Thread(target=cancel)
    thread.start()
    run = snakemake(root, target, *arguments)
    thread.join()
    assert run.status != 0
    run = snakemake(root, target, *arguments)
    assert run.status == 0, run.output
    assert (root / target).read_bytes() == truth[target] != old
    assert frame.is_file()


def test_a_job_of_a_lost_node_is_queued_again(slurm, frames, truth, snakemake, tmp_path):
    def states():
        asked = ["squeue", "--me", "--noheader", "--format", "%i %T %M"]
        said = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
        return [line.split() for line in said.splitlines()]

    def node(state, **options):
        change = ["scontrol", "update", f"nodename={socket.gethostname().split('.')[0]}"]
        subprocess.run([*change, f"state={state}", "reason=test"], **options)

    lost = []

    def lose():
        while not lost:
            lost.extend(job for job, state, _ in states() if state == "RUNNING")
            time.sleep(0.5)
        time.sleep(3)
        node("down", check=True)
        time.sleep(1)
        # It may be back by itself.
        node("resume", **quiet)
        for job in lost:
            # Slurm would wait for two minutes.
            subprocess.run(["scontrol", "update", f"JobId={job}", "StartTime=now"], **quiet)

    quiet = {"capture_output": True, "check": False}
    thread = threading.Thread(target=lose)
    thread.start()
    run = snakemake(tmp_path, "--config", f"raw_dir={frames}", *SLURM)
    thread.join()
    assert run.status == 0, run.output
    assert products(tmp_path) == truth
    ended = {job["JobId"]: job["JobState"] for job in slurm()[-5:]}
    assert {ended[job] for job in lost} == {"COMPLETED"}
