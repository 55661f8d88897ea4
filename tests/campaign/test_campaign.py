"""The campaign: which exposures there are, what belongs to them, and what is wrong."""

import os
import time

import numpy as np
import pytest
import yaml

from conftest import PROJECT, write_text
from lampflux.campaign.exposures import future_problems
from lampflux.campaign.instruments import searched_range
from lampflux.errors import UserError

RAW = "resources/raw"
FRAME = f"{RAW}/Photron_Ne_Red_10s_01.fits"
TABLE = "night/exposures.csv"
HEADING = "path,brand,lamp,arm,exptime,id\n"
ROW = f"../{FRAME},Photron,Ne,Red,10,01\n"
GREEN = {"arms": {"Green": {"crval": 5000, "crpix": 1, "cdelt": 0.5}}}


def frames(*names):
    return [f"{RAW}/{name}.fits" for name in names]


# Mistakes in tables


WINDOWS = {
    "column missing": ("start,ion\n10,Ne I\n", ["row 1", "stop"]),
    "text in a number": ("start,stop\n10,20\n30,x\n", ["row 2", "stop", "x"]),
    "half a pixel": ("start,stop\n10,20\n30.5,40\n", ["row 2", "30.5"]),
    "reversed": ("start,stop\n10,20\n40,30\n", ["row 2", "backwards"]),
    "overlap": ("start,stop\n30,40\n10,30\n", ["row 1", "row 2", "overlaps"]),
    "unknown unit": ("start,stop,unit\n10,20,nm\n", ["row 1", "unit", "nm"]),
    "unknown column": ("start,stop,colour\n10,20,red\n", ["row 1", "colour"]),
    "no rows": ("start,stop\n", ["no rows"]),
    "empty file": ("", ["no rows"]),
}


@pytest.mark.parametrize("name", WINDOWS)
def test_a_mistake_in_a_window_table_is_named_by_file_and_row(problems, name):
    path = "resources/line_windows/Ne_Red.csv"
    text, words = WINDOWS[name]
    (sentence,) = problems(FRAME, files={path: text})
    assert sentence.startswith(path)
    assert [word for word in words if word not in sentence] == [], sentence


EXPOSURES = {
    "column missing": (
        "path,lamp,arm,exptime,id\n" + ROW.replace("Photron,", "", 1),
        ["row 1", "brand"],
    ),
    "file missing": (
        HEADING + ROW + ROW.replace("_01.fits", "_02.fits").replace(",01", ",02"),
        ["row 2", f"{RAW}/Photron_Ne_Red_10s_02.fits"],
    ),
    "no number": (HEADING + ROW.replace(",10,", ",ten,"), ["row 1", "ten"]),
    "unknown lamp": (HEADING + ROW.replace(",Ne,", ",Vs,"), ["row 1", "lamp Vs"]),
    "id with a slash": (HEADING + ROW.replace(",01", ",0/1"), ["row 1", "0/1"]),
    "one exposure twice": (HEADING + ROW + ROW, ["Photron_Ne_Red_10s_01"]),
    "no rows": (HEADING, ["no rows"]),
}


@pytest.mark.parametrize("name", EXPOSURES)
def test_a_mistake_in_the_table_of_exposures_is_named_by_file_and_row(problems, name):
    text, words = EXPOSURES[name]
    (sentence,) = problems(FRAME, files={TABLE: text}, settings={"exposures": TABLE})
    assert sentence.startswith(TABLE)
    assert [word for word in words if word not in sentence] == [], sentence


def test_a_table_of_exposures_that_is_not_there_is_named(problems):
    (sentence,) = problems(FRAME, settings={"exposures": TABLE})
    assert sentence.startswith(f"{TABLE} does not exist")


def test_mistakes_of_names_and_of_every_table_are_found_at_once(problems):
    files = {
        "resources/line_windows/Ne_Red.csv": "start\n10\n",
        "resources/line_lists/Ne_I.csv": "intensity\n5\n",
        "resources/wavelength_references/Red.csv": "pixel\n480.5\n",
        "resources/gains/Red.csv": "gain,reason\n,too few pixels are lit\n",
    }
    said = problems(FRAME, *frames("flat field"), files=files)
    for path in (*files, f"{RAW}/flat field.fits"):
        assert len([sentence for sentence in said if sentence.startswith(path)]) == 1, path
    assert len(said) == 5


