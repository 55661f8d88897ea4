"""Scripts of jobs, run in forks of one Python that has loaded their libraries."""

import atexit
import marshal
import os
import socket
import struct
import subprocess
import sys
from itertools import chain

from lampflux.campaign.code import modules_of

# With Python's random order of sets, labels of pictures would move by a ten thousandth of a pixel.
JOB_VARIABLES = {"PYTHONHASHSEED": "0"}
# As Snakemake sets for jobs of one thread; libraries read these variables when they are loaded.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
# Jobs keep the memory of arrays below 32 MB [byte] for the next array: if the system cleared new
# memory each time, an extraction would take a tenth longer.
KEPT_MEMORY = {"MALLOC_MMAP_THRESHOLD_": f"{2**25}", "MALLOC_TRIM_THRESHOLD_": f"{2**28}"}
SERVER_VARIABLES = JOB_VARIABLES | ONE_THREAD | KEPT_MEMORY
# Modules that Snakemake's preamble of each script imports; the scripts with many jobs, in the
# order of their jobs; and a module that prepares what they share.
PREAMBLE = "snakemake.iocontainers", "snakemake.io"
FORKED = "spectra", "calibrated", "fluxes", "pictures", "lamps"
REHEARSAL = "lampflux.rehearsal"
# The beginning of shell commands.
PREFIX = " ".join(f"{name}={value}" for name, value in JOB_VARIABLES.items()) + " exec "


def fork_server(folder):
    """Start a Python process that loads the libraries of the most frequent scripts.

    Starting Python and loading numpy, astropy and matplotlib takes longer than the work of most
    jobs. The server ends with this process.

    Parameters
    ----------
    folder : Path
        ``workflow``.

    Returns
    -------
    str
        The server's address; empty if it cannot listen.
    """
    first, *others = (modules_of(folder / "scripts" / f"{name}.py") for name in FORKED)
    groups = [",".join([*PREAMBLE, *first]), *chain(*others), REHEARSAL]
    command = [sys.executable, folder / "forkserver" / "serve.py", folder, *groups]
    server = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | SERVER_VARIABLES,
        text=True,
    )

    def end():
        server.stdin.close()
        server.wait()

    atexit.register(end)
    return server.stdout.readline().strip()


def run_forked(address, arguments, variables=()):
    """Run a script in a fork of the server, as if a Python of its own had been started for it.

    Parameters
    ----------
    address : str
        The server's.
    arguments : list of str
        The script and its arguments, as in ``sys.argv``.
    variables : dict or sequence of (str, str)
        Environment variables in addition to those of this process.

    Returns
    -------
    int or None
        The script's exit status; None if the server does not answer and nothing has run.
    """
    environment = {
        os.fsencode(name): os.fsencode(value)
        for name, value in (os.environ | SERVER_VARIABLES | dict(variables)).items()
    }
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(f"\0{address}")
            # After the server has ended, another user may listen on the same name.
            credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
            if struct.unpack("iII", credentials)[1] != os.getuid():
                return None
            socket.send_fds(connection, [b"\0"], [1, 2])
            connection.sendall(marshal.dumps((arguments, os.getcwd(), environment)))
            if not connection.recv(1):
                return None
        except OSError:
            return None
        # Without a status the server was killed, and the script's process perhaps too.
        return (connection.recv(1) or b"\1")[0]
