"""The check of tables against their schemas."""

import pytest

from lampflux.campaign.tables import checked_rows
from lampflux.files.tables import read_line_list

ROWS = 300


@pytest.mark.parametrize("place", [1, 150, ROWS])
@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ("5000.5,-3", "intensity: -3 is less than the minimum of 0"),
        ("-5000.5,3", "wavelength_air: -5000.5 is less than or equal to the minimum of 0"),
        ("5000.5,bright", "intensity: 'bright' is not a number"),
        ("5000.5,", "'intensity' is missing"),
    ],
)
def test_a_fault_in_any_row_of_a_long_table_is_found(tmp_path, place, cells, words):
    lines = ["wavelength_air,intensity"] + [f"{4000 + row / 7},{row}" for row in range(ROWS)]
    lines[place] = cells
    path = tmp_path / "Ne_I.csv"
    path.write_text("\n".join(lines) + "\n")
    rows, (problem,) = checked_rows(read_line_list, str(path), "line_list")
    assert rows == []
    assert problem.startswith(f"{path}, row {place}")
    assert words in problem
