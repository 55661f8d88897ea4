# Reads the config, finds the exposures and names the targets; no science.

import atexit
import csv
import fcntl
import math
import os
import re
import shlex
import socket
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path
from subprocess import PIPE

import yaml
from jsonschema import Draft202012Validator
from snakemake.exceptions import WorkflowError
from snakemake.logging import logger
from snakemake.shell import shell
from snakemake.utils import update_config, validate

sys.path.append(str(PROJECT / "workflow" / "scripts"))
# A job is one thread: more of them in its linear algebra would only wait for the other jobs'.
THREADS = "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"
for variable in THREADS:
    os.environ.setdefault(variable, "1")

from common.errors import UserError
from common.exposures import (
    exposures_from_table,
    file_problems,
    find_exposures,
    fits_files,
    is_address,
    simulated_exposures,
)
from common.files import PART
from common.tables import read_emitted_lines, read_line_list, read_reference, read_table
from common.windows import line_windows, order_problems, read_rows

# Kinds of values in schemas, in plain words.
KINDS = {
    "array": "a list",
    "integer": "a whole number",
    "null": "null",
    "number": "a number",
    "object": "a group of keys",
    "string": "text",
    "boolean": "true or false",
}
# Most faults of one table or of the config that are told.
MOST_FAULTS = 20
# Most exposures whose pictures of the raw frame go into the report.
FRAMES_REPORTED = 40


def stop(problems):
    """End Snakemake with one plain line for each problem of the user's files."""
    # What they quote may hold line ends and controls.
    said = (
        "".join(letter if letter.isprintable() else "?" for letter in str(problem))
        for problem in dict.fromkeys(problems)
    )
    sys.exit("\n".join(f"lampflux: {problem}" for problem in said))


def schema_problems(data, schema, where):
    """Check data against a schema; a sentence for each fault, but only one for each kind."""
    path = str(PROJECT / "workflow" / "schemas" / f"{schema}.schema.yaml")
    faults, told = [], set()
    try:
        validate(data, path)
    except WorkflowError:
        with open(path, encoding="utf-8") as file:
            rules = yaml.safe_load(file)
        for fault in Draft202012Validator(rules).iter_errors(data):
            place = list(fault.absolute_path)
            wanted = fault.schema.get("description", "").rstrip(".")
            words = fault_words(fault) + (f" (wanted: {wanted})" if wanted else "")
            # Neither the same of many rows nor, by two rules, the same of one value.
            column = place[2:] if place[:1] == ["rows"] else place
            kinds = {(str(column), words)}
            if fault.validator == "type":
                kinds.add((str(place), "type"))
            if not kinds & told:
                faults.append((place, words))
            told |= kinds
    sentences = [
        f"{', '.join([where, *place_words(place)])}: {words}; correct it."
        for place, words in faults
    ] + [
        f"{', '.join([where, *place_words(place)])}: {value} is not a finite number; correct it."
        for place, value in infinite(data)
    ]
    surplus = len(sentences) - MOST_FAULTS
    if surplus > 0:
        sentences[MOST_FAULTS:] = [f"{where}: {surplus} more faults; correct those above first."]
    return sentences


def fault_words(fault):
    """What is wrong by a fault of a schema, in plain words."""
    if fault.validator == "additionalProperties" and fault.validator_value is False:
        known = fault.schema["properties"]
        names = ", ".join(repr(str(name)) for name in fault.instance if name not in known)
        return f"{names} is not known ({', '.join(known)} are)"
    if fault.validator == "required":
        return f"{fault.message.split(' is a required')[0]} is missing"
    if fault.validator == "type":
        value = "null" if fault.instance is None else repr(fault.instance)
        kinds = fault.validator_value
        kinds = kinds if isinstance(kinds, list) else [kinds]
        return f"{value} is not {' or '.join(KINDS[kind] for kind in kinds)}"
    if fault.validator == "pattern":
        return f"{fault.instance!r} does not read as it should"
    if fault.validator == "minItems":
        return f"{len(fault.instance)} are too few, at least {fault.validator_value} are wanted"
    return fault.message


def place_words(place):
    """Write a fault's place in data: 'row 2' and 'stop', or 'arms.Red.crval'."""
    if place[:1] == ["rows"] and len(place) > 1 and isinstance(place[1], int):
        return [f"row {place[1] + 1}", *place_words(place[2:])]
    return [".".join(map(str, place))] if place else []


