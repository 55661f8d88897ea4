"""Faults of a config or a table, in plain words."""

import math
from difflib import get_close_matches
from functools import cache
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator

from lampflux.files.tables import number

# The C loader, if PyYAML has it, takes a tenth of the time.
Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"
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
# Most faults that are listed for one table or the config.
MOST_FAULTS = 20


@cache
def validator(schema):
    """Make the validator of a schema of this project."""
    text = (SCHEMAS / f"{schema}.schema.yaml").read_text(encoding="utf-8")
    return Draft202012Validator(Loader(text).get_single_data())


def typed(data, schema, whole=None):
    """Convert text to the kind of value that a schema requires, and back.

    From the command line, Snakemake gives numbers, lists and nested keys as text, and folders
    whose names are digits as numbers.

    Parameters
    ----------
    data : object
    schema : dict
        Schema of the data, a part of ``whole``.
    whole : dict
        Schema with the definitions.

    Returns
    -------
    object
        Text that cannot be converted stays as it is.
    """
    whole = whole or schema
    if "$ref" in schema:
        schema = whole["$defs"][schema["$ref"].rpartition("/")[2]]
    for option in schema.get("oneOf", ()):
        made = typed(data, option, whole)
        if Draft202012Validator(option | {"$defs": whole["$defs"]}).is_valid(made):
            return made
    if isinstance(data, dict):
        keys, others = schema.get("properties", {}), schema.get("additionalProperties")
        others = others if isinstance(others, dict) else {}
        return {key: typed(value, keys.get(key, others), whole) for key, value in data.items()}
    if isinstance(data, list):
        return [typed(value, schema.get("items", {}), whole) for value in data]
    kinds = schema.get("type", ())
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if isinstance(data, int) and not isinstance(data, bool) and list(kinds) == ["string"]:
        return str(data)
    if not isinstance(data, str) or "string" in kinds:
        return data
    if "null" in kinds and data in ("null", "~"):
        return None
    if "boolean" in kinds and data.lower() in ("true", "false"):
        return data.lower() == "true"
    return number(data) if {"number", "integer"} & set(kinds) else data


def schema_problems(data, schema, where):
    """Check data against a schema; give a sentence for each kind of fault.

    Parameters
    ----------
    data : object
        From YAML or `lampflux.files.tables`.
    schema : str or Draft202012Validator
        Name of the schema, such as ``config``, or its validator.
    where : str
        The file, for the sentences.

    Returns
    -------
    list of str
    """
    faults, seen = [], set()
    rules = validator(schema) if isinstance(schema, str) else schema
    for fault in rules.iter_errors(data):
        place = list(fault.absolute_path)
        wanted = fault.schema.get("description", "").rstrip(".")
        words = fault_words(fault) + (f" (wanted: {wanted})" if wanted else "")
        # Report a fault once, not for every row, nor for every rule that one value breaks.
        column = place[2:] if place[:1] == ["rows"] else place
        kinds = {(str(column), words)}
        if fault.validator == "type":
            kinds.add((str(place), "type"))
        if not kinds & seen:
            faults.append((place, words))
        seen |= kinds
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
    """Describe a fault in plain words."""
    if fault.validator == "additionalProperties" and fault.validator_value is False:
        known = fault.schema["properties"]
        names = [str(name) for name in fault.instance if name not in known]
        are = "is" if len(names) == 1 else "are"
        meant = [close for name in names if (close := closest(name, known))]
        hint = f"did you mean {', '.join(meant)}? " if meant else ""
        return f"{', '.join(map(repr, names))} {are} unknown ({hint}known: {', '.join(known)})"
    if fault.validator in ("required", "dependentRequired"):
        return f"{fault.message.split(' is a ')[0]} is missing"
    if fault.validator == "type":
        value = "null" if fault.instance is None else repr(fault.instance)
        kinds = fault.validator_value
        kinds = kinds if isinstance(kinds, list) else [kinds]
        return f"{value} is not {' or '.join(KINDS[kind] for kind in kinds)}"
    if fault.validator == "enum":
        return f"{fault.instance!r} is not {' or '.join(map(str, fault.validator_value))}"
    if fault.validator in ("anyOf", "oneOf", "pattern"):
        return f"{fault.instance!r} is not valid"
    if fault.validator == "not":
        return f"{fault.instance!r} is not allowed"
    if fault.validator == "minItems":
        return f"{len(fault.instance)} are too few; at least {fault.validator_value} are needed"
    return fault.message


def place_words(place):
    """Write the place of a fault in data: 'row 2' and 'stop', or 'arms.Red.crval'."""
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


def closest(name, known):
    """Known name that differs by case or a typing mistake; None if there is none."""
    names = {each.lower(): each for each in known}
    close = get_close_matches(name.lower(), names, n=1, cutoff=0.75)
    return names[close[0]] if close else None


def did_you_mean(name, known):
    """Suggest the `closest` known name, if there is one, before another remedy."""
    close = closest(name, known)
    return f"did you mean {close}? Otherwise " if close else ""
