"""Instruments: files with the lamps and arms of a spectrograph, which the user's keys override."""

from functools import cache
from pathlib import Path
from typing import NamedTuple

from jsonschema import Draft202012Validator

from lampflux.campaign.config import complete_config, config_problems, overlaid, read_yaml
from lampflux.campaign.problems import did_you_mean, schema_problems, validator
from lampflux.errors import UserError

# The instrument whose tables come with lampflux, and for which frames can be simulated.
SHIPPED = "hector"
# Keys that an instrument's file may have.
KEYS = "fibres", "lamps", "arms", "rows", "bias", "cosmic_rays", "quality"
# Keys of an arm's nominal wavelengths, which decide whether two arms are the same.
SOLUTION = "crval", "crpix", "cdelt"
# Range of a blind search in an arm without a rough range of its own [Angstrom]: where the line
# lists are dense.
ROUGH_RANGE = 3400.0, 9500.0


class Tolerance(NamedTuple):
    """How far a user's solution may differ from the instrument's for the same arm."""

    # Of the dispersion, relative: solutions in use for an arm differ by 0.3 per cent.
    dispersion: float = 0.05
    # Of the wavelength at the reference pixel [Angstrom]: these differ by 27.
    wavelength: float = 100.0


SAME_ARM = Tolerance()


class Settings(NamedTuple):
    """A complete config; ``foreign_arms`` have the names of arms with shipped tables by chance."""

    config: dict
    foreign_arms: frozenset
    notes: list


def read_settings(config, project):
    """Complete the user's settings with those of the instrument and the defaults.

    Parameters
    ----------
    config : dict
        What the user set: any part of config.yaml.
    project : str or Path
        Folder of config.yaml.

    Returns
    -------
    Settings

    Raises
    ------
    UserError
        A file cannot be read, or the config has faults: one sentence each.
    """
    defaults = read_yaml(Path(project, "config.yaml"))
    name = config.get("instrument", defaults["instrument"])
    instrument = read_instrument(str(name), project)
    # The user may have set keys of the instrument in config.yaml.
    user = overlaid({key: defaults[key] for key in ("fibres", "lamps", "arms")}, config)
    if user["fibres"] is None:
        del user["fibres"]
    complete = complete_config(overlaid(defaults, instrument), user)
    alone = []
    if isinstance(user["arms"], dict):
        arms = complete_config({"arms": {}}, {"arms": user["arms"]})["arms"]
        alone = [arm for arm in arms if stands_alone(arms[arm], instrument["arms"].get(arm))]
        complete["arms"] |= {arm: arms[arm] for arm in alone}
    problems = config_problems(complete)
    if problems:
        raise UserError(*problems)
    shipped = read_instrument(SHIPPED, project)["arms"].keys()
    foreign = shipped & (set(alone) if str(name) == SHIPPED else complete["arms"].keys())
    notes = [
        f"Arm {arm} of the config replaces arm {arm} of the instrument {name}, none of whose "
        "settings and tables are used for it."
        for arm in alone
    ]
    return Settings(complete, frozenset(foreign), notes)


def read_instrument(name, project):
    """Read an instrument's file, given its name or path; raises `UserError`."""
    folder = Path(project, "resources", "instruments")
    path = folder / f"{name}.yaml"
    if not path.is_file():
        path = Path(name)
    if not path.is_file():
        # The folder also holds instruments to plan for.
        known = sorted(each.stem for each in folder.glob("*.yaml") if "arms" in read_yaml(each))
        raise UserError(
            f"config, instrument: there is no instrument {name} ({', '.join(known)}), nor a file "
            f"of that name; {did_you_mean(name, known)}correct it."
        )
    instrument = read_yaml(path)
    problems = schema_problems(instrument, instrument_schema(), str(path))
    if problems:
        raise UserError(*problems)
    return {"lamps": {}, **instrument}


@cache
def instrument_schema():
    """Make the schema of an instrument's file: some keys of the config, any of the thresholds."""
    whole = validator("config").schema
    keys = {key: whole["properties"][key] for key in KEYS}
    keys["quality"] = {key: rule for key, rule in keys["quality"].items() if key != "required"}
    return Draft202012Validator(
        {
            "type": "object",
            "additionalProperties": False,
            "required": ["fibres", "arms"],
            "properties": keys,
            "$defs": whole["$defs"],
        }
    )


def stands_alone(arm, instrument_arm):
    """Whether a user's arm differs from the instrument's arm of that name.

    Parameters
    ----------
    arm : object
        The user's settings of it.
    instrument_arm : dict or None
        Those of the instrument.
    """
    if instrument_arm is None or not isinstance(arm, dict):
        return False
    if not all(isinstance(arm.get(key), int | float) for key in SOLUTION):
        return False
    crval, crpix, cdelt = (arm[key] for key in SOLUTION)
    at_reference = crval + cdelt * (instrument_arm["crpix"] - crpix)
    return (
        abs(cdelt / instrument_arm["cdelt"] - 1) > SAME_ARM.dispersion
        or abs(at_reference - instrument_arm["crval"]) > SAME_ARM.wavelength
    )


def nominal_solution(arm):
    """Linear wavelength solution of an arm's settings; None without one."""
    return {key: arm[key] for key in SOLUTION} if SOLUTION[0] in arm else None


def searched_range(arm, wavelengths):
    """Rough range of a blind search for an arm's wavelengths.

    Parameters
    ----------
    arm : dict
        Settings of the arm.
    wavelengths : str
        The config's ``wavelengths``.

    Returns
    -------
    sequence of float or None
        Lowest and highest [Angstrom]; None for a search near the nominal solution.
    """
    if wavelengths != "blind" and nominal_solution(arm):
        return None
    return arm.get("wavelength_range", ROUGH_RANGE)
