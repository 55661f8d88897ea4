"""The campaign: what is to be done, and what is wrong with it."""

import os
from collections import defaultdict
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from lampflux.campaign.exposures import (
    exposure_of_row,
    exposures_from_table,
    file_problems,
    find_exposures,
    future_problems,
    is_address,
    simulated_exposures,
)
from lampflux.campaign.instruments import SHIPPED, nominal_solution, read_settings, searched_range
from lampflux.campaign.listing import (
    Listing,
    dark_notes,
    list_frames,
    listing_notes,
    no_frames,
    unused_darks,
)
from lampflux.campaign.planned_instrument import read_planned_instrument
from lampflux.campaign.tables import (
    Places,
    checked_rows,
    gains,
    line_lists,
    references,
    simulated_arms,
    window_tables,
)
from lampflux.errors import UserError
from lampflux.files.tables import read_emitted_lines, read_table

# Settings of an arm where the config gives none.
ARM: dict = {
    "amplifiers": None,
    "bias_range": None,
    "gain": None,
    "read_noise": None,
    "saturation": None,
    "spatial_axis": 0,
    "frame": {},
}
# Saturation limit [ADU] to plan exposures with where an arm has none: 16 bits.
DIGITAL_LIMIT = 65535


class Simulation(NamedTuple):
    """Constants of each arm, and brightness of the lamp in each simulated exposure."""

    physics: dict
    brightness: dict