def test_a_frame_from_the_future_is_named(tmp_path):
    path = write_text(tmp_path / "odd $(name).fits", "")
    os.utime(path, (4e9, 4e9))
    assert future_problems([str(path), str(tmp_path / "gone")]) == [
        f"{path} has a modification time in the future ({time.ctime(4e9)}); correct the clock, "
        f"or the file's time with: touch '{path}'"
    ]


@pytest.mark.parametrize("empty", [True, False])
def test_without_raw_frames_it_says_where_to_put_them(problems, empty):
    settings = {"raw_dir": "night", "simulation": None}
    (sentence,) = problems(*["night/notes.txt"][:empty], settings=settings)
    assert "no raw frames" in sentence
    assert "in night" in sentence
    assert "raw_dir=FOLDER" in sentence
    assert ("which does not exist" in sentence) is not empty


# Exposures and lamps


def test_a_folder_without_frames_is_filled_with_simulated_ones(campaign):
    made = campaign()
    assert made.problems == []
    assert made.simulates
    table = np.genfromtxt(
        PROJECT / "resources/simulation/demonstration.csv", delimiter=",", names=True, dtype=None
    )
    assert len(made.exposures) == len(table)
    assert any("Simulated frames: 10 exposures" in note for note in made.notes)
    for exposure in made.exposures.values():
        assert exposure.path.startswith(f"{RAW}/simulated/")
        assert exposure.arm in made.simulation.physics
        assert made.simulation.brightness[exposure.stem] > 0


def test_nothing_is_simulated_beside_frames_for_a_table_or_in_another_folder(campaign, tmp_path):
    assert not campaign(FRAME).simulates
    (tmp_path / FRAME).unlink()
    files = {TABLE: HEADING + ROW}
    assert not campaign(files=files, settings={"exposures": TABLE}).simulates
    other = f"{RAW}/night/GS_Ne_Red_1s_01.fits.xz"
    made = campaign(other)
    assert not made.simulates
    assert other in made.warnings[0]
    assert "no raw frames" in made.problems[0]
    (tmp_path / other).unlink()
    assert not campaign("night/notes.txt", settings={"raw_dir": "night"}).simulates


@pytest.mark.parametrize("text", ["gain: 1\n", "arms: 5\n", "[1]\n", "arms: {Red: 5}\n"])
def test_constants_without_arms_are_named(problems, text):
    (sentence,) = problems(
        files={"physics.yaml": text}, settings={"simulation": {"physics": "physics.yaml"}}
    )
    assert sentence == (
        "physics.yaml does not hold constants and, under arms, those of each arm; correct it."
    )


def test_an_arm_without_constants_cannot_be_simulated(problems):
    own = yaml.safe_load((PROJECT / "resources/simulation/physics.yaml").read_text())
    del own["arms"]["Blue"]
    said = problems(
        files={"physics.yaml": yaml.safe_dump(own)},
        settings={"simulation": {"physics": "physics.yaml"}},
    )
    assert said == ["physics.yaml has no arm Blue; add it, or simulate no exposures of it."]


def test_series_hold_the_exposures_of_each_lamp_and_arm_and_the_first_longest_is_shown(campaign):
    names = (
        "GS_Ne_Red_60s_02",
        "GS_Ne_Red_60s_01",
        "GS_Ne_Red_10s_01",
        "GS_Ne_Blue_5s_01",
        "Acme_Ne_Red_1s_01",
    )
    made = campaign(*frames(*names))
    series = {lamp: [each.stem for each in made.series[lamp]] for lamp in made.series}
    assert list(series) == [("Acme", "Ne", "Red"), ("GS", "Ne", "Blue"), ("GS", "Ne", "Red")]
    assert set(series["GS", "Ne", "Red"]) == set(names[:3])
    assert made.shown("GS", "Ne", "Red").stem == "GS_Ne_Red_60s_01"
    all_brands = {each.stem for each in made.exposures_in("Red", "Ne")}
    assert all_brands == {*names[:3], names[4]}