def infinite(data, place=()):
    """Find numbers in nested data that are not finite: place and number of each."""
    if isinstance(data, float) and not math.isfinite(data):
        return [(list(place), data)]
    if not isinstance(data, dict | list):
        return []
    steps = data.items() if isinstance(data, dict) else enumerate(data)
    return [found for step, part in steps for found in infinite(part, (*place, step))]


def range_problems():
    """Ranges of the config that cannot be meant, one sentence each."""
    ranges = {"rows": config["rows"]}
    for arm, settings in config["arms"].items():
        for key in "rows", "bias_range":
            ranges[f"arms.{arm}.{key}"] = settings.get(key)
        for number, columns in enumerate(settings.get("amplifiers", [])):
            ranges[f"arms.{arm}.amplifiers.{number}"] = columns
    ranges |= {f"quality.{name}": limits for name, limits in config["quality"].items()}
    backwards = [
        f"config, {key}: {ends} runs backwards; swap its ends."
        for key, ends in ranges.items()
        if isinstance(ends, list) and ends[0] > ends[1]
    ]
    return backwards or amplifier_problems()


def amplifier_problems():
    """Arms whose amplifiers overlap or leave columns out, one sentence each."""
    problems = []
    for arm, settings in config["arms"].items():
        amplifiers = sorted(settings.get("amplifiers", []))
        ends = [-1, *(last for _, last in amplifiers)]
        for (first, last), end in zip(amplifiers, ends):
            if first != end + 1:
                problems.append(
                    f"config, arms.{arm}.amplifiers: [{first}, {last}] does not begin at column "
                    f"{end + 1}, where the one before ends; make them cover each column once."
                )
    return problems


def folder_problems():
    """Folders of the config that are none, one sentence each."""
    problems = []
    searched = None if config["exposures"] else config["raw_dir"]
    if searched and os.path.lexists(searched) and not os.path.isdir(searched):
        problems.append(f"config, raw_dir: {searched} is not a folder; name the frames' folder.")
    for folder in (Path(config["results_dir"]), *Path(config["results_dir"]).parents):
        if folder.exists() and not folder.is_dir():
            problems.append(
                f"config, results_dir: {folder} is not a folder; name another or move it away."
            )
    return problems


def scale_problems():
    """Scales of the exposure plan that cannot be meant, one sentence each."""
    problems = []
    for arm, scale in config["planner"]["scale"].items():
        where = f"config, planner.scale.{arm}"
        if arm not in config["arms"]:
            problems.append(
                f"{where}: there is no arm {arm} ({', '.join(config['arms'])}); correct the name."
            )
        if scale["error"] >= scale["factor"]:
            problems.append(
                f"{where}: the error {scale['error']} is not below the factor "
                f"{scale['factor']}, so that nothing could be planned; correct them."
            )
    return problems


def table_rows(read, path, schema):
    """Read a user's table and check it; notes what is wrong, and then gives no rows."""
    try:
        if not os.path.isfile(path):
            what = "is not a file" if os.path.lexists(path) else "is not there"
            raise UserError(f"{path} cannot be read, for it {what}; correct its name.")
        rows = read(path)
    except UserError as error:
        PROBLEMS.append(str(error))
        return []
    except OSError as error:
        PROBLEMS.append(f"{path} cannot be read ({error.strerror}); mend that.")
        return []
    problems = schema_problems({"rows": rows}, schema, path)
    PROBLEMS.extend(problems)
    return [] if problems else rows


def resource(path):
    """A resource of the user's own, below the working directory, else the project's."""
    own, shipped = Path(path), PROJECT / path
    return str(shipped if shipped.exists() and not own.exists() else own)


def simulates():
    """Whether frames are simulated: asked for, below raw_dir, and nothing else is there."""
    simulation = config["simulation"]
    if simulation is None or config["exposures"]:
        return False
    raw, frames = (
        os.path.realpath(path) for path in (config["raw_dir"], simulation["frames_dir"])
    )
    return os.path.commonpath([raw, frames]) == raw and not raw_frames()


def raw_frames():
    """FITS files below raw_dir, other than products and simulated frames."""
    simulated = [config["simulation"]["frames_dir"]] if config["simulation"] else []
    return fits_files(config["raw_dir"], leave_out=[RESULTS, *simulated])


