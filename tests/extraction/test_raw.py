import numpy as np
import pytest

from lampflux.errors import UserError
from lampflux.extraction.raw import RawExposure, frame_cards, with_table

FACTS = {"gain": (None, None), "read_noise": (None, None), "saturation": (65535.0, "config")}
RAW = RawExposure(np.full((2, 6), 800, "u2"), np.full(6, 500.0), 1.0, {}, FACTS, [])


def test_a_table_of_one_row_gives_gain_and_read_noise_and_leaves_the_frame():
    found = with_table(RAW, [{"gain": 1.9, "read_noise": 4.0}], "Red.csv", "a.fits")
    assert found.facts["gain"] == (1.9, "table")
    assert found.facts["read_noise"] == (4.0, "table")
    assert found.frame is RAW.frame


def test_amplifiers_are_scaled_to_the_adu_of_the_first():
    rows = [
        {"gain": 1.9, "column_start": 0, "column_stop": 1},
        {"gain": 1.52, "column_start": 2, "column_stop": 5},
    ]
    found = with_table(RAW, rows, "Red.csv", "a.fits")
    np.testing.assert_allclose(found.frame - found.background, [[300] * 2 + [240] * 4] * 2)
    assert found.facts["gain"] == (1.9, "table")
    assert found.facts["saturation"][0] == pytest.approx(0.8 * 65535)
    assert found.cards[-1][:2] == ("AMPGAIN2", 0.8)


@pytest.mark.parametrize("second", [{}, {"column_start": 3, "column_stop": 5}])
def test_amplifiers_that_do_not_cover_the_frame_are_refused(second):
    rows = [{"gain": 1.9, "column_start": 0, "column_stop": 1}, {"gain": 1.5} | second]
    with pytest.raises(UserError, match=r"Red\.csv"):
        with_table(RAW, rows, "Red.csv", "a.fits")


@pytest.mark.parametrize(
    ("level", "unread", "least", "most"),
    # Of noise of 3 ADU about zero, half lies below: a quarter of pixels at zero has a higher one
    # beside it. Of a sound frame hardly any has, whatever the detector's edge holds.
    [(0.0, 0, 0.22, 0.27), (500.0, 0, 0.0, 0.001), (500.0, 20, 0.0, 0.02)],
)
def test_the_part_of_noise_that_is_cut_off_is_measured(level, unread, least, most):
    noise = np.random.default_rng(4).normal(level, 3, (120, 400))
    noise[:, :unread] = 0
    cards = {key: value for key, value, _ in frame_cards(np.clip(np.rint(noise), 0, 65535), {})}
    assert least <= cards["CUTOFF"] <= most
    assert cards["NCOMBINE"] is None


def test_combined_exposures_are_named_with_their_keyword():
    (number, *_), *_ = [card[1:] for card in frame_cards(RAW.frame, {"COADDS": 4})]
    assert number == 4
