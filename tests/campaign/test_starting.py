"""The start of a run, before its first job."""

import os
from types import SimpleNamespace

import pytest

from conftest import write_text
from lampflux.campaign.starting import claim_results
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