def simulated_rows():
    """Check and read the table of exposures to simulate."""
    path = resource(config["simulation"]["exposures"])
    return table_rows(
        lambda path: read_table(path, numbers=("brightness",)), path, "simulated_exposures"
    )


def emitted_lines(exposure):
    """Path of the table of lines that an exposure's lamp emits in its arm."""
    name = f"{exposure.brand}_{exposure.lamp}_{exposure.arm}.csv"
    return resource(os.path.join(config["simulation"]["lines"], name))


def load_physics():
    """Constants of each simulated arm: its own, then those that hold for all arms."""
    path = resource(config["simulation"]["physics"])
    try:
        with open(path, encoding="utf-8") as file:
            constants = yaml.safe_load(file)
        arms = constants.pop("arms")
        arms = {arm: constants | arms[arm] for arm in arms}
    except OSError as error:
        PROBLEMS.append(f"{path} cannot be read ({error.strerror}); correct the path.")
        return {}
    except (yaml.YAMLError, UnicodeDecodeError, AttributeError, KeyError, TypeError) as error:
        where = getattr(error, "problem_mark", None)
        line = f", line {where.line + 1}," if where else ""
        PROBLEMS.append(f"{path}{line} does not hold constants and arms as YAML; mend it.")
        return {}
    PROBLEMS.extend(
        f"{path} has no arm {arm}; add it there, or leave it out of what is simulated."
        for arm in sorted({exposure.arm for exposure in EXPOSURES.values()} - arms.keys())
    )
    for arm, values in arms.items():
        PROBLEMS.extend(schema_problems(values, "physics", f"{path}, arm {arm}"))
    return arms


def load_exposures():
    """Find the exposures, to simulate, by table or by file name: stem to exposure."""
    names = config["lamps"], config["arms"]
    if SIMULATED:
        table = config["simulation"]["exposures"]
        exposures, problems = simulated_exposures(simulated_rows(), table, FRAMES, *names)
        if workflow.is_main_process:
            logger.info(
                f"Simulated frames: {len(exposures)} exposures of {table}; put "
                f"your own into {config['raw_dir']} or name their folder with "
                "--config raw_dir=FOLDER."
            )
    elif config["exposures"]:
        table = config["exposures"]
        exposures, problems = exposures_from_table(
            table_rows(read_table, table, "exposures"), table, *names
        )
    else:
        frames = raw_frames()
        exposures, problems = find_exposures(frames, *names)
        problems += file_problems(frames)
    PROBLEMS.extend(problems)
    return {
        exposure.stem: exposure
        for exposure in exposures
        if exposure.lamp in config["lamps"] and exposure.arm in config["arms"]
    }


def address_problems():
    """Addresses of frames that no storage plugin of Snakemake takes, one sentence each kind."""
    frames = [path for each in EXPOSURES.values() for path in (each.path, each.dark) if path]
    addresses = list(filter(is_address, frames))
    problems = []
    for path in {path.partition("://")[0]: path for path in addresses}.values():
        try:
            fetched(path)
        except WorkflowError:
            problems.append(
                f"{path}: no storage plugin of Snakemake takes such an address; install the one "
                "that does (docs/clusters.md), or correct the address."
            )
    if addresses and workflow.is_main_process:
        logger.info(
            f"Frames and darks in storage: {len(set(addresses))}; the jobs that read them look at "
            "them, nothing else does."
        )
    return problems


def time_problems():
    """Frames from the future, one sentence each: whether products are older could not be told."""
    now = time.time()
    frames = {path for each in EXPOSURES.values() for path in (each.path, each.dark) if path}
    return [
        f"{path} was last changed in the future ({time.ctime(os.path.getmtime(path))}); set the "
        f"clock right, or the file's time with: touch {shlex.quote(path)}"
        for path in sorted(frames)
        if not SIMULATED and os.path.exists(path) and os.path.getmtime(path) > now
    ]


def window_table(lamp, arm):
    """Path of the window table of a lamp and arm, the user's own first; None without one."""
    name = f"{lamp}_{arm}.csv"
    own = Path(config["line_windows"]) / name
    for path in own, PROJECT / "resources" / "line_windows" / name:
        if os.path.lexists(path):
            return str(path)
    return None


