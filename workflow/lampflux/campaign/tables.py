"""Tables that a campaign uses: where they are, and their faults."""

import os
from collections import defaultdict
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from lampflux.campaign.config import read_yaml
from lampflux.campaign.listing import names_of
from lampflux.campaign.problems import closest, schema_problems
from lampflux.errors import UserError
from lampflux.files.tables import read_gains, read_line_list, read_reference
from lampflux.fluxes.windows import line_windows, order_problems, read_rows
from lampflux.medium import is_displaced, mixed_up


class Places(NamedTuple):
    """Folders in which to look for tables.

    ``project`` is the folder of config.yaml; the tables that come with lampflux do not apply to
    ``foreign_arms``.
    """

    project: str
    config: dict
    foreign_arms: frozenset = frozenset()

    def resource(self, *parts):
        """Path of the user's own file, below the working directory, else of the project's."""
        own = os.path.join(*parts)
        shipped = os.path.join(self.project, own)
        return shipped if os.path.exists(shipped) and not os.path.exists(own) else own

    def first(self, name, arm, own, shipped):
        """Path of an arm's table in the user's folder, else in the shipped one, else None."""
        shipped = os.path.join(self.project, shipped)
        folders = [own, shipped]
        if arm in self.foreign_arms:
            folders = [] if os.path.realpath(own) == os.path.realpath(shipped) else [own]
        paths = [os.path.join(folder, name) for folder in folders]
        return next(filter(os.path.lexists, paths), None)

    def missing_folders(self):
        """List folders of the config that do not exist, one sentence each."""
        return [
            f"config, {key}: there is no folder {self.config[key]}; correct it."
            for key in ("line_windows", "line_lists", "wavelength_references", "gains")
            if not os.path.isdir(self.resource(self.config[key]))
        ]

    def window_table(self, lamp, arm):
        """Path of the window table of a lamp and arm; None without one."""
        folder = self.config["line_windows"]
        return self.first(f"{lamp}_{arm}.csv", arm, folder, "resources/line_windows")

    def arm_table(self, key, arm):
        """Path of an arm's table in the folder that a config key names; None without one."""
        folder = self.config[key]
        return self.first(f"{arm}.csv", arm, folder, folder)

    def line_list(self, ion):
        """Path of an ion's line list."""
        return self.resource(self.config["line_lists"], f"{ion.replace(' ', '_')}.csv")

    def listed_ions(self):
        """Ions that have a line list."""
        folder = self.config["line_lists"]
        places = Path(folder), Path(self.project, folder)
        return {path.stem.replace("_", " ") for place in places for path in place.glob("*.csv")}

    def emitted_lines(self, exposure):
        """Path of the table of lines that a simulated exposure's lamp emits in its arm."""
        name = f"{exposure.brand}_{exposure.lamp}_{exposure.arm}.csv"
        return self.resource(self.config["simulation"]["lines"], name)


def checked_rows(read, path, schema):
    """Read a table and check it.

    Parameters
    ----------
    read : callable
        Takes the path and gives the rows.
    path : str
    schema : str
        Name of the table's schema.

    Returns
    -------
    rows : list of dict
        Empty where something is wrong.
    problems : list of str
    """
    try:
        if not os.path.isfile(path):
            what = "is not a file" if os.path.lexists(path) else "does not exist"
            raise UserError(f"{path} {what}; correct its name.")
        rows = read(path)
    except UserError as error:
        return [], list(error.args)
    except OSError as error:
        return [], [f"{path} cannot be read ({error.strerror}); correct its name or permissions."]
    problems = schema_problems({"rows": decisive_rows(rows)}, schema, path)
    if problems:
        # Checked again with all rows, so that messages give the right row numbers.
        problems = schema_problems({"rows": rows}, schema, path)
    return ([] if problems else rows), problems


def decisive_rows(rows):
    """Choose rows of a table that break a rule of its schema if any row does.

    Rules concern the kind and the range of single cells. Of rows with the same text and kinds of
    numbers, it is therefore enough to check those with the smallest and the largest number of
    each column. To check all rows of the line lists would take a seventh of a run with nothing to
    do.

    Parameters
    ----------
    rows : list of dict

    Returns
    -------
    list of dict
    """
    alike = defaultdict(list)
    for row in rows:
        alike[tuple((name, kind(value)) for name, value in row.items())].append(row)
    chosen = [group[0] for group in alike.values()]
    for kinds, group in alike.items():
        for name, is_whole in kinds:
            if isinstance(is_whole, bool):
                chosen += [choose(group, key=itemgetter(name)) for choose in (min, max)]
    return chosen


def kind(value):
    """Give what a schema checks besides a range: a text, or whether a number is whole."""
    return value == int(value) if isinstance(value, int | float) else value


def window_tables(exposures, places, results):
    """Find and check the window table of every lamp and arm that has exposures.

    Parameters
    ----------
    exposures : iterable of Exposure
    places : Places
    results : str
        Folder below which windows are proposed for lamps without a table.

    Returns
    -------
    tables : dict
        Lamp and arm to path.
    notes : list of str
        Lamps and arms without a table.
    problems : list of str
    """
    tables, missing, problems = {}, [], []
    for lamp, arm in sorted({(exposure.lamp, exposure.arm) for exposure in exposures}):
        path = places.window_table(lamp, arm)
        if path is None:
            missing.append(f"{lamp}_{arm}.csv")
            path = f"{results}/windows/{missing[-1]}"
        else:
            problems += (
                window_table_problems(path)
                or medium_problems(path, read_rows, places)
                or ends_in_other_medium(path, places.config["medium"])
            )
        tables[lamp, arm] = path
    notes = []
    if missing:
        folder, proposed = places.config["line_windows"], f"{results}/windows"
        if len(missing) == 1:
            tables_missing, proposed = f"table {missing[0]}", f"{proposed}/{missing[0]}"
        else:
            tables_missing = f"tables {names_of(missing)}"
        notes = [
            f"No window {tables_missing} in {folder}: windows are placed around identified lines, "
            f"see {proposed}."
        ]
    return tables, notes, problems


