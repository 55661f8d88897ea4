"""The start of a run, before its first job."""

import fcntl
import os
import socket
from pathlib import Path

from snakemake.logging import logger

from lampflux.errors import UserError
from lampflux.files.whole import PART


def claim_results(campaign):
    """Lock results_dir against other runs, and remove partial files of killed ones.

    The lock ends with the process, however that ends; Snakemake's own outlives a killed run.

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
        Another run writes into the folder, or it is not writable.
    """
    path = Path(campaign.results, "logs", "run.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Never closed, so that the lock is held to the end.
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
