"""The catalogue of faults: what the user sees of each, compared with docs/faults.md.

Faults of a file are met by the function that reads it; those that an exposure's jobs meet lie
beside good frames in one campaign, which runs once. Faults of the config and of tables that do not
depend on each other are made, and reported, in one run.
"""

import gzip
import os
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from test_config import FRAME, complaints
from test_workflow import files_below, flux_table, made_in, products_of

from conftest import (
    PROJECT,
    dark_counts,
    lamp_counts,
    write_config,
    write_frame,
    write_text,
)
from lampflux.campaign.listing import list_frames
from lampflux.errors import UserError
from lampflux.files import frames
from lampflux.files.frames import read_frame
from lampflux.files.keywords import check_exposure_time

SHAPE = 16, 4096


@dataclass(frozen=True, eq=False)
class Fault:
    """A faulty frame: words of its message, and a function that makes it from two paths."""

    words: list
    make: Callable
    seconds: int = 10


def counts(**settings):
    return lamp_counts(seed=1, **settings)


def content(path):
    """Write a sound frame and give its bytes."""
    write_frame(path, counts())
    return path.read_bytes()


def replaced(old, new):
    """Make a frame with some bytes replaced."""

    def make(path, dark):
        sound = content(path)
        assert sound.count(old) == 1
        path.write_bytes(sound.replace(old, new))

    return make


def written(values, **header):
    """Make a frame of given counts and header."""
    return lambda path, dark: write_frame(path, values, **header)


def holding(data):
    """Make a file of given bytes, or of what a function makes of a sound frame's bytes."""
    return lambda path, dark: path.write_bytes(data(content(path)) if callable(data) else data)


def hdus(*parts):
    """Make a FITS file of given HDUs."""
    return lambda path, dark: fits.HDUList([fits.PrimaryHDU(), *parts]).writeto(path)


def with_dark(frame, dark, **dark_header):
    """Make a frame and its dark."""

    def make(path, dark_path):
        write_frame(path, frame)
        write_frame(dark_path, dark, **dark_header)

    return make


def card(key, value):
    """Make a frame with a header card as it stands."""

    def make(path, dark):
        sound = content(path)
        end = sound.index(b"END" + b" " * 77)
        line = f"{key:<8}= {value:>20}".ljust(80).encode() + b"END".ljust(80)
        path.write_bytes(sound[:end] + line + sound[end + len(line) :])

    return make


def damaged_tile(path, dark):
    """Change a byte of a tile in a compressed file with checksums, such as those of fpack."""
    image = fits.CompImageHDU(counts())
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(path, checksum=True)
    data = bytearray(path.read_bytes())
    data[-20000] ^= 0xFF
    path.write_bytes(data)


def torn_tiles(path, dark):
    compressed = path.with_suffix(".fz")
    write_frame(compressed, counts())
    path.write_bytes(compressed.read_bytes()[:25920])
    compressed.unlink()


def damaged_sum(sound):
    zipped = bytearray(gzip.compress(sound))
    zipped[-6] ^= 0xFF
    return zipped


def noisy(level, spread=3, shape=SHAPE):
    return (level + np.random.default_rng(2).integers(-spread, spread + 1, shape)).astype("u2")


BRIGHT = counts(bias=(500, 623))
CHANGED = "changed while it was read; run again once it is complete."
UNREADABLE = "cannot be read as FITS"
NO_IMAGE = "holds no two-dimensional image; give the raw frame."
BSCALE, BZERO = b"BSCALE  =                    1", b"BZERO   =                32768"

