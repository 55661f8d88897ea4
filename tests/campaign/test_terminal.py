"""The terminal shows one short line for each finished job."""

import io
import logging
from types import SimpleNamespace

import pytest
from snakemake.logging import ColorizingTextHandler, DefaultFilter, DefaultFormatter

from lampflux.campaign.terminal import hide_greeting, shorten


@pytest.fixture
def terminal():
    """Return a function that makes a terminal as Snakemake does, and gives what it shows."""

    def make(**wishes):
        settings = {"quiet": set(), "debug_dag": False, "verbose": False, "dryrun": False}
        settings |= {"printshellcmds": False} | wishes
        stream, logger = io.StringIO(), logging.Logger("snakemake")
        handler = ColorizingTextHandler(
            nocolor=True,
            stream=stream,
            formatter=DefaultFormatter(settings["quiet"]),
            filter=DefaultFilter(**settings),
        )
        handler.name = "DefaultStreamHandler"
        logger.addHandler(handler)
        hide_greeting(logger)
        shorten(logger, SimpleNamespace(total=12))

        def show(event, message="", level=logging.INFO, **fields):
            logger.log(level, message, extra={"event": event} | fields)
            return stream.getvalue()

        return show

    return make


def start(show, number, message, *output):
    show(
        "job_info",
        jobid=number,
        rule_msg=message,
        rule_name="a",
        output=list(output),
        reason="because " * 500,
        indent=False,
    )


def test_a_job_is_one_line_at_its_end_with_progress_and_what_it_made(terminal):
    show = terminal()
    start(show, 7, "a frame is read", "results/a.fits", "results/a.png")
    start(show, 8, "another", "results/b.fits")
    assert show("progress", None, done=0, total=12) == ""
    show("job_finished", "Finished jobid: 8", job_id=8)
    show("progress", None, done=1, total=12)
    assert show("job_finished", "Finished jobid: 7", job_id=7) == (
        " 1 of 12  another -> results/b.fits\n 2 of 12  a frame is read -> results/a.fits\n"
    )


def test_a_job_without_a_message_is_counted_but_not_shown(terminal):
    show = terminal()
    start(show, 1, None)
    assert show("job_finished", job_id=1) == ""
    start(show, 2, "check frames")
    assert show("job_finished", job_id=2) == " 2 of 12  check frames\n"


def test_a_failed_job_is_one_line_without_the_command_that_snakemake_quotes(terminal):
    show = terminal()
    start(show, 1, "a frame is read", "results/a.fits")
    show("error", "Command ... failed", logging.ERROR, exception="RuleException")
    fields = {"jobid": 1, "indent": False, "rule_name": "a", "log": ["logs/a.log"]}
    shown = show("job_error", "Error in rule a", logging.ERROR, **fields)
    assert shown == "FAILED  a frame is read; log: logs/a.log\n"


def test_other_messages_are_shown_as_snakemake_shows_them(terminal):
    show = terminal()
    show(None, "Select jobs to execute...")
    show(None, "Health of one exposure")
    show("run_info", "Job stats:", stats={"total": 12})
    shown = show("error", "Output a has older", logging.ERROR, exception="WorkflowError")
    assert shown == "Health of one exposure\nJob stats:\nOutput a has older\n"


def test_what_snakemake_reports_of_itself_is_only_in_its_log(terminal):
    show = terminal()
    show("workflow_started", "banner", workflow_id="a", snakefile="b")
    for sentence in (
        "Assuming unrestricted shared filesystem usage.",
        "Using shell: /usr/bin/bash",
        "Conda environments: ignored",
    ):
        show(None, sentence)
    show("resources_info", "Rules claiming more threads will be scaled down.")
    assert show("resources_info", "Provided cores: 2") == "Provided cores: 2\n"


@pytest.mark.parametrize("wish", [{"verbose": True}, {"printshellcmds": True}])
def test_options_for_more_output_are_respected(terminal, wish):
    show = terminal(**wish)
    shown = show("progress", None, done=1, total=12)
    assert "1 of 12 steps (8%) done" in shown
