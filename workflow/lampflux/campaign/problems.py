"""What is wrong with a config or a table, in plain words."""

import math
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator
from snakemake.exceptions import WorkflowError
from snakemake.utils import validate

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
# Most faults of one table or of the config that are told.
MOST_FAULTS = 20


def schema_problems(data, schema, where):
    """Check data against a schema; a sentence for each fault, but only one for each kind."""
    path = str(SCHEMAS / f"{schema}.schema.yaml")
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
    """Tell what is wrong by a fault of a schema, in plain words."""
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
    if fault.validator == "enum":
        return f"{fault.instance!r} is not {' or '.join(map(str, fault.validator_value))}"
    if fault.validator in ("anyOf", "oneOf"):
        return f"{fault.instance!r} cannot be meant"
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


def range_problems(config):
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
    return backwards or amplifier_problems(config)


def amplifier_problems(config):
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


def scale_problems(config):
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
