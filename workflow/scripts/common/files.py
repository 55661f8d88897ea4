"""Write products whole or not at all."""

import os
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole(path):
    """Give a path to write to that takes the name ``path`` only once it is complete.

    Parameters
    ----------
    path : str or Path
        The product's name.

    Yields
    ------
    Path
        A hidden file in the same folder, with the same suffix.
    """
    path = Path(path)
    part = path.with_name(f".part-{path.name}")
    # A killed job may have left one behind.
    part.unlink(missing_ok=True)
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
