"""Which darks and biases serve an exposure."""

import pytest

from lampflux.campaign.darks import LARGEST_SCALE, choose_background
from lampflux.campaign.exposures import find_exposures

FRAME = "raw/a/GS_Ne_Red_60s_01.fits"


def background_of(*names):
    (exposure,), problems = find_exposures([FRAME, *names], {"Ne": []}, {"Red": {}, "Blue": {}})
    assert problems == []
    return exposure


def test_several_darks_of_the_time_are_combined():
    names = "raw/a/Dark_Red_60s.fits", "raw/a/Dark_Red_60s_01.fits", "raw/a/Dark_Red_60.0s_2.fits"
    master = background_of(*names, "raw/b/Dark_Red_60s_03.fits", "raw/a/Bias_Red.fits").master
    assert set(master.darks) == set(names)
    assert (master.dark_seconds, master.biases) == (60, ())


def test_all_darks_of_the_first_folder_serve_where_there_is_none_beside():
    names = [f"raw/{folder}/Dark_Red_60s_{number}.fits" for folder in "cb" for number in (1, 2)]
    assert background_of(*names).master.darks == tuple(names[2:])


def test_one_dark_of_the_time_is_taken_as_it_is_before_any_other():
    dark = "raw/z/Dark_Red_60s_07.fits"
    exposure = background_of(dark, "raw/a/Bias_Red_1.fits", "raw/a/Dark_Red_61s.fits")
    assert (exposure.dark, exposure.master) == (dark, None)


@pytest.mark.parametrize(
    ("times", "chosen"),
    [([10, 40, 180], 180), ([40, 70, 180], 70), ([30, 40], 40), ([10, 29], None), ([], None)],
)
def test_a_dark_of_another_time_is_scaled_after_the_bias_a_longer_one_first(times, chosen):
    darks = [f"raw/a/Dark_Red_{time}s.fits" for time in times]
    master = background_of(*darks, "raw/a/Dark_Blue_60s.fits", "raw/b/Bias_Red.fits").master
    assert master.biases == ("raw/b/Bias_Red.fits",)
    assert master.dark_seconds == chosen
    assert master.darks == ((f"raw/a/Dark_Red_{chosen}s.fits",) if chosen else ())


def test_without_a_bias_no_dark_is_scaled():
    exposure = background_of("raw/a/Dark_Red_180s.fits", "raw/a/Bias_Blue.fits")
    assert exposure.background_files == []


@pytest.mark.parametrize(("factor", "scaled"), [(0.8, False), (1.2, True)])
def test_the_largest_scale_a_fifth_off_moves_the_shortest_dark_by_as_much(
    monkeypatch, factor, scaled
):
    monkeypatch.setattr("lampflux.campaign.darks.LARGEST_SCALE", factor * LARGEST_SCALE)
    dark, master = choose_background(FRAME, "Red", 60.0, {("Red", 28.0): ["d"]}, {"Red": ["b"]})
    assert dark is None
    assert bool(master.darks) is scaled


def test_masters_of_other_files_or_times_have_other_names():
    biases, darks = ["raw/b/Bias_Red_1.fits"], ["raw/b/Dark_Red_90s.fits"]
    names = [
        background_of(*files).master.name
        for files in (
            biases,
            [*biases, "raw/b/Bias_Red_2.fits"],
            [*biases, *darks],
            [*biases, "raw/c/Dark_Red_90s.fits"],
        )
    ]
    assert len(set(names)) == len(names)
    assert [name.rpartition("_")[0] for name in names] == ["Bias_Red"] * 2 + ["Dark_Red_60s"] * 2


@pytest.mark.parametrize(
    "names",
    [
        ("Bias_Red.fits", "Bias_Red.fits.gz"),
        ("Bias_Red_01.fits", "Bias_Red_01.fit"),
        ("Dark_Red_60s_1.fits", "Dark_Red_60.0s_1.fits"),
    ],
)
def test_two_files_of_one_dark_or_bias_are_both_named(names):
    paths = [f"raw/{name}" for name in names]
    _, (problem,) = find_exposures([FRAME, *paths], ["Ne"], ["Red"])
    assert all(path in problem for path in paths)