def test_exposures_are_in_order_of_their_time_and_not_of_its_digits(campaign):
    made = campaign(*frames("GS_Ne_Red_100s_01", "GS_Ne_Red_20s_01", "GS_Ne_Red_3s_01"))
    assert [exposure.exptime for exposure in made.in_order] == [3, 20, 100]
    assert [row["seconds"] for row in made.exposure_descriptions()] == [3, 20, 100]


def test_lamps_and_lamps_in_an_arm_are_targets(campaign):
    made = campaign(*frames("GS_Ne_Red_60s_01", "GS_Ne_Blue_5s_01", "Acme_Kr_Red_1s_01"))
    targets = {name: [each.stem for each in each] for name, each in made.targets.items()}
    assert targets == {
        "GS_Ne": ["GS_Ne_Blue_5s_01", "GS_Ne_Red_60s_01"],
        "GS_Ne_Red": ["GS_Ne_Red_60s_01"],
        "GS_Ne_Blue": ["GS_Ne_Blue_5s_01"],
        "Acme_Kr": ["Acme_Kr_Red_1s_01"],
        "Acme_Kr_Red": ["Acme_Kr_Red_1s_01"],
    }


def test_a_lamp_with_the_name_of_a_rule_is_refused(campaign):
    (name,) = frames("extract_spectrum_Red_10s_01")
    made = campaign(name, settings={"lamps": {"spectrum": []}})
    made.check_targets({"calibrate_wavelengths"})
    with pytest.raises(UserError) as caught:
        made.check_targets({"extract_spectrum", "all"})
    assert name in str(caught.value)
    assert "target extract_spectrum " in str(caught.value)


def test_what_is_not_there_is_named_with_the_place_where_it_is_missing(campaign):
    made = campaign(FRAME)
    with pytest.raises(UserError, match=f"{RAW} has no exposure Nobody_Ne_Red_10s_01; correct"):
        made.exposure("Nobody_Ne_Red_10s_01")
    with pytest.raises(UserError, match="no exposure of GS Ne in arm Red"):
        made.exposures_of("GS", "Ne", "Red")
    with pytest.raises(UserError, match="no exposure of lamp Kr in arm Red"):
        made.exposures_in("Red", "Kr")
    with pytest.raises(UserError, match="no exposure in arm Blue"):
        made.exposures_in("Blue")
    made = campaign(files={TABLE: HEADING + ROW}, settings={"exposures": TABLE})
    with pytest.raises(UserError, match=f"{TABLE} has no exposure Nobody"):
        made.exposure("Nobody")


# Tables and settings that belong to an exposure


def test_the_users_own_tables_take_precedence(campaign):
    own = {
        "lines/Ne_Red.csv": "start,stop\n30,40\n",
        "resources/line_lists/Ne_I.csv": "wavelength_air,intensity\n6402.248,100\n",
    }
    made = campaign(
        FRAME, *frames("GS_Kr_Red_1s_01"), files=own, settings={"line_windows": "lines"}
    )
    assert made.problems == []
    shipped = f"{PROJECT}/resources"
    assert made.window_tables["Ne", "Red"] == "lines/Ne_Red.csv"
    assert made.window_tables["Kr", "Red"] == f"{shipped}/line_windows/Kr_Red.csv"
    assert made.line_lists["Ne"] == {"Ne I": "resources/line_lists/Ne_I.csv"}
    assert made.line_lists["Kr"] == {"Kr I": f"{shipped}/line_lists/Kr_I.csv"}
    assert made.references == {"Red": f"{shipped}/wavelength_references/Red.csv"}


NEON_LINES = 5944.834, 6143.063, 6266.495, 6402.248
# The same in vacuum (Ciddor 1996).
NEON_IN_VACUUM = 5946.481, 6144.763, 6268.228, 6404.018


