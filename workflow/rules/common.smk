# Reads the config, checks the user's tables and finds the exposures; no science.

import os
import shlex
import sys
import time
from pathlib import Path

import yaml
from snakemake.cli import get_argument_parser
from snakemake.exceptions import WorkflowError
from snakemake.logging import logger
from snakemake.utils import update_config

sys.path.append(str(PROJECT / "workflow"))
# A job is one thread: more of them in its linear algebra would only wait for the other jobs'. And
# Python's random order of sets would move labels of pictures by a ten thousandth of a pixel.
JOB_VARIABLES = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
}
for variable, value in JOB_VARIABLES.items():
    os.environ.setdefault(variable, value)

from lampflux.errors import UserError
from lampflux.campaign.exposures import (
    exposure_of_row,
    exposures_from_table,
    file_problems,
    find_exposures,
    fits_files,
    is_address,
    simulated_exposures,
)
from lampflux.campaign.problems import range_problems, scale_problems, schema_problems
from lampflux.files.tables import read_emitted_lines, read_line_list, read_reference, read_table
from lampflux.fluxes.windows import line_windows, order_problems, read_rows


def stop(problems):
    """End Snakemake with one plain line for each problem of the user's files."""
    # What they quote may hold line ends and controls.
    said = (
        "".join(letter if letter.isprintable() else "?" for letter in str(problem))
        for problem in dict.fromkeys(problems)
    )
    sys.exit("\n".join(f"lampflux: {problem}" for problem in said))


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


def series_of_lamps():
    """Exposures by brand, lamp and arm."""
    series = {}
    for exposure in EXPOSURES.values():
        series.setdefault(exposure.identity[:3], []).append(exposure)
    return series


def fetched(path):
    """A path; where it is an address in a storage, Snakemake fetches what is there."""
    return storage(path) if is_address(path) else path


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


def is_asked_for(target):
    """Whether a target stands on the command line; Snakemake itself knows its targets later."""
    if target not in sys.argv[1:]:
        return False
    # It may be the value of an option, too.
    return target in get_argument_parser().parse_known_args(sys.argv[1:])[0].targets


# config.yaml alone, so that others may give only what they change.
update_config(DEFAULTS, config)
config = DEFAULTS
# Snakemake hands these words on as text when they stand on the command line.
words = {"null": None, "true": True, "false": False}
config |= {
    key: words[value] for key, value in config.items() if isinstance(value, str) and value in words
}
# What is wrong with the user's files; all of it is told at once.
PROBLEMS = schema_problems(config, "config", "config") or (
    range_problems(config) + scale_problems(config) + folder_problems() + place_problems()
)
if PROBLEMS:
    stop(PROBLEMS)
RESULTS = str(Path(config["results_dir"]))
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
        exposure_of_row(row, "", config["lamps"], config["arms"])[0].stem: row.get(
            "brightness", 1.0
        )
        for row in simulated_rows()
    }
    for lines in sorted({emitted_lines(exposure) for exposure in EXPOSURES.values()}):
        table_rows(read_emitted_lines, lines, "simulated_lines")
# The target check tells them with all that it finds in the files.
CHECKING = is_asked_for("check")
if PROBLEMS and not CHECKING:
    stop(PROBLEMS)
