"""What a run does before its first job."""

import atexit
import fcntl
import os
import shlex
import socket
import subprocess
import sys
from pathlib import Path

from snakemake.logging import logger

from lampflux.campaign.code import modules_of
from lampflux.errors import UserError
from lampflux.files.whole import PART

# Python's random order of sets would move labels of pictures by a ten thousandth of a pixel.
JOB_VARIABLES = {"PYTHONHASHSEED": "0"}
# As Snakemake sets for jobs of one thread, which reaches libraries only before they are loaded.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
# Jobs keep the memory of arrays below 32 MB [byte] for the next array: to have the system clear
# new memory each time takes a tenth of an extraction.
KEPT_MEMORY = {"MALLOC_MMAP_THRESHOLD_": f"{2**25}", "MALLOC_TRIM_THRESHOLD_": f"{2**28}"}
SERVER_VARIABLES = JOB_VARIABLES | ONE_THREAD | KEPT_MEMORY
# Scripts of which there are many jobs, what Snakemake's words before each script import, and what
# these jobs need beyond that.
FORKED = "spectra", "calibrated", "fluxes", "pictures", "lamps"
PREAMBLE = ("snakemake.iocontainers", "snakemake.io", "lampflux.rehearsal")


def claim_results(campaign):
    """Keep other runs out of results_dir while this one lives; clear what killed ones left.

    The lock ends with the process, however that ends; Snakemake's own outlive a killed run.

    Parameters
    ----------
    campaign : Campaign

    Returns
    -------
    begin : int
        When the run began [ns], by the clock of the products' file system.

    Raises
    ------
    UserError
        Another run writes into the folder, or none can.
    """
    path = Path(campaign.results, "logs", "run.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Never closed, so that it is held to the end.
        lock = os.open(path, os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(
                f"another run ({path.read_text().strip()}) is writing into {campaign.results}; "
                "wait until it ends or stop it, then run again."
            ) from error
        except OSError as error:
            logger.warning(
                f"{path} cannot be locked ({error.strerror}); make sure that no other run writes "
                f"into {campaign.results}."
            )
        os.truncate(lock, 0)
        os.write(lock, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
        for folder in filter(None, (campaign.results, campaign.simulated_frames)):
            for part in Path(folder).glob(f"*/{PART}*"):
                part.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(
            f"{path.parent} cannot be written ({error.strerror}); free disk space or change its "
            "permissions, or name another folder with --config results_dir=FOLDER."
        ) from error
    return os.fstat(lock).st_mtime_ns


def fork_server(folder):
    """Start a Python that has the libraries of the most frequent scripts loaded.

    To start Python and to load numpy, astropy and matplotlib takes longer than the work of most
    jobs. The server ends with this process.

    Parameters
    ----------
    folder : Path
        ``workflow``.

    Returns
    -------
    list of str
        Command that runs a script in a fork of that Python, given before the script's own; empty
        where no server can be had.
    """
    scripts = [folder / "scripts" / f"{name}.py" for name in FORKED]
    modules = [module for script in scripts for module in modules_of(script)]
    command = [sys.executable, folder / "forkserver" / "serve.py", folder, *modules, *PREAMBLE]
    server = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | SERVER_VARIABLES,
        text=True,
    )
    address = server.stdout.readline().strip()

    def end():
        server.stdin.close()
        server.wait()

    atexit.register(end)
    ask = [sys.executable, "-IS", str(folder / "forkserver" / "ask.py"), address]
    return ask if address else []


def job_prefix(folder, forks=True):
    """Words before the command of each job: its environment, and the server that runs it.

    Parameters
    ----------
    folder : Path
        ``workflow``.
    forks : bool
        Whether scripts run in forks of one server.

    Returns
    -------
    str
        For `snakemake.shell.shell.prefix`.
    """
    variables = [f"{name}={value}" for name, value in JOB_VARIABLES.items()]
    server = fork_server(folder) if forks else []
    # An interrupt that meets Python as it starts would show a traceback; ask.py ends the pause.
    start = "trap '' INT; " if server else ""
    words = [*variables, "exec", *map(shlex.quote, server)]
    return f"{start}{' '.join(words)} ".replace("{", "{{").replace("}", "}}")
