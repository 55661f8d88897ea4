import os

import numpy as np
import pytest
from astropy.io import fits

from lampflux.campaign.exposures import (
    exposures_from_table,
    file_problems,
    find_exposures,
    stem_of,
)
from lampflux.campaign.listing import list_frames, listing_notes

LAMPS = {"HgAr": [], "Ne": [], "ThAr": []}
ARMS = {"Blue": {}, "Red": {}}


def find(*paths):
    return find_exposures(list(paths), LAMPS, ARMS)


def darks_of(*paths):
    exposures, problems = find(*paths)
    assert problems == []
    return [exposure.dark for exposure in exposures]


def make(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def row(**cells):
    return {
        "path": "a.fits",
        "brand": "Photron",
        "lamp": "ThAr",
        "arm": "Red",
        "exptime": "60",
        "id": "02",
    } | cells


def from_table(folder, *rows):
    make(folder, "a.fits", "b.fits", "d.fits")
    return exposures_from_table(list(rows), str(folder / "table.csv"), LAMPS, ARMS)


# File names


@pytest.mark.parametrize(
    "suffix",
    [".fits", ".fits.gz", ".fits.fz", ".fits.bz2", ".fit", ".fts.gz", ".FIT", ".FITS", ".Fits.GZ"],
)
@pytest.mark.parametrize(
    ("stem", "wanted"),
    [
        ("Photron_ThAr_Red_60s_02", ("Photron", "ThAr", "Red", 60, "02")),
        ("Newport_HgAr_Blue_0.5s_03b", ("Newport", "HgAr", "Blue", 0.5, "03b")),
        ("A-1.b+_Ne_Blue_1200s_warm-up.1", ("A-1.b+", "Ne", "Blue", 1200, "warm-up.1")),
    ],
)
def test_a_name_says_what_the_frame_shows(stem, wanted, suffix):
    path = f"raw/2024/{stem}{suffix}"
    (exposure,), problems = find(path)
    assert problems == []
    assert exposure.identity == wanted
    assert (exposure.stem, exposure.path, exposure.dark) == (stem, path, None)


@pytest.mark.parametrize("name", ["a.csv", "a.fits.txt", "fits", "a.fits.xz", "a.fitsx"])
def test_a_file_of_another_kind_has_no_stem(name):
    assert stem_of(f"raw/{name}") is None


@pytest.mark.parametrize(
    "name",
    [
        "arc01",
        "ThAr_Red_60s_02",
        "Photron_ThAr_Red_60_02",
        "Photron_ThAr_Red_60s",
        "Photron_ThAr_Red_s_02",
        "Photron_ThAr_Red_-60s_02",
        "Photron_ThAr_Red_6e1s_02",
        "Photron_ThAr_Red_60s_02_again",
        "Photron_ThAr_Red_60s_02 copy",
        "Phötron_ThAr_Red_60s_02",
        "Dark_Red",
        "Dark_Red_60s_02_again",
        "Bias",
        "Bias_Red_60s_01_02",
        "dark_Red_60s",
    ],
)
def test_a_name_that_cannot_be_read_is_named(name):
    exposures, (problem,) = find(f"raw/{name}.fits")
    assert exposures == []
    assert problem.startswith(f"raw/{name}.fits: the name is not")


def test_every_problem_is_reported_at_once():
    _, problems = find(
        "raw/Photron_Unobtainium_Red_60s_02.fits",
        "raw/Photron_ThAr_Green_60s_02.fits",
        "raw/Photron_Kryptonite_Violet_60s_02.fits",
        "raw/Dark_Ultra_60s.fits",
        "raw/Photron_ThAr_Red_0.0s_02.fits",
        f"raw/Photron_ThAr_Red_{'9' * 400}s_02.fits",
        "raw/arc01.fits",
        "raw/Photron_ThAr_Red_60s_02.fits",
    )
    words = [
        ("raw/Photron_Unobtainium_Red_60s_02.fits", "lamp Unobtainium", "HgAr, Ne, ThAr"),
        ("raw/Photron_ThAr_Green_60s_02.fits", "arm Green", "Blue, Red"),
        ("raw/Photron_Kryptonite_Violet_60s_02.fits", "lamp Kryptonite"),
        ("raw/Photron_Kryptonite_Violet_60s_02.fits", "arm Violet"),
        ("raw/Dark_Ultra_60s.fits", "arm Ultra"),
        ("raw/Photron_ThAr_Red_0.0s_02.fits", "exposure time is zero"),
        (
            f"raw/Photron_ThAr_Red_{'9' * 400}s_02.fits",
            "exposure time is inf s, which is too long",
        ),
        ("raw/arc01.fits", "the name is not"),
    ]
    assert len(problems) == len(words)
    for needed in words:
        assert any(all(word in problem for word in needed) for problem in problems)


# Files


def test_files_are_found_in_all_folders_and_sorted(tmp_path):
    names = ["a/b/c/deep.fits", "a/x.fits.gz", "top.fits", "z/Y.FITS.FZ"]
    make(tmp_path, *reversed(names), "a/notes.txt", "a/x.csv")
    assert list_frames(tmp_path).frames == [str(tmp_path / name) for name in names]


def test_a_file_named_like_a_frame_that_is_none_is_named_unless_it_is_the_frames_own(tmp_path):
    frame, dark = "Photron_ThAr_Red_60s_02", "Dark_Red_60s"
    beside = [f"a/{frame}.fits", f"a/{frame}.png", f"a/{frame}.fits.txt", f"a/{dark}.FIT"]
    alone = [f"b/{frame}.fits.xz", f"b/{frame}.tif", f"b/{dark}.fits.zip", f"b/{dark}.dat"]
    make(tmp_path, *beside, *alone, "b/notes.txt", "b/Photron.png", f"b/{frame}_truth.csv")
    listing = list_frames(tmp_path)
    assert listing.frames == [str(tmp_path / beside[3]), str(tmp_path / beside[0])]
    assert listing.others == sorted(str(tmp_path / name) for name in alone)
    (note,) = listing_notes(listing)
    assert all(str(tmp_path / name) in note for name in alone)
    assert "named like frames" in note
    assert ".bz2" in note


def test_products_are_not_taken_for_frames_and_their_folders_are_named(tmp_path):
    frame = "Photron_ThAr_Red_60s_02.fits"
    product, raw = f"old/spectra/{frame}", f"night/spectra/{frame}"
    for name, creator in (product, "lampflux 0.1.0"), (raw, "a telescope"):
        (tmp_path / name).parent.mkdir(parents=True)
        header = fits.Header([("CREATOR", creator)])
        fits.PrimaryHDU(np.zeros((2, 2)), header).writeto(tmp_path / name)
    listing = list_frames(tmp_path)
    assert listing.frames == [str(tmp_path / raw)]
    assert listing.products == [str(tmp_path / product)]
    assert listing_notes(listing) == [
        f"Products of lampflux in {tmp_path}/old/spectra are not used as frames."
    ]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Photron_thar_Red_60s_02", "did you mean ThAr?"),
        ("Photron_ThAr_RED_60s_02", "did you mean Red?"),
        ("Photron_THAR_Red_60s_02", "did you mean ThAr?"),
        ("Photron_HgA_Red_60s_02", "did you mean HgAr?"),
    ],
)
def test_a_name_that_differs_by_case_or_a_slip_gets_did_you_mean(name, words):
    _, (problem,) = find(f"raw/{name}.fits")
    assert words in problem