def windows_about(places, lines, column):
    """Table of windows in Angstrom, 8 Angstrom wide, and the lines that they name."""
    rows = [f"{at - 4},{at + 4},angstrom,Ne I,{line}" for at, line in zip(places, lines)]
    return "\n".join([f"start,stop,unit,ion,{column}", *rows, ""])


@pytest.mark.parametrize("medium", ["air", "vacuum"])
@pytest.mark.parametrize(
    ("lines", "column"), [(NEON_LINES, "wavelength_air"), (NEON_IN_VACUUM, "wavelength_vacuum")]
)
def test_tables_may_be_in_either_medium_if_they_say_so(problems, medium, lines, column):
    places = NEON_LINES if medium == "air" else NEON_IN_VACUUM
    pairs = [f"{number * 300},{line},Ne I" for number, line in enumerate(lines)]
    files = {
        "resources/line_windows/Ne_Red.csv": windows_about(places, lines, column),
        "resources/wavelength_references/Red.csv": "\n".join([f"pixel,{column},ion", *pairs]),
    }
    assert problems(FRAME, files=files, settings={"medium": medium}) == []


def test_tables_in_the_other_medium_than_they_say_are_named(problems):
    table = "resources/line_windows/Ne_Red.csv"
    text = windows_about(NEON_LINES, NEON_IN_VACUUM, "wavelength_air")
    (sentence,) = problems(FRAME, files={table: text})
    assert sentence.startswith(table)
    assert "in vacuum as wavelength_air" in sentence
    text = windows_about(NEON_LINES, NEON_LINES, "wavelength_vacuum")
    (sentence,) = problems(FRAME, files={table: text})
    assert "in air as wavelength_vacuum" in sentence
    text = windows_about(NEON_IN_VACUUM, NEON_LINES, "wavelength_air")
    (sentence,) = problems(FRAME, files={table: text})
    assert "in vacuum, where the config says 'medium: air'" in sentence


def test_a_reference_in_the_other_medium_than_it_says_is_named(problems):
    reference = "resources/wavelength_references/Red.csv"
    pairs = [f"{number * 300},{line},Ne I" for number, line in enumerate(NEON_IN_VACUUM)]
    table = "\n".join(["pixel,wavelength_air,ion", *pairs])
    (sentence,) = problems(FRAME, files={reference: table})
    assert sentence.startswith(reference)
    assert "in vacuum as wavelength_air" in sentence


def test_lamps_without_a_window_table_are_named_in_one_sentence(campaign):
    lamps = {"Cd": ["Cd I"], "Zn": ["Zn I"]}
    made = campaign(*frames("GS_Cd_Red_1s_01", "GS_Zn_Red_1s_01"), settings={"lamps": lamps})
    assert made.notes[1:] == [
        "No window tables Cd_Red.csv, Zn_Red.csv in resources/line_windows: windows are placed "
        "around identified lines, see results/windows."
    ]


def test_a_lamp_without_a_window_table_gets_a_proposed_one(campaign):
    made = campaign(*frames("GS_Zn_Red_1s_01"), settings={"lamps": {"Zn": ["ZnI", "Cd I"]}})
    assert made.problems == []
    assert made.window_tables["Zn", "Red"] == "results/windows/Zn_Red.csv"
    assert [note for note in made.notes if "No window table Zn_Red.csv" in note]
    (warning,) = made.warnings
    assert "No line list for ZnI in " in warning
    assert warning.endswith("did you mean Zn I?")
    assert list(made.line_lists["Zn"]) == ["Cd I"]


def test_an_arm_has_its_own_settings_before_the_general_ones(campaign):
    green = {"arms": {"Green": GREEN["arms"]["Green"] | {"rows": [5, 9], "saturation": 4000}}}
    made = campaign(FRAME, settings=green | {"rows": "all", "bias": "frame"})
    assert made.arms["Green"]["rows"] == [5, 9]
    assert made.arms["Red"]["rows"] == "all"
    assert made.arms["Green"]["bias"] == "frame"
    assert made.arms["Green"]["spatial_axis"] == 0
    assert made.arms["Green"]["gain"] is None
    assert made.saturation_limits() == {"Red": 65535}


