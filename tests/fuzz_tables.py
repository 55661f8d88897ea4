"""Damage window tables, tables of exposures and configs, and read them as a run does.

Each must be refused with sentences or be taken with values that make sense: nothing else raised,
no hang.
"""

import argparse
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

from lampflux.campaign.campaign import Campaign
from lampflux.campaign.tables import checked_rows, window_table_problems
from lampflux.errors import UserError
from lampflux.fluxes.windows import line_windows, read_rows

PROJECT = Path(__file__).resolve().parent.parent
SECONDS = 5
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


def read_windows(path):
    """Read a window table as a run does, and see that what is taken makes sense."""
    problems = window_table_problems(str(path))
    if problems:
        raise UserError(*problems)
    rows, _ = checked_rows(read_rows, str(path), "line_windows")
    windows = line_windows(rows)
    for window in windows:
        assert window.unit in ("pixel", "angstrom"), window
        assert -math.inf < window.start <= window.stop < math.inf, window
        whole = isinstance(window.start, int) and isinstance(window.stop, int)
        assert whole or window.unit == "angstrom" or window.start == int(window.start), window
    for one, other in combinations(windows, 2):
        apart = one.stop < other.start or other.stop < one.start
        assert apart or one.unit != other.unit, (one, other)


def read_exposures(path):
    """Read a table of exposures as a run does, and see that what is taken makes sense."""
    campaign = Campaign({"exposures": str(path), "simulation": None}, PROJECT)
    config = campaign.config
    if campaign.problems:
        raise UserError(*campaign.problems)
    assert campaign.exposures
    for each in campaign.exposures.values():
        assert 0 < each.exptime < math.inf, each
        assert each.lamp in config["lamps"], each
        assert each.arm in config["arms"], each
        assert os.path.isfile(each.path), each
        assert each.dark is None or os.path.isfile(each.dark), each
        assert re.fullmatch(r"[A-Za-z0-9.+_-]+", each.stem), each


def read_config(path):
    """Read a config as a run does, and see that what is taken makes sense."""
    try:
        own = load_configfile(path)
    except (WorkflowError, yaml.YAMLError, ValueError, RecursionError) as error:
        # Snakemake's own, before lampflux is asked.
        raise UserError(f"{path} {type(error).__name__}") from error
    places = {"raw_dir": str(path.parent), "results_dir": str(path.parent / "results")}
    config = Campaign({"simulation": None} | own | places, PROJECT).config
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


def judge(read, path):
    """Read a damaged file: how it ended, and what to say of a failure."""
    signal.alarm(SECONDS)
    try:
        read(path)
    except UserError as error:
        if all(0 < len(sentence) < 20000 for sentence in error.args) and error.args:
            return "refused", ""
        return "sentence", repr(error.args)
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
        for kind, (read, text, suffix) in KINDS.items():
            path = Path(empty if kind == "config" else folder, f"damaged{suffix}")
            path.write_text(text, encoding="utf-8")
            outcome = judge(read, path)
            assert outcome == ("taken", ""), outcome
            for number in range(args.files):
                rng = random.Random(f"{args.seed} {number}")
                content = rng.choice(DAMAGE)(rng, text.encode())
                path.write_bytes(content)
                outcome, said = judge(read, path)
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
