from types import SimpleNamespace

import numpy as np
import pytest

from lampflux.errors import UserError
from lampflux.files.products import write_product
from lampflux.files.tables import read_fits, read_table
from lampflux.fluxes.table import fit_rows

WANTED = [{"start": 10, "stop": 20, "ion": "Ar I"}, {"start": 30, "stop": 40.5, "ion": "Ne I"}]
PLAIN = "start,stop,ion\n10,20,Ar I\n30,40.5,Ne I\n"


def read(folder, content, numbers=("start", "stop")):
    path = folder / "table.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_table(str(path), numbers)


def refusal(folder, content):
    with pytest.raises(UserError) as caught:
        read(folder, content)
    message = str(caught.value)
    assert message.startswith(f"{folder}/table.csv")
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        PLAIN.rstrip("\n"),
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r"),
        "\ufeff" + PLAIN,
        "\ufeff" + PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\n\n"),
        PLAIN + "\n\r\n\n",
        PLAIN.replace(",", " , "),
        '"start","stop","ion"\n"10","20","Ar I"\n30,40.5,"Ne I"\n',
    ],
    ids=[
        "plain",
        "no last line end",
        "Windows",
        "old Mac",
        "byte-order mark",
        "spreadsheet",
        "blank lines",
        "blank lines at the end",
        "spaces",
        "quotes",
    ],
)
def test_a_table_reads_the_same_in_every_dialect(tmp_path, content):
    assert read(tmp_path, content) == WANTED


def test_empty_and_missing_cells_are_left_out(tmp_path):
    rows = read(tmp_path, "start,stop,ion\n10,,Ar I\n30, ,\n50\n")
    assert rows == [{"start": 10, "ion": "Ar I"}, {"start": 30}, {"start": 50}]


def test_quoted_cells_keep_commas_and_other_scripts(tmp_path):
    rows = read(tmp_path, 'start,note\n1,"blend, faint"\n2,Å λ\n')
    assert [row["note"] for row in rows] == ["blend, faint", "Å λ"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7),
        ("-3", -3),
        ("+3", 3),
        ("007", 7),
        ("7.25", 7.25),
        ("7.", 7.0),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("-2.5E-3", -0.0025),
    ],
)
def test_numbers_are_read_in_columns_of_numbers(tmp_path, text, value):
    (row,) = read(tmp_path, f"start,ion\n{text},{text}\n")
    assert row == {"start": value, "ion": text}
    assert type(row["start"]) is type(value)


@pytest.mark.parametrize(
    "text",
    ["nan", "NaN", "inf", "-inf", "Infinity", "1e999", "ten", "1O", "0x10", "1/2", "1 000", "--1"],
)
def test_text_that_is_not_a_finite_number_stays_text(tmp_path, text):
    assert read(tmp_path, f"start\n{text}\n") == [{"start": text}]


def test_a_number_too_long_to_be_finite_stays_text(tmp_path):
    text = "1" + "0" * 400
    assert read(tmp_path, f"start\n{text}\n") == [{"start": text}]


@pytest.mark.parametrize("content", ["start,stop\n1,2\n3,4,5\n", "start,stop\n1,2\n3,4,,5\n"])
def test_surplus_cells_are_refused_with_their_row(tmp_path, content):
    assert "row 2 has more cells" in refusal(tmp_path, content)


def test_a_remark_above_the_heading_is_shown_as_the_heading(tmp_path):
    message = refusal(tmp_path, "# my windows\nstart,stop\n1,2\n")
    assert "row 1 has more cells than the heading (# my windows)" in message


@pytest.mark.parametrize(("mark", "name"), [(";", "semicolons"), ("\t", "tabs")])
def test_another_separator_is_named(tmp_path, mark, name):
    assert f"is separated by {name}" in refusal(tmp_path, f"start{mark}stop\n1{mark}2\n")


def test_empty_lines_above_the_heading_are_ignored(tmp_path):
    assert read(tmp_path, "\n \r\nstart,stop\n1,2\n") == [{"start": 1, "stop": 2}]


@pytest.mark.parametrize("heading", ["start,stop,start", "start, stop , start "])
def test_a_column_named_twice_is_refused(tmp_path, heading):
    message = refusal(tmp_path, f"{heading}\n1,2,3\n")
    assert "names a column twice" in message
    assert "start, stop, start" in message


def test_a_wavelength_in_both_media_is_refused(tmp_path):
    message = refusal(tmp_path, "wavelength_air,wavelength_vacuum\n6965.43,6967.35\n")
    assert "gives wavelength in air and in vacuum; keep one" in message


@pytest.mark.parametrize(
    "content",
    [
        "start,note\n1,Å\n".encode("latin-1"),
        "start,stop\n1,2\n".encode("utf-16"),
        b"PK\x03\xff\x00",
    ],
    ids=["Latin-1", "UTF-16", "binary"],
)
def test_what_is_not_utf_8_is_refused(tmp_path, content):
    assert "UTF-8" in refusal(tmp_path, content)


@pytest.mark.parametrize("content", ['start,ion\n1,"Ar I\n', 'start,ion\n1,"Ar" I\n'])
def test_a_stray_quote_is_refused(tmp_path, content):
    assert "CSV" in refusal(tmp_path, content)


@pytest.mark.parametrize("content", ["", "\ufeff", "\n\n", "start,stop\n", "start,stop\n\n\r\n"])
def test_a_table_without_rows_is_refused(tmp_path, content):
    assert "no rows" in refusal(tmp_path, content)


def test_a_missing_table_is_an_os_error_with_its_name(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        read_table(str(tmp_path / "gone.csv"))
    assert caught.value.filename == str(tmp_path / "gone.csv")


@pytest.mark.parametrize("mark", ["\xa0", "\u200b", "\u202f", "\ufeff", " \u200b\xa0 "])
def test_invisible_characters_are_stripped(tmp_path, mark):
    path = tmp_path / "a.csv"
    path.write_text(f"{mark}start{mark},ion\n{mark}12{mark},{mark}Ne I{mark}\n{mark},\n", "utf-8")
    assert read_table(str(path), numbers=("start",)) == [{"start": 12, "ion": "Ne I"}, {}]


def test_fits_of_windows_are_read_as_written(tmp_path):
    pixels, continuum = np.array([10, 11, 12]), np.array([5.0, np.nan, 7.25])
    lines = np.array([[1.5, 80.0, 2.0], [0.0, np.nan, 0.25]])
    drawn = SimpleNamespace(pixels=pixels, continuum=continuum, lines=lines)
    windows = [SimpleNamespace(drawn=drawn), SimpleNamespace(drawn=drawn)]
    write_product(tmp_path / "a.csv", "window_fits", fit_rows(windows))
    found = read_fits(tmp_path / "a.csv")
    assert len(found) == 2
    for fit in found:
        for part, wanted in zip(fit, (pixels, continuum, lines), strict=True):
            np.testing.assert_array_equal(part, wanted)
