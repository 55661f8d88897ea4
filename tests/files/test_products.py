"""Tables of products have significant digits only, and units when they are read."""

import numpy as np
import pandas as pd
import pytest
from astropy import units as u
from astropy.table import QTable

from lampflux.errors import UserError
from lampflux.files.products import cell, column_facts, read_product, schemas, write_product
from lampflux.files.tables import read_fluxes, read_shown_fluxes

FLUXES = {
    "pixel": 2370,
    "Wavelength": 6964.411103270474,
    "Flux": 8911.803825136612,
    "Flux_err": 1.136241750574331,
    "net_flux": np.float64(8900.63705987684),
    "net_flux_err": 1.2232502915218877,
    "snr": 7276.219038381141,
    "peak": 65034.0,
    "fit_flux": np.nan,
    "counts": 32617202.0,
    "flags": "saturated no_gain",
    "wavelength_air": 6965.4307,
    "wavelength_trusted": np.True_,
}


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ({"flux": 8900.63705, "flux_err": 1.22325}, "8900.6"),
        ({"flux": 8900.63705, "flux_err": 122.3}, "8900"),
        ({"flux": 8960.63705, "flux_err": 122.3}, "8960"),
        ({"flux": 0.0421, "flux_err": 12.3}, "0"),
        ({"flux": 0.042123, "flux_err": 0.00999}, "0.0421"),
        ({"flux": -1.23456e-7, "flux_err": 2.2e-9}, "-1.235e-07"),
        ({"pixel": 12.774321, "pixel_error": 0.0262}, "12.774"),
        ({"flux_err": 1.22325}, "1.2"),
        ({"flux_err": 122.3}, "120"),
        ({"flux": 1234.56789, "flux_err": 0.0}, "1234.57"),
        ({"flux": 1234.56789, "flux_err": np.nan}, "1234.57"),
        ({"flux": 1234.56789, "flux_err": None}, "1234.57"),
        ({"flux": 0.000123456789}, "0.000123457"),
        ({"flux": 123456789.5}, "123457000"),
        ({"flux": 32617202.0}, "32617202"),
        ({"flux": np.int64(32617202)}, "32617202"),
        ({"flux": -0.0}, "0"),
        ({"flux": np.nan}, ""),
        ({"flux": None}, ""),
        ({"flux": np.inf}, "inf"),
        ({"flux": True}, "True"),
        ({"flux": "007"}, "007"),
    ],
)
def test_a_number_has_two_digits_of_its_error_or_six_without_one(row, text):
    assert cell(next(iter(row)), row, {}) == text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(6965.43071, "Angstrom", "6965.4307"), (1234.56789, "pixel", "1234.568")],
)
def test_wavelengths_and_columns_keep_the_decimals_that_they_are_known_to(value, unit, text):
    assert cell("x", {"x": value}, {"unit": unit}) == text


def test_a_table_in_vacuum_is_named_so_and_read_in_air(tmp_path):
    path = tmp_path / "a.csv"
    write_product(path, "fluxes", [FLUXES, FLUXES | {"wavelength_air": None}], "vacuum")
    assert "wavelength_air" not in (written := pd.read_csv(path))
    # NIST's wavelength in vacuum of Ar I 6965.431.
    assert written["wavelength_vacuum"][0] == pytest.approx(6967.352, abs=2e-3)
    assert written["Wavelength"][0] == pytest.approx(6964.4111 + 1.921, abs=2e-3)
    assert read_product(path)["wavelength_vacuum"].info.description.endswith("in vacuum")
    fluxes = read_fluxes(path)
    assert fluxes["Wavelength"].to_numpy() == pytest.approx(FLUXES["Wavelength"], abs=1e-9)
    assert fluxes["wavelength_air"][0] == pytest.approx(FLUXES["wavelength_air"], abs=1e-3)
    assert read_shown_fluxes(path)[0]["wavelength_air"] == fluxes["wavelength_air"][0]


def test_pixel_wavelength_and_flux_come_first_and_in_full(tmp_path):
    write_product(tmp_path / "a.csv", "fluxes", [FLUXES])
    table = pd.read_csv(tmp_path / "a.csv")
    assert list(table) == list(column_facts("fluxes"))
    assert list(table)[:3] == ["pixel", "Wavelength", "Flux"]
    row = table.iloc[0]
    assert (row["Wavelength"], row["Flux"]) == (FLUXES["Wavelength"], FLUXES["Flux"])
    assert (row["counts"], row["net_flux"], row["net_flux_err"]) == (32617202, 8900.637, 1.223)


def test_a_column_that_the_schema_does_not_know_is_an_error_and_leaves_no_file(tmp_path):
    with pytest.raises(ValueError, match="colour"):
        write_product(tmp_path / "a.csv", "fluxes", [FLUXES | {"colour": "red"}])
    assert list(tmp_path.iterdir()) == []


def test_a_frame_of_pandas_is_written_like_rows(tmp_path):
    rows = [{"pixel": 0, "injected": 9089.89612}, {"pixel": 1, "injected": None}]
    write_product(tmp_path / "a.csv", "truth_pixels", rows)
    write_product(tmp_path / "b.csv", "truth_pixels", pd.DataFrame(rows))
    assert (tmp_path / "a.csv").read_text() == "pixel,injected,stray,cosmic\n0,9089.9,,\n1,,,\n"
    assert (tmp_path / "b.csv").read_bytes() == (tmp_path / "a.csv").read_bytes()


def test_a_table_is_read_with_units_and_meanings(tmp_path):
    write_product(tmp_path / "a.csv", "fluxes", [FLUXES, FLUXES])
    table = read_product(tmp_path / "a.csv")
    assert table["wavelength_air"].unit == u.AA
    ratio = table["Flux"][0] / table["continuum"].unit
    assert ratio.unit == u.pix
    assert table["counts"].to_value(u.adu).tolist() == [32617202, 32617202]
    assert table["snr"].info.description == "`net_flux` / `net_flux_err`"
    assert table["flags"][0] == "saturated no_gain"
    assert table["fit_flux"].mask.all()
    table.write(tmp_path / "a.ecsv")
    again = QTable.read(tmp_path / "a.ecsv")
    assert again["Flux"].unit == table["Flux"].unit
    assert again["Flux"].info.description == table["Flux"].info.description


def test_every_unit_of_the_schemas_is_read_and_no_two_tables_have_one_heading(tmp_path):
    headings = []
    for schema in schemas().glob("*.yaml"):
        facts = column_facts(schema.stem)
        headings.append(tuple(facts))
        write_product(tmp_path / "a.csv", schema.stem, [dict.fromkeys(facts, 1)])
        for name, column in read_product(tmp_path / "a.csv").items():
            assert (column.unit is not None) == ("unit" in facts[name]), (schema.stem, name)
    assert len(set(headings)) == len(headings)


@pytest.mark.parametrize("text", ["pixel,Flux\n1,2\n", "", None])
def test_tables_that_are_not_products_are_refused_by_name(tmp_path, text):
    path = tmp_path / "a.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UserError, match=str(path)):
        read_product(path)
