"""The configuration: defaults under what the user set, and mistakes in it."""

import copy
import os
from types import SimpleNamespace

import pytest
from snakemake.cli import parse_config

from conftest import PROJECT
from lampflux.campaign.config import complete_config, read_yaml
from lampflux.campaign.instruments import read_settings
from lampflux.campaign.internals import config_as_written
from lampflux.errors import UserError

FRAME = "resources/raw/Photron_Ne_Red_10s_01.fits"


def arm(**settings):
    """Config of an arm of the user's own."""
    return {"arms": {"Green": {"crval": 5000, "crpix": 1, "cdelt": 0.5} | settings}}


MISTAKES = {
    "unknown key": ({"fibers": 61}, ["'fibers' is unknown", "did you mean fibres?"]),
    "unknown keys": ({"x": 1, "y": 2}, ["'x', 'y' are unknown (known: raw_dir"]),
    "a folder of tables that is not there": ({"line_windows": "mine"}, ["line_windows", "mine"]),
    "text in a number": ({"fibres": "many"}, ["fibres", "many"]),
    "no fibres": ({"fibres": 0}, ["fibres", "0"]),
    "wavelengths in other words": ({"wavelengths": "guessed"}, ["wavelengths", "guessed"]),
    "line_lists left empty": ({"line_lists": None}, ["line_lists"]),
    "raw_dir left empty": ({"raw_dir": None}, ["raw_dir"]),
    "ions not in a list": ({"lamps": {"Cd": "Cd I"}}, ["lamps.Cd", "Cd I"]),
    "underscore in a lamp's name": ({"lamps": {"Hg_Ar": []}}, ["Hg_Ar"]),
    "arm without crval": (
        {"arms": {"Green": {"crpix": 1, "cdelt": 0.5}}},
        ["arms.Green", "crval"],
    ),
    "cdelt zero": (arm(cdelt=0), ["arms.Green.cdelt: 0 is not allowed"]),
    "unknown key of an arm": (arm(colour="green"), ["arms.Green", "colour"]),
    "a third axis": (arm(spatial_axis=2), ["arms.Green.spatial_axis", "2"]),
    "rows in words": ({"rows": "some"}, ["rows", "some"]),
    "rows without an end": ({"rows": [5]}, ["rows", "[5]"]),
    "rows backwards": ({"rows": [20, 10]}, ["rows", "20", "10"]),
    "bias_range backwards": (
        arm(bias_range=[550, 450]),
        ["arms.Green.bias_range", "550", "450"],
    ),
    "amplifier backwards": (arm(amplifiers=[[99, 0]]), ["arms.Green.amplifiers", "99"]),
    "a ratio of zero": ({"planner": {"snr": 0}}, ["planner.snr", "0"]),
    "a scale without its error": (
        {"planner": {"scale": {"Red": {"factor": 0.8}}}},
        ["planner.scale.Red", "error"],
    ),
    "a scale for no arm": (
        {"planner": {"scale": {"Rod": {"factor": 0.8, "error": 0.1}}}},
        ["planner.scale.Rod", "Blue, Red"],
    ),
    "a scale within its error of zero": (
        {"planner": {"scale": {"Red": {"factor": 0.8, "error": 0.9}}}},
        ["planner.scale.Red", "0.9", "0.8"],
    ),
    "a file for raw_dir": ({"raw_dir": "file"}, ["raw_dir: file is not a folder"]),
    "products among the frames": (
        {"results_dir": "resources/../resources/raw"},
        ["raw_dir and results_dir are one folder"],
    ),
    "a file in results_dir": (
        {"results_dir": "file/results"},
        ["results_dir: file is not a folder"],
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_sentence_that_names_its_key(problems, name):
    settings, words = MISTAKES[name]
    (sentence,) = problems(FRAME, "file", settings=settings)
    assert sentence.startswith("config")
    assert [word for word in words if word not in sentence] == [], sentence
    assert "; " in sentence, "no remedy"


def test_correct_input_has_no_problem(campaign):
    green = arm(bias_range=[0.5, 1], amplifiers=[[0, 9]], rows="all", bias="frame", gain=2)
    made = campaign(FRAME, settings={"rows": [10, 20], "results_dir": "new/folder"} | green)
    assert made.problems == []
    assert list(made.exposures) == ["Photron_Ne_Red_10s_01"]


def test_the_users_keys_replace_single_defaults():
    defaults = {"a": {"b": 1, "c": [1, 2]}, "d": 3}
    before = copy.deepcopy(defaults)
    config = {"a": {"c": [4]}, "e": {"f": 5}}
    assert complete_config(defaults, config) == {"a": {"b": 1, "c": [4]}, "d": 3, "e": {"f": 5}}
    assert defaults == before


@pytest.mark.parametrize(
    ("given", "key", "wanted"),
    [
        ("exposures=null", ["exposures"], None),
        ("simulation=null", ["simulation"], None),
        ("cosmic_rays=false", ["cosmic_rays"], False),
        ("cosmic_rays=True", ["cosmic_rays"], True),
        ("fibres=60", ["fibres"], 60),
        ("rows=[20,140]", ["rows"], [20, 140]),
        ("rows=all", ["rows"], "all"),
        ("planner={peak: 30000}", ["planner", "peak"], 30000),
        (
            "planner={scale: {Red: {factor: 0.5, error: 1e-3}}}",
            ["planner", "scale", "Red"],
            {"factor": 0.5, "error": 0.001},
        ),
        ("quality={background: null, bias_shift: [1, 2]}", ["quality", "background"], None),
        ("quality={background: null, bias_shift: [1, 2]}", ["quality", "bias_shift"], [1, 2]),
        ("arms={Red: {rows: [1, 2]}}", ["arms", "Red", "rows"], [1, 2]),
        ("arms={Red: {crval: 6781.9}}", ["arms", "Red", "crval"], 6781.9),
        ("lamps={Cd: [Cd I, 7]}", ["lamps", "Cd"], ["Cd I", "7"]),
        ("results_dir=20240101", ["results_dir"], "20240101"),
        ("raw_dir=007", ["raw_dir"], "007"),
        ("raw_dir=2020_03_21", ["raw_dir"], "2020_03_21"),
        ("raw_dir=1e3", ["raw_dir"], "1e3"),
        ("exposures=007", ["exposures"], "007"),
        ("fibres=061", ["fibres"], 61),
        ("raw_dir=nullable", ["raw_dir"], "nullable"),
    ],
)
def test_the_command_line_takes_lists_nested_keys_and_numbers_like_text(given, key, wanted):
    workflow = SimpleNamespace(config_settings=SimpleNamespace(config_args=[given]))
    config = config_as_written(workflow, parse_config([given]))
    config = read_settings(config, PROJECT).config
    for step in key:
        config = config[step]
    assert config == wanted
    assert type(config) is type(wanted)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"raw_dir: [a\nb: 1", "line 2, is not YAML in UTF-8"),
        (b"raw_dir: \xe9\n", "is not YAML in UTF-8"),
        (b"fibres: !!python/object/apply:os.getpid []\n", "line 1, is not YAML"),
    ],
)
def test_a_yaml_file_that_cannot_be_read_is_named_with_the_line(tmp_path, content, words):
    path = tmp_path / "some.yaml"
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_yaml(path)
    assert str(caught.value).startswith(str(path))
    assert words in str(caught.value)


def test_a_yaml_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match=r"no.yaml cannot be read .*; correct the path"):
        read_yaml(tmp_path / "no.yaml")


def test_every_folder_that_must_not_be_written_into_is_named(problems, monkeypatch, tmp_path):
    (tmp_path / "store").mkdir()
    monkeypatch.setattr(os, "access", lambda path, mode: mode == os.R_OK)
    said = problems(FRAME, settings={"results_dir": "store/results"})
    assert said == [
        f"{tmp_path} is not writable; change its permissions, or name another folder with "
        "--directory FOLDER.",
        f"{tmp_path}/store is not writable; change its permissions, or name another folder with "
        "--config results_dir=FOLDER.",
    ]


def test_the_projects_own_config_has_no_problem(problems):
    assert problems(FRAME) == []
    assert (PROJECT / "config.yaml").is_file()