def window_table_problems(path):
    """List the faults of a window table that do not depend on the detector."""
    rows, problems = checked_rows(read_rows, path, "line_windows")
    return problems + [f"{path}, {problem}" for problem in order_problems(line_windows(rows))]


def medium_problems(path, read, places):
    """Report a table with wavelengths in the other medium, by the lines that it names.

    Parameters
    ----------
    path : str
        A sound table with the columns ``wavelength_air`` and ``ion``.
    read : callable
        Takes the path and gives the rows.
    places : Places

    Returns
    -------
    list of str
    """
    lines: dict = {}
    for row in read(path):
        if "wavelength_air" in row and "ion" in row:
            lines.setdefault(row["ion"], []).append(row["wavelength_air"])
    stated, listed = [], []
    for ion, wavelengths in lines.items():
        source = places.line_list(ion)
        if os.path.isfile(source):
            stated += wavelengths
            listed += [row.get("wavelength_air", 0.0) for row in read_line_list(source)]
    wrong = mixed_up(stated, listed)
    if wrong is None:
        return []
    other = "air" if wrong == "vacuum" else "vacuum"
    return [
        f"{path} has the wavelengths of lines in {wrong} as wavelength_{other}; name the column "
        f"wavelength_{wrong}."
    ]


def ends_in_other_medium(path, medium):
    """Report windows in Angstrom that lie around their lines in the other medium.

    Parameters
    ----------
    path : str
        A sound window table.
    medium : str
        Medium of windows in Angstrom, air or vacuum.

    Returns
    -------
    list of str
    """
    windows = [
        window
        for window in line_windows(read_rows(path), medium)
        if window.unit == "angstrom" and window.wavelength_air
    ]
    centre = [(window.start + window.stop) / 2 for window in windows]
    if not is_displaced(centre, [window.wavelength_air for window in windows], medium):
        return []
    other = "vacuum" if medium == "air" else "air"
    return [
        f"{path} has windows about the wavelengths of their lines in {other}, where the config "
        f"says 'medium: {medium}'; convert them, or set 'medium: {other}'."
    ]


def line_lists(lamps, places):
    """Find and check the line lists of lamps.

    Parameters
    ----------
    lamps : iterable of str
    places : Places

    Returns
    -------
    lists : dict
        Lamp to a dict of ion to path, for the ions that have a list.
    warnings : list of str
        A sentence for each ion without a list.
    problems : list of str
    """
    lists, missing, problems = {}, set(), []
    for lamp in sorted(lamps):
        paths = {ion: places.line_list(ion) for ion in places.config["lamps"][lamp]}
        lists[lamp] = {ion: path for ion, path in paths.items() if os.path.isfile(path)}
        missing |= paths.keys() - lists[lamp].keys()
    for path in sorted({path for paths in lists.values() for path in paths.values()}):
        problems += checked_rows(read_line_list, path, "line_list")[1]
    known = places.listed_ions() if missing else ()
    warnings = [
        f"No line list for {ion} in {places.config['line_lists']}: its lines are not identified"
        + (f"; did you mean {close}?" if (close := closest(ion, known)) else ".")
        for ion in sorted(missing)
    ]
    return lists, warnings, problems


def references(arms, places):
    """Find and check the reference solutions of arms: arm to path, and problems."""
    key = "wavelength_references"
    paths, problems = arm_tables(arms, places, key, read_reference, "wavelength_reference")
    if not problems:
        for path in paths.values():
            problems += medium_problems(path, read_reference, places)
    return paths, problems


def gains(arms, places):
    """Find and check the tables of the arms' gains: arm to path, and problems."""
    return arm_tables(arms, places, "gains", read_gains, "gains")


def arm_tables(arms, places, key, read, schema):
    """Find and check the tables of the arms that have one: arm to path, and problems."""
    paths = {arm: path for arm in sorted(arms) if (path := places.arm_table(key, arm))}
    problems = []
    for path in paths.values():
        problems += checked_rows(read, path, schema)[1]
    return paths, problems


def simulated_arms(path, arms):
    """Read the constants of the simulated spectrograph.

    Parameters
    ----------
    path : str
        YAML file: constants that hold for all arms, and under ``arms`` those of each.
    arms : collection of str
        Arms that are simulated.

    Returns
    -------
    physics : dict
        Arm to its constants.
    problems : list of str
    """
    try:
        constants = read_yaml(path)
        own = constants.pop("arms")
        physics = {arm: constants | own[arm] for arm in own}
    except UserError as error:
        return {}, list(error.args)
    except (AttributeError, KeyError, TypeError):
        return {}, [
            f"{path} does not hold constants and, under arms, those of each arm; correct it."
        ]
    problems = [
        f"{path} has no arm {arm}; add it, or simulate no exposures of it."
        for arm in sorted(arms - physics.keys())
    ]
    for arm, values in physics.items():
        problems += schema_problems(values, "physics", f"{path}, arm {arm}")
    return physics, problems
