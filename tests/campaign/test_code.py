"""Which modules a script uses is read from its imports."""

import subprocess
import sys

import pytest

from conftest import PROJECT
from lampflux.campaign.code import modules_of

SCRIPTS = sorted((PROJECT / "workflow" / "scripts").glob("*.py"))
# Runs a script as far as its imports, and prints the modules of lampflux that these load.
LOADED = """
import runpy, sys
from types import SimpleNamespace
job = SimpleNamespace(scriptdir=sys.argv[1].rpartition("/")[0])
runpy.run_path(sys.argv[1], init_globals={"snakemake": job})
print(*sorted(name for name in sys.modules if name.partition(".")[0] == "lampflux"))
"""


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_the_modules_found_are_those_that_python_loads(script):
    run = subprocess.run(
        [sys.executable, "-c", LOADED, str(script)], check=True, capture_output=True, text=True
    )
    assert run.stdout.split() == modules_of(script)
