"""Tables of products: their digits where they are written, their units where they are read."""

import csv
import math
from functools import cache
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

import lampflux
from lampflux.errors import UserError
from lampflux.files.whole import whole
from lampflux.medium import in_medium

if TYPE_CHECKING:
    from astropy.table import QTable

# Significant digits of an error, and of a number without one.
ERROR_DIGITS, DIGITS = 2, 6
# Decimals that numbers without an error have at least, by unit: laboratory wavelengths are known
# to that, and columns to more than a hundredth of a pixel.
LEAST_DECIMALS = {"Angstrom": 4, "pixel": 3}
# How a column of errors ends.
ERRORS = ("_err", "_error")
# What is counted: astropy has no units of it.
COUNTED = ("fibre", "exposure")


def schemas():
    """Folder of the schemas of products, in a checkout or installed."""
    package = Path(lampflux.__file__).resolve().parent
    installed = package / "schemas"
    return installed if installed.is_dir() else package.parent / "schemas" / "products"


@cache
def schema_of(product):
    """Read the schema of a product."""
    return yaml.safe_load((schemas() / f"{product}.yaml").read_text(encoding="utf-8"))


def column_facts(product):
    """Give the ``unit`` and ``description`` of each column of a product."""
    return schema_of(product)["columns"]


def product_table(product, table):
    """Take the columns of a product's schema from a table; one without rows may lack them."""
    columns = list(column_facts(product))
    return table[columns] if len(table) else table.reindex(columns=columns)


def write_product(path, product, rows, medium="air"):
    """Write a product's table as CSV, whole or not at all.

    Numbers have the digits that mean something: two of their error, or six where they have none.
    A table that later stages compute with has ``guard_digits`` more of the error, by its schema.
    Columns that the schema calls ``exact``, and whole numbers, are written in full.

    Parameters
    ----------
    path : str
    product : str
        Name of its schema, which gives the heading.
    rows : DataFrame or iterable of dict
        Cells that a row lacks, or that are None or NaN, stay empty. Wavelengths are in air.
    medium : str
        Medium to write wavelengths in, air or vacuum; see `heading`.

    Raises
    ------
    UserError
        The file cannot be written.
    ValueError
        A row has a column that the schema does not know.
    """
    facts = column_facts(product)
    digits = ERROR_DIGITS + schema_of(product).get("guard_digits", 0)
    if hasattr(rows, "to_dict"):
        rows = rows.to_dict("records")
    with whole(path) as part, open(part, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, facts, lineterminator="\n")
        writer.writerow({name: heading(name, medium) for name in facts})
        for row in rows:
            if medium != "air":
                row = row | {name: in_medium(row[name], medium) for name in wavelengths_of(row)}
            writer.writerow({name: cell(name, row, facts.get(name, {}), digits) for name in row})


def heading(name, medium):
    """Heading of a column: that of laboratory wavelengths says in which medium the table's are."""
    return name.removesuffix("air") + "vacuum" if medium == "vacuum" and is_air(name) else name


def is_air(name):
    """Whether a column's name says that it holds wavelengths in air."""
    return name.endswith("_air")


def wavelengths_of(row):
    """Names of a row's columns that hold wavelengths in the table's medium."""
    return [name for name in row if (is_air(name) or name == "Wavelength") and row[name]]


def cell(name, row, facts, error_digits=ERROR_DIGITS):
    """Write a value of a row as text; see `write_product`. ``facts`` are those of its column."""
    value = row[name]
    if value is None or value != value:
        return ""
    # numpy's numbers follow the rules of Python's, too.
    value = value.item() if hasattr(value, "item") else value
    if not isinstance(value, float) or not math.isfinite(value):
        return str(value)
    if value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if facts.get("exact"):
        return repr(value)
    error = value if name.endswith(ERRORS) else error_of(name, row)
    if error:
        decimals = error_digits - 1 - exponent(error)
    else:
        decimals = DIGITS - 1 - exponent(value)
        decimals = max(decimals, LEAST_DECIMALS.get(facts.get("unit"), decimals))
    return f"{round(value, decimals):.15g}"


def error_of(name, row):
    """Find the error of a column's value in its row; None where there is none."""
    for ending in ERRORS:
        error = row.get(name + ending)
        if error and math.isfinite(error):
            return error
    return None


def exponent(value):
    """Power of ten of a number's first digit."""
    return math.floor(math.log10(abs(value)))


def unit_and_meaning(fact):
    """Give a column's unit for astropy, and its description, which says per what it counts."""
    from astropy.units import Unit

    if "unit" not in fact:
        return None, fact["description"]
    first, *divisors = (part.strip() for part in fact["unit"].replace("ADU", "adu").split("/"))
    counted = "".join(f", per {part}" for part in divisors if part in COUNTED)
    others = (1 / Unit(part) for part in divisors if part not in COUNTED)
    return math.prod(others, start=Unit(first)), fact["description"] + counted


def read_product(path: str | PathLike) -> "QTable":
    """Read a table of lampflux with the units and meanings of its columns.

    Parameters
    ----------
    path : path-like
        A CSV file of ``results``, under any name.

    Returns
    -------
    astropy.table.QTable
        Empty cells are masked. Fibres and exposures are no units: where a column's schema divides
        by them, its description says so.

    Raises
    ------
    UserError
        The file cannot be read, or has other columns than any product.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = f"{folder}/truth.csv"
    ...     write_product(path, "truth_pixels", [{"pixel": 0, "injected": 9089.89612}])
    ...     table = read_product(path)
    >>> table["injected"]
    <Quantity [9089.9] adu>
    >>> table["pixel"].info.description
    'Column, from 0'
    """
    import pandas as pd
    from astropy.table import QTable

    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read ({error}); give a table of lampflux.") from error
    for product in sorted(schema.stem for schema in schemas().glob("*.yaml")):
        facts = column_facts(product)
        medium = "vacuum" if "wavelength_vacuum" in table else "air"
        facts = {heading(name, medium): fact for name, fact in facts.items()}
        if list(facts) == list(table):
            break
    else:
        raise UserError(f"{path} has other columns than any product of this version of lampflux.")
    meanings = {name: unit_and_meaning(fact) for name, fact in facts.items()}
    table = QTable.from_pandas(table, units={name: unit for name, (unit, _) in meanings.items()})
    for name, (_, description) in meanings.items():
        if name.endswith("_vacuum"):
            description = description.replace("in air", "in vacuum")
        table[name].info.description = description
    return table
