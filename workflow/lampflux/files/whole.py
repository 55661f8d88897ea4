"""Write a file so that it either exists complete or not at all."""

import os
import secrets
from contextlib import contextmanager
from pathlib import Path

from lampflux.errors import UserError

# Prefix of the names of files that are being written.
PART = ".part-"


@contextmanager
def whole(path):
    """Yield a path to write to; the file is renamed to ``path`` only when it is complete.

    Yields
    ------
    Path
        A hidden file in the same folder, with the same suffix; no two jobs share one.

    Raises
    ------
    UserError
        The file cannot be written.
    """
    path = Path(path)
    part = path.with_name(f"{PART}{secrets.token_hex(4)}-{path.name}")
    try:
        yield part
        os.replace(part, path)
    except OSError as error:
        # When the disk is full, numpy and astropy report numbers of bytes without an errno.
        reason = error.strerror or "the disk may be full"
        raise UserError(
            f"{path} cannot be written ({reason}); free disk space or change the permissions of "
            "its folder, then run again."
        ) from error
    finally:
        part.unlink(missing_ok=True)
