"""The comparison with the truth if there is little to compare."""

import numpy as np
import pandas as pd

from lampflux.files.products import column_facts
from lampflux.pictures.closure import draw
from lampflux.simulation.closure import closure_table, exposure_closure, summarise_closure

LINES = pd.DataFrame(
    {"wavelength_air": [6000.0], "pixel": [50.0], "flux": [10.0], "saturated": [False]}
)
PIXELS = pd.DataFrame(dict.fromkeys(("injected", "stray", "cosmic"), np.ones(100)))


def test_exposures_without_a_window_leave_empty_tables_and_a_picture():
    fluxes = pd.DataFrame(columns=list(column_facts("fluxes")))
    part = exposure_closure(fluxes, np.linspace(5900, 6100, 100), LINES, PIXELS, 61.0)
    table = closure_table([{"exposure": "Mine_Cd_Red_10s_01", "arm": "Red", "dark": True} | part])
    assert len(table) == 0
    assert len(summarise_closure(table)) == 0
    (_, words) = draw(table).texts
    assert words.get_text() == "no exposure has line windows"
