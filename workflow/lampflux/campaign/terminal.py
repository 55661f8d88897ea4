"""What the terminal shows of a run: one short line for each finished job."""

import logging

# Snakemake's talk between jobs.
CHATTER = "Select jobs to execute...", "Execute ", "Exiting because a job execution failed"
HIDDEN = "job_info", "group_info", "job_started", "shellcmd", "progress"


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
        """Hide the start of jobs, of which only the words for their end are kept."""
        event = getattr(record, "event", None)
        if event == "job_info":
            made = record.output[0] if record.output else ""
            self.jobs[record.jobid] = record.rule_msg, made
        # A job that fails says itself what is wrong; Snakemake quotes its command.
        quoted = event == "error" and getattr(record, "exception", None) == "RuleException"
        chatter = event is None and str(record.msg).startswith(CHATTER)
        return not (event in HIDDEN or quoted or chatter)

    def format(self, record):
        """Write a line; none for jobs without words."""
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


def shorten(logger, run):
    """Show one short line for each job, unless the user asked for less or for more.

    Where another version of Snakemake has another terminal, it stays as it is.

    Parameters
    ----------
    logger : logging.Logger
        Snakemake's.
    run : RunRecord
    """
    for handler in logger.handlers:
        own = handler.filters[0] if handler.filters else None
        wishes = [getattr(own, wish, None) for wish in ("quiet", "verbose", "printshellcmds")]
        if handler.get_name() == "DefaultStreamHandler" and not any(wishes):
            lines = JobLines(run, handler.formatter)
            handler.addFilter(lines)
            handler.setFormatter(lines)