@pytest.mark.parametrize("folder", ["{a}", "<old>"])
def test_what_snakemake_would_replace_in_a_path_is_refused(tmp_path, folder):
    make(tmp_path, f"{folder}/a.fits", "1 < 2 > 1/b.fits")
    (problem,) = file_problems(list_frames(tmp_path).frames)
    assert f"{folder}/a.fits has braces or a word in <>" in problem


def test_hidden_files_and_folders_are_passed_over(tmp_path):
    make(tmp_path, "a.fits", ".b.fits", ".hidden/c.fits", "d/.part-e.fits")
    assert list_frames(tmp_path).frames == [str(tmp_path / "a.fits")]


def test_links_to_folders_and_files_are_followed(tmp_path):
    make(tmp_path, "store/a.fits", "store/more/b.fits", "raw/c.fits")
    (tmp_path / "raw/night").symlink_to(tmp_path / "store")
    (tmp_path / "raw/d.fits").symlink_to(tmp_path / "store/a.fits")
    wanted = ["c.fits", "d.fits", "night/a.fits", "night/more/b.fits"]
    assert list_frames(tmp_path / "raw").frames == [
        str(tmp_path / "raw" / name) for name in wanted
    ]


def test_a_loop_of_links_ends_and_each_file_is_found_once(tmp_path):
    make(tmp_path, "a/x.fits", "b/y.fits")
    (tmp_path / "a/up").symlink_to(tmp_path)
    (tmp_path / "a/self").symlink_to(tmp_path / "a")
    (tmp_path / "b/other").symlink_to(tmp_path / "a")
    found = list_frames(tmp_path).frames
    assert sorted(os.path.basename(path) for path in found) == ["x.fits", "y.fits"]


