"""The terminal's view of a run: one short line for each finished job."""

import logging
import re

from lampflux.campaign.problems import did_you_mean

# Snakemake's own messages before the jobs, and about scheduling between them; its log keeps them.
GREETING = (
    "Assuming unrestricted shared filesystem usage",
    "Using shell: ",
    "Rules claiming more threads will be scaled down",
    "Conda environments: ignored",
)
CHATTER = "Select jobs to execute...", "Execute ", "Exiting because a job execution failed"
HIDDEN = "job_info", "group_info", "job_started", "shellcmd", "progress"
MISSING = re.compile(r"No rule to produce (.+?) \(if you use input functions")


class JobLines(logging.Formatter):
    """Filter and formatter of Snakemake's records for the terminal.

    Parameters
    ----------
    run : RunRecord
        Knows how many jobs there are.
    formatter : logging.Formatter
        Snakemake's own, for all other records.
    """

    def __init__(self, run, formatter):
        super().__init__()
        self.run, self.formatter = run, formatter
        self.done, self.jobs = 0, {}

    def filter(self, record):
        """Hide the start of jobs, but keep their messages for the end."""
        event = getattr(record, "event", None)
        if event == "job_info":
            made = record.output[0] if record.output else ""
            self.jobs[record.jobid] = record.rule_msg, made
        # A failing job reports its own error; Snakemake would add its command.
        quoted = event == "error" and getattr(record, "exception", None) == "RuleException"
        chatter = event is None and str(record.msg).startswith(CHATTER)
        return not (event in HIDDEN or quoted or chatter)

    def format(self, record):
        """Format a record as a line; empty for jobs without a message."""
        event = getattr(record, "event", None)
        if event == "job_finished":
            self.done += 1
            message, made = self.jobs.pop(record.job_id, (None, ""))
            total = str(self.run.total)
            line = f"{self.done:>{len(total)}} of {total}  {message}"
            return f"{line} -> {made}".removesuffix(" -> ") if message else ""
        if event == "job_error" and not record.indent:
            message, _ = self.jobs.pop(record.jobid, (None, ""))
            log = f"; log: {record.log[0]}" if record.log else ""
            return f"FAILED  {message or record.rule_name}{log}"
        return self.formatter.format(record)


def hide_greeting(logger):
    """Hide Snakemake's own messages before the first job, also in dry runs.

    Parameters
    ----------
    logger : logging.Logger
        Snakemake's.
    """
    for handler in own_terminals(logger, unless=("verbose",)):
        handler.addFilter(
            lambda record: (
                not (
                    getattr(record, "event", None) == "workflow_started"
                    or str(record.msg).startswith(GREETING)
                )
            )
        )


def explain_targets(logger, known):
    """Report an unknown target in a plain sentence, with the name that is probably meant.

    Parameters
    ----------
    logger : logging.Logger
        Snakemake's.
    known : iterable of str
        Names of targets.
    """

    def explained(record):
        if missing := MISSING.search(str(record.msg)):
            name = missing[1]
            record.msg = (
                f"lampflux: nothing makes {name}; {did_you_mean(name, known)}correct the target's "
                "name."
            )
        return True

    for handler in own_terminals(logger, unless=()):
        handler.addFilter(explained)


def shorten(logger, run):
    """Show one short line for each job.

    Parameters
    ----------
    logger : logging.Logger
        Snakemake's.
    run : RunRecord
    """
    for handler in own_terminals(logger):
        lines = JobLines(run, handler.formatter)
        handler.addFilter(lines)
        handler.setFormatter(lines)


def own_terminals(logger, unless=("quiet", "verbose", "printshellcmds")):
    """Find Snakemake's terminal handler, unless the user gave one of these options.

    With another version of Snakemake there may be none.
    """
    for handler in logger.handlers:
        own = handler.filters[0] if handler.filters else None
        wishes = [getattr(own, wish, None) for wish in unless]
        if handler.get_name() == "DefaultStreamHandler" and not any(wishes):
            yield handler
