"""A user's mistake in config, names or tables ends the run with a sentence, before any job."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from conftest import RULES, chain, summaries, write_config, write_text

FRAME = "resources/raw/Photron_Ne_Red_10s_01.fits"
WINDOWS = "resources/line_windows/Ne_Red.csv"
EXPOSURES = "night/exposures.csv"
HEADING = "path,brand,lamp,arm,exptime,id\n"
ROW = f"../{FRAME},Photron,Ne,Red,10,01\n"


@dataclass(frozen=True, eq=False)
class Mistake:
    """One mistake: what the sentence must say, and the config and files that hold it."""

    words: list
    settings: dict = field(default_factory=dict)
    files: dict = field(default_factory=dict)


def arm(**settings):
    """Config of an arm of the user's own."""
    return {"arms": {"Green": {"crval": 5000, "crpix": 1, "cdelt": 0.5} | settings}}


IN_CONFIG = {
    name: Mistake(["config", *words], settings)
    for name, words, settings in [
        ("unknown key", ["fibers"], {"fibers": 61}),
        ("text in a number", ["fibres", "many"], {"fibres": "many"}),
        ("no fibres", ["fibres", "0"], {"fibres": 0}),
        ("wavelengths in other words", ["wavelengths", "guessed"], {"wavelengths": "guessed"}),
        ("line_lists left empty", ["line_lists"], {"line_lists": None}),
        ("raw_dir left empty", ["raw_dir"], {"raw_dir": None}),
        ("ions not in a list", ["lamps.Cd", "Cd I"], {"lamps": {"Cd": "Cd I"}}),
        ("underscore in a lamp's name", ["Hg_Ar"], {"lamps": {"Hg_Ar": []}}),
        (
            "arm without crval",
            ["arms.Green", "crval"],
            {"arms": {"Green": {"crpix": 1, "cdelt": 0.5}}},
        ),
        ("cdelt zero", ["arms.Green.cdelt"], arm(cdelt=0)),
        ("unknown key of an arm", ["arms.Green", "colour"], arm(colour="green")),
        ("a third axis", ["arms.Green.spatial_axis", "2"], arm(spatial_axis=2)),
        ("rows in words", ["rows", "some"], {"rows": "some"}),
        ("rows without an end", ["rows", "[5]"], {"rows": [5]}),
        ("rows backwards", ["rows", "20", "10"], {"rows": [20, 10]}),
        (
            "bias_range backwards",
            ["arms.Green.bias_range", "550", "450"],
            arm(bias_range=[550, 450]),
        ),
        ("a ratio of zero", ["planner.snr", "0"], {"planner": {"snr": 0}}),
        (
            "a scale without its error",
            ["planner.scale.Red", "error"],
            {"planner": {"scale": {"Red": {"factor": 0.8}}}},
        ),
        (
            "a scale for no arm",
            ["planner.scale.Rod", "Blue, Red"],
            {"planner": {"scale": {"Rod": {"factor": 0.8, "error": 0.1}}}},
        ),
        (
            "a scale within its error of zero",
            ["planner.scale.Red", "0.9", "0.8"],
            {"planner": {"scale": {"Red": {"factor": 0.8, "error": 0.9}}}},
        ),
        ("amplifier backwards", ["arms.Green.amplifiers", "99"], arm(amplifiers=[[99, 0]])),
    ]
}

IN_WINDOWS = {
    name: Mistake([WINDOWS, *words], files={WINDOWS: table})
    for name, words, table in [
        ("column missing", ["row 1", "stop"], "start,ion\n10,Ne I\n"),
        ("text in a number", ["row 2", "stop", "x"], "start,stop\n10,20\n30,x\n"),
        ("half a pixel", ["row 2", "30.5"], "start,stop\n10,20\n30.5,40\n"),
        ("reversed", ["row 2", "backwards"], "start,stop\n10,20\n40,30\n"),
        ("overlap", ["row 1", "row 2", "overlaps"], "start,stop\n30,40\n10,30\n"),
        ("unknown unit", ["row 1", "unit", "nm"], "start,stop,unit\n10,20,nm\n"),
        ("unknown column", ["row 1", "colour"], "start,stop,colour\n10,20,red\n"),
        ("no rows", ["no rows"], "start,stop\n"),
        ("empty file", ["no rows"], ""),
    ]
}