class Campaign:
    """The exposures that a config names, and what to do with them.

    Parameters
    ----------
    config : dict
        What the user set: any part of config.yaml.
    project : str or Path
        Folder of config.yaml, with the tables that come with lampflux.

    Raises
    ------
    UserError
        The config itself has faults: one sentence each.

    Attributes
    ----------
    exposures : dict
        Name to `Exposure`, of those whose lamp and arm the config knows.
    window_tables : dict
        Lamp and arm to the path of their window table.
    line_lists : dict
        Lamp to a dict of ion to the path of its line list.
    references, gains : dict
        Arm to the path of its reference solution, or gain table, where there is one.
    simulation : Simulation or None
        None unless frames are simulated.
    notes, warnings, problems : list of str
        What the user should know, and what must be corrected before anything can run.
    """

    def __init__(self, config, project):
        settings = read_settings(config, project)
        self.config = config = settings.config
        self.places = Places(str(project), config, settings.foreign_arms)
        self.results = str(Path(config["results_dir"]))
        self.notes, self.warnings, self.problems = list(settings.notes), [], []
        self.listing = self._list_frames()
        self.warnings += listing_notes(self.listing)
        self.simulates = self._simulates()
        self.exposures = {
            exposure.stem: exposure
            for exposure in self._find_exposures()
            if exposure.lamp in config["lamps"] and exposure.arm in config["arms"]
        }
        self.simulation = self._simulation() if self.simulates else None
        self._note_frames()
        self._find_tables()
        if not self.exposures and not self.problems:
            self.problems.append(no_frames(config["raw_dir"]))
        self.problems += [] if self.simulates else future_problems(self.files)

    def _list_frames(self):
        """FITS files below raw_dir, other than products and simulated frames."""
        if self.config["exposures"]:
            return Listing([], [], [])
        simulation = self.config["simulation"]
        simulated = [simulation["frames_dir"]] if simulation else []
        return list_frames(self.config["raw_dir"], leave_out=[self.results, *simulated])

    def _simulates(self):
        """Whether frames are simulated: the config asks for them and raw_dir holds none."""
        simulation = self.config["simulation"]
        if simulation is None or self.config["exposures"] or self.config["instrument"] != SHIPPED:
            return False
        if self.listing.frames or self.listing.others:
            return False
        folders = self.config["raw_dir"], simulation["frames_dir"]
        raw, frames = (os.path.realpath(path) for path in folders)
        return os.path.commonpath([raw, frames]) == raw

    def _find_exposures(self):
        """Exposures to simulate, of a table, or by file name."""
        names = self.config["lamps"], self.config["arms"]
        if self.simulates:
            table = self.config["simulation"]["exposures"]
            exposures, problems = simulated_exposures(
                self._simulated_rows, table, self.simulated_frames, *names
            )
            self.notes.append(
                f"Simulated frames: {len(exposures)} exposures of {table}; put your own into "
                f"{self.config['raw_dir']} or name their folder with --config raw_dir=FOLDER."
            )
        elif self.config["exposures"]:
            table = self.config["exposures"]
            rows, problems = checked_rows(read_table, table, "exposures")
            exposures, more = exposures_from_table(rows, table, *names)
            problems += more
        else:
            exposures, problems = find_exposures(self.listing.frames, *names)
            problems += file_problems(self.listing.frames)
        self.problems += problems
        return exposures

    @cached_property
    def _simulated_rows(self):
        """Rows of the table of exposures to simulate."""
        path = self.places.resource(self.config["simulation"]["exposures"])
        rows, problems = checked_rows(
            lambda path: read_table(path, numbers=("brightness",)), path, "simulated_exposures"
        )
        self.problems += problems
        return rows

    def _simulation(self):
        """Read the constants and brightnesses of simulated frames."""
        path = self.places.resource(self.config["simulation"]["physics"])
        physics, problems = simulated_arms(path, {each.arm for each in self.exposures.values()})
        self.problems += problems
        for path in sorted(set(map(self.places.emitted_lines, self.exposures.values()))):
            self.problems += checked_rows(read_emitted_lines, path, "simulated_lines")[1]
        brightness = {
            exposure_of_row(row, "", (), ())[0].stem: row.get("brightness", 1.0)
            for row in self._simulated_rows
        }
        return Simulation(physics, brightness)

    def _note_frames(self):
        """Note exposures without a dark of the same time, unused darks, and frames in storage."""
        self.notes += dark_notes(self.exposures.values())
        self.warnings += unused_darks(self.listing.frames, self.files)
        stored = sum(map(is_address, self.files))
        if stored:
            self.notes.append(
                f"Frames and darks in storage: {stored}; they are checked when jobs read them."
            )

    def _find_tables(self):
        """Find and check the tables of the lamps and arms that have exposures."""
        exposures = self.exposures.values()
        arms = {exposure.arm for exposure in exposures}
        self.problems += self.places.missing_folders()
        self.window_tables, notes, problems = window_tables(exposures, self.places, self.results)
        self.notes += notes
        self.problems += problems
        self.line_lists, warnings, problems = line_lists(
            {exposure.lamp for exposure in exposures}, self.places
        )
        self.problems += problems
        self.warnings += warnings
        self.references, problems = references(arms, self.places)
        self.gains, more = gains(arms, self.places)
        self.problems += problems + more
        try:
            read_planned_instrument(self.planned_instrument)
        except UserError as error:
            self.problems += [f"config, planner.instrument: {said}" for said in error.args]

    # What the campaign contains

    @property
    def planned_instrument(self):
        """Path of the file of the instrument to choose lamps for."""
        return self.places.resource(self.config["planner"]["instrument"])

    @property
    def pictures(self):
        """Formats of the pictures beside PNG."""
        return [] if self.config["pictures"] == "none" else self.config["pictures"]

    @property
    def simulated_frames(self):
        """Folder of the simulated frames; None unless frames are simulated."""
        return str(Path(self.config["simulation"]["frames_dir"])) if self.simulates else None

    @cached_property
    def files(self):
        """Frames and darks by path, including addresses in a storage."""
        exposures = self.exposures.values()
        backgrounds = {path for each in exposures for path, _ in each.background_files}
        return dict.fromkeys(sorted({each.path for each in exposures} | backgrounds))

    @cached_property
    def masters(self):
        """Name to `MasterFrame`, of the darks and biases that must be combined or scaled."""
        masters = {each.master for each in self.exposures.values() if each.master}
        return {master.name: master for master in masters}

    @cached_property
    def series(self):
        """Brand, lamp and arm to their exposures."""
        series = defaultdict(list)
        for exposure in self.exposures.values():
            series[exposure.identity[:3]].append(exposure)
        return dict(sorted(series.items()))

    @cached_property
    def in_order(self):
        """All exposures by brand, lamp, arm, exposure time and number."""
        return sorted(self.exposures.values(), key=lambda each: each.identity)

    @cached_property
    def arms(self):
        """Arm to its settings, complete."""
        general = ARM | {key: self.config[key] for key in ("rows", "bias")}
        return {arm: general | settings for arm, settings in self.config["arms"].items()}

    @cached_property
    def targets(self):
        """Targets, brand_lamp and brand_lamp_arm, to the exposures of each."""
        targets = defaultdict(list)
        for exposure in self.exposures.values():
            lamp = f"{exposure.brand}_{exposure.lamp}"
            targets[lamp].append(exposure)
            targets[f"{lamp}_{exposure.arm}"].append(exposure)
        return targets

    def check_targets(self, rules):
        """Raise `UserError` if a lamp has the name of a rule."""
        clashes = self.targets.keys() & rules
        if clashes:
            raise UserError(
                *(
                    f"{self.targets[name][0].path}: the lamp's target {name} is also the name of "
                    "a rule; give it another brand or lamp name."
                    for name in sorted(clashes)
                )
            )

    def exposure(self, name):
        """Exposure of a name; raises `UserError` if there is none."""
        if name not in self.exposures:
            simulation = self.config["simulation"]
            table = simulation["exposures"] if self.simulates else self.config["exposures"]
            source = table or self.config["raw_dir"]
            raise UserError(f"{source} has no exposure {name}; correct the target's name.")
        return self.exposures[name]

    def exposures_of(self, brand, lamp, arm):
        """Exposures of a lamp in an arm; raises `UserError` if there are none."""
        if (brand, lamp, arm) not in self.series:
            raise UserError(
                f"there is no exposure of {brand} {lamp} in arm {arm}; correct the target's name."
            )
        return self.series[brand, lamp, arm]

    def exposures_in(self, arm, lamp=None):
        """Exposures in an arm, of all lamps or of one, in order; raises `UserError` for none."""
        lamps = self.config["lamps"] if lamp is None else [lamp]
        exposures = [each for each in self.in_order if each.arm == arm and each.lamp in lamps]
        if not exposures:
            what = f"of lamp {lamp} in arm {arm}" if lamp else f"in arm {arm}"
            raise UserError(f"there is no exposure {what}; correct the target's name.")
        return exposures

    def shown(self, brand, lamp, arm):
        """Exposure whose spectrum is shown for a lamp: the first of the longest."""
        exposures = self.exposures_of(brand, lamp, arm)
        return min(exposures, key=lambda each: (-each.exptime, each.id))

    # Settings of jobs

    def bias_settings(self, exposure):
        """How to measure the bias of an exposure; None if it has a dark or bias."""
        if exposure.background_files:
            return None
        arm = self.arms[exposure.arm]
        return {
            "method": arm["bias"],
            "amplifiers": arm["amplifiers"],
            "range": arm["bias_range"],
        }

    def known_wavelengths(self, exposure):
        """Nominal solution of an exposure's arm and rough range to search; each may be None."""
        arm = self.arms[exposure.arm]
        return nominal_solution(arm), searched_range(arm, self.config["wavelengths"])

    def saturation_limits(self):
        """Saturation limit [ADU] of each arm that has exposures."""
        return {arm: self.arms[arm]["saturation"] or DIGITAL_LIMIT for *_, arm in self.series}

    def lamp_description(self, brand, lamp, arm):
        """Names of a lamp, its exposures, and the exposure whose spectrum is shown."""
        return {
            "names": [brand, lamp, arm],
            "exposures": [
                {"exposure": each.stem, "seconds": each.exptime, "id": each.id}
                for each in self.exposures_of(brand, lamp, arm)
            ],
            "shown": self.shown(brand, lamp, arm).stem,
        }

    def exposure_descriptions(self):
        """Name and identity of each exposure, in order."""
        keys = "brand", "lamp", "arm", "seconds"
        return [{"exposure": each.stem} | dict(zip(keys, each.identity)) for each in self.in_order]

    def simulation_settings(self):
        """Give the settings that all simulated frames share."""
        keys = "seed", "first_row", "rows"
        simulation = {key: self.config["simulation"][key] for key in keys}
        return simulation | {"fibres": self.config["fibres"]}

    def files_to_check(self):
        """Files and settings to check, for each exposure whose frame is on disk, in order."""
        windows = {pair: self.places.window_table(*pair) for pair in self.window_tables}
        faulty = {
            path
            for path in filter(None, windows.values())
            if any(problem.startswith(path) for problem in self.problems)
        }
        return [
            {
                "frame": each.path,
                "backgrounds": each.background_files,
                "seconds": each.exptime,
                "arm": each.arm,
                "spatial_axis": self.arms[each.arm]["spatial_axis"],
                "settings": self.arms[each.arm]["frame"],
                "table": self.config["exposures"],
                "amplifiers": self.arms[each.arm]["amplifiers"],
                "windows": None if window_table in faulty else window_table,
            }
            for each in self.in_order
            for window_table in [windows[each.lamp, each.arm]]
            if os.path.exists(each.path)
            if not any(is_address(path) for path in (each.path, *dict(each.background_files)))
        ]
