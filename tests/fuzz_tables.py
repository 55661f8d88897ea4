"""Damage window tables, tables of exposures and configs, and read them as a run does.

Each must be refused with sentences or be taken with values that make sense: nothing else raised,
no hang.
"""

import argparse
import copy
import math
import os
import random
import re
import signal
import sys
import tempfile
from collections import Counter
from itertools import combinations
from pathlib import Path

import yaml
from snakemake.common.configfile import load_configfile
from snakemake.exceptions import WorkflowError
from snakemake.utils import update_config

PROJECT = Path(__file__).resolve().parent.parent
SECONDS = 5
COMMON = compile(
    (PROJECT / "workflow" / "rules" / "common.smk").read_text(encoding="utf-8"),
    "common.smk",
    "exec",
)
DEFAULTS = yaml.safe_load((PROJECT / "config.yaml").read_text(encoding="utf-8"))
WINDOWS = """start,stop,unit,ion,wavelength_air,note
10,20,pixel,Ne I,5852.4879,bright
30,40,,Ne I,,"with, comma"
50,50,pixel,,6000,
6400,6410.5,angstrom,Ne I,6402.2480,
"""
EXPOSURES = """path,brand,lamp,arm,exptime,id,dark
a.fits,Photron,Ne,Red,10,01,d.fits
b.fits,Newport,ThAr,Red,1.50,02,
"b.fits",Newport,HgAr,Blue,0060,3,d.fits
"""
CONFIG = """fibres: 61
rows: [10, 20]
bias: amplifiers
cosmic_rays: true
lamps:
  Cd: [Cd I, 'Ar I']
arms:
  Green:
    crval: 5000.5
    crpix: 1
    cdelt: -0.5
    amplifiers: [[0, 99], [100, 199]]
    bias_range: [450, 550]
    gain: 1.5
planner: {peak: 40000, snr: 100, scale: {Red: {factor: 0.5, error: 0.1}}}
quality:
  background: [2, 10]
simulation: null
"""
TOKENS = re.findall(
    r"\S+",
    "-1 0 1 00 1e400 -1e400 nan .nan inf -.inf 1_000 0x10 0o7 1:30 2020-01-01 yes no null ~ true "
    "[] {} [1] {a:1} !!python/name:os.system !!binary * &a *a <<: - -- --- ... % @ ` | > ? : , ; "
    "'' ' \" \"\" # \\ / .. ../a.fits /etc/passwd a.fits pixel angstrom Red Ne \ufeff é １２",
)
TOKENS += ["9" * 400, "9" * 5000, "[" * 2000, "\t", "\n", "\r", "\0", "\u2028"]


def flip(rng, content):
    """Change bytes."""
    damaged = bytearray(content)
    for _ in range(rng.choice((1, 1, 3))):
        damaged[rng.randrange(len(damaged))] = rng.randrange(256)
    return bytes(damaged)


def cut(rng, content):
    """Cut the end off."""
    return content[: rng.randrange(len(content))]


def splice(rng, content):
    """Repeat, move or leave out a stretch."""
    one, two = sorted(rng.randrange(len(content) + 1) for _ in range(2))
    place = rng.randrange(len(content) + 1)
    rest = rng.choice((content, content[:one] + content[two:]))
    return rest[:place] + content[one:two] + rest[place:]


def put(rng, content):
    """Put a hostile word in, in place of another or between two letters."""
    word = rng.choice(TOKENS).encode()
    words = [n for n, byte in enumerate(content) if byte in b",: \n[]"]
    start = rng.choice(words) + 1
    stop = next((n for n in words if n >= start), len(content))
    return content[:start] + word + content[rng.choice((start, stop)) :]


def lines(rng, content):
    """Exchange, repeat or leave out lines, or end them otherwise."""
    parts = content.splitlines(keepends=True)
    one, two = rng.randrange(len(parts)), rng.randrange(len(parts))
    parts[one], parts[two] = rng.choice(
        ((parts[two], parts[one]), (parts[one], parts[one]), (b"", parts[two]))
    )
    return b"".join(parts).replace(b"\n", rng.choice((b"\n", b"\r\n", b"\r", b"\n\n")))


DAMAGE = (flip, cut, splice, put, put, lines)


class Outside:
    """What common.smk asks of Snakemake's workflow while nothing runs."""

    is_main_process = False
    rules = ()

    def __bool__(self):
        return False


def parsed(config):
    """Everything that common.smk makes of a config."""
    names = {"PROJECT": PROJECT, "DEFAULTS": {}, "config": config, "workflow": Outside()}
    exec(COMMON, names)
    return names


def stop_at_problems(names, problems=()):
    """End as a run does where something wrong was noted."""
    noted = [*names["PROBLEMS"], *problems]
    names["PROBLEMS"].clear()
    if noted:
        names["stop"](noted)


