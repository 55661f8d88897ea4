import numpy as np
import pytest

from lampflux.extraction.arm_gain import FrameGain, arm_gain
from repeats import COLUMNS, HALVES, exposures, pairs_of

FRAMES = [FrameGain(1.85, 2.1), FrameGain(2.0, 2.0), FrameGain(1.95, 2.2)]


def test_pairs_and_single_exposures_are_combined():
    (row,) = arm_gain(pairs_of(exposures(1, fibres=20)), FRAMES)
    assert row["method"] == "pairs and frames"
    assert (row["pairs"], row["frames"]) == (1, 3)
    assert row["gain"] == pytest.approx(1.9, rel=0.1)
    assert row["read_noise"] == pytest.approx(4.0, rel=0.1)
    assert 0 < row["signal_low"] < row["signal_high"]
    assert not row.get("reason")


def test_single_exposures_serve_where_there_are_no_repeats():
    (row,) = arm_gain([], FRAMES)
    assert row["method"] == "frames"
    assert row["gain"] == 1.95
    assert row["gain_err"] >= 0.05 * row["gain"]
    assert row["read_noise"] == pytest.approx(2.1 * 1.95)


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        ([], "too few show a gain"),
        (FRAMES[:1], "too few show a gain"),
        ([FrameGain(each, 2.0) for each in (1.0, 1.5, 2.0, 2.6)], "gains scatter by"),
    ],
)
def test_a_row_without_gain_has_a_reason(frames, reason):
    (row,) = arm_gain([], frames)
    assert "gain" not in row
    assert reason in row["reason"]
    assert "no lamp has two exposures of one time" in row["reason"]


def test_pairs_and_single_exposures_that_contradict_each_other_give_no_gain():
    frames = [FrameGain(each, 2.0) for each in (2.9, 3.0, 3.1)]
    (row,) = arm_gain(pairs_of(exposures(1, fibres=20)), frames)
    assert "gain" not in row
    assert "but frames 3" in row["reason"]


def test_single_exposures_do_not_outrank_pairs_that_show_two_gains():
    gains = np.where(np.arange(COLUMNS) < COLUMNS // 2, 1.5, 3.0)
    (row,) = arm_gain(pairs_of(exposures(2, 6, fibres=30, gain=gains)), FRAMES)
    assert "gain" not in row
    assert "parts of the frame differ" in row["reason"]


@pytest.mark.parametrize(("right", "rows"), [(1.9, 1), (2.8, 2)])
def test_amplifiers_have_a_row_each_if_their_gains_differ(right, rows):
    gains = np.where(np.arange(COLUMNS) < COLUMNS // 2, 1.9, right)
    table = arm_gain(pairs_of(exposures(5, 4, fibres=30, gain=gains)), [], HALVES)
    assert len(table) == rows
    assert table[0]["gain"] == pytest.approx(1.9, rel=0.15)
    if rows == 2:
        assert table[1]["gain"] == pytest.approx(right, rel=0.15)
        assert [(row["column_start"], row["column_stop"]) for row in table] == HALVES