def load_window_tables():
    """Find and check the window table of every lamp and arm that has exposures."""
    pairs = sorted({(exposure.lamp, exposure.arm) for exposure in EXPOSURES.values()})
    tables = {pair: window_table(*pair) for pair in pairs}
    for (lamp, arm), path in tables.items():
        if path is None:
            tables[lamp, arm] = f"{RESULTS}/windows/{lamp}_{arm}.csv"
            if workflow.is_main_process:
                logger.info(
                    f"No window table {lamp}_{arm}.csv in {config['line_windows']}: windows are "
                    f"laid about identified lines, see {tables[lamp, arm]}."
                )
            continue
        problems = order_problems(line_windows(table_rows(read_rows, path, "line_windows")))
        PROBLEMS.extend(f"{path}, {problem}" for problem in problems)
    return tables


def exposure_of(wildcards):
    """The exposure that a product's name means."""
    if wildcards.exposure not in EXPOSURES:
        table = config["simulation"]["exposures"] if SIMULATED else config["exposures"]
        source = table or config["raw_dir"]
        stop([f"{source} has no exposure {wildcards.exposure}; correct the target's name."])
    if not workflow.is_main_process:
        # A cluster job of many exposures goes on where one fails. The profile's keep-going does not
        # reach it, and of all code here only what finds the inputs runs once settings are made.
        workflow.execution_settings.keep_going = True
    return EXPOSURES[wildcards.exposure]


def window_table_of(wildcards):
    """Window table of an exposure, a proposed one where there is no other."""
    exposure = exposure_of(wildcards)
    return WINDOW_TABLES[exposure.lamp, exposure.arm]


def exposures_of_lamp(pattern):
    """Input function for one file of every exposure of a lamp and arm."""

    def files(wildcards):
        paths = [
            pattern.format(results=RESULTS, exposure=exposure.stem)
            for exposure in EXPOSURES.values()
            if (exposure.lamp, exposure.arm) == (wildcards.lamp, wildcards.arm)
        ]
        if not paths:
            stop([f"there is no exposure of lamp {wildcards.lamp} in arm {wildcards.arm}."])
        return paths

    return files


def lamp_names():
    """Brand, lamp and arm of all exposures, each once."""
    return sorted(SERIES)


def series_of_lamps():
    """Exposures by brand, lamp and arm."""
    series = {}
    for exposure in EXPOSURES.values():
        series.setdefault(exposure.identity[:3], []).append(exposure)
    return series


def brand_exposures(names):
    """Exposures of a brand's lamp in an arm."""
    if tuple(names) not in SERIES:
        stop([f"there is no exposure of {names[0]} {names[1]} in arm {names[2]}."])
    return SERIES[tuple(names)]


def exposures_of_brand(pattern):
    """Input function for one file of every exposure of a brand's lamp in an arm."""

    def files(wildcards):
        names = wildcards.brand, wildcards.lamp, wildcards.arm
        return [
            pattern.format(results=RESULTS, exposure=exposure.stem)
            for exposure in brand_exposures(names)
        ]

    return files


def shown_exposure(names):
    """Name of the exposure whose spectrum stands for a lamp: the first of the longest."""
    return min(brand_exposures(names), key=lambda each: (-each.exptime, each.id)).stem


def shown_spectrum(wildcards):
    """Calibrated spectrum of the exposure that stands for a lamp."""
    stem = shown_exposure((wildcards.brand, wildcards.lamp, wildcards.arm))
    return f"{RESULTS}/calibrated/{stem}.fits"


def lamp_identity(wildcards):
    """What the summary of a lamp needs to know of it and its exposures."""
    names = [wildcards.brand, wildcards.lamp, wildcards.arm]
    return {
        "names": names,
        "exposures": [
            {"exposure": each.stem, "seconds": each.exptime, "id": each.id}
            for each in brand_exposures(names)
        ],
        "shown": shown_exposure(names),
    }


def lamp_files(pattern):
    """One file of every brand, lamp and arm, in the order of `lamp_names`."""
    return [
        pattern.format(
            results=RESULTS,
            brand=brand,
            lamp=lamp,
            arm=arm,
            shown=shown_exposure((brand, lamp, arm)),
        )
        for brand, lamp, arm in lamp_names()
    ]


def ordered_exposures():
    """All exposures by brand, lamp, arm, exposure time and number."""
    return sorted(EXPOSURES.values(), key=lambda each: each.identity)


