"""Gaps between lines of lamps and of pairs of lamps."""

import numpy as np
import pandas as pd
import pytest

from lampflux.lamps.coverage import arm_bands, arm_coverage, line_gaps
from lampflux.pictures.coverage import draw_atlas, draw_coverage, source_styles

BAND = (4000.0, 5000.0)


def lines_of(**places):
    return pd.DataFrame(
        [
            {"source": source, "wavelength": wavelength}
            for source, wavelengths in places.items()
            for wavelength in wavelengths or [np.nan]
        ]
    )


def test_gaps_reach_to_the_ends_of_the_band():
    low, high = line_gaps(np.array([4600.0, 3000, 4100, 6000]), BAND)
    assert list(low) == [4000, 4100, 4600]
    assert list(high) == [4100, 4600, 5000]


def test_the_best_pair_fills_each_others_gaps():
    coverage = arm_coverage(
        lines_of(A=[4100, 4200, 4300], B=[4650, 4900], C=[4250], D=[]), BAND
    ).set_index(["number", "rank"])
    alone = coverage.loc[1]
    assert dict(zip(alone["first"], alone["gap"])) == {"B": 650, "A": 700, "C": 750, "D": 1000}
    assert dict(zip(alone["first"], alone["lines"])) == {"B": 2, "A": 3, "C": 1, "D": 0}
    best = coverage.loc[2, 1]
    assert (best["first"], best["second"], best["gap"]) == ("A", "B", 350)
    assert (best["gap_from"], best["gap_to"], best["lines"]) == (4300, 4650, 5)
    assert len(coverage.loc[2]) == 6


def test_of_equal_longest_gaps_the_shorter_mean_gap_ranks_first():
    coverage = arm_coverage(lines_of(A=[4500], B=[4500, 4700], C=[4500, 4990]), BAND)
    alone = coverage[coverage["number"] == 1]
    assert list(alone["first"]) == ["B", "C", "A"]
    assert alone["mean_gap"].iloc[2] == 500
    assert alone["mean_gap"].iloc[0] == pytest.approx((500**2 + 200**2 + 300**2) / 1000)


def test_a_single_lamp_makes_no_pair():
    assert list(arm_coverage(lines_of(A=[4100]), BAND)["number"]) == [1]


def test_nominal_wavelengths_set_the_band_only_where_there_are_no_others():
    ends = pd.DataFrame(
        [
            ("Blue", "nominal", 3700.0, 5900.0),
            ("Blue", "fitted", 3680.0, 5910.0),
            ("Blue", "shifted", 3690.0, 5912.0),
            ("Red", "nominal", 5700.0, 7800.0),
        ],
        columns=["arm", "method", "low", "high"],
    )
    assert arm_bands(ends) == {"Blue": (3685, 5911), "Red": (5700, 7800)}


def test_eight_lamps_differ_in_colour_and_in_marker():
    styles = source_styles(list("ABCDEFGH")).values()
    assert len({style["color"] for style in styles}) == 8
    assert len({style["marker"] for style in styles}) == 8


def test_where_lamps_share_a_line_no_marker_hides_another():
    sizes = [style["ms"] for style in source_styles(list("ABCDE")).values()]
    assert (np.diff(sizes) < 0).all()


@pytest.mark.parametrize("fluxes", [(900.0, 20.0), (-1.0, np.nan)], ids=["lines", "no lines"])
def test_the_pictures_show_each_arm(tmp_path, fluxes):
    lines = lines_of(A=[4100], B=[4600]).assign(
        flux=fluxes, arm="Blue", limit=["lower", None], simulated=True
    )
    bands = {"Blue": BAND, "Red": (5700.0, 7800.0)}
    coverage = pd.concat(
        [arm_coverage(lines, band).assign(arm=arm) for arm, band in bands.items()]
    ).assign(simulated=True)
    figures = draw_atlas(lines, bands, 50), draw_coverage(lines, coverage, bands, 50)
    for number, figure in enumerate(figures):
        figure.savefig(tmp_path / f"{number}.png")
        assert len(figure.axes) == 2
        assert "SIMULATED" in figure.get_suptitle()
