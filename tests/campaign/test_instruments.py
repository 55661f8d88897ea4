"""Instruments, and arms of the user's own beside them."""

import pytest
import yaml

from conftest import PROJECT
from lampflux.campaign.instruments import read_settings, stands_alone
from lampflux.errors import UserError

# In addition to mavis, the planned instrument.
INSTRUMENTS = ["alfosc", "floyds", "hector", "sprat"]
HECTOR = yaml.safe_load((PROJECT / "resources/instruments/hector.yaml").read_text())
FRAME = "resources/raw/GS_Ne_Red_1s_01.fits"
# Another spectrograph's arm of that name.
OTHER_RED = {"crval": 7000.0, "crpix": 512, "cdelt": 2.0}


def test_hector_is_the_instrument_where_none_is_named():
    config = read_settings({}, PROJECT).config
    assert {key: config[key] for key in HECTOR} == HECTOR


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_every_instrument_that_comes_with_lampflux_has_no_problem(campaign, name):
    made = campaign("resources/raw/notes.txt", settings={"instrument": name, "simulation": None})
    (problem,) = made.problems
    assert "no raw frames" in problem
    own = yaml.safe_load((PROJECT / f"resources/instruments/{name}.yaml").read_text())
    assert made.config["arms"] == own["arms"]
    assert made.config["fibres"] == own["fibres"]


def test_an_instrument_of_the_users_own_is_named_by_its_path(campaign):
    text = "fibres: 3\narms: {Only: {crval: 5000, crpix: 1, cdelt: 1}}\nlamps: {Ne: [Ne I]}\n"
    files = {"mine/maker.yaml": text, "resources/raw/GS_Ne_Only_1s_01.fits": ""}
    made = campaign(files=files, settings={"instrument": "mine/maker.yaml"})
    assert made.problems == []
    assert list(made.config["arms"]) == ["Only"]
    assert made.config["fibres"] == 3


def test_keys_of_the_config_come_before_the_instruments(campaign):
    settings = {
        "instrument": "sprat",
        "fibres": 5,
        "lamps": {"Ne": ["Ne I"]},
        "arms": {"SPRAT": {"gain": 2.5}},
        "quality": {"background": [1, 2]},
    }
    config = read_settings(settings, PROJECT).config
    assert config["fibres"] == 5
    assert config["lamps"] == {"Xe": ["Xe I"], "Ne": ["Ne I"]}
    assert config["arms"]["SPRAT"] == {"crval": 5816, "crpix": 512, "cdelt": 4.6, "gain": 2.5}
    assert config["quality"]["background"] == [1, 2]
    assert config["quality"]["wave_rms_pixel"] == [0.5, 1]
    assert config["quality"]["bias_shift"] == [5, 20]


def test_an_arm_of_ones_own_inherits_nothing_because_of_its_name(campaign):
    made = campaign(FRAME, settings={"arms": {"Red": OTHER_RED}})
    assert made.problems == []
    assert made.config["arms"]["Red"] == OTHER_RED
    assert made.config["arms"]["Blue"] == HECTOR["arms"]["Blue"]
    assert made.arms["Red"]["amplifiers"] is None
    assert made.arms["Red"]["bias_range"] is None
    assert made.window_tables["Ne", "Red"] == "results/windows/Ne_Red.csv"
    assert made.references == {}
    assert "Arm Red of the config replaces arm Red" in made.notes[0]


def test_an_arm_of_ones_own_inherits_nothing_where_the_project_is_the_working_directory(
    campaign, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    made = campaign(FRAME)
    assert made.window_tables["Ne", "Red"].endswith("resources/line_windows/Ne_Red.csv")
    folder = str(PROJECT / "resources/line_windows")
    made = campaign(settings={"arms": {"Red": OTHER_RED}, "line_windows": folder})
    assert made.window_tables["Ne", "Red"] == "results/windows/Ne_Red.csv"


def test_an_arm_of_ones_own_has_tables_of_ones_own(campaign):
    files = {
        "resources/line_windows/Ne_Red.csv": "start,stop\n30,40\n",
        "resources/wavelength_references/Red.csv": "pixel,wavelength_air\n1,2\n2,3\n3,4\n",
    }
    made = campaign(FRAME, files=files, settings={"arms": {"Red": OTHER_RED}})
    assert made.problems == []
    assert made.window_tables["Ne", "Red"] == "resources/line_windows/Ne_Red.csv"
    assert made.references == {"Red": "resources/wavelength_references/Red.csv"}


def test_the_published_solution_is_one_of_hectors_red_arm(campaign):
    own = yaml.safe_load((PROJECT / "resources/solutions/published_red.yaml").read_text())
    made = campaign(FRAME, settings=own)
    assert made.config["arms"]["Red"] == HECTOR["arms"]["Red"] | own["arms"]["Red"]
    assert made.references


@pytest.mark.parametrize(
    ("change", "alone"),
    [
        ({}, False),
        ({"crval": 6754.7 - 90}, False),
        ({"crval": 6754.7 + 110}, True),
        ({"cdelt": 0.53}, False),
        ({"cdelt": 0.6}, True),
        ({"cdelt": -0.52}, True),
        ({"crpix": 1, "crval": 6754.7 - 2047 * 0.52}, False),
        ({"crval": None}, False),
    ],
)
def test_an_arm_is_the_instruments_if_its_wavelengths_nearly_are(change, alone):
    red = HECTOR["arms"]["Red"]
    arm = {key: red[key] for key in ("crval", "crpix", "cdelt")} | change
    assert stands_alone(arm, red) is alone
    assert stands_alone(arm, None) is False


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "there is no instrument mine.yaml (alfosc, floyds, hector, sprat)"),
        ("fibres: [1\n", "mine.yaml, line 2, is not YAML"),
        ("fibres: 1\n", "mine.yaml: 'arms' is missing"),
        ("fibres: 1\narms: {A: {crval: 1}}\n", "mine.yaml, arms.A: 'crpix' is missing"),
        ("fibres: 1\narms: {}\nraw_dir: a\n", "mine.yaml: 'raw_dir' is unknown"),
        ("5\n", "mine.yaml: 5 is not a group of keys"),
    ],
)
def test_a_mistake_in_an_instrument_is_named_by_its_file(problems, text, words):
    files = {} if text is None else {"mine.yaml": text}
    found = problems(FRAME, files=files, settings={"instrument": "mine.yaml"})
    assert any(words in sentence for sentence in found), found


def test_an_instrument_with_another_case_gets_did_you_mean():
    with pytest.raises(UserError, match=r"did you mean sprat\?"):
        read_settings({"instrument": "SPRAT"}, PROJECT)