IN_EXPOSURES = {
    name: Mistake([EXPOSURES, *words], {"exposures": EXPOSURES}, table and {EXPOSURES: table})
    for name, words, table in [
        (
            "column missing",
            ["row 1", "brand"],
            "path,lamp,arm,exptime,id\n" + ROW.replace("Photron,", "", 1),
        ),
        (
            "file missing",
            ["row 2", "resources/raw/Photron_Ne_Red_10s_02.fits"],
            HEADING + ROW + ROW.replace("_01.fits", "_02.fits").replace(",01", ",02"),
        ),
        ("no number", ["row 1", "ten"], HEADING + ROW.replace(",10,", ",ten,")),
        ("unknown lamp", ["row 1", "lamp Vs"], HEADING + ROW.replace(",Ne,", ",Vs,")),
        ("id with a slash", ["row 1", "0/1"], HEADING + ROW.replace(",01", ",0/1")),
        ("one exposure twice", ["Photron_Ne_Red_10s_01"], HEADING + ROW + ROW),
        ("no rows", ["no rows"], HEADING),
        ("no such table", ["cannot be read"], {}),
    ]
}


def each(mistakes):
    return pytest.mark.parametrize("mistake", mistakes.values(), ids=mistakes)


@pytest.fixture(scope="module")
def runs(request, snakemake, tmp_path_factory):
    """Return the run with each mistake, made two at a time; none that no test asks for."""

    def run(mistake):
        root = tmp_path_factory.mktemp("mistake")
        touch(root, FRAME)
        for name, text in mistake.files.items():
            write_text(root / name, text)
        return snakemake(root, *write_config(root / "mine.yaml", **mistake.settings))

    calls = [item.callspec for item in request.session.items if hasattr(item, "callspec")]
    wanted = [call.params["mistake"] for call in calls if "mistake" in call.params]
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(wanted, pool.map(run, wanted)))


def touch(root, *names):
    """Make empty files: no mistake here may go unnoticed until a frame is opened."""
    for name in names:
        write_text(root / name, "")


def complaints(run, count=1):
    """Hold a run against what every mistake gets; return lampflux's sentences."""
    assert run.status != 0
    assert run.jobs == set()
    assert "Traceback" not in run.output
    assert len(run.sentences) == count, run.output
    return run.sentences


@each(IN_CONFIG)
def test_a_mistake_in_the_config_is_named_by_its_key(runs, mistake):
    (sentence,) = complaints(runs[mistake])
    assert [word for word in mistake.words if word not in sentence] == [], sentence


@each(IN_WINDOWS)
def test_a_mistake_in_a_window_table_is_named_by_file_and_row(runs, mistake):
    (sentence,) = complaints(runs[mistake])
    assert [word for word in mistake.words if word not in sentence] == [], sentence


@each(IN_EXPOSURES)
def test_a_mistake_in_the_table_of_exposures_is_named(runs, mistake):
    (sentence,) = complaints(runs[mistake])
    assert [word for word in mistake.words if word not in sentence] == [], sentence


def test_all_names_that_cannot_be_placed_are_reported_at_once(tmp_path, snakemake):
    wrong = {
        "Photron_Vs_Red_10s_01.fits": "lamp Vs",
        "Photron_Ne_Green_10s_01.fits.gz": "arm Green",
        "Dark_Amber_10s.fits": "arm Amber",
        "flat field.fits.fz": "the name does not read",
        "Photron_Ne_Red_0s_01.fits": "zero",
    }
    touch(tmp_path, FRAME, *(f"resources/raw/some/where/{name}" for name in wrong))
    sentences = complaints(snakemake(tmp_path), count=len(wrong))
    for name, word in wrong.items():
        (sentence,) = [text for text in sentences if name in text]
        assert word in sentence


