"""Which modules a script uses, and whether they have changed."""

import re
from functools import cache
from hashlib import sha256
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
IMPORT = re.compile(r"(?m)^\s*from (lampflux[\w.]*) import")


@cache
def modules_of(path):
    """Find the modules of lampflux that a Python file imports, and those that these import.

    Parameters
    ----------
    path : Path
        A script or module.

    Returns
    -------
    list of str
        Names such as ``lampflux.files.frames`` and ``lampflux.files``, sorted.
    """
    found, waiting = set(), [path]
    while waiting:
        code = waiting.pop().read_text(encoding="utf-8")
        imported = IMPORT.findall(code)
        # Python loads a module's packages before it.
        packages = [name.rpartition(".")[0] for name in imported if "." in name]
        new = {*imported, *packages} - found
        found |= new
        waiting += map(module_path, new)
    return sorted(found)


def module_path(name):
    """File of a module of lampflux."""
    path = PACKAGE.parent / name.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@cache
def checksum(path):
    """SHA-256 of the modules that a script uses; Snakemake itself checks the script.

    As inputs of the rule, the modules would be dozens of files for Snakemake to check for each of
    thousands of jobs.
    """
    code = (module_path(name).read_bytes() for name in modules_of(path))
    return sha256(b"".join(code)).hexdigest()
