"""What a run does before its first job."""

import os
import shlex
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from conftest import PROJECT, write_text
from lampflux.campaign.starting import claim_results, job_prefix
from lampflux.errors import UserError


@pytest.fixture
def campaign(tmp_path):
    """Return a campaign of which only the folders are known."""
    return SimpleNamespace(results=str(tmp_path / "results"), simulated_frames=None)


def test_a_claimed_folder_is_refused_to_another_run_which_is_named(campaign):
    claim_results(campaign)
    with pytest.raises(UserError, match=rf"another run \(process {os.getpid()} on "):
        claim_results(campaign)


def test_the_run_begins_by_the_clock_of_the_products_file_system(campaign, tmp_path):
    begin = claim_results(campaign)
    later = write_text(tmp_path / "results/a.csv", "")
    assert (tmp_path / "results/logs/run.lock").stat().st_mtime_ns == begin
    assert later.stat().st_mtime_ns >= begin


def test_half_written_files_are_cleared_and_nothing_else(campaign, tmp_path):
    campaign.simulated_frames = str(tmp_path / "simulated")
    left = [
        write_text(tmp_path / name, "")
        for name in ("results/fluxes/a.csv", "simulated/Ar/a.fits", "other/b/.part-1-a.csv")
    ]
    cleared = [
        write_text(tmp_path / name, "")
        for name in ("results/fluxes/.part-1-a.csv", "simulated/Ar/.part-2-a.fits")
    ]
    claim_results(campaign)
    assert all(path.exists() for path in left)
    assert not any(path.exists() for path in cleared)


def test_a_folder_that_cannot_be_made_is_named_with_the_reason(campaign, tmp_path):
    write_text(tmp_path / "results", "a file")
    with pytest.raises(UserError, match=r"results/logs cannot be written \(.+\); free disk space"):
        claim_results(campaign)


@pytest.mark.parametrize("forks", [False, True])
def test_a_job_gets_what_it_needs_and_the_environment_is_left_alone(tmp_path, forks):
    script = write_text(tmp_path / "seen.py", "import os\nprint(os.environ)\n")
    before = dict(os.environ)
    prefix = job_prefix(PROJECT / "workflow", forks).format()
    assert dict(os.environ) == before
    command = f"{prefix}{shlex.join([sys.executable, str(script)])}"
    said = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert "'PYTHONHASHSEED': '0'" in said.stdout
    assert ("ask.py" in prefix) is forks


def test_an_interrupt_as_a_job_starts_shows_no_traceback(tmp_path):
    script = write_text(tmp_path / "empty.py", "")
    command = f"{job_prefix(PROJECT / 'workflow').format()}{sys.executable} {script}"
    for wait in range(0, 40, 2):
        job = subprocess.Popen(["bash", "-c", command], stderr=subprocess.PIPE, text=True)
        time.sleep(wait / 1000)
        job.send_signal(signal.SIGINT)
        assert "KeyboardInterrupt" not in job.communicate()[1], f"after {wait} ms"