def test_a_folder_that_is_left_out_is_not_entered_by_any_way(tmp_path):
    make(tmp_path, "a.fits", "results/spectra/b.fits")
    (tmp_path / "link").symlink_to(tmp_path / "results")
    assert list_frames(tmp_path, leave_out=[tmp_path / "results"]).frames == [
        str(tmp_path / "a.fits")
    ]


@pytest.mark.parametrize("name", ["empty", "absent"])
def test_a_folder_without_frames_gives_none(tmp_path, name):
    (tmp_path / "empty").mkdir()
    assert list_frames(tmp_path / name).frames == []


# Duplicates


@pytest.mark.parametrize(
    "other",
    [
        "raw/Photron_ThAr_Red_60s_02.fits.gz",
        "raw/other/Photron_ThAr_Red_60s_02.fits",
        "raw/Photron_ThAr_Red_60.0s_02.fits",
        "raw/Photron_ThAr_Red_060s_02.fits",
    ],
)
def test_two_files_of_one_exposure_are_both_named(other):
    first = "raw/Photron_ThAr_Red_60s_02.fits"
    _, (problem,) = find(first, other)
    assert first in problem
    assert other in problem


@pytest.mark.parametrize(
    "other",
    [
        "raw/Photron_ThAr_Red_60s_2.fits",
        "raw/Photron_ThAr_Red_6s_02.fits",
        "raw/Photron_ThAr_Blue_60s_02.fits",
        "raw/Photron_Ne_Red_60s_02.fits",
        "raw/GS_ThAr_Red_60s_02.fits",
    ],
)
def test_exposures_that_differ_in_any_word_are_two(other):
    exposures, problems = find("raw/Photron_ThAr_Red_60s_02.fits", other)
    assert len(exposures) == 2
    assert problems == []


# Darks


def test_the_dark_beside_the_frame_comes_before_any_other():
    frame = "raw/b/Photron_ThAr_Red_60s_02.fits"
    beside = "raw/b/Dark_Red_60s.fits.gz"
    assert darks_of("raw/a/Dark_Red_60s.fits", beside, frame) == [beside]


def test_a_dark_elsewhere_serves_where_there_is_none_beside():
    frames = ["raw/c/Photron_ThAr_Red_60s_02.fits", "raw/Photron_ThAr_Red_60s_03.fits"]
    darks = ["raw/a/Dark_Red_60s.fits", "raw/b/Dark_Red_60s.fits"]
    assert darks_of(*darks, *frames) == [darks[0]] * 2


