"""Note what every Python process of a benchmark takes, at its end."""

import atexit
import cProfile
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
    if "LAMPFLUX_PROFILES" in os.environ:
        name = f"{os.path.basename(sys.argv[0])}.{os.getpid()}"
        profile.dump_stats(os.path.join(os.environ["LAMPFLUX_PROFILES"], name))
    exit_at_once(status)


if "LAMPFLUX_ACCOUNTS" in os.environ:
    atexit.register(note)
    exit_at_once, os._exit = os._exit, exit_noted
    if "LAMPFLUX_PROFILES" in os.environ:
        profile = cProfile.Profile()
        os.register_at_fork(after_in_child=profile.enable)