def exposure_files(pattern):
    """One file of every exposure, in the order of `ordered_exposures`."""
    return [pattern.format(results=RESULTS, exposure=each.stem) for each in ordered_exposures()]


def exposure_identities():
    """What the check of quality needs to know of each exposure, in the same order."""
    return [
        {
            "exposure": each.stem,
            "brand": each.brand,
            "lamp": each.lamp,
            "arm": each.arm,
            "seconds": each.exptime,
        }
        for each in ordered_exposures()
    ]


def saturation_limits():
    """Saturation limit [ADU] of each arm that has exposures; 16 bits where none is given."""
    return {arm: config["arms"][arm].get("saturation", 65535) for *_, arm in lamp_names()}


def arm_setting(name, default=None):
    """Param function for one setting of an exposure's arm, else of the config."""

    def setting(wildcards):
        arm = config["arms"][exposure_of(wildcards).arm]
        return arm.get(name, config.get(name, default))

    return setting


def emitted_lines_of(wildcards):
    """Table of the lines that a simulated exposure's lamp emits."""
    return emitted_lines(exposure_of(wildcards))


def simulation_settings(wildcards):
    """What all simulated frames have in common."""
    keys = "seed", "first_row", "rows"
    return {key: config["simulation"][key] for key in keys} | {"fibres": config["fibres"]}


def closure_inputs(pattern):
    """Files of all simulated exposures that have line windows, one for each."""
    return [
        pattern.format(
            results=RESULTS, exposure=exposure.stem, frame=exposure.path.removesuffix(".fits")
        )
        for exposure in EXPOSURES.values()
    ]


def fetched(path):
    """A path; where it is an address in a storage, Snakemake fetches what is there."""
    return storage(path) if is_address(path) else path


def frame_of(wildcards):
    """The exposure's raw frame."""
    return fetched(exposure_of(wildcards).path)


def dark_of(wildcards):
    """The exposure's dark, or nothing."""
    dark = exposure_of(wildcards).dark
    return fetched(dark) if dark else []


def bias_settings(wildcards):
    """How to estimate the bias; nothing for an exposure with a dark, which needs none."""
    if exposure_of(wildcards).dark:
        return None
    return {
        "method": arm_setting("bias")(wildcards),
        "amplifiers": arm_setting("amplifiers")(wildcards),
        "range": arm_setting("bias_range")(wildcards),
    }


def identity(wildcards):
    """What the products' headers and titles say of the exposure."""
    exposure = exposure_of(wildcards)
    return {
        "BRAND": exposure.brand,
        "LAMP": exposure.lamp,
        "CCD": exposure.arm,
        "EXPTIME": exposure.exptime,
        "ID": exposure.id,
    }


def nominal_solution(wildcards):
    """The arm's linear wavelength solution from the config."""
    return {key: arm_setting(key)(wildcards) for key in ("crval", "crpix", "cdelt")}


def line_lists_of(wildcards):
    """Line lists of a lamp's ions."""
    return list(LINE_LISTS[exposure_of(wildcards).lamp].values())


def ions_of(wildcards):
    """Ions of a lamp that have a line list, in the order of `line_lists_of`."""
    return list(LINE_LISTS[exposure_of(wildcards).lamp])


def reference_of(wildcards):
    """Reference solution of an arm, or nothing."""
    path = reference_path(exposure_of(wildcards).arm)
    return path if os.path.isfile(path) else []


def reference_path(arm):
    """Where the reference solution of an arm lies, if there is one."""
    return resource(os.path.join(config["wavelength_references"], f"{arm}.csv"))


def load_line_lists():
    """Find the line lists of every lamp that has exposures: lamp to ion to path."""
    lists, missing = {}, set()
    for lamp in sorted({exposure.lamp for exposure in EXPOSURES.values()}):
        paths = {
            ion: resource(os.path.join(config["line_lists"], f"{ion.replace(' ', '_')}.csv"))
            for ion in config["lamps"][lamp]
        }
        lists[lamp] = {ion: path for ion, path in paths.items() if os.path.isfile(path)}
        missing |= paths.keys() - lists[lamp].keys()
    if missing and workflow.is_main_process:
        logger.warning(
            f"No line list for {', '.join(sorted(missing))} in {config['line_lists']}: lines are "
            "identified by the lamps' other ions."
        )
    for path in sorted({path for paths in lists.values() for path in paths.values()}):
        table_rows(read_line_list, path, "line_list")
    return lists