@pytest.mark.parametrize("dark", ["Dark_Blue_60s", "Dark_Red_6s", "Dark_Red_600s"])
def test_a_dark_of_another_arm_or_exposure_time_is_not_taken(dark):
    assert darks_of(f"raw/{dark}.fits", "raw/Photron_ThAr_Red_60s_02.fits") == [None]


@pytest.mark.parametrize(
    ("frame", "dark"), [("60", "60.0"), ("60.0", "60"), ("0.5", "0.50"), ("5", "005")]
)
def test_exposure_times_are_compared_as_numbers(frame, dark):
    dark = f"raw/Dark_Red_{dark}s.fits"
    assert darks_of(dark, f"raw/Photron_ThAr_Red_{frame}s_02.fits") == [dark]


def test_each_exposure_gets_its_own_dark():
    names = [
        f"raw/{brand}_{arm}_{seconds}s{end}.fits"
        for brand, end in (("Dark", ""), ("Photron_ThAr", "_02"))
        for arm in ("Blue", "Red")
        for seconds in (1, 10, 60)
    ]
    assert darks_of(*names) == names[:6]


@pytest.mark.parametrize("other", ["Dark_Red_60.0s.fits", "Dark_Red_60s.fits.gz"])
def test_two_darks_beside_a_frame_are_one_problem_that_names_both(other):
    _, problems = find(
        "raw/Dark_Red_60s.fits",
        f"raw/{other}",
        "raw/Photron_ThAr_Red_60s_02.fits",
        "raw/Photron_ThAr_Red_60s_03.fits",
    )
    assert len(problems) == 1
    assert "raw/Dark_Red_60s.fits " in problems[0]
    assert f"raw/{other} " in problems[0]


# Tables


@pytest.mark.parametrize(
    ("text", "stem", "seconds"),
    [
        ("60", "60s", 60),
        ("10.0", "10s", 10),
        ("0.5", "0.5s", 0.5),
        ("0.50", "0.5s", 0.5),
        ("007", "7s", 7),
        ("1200", "1200s", 1200),
        ("100000.00", "100000s", 100000),
        ("0.00001", "0.00001s", 1e-5),
    ],
)
def test_exposure_times_of_a_table_are_written_plainly(tmp_path, text, stem, seconds):
    (exposure,), problems = from_table(tmp_path, row(exptime=text))
    assert problems == []
    assert exposure.stem == f"Photron_ThAr_Red_{stem}_02"
    assert exposure.exptime == seconds


def test_paths_are_relative_to_the_tables_folder(tmp_path, monkeypatch):
    make(tmp_path, "elsewhere/keep", "night/store/x.fits", "darks/d.fits")
    monkeypatch.chdir(tmp_path / "elsewhere")
    rows = [row(path="store/x.fits", dark="../darks/d.fits")]
    (exposure,), problems = exposures_from_table(rows, "../night/table.csv", LAMPS, ARMS)
    assert problems == []
    assert os.path.samefile(exposure.path, tmp_path / "night/store/x.fits")
    assert os.path.samefile(exposure.dark, tmp_path / "darks/d.fits")


def test_absolute_paths_stand(tmp_path):
    make(tmp_path, "far/x.fits")
    (exposure,), problems = from_table(tmp_path / "near", row(path=str(tmp_path / "far/x.fits")))
    assert problems == []
    assert exposure.path == str(tmp_path / "far/x.fits")


@pytest.mark.parametrize("cells", [{}, {"dark": ""}])
def test_an_empty_dark_means_none(tmp_path, cells):
    (exposure,), problems = from_table(tmp_path, row(**cells))
    assert problems == []
    assert exposure.dark is None


def test_a_table_gives_each_frame_the_dark_of_its_row(tmp_path):
    exposures, problems = from_table(
        tmp_path, row(dark="d.fits"), row(path="b.fits", id="03"), row(path="b.fits", id="04")
    )
    assert problems == []
    assert [exposure.path for exposure in exposures] == [
        str(tmp_path / name) for name in ("a.fits", "b.fits", "b.fits")
    ]
    assert [exposure.dark for exposure in exposures] == [str(tmp_path / "d.fits"), None, None]


