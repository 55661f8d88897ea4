"""Write the pages of docs/reference from the schemas; takes no arguments."""

import json
from pathlib import Path

import yaml

PROJECT = Path(__file__).resolve().parent.parent
SCHEMAS = PROJECT / "workflow" / "schemas"
PAGES = PROJECT / "docs" / "reference"
# Tables that users write, in the order of the page: schema and where such a table lies.
INPUTS = {
    "exposures": "named in the config as `exposures`",
    "line_windows": "`{lamp}_{arm}.csv` in `line_windows`",
    "line_list": "`{ion}.csv` in `line_lists`",
    "wavelength_reference": "`{arm}.csv` in `wavelength_references`",
    "gains": "`{arm}.csv` in `gains`",
    "simulated_exposures": "named in the config as `simulation.exposures`",
    "simulated_lines": "`{brand}_{lamp}_{arm}.csv` in `simulation.lines`",
}
# Products, in the order of the page.
PRODUCTS = (
    "spectrum",
    "spectrum_rows",
    "spectrum_header",
    "gains",
    "calibrated",
    "calibrated_header",
    "peaks",
    "identified_lines",
    "joint_reference",
    "proposed_windows",
    "fluxes",
    "flux_lines",
    "window_fits",
    "lamp",
    "lamp_exposures",
    "coverage",
    "exposure_plan",
    "planned_lines",
    "lamp_choices",
    "mode_lines",
    "answers",
    "quality",
    "closure",
    "closure_summary",
    "truth_lines",
    "truth_pixels",
)
# Kinds of values in schemas, in plain words.
KINDS = {
    "boolean": "`true` or `false`",
    "integer": "whole number",
    "null": "`null`",
    "number": "number",
    "object": "keys",
    "string": "text",
}
# Definitions that the page explains.
NAMED = ("path", "range", "limits")
WRITTEN = "<!-- Written by docs/reference.py from workflow/schemas; change it there. -->\n"


def read(name):
    """Read a YAML file of the project."""
    return yaml.safe_load((PROJECT / name).read_text(encoding="utf-8"))


def table(headings, rows):
    """Write a table in Markdown."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |".replace("|  |", "| |") for line in lines) + "\n"


def kind(schema):
    """Say in words what values a schema takes."""
    if "oneOf" in schema:
        return " or ".join(kind(each) for each in schema["oneOf"])
    if "enum" in schema:
        return " or ".join(f"`{json.dumps(value).strip(chr(34))}`" for value in schema["enum"])
    if "$ref" in schema:
        return reference(schema)
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    items = f" of {kind(schema['items'])}" if "items" in schema else ""
    length = f", {schema['minItems']} long" if "maxItems" in schema else ""
    words = KINDS | {"array": "list" + items + length}
    return " or ".join(words[each] for each in kinds)


def reference(schema):
    """Give the name of the definition that a schema refers to."""
    return schema["$ref"].rpartition("/")[2]


def config_keys(schema, defaults, definitions, path=""):
    """Give name, type, default and meaning of each key of the config, in the schema's order.

    Parameters
    ----------
    schema : dict
        Part of the config's schema that holds ``properties``.
    defaults : dict or None
        The same part of config.yaml; None where a key has none there.
    definitions : dict
        The schema's ``$defs``.
    path : str
        Leads to this part.

    Yields
    ------
    tuple of str
    """
    for name, own in schema["properties"].items():
        full = definitions[reference(own)] | own if "$ref" in own else own
        inner = full.get("additionalProperties") or {}
        inner = definitions[reference(inner)] if "$ref" in inner else inner
        groups = "properties" in full or "properties" in inner
        if defaults is None:
            default = "required" if name in schema.get("required", []) else ""
        else:
            default = "below" if groups and defaults[name] else f"`{json.dumps(defaults[name])}`"
        named = "$ref" in own and reference(own) in NAMED
        values = own if named else {key: part for key, part in full.items() if key != "$ref"}
        yield f"`{path}{name}`", kind(values), default.replace('"', ""), full["description"]
        if "properties" in full:
            known = None if defaults is None else defaults[name]
            yield from config_keys(full, known, definitions, f"{path}{name}.")
        elif groups:
            yield from config_keys(inner, None, definitions, f"{path}{name}.NAME.")


def config_page():
    """Write the page of the config's keys."""
    schema, defaults = read("workflow/schemas/config.schema.yaml"), read("config.yaml")
    return (
        f"{WRITTEN}\n# Keys of the configuration\n\n"
        "[Configuration](../configuration.md) says how they are set. `NAME` stands for the name\n"
        "of an arm. A path is text without braces, a range two whole numbers `[first, last]`,\n"
        "from 0 and both included. Limits are a distance that is warned of and one that fails,\n"
        "`[warned, failed]`, or `null` for no score. Where no default is given, the meaning says\n"
        "it.\n\n"
        + table(
            ("key", "type", "default", "meaning"), config_keys(schema, defaults, schema["$defs"])
        )
    )


def inputs_page():
    """Write the page of the columns of tables that users write."""
    parts = [
        f"{WRITTEN}\n# Columns of your tables\n\nTables are CSV in UTF-8, headed by their columns."
    ]
    for name, place in INPUTS.items():
        schema = read(f"workflow/schemas/{name}.schema.yaml")
        item = schema["properties"]["rows"]["items"]
        rows = [
            (
                f"`{column}`",
                kind(own),
                "yes" if column in item["required"] else "",
                own["description"],
            )
            for column, own in item["properties"].items()
        ]
        heading = schema["title"][0].upper() + schema["title"][1:]
        parts.append(
            f"## {heading}\n\nA table {place}.\n\n"
            + table(("column", "type", "required", "meaning"), rows)
        )
    return "\n\n".join(part.strip() for part in parts) + "\n"


def products_page():
    """Write the page of the columns and header keywords of products."""
    parts = [
        f"{WRITTEN}\n# Columns of the products\n\n[Products](../products.md) says which there "
        "are.\n`E` stands for the name of an exposure. What is not known is left empty."
    ]
    for name in PRODUCTS:
        schema = read(f"workflow/schemas/products/{name}.yaml")
        rows = [
            (f"`{column}`", own.get("unit", ""), own["description"])
            for column, own in schema["columns"].items()
        ]
        what = "column" if "row" in schema else "keyword"
        part = f", {schema['part']}" if "part" in schema else ""
        text = [f"`{schema['file']}`{part}."]
        text += [f"One row for {schema['row']}."] if "row" in schema else []
        text += [schema["description"]] if "description" in schema else []
        parts.append(
            f"## {schema['title']}\n\n{' '.join(text)}\n\n"
            + table((what, "unit", "meaning"), rows)
        )
    return "\n\n".join(part.strip() for part in parts) + "\n"


def pages():
    """Give the content of each page by its name."""
    return {
        "config_keys.md": config_page(),
        "input_columns.md": inputs_page(),
        "product_columns.md": products_page(),
    }


if __name__ == "__main__":
    for name, text in pages().items():
        (PAGES / name).write_text(text, encoding="utf-8")