def check_references():
    """Check the reference solution of every arm that has exposures, where there is one."""
    for arm in sorted({exposure.arm for exposure in EXPOSURES.values()}):
        path = reference_path(arm)
        if os.path.lexists(path):
            table_rows(read_reference, path, "wavelength_reference")


def sound_window_table(lamp, arm):
    """Path of a lamp and arm's window table, unless there is none or something is wrong with it."""
    path = window_table(lamp, arm)
    return path if path and not any(each.startswith(path) for each in PROBLEMS) else None


def exposures_to_check(wildcards):
    """What the check of inputs needs to know of each exposure whose files are at hand."""
    return [
        {
            "frame": each.path,
            "dark": each.dark,
            "seconds": each.exptime,
            "arm": each.arm,
            "spatial_axis": config["arms"][each.arm].get("spatial_axis", 0),
            "amplifiers": config["arms"][each.arm].get("amplifiers"),
            "windows": sound_window_table(each.lamp, each.arm),
        }
        for each in ordered_exposures()
        if os.path.exists(each.path) or not SIMULATED
        if not any(map(is_address, filter(None, (each.path, each.dark))))
    ]


def shared(*modules):
    """Checksum of modules that a script imports, for its params: a change in one re-runs the rule.

    As inputs, thousands of jobs would have a dozen files each that Snakemake looks after.
    """
    folder = PROJECT / "workflow" / "scripts" / "common"
    code = b"".join((folder / f"{name}.py").read_bytes() for name in modules)
    return sha256(code).hexdigest()


def products(exposures):
    """Every product of these exposures."""
    return [
        f"{RESULTS}/{room}/{exposure.stem}.{suffix}"
        for exposure in exposures
        for room, suffixes in {
            "spectra": ("fits", "png"),
            "calibrated": ("fits", "png"),
            "fluxes": ("csv", "png"),
        }.items()
        for suffix in suffixes
    ]


def lamp_products(exposures):
    """Summaries of the lamps and arms of these exposures."""
    names = {f"{each.brand}_{each.lamp}_{each.arm}" for each in exposures}
    return [f"{RESULTS}/lamps/{name}.{kind}" for name in sorted(names) for kind in ("csv", "png")]


def all_products(wildcards):
    """Every product of every exposure; stops with a sentence where there are none."""
    if not EXPOSURES:
        folder = config["raw_dir"]
        there = f"no raw frames (.fits, .fits.gz or .fits.fz) in {folder}"
        if not os.path.isdir(folder):
            there += ", for there is no such folder"
        stop(
            [
                f"there are {there}; put them there or name their folder with --config raw_dir=FOLDER."
            ]
        )
    closure = ["lines.csv", "summary.csv", "closure.png"] if SIMULATED else []
    lamps = [
        "all_lines.csv",
        "all_lines.html",
        "atlas.png",
        "coverage.csv",
        "coverage.html",
        "coverage.png",
        "exposure_plan.csv",
        "exposure_plan.html",
        "exposure_plan.png",
    ]
    return (
        products(EXPOSURES.values())
        + lamp_products(EXPOSURES.values())
        + [f"{RESULTS}/lamps/{name}" for name in lamps]
        + [
            f"{RESULTS}/quality/{name}"
            for name in ("exposures.csv", "exposures.html", "trends.png")
        ]
        + [f"{RESULTS}/closure/{name}" for name in closure]
    )


def lamp_targets():
    """Target names, brand_lamp and brand_lamp_arm, and their exposures."""
    targets = {}
    for exposure in EXPOSURES.values():
        lamp = f"{exposure.brand}_{exposure.lamp}"
        targets.setdefault(lamp, []).append(exposure)
        targets.setdefault(f"{lamp}_{exposure.arm}", []).append(exposure)
    clashes = sorted(targets.keys() & {rule.name for rule in workflow.rules})
    if clashes:
        stop(
            f"{targets[name][0].path}: the lamp's target {name} is also the name of a rule; "
            "give it another brand or lamp name."
            for name in clashes
        )
    return targets


