"""Write products whole or not at all, and know later whether they are as they were written."""

import hashlib
import os
import secrets
from contextlib import contextmanager
from pathlib import Path

from lampflux.errors import UserError

# Names of files that are being written begin so.
PART = ".part-"


@contextmanager
def whole(path):
    """Give a path to write to that takes the name ``path`` only once it is complete.

    The SHA-256 of the product is kept beside it, see `record_of`.

    Parameters
    ----------
    path : str or Path
        The product's name.

    Yields
    ------
    Path
        A hidden file in the same folder, with the same suffix; no two jobs have the same.

    Raises
    ------
    UserError
        The product cannot be written.
    """
    path = Path(path)
    part = path.with_name(f"{PART}{secrets.token_hex(4)}-{path.name}")
    try:
        yield part
        record_of(path).write_text(f"{sha256_of(part)}  {path.name}\n", encoding="utf-8")
        os.replace(part, path)
    except OSError as error:
        # numpy and astropy count bytes where the system gives no more room.
        reason = error.strerror or "no room for all of it"
        raise UserError(
            f"{path} cannot be written ({reason}); make room or give leave to write there, and "
            "run again."
        ) from error
    finally:
        part.unlink(missing_ok=True)


def record_of(path):
    """Path of the hidden file beside a product that holds its checksum, as sha256sum writes it."""
    path = Path(path)
    return path.with_name(f".{path.name}.sha256")


def product_of(record):
    """Path of the product whose checksum a hidden file holds; undoes `record_of`."""
    return record.with_name(record.name[1 : -len(".sha256")])


def sha256_of(path):
    """SHA-256 of a file's content, as text."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_untouched(path):
    """Hold a product against the checksum that was kept when it was written.

    Parameters
    ----------
    path : str or Path
        A file; one without a checksum beside it is not a product, or came without it, and passes.

    Raises
    ------
    UserError
        The file is not as it was written.
    """
    try:
        kept = record_of(path).read_text(encoding="utf-8").split()
    except FileNotFoundError:
        return
    if kept[:1] != [sha256_of(path)]:
        raise UserError(
            f"{path} is not as lampflux wrote it (another SHA-256 than in "
            f"{record_of(path).name} beside it); keep what you changed under another name, "
            "delete it and run again."
        )
