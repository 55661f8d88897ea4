"""Exposures by file names or tables."""

import os
import re
import shlex
import time
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from lampflux.campaign.darks import MasterFrame, background, choose_background
from lampflux.campaign.problems import did_you_mean

# Extensions of FITS files, in any case, and their description in messages.
SUFFIXES = tuple(
    f".{name}{packed}" for name in ("fits", "fit", "fts") for packed in ("", ".gz", ".fz", ".bz2")
)
ENDINGS = ".fits, .fit or .fts, also followed by .gz, .fz or .bz2"
WORD = r"[A-Za-z0-9.+-]+"
SECONDS = r"[0-9]+(?:\.[0-9]+)?"
EXPOSURE_NAME = re.compile(
    rf"(?P<brand>{WORD})_(?P<lamp>{WORD})_(?P<arm>{WORD})_(?P<exptime>{SECONDS})s_(?P<id>{WORD})"
)
# What Snakemake would replace in a path: wildcards and path variables.
PLACEHOLDER = re.compile(r"[{}]|<[a-z]\w*>")
# Longest plausible exposure of a lamp [s]; longer ones are mistakes in the unit or a digit.
LONGEST = 100_000
DARK_NAME = re.compile(rf"Dark_(?P<arm>{WORD})_(?P<exptime>{SECONDS})s(?:_(?P<id>{WORD}))?")
BIAS_NAME = re.compile(rf"Bias_(?P<arm>{WORD})(?:_(?P<id>{WORD}))?")
FRAME_NAMES = EXPOSURE_NAME, DARK_NAME, BIAS_NAME


class Exposure(NamedTuple):
    """One raw frame: where it is and what it shows.

    ``dark`` is a dark to subtract unchanged, ``master`` the combination of darks and biases;
    either may be None.
    """

    stem: str
    brand: str
    lamp: str
    arm: str
    exptime: float
    id: str
    path: str
    dark: str | None
    master: MasterFrame | None = None

    @property
    def background_files(self):
        """Each dark and bias, and its exposure time [s]."""
        if self.master:
            return self.master.files
        return [(self.dark, self.exptime)] if self.dark else []

    @property
    def identity(self):
        """Names and numbers that identify an exposure."""
        return self.brand, self.lamp, self.arm, self.exptime, self.id

    @property
    def cards(self):
        """Cards that identify the exposure in headers and titles of products."""
        return dict(zip(("BRAND", "LAMP", "CCD", "EXPTIME", "ID"), self.identity))


def is_address(path):
    """Whether a path is an address in a storage, such as s3://bucket/frame.fits."""
    return "://" in path


def address_problems(paths, fetch):
    """List addresses that no installed storage plugin accepts, one for each kind.

    Parameters
    ----------
    paths : iterable of str
    fetch : callable
        Raises an exception for such an address.

    Returns
    -------
    list of str
    """
    problems = []
    for path in {path.partition("://")[0]: path for path in filter(is_address, paths)}.values():
        try:
            fetch(path)
        except Exception:
            problems.append(
                f"{path}: no installed storage plugin of Snakemake accepts this address; "
                "install one that does (docs/clusters.md), or correct the address."
            )
    return problems


def stem_of(path):
    """File name without its FITS suffix, or None for a file of another kind."""
    name = Path(path).name
    for suffix in SUFFIXES:
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return None


def is_dark_or_bias(path):
    """Whether a file has the name of a dark or bias."""
    return any(kind.fullmatch(stem_of(path) or "") for kind in (DARK_NAME, BIAS_NAME))


def is_frame_name(name):
    """Whether a name is that of an exposure's, a dark's or a bias's file."""
    return any(kind.fullmatch(stem_of(name) or "") for kind in FRAME_NAMES)


def file_problems(paths):
    """List paths named like a frame that cannot be opened as a file, one sentence each."""
    problems = []
    for path in paths:
        if os.path.isdir(path):
            problems.append(f"{path} is a folder, not a frame; rename it.")
        elif not os.path.exists(path):
            problems.append(f"{path} is a broken link; correct or remove it.")
        elif not os.path.isfile(path):
            problems.append(f"{path} is a pipe or device, not a file; move it out of raw_dir.")
        elif not os.access(path, os.R_OK):
            problems.append(f"{path} cannot be read; change its permissions.")
        if PLACEHOLDER.search(path):
            problems.append(
                f"{path} has braces or a word in <> in its path; rename the file or folder."
            )
    return problems