# Refused where the file is read.
FILES = {
    "empty file": Fault([UNREADABLE, "it is empty"], holding(b"")),
    "truncated header": Fault([UNREADABLE], holding(lambda sound: sound[:1000])),
    "text": Fault([UNREADABLE, "begins with b'pixel,flux"], holding(b"pixel,flux\n1,2\n" * 300)),
    "PNG picture": Fault([UNREADABLE, "PNG"], holding(b"\x89PNG\r\n\x1a\n" + bytes(5000))),
    "HTML error page": Fault([UNREADABLE, "<!DOCTYPE html"], holding(b"<!DOCTYPE html>" * 400)),
    "NUL bytes": Fault([UNREADABLE, "begins with"], holding(bytes(5760))),
    "FITS without image": Fault([NO_IMAGE], hdus()),
    "1D image": Fault([NO_IMAGE], written(np.arange(4096, dtype="i2"))),
    "3D image": Fault([NO_IMAGE], written(np.ones((2, 3, 4), "i2"))),
    "two images": Fault(
        ["holds 2 two-dimensional images; name those to read"],
        hdus(fits.ImageHDU(counts()), fits.ImageHDU(counts())),
    ),
    "axis of no length": Fault([NO_IMAGE], written(np.zeros((0, 4096), "i2"))),
    "complex numbers": Fault(
        [NO_IMAGE],
        hdus(fits.BinTableHDU.from_columns([fits.Column("a", "4C", array=np.ones((3, 4), "c8"))])),
    ),
    "unknown number type": Fault(
        [UNREADABLE],
        replaced(b"BITPIX  =                   16", b"BITPIX  =                   66"),
    ),
    "BSCALE not finite": Fault(
        [UNREADABLE, "BSCALE is inf"], replaced(BSCALE, b"BSCALE  =                1E999")
    ),
    "BSCALE zero": Fault(
        [UNREADABLE, "BSCALE is 0.0"], replaced(BSCALE, b"BSCALE  =                  0.0")
    ),
    "BZERO not finite": Fault(
        [UNREADABLE, "BZERO is -inf"], replaced(BZERO, b"BZERO   =               -1E999")
    ),
    "BSCALE twice": Fault([UNREADABLE, "its header gives BSCALE twice"], card("BSCALE", "2.5")),
    "exposure time in words in the header": Fault(
        ["10 s in its name", "'ten' in its header"],
        written(counts(), EXPTIME="ten"),
    ),
    "two exposure times in the header": Fault(
        ["10 s in its name", "60 s in its header (EXPOSED)"],
        written(counts(), EXPTIME=10, EXPOSED=60),
    ),
    "gzip with a wrong checksum": Fault([UNREADABLE, "CRC check failed"], holding(damaged_sum)),
    "gzip with bytes after its end": Fault(
        [UNREADABLE], holding(lambda sound: gzip.compress(sound) + b"more bytes")
    ),
    "tile-compressed, truncated": Fault([UNREADABLE, "truncated"], torn_tiles),
    "tile-compressed, a tile damaged": Fault(
        ["does not match its checksum (DATASUM)"], damaged_tile
    ),
}
# Each ends the jobs of its own exposure in a campaign, at the first job that finds it.
FRAMES = {
    "truncated data": Fault([UNREADABLE, "truncated"], holding(lambda sound: sound[:60000])),
    "columns that do not match the arm": Fault(
        ["has columns 0 to 2047", "amplifiers of arm Red"], written(counts(shape=(16, 2048)))
    ),
    "columns that do not match the arm, with a dark": Fault(
        ["has columns 0 to 2047", "amplifiers of arm Red"],
        with_dark(counts(shape=(16, 2048)), dark_counts(3, shape=(16, 2048))),
        21,
    ),
    "dark of another shape": Fault(
        ["Dark_Red_22s.fits", "8 x 4096", "16 x 4096"],
        with_dark(counts(), dark_counts(6, shape=(8, 4096))),
        22,
    ),
    "all NaN": Fault(["no good pixel"], written(np.full(SHAPE, np.nan, "f4"))),
    "all zero": Fault(["every pixel is 0 ADU"], written(np.zeros(SHAPE, "u2"))),
    "constant": Fault(["every pixel is 500 ADU"], written(np.full(SHAPE, 500, "u2"))),
    "every pixel at the digital limit": Fault(
        ["every pixel is 65535 ADU"], written(np.full(SHAPE, 65535, "u2"))
    ),
    "name and header disagree": Fault(
        ["10 s in its name", "12.5 s in its header (EXPTIME)"],
        written(counts(), EXPTIME=12.5),
    ),
    "exposure time of the dark's header disagrees": Fault(
        ["Dark_Red_23s.fits", "23 s in its name", "5 s in its header"],
        with_dark(counts(), dark_counts(6), EXPTIME=5),
        23,
    ),
    "gzip truncated": Fault([UNREADABLE], holding(lambda sound: gzip.compress(sound)[:20000])),
    "bias outside bias_range": Fault(
        [f"{np.median(BRIGHT[:, 2048:]):.1f} ADU", "2048 to 4095", "450 to 550", "Red"],
        written(BRIGHT),
    ),
    "dark brighter than the frame": Fault(
        ["Dark_Red_24s.fits is brighter than", "mixed up"], with_dark(counts(), noisy(900)), 24
    ),
    "frame and dark mixed up": Fault(
        ["Dark_Red_25s.fits is brighter than", "mixed up"],
        with_dark(dark_counts(6), counts()),
        25,
    ),
    "frame and dark are one": Fault(
        ["Dark_Red_26s.fits is the same image as"], with_dark(counts(), counts()), 26
    ),
    "frame in electrons": Fault(
        ["is in electron (BUNIT)"], written(counts().astype("f4"), BUNIT="electron")
    ),
    "unsigned counts stored as signed": Fault(
        ["from -25536 to 30000 ADU", "BZERO = 32768"],
        written(
            np.where(np.arange(4096) % 99 < 4, 40000, noisy(30000, 0)).astype("u2").view("i2")
        ),
    ),
    "frame divided by its brightest pixel": Fault(
        ["holds no counts (ADU): no pixel is above 1"],
        written((counts() / counts().max()).astype("f4")),
    ),
    "lamp on during the dark": Fault(
        ["Dark_Red_28s.fits shows the lines of", "% as bright: the lamp was on"],
        with_dark(counts(), (0.7 * dark_counts(6) + 0.3 * counts()).astype("u2")),
        28,
    ),
    "dark of one number": Fault(
        ["Dark_Red_27s.fits holds no exposure"],
        with_dark(counts(), np.zeros(SHAPE, "u2")),
        27,
    ),
}


