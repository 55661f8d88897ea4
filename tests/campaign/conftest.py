"""Make campaigns from small folders, without Snakemake."""

import pytest

from conftest import PROJECT, write_text
from lampflux.campaign.campaign import Campaign
from lampflux.errors import UserError


@pytest.fixture
def campaign(tmp_path, monkeypatch):
    """Return a function that makes the campaign of a folder with some files, and some settings."""
    monkeypatch.chdir(tmp_path)

    def make(*names, settings=(), files=()):
        for name in names:
            write_text(tmp_path / name, "")
        for name, text in dict(files).items():
            write_text(tmp_path / name, text)
        return Campaign(dict(settings), PROJECT)

    return make


@pytest.fixture
def problems(campaign):
    """Return a function that lists what is wrong with a campaign or its config."""

    def find(*names, **arguments):
        try:
            return campaign(*names, **arguments).problems
        except UserError as error:
            return list(error.args)

    return find