@pytest.mark.parametrize("column", ["path", "dark"])
def test_a_file_that_is_not_there_is_reported_with_its_row(tmp_path, column):
    _, problems = from_table(tmp_path, row(), row(id="03", **{column: "gone/x.fits"}))
    (problem,) = problems
    assert f"{tmp_path}/table.csv, row 2" in problem
    assert f"{tmp_path}/gone/x.fits" in problem


@pytest.mark.parametrize("column", ["brand", "id"])
@pytest.mark.parametrize("text", ["a b", "a/b", "a_b", "..\\b", "ä", "{a}", "a*"])
def test_odd_characters_are_refused_with_their_row(tmp_path, column, text):
    _, problems = from_table(tmp_path, row(), row(**{column: text}))
    (problem,) = problems
    assert f"{tmp_path}/table.csv, row 2" in problem
    assert "letters, digits" in problem


def test_every_problem_of_a_table_is_reported_at_once(tmp_path):
    _, problems = from_table(
        tmp_path,
        row(lamp="Kryptonite"),
        row(arm="Green"),
        row(exptime="0.0"),
        row(path="gone.fits"),
        row(brand="a b"),
    )
    assert len(problems) == 5
    for number, word in enumerate(
        ["lamp Kryptonite", "arm Green", "zero", "gone.fits", "a b"], start=1
    ):
        assert sum(f"row {number}:" in problem and word in problem for problem in problems) == 1


def test_two_rows_of_one_exposure_are_reported(tmp_path):
    _, problems = from_table(tmp_path, row(), row(path="b.fits", exptime="60.0"))
    (problem,) = problems
    assert f"{tmp_path}/a.fits" in problem
    assert f"{tmp_path}/b.fits" in problem


@pytest.mark.parametrize(
    ("cells", "darks", "biases"),
    [
        ({"dark": "d.fits; b.fits"}, ["d.fits", "b.fits"], []),
        ({"dark": "d.fits", "dark_exptime": "180", "bias": "b.fits"}, ["d.fits"], ["b.fits"]),
        ({"bias": "d.fits;b.fits"}, [], ["d.fits", "b.fits"]),
    ],
)
def test_a_table_gives_several_darks_darks_of_another_time_and_biases(
    tmp_path, cells, darks, biases
):
    (exposure,), problems = from_table(tmp_path, row(**cells))
    assert problems == []
    assert exposure.dark is None
    assert exposure.master.darks == tuple(str(tmp_path / name) for name in darks)
    assert exposure.master.biases == tuple(str(tmp_path / name) for name in biases)
    assert exposure.master.dark_seconds == (
        float(cells.get("dark_exptime", 60)) if darks else None
    )


def test_a_tables_dark_of_another_time_without_a_bias_is_refused(tmp_path):
    _, (problem,) = from_table(tmp_path, row(dark="d.fits", dark_exptime="180"))
    assert "row 1: a dark of 180 s for an exposure of 60 s needs a bias" in problem


def test_a_dark_of_no_time_in_a_table_is_refused(tmp_path):
    _, (problem,) = from_table(tmp_path, row(dark="d.fits", dark_exptime="0", bias="b.fits"))
    assert "row 1: dark_exptime is zero" in problem


def test_brands_that_differ_only_in_case_are_refused():
    _, (problem,) = find(
        "a/Newport_Ne_Red_1s_01.fits",
        "b/newport_Ne_Red_1s_02.fits",
        "b/newport_HgAr_Red_1s_01.fits",
        "b/GS_HgAr_Red_1s_01.fits",
    )
    assert problem == (
        "a/Newport_Ne_Red_1s_01.fits and b/newport_Ne_Red_1s_02.fits spell a brand in 2 ways "
        "(Newport, newport); choose one."
    )