def stem(number, seconds):
    return f"F{number}_Ne_Red_{seconds}s_01"


NAMES = {name: stem(n, fault.seconds) for n, (name, fault) in enumerate(FRAMES.items())}
GOOD = "Good_Ne_Red_10s_01", "Good_Ne_Red_10s_02"
OUTSIDE = "Outside_Kr_Red_10s_01"
SATURATED, BAD_CARD = "Saturated_Ne_Red_10s_01", "Card_Ne_Red_10s_01"
WINDOWS = "resources/line_windows/Kr_Red.csv"


def write_good(root):
    for number, exposure in enumerate(GOOD):
        write_frame(root / f"resources/raw/{exposure}.fits", lamp_counts(seed=7 + number))


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_holds_no_such_frame_is_refused_with_a_sentence(tmp_path, name):
    path = tmp_path / "a.fits"
    FILES[name].make(path, None)
    with pytest.raises(UserError) as caught:
        check_exposure_time(read_frame(str(path))[1], FILES[name].seconds, str(path))
    sentence = str(caught.value)
    assert [word for word in FILES[name].words if word not in sentence] == [], sentence
    assert seen_by_page()[name] == sentence.replace(str(path), "FRAME")


@pytest.fixture(scope="module")
def good(snakemake, tmp_path_factory):
    """Return the folder of a run of the good frames alone."""
    root = tmp_path_factory.mktemp("good")
    write_good(root)
    run = snakemake(root, *[f"results/fluxes/{exposure}.csv" for exposure in GOOD], "Good_Ne_Red")
    assert run.status == 0, run.output
    return root


@pytest.fixture(scope="module")
def faulty(snakemake, tmp_path_factory):
    """Return the folder of a run of good and faulty frames, and the run."""
    root = tmp_path_factory.mktemp("faulty")
    write_good(root)
    raw = root / "resources/raw"
    for name, fault in FRAMES.items():
        fault.make(raw / f"{NAMES[name]}.fits", raw / f"Dark_Red_{fault.seconds}s.fits")
    write_frame(raw / f"{OUTSIDE}.fits", lamp_counts(7))
    write_text(root / WINDOWS, "start,stop\n10,20\n4090,4096\n")
    saturated = counts()
    saturated[6:9] = 65535
    write_frame(raw / f"{SATURATED}.fits", saturated)
    card("OBSERVER", "'O'Brien")(raw / f"{BAD_CARD}.fits", None)
    return root, snakemake(root)


@pytest.mark.parametrize("name", FRAMES)
def test_a_faulty_frame_ends_with_a_sentence_and_without_a_product(faulty, name):
    root, run = faulty
    path = f"resources/raw/{NAMES[name]}.fits"
    dark = f"resources/raw/Dark_Red_{FRAMES[name].seconds}s.fits"
    log = f"results/logs/spectra/{NAMES[name]}.log"
    said = (root / log).read_text()
    (sentence,) = re.findall(r"(?m)^ERROR: (.+)$", said)
    assert path in sentence or dark in sentence
    assert [word for word in FRAMES[name].words if word not in sentence] == [], sentence
    assert re.search(r"; \w+", sentence), "no remedy"
    assert "Traceback" not in said
    assert f"lampflux: {sentence}" in run.sentences
    assert (
        f"\n{NAMES[name]}: {sentence}\n  log: {log}\n"
        in run.output.split("Some products could not")[1]
    )
    assert not [made for made in made_in(root) if NAMES[name] in made]


