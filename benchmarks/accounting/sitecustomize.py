"""Note what every Python process of a benchmark takes, at its end."""

import atexit
import os
import re
import resource
import sys


def note():
    """Append script, processor time [s] and peak memory [kB] to the benchmark's file."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    # Not ru_maxrss: a process inherits that of the one that started it.
    with open("/proc/self/status", encoding="utf-8") as status:
        memory = re.search(r"VmHWM:\s+(\d+) kB", status.read())[1]
    line = f"{sys.argv[0]},{used.ru_utime + used.ru_stime},{memory}\n"
    with open(os.environ["LAMPFLUX_ACCOUNTS"], "a", encoding="utf-8") as file:
        file.write(line)


def exit_noted(status):
    """End as forks do, without what is registered for the end, but noted."""
    note()
    exit_at_once(status)


if "LAMPFLUX_ACCOUNTS" in os.environ:
    atexit.register(note)
    exit_at_once, os._exit = os._exit, exit_noted