def future_problems(paths):
    """List files with times in the future, which make all products look outdated."""
    now = time.time()
    return [
        f"{path} has a modification time in the future ({time.ctime(os.path.getmtime(path))}); "
        f"correct the clock, or the file's time with: touch {shlex.quote(path)}"
        for path in paths
        if os.path.exists(path) and os.path.getmtime(path) > now
    ]


def find_exposures(paths, lamps, arms):
    """Make exposures from file names, with their darks and biases.

    Parameters
    ----------
    paths : list of str
        FITS files.
    lamps, arms : collection of str
        Names that the config knows.

    Returns
    -------
    exposures : list of Exposure
    problems : list of str
        One sentence for each file that cannot be placed.
    """
    exposures, darks, biases, problems = [], defaultdict(list), defaultdict(list), []
    for path in paths:
        stem = stem_of(path)
        exposure, dark, bias = (kind.fullmatch(stem) for kind in FRAME_NAMES)
        match = dark or bias or exposure
        if match is None:
            problems.append(
                f"{path}: the name is not {{brand}}_{{lamp}}_{{arm}}_{{exptime}}s_{{id}} "
                "(or Dark_{arm}_{exptime}s, or Bias_{arm}) with parts of letters, digits and . + "
                "-; rename the file, move it out of raw_dir, or list your frames in a table "
                "(config key exposures)."
            )
            continue
        lamp = match["lamp"] if match is exposure else None
        exptime = None if match is bias else float(match["exptime"])
        problems += unknown_names(path, lamp, match["arm"], exptime, lamps, arms)
        if bias:
            biases[match["arm"]].append(path)
        elif dark:
            darks[match["arm"], exptime].append(path)
        else:
            names = match["brand"], match["lamp"], match["arm"], exptime, match["id"]
            exposures.append(Exposure(stem, *names, path, None))
    problems += twins([*darks.values(), *biases.values()])
    matched = []
    for each in exposures:
        dark, master = choose_background(each.path, each.arm, each.exptime, darks, biases)
        matched.append(each._replace(dark=dark, master=master))
    return matched, list(dict.fromkeys(problems + name_clashes(matched)))


def twins(kinds):
    """List darks or biases that appear twice: of one kind, folder and id, one sentence each."""
    problems = []
    for paths in kinds:
        same = defaultdict(list)
        for path in sorted(paths):
            match = DARK_NAME.fullmatch(stem_of(path)) or BIAS_NAME.fullmatch(stem_of(path))
            same[os.path.dirname(path), match["id"]].append(path)
        problems += [
            f"{' and '.join(files)} have the name of one frame; keep one, or number them "
            f"({Path(stem_of(files[0])).name}_01.fits and so on)."
            for files in same.values()
            if len(files) > 1
        ]
    return problems


def exposures_from_table(rows, table, lamps, arms):
    """Turn a table's rows into exposures.

    Parameters
    ----------
    rows : list of dict
        Columns path, brand, lamp, arm, exptime, id and optionally dark, dark_exptime and bias, as
        text. An empty or missing dark or bias means that there is none; several are separated by
        semicolons. Without dark_exptime a dark has the exposure's time.
    table : str
        The table's file. Paths in it are relative to its folder. Addresses such as
        s3://bucket/frame.fits stay as they are and are not checked.
    lamps, arms : collection of str
        Names that the config knows.

    Returns
    -------
    exposures : list of Exposure
    problems : list of str
    """
    exposures, problems = [], []
    for number, row in enumerate(rows, start=1):
        where = f"{table}, row {number}"
        exposure, faults = exposure_of_row(row, where, lamps, arms)
        problems += faults
        path = from_folder_of(table, row["path"])
        darks, biases = (
            tuple(from_folder_of(table, each.strip()) for each in text.split(";") if each.strip())
            for text in (row.get("dark", ""), row.get("bias", ""))
        )
        for file in (path, *darks, *biases):
            if is_address(file):
                continue
            if os.path.lexists(file):
                problems += [f"{where}: {problem}" for problem in file_problems([file])]
            else:
                problems.append(
                    f"{where}: there is no file {file}; correct the path (it counts from the "
                    "table's folder)."
                )
        seconds = float(row.get("dark_exptime") or exposure.exptime)
        if darks and not biases and seconds != exposure.exptime:
            problems.append(
                f"{where}: a dark of {seconds:g} s for an exposure of {exposure.exptime:g} s "
                "needs a bias to be scaled; name one in the column bias."
            )
        elif darks and seconds == 0:
            problems.append(f"{where}: dark_exptime is zero; name a bias in the column bias.")
        dark, master = background(exposure.arm, exposure.exptime, darks, seconds, biases)
        exposures.append(exposure._replace(path=path, dark=dark, master=master))
    return exposures, problems + [f"{table}: {clash}" for clash in name_clashes(exposures)]