def test_a_window_outside_the_detector_ends_the_flux_job_by_file_and_row(faulty):
    root, run = faulty
    (sentence,) = [line for line in run.sentences if WINDOWS in line]
    for word in "row 2", "4090 to 4096", "0 to 4095":
        assert word in sentence
    made = {name for name in made_in(root) if OUTSIDE in name}
    assert made == {
        name
        for name in products_of(OUTSIDE)
        if not name.startswith("fluxes/") and not name.endswith(".png")
    }


def test_the_good_frames_beside_faulty_ones_are_finished_and_the_same_to_the_byte(faulty, good):
    root, _ = faulty
    names = products_of(*GOOD) | {"lamps/Good_Ne_Red.csv", "lamps/Good_Ne_Red.png"}
    for name in names:
        assert (root / "results" / name).read_bytes() == (good / "results" / name).read_bytes()


def test_the_run_ends_non_zero_with_what_failed_and_what_waits_for_it(faulty):
    _, run = faulty
    assert run.status != 0
    assert "Traceback" not in run.output
    assert "a fault in lampflux" not in run.output
    assert len(run.sentences) == len(FRAMES) + 1
    said = run.output.split("Some products could not be made")[1]
    failed = re.findall(r"(?m)^(\w+): (.+)\n  log: (.+)$", said)
    assert {name for name, *_ in failed} == {*NAMES.values(), OUTSIDE}
    (waiting,) = re.findall(r"(?m)^Not made because of the failed exposures: .+$", said)
    assert "F0 Ne Red" in waiting
    assert "Outside Kr Red" in waiting
    assert "Good" not in waiting
    # Only Snakemake's own last words follow.
    assert len(said.splitlines()) <= 2 * len(failed) + 6


def test_nothing_half_written_is_left(faulty):
    assert not [name for name in files_below(faulty[0] / "results") if ".part-" in name]


def test_a_lamp_that_saturates_everywhere_is_flagged_in_every_window(faulty):
    root, _ = faulty
    heading, _ = flux_table(root, SATURATED)
    flags = heading.index("flags")
    lines = (root / f"results/fluxes/{SATURATED}.csv").read_text().splitlines()[1:]
    assert lines
    assert all("saturated" in line.split(",")[flags].split() for line in lines)


def test_a_header_card_that_is_not_needed_may_be_broken(faulty):
    assert products_of(BAD_CARD) <= made_in(faulty[0])


@pytest.mark.parametrize("change", ["grows", "is written anew"])
def test_a_frame_that_changes_while_it_is_read_is_refused(tmp_path, monkeypatch, change):
    path = tmp_path / "a.fits"
    write_frame(path, counts())
    to_physical = frames.to_physical

    def slowly(stored, header):
        if change == "grows":
            with open(path, "ab") as file:
                file.write(bytes(2880))
        else:
            os.utime(path, ns=(0, 0))
        return to_physical(stored, header)

    monkeypatch.setattr(frames, "to_physical", slowly)
    with pytest.raises(UserError) as caught:
        read_frame(str(path))
    assert str(caught.value) == f"{path} {CHANGED}"


# Names, tables and config: everything that is wrong is reported at once, before any job


def link_to_nothing(path):
    path.symlink_to("nowhere")


def write_bytes(data):
    return lambda path: write_text(path, "").write_bytes(data)


def lines(*rows):
    return write_bytes("".join(f"{row}\n" for row in rows).encode())


