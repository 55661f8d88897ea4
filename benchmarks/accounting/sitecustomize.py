"""Note what every Python process of a benchmark takes, at its end."""

import atexit
import os
import resource
import sys


def note():
    """Append script, processor time [s] and peak memory [kB] to the benchmark's file."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    line = f"{sys.argv[0]},{used.ru_utime + used.ru_stime},{used.ru_maxrss}\n"
    with open(os.environ["LAMPFLUX_ACCOUNTS"], "a", encoding="utf-8") as file:
        file.write(line)


if "LAMPFLUX_ACCOUNTS" in os.environ:
    atexit.register(note)