def read_windows(names, path):
    """Read a window table as a run does, and see that what is taken makes sense."""
    rows = names["table_rows"](names["read_rows"], str(path), "line_windows")
    windows = names["line_windows"](rows)
    stop_at_problems(names, (f"{path}, {each}" for each in names["order_problems"](windows)))
    for window in windows:
        assert window.unit in ("pixel", "angstrom"), window
        assert -math.inf < window.start <= window.stop < math.inf, window
        whole = isinstance(window.start, int) and isinstance(window.stop, int)
        assert whole or window.unit == "angstrom" or window.start == int(window.start), window
    for one, other in combinations(windows, 2):
        apart = one.stop < other.start or other.stop < one.start
        assert apart or one.unit != other.unit, (one, other)


def read_exposures(names, path):
    """Read a table of exposures as a run does, and see that what is taken makes sense."""
    names["config"]["exposures"] = str(path)
    exposures = names["load_exposures"]().values()
    stop_at_problems(names)
    assert exposures
    for each in exposures:
        assert 0 < each.exptime < math.inf, each
        assert each.lamp in names["config"]["lamps"], each
        assert each.arm in names["config"]["arms"], each
        assert os.path.isfile(each.path), each
        assert each.dark is None or os.path.isfile(each.dark), each
        assert re.fullmatch(r"[A-Za-z0-9.+_-]+", each.stem), each


def read_config(names, path):
    """Read a config as a run does, and see that what is taken makes sense."""
    try:
        own = load_configfile(path)
    except (WorkflowError, yaml.YAMLError, ValueError, RecursionError) as error:
        # Snakemake's own, before lampflux is asked.
        sys.exit(f"lampflux: {path} {type(error).__name__}")
    config = copy.deepcopy(DEFAULTS)
    update_config(config, own)
    places = {"raw_dir": str(path.parent), "results_dir": str(path.parent / "results")}
    config = names["parsed"](config | places)["config"]
    assert config["fibres"] > 0
    for arm in config["arms"].values():
        assert all(math.isfinite(arm[key]) for key in ("crval", "crpix", "cdelt")), arm
        assert arm["cdelt"] != 0


KINDS = {
    "windows": (read_windows, WINDOWS, ".csv"),
    "exposures": (read_exposures, EXPOSURES, ".csv"),
    "config": (read_config, CONFIG, ".yaml"),
}


def too_long(*_):
    """End a file that takes too long."""
    raise TimeoutError(f"took over {SECONDS} s")


def judge(read, names, path):
    """Read a damaged file: how it ended, and what to say of a failure."""
    signal.alarm(SECONDS)
    try:
        read(names, path)
    except SystemExit as error:
        said = str(error.code).splitlines()
        if all(line.startswith("lampflux: ") and len(line) < 20000 for line in said) and said:
            return "refused", str(error.code)
        return "sentence", repr(error.code)
    except BaseException as error:
        return "failure", f"{type(error).__name__}: {error}"
    finally:
        signal.alarm(0)
    return "taken", ""


def main():
    """Fuzz, print what came of it, and keep the files that failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=2000, help="of each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, default=Path("fuzz_failures"))
    args = parser.parse_args()
    signal.signal(signal.SIGALRM, too_long)
    counts, failures = Counter(), []
    with tempfile.TemporaryDirectory() as folder:
        for name in "a.fits", "b.fits", "d.fits":
            Path(folder, name).touch()
        empty = Path(folder, "empty")
        empty.mkdir()
        sound = copy.deepcopy(DEFAULTS) | {"raw_dir": str(empty), "simulation": None}
        for kind, (read, text, suffix) in KINDS.items():
            names = parsed(copy.deepcopy(sound)) | {"parsed": parsed}
            path = Path(empty if kind == "config" else folder, f"damaged{suffix}")
            path.write_text(text, encoding="utf-8")
            outcome = judge(read, names, path)
            assert outcome == ("taken", ""), outcome
            for number in range(args.files):
                rng = random.Random(f"{args.seed} {number}")
                content = rng.choice(DAMAGE)(rng, text.encode())
                path.write_bytes(content)
                outcome, said = judge(read, names, path)
                counts[kind, outcome] += 1
                if outcome not in ("taken", "refused"):
                    args.keep.mkdir(parents=True, exist_ok=True)
                    kept = args.keep / f"{kind}_{args.seed}_{number}{suffix}"
                    kept.write_bytes(content)
                    failures.append(f"{kept}: {outcome}: {said[:300]}")
    for kind in KINDS:
        taken, refused = counts[kind, "taken"], counts[kind, "refused"]
        print(f"{kind:<12}{args.files:>8} files{refused:>8} refused{taken:>8} taken")
    print(*failures, f"{len(failures)} failures with --seed {args.seed}", sep="\n")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
