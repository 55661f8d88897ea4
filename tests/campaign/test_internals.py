"""Changes inside Snakemake."""

from types import SimpleNamespace

import pytest
from snakemake.resources import Resources
from snakemake.settings.types import ResourceSettings

from lampflux.campaign.internals import fit_cores_to_nodes


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