RAW, OWN = "resources/raw", "resources/line_windows"
# Each has its own path; the words are in the same sentence.
TABLES = {
    "folder named like a frame": (f"{RAW}/A_Ne_Red_10s_01.fits", ["is a folder"], Path.mkdir),
    "broken link": (f"{RAW}/B_Ne_Red_10s_01.fits", ["is a broken link"], link_to_nothing),
    "pipe named like a frame": (f"{RAW}/C_Ne_Red_10s_01.fits", ["pipe or device"], os.mkfifo),
    "unknown lamp": (f"{RAW}/D_Vs_Red_10s_01.fits", ["lamp Vs", "Ar, HgAr"], Path.touch),
    "unknown arm": (f"{RAW}/E_Ne_Green_10s_01.fits", ["arm Green", "Blue, Red"], Path.touch),
    "zero exposure time in the name": (f"{RAW}/G_Ne_Red_0s_01.fits", ["is zero"], Path.touch),
    "negative exposure time in the name": (
        f"{RAW}/H_Ne_Red_-5s_01.fits",
        ["the name is not", "rename"],
        Path.touch,
    ),
    "exposure time in words in the name": (
        f"{RAW}/I_Ne_Red_tens_01.fits",
        ["the name is not", "rename"],
        Path.touch,
    ),
    "absurd exposure time in the name": (
        f"{RAW}/J_Ne_Red_600000s_01.fits",
        ["600000 s, which is too long", "in seconds"],
        Path.touch,
    ),
    "two files for one exposure": (
        f"{RAW}/Good_Ne_Red_10.0s_01.fits",
        [f"{RAW}/Good_Ne_Red_10s_01.fits", "keep one"],
        Path.touch,
    ),
    "brand in two spellings": (
        f"{RAW}/good_Ne_Red_10s_02.fits",
        ["spell a brand in 2 ways (Good, good)", "choose one"],
        Path.touch,
    ),
    "braces in a path": (f"{RAW}/{{a}}/K_Ne_Red_10s_01.fits", ["braces", "rename"], Path.touch),
    "name in another script": (
        f"{RAW}/Phötron_Ne_Red_10s_01.fits",
        ["letters, digits", "rename", "config key exposures"],
        Path.touch,
    ),
    "name with shell characters": (
        f"{RAW}/$(touch pwned)_Ne_Red_10s_; touch pwned.fits",
        ["the name is not", "rename"],
        Path.touch,
    ),
    "table separated by semicolons": (
        f"{OWN}/Ar_Blue.csv",
        ["semicolons", "commas"],
        lines("start;stop", "10,5;20"),
    ),
    "table with NUL bytes": (
        f"{OWN}/Ar_Red.csv",
        ["NUL bytes"],
        write_bytes(b"start,stop\n10,2\x000\n"),
    ),
    "table in Latin-1": (
        f"{OWN}/HgAr_Blue.csv",
        ["UTF-8", "another encoding"],
        write_bytes("start,stop,note\n10,20,Å\n".encode("latin-1")),
    ),
    "duplicate window": (
        f"{OWN}/HgAr_Red.csv",
        ["row 2", "overlaps row 1"],
        lines("start,stop", "10,20", "10,20"),
    ),
    "infinite number": (
        f"{OWN}/HgNe_Blue.csv",
        ["row 1, stop", "'inf'"],
        lines("start,stop", "10,inf"),
    ),
    "cells in excess": (
        f"{OWN}/HgNe_Red.csv",
        ["row 1 has more cells"],
        lines("start,stop", "10,20,30"),
    ),
    "column named twice": (
        f"{OWN}/Kr_Blue.csv",
        ["names a column twice"],
        lines("start,stop,stop", "10,20,30"),
    ),
    "quote in the wrong place": (
        f"{OWN}/Kr_Red.csv",
        ["not a UTF-8 CSV table"],
        lines("start,stop,ion", '10,20,"Kr I'),
    ),
    "folder in place of a table": (f"{OWN}/ThAr_Red.csv", ["is not a file"], Path.mkdir),
    "table without rows": (f"{OWN}/ThAr_Blue.csv", ["no rows below"], lines("start,stop")),
    "window that runs backwards": (
        f"{OWN}/Xe_Blue.csv",
        ["row 1 runs backwards (20 to 10)"],
        lines("start,stop", "20,10"),
    ),
    "unit of a window not known": (
        f"{OWN}/Xe_Red.csv",
        ["row 1, unit", "'nm' is not"],
        lines("start,stop,unit", "600,601,nm"),
    ),
    "line list of another column": (
        "resources/line_lists/Xe_I.csv",
        ["row 1", "'wavelength_air' is missing"],
        lines("intensity", "5000"),
    ),
    "reference of a negative wavelength": (
        "resources/wavelength_references/Blue.csv",
        ["row 1, wavelength_air", "-3948.9793"],
        lines("pixel,wavelength_air", "480.5,-3948.9793"),
    ),
}
CONFIG = {
    "negative number": (["fibres", "-1"], {"fibres": -1}),
    "key in other words": (["'fibers' is unknown"], {"fibers": 61}),
    "number left empty": (["line_limit", "null is not a number"], {"line_limit": None}),
    "not a number": (["arms.A.crval", "nan is not a finite"], {"arms": {"A": {"crval": np.nan}}}),
    "infinite setting": (["arms.A.crpix", "inf"], {"arms": {"A": {"crpix": np.inf}}}),
    "odd name of a lamp": (["lamps", "'{a}/*; b'"], {"lamps": {"{a}/*; b": ["Ne I"]}}),
    "ion without a name": (["lamps.Cd.0", "''"], {"lamps": {"Cd": [""]}}),
    "braces in results_dir": (["results_dir", "'r{x}'"], {"results_dir": "r{x}"}),
}
RANGES = {
    "amplifiers that overlap": (["arms.A", "[10, 20]", "column 11"], "A", [[0, 10], [10, 20]]),
    "amplifiers that leave a gap": (["arms.B", "[12, 20]", "column 11"], "B", [[0, 10], [12, 20]]),
    "amplifiers that begin late": (["arms.C", "[1, 20]", "column 0"], "C", [[1, 20]]),
}
FOLDERS = {
    "raw_dir is a file": (["raw_dir: mine.yaml is not a folder"], {"raw_dir": "mine.yaml"}),
    "results_dir is below a file": (
        ["results_dir: mine.yaml is not a folder"],
        {"results_dir": "mine.yaml/results"},
    ),
}


