"""Changes inside Snakemake."""

import asyncio
import pickle
import threading
from types import SimpleNamespace

import pytest
from snakemake.io import _IOFile
from snakemake.iocontainers import Params, Snakemake
from snakemake.persistence import PersistenceBase
from snakemake.resources import Resources
from snakemake.scheduling.job_scheduler import JobScheduler
from snakemake.settings.types import ResourceSettings

from conftest import write_text
from lampflux.campaign.internals import (
    end_while_waiting,
    fit_cores_to_nodes,
    leave_pandas_out,
    remember_checksums,
)


@pytest.mark.parametrize(
    ("sizes", "asked", "cores"), [("2", 4, 2), ("2\n16+", 4, 4), ("8", 4, 4), ("", 4, 4)]
)
@pytest.mark.parametrize("partition", [None, "short"])
def test_a_cluster_job_asks_for_no_more_cores_than_a_node_has(
    monkeypatch, tmp_path, sizes, asked, cores, partition
):
    sinfo = tmp_path / "sinfo"
    sinfo.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\necho "{sizes}"\n')
    sinfo.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    defaults = Resources.from_mapping({"slurm_partition": partition})
    settings = ResourceSettings(cores=asked, nodes=100, default_resources=defaults)
    workflow = SimpleNamespace(
        executor_plugin=SimpleNamespace(name="slurm"),
        cores=asked,
        resource_settings=settings,
        global_resources=settings._parsed_resources,
    )
    workflow.global_resources["_cores"] = asked
    fit_cores_to_nodes(workflow)
    assert workflow.global_resources["_cores"].value == cores
    assert ("--partition short" in (tmp_path / "asked").read_text()) == (partition is not None)


def test_a_run_can_be_terminated_while_it_waits_for_files(monkeypatch):
    monkeypatch.setattr(JobScheduler, "exit_gracefully", JobScheduler.exit_gracefully)
    end_while_waiting()
    scheduler = JobScheduler.__new__(JobScheduler)
    scheduler._lock, scheduler._open_jobs = threading.Lock(), threading.Semaphore(0)
    # Snakemake holds its lock while it waits.
    with scheduler._lock:
        handler = threading.Thread(target=scheduler.exit_gracefully, daemon=True)
        handler.start()
        handler.join(20)
        assert not handler.is_alive()
    assert scheduler._user_kill == "graceful"
    assert scheduler._open_jobs.acquire(blocking=False)


def test_a_file_is_read_once_for_its_checksum_until_it_changes(tmp_path, monkeypatch):
    read = []

    async def checksum(file, threshold):
        read.append(file)
        return f"sum {len(read)}"

    monkeypatch.setattr(_IOFile, "checksum", checksum)
    remember_checksums()
    given = []
    for text in ("one", "another"):
        write_text(tmp_path / "frame.fits", text)
        for _ in range(2):
            file = _IOFile(str(tmp_path / "frame.fits"), None)
            given.append(asyncio.run(file.checksum(1000)))
    assert given == ["sum 1", "sum 1", "sum 2", "sum 2"]
    assert asyncio.run(_IOFile(str(tmp_path / "missing"), None).checksum(1000)) == "sum 3"


def test_a_script_gets_the_params_of_its_rule_without_pandas(monkeypatch):
    for owner, name in (
        (Snakemake, "_safely_store_params"),
        (PersistenceBase, "_serialize_param"),
    ):
        monkeypatch.setattr(owner, name, getattr(owner, name))
    leave_pandas_out()
    job = Snakemake.__new__(Snakemake)
    params = {"rows": "lit", "layout": {"trim": [1, 2]}, "gain": None}
    job._safely_store_params(Params(fromdict=params))
    passed = pickle.loads(pickle.dumps(job)).params
    assert dict(passed.items()) == params
    assert passed.layout == {"trim": [1, 2]}