def from_folder_of(table, path):
    """Resolve a path relative to a table's folder; an address stays as it is."""
    if is_address(path):
        return path
    return os.path.normpath(os.path.join(os.path.dirname(table), path))


def simulated_exposures(rows, table, folder, lamps, arms):
    """Turn a table of exposures to simulate into exposures with the paths of their frames.

    Parameters
    ----------
    rows : list of dict
        Columns brand, lamp, arm, exptime, id and dark ('yes' or 'no'), as text.
    table : str
        The table's file, for messages.
    folder : str
        Where the frames go, laid out as in the campaign: {brand}_{lamp}_{arm}_fits.
    lamps, arms : collection of str
        Names that the config knows.

    Returns
    -------
    exposures : list of Exposure
    problems : list of str
    """
    exposures, problems = [], []
    for number, row in enumerate(rows, start=1):
        exposure, faults = exposure_of_row(row, f"{table}, row {number}", lamps, arms)
        problems += faults
        beside = os.path.join(folder, f"{exposure.brand}_{exposure.lamp}_{exposure.arm}_fits")
        dark = f"Dark_{exposure.arm}_{seconds_text(row['exptime'])}s.fits"
        exposures.append(
            exposure._replace(
                path=os.path.join(beside, f"{exposure.stem}.fits"),
                dark=os.path.join(beside, dark) if row["dark"] == "yes" else None,
            )
        )
    return exposures, problems + [f"{table}: {clash}" for clash in name_clashes(exposures)]


def exposure_of_row(row, where, lamps, arms):
    """Turn a table's row into an exposure without paths, and list what is wrong with it."""
    seconds = seconds_text(row["exptime"])
    stem = f"{row['brand']}_{row['lamp']}_{row['arm']}_{seconds}s_{row['id']}"
    problems = unknown_names(where, row["lamp"], row["arm"], float(seconds), lamps, arms)
    if EXPOSURE_NAME.fullmatch(stem) is None:
        problems.append(
            f"{where}: brand, lamp, arm and id may hold letters, digits and . + - only; "
            f"change {stem!r}."
        )
    names = row["brand"], row["lamp"], row["arm"], float(seconds), row["id"]
    return Exposure(stem, *names, path="", dark=None), problems


def seconds_text(exptime):
    """Write an exposure time as file names do: no exponent, no trailing zeros."""
    return f"{Decimal(exptime).normalize():f}"


def unknown_names(where, lamp, arm, exptime, lamps, arms):
    """List parts of a name that the config does not know, one sentence each."""
    problems = []
    if lamp is not None and lamp not in lamps:
        problems.append(
            f"{where}: lamp {lamp} is not among the config's lamps ({', '.join(lamps)}); "
            f"{did_you_mean(lamp, lamps)}add it there with its ions, or correct the name."
        )
    if arm not in arms:
        problems.append(
            f"{where}: arm {arm} is not among the config's arms ({', '.join(arms)}); "
            f"{did_you_mean(arm, arms)}add it there with its wavelength solution, or correct the "
            "name."
        )
    if exptime == 0:
        problems.append(f"{where}: the exposure time is zero; correct it.")
    if exptime is not None and exptime > LONGEST:
        problems.append(
            f"{where}: the exposure time is {exptime:g} s, which is too long for a lamp; give it "
            "in seconds."
        )
    return problems


def name_clashes(exposures):
    """List exposures of one name, and brands that differ only in case, one sentence each."""
    claims, spellings = defaultdict(list), defaultdict(dict)
    for exposure in exposures:
        claims[exposure.identity].append(exposure)
        spellings[exposure.brand.lower()].setdefault(exposure.brand, exposure.path)
    return [
        f"{' and '.join(exposure.path for exposure in same)} have the name of one exposure "
        f"({same[0].stem}); keep one."
        for same in claims.values()
        if len(same) > 1
    ] + [
        f"{' and '.join(paths.values())} spell a brand in {len(paths)} ways ({', '.join(paths)}); "
        "choose one."
        for paths in spellings.values()
        if len(paths) > 1
    ]