def sentence_with(sentences, words):
    """Return the one sentence that holds all words."""
    (found,) = [text for text in sentences if all(word in text for word in words)]
    return found


@pytest.fixture(scope="module")
def wrong_tables(snakemake, tmp_path_factory):
    root = tmp_path_factory.mktemp("tables")
    for lamp in "Ar", "HgAr", "HgNe", "Kr", "Ne", "ThAr", "Xe":
        for arm in "Blue", "Red":
            write_text(root / f"{RAW}/Good_{lamp}_{arm}_10s_01.fits", "")
    for path, _, make in TABLES.values():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        make(root / path)
    return root, snakemake(root, "-n")


@pytest.mark.parametrize("name", TABLES)
def test_a_fault_of_a_name_or_table_is_reported(wrong_tables, name):
    path, words, _ = TABLES[name]
    sentence = sentence_with(wrong_tables[1].sentences, [path, *words])
    assert re.search(r"; \w+", sentence), "no remedy"


def test_all_faults_of_names_and_tables_are_reported_at_once_and_nothing_is_run(wrong_tables):
    root, run = wrong_tables
    complaints(run, count=len(TABLES))
    assert not [path for path in root.rglob("*pwned*") if "Ne_Red" not in path.name]
    assert not (root / "results").exists()


@pytest.fixture(scope="module")
def wrong_configs(snakemake, tmp_path_factory):
    """Return the sentences on two configs: wrong keys and values, and contradictions."""
    root = tmp_path_factory.mktemp("configs")
    values, meaning = {"arms": {"A": {"cdelt": 1}}}, {"arms": {}}
    for _, settings in CONFIG.values():
        for key, value in settings.items():
            if key == "arms":
                values["arms"]["A"] |= value["A"]
            else:
                values[key] = values.get(key, {}) | value if key == "lamps" else value
    for _, arm, amplifiers in RANGES.values():
        meaning["arms"][arm] = {"crval": 1, "crpix": 1, "cdelt": 1, "amplifiers": amplifiers}
    for _, settings in FOLDERS.values():
        meaning |= settings
    runs = [
        snakemake(root, "-n", *write_config(root / "mine.yaml", **settings))
        for settings in (values, meaning)
    ]
    counts = len(CONFIG), len(RANGES) + len(FOLDERS)
    return [text for run, count in zip(runs, counts) for text in complaints(run, count)]


@pytest.mark.parametrize("name", [*CONFIG, *RANGES, *FOLDERS])
def test_a_fault_of_the_config_is_reported_with_all_others(wrong_configs, name):
    words = (CONFIG | RANGES | FOLDERS)[name][0]
    assert re.search(r"; \w+", sentence_with(wrong_configs, ["config", *words])), "no remedy"


# Odd but correct input must work


SHELL = "$(touch pwned) `touch pwned`; touch pwned é"
FORBID = """
import os, socket

def note(word):
    with open(os.environ["NETWORK_NOTES"], "a") as file:
        file.write(word + "\\n")

def refuse(kind):
    real = getattr(socket.socket, kind)
    def connect(self, address):
        if self.family == socket.AF_UNIX:
            return real(self, address)
        note(f"asked for {address}")
        raise OSError("there is no network")
    setattr(socket.socket, kind, connect)

refuse("connect")
refuse("connect_ex")
note("watched")
# Jobs are forks of a process that is watched.
os.register_at_fork(after_in_child=lambda: note("watched"))
"""


