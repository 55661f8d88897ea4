# The start and the end of a run.

import atexit
import csv
import fcntl
import os
import re
import shlex
import socket
import subprocess
import sys
from pathlib import Path
from subprocess import PIPE

from snakemake.logging import logger
from snakemake.shell import shell

from lampflux.campaign.code import modules_of
from lampflux.files.whole import PART


def claim_results():
    """Keep other runs out of results_dir while this one lives; clear what killed ones left.

    The lock ends with the process, however that ends; Snakemake's own outlive a killed run.
    """
    path = Path(RESULTS, "logs", "run.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Never closed, so that it is held to the end.
        lock = os.open(path, os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stop(
                [
                    f"another run ({path.read_text().strip()}) is writing into {RESULTS}; wait for "
                    "its end or stop it, and run again."
                ]
            )
        except OSError as error:
            logger.warning(
                f"{path} cannot be locked ({error.strerror}); see to it that no other run writes "
                f"into {RESULTS}."
            )
        os.truncate(lock, 0)
        os.write(lock, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
        folders = [RESULTS, FRAMES] if SIMULATED else [RESULTS]
        for part in (part for folder in folders for part in Path(folder).glob(f"*/{PART}*")):
            part.unlink(missing_ok=True)
    except OSError as error:
        stop(
            [
                f"{path.parent} cannot be written ({error.strerror}); make room or give leave to "
                "write there, or name another folder with --config results_dir=FOLDER."
            ]
        )


def start_without_pause():
    """Let the cores alone limit how many jobs start on one machine.

    Snakemake also limits how many start in a second. For that it looks at all waiting jobs again
    a second after each look, and each job that ends adds a look: so many looks that in a campaign
    they took more time than the jobs.
    """
    if workflow.local_exec:
        workflow.scheduler.job_rate_limiter = None


def fork_scripts():
    """Run the scripts of jobs in forks of one Python that has their libraries loaded.

    To start Python and to load numpy, astropy and matplotlib takes longer than the work of most
    jobs. Where no server can be had, jobs start as Snakemake starts them.
    """
    folder = PROJECT / "workflow"
    # What the scripts of which there are many jobs use, and what Snakemake puts before them.
    scripts = ("spectra", "calibrated", "fluxes", "lamps")
    modules = [
        name for script in scripts for name in modules_of(folder / "scripts" / f"{script}.py")
    ]
    command = [
        sys.executable,
        folder / "forkserver" / "serve.py",
        folder,
        *modules,
        "snakemake.iocontainers",
    ]
    variables = os.environ | JOB_VARIABLES
    server = subprocess.Popen(command, stdin=PIPE, stdout=PIPE, env=variables, text=True)
    address = server.stdout.readline().strip()

    def end():
        server.stdin.close()
        server.wait()

    atexit.register(end)
    if address:
        ask = [sys.executable, "-IS", folder / "forkserver" / "ask.py", address]
        words = " ".join(shlex.quote(str(word)) for word in ask)
        shell.prefix(f"exec {words} ".replace("{", "{{").replace("}", "}}"))


def quality_lines():
    """How many exposures are good, warned and failed, and which, as far as they were checked."""
    path = Path(RESULTS, "quality", "exposures.csv")
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except OSError:
        return []
    names = {score: [] for score in ("good", "warned", "failed")}
    for row in rows:
        names[row["score"]].append(f"{row['exposure']} ({row['reasons']})")
    counts = ", ".join(f"{len(stems)} {score}" for score, stems in names.items())
    number = "one exposure" if len(rows) == 1 else f"{len(rows)} exposures"
    return [f"Health of {number}: {counts} ({path})"] + [
        f"  {score}: {', '.join(stems)}"
        for score, stems in names.items()
        if stems and score != "good"
    ]


def answers():
    """Say at the end of a run how healthy the exposures are, and where the answers lie."""
    places = {
        "Answers on one page": "answers.html",
        "Lamps compared": "lamps/coverage.png",
        "Exposure times": "lamps/exposure_plan.csv",
        "Measured against the truth": "closure/closure.png",
    }
    lines = quality_lines() + [
        f"{what}: {Path(RESULTS, place)}"
        for what, place in places.items()
        if Path(RESULTS, place).exists()
    ]
    if lines and not CHECKING:
        lines.append(
            f"All in one page: the same command with --report {Path(RESULTS, 'report.html')}"
        )
        logger.info("\n".join(lines))


def sentences_of(path):
    """The sentences with which a job ended, from its log."""
    try:
        text = Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    return re.findall(r"(?m)^ERROR: (.+)$", text) or [
        "left no word in its log; was it stopped, out of memory or of room?"
    ]


def waiting(failed):
    """Say in a line what waits for exposures that failed, given the names of what failed."""
    lamps = {exposure.identity[:3] for stem, exposure in EXPOSURES.items() if stem in failed}
    if not lamps:
        return []
    names = ", ".join(sorted(" ".join(lamp) for lamp in lamps))
    return [
        f"Waiting for the failed exposures: the summaries of {names}, and all that compares lamps "
        "and exposures; mend or remove these frames and run again."
    ]


def failed_groups():
    """The jobs of each cluster job that failed."""
    return [group.jobs for group in workflow.scheduler.failed if group.is_group()]


def of_this_run(path):
    """Whether a file was written since this run began, by the clock of its own file system."""
    lock = Path(RESULTS, "logs", "run.lock")
    return os.path.exists(path) and os.stat(path).st_mtime_ns >= lock.stat().st_mtime_ns


def drop_outdated():
    """Remove products that jobs of failed cluster jobs were to replace and did not.

    Snakemake would take them for new: of a cluster job it only knows that it failed.
    """
    for path in {path for jobs in failed_groups() for job in jobs for path in job.output}:
        if not of_this_run(path):
            Path(path).unlink(missing_ok=True)


def failures(log):
    """Say at the end of a run which jobs failed, why, and where their logs are.

    Parameters
    ----------
    log : list of str
        Snakemake's own logs of the run.
    """
    said = "\n".join(
        Path(path).read_text(encoding="utf-8", errors="replace")
        for path in log
        if Path(path).is_file()
    )
    logs = re.findall(r"(?ms)^Error in \w+ \w+:\n(?: [^\n]*\n)*?    log: (.+?) \(check", said)
    for jobs in failed_groups():
        # Snakemake makes empty logs for jobs that never began.
        begun = [job for job in jobs if of_this_run(job.log[0]) and os.stat(job.log[0]).st_size]
        logs += sorted(job.log[0] for job in begun if not all(map(os.path.exists, job.output)))
    lines = []
    for path in dict.fromkeys(logs):
        lines += [f"{Path(path).stem}: {sentence}" for sentence in sentences_of(path)]
        lines += [f"  log: {path}"]
    older = re.findall(
        r"(?m)^Output (.+) has older modification time .+? than input (.+?) \(\d", said
    )
    lines += [
        f"{Path(output).stem}: {output} came out older than {source}, from which it was made: the "
        f"clock went back; set it right, touch {shlex.quote(source)} and run again."
        for output, source in older
    ]
    lines += waiting({Path(path).stem for path in logs})
    if lines and not CHECKING:
        lines.insert(0, "Not all could be made; what does not need it was.")
    if lines:
        logger.error("\n".join(lines))