def place_problems():
    """Folders that are written into but cannot be, one sentence each."""
    places = {}
    results = config["results_dir"]
    for folder, choice in (
        (".", "--directory FOLDER"),
        (results, "--config results_dir=FOLDER"),
    ):
        folder = Path(folder).absolute()
        nearest = next(place for place in (folder, *folder.parents) if place.exists())
        places.setdefault(nearest, choice)
    return [
        f"{place} cannot be written into; give leave to write there, or name "
        f"another with {choice}."
        for place, choice in places.items()
        if place.is_dir() and not os.access(place, os.W_OK | os.X_OK)
    ]


def claim_results():
    """Keep other runs out of results_dir while this one lives; clear what killed ones left.

    The lock ends with the process, however that ends; Snakemake's own outlive a killed run.
    """
    path = Path(RESULTS, "logs", "run.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Never closed, so that it is held to the end.
        lock = os.open(path, os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stop(
                [
                    f"another run ({path.read_text().strip()}) is writing into {RESULTS}; wait for "
                    "its end or stop it, and run again."
                ]
            )
        except OSError as error:
            logger.warning(
                f"{path} cannot be locked ({error.strerror}); see to it that no other run writes "
                f"into {RESULTS}."
            )
        os.truncate(lock, 0)
        os.write(lock, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
        folders = [RESULTS, FRAMES] if SIMULATED else [RESULTS]
        for part in (part for folder in folders for part in Path(folder).glob(f"*/{PART}*")):
            part.unlink(missing_ok=True)
    except OSError as error:
        stop(
            [
                f"{path.parent} cannot be written ({error.strerror}); make room or give leave to "
                "write there, or name another folder with --config results_dir=FOLDER."
            ]
        )


def start_without_pause():
    """Let the cores alone limit how many jobs start on one machine.

    Snakemake also limits how many start in a second. For that it looks at all waiting jobs again
    a second after each look, and each job that ends adds a look: so many looks that in a campaign
    they took more time than the jobs.
    """
    if workflow.local_exec:
        workflow.scheduler.job_rate_limiter = None


def fork_scripts():
    """Run the scripts of jobs in forks of one Python that has their libraries loaded.

    To start Python and to load numpy, astropy and matplotlib takes longer than the work of most
    jobs. Where no server can be had, jobs start as Snakemake starts them.
    """
    folder = PROJECT / "workflow"
    # The scripts of which there are many jobs, and what Snakemake puts before them.
    modules = "spectra", "calibrated", "fluxes", "lamps", "snakemake.iocontainers"
    command = [sys.executable, folder / "forkserver" / "serve.py", folder / "scripts", *modules]
    threads = dict.fromkeys(THREADS, "1")
    server = subprocess.Popen(
        command, stdin=PIPE, stdout=PIPE, env=os.environ | threads, text=True
    )
    address = server.stdout.readline().strip()

    def end():
        server.stdin.close()
        server.wait()

    atexit.register(end)
    if address:
        ask = [sys.executable, "-IS", folder / "forkserver" / "ask.py", address]
        words = " ".join(shlex.quote(str(word)) for word in ask)
        shell.prefix(f"exec {words} ".replace("{", "{{").replace("}", "}}"))


def quality_lines():
    """How many exposures are good, warned and failed, and which, as far as they were checked."""
    path = Path(RESULTS, "quality", "exposures.csv")
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except OSError:
        return []
    names = {score: [] for score in ("good", "warned", "failed")}
    for row in rows:
        names[row["score"]].append(row["exposure"])
    counts = ", ".join(f"{len(stems)} {score}" for score, stems in names.items())
    number = "one exposure" if len(rows) == 1 else f"{len(rows)} exposures"
    return [f"Health of {number}: {counts} ({path})"] + [
        f"  {score}: {', '.join(stems)}"
        for score, stems in names.items()
        if stems and score != "good"
    ]


def answers():
    """Say at the end of a run how healthy the exposures are, and where the answers lie."""
    places = {
        "Lamps compared": "lamps/coverage.png",
        "Exposure times": "lamps/exposure_plan.csv",
        "Measured against the truth": "closure/closure.png",
    }
    lines = quality_lines() + [
        f"{what}: {Path(RESULTS, place)}"
        for what, place in places.items()
        if Path(RESULTS, place).exists()
    ]
    if lines and not CHECKING:
        lines.append(
            f"All in one page: the same command with --report {Path(RESULTS, 'report.html')}"
        )
        logger.info("\n".join(lines))


def sentences_of(path):
    """The sentences with which a job ended, from its log."""
    try:
        text = Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    return re.findall(r"(?m)^ERROR: (.+)$", text) or [
        "left no word in its log; was it stopped, out of memory or of room?"
    ]


def waiting(failed):
    """Say in a line what waits for exposures that failed, given the names of what failed."""
    lamps = {exposure.identity[:3] for stem, exposure in EXPOSURES.items() if stem in failed}
    if not lamps:
        return []
    names = ", ".join(sorted(" ".join(lamp) for lamp in lamps))
    return [
        f"Waiting for the failed exposures: the summaries of {names}, and all that compares lamps "
        "and exposures; mend or remove these frames and run again."
    ]


def failed_groups():
    """The jobs of each cluster job that failed."""
    return [group.jobs for group in workflow.scheduler.failed if group.is_group()]


def of_this_run(path):
    """Whether a file was written since this run began, by the clock of its own file system."""
    lock = Path(RESULTS, "logs", "run.lock")
    return os.path.exists(path) and os.stat(path).st_mtime_ns >= lock.stat().st_mtime_ns


def drop_outdated():
    """Remove products that jobs of failed cluster jobs were to replace and did not.

    Snakemake would take them for new: of a cluster job it only knows that it failed.
    """
    for path in {path for jobs in failed_groups() for job in jobs for path in job.output}:
        if not of_this_run(path):
            Path(path).unlink(missing_ok=True)


def failures(log):
    """Say at the end of a run which jobs failed, why, and where their logs are.

    Parameters
    ----------
    log : list of str
        Snakemake's own logs of the run.
    """
    said = "\n".join(
        Path(path).read_text(encoding="utf-8", errors="replace")
        for path in log
        if Path(path).is_file()
    )
    logs = re.findall(r"(?ms)^Error in \w+ \w+:\n(?: [^\n]*\n)*?    log: (.+?) \(check", said)
    for jobs in failed_groups():
        # Snakemake makes empty logs for jobs that never began.
        begun = [job for job in jobs if of_this_run(job.log[0]) and os.stat(job.log[0]).st_size]
        logs += sorted(job.log[0] for job in begun if not all(map(os.path.exists, job.output)))
    lines = []
    for path in dict.fromkeys(logs):
        lines += [f"{Path(path).stem}: {sentence}" for sentence in sentences_of(path)]
        lines += [f"  log: {path}"]
    older = re.findall(
        r"(?m)^Output (.+) has older modification time .+? than input (.+?) \(\d", said
    )
    lines += [
        f"{Path(output).stem}: {output} came out older than {source}, from which it was made: the "
        f"clock went back; set it right, touch {shlex.quote(source)} and run again."
        for output, source in older
    ]
    lines += waiting({Path(path).stem for path in logs})
    if lines and not CHECKING:
        lines.insert(0, "Not all could be made; what does not need it was.")
    if lines:
        logger.error("\n".join(lines))


update_config(DEFAULTS, config)
config = DEFAULTS
# Snakemake hands these words on as text when they stand on the command line.
words = {"null": None, "true": True, "false": False}
config |= {
    key: words[value] for key, value in config.items() if isinstance(value, str) and value in words
}
# What is wrong with the user's files; all of it is told at once.
PROBLEMS = schema_problems(config, "config", "config") or (
    range_problems() + scale_problems() + folder_problems() + place_problems()
)
if PROBLEMS:
    stop(PROBLEMS)
RESULTS = str(Path(config["results_dir"]))
TABLE_PAGE = str(PROJECT / "workflow" / "report" / "table.html")
SIMULATED = simulates()
FRAMES = SIMULATED and str(Path(config["simulation"]["frames_dir"]))
EXPOSURES = load_exposures()
SERIES = series_of_lamps()
PROBLEMS += address_problems() + time_problems()
WINDOW_TABLES = load_window_tables()
LINE_LISTS = load_line_lists()
check_references()
if SIMULATED:
    PHYSICS = load_physics()
    BRIGHTNESS = {
        stem: row.get("brightness", 1.0) for stem, row in zip(EXPOSURES, simulated_rows())
    }
    for lines in sorted({emitted_lines(exposure) for exposure in EXPOSURES.values()}):
        table_rows(read_emitted_lines, lines, "simulated_lines")
# The target check tells them with all that it finds in the files. Snakemake knows its targets later.
CHECKING = "check" in sys.argv[1:]
if PROBLEMS and not CHECKING:
    stop(PROBLEMS)