@pytest.fixture(scope="module")
def odd(snakemake, tmp_path_factory):
    """Return the folder of a run with odd names everywhere, its run, and its network accesses."""
    root = tmp_path_factory.mktemp("odd") / SHELL
    place = root / "raw (night) *"
    write_frame(place / f"{SHELL}.fits", lamp_counts(7))
    write_frame(place / "two 'lights' \"&\" [lamp].fits.gz", lamp_counts(8))
    write_frame(place / "dark | touch pwned #.fits", dark_counts(9))
    rows = (
        "path,brand,lamp,arm,exptime,id,dark",
        f"{SHELL}.fits,Odd,Ne,Red,10,01,",
        '"two \'lights\' ""&"" [lamp].fits.gz",Odd,Ne,Red,10,02,dark | touch pwned #.fits',
    )
    write_text(place / "table.csv", "").write_bytes("\ufeff".encode() + "\r\n".join(rows).encode())
    settings = f"\ufeffexposures: raw (night) */table.csv\r\nresults_dir: 'out {SHELL}'\r\n"
    write_text(root / "mine.yaml", "").write_bytes(settings.encode())
    write_text(root / "lines/Ne_Red.csv", "").write_bytes(
        "\ufeffstart,stop,note\r\n447,465,Å\r\n".encode()
    )
    write_text(root / "site/sitecustomize.py", FORBID)
    notes = root / "notes"
    run = snakemake(
        root,
        *["--configfile", root / "mine.yaml", "--config", "line_windows=lines"],
        variables={"PYTHONPATH": str(root / "site"), "NETWORK_NOTES": str(notes)},
    )
    assert run.status == 0, run.output
    return root, run, notes.read_text().splitlines()


def test_odd_names_marks_and_line_ends_work_and_nothing_of_them_reaches_a_shell(odd):
    root, *_ = odd
    exposures = "Odd_Ne_Red_10s_01", "Odd_Ne_Red_10s_02"
    made = files_below(root / f"out {SHELL}")
    assert products_of(*exposures) <= made
    header = fits.getheader(root / f"out {SHELL}/spectra/{exposures[1]}.fits")
    assert header["DARKFILE"] == "dark | touch pwned #.fits"
    assert (root / f"out {SHELL}/fluxes/{exposures[0]}.csv").read_text().count("\n") == 2
    assert not [path for path in root.parent.rglob("*") if path.name == "pwned"]
    assert not (Path.cwd() / "pwned").exists()


def test_no_job_asks_for_the_network(odd):
    _, run, notes = odd
    assert [note for note in notes if note != "watched"] == []
    # Snakemake itself and each job.
    assert notes.count("watched") >= 1 + len(run.jobs)


def test_no_rule_uses_a_shell_and_no_code_an_unsafe_reader():
    unsafe = re.compile(
        r"(?m)^\s*shell:|\bshell\(|\bos\.system|\bpickle\b|\bsubprocess\.(?!Popen\(command,)"
        r"|\byaml\.(unsafe_|full_)?load\(|\beval\(|\bexec\("
    )
    # The processes that are started are given lists of words.
    allowed = {
        "forks.py": (
            "import subprocess\n",
            "subprocess.Popen(\n        command,",
            *["subprocess.PIPE"] * 2,
        ),
        "internals.py": (
            "import subprocess\n",
            *["subprocess.CalledProcessError"] * 2,
            "subprocess.run(command, ",
        ),
    }
    lists = {"forks.py": "command = [sys.executable, ", "internals.py": 'command = ["sinfo", '}
    paths = [PROJECT / "Snakefile", *(PROJECT / "workflow").rglob("*.smk")]
    paths += (PROJECT / "workflow").rglob("*.py")
    assert len(paths) > 20
    for path in paths:
        text = path.read_text()
        for words in allowed.get(path.name, ()):
            assert words in text
            text = text.replace(words, "", 1)
        assert lists.get(path.name, "") in text
        assert unsafe.search(text) is None, path


def test_thousands_of_files_of_other_kinds_are_passed_over_in_a_moment(tmp_path):
    write_text(tmp_path / FRAME, "")
    for number in range(5000):
        (tmp_path / f"{RAW}/note{number}.txt").touch()
    begin = time.process_time()
    assert list_frames(tmp_path / RAW).frames == [str(tmp_path / FRAME)]
    assert time.process_time() - begin < 0.2


TAG = "!!python/object/apply:os.system ['touch pwned']"
# Faults of the config and of the simulation's constants that end the reading of their file.
READING = {
    "code in a config file": (["not valid JSON or YAML"], "mine.yaml", f"fibres: {TAG}\n"),
    "YAML syntax error in a config file": (
        ["not valid JSON or YAML"],
        "mine.yaml",
        "fibres: [1\n",
    ),
    "code in the constants": (
        ["lampflux: physics.yaml, line 1", "; correct it"],
        "physics.yaml",
        f"gain: {TAG}\n",
    ),
    "YAML syntax error in the constants": (
        ["lampflux: physics.yaml, line 2", "; correct it"],
        "physics.yaml",
        "gain: [1\narms:\n  Red: }\n",
    ),
}