def test_the_bias_is_measured_only_where_there_is_no_dark(campaign):
    with_dark, without = "GS_Ne_Red_60s_01", "GS_Ne_Red_5s_01"
    made = campaign(*frames(with_dark, without, "Dark_Red_60s"))
    assert made.bias_settings(made.exposures[with_dark]) is None
    assert made.bias_settings(made.exposures[without]) == {
        "method": "amplifiers",
        "amplifiers": [[0, 2047], [2048, 4095]],
        "range": [450, 550],
    }


def test_exposures_without_a_dark_and_darks_without_an_exposure_are_named(campaign):
    with_dark, without = "GS_Ne_Red_60s_01", "GS_Ne_Red_5s_01"
    darks = "Dark_Red_60s", "Dark_Red_600s", "Dark_Blue_60s"
    made = campaign(*frames(with_dark, without, *darks))
    (note,) = [note for note in made.notes if "No dark" in note]
    assert note == f"No dark for {without}: the bias is measured in the frame itself."
    (warning,) = made.warnings
    assert f"{RAW}/Dark_Blue_60s.fits, {RAW}/Dark_Red_600s.fits: a dark is used" in warning
    assert "Dark_Red_60s.fits" not in warning


def test_of_many_exposures_without_a_dark_some_are_named(campaign):
    made = campaign(*frames(*(f"GS_Ne_Red_{n}s_01" for n in range(1, 9))))
    (note,) = [note for note in made.notes if "No dark" in note]
    assert note.count("GS_Ne_Red") == 5
    assert "and 3 more:" in note


def test_files_in_storage_are_listed_and_not_looked_at(campaign):
    table = HEADING.strip() + ",dark\ns3://b/a.fits,GS,Ne,Red,5,01,s3://b/d.fits\n"
    made = campaign(files={TABLE: table}, settings={"exposures": TABLE})
    assert made.problems == []
    assert list(made.files) == ["s3://b/a.fits", "s3://b/d.fits"]
    assert any("Frames and darks in storage: 2;" in note for note in made.notes)
    assert made.files_to_check() == []


def test_a_faulty_window_table_is_not_compared_with_frames(campaign):
    own = {"resources/line_windows/Ne_Red.csv": "start\n10\n"}
    made = campaign(FRAME, *frames("GS_Kr_Red_1s_01"), files=own)
    windows = {entry["frame"]: entry["windows"] for entry in made.files_to_check()}
    assert windows == {
        FRAME: None,
        f"{RAW}/GS_Kr_Red_1s_01.fits": f"{PROJECT}/resources/line_windows/Kr_Red.csv",
    }


@pytest.mark.parametrize(
    ("wavelengths", "arm", "words"),
    [
        ("fitted", {"wavelength_range": [3500, 9500]}, []),
        ("blind", {"crval": 6000, "crpix": 1, "cdelt": 0.5}, []),
        ("nominal", {"wavelength_range": [3500, 9500]}, ["arms.Far", "crval, crpix and cdelt"]),
        ("fitted", {"wavelength_range": [9500, 3500]}, ["arms.Far", "runs backwards"]),
        ("fitted", {"crval": 6000, "crpix": 1}, ["arms.Far", "'cdelt' is missing"]),
    ],
)
def test_an_arm_needs_a_nominal_solution_or_a_rough_range(problems, wavelengths, arm, words):
    said = problems(FRAME, settings={"wavelengths": wavelengths, "arms": {"Far": arm}})
    assert len(said) == bool(words)
    assert [word for word in words if word not in said[0]] == []


def test_wavelengths_are_searched_in_a_rough_range_only_where_that_is_asked_for():
    nominal = {"crval": 6000, "crpix": 1, "cdelt": 0.5}
    rough = {"wavelength_range": [3500, 9500]}
    assert searched_range(nominal, "fitted") is None
    assert searched_range(nominal | rough, "fitted") is None
    assert searched_range(nominal | rough, "blind") == [3500, 9500]
    assert searched_range(rough, "fitted") == [3500, 9500]
    assert searched_range(nominal, "blind") == (3400, 9500)
