"""The configuration: defaults, what the user set, and what is wrong with it."""

import copy
import os
from pathlib import Path

import yaml

from lampflux.campaign.problems import schema_problems, typed, validator
from lampflux.errors import UserError


def read_yaml(path):
    """Read a YAML file.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    object

    Raises
    ------
    UserError
        The file cannot be read, or is not YAML in UTF-8; names the line where it is known.
    """
    try:
        return yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); correct the path.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}," if mark else ""
        raise UserError(f"{path}{line} is not YAML in UTF-8; correct it.") from error


def complete_config(defaults, config):
    """Overlay the defaults with what the user set; neither is changed.

    Parameters
    ----------
    defaults : dict
        Of config.yaml.
    config : dict
        Any part of it: nested keys replace single defaults, lists and values replace whole ones.

    Returns
    -------
    dict
        With values of the kinds that the schema wants, where they read as such.
    """
    return typed(overlaid(defaults, config), validator("config").schema)


def overlaid(under, over):
    """Merge nested dicts; the second takes precedence."""
    merged = copy.deepcopy(under)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = overlaid(merged[key], value) if both else value
    return merged


def config_problems(config):
    """List what is wrong with a complete config, one sentence each.

    Parameters
    ----------
    config : dict

    Returns
    -------
    list of str
        Faults of keys and values or, where there are none, of what they mean together.
    """
    return schema_problems(config, "config", "config") or (
        range_problems(config)
        + solution_problems(config)
        + scale_problems(config)
        + folder_problems(config)
        + permission_problems(config["results_dir"])
    )


def solution_problems(config):
    """List arms without the nominal wavelengths that the config asks for."""
    if config["wavelengths"] != "nominal":
        return []
    return [
        f"config, arms.{arm}: there is no nominal solution, as 'wavelengths: nominal' needs; give "
        "crval, crpix and cdelt."
        for arm, settings in config["arms"].items()
        if "crval" not in settings
    ]


def range_problems(config):
    """List ranges that run backwards or, if none do, amplifiers that do not fit together."""
    ranges = {"rows": config["rows"]}
    for arm, settings in config["arms"].items():
        for key in "rows", "bias_range", "wavelength_range":
            ranges[f"arms.{arm}.{key}"] = settings.get(key)
        for number, columns in enumerate(settings.get("amplifiers", [])):
            ranges[f"arms.{arm}.amplifiers.{number}"] = columns
    ranges |= {f"quality.{name}": limits for name, limits in config["quality"].items()}
    backwards = [
        f"config, {key}: {ends} runs backwards; swap its ends."
        for key, ends in ranges.items()
        if isinstance(ends, list) and ends[0] > ends[1]
    ]
    return backwards or amplifier_problems(config)


def amplifier_problems(config):
    """List arms whose amplifiers overlap or leave columns out."""
    problems = []
    for arm, settings in config["arms"].items():
        amplifiers = sorted(settings.get("amplifiers", []))
        ends = [-1, *(last for _, last in amplifiers)]
        for (first, last), end in zip(amplifiers, ends):
            if first != end + 1:
                problems.append(
                    f"config, arms.{arm}.amplifiers: [{first}, {last}] does not begin at column "
                    f"{end + 1}, next to the one before; make them cover each column once."
                )
    return problems


def scale_problems(config):
    """List scales of the exposure plan that make planning impossible."""
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


def folder_problems(config):
    """List paths of the config that should be folders but are not, or that coincide."""
    problems = []
    searched = None if config["exposures"] else config["raw_dir"]
    if searched and os.path.lexists(searched) and not os.path.isdir(searched):
        problems.append(f"config, raw_dir: {searched} is not a folder; name the frames' folder.")
    results = Path(config["results_dir"])
    if searched and os.path.realpath(searched) == os.path.realpath(results):
        problems.append(
            f"config: raw_dir and results_dir are one folder ({searched}); name another for the "
            "products."
        )
    problems += [
        f"config, results_dir: {folder} is not a folder; name another or move it away."
        for folder in (results, *results.parents)
        if folder.exists() and not folder.is_dir()
    ]
    return problems


def permission_problems(results):
    """List folders that a run has to write to but cannot."""
    places = {}
    for folder, choice in (
        (".", "--directory FOLDER"),
        (results, "--config results_dir=FOLDER"),
    ):
        folder = Path(folder).absolute()
        nearest = next(place for place in (folder, *folder.parents) if place.exists())
        places.setdefault(nearest, choice)
    return [
        f"{place} is not writable; change its permissions, or name another folder with {choice}."
        for place, choice in places.items()
        if place.is_dir() and not os.access(place, os.W_OK | os.X_OK)
    ]