# Faults of lampflux's own config.yaml, which comes first.
OWN_CONFIG = {
    "YAML syntax error in config.yaml": (
        ["line 2, is not YAML", "; correct it"],
        b"raw_dir: [a\nb: 1",
    ),
    "config.yaml in Latin-1": (["is not YAML in UTF-8", "; correct it"], b"raw_dir: \xe9\n"),
    "code in config.yaml": (["line 1, is not YAML", "; correct it"], f"fibres: {TAG}\n".encode()),
}


@pytest.mark.parametrize("name", OWN_CONFIG)
def test_a_config_of_lampflux_that_cannot_be_read_is_reported(snakemake, tmp_path, name):
    words, text = OWN_CONFIG[name]
    for part in "workflow", "profiles":
        (tmp_path / part).symlink_to(PROJECT / part)
    shutil.copy(PROJECT / "Snakefile", tmp_path)
    (tmp_path / "config.yaml").write_bytes(text)
    run = snakemake(tmp_path, "-n", project=tmp_path)
    (sentence,) = complaints(run)
    assert [word for word in [f"{tmp_path}/config.yaml", *words] if word not in sentence] == []
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("name", READING)
def test_a_yaml_file_that_cannot_be_read_runs_nothing(snakemake, tmp_path, name):
    words, file, text = READING[name]
    if file == "physics.yaml":
        write_config(tmp_path / "mine.yaml", simulation={"physics": file})
    write_text(tmp_path / file, text)
    run = snakemake(tmp_path, "-n", "--configfile", tmp_path / "mine.yaml")
    assert run.status != 0
    assert [word for word in words if word not in run.output] == [], run.output
    assert "Traceback" not in run.output
    assert not (tmp_path / "pwned").exists()
    assert not (PROJECT / "pwned").exists()


def test_text_for_a_number_on_the_command_line_is_reported(snakemake, tmp_path):
    write_text(tmp_path / FRAME, "")
    (sentence,) = complaints(snakemake(tmp_path, "-n", "--config", "fibres=many"))
    assert "config, fibres: 'many'" in sentence


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_frame_without_the_right_to_read_it_is_reported(snakemake, tmp_path):
    write_text(tmp_path / FRAME, "").chmod(0)
    (sentence,) = complaints(snakemake(tmp_path))
    assert f"{FRAME} cannot be read; change its permissions" in sentence


# The page


def seen_by_page():
    """Map each fault of docs/faults.md to its message on the page; a row may name several."""
    page = (PROJECT / "docs/faults.md").read_text()
    rows = re.findall(r"(?m)^\| ([^|`]+) \| `(.+)` \|$", page)
    return {name: said for names, said in rows for name in names.split("; ")}


def test_the_documentation_gives_each_fault_in_the_words_that_are_tested():
    wanted = (
        {name: fault.words for name, fault in (FILES | FRAMES).items()}
        | {name: words for name, (_, words, _) in TABLES.items()}
        | {
            name: entry[0]
            for name, entry in (CONFIG | RANGES | FOLDERS | READING | OWN_CONFIG).items()
        }
    )
    seen = seen_by_page()
    own = {
        "changed while it was read": [CHANGED],
        "line window outside the detector": [WINDOWS, "row 2", "0 to 4095"],
        "line of a window far from all wavelengths": ["row 1 names a line at 703241 Angstrom"],
        "no right to read a frame": ["change its permissions"],
        "folder of tables that does not exist": ["there is no folder"],
    }
    assert seen.keys() == (wanted | own).keys()
    for name, words in (wanted | own).items():
        words = [re.sub(r"^Dark_Red_\d+s.fits", "DARK", word) for word in words]
        words = [word.removeprefix("lampflux: ") for word in words]
        assert [word for word in words if word not in seen[name]] == [], name
    assert len(wanted) >= 45


@pytest.mark.parametrize("name", FRAMES)
def test_the_documentation_gives_the_exact_sentence_on_a_frame(faulty, name):
    root, _ = faulty
    said = (root / f"results/logs/spectra/{NAMES[name]}.log").read_text()
    sentence = re.search(r"(?m)^ERROR: (.+)$", said)[1]
    sentence = sentence.replace(f"{RAW}/{NAMES[name]}.fits", "FRAME")
    sentence = sentence.replace(f"{RAW}/Dark_Red_{FRAMES[name].seconds}s.fits", "DARK")
    assert seen_by_page()[name] == sentence
