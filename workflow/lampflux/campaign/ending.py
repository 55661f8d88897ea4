"""The last lines of a run: the answers, or what failed and why."""

import csv
import logging
import os
import re
import shlex
import sys
from collections import Counter, defaultdict
from pathlib import Path

from lampflux.campaign.listing import names_of

# Snakemake's message for a product that is older than an input.
OLDER = re.compile(r"Output (.+) has older modification time .+? than input (.+?) \(\d", re.S)
# Products that hold the answers, by what they answer.
ANSWERS = {
    "Answers on one page": "answers.html",
    "Lamps compared": "lamps/coverage.png",
    "Exposure times": "lamps/exposure_plan.csv",
    "Measured against the truth": "closure/closure.png",
}


def stop(problems):
    """End with one plain line for each problem.

    Parameters
    ----------
    problems : iterable of str
    """
    # Quoted names may contain line ends and control characters.
    lines = (
        "".join(letter if letter.isprintable() else "?" for letter in str(problem))
        for problem in dict.fromkeys(problems)
    )
    sys.exit("\n".join(f"lampflux: {line}" for line in lines))


class RunRecord(logging.Handler):
    """Record of a run from Snakemake's log, including what ``--quiet`` hides.

    Attributes
    ----------
    begin : int
        When the run began [ns], by the clock of the products' file system.
    total : int
        Number of jobs.
    rules : set of str
        Rules whose jobs began.
    logs : list of str
        Logs of the jobs that failed.
    groups : list of list of dict
        Jobs of each cluster job that failed: their lists ``output`` and ``log``.
    older : list of tuple of str
        Products that are older than an input, and that input.
    """

    def __init__(self):
        super().__init__()
        self.begin, self.total, self.rules = 0, 0, set()
        self.logs, self.groups, self.older = [], [], []

    def emit(self, record):
        """Keep the facts of a log record."""
        event = getattr(record, "event", None)
        if event == "job_info":
            self.rules.add(record.rule_name)
        elif event == "run_info":
            self.total = record.stats.get("total", 0)
        elif event == "group_error":
            self.groups.append(record.job_error_info)
        elif event == "job_error" and not record.indent:
            self.logs += record.log[:1]
        elif event == "error":
            self.older += OLDER.findall(record.getMessage())

    @property
    def only_checks(self):
        """Whether the run made nothing, only checked."""
        return self.rules <= {"check"}

    def wrote(self, path):
        """Whether a file was written in this run."""
        return os.path.exists(path) and os.stat(path).st_mtime_ns >= self.begin


def quality_lines(results):
    """List the numbers of good, warned and failed exposures, and the reasons, if checked."""
    path = Path(results, "quality", "exposures.csv")
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except OSError:
        return []
    scores = Counter(row["score"] for row in rows)
    counts = ", ".join(f"{scores[score]} {score}" for score in ("good", "warned", "failed"))
    number = "one exposure" if len(rows) == 1 else f"{len(rows)} exposures"
    lines = [f"Health of {number}: {counts} ({path})"]
    for score in "warned", "failed":
        reasons = defaultdict(list)
        for row in rows:
            if row["score"] == score:
                reasons[row["reasons"] or ""].append(row["exposure"])
        lines += [
            f"  {f'{score} ({reason})' if reason else score}: {names_of(stems)}"
            for reason, stems in reasons.items()
        ]
    return lines + reference_lines(rows, results)


def reference_lines(rows, results):
    """Suggest a joint reference for arms with solved and unsolved exposures.

    Parameters
    ----------
    rows : list of dict
        Health of the exposures.
    results : str
        Folder of the products.

    Returns
    -------
    list of str
        One for each such arm without a joint reference.
    """
    methods = defaultdict(Counter)
    for row in rows:
        methods[row["arm"]][row["wave_method"]] += 1
    lines = []
    for arm, number in sorted(methods.items()):
        reference = Path(results, "wavelength_references", f"{arm}.csv")
        if number["nominal"] and number["fitted"] and not reference.exists():
            lines.append(
                f"  {number['nominal']} of {number.total()} exposures of the {arm} arm have "
                "nominal wavelengths: a reference from the others may help (snakemake "
                f"{reference})"
            )
    return lines


def answer_lines(run, results):
    """List the health of the exposures and the files with the answers.

    Parameters
    ----------
    run : RunRecord
    results : str
        Folder of the products.

    Returns
    -------
    list of str
        Empty if there are none.
    """
    if run.only_checks:
        return []
    lines = quality_lines(results) + [
        f"{what}: {Path(results, place)}"
        for what, place in ANSWERS.items()
        if Path(results, place).exists()
    ]
    if lines:
        report = Path(results, "report.html")
        lines.append(f"All in one page: the same command with --report {report}")
    return lines


def failure_lines(run, exposures):
    """List what failed, why, and what was not made because of it.

    Parameters
    ----------
    run : RunRecord
    exposures : dict
        Name to `Exposure`.

    Returns
    -------
    list of str
    """
    if run.rules == {"check"}:
        # The check itself has just reported it.
        return []
    logs = [*run.logs]
    for jobs in run.groups:
        logs += sorted(job["log"][0] for job in jobs if failed_in_group(job, run))
    logs = list(dict.fromkeys(logs))
    lines = []
    for path in logs:
        lines += [f"{Path(path).stem}: {sentence}" for sentence in sentences_of(path)]
        lines += [f"  log: {path}"]
    lines += [
        f"{Path(output).stem}: {output} is older than {source}, from which it was made: the "
        f"clock was set back; correct it, run touch {shlex.quote(source)} and start again."
        for output, source in run.older
    ]
    lines += waiting_lines(logs, exposures)
    if lines:
        lines.insert(0, "Some products could not be made; all that do not depend on them were.")
    return lines


def failed_in_group(job, run):
    """Whether a job of a failed cluster job began but did not end, by its log and products."""
    log = job["log"][0]
    # Snakemake makes empty logs for jobs that never began.
    begun = run.wrote(log) and os.stat(log).st_size
    return begun and not all(map(os.path.exists, job["output"]))


def sentences_of(path):
    """Error messages of a job, from its log."""
    try:
        text = Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    return re.findall(r"(?m)^ERROR: (.+)$", text) or [
        "ended without a message: it was stopped, ran out of memory or disk space, or lacked a "
        "library (see above)."
    ]


def waiting_lines(logs, exposures):
    """List what was not made because of failed exposures, given the logs of failed jobs."""
    failed = {Path(path).stem for path in logs} & exposures.keys()
    if not failed:
        return []
    lamps = {exposures[name].identity[:3] for name in failed}
    names = ", ".join(sorted(" ".join(lamp) for lamp in lamps))
    return [
        f"Not made because of the failed exposures: the summaries of {names}, and all that "
        "compares lamps or exposures; correct or remove these frames and run again."
    ]


def remove_outdated(run):
    """Remove old products that failed cluster jobs should have replaced.

    Snakemake would treat them as new, because it only knows that the cluster job failed.

    Parameters
    ----------
    run : RunRecord
    """
    for path in {path for jobs in run.groups for job in jobs for path in job["output"]}:
        if not run.wrote(path):
            Path(path).unlink(missing_ok=True)