@pytest.mark.parametrize(
    "names",
    [
        pytest.param([FRAME, FRAME.replace("raw/", "raw/copy/") + ".gz"], id="two folders"),
        pytest.param([FRAME, FRAME.replace("10s", "10.0s")], id="10s and 10.0s"),
        pytest.param(
            [FRAME, "resources/raw/Dark_Red_10s.fits", "resources/raw/Dark_Red_10s.fits.gz"],
            id="two darks in one folder",
        ),
    ],
)
def test_two_files_for_one_exposure_or_dark_are_both_named(tmp_path, snakemake, names):
    touch(tmp_path, *names)
    (sentence,) = complaints(snakemake(tmp_path))
    for name in names[-2:]:
        assert name in sentence


@pytest.mark.parametrize("empty", [True, False], ids=["empty folder", "no folder"])
def test_without_raw_frames_the_run_says_where_to_put_them(tmp_path, snakemake, empty):
    if empty:
        touch(tmp_path, "night/notes.txt")
    (sentence,) = complaints(snakemake(tmp_path, "--config", "raw_dir=night"))
    assert "no raw frames" in sentence
    assert "night" in sentence
    assert "raw_dir" in sentence


def test_a_lamp_target_that_is_a_rules_name_is_refused(tmp_path, snakemake):
    name = "extract_spectrum_Red_10s_01.fits"
    touch(tmp_path, f"resources/raw/{name}")
    arguments = write_config(tmp_path / "mine.yaml", lamps={"spectrum": []})
    (sentence,) = complaints(snakemake(tmp_path, *arguments))
    assert name in sentence
    assert "target extract_spectrum " in sentence


def test_a_product_of_an_exposure_that_is_not_there_is_refused(tmp_path, snakemake):
    touch(tmp_path, FRAME)
    (sentence,) = complaints(snakemake(tmp_path, "results/spectra/Nobody_Ne_Red_10s_01.fits"))
    assert "Nobody_Ne_Red_10s_01" in sentence
    assert "resources/raw" in sentence


def test_a_lamp_without_windows_gets_proposed_ones_from_all_its_exposures(tmp_path, snakemake):
    exposures = [f"Photron_Cd_Red_{name}" for name in ("10s_01", "20s_01")]
    touch(tmp_path, FRAME, *(f"resources/raw/{exposure}.fits" for exposure in exposures))
    arguments = write_config(tmp_path / "mine.yaml", lamps={"Cd": ["Cd I"]})
    run = snakemake(tmp_path, "--dry-run", f"results/fluxes/{exposures[0]}.csv", *arguments)
    assert run.status == 0, run.output
    wanted = chain(*exposures, rules=RULES[:2]) | chain(exposures[0], rules=RULES[2:])
    assert run.jobs == wanted | {("propose_windows", "Cd_Red")}


def test_windows_of_a_lamp_without_exposures_are_refused(tmp_path, snakemake):
    touch(tmp_path, FRAME)
    (sentence,) = complaints(snakemake(tmp_path, "results/windows/Kr_Red.csv"))
    assert "lamp Kr" in sentence
    assert "arm Red" in sentence


def test_what_is_right_passes_the_same_checks(tmp_path, snakemake):
    touch(tmp_path, FRAME, "resources/raw/Dark_Red_10s.fits")
    write_text(tmp_path / "night/exposures.csv", HEADING + ROW)
    write_text(tmp_path / "resources/line_windows/Ne_Red.csv", "start,stop\n30,40\n10,29\n")
    settings = {"rows": [10, 20], "exposures": "night/exposures.csv"}
    green = arm(bias_range=[0.5, 1], amplifiers=[[0, 9]], rows="all", bias="frame", gain=2)
    arguments = write_config(tmp_path / "mine.yaml", **settings, **green)
    run = snakemake(tmp_path, "--dry-run", *arguments)
    assert run.status == 0, run.output
    exposure = "Photron_Ne_Red_10s_01"
    assert run.jobs == chain(exposure) | summaries(exposure)
