"""Simulated exposures, as the table of them lists them."""

from lampflux.campaign.exposures import simulated_exposures


def test_simulated_frames_lie_as_in_the_campaign():
    row = {"brand": "A", "lamp": "Ar", "arm": "Red", "exptime": "10.0", "id": "01"}
    rows = [row | {"dark": "yes"}, row | {"id": "02", "dark": "no"}]
    exposures, problems = simulated_exposures(rows, "t.csv", "raw/s", ["Ar"], ["Red"])
    assert problems == []
    assert [(exposure.path, exposure.dark) for exposure in exposures] == [
        ("raw/s/A_Ar_Red_fits/A_Ar_Red_10s_01.fits", "raw/s/A_Ar_Red_fits/Dark_Red_10s.fits"),
        ("raw/s/A_Ar_Red_fits/A_Ar_Red_10s_02.fits", None),
    ]
    _, problems = simulated_exposures([rows[0]] * 2, "t.csv", "raw/s", ["Ne"], ["Red"])
    assert any("t.csv, row 2: lamp Ar is not among" in problem for problem in problems)
    assert any("have the name of one exposure" in problem for problem in problems)
