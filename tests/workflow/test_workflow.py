"""Run the whole workflow on small campaigns: its numbers, its targets and what it re-runs."""

import base64
import csv
import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.wcs import WCS
from test_pages import fetched

import lampflux
from conftest import (
    PROJECT,
    RULES,
    WORKING_PARTS,
    Run,
    chain,
    dark_counts,
    lamp_counts,
    lamps_of,
    summaries,
    write_config,
    write_frame,
    write_text,
)

FIBRES = 61
NOMINAL = {  # crval, crpix, cdelt: independent of config.yaml
    "Blue": (4799.726495726, 2048, 0.5470085470085),
    "Red": (6754.73992674, 2048, 0.5201465201465),
}
PRODUCTS = {
    "spectra": (".fits", ".png"),
    "calibrated": (".fits", ".png", "_lines.csv"),
    "fluxes": (".csv", ".png", "_lines.csv", "_fits.csv"),
}

OF_ALL_LAMPS = (
    "all_lines.csv",
    "all_lines.html",
    "atlas.png",
    "coverage.csv",
    "coverage.html",
    "coverage.png",
    "exposure_plan.csv",
    "exposure_plan.html",
    "exposure_plan.png",
    "planned_lines.csv",
)
HEALTH = ("exposures.csv", "exposures.html", "trends.png")
ANSWERS = (
    *("answers.html", "answers.md"),
    *(f"instrument/{name}" for name in ("arcs.png", "choices.csv", "choices.html", "lines.csv")),
)

# The small campaign: exposure, its file's suffix and, below raw_dir, its dark.
OWN_DARK = "Photron_ThAr_Red_60s_02"
SHARED_DARK = ("GS_Ne_Red_60s_01", "GS_Ne_Red_60s_02")
HALF_SECOND = "Newport_HgAr_Blue_1.5s_07"
NO_DARK = "Photron_ThAr_Blue_10s_01"
CAMPAIGN = {
    OWN_DARK: (".fits.gz", "Photron_ThAr_Red_fits/Dark_Red_60s.fits.gz"),
    SHARED_DARK[0]: (".fits", "Darks/Dark_Red_60s.fits"),
    SHARED_DARK[1]: (".fits.fz", "Darks/Dark_Red_60s.fits"),
    HALF_SECOND: (".fits.fz", "Newport_HgAr_Blue_fits/Dark_Blue_1.5s.fits.fz"),
    NO_DARK: (".fits", None),
}
EXPOSURES = tuple(CAMPAIGN)
RED = (OWN_DARK, *SHARED_DARK)
# The user's own windows of HgAr in the blue arm: one has an even number of pixels.
OWN_WINDOWS = "start,stop\n100,110\n2040,2055\n"


def frame_path(exposure, root):
    """Where the campaign keeps a frame: raw_dir/{brand}_{lamp}_{arm}_fits/."""
    folder = "_".join(exposure.split("_")[:3]) + "_fits"
    return root / "resources/raw" / folder / (exposure + CAMPAIGN[exposure][0])


def counts_of(exposure):
    return lamp_counts(seed=EXPOSURES.index(exposure))


def dark_of(exposure):
    """The counts of an exposure's dark; None where it has none."""
    darks = sorted({dark for _, dark in CAMPAIGN.values() if dark})
    dark = CAMPAIGN[exposure][1]
    return dark and dark_counts(seed=100 + darks.index(dark))


def true_spectrum(counts, dark=None):
    """Frame minus dark, or minus the median of each half, summed over the rows."""
    frame = counts.astype(np.int64)
    if dark is not None:
        return (frame - dark.astype(np.int64)).sum(axis=0)
    half = counts.shape[1] // 2
    bias = np.repeat([np.median(frame[:, :half]), np.median(frame[:, half:])], half)
    return (frame - bias).sum(axis=0)


def true_fluxes(spectrum, windows, arm, exptime):
    """The first three columns of a flux table, from the windows' first and last pixels."""
    crval, crpix, cdelt = NOMINAL[arm]
    rows = []
    for start, stop in windows:
        centre = int(np.floor((start + stop) / 2))
        rows.append(
            (
                centre,
                crval + cdelt * (centre + 1 - crpix),
                spectrum[start : stop + 1].sum() / exptime / FIBRES,
            )
        )
    return np.array(rows)


def windows_in(path):
    with open(path, newline="") as file:
        return [(int(row["start"]), int(row["stop"])) for row in csv.DictReader(file)]


def flux_table(root, exposure):
    """The heading and the first three columns of a flux table."""
    with open(root / f"results/fluxes/{exposure}.csv", newline="") as file:
        heading, *rows = csv.reader(file)
    return heading, np.array([row[:3] for row in rows], dtype=float)


def files_below(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


def products_of(*exposures):
    return {
        f"{folder}/{exposure}{suffix}"
        for exposure in exposures
        for folder, suffixes in PRODUCTS.items()
        for suffix in suffixes
    }


def made_in(root):
    """Everything below results except the logs."""
    return {name for name in files_below(root / "results") if not name.startswith("logs/")}


@dataclass(frozen=True)
class Campaign:
    """A campaign that was built once; tests that change something use a copy."""

    root: Path
    run: Run


@pytest.fixture(scope="module")
def campaign(snakemake, tmp_path_factory):
    root = tmp_path_factory.mktemp("campaign")
    for exposure, (_, dark) in CAMPAIGN.items():
        write_frame(frame_path(exposure, root), counts_of(exposure))
        if dark:
            write_frame(root / "resources/raw" / dark, dark_of(exposure))
    write_text(root / "resources/line_windows/HgAr_Blue.csv", OWN_WINDOWS)
    write_text(root / "resources/raw/notes.txt", "Lamps of the first night.\n")
    run = snakemake(root)
    assert run.status == 0, run.output
    return Campaign(root, run)


@pytest.fixture
def copy(campaign, tmp_path):
    """Return a copy of the built campaign, times of change and all, that a test may change."""
    return shutil.copytree(campaign.root, tmp_path / "copy", symlinks=True)


@pytest.fixture(scope="module")
def frames_only(campaign, tmp_path_factory):
    """Return the campaign's frames and windows without any product."""
    root = tmp_path_factory.mktemp("frames")
    shutil.copytree(campaign.root / "resources", root / "resources")
    return root


# Products and their numbers


def test_one_run_does_each_job_of_each_exposure_once(campaign):
    assert campaign.run.jobs == chain(*EXPOSURES) | summaries(*EXPOSURES)


def test_every_product_of_every_exposure_exists_and_nothing_else(campaign):
    wanted = products_of(*EXPOSURES) | {f"lamps/{name}" for name in OF_ALL_LAMPS}
    wanted |= {f"quality/{name}" for name in HEALTH} | set(ANSWERS)
    for _, lamp in lamps_of(*EXPOSURES):
        wanted |= {f"lamps/{lamp}{end}" for end in (".csv", ".png", "_exposures.csv")}
    assert made_in(campaign.root) == wanted


def test_every_job_leaves_a_log(campaign):
    assert files_below(campaign.root / "results/logs") == {
        *(
            f"{folder}/{exposure}.log"
            for exposure in EXPOSURES
            for folder in (*PRODUCTS, "pictures")
        ),
        *(f"lamps/{lamp}.log" for _, lamp in lamps_of(*EXPOSURES)),
        "lamps/atlas.log",
        "lamps/exposure_plan.log",
        "quality.log",
        "instrument.log",
        "answers.log",
        "run.lock",
    }


@pytest.mark.parametrize("folder", PRODUCTS)
def test_pictures_are_png_images_wide_enough_to_read(campaign, folder):
    for exposure in EXPOSURES:
        data = (campaign.root / f"results/{folder}/{exposure}.png").read_bytes()
        assert data.startswith(b"\x89PNG\r\n\x1a\n")
        width, height = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))
        assert width >= 800
        assert height >= 400


@pytest.mark.parametrize("exposure", [name for name in EXPOSURES if name != NO_DARK])
def test_a_spectrum_with_a_dark_is_frame_minus_dark_summed_exactly(campaign, exposure):
    spectrum = fits.getdata(campaign.root / f"results/spectra/{exposure}.fits")
    frame, dark = counts_of(exposure), dark_of(exposure)
    assert (frame < dark).any(), "unsigned subtraction would not be put to the test"
    np.testing.assert_array_equal(spectrum, true_spectrum(frame, dark))


def test_a_spectrum_without_a_dark_is_the_frame_minus_each_amplifiers_median(campaign):
    spectrum = fits.getdata(campaign.root / f"results/spectra/{NO_DARK}.fits")
    np.testing.assert_array_equal(spectrum, true_spectrum(counts_of(NO_DARK)))


@pytest.mark.parametrize("exposure", EXPOSURES)
@pytest.mark.parametrize("folder", ["spectra", "calibrated"])
def test_headers_say_what_was_exposed_and_from_which_file(campaign, exposure, folder):
    header = fits.getheader(campaign.root / f"results/{folder}/{exposure}.fits")
    brand, lamp, arm, seconds, number = exposure.split("_")
    assert (header["BRAND"], header["LAMP"], header["CCD"]) == (brand, lamp, arm)
    assert header["EXPTIME"] == float(seconds.removesuffix("s"))
    assert header["ID"] == number
    assert header["RAWFILE"] == exposure + CAMPAIGN[exposure][0]
    assert header["BUNIT"] == "adu"
    assert header["CREATOR"] == f"lampflux {lampflux.__version__}"


@pytest.mark.parametrize("exposure", [name for name in EXPOSURES if name != NO_DARK])
def test_headers_name_the_dark_in_the_frames_own_folder_before_any_other(campaign, exposure):
    header = fits.getheader(campaign.root / f"results/spectra/{exposure}.fits")
    assert header["BIASMETH"] == "dark"
    folder = frame_path(exposure, campaign.root).parent
    named = Path(os.path.normpath(folder / header["DARKFILE"]))
    assert named == campaign.root / "resources/raw" / CAMPAIGN[exposure][1]
    assert "BIASLEV1" not in header


def test_headers_give_the_bias_level_of_each_amplifier_where_there_was_no_dark(campaign):
    header = fits.getheader(campaign.root / f"results/spectra/{NO_DARK}.fits")
    counts = counts_of(NO_DARK)
    assert header["BIASMETH"] == "amplifiers"
    assert header["BIASLEV1"] == np.median(counts[:, :2048])
    assert header["BIASLEV2"] == np.median(counts[:, 2048:])
    assert header["BIASLEV1"] != header["BIASLEV2"]
    assert "DARKFILE" not in header


@pytest.mark.parametrize("exposure", EXPOSURES)
def test_frames_at_random_are_given_no_solution(campaign, exposure):
    header = fits.getheader(campaign.root / f"results/calibrated/{exposure}.fits")
    assert header["WAVEMETH"] == "nominal"
    assert len(header["WAVEREAS"].split()) > 3
    with open(campaign.root / f"results/fluxes/{exposure}.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows
    assert {row["wavelength_method"] for row in rows} == {"nominal"}
    assert {row["wavelength_trusted"] for row in rows} == {"False"}
    assert not any("wavelength" in row["flags"] for row in rows)
    assert {row["simulated"] for row in rows} == {"False"}


@pytest.mark.parametrize("exposure", [OWN_DARK, NO_DARK])
def test_the_calibrated_wcs_is_the_arms_nominal_solution(campaign, exposure):
    with fits.open(campaign.root / f"results/calibrated/{exposure}.fits") as hdus:
        world = WCS(hdus[0].header)
        counts = hdus[0].data
    crval, crpix, cdelt = NOMINAL[exposure.split("_")[2]]
    assert list(world.wcs.ctype) == ["AWAV"]
    first, at_reference = world.pixel_to_world([0, crpix - 1])
    assert at_reference.to_value(u.AA) == pytest.approx(crval, rel=1e-12)
    assert first.to_value(u.AA) == pytest.approx(crval + cdelt * (1 - crpix), rel=1e-12)
    np.testing.assert_array_equal(counts, true_spectrum(counts_of(exposure), dark_of(exposure)))


@pytest.mark.parametrize("exposure", [OWN_DARK, NO_DARK])
def test_the_calibrated_table_has_each_pixels_wavelength_and_flux(campaign, exposure):
    with fits.open(campaign.root / f"results/calibrated/{exposure}.fits") as hdus:
        table, columns = hdus[1].data, hdus[1].columns
    assert dict(zip(columns.names, columns.units)) == {
        "pixel": "pixel",
        "wavelength": "Angstrom",
        "flux": "adu",
        "uncertainty": "adu",
        "mask": "",
        "wavelength_error": "Angstrom",
        "clean": "adu",
        "clean_uncertainty": "adu",
        "summed": "pixel",
        "replaced": "pixel",
        "missing": "pixel",
        "saturated": "pixel",
        "peak": "adu",
    }
    crval, crpix, cdelt = NOMINAL[exposure.split("_")[2]]
    pixels = np.arange(4096)
    np.testing.assert_array_equal(table["pixel"], pixels)
    np.testing.assert_allclose(
        table["wavelength"], crval + cdelt * (pixels + 1 - crpix), rtol=1e-13
    )
    np.testing.assert_array_equal(
        table["flux"], true_spectrum(counts_of(exposure), dark_of(exposure))
    )
    assert not table["mask"].any()
    # Frames at random hold no line: the wavelengths are nominal, and how wrong is not known.
    assert np.isnan(table["wavelength_error"]).all()


def test_specutils_opens_a_calibrated_spectrum_by_itself(campaign):
    from specutils import Spectrum

    spectrum = Spectrum.read(campaign.root / f"results/calibrated/{OWN_DARK}.fits")
    crval, crpix, cdelt = NOMINAL["Red"]
    assert spectrum.flux.unit == u.adu
    assert spectrum.spectral_axis[0].to_value(u.AA) == pytest.approx(crval + cdelt * (1 - crpix))
    np.testing.assert_array_equal(
        spectrum.flux.value, true_spectrum(counts_of(OWN_DARK), dark_of(OWN_DARK))
    )


@pytest.mark.parametrize("exposure", EXPOSURES)
def test_flux_tables_hold_what_the_frames_give_by_hand(campaign, exposure):
    _, lamp, arm, seconds, _ = exposure.split("_")
    source = campaign.root if exposure == HALF_SECOND else PROJECT
    windows = windows_in(source / f"resources/line_windows/{lamp}_{arm}.csv")
    truth = true_fluxes(
        true_spectrum(counts_of(exposure), dark_of(exposure)),
        windows,
        arm,
        float(seconds.removesuffix("s")),
    )
    heading, rows = flux_table(campaign.root, exposure)
    assert heading[:3] == ["pixel", "Wavelength", "Flux"]
    np.testing.assert_array_equal(rows[:, 0], truth[:, 0])
    np.testing.assert_allclose(rows[:, 1:], truth[:, 1:], rtol=1e-12)


def test_the_users_own_window_table_takes_precedence(campaign):
    _, rows = flux_table(campaign.root, HALF_SECOND)
    assert list(rows[:, 0]) == [105, 2047]


def test_every_exposure_is_scored_in_order_and_the_run_ends_with_the_scores(campaign):
    with open(campaign.root / "results/quality/exposures.csv", newline="") as file:
        rows = {row["exposure"]: row for row in csv.DictReader(file)}
    assert list(rows) == sorted(EXPOSURES)
    # Frames at random have no wavelengths, and everything in them looks like cosmic rays.
    assert {row["score"] for row in rows.values()} <= {"warned", "failed"}
    assert all("wave_method" in row["warned"] for row in rows.values())
    assert [name for name, row in rows.items() if row["bias_level"]] == [NO_DARK]
    scores = [row["score"] for row in rows.values()]
    said = campaign.run.output
    assert (
        f"Health of 5 exposures: 0 good, {scores.count('warned')} warned, "
        f"{scores.count('failed')} failed (results/quality/exposures.csv)"
    ) in said
    for score in set(scores):
        names = [name for name, row in rows.items() if row["score"] == score]
        lines = re.findall(rf"(?m)^  {score} \((.+)\): (.+)$", said)
        assert sorted(name for _, stems in lines for name in stems.split(", ")) == sorted(names)
        for reason, stems in lines:
            assert {rows[name]["reasons"] for name in stems.split(", ")} == {reason}
    for place in "lamps/coverage.png", "lamps/exposure_plan.csv", "report.html":
        assert f"results/{place}" in said.split("Health of 5 exposures")[1]
    assert "closure" not in said


def test_a_dry_run_and_one_with_nothing_to_do_list_no_answers(copy, snakemake):
    (copy / "results/quality/trends.png").unlink()
    assert "Health of" not in snakemake(copy, "--dry-run").output
    said = snakemake(copy).output
    assert "Health of 5 exposures" in said
    assert "Health of" not in snakemake(copy).output


def test_the_report_holds_every_picture_and_table_and_fetches_nothing(copy, snakemake):
    run = snakemake(copy, "--report", "results/report.html")
    assert run.status == 0, run.output
    assert "Health of" not in run.output
    report = (copy / "results/report.html").read_text()
    results = json.loads(
        re.search(r'<script id="results">\s*var results = (.+?);\s*</script>', report, re.S)[1]
    )
    wanted = {f"results/{name}" for name in made_in(copy) if name.endswith((".png", ".html"))}
    assert set(results) == wanted - {"results/report.html"}
    for path, entry in results.items():
        content = base64.b64decode(entry["data_uri"].split("base64,")[1])
        assert content == (copy / path).read_bytes()
        assert entry["caption"]
    # Apart from the results, categories and libraries are all in the file.
    assert fetched(re.sub(r"<script.*?</script>", "", report, flags=re.S)) == []
    assert re.findall(r"<(?:script|img|iframe)[^>]+\bsrc=", report.split("<script", 1)[0]) == []
    front = json.loads(re.search(r"var workflow_desc = (\".+?\");?\s*</script>", report, re.S)[1])
    places = [front.index(words) for words in ("Lamps for MAVIS", "The best lamp", "Settings")]
    assert places == sorted(places)
    assert "System Message" not in front
    categories = re.findall(r'"(\d [A-Z][a-z ]+)"', report)
    assert sorted(set(categories)) == [
        "1 Answers",
        "2 Lamps",
        "3 Quality",
        "4 Line fluxes",
        "5 Calibrated spectra",
        "6 Spectra",
    ]


# Clicks on every category of a report, and writes the number of results in its list and whether
# the list is visible in full.
CLICKS = """<script>
const pause = () => new Promise((done) => setTimeout(done, 300));
const links = () =>
  [...document.querySelectorAll("a")].filter((link) => /^\\d /.test(link.innerText));
const names = (list) => list.map((link) => link.innerText.trim());
(async () => {
  await pause();
  const found = {};
  for (const name of names(links())) {
    links().find((link) => link.innerText.trim() === name).click();
    await pause();
    const list = document.querySelector("#app table");
    const seen = list.getBoundingClientRect().right <= innerWidth;
    found[name] = [[...list.tBodies[0].rows].filter((row) => row.innerText.trim()).length, seen];
    app.setView({ navbarMode: "menu" });
    await pause();
  }
  document.body.textContent = "FOUND" + JSON.stringify(found) + "END";
})();
</script></body>"""


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs the browser chromium")
def test_every_category_of_the_report_opens_in_a_browser(copy, snakemake, tmp_path):
    run = snakemake(copy, "--report", "results/report.html")
    assert run.status == 0, run.output
    report = copy / "results/report.html"
    # Scripts within the page hold this tag, too.
    report.write_text(CLICKS.join(report.read_text().rsplit("</body>", 1)))
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--window-size=1280,720"]
    budget = ["--virtual-time-budget=20000", f"--user-data-dir={tmp_path / 'browser'}"]
    page = subprocess.run(
        ["chromium", *flags, *budget, "--dump-dom", report.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
    ).stdout
    found = json.loads(page.split("FOUND")[-1].split("END")[0])
    assert list(found.values()) == [[9, True], [4, True], [2, True], *[[5, True]] * 3]


# Targets


def test_a_brand_and_lamp_is_a_target_for_all_its_exposures(frames_only, snakemake):
    run = snakemake(frames_only, "--dry-run", "Photron_ThAr")
    assert run.jobs == chain(OWN_DARK, NO_DARK) | lamps_of(OWN_DARK, NO_DARK)


def test_a_brand_lamp_and_arm_is_a_target_for_that_arm_alone(frames_only, snakemake):
    run = snakemake(frames_only, "--dry-run", "Photron_ThAr_Red")
    assert run.jobs == chain(OWN_DARK) | lamps_of(OWN_DARK)


def test_a_misspelt_target_is_refused_with_the_one_that_is_meant(frames_only, snakemake):
    run = snakemake(frames_only, "GS_Nee")
    assert run.status == 1
    meant = "nothing makes GS_Nee; did you mean GS_Ne? Otherwise correct the target's name."
    assert f"lampflux: {meant}" in run.output


def test_two_targets_build_both_and_no_more(frames_only, snakemake):
    run = snakemake(frames_only, "--dry-run", "GS_Ne", "Newport_HgAr_Blue")
    exposures = *SHARED_DARK, HALF_SECOND
    assert run.jobs == chain(*exposures) | lamps_of(*exposures)


def test_a_flux_tables_path_is_a_target_with_all_that_leads_to_it(frames_only, snakemake):
    run = snakemake(frames_only, "--dry-run", f"results/fluxes/{NO_DARK}.csv")
    assert run.jobs == chain(NO_DARK, rules=RULES[:3])


def test_without_pictures_only_those_of_exposures_are_left_out(frames_only, snakemake):
    run = snakemake(frames_only, "--dry-run", "--config", "pictures=none")
    assert run.jobs == chain(*EXPOSURES, rules=RULES[:3]) | summaries(*EXPOSURES)


def test_a_spectrums_path_is_a_target_that_builds_that_spectrum_only(frames_only, snakemake):
    run = snakemake(frames_only, f"results/spectra/{NO_DARK}.fits")
    assert run.jobs == {("extract_spectrum", NO_DARK)}
    assert made_in(frames_only) == {f"spectra/{NO_DARK}.fits"}


def test_results_dir_moves_every_product(frames_only, snakemake):
    target = f"elsewhere/calibrated/{NO_DARK}.fits"
    run = snakemake(frames_only, "--dry-run", target, "--config", "results_dir=elsewhere")
    assert run.jobs == chain(NO_DARK, rules=RULES[:2])


# What a change re-runs: exactly the jobs that use what changed


def test_a_second_run_has_nothing_to_do(copy, snakemake):
    run = snakemake(copy)
    assert run.status == 0
    assert "Nothing to be done" in run.output
    assert run.jobs == set()


def test_an_edited_window_table_re_runs_that_lamp_and_arms_fluxes(copy, snakemake):
    write_text(copy / "resources/line_windows/HgAr_Blue.csv", OWN_WINDOWS + "3000,3010\n")
    run = snakemake(copy)
    assert run.jobs == chain(HALF_SECOND, rules=RULES[2:]) | summaries(HALF_SECOND)
    _, rows = flux_table(copy, HALF_SECOND)
    assert list(rows[:, 0]) == [105, 2047, 3005]


def test_a_new_window_table_of_the_users_re_runs_that_lamp_and_arms_fluxes(copy, snakemake):
    write_text(copy / "resources/line_windows/Ne_Red.csv", "start,stop\n447,465\n")
    run = snakemake(copy, "--dry-run")
    assert run.jobs == chain(*SHARED_DARK, rules=RULES[2:]) | summaries(*SHARED_DARK)


def test_a_changed_crval_re_runs_that_arms_wavelengths_and_fluxes(copy, snakemake):
    arguments = write_config(copy / "mine.yaml", arms={"Red": {"crval": 6781.9}})
    run = snakemake(copy, "--dry-run", *arguments)
    assert run.jobs == chain(*RED, rules=RULES[1:]) | summaries(*RED)


def test_a_replaced_dark_re_runs_the_exposures_that_use_it(copy, snakemake):
    write_frame(copy / "resources/raw/Darks/Dark_Red_60s.fits", dark_counts(seed=999))
    assert snakemake(copy, "--dry-run").jobs == chain(*SHARED_DARK) | summaries(*SHARED_DARK)


def test_a_replaced_frame_re_runs_that_exposure(copy, snakemake):
    write_frame(frame_path(SHARED_DARK[0], copy), lamp_counts(seed=999))
    wanted = chain(SHARED_DARK[0]) | summaries(SHARED_DARK[0])
    assert snakemake(copy, "--dry-run").jobs == wanted


def test_an_added_frame_runs_alone_with_its_lamp_and_what_holds_all_lamps(copy, snakemake):
    added = "GS_Ne_Red_60s_03"
    write_frame(copy / f"resources/raw/GS_Ne_Red_fits/{added}.fits", lamp_counts(seed=999))
    assert snakemake(copy, "--dry-run").jobs == chain(added) | summaries(added)


def test_a_removed_frame_re_runs_its_lamp_and_what_holds_all_lamps(copy, snakemake):
    frame_path(SHARED_DARK[0], copy).unlink()
    assert snakemake(copy, "--dry-run").jobs == summaries(SHARED_DARK[0])


@pytest.mark.parametrize(
    ("settings", "rules"),
    [
        ({"planner": {"snr": 50}}, ("plan_exposures",)),
        ({"planner": {"scale": {"Red": {"factor": 0.8, "error": 0.1}}}}, ("plan_exposures",)),
        ({"line_limit": 20}, ("compare_lamps", "plan_exposures", "plan_instrument")),
        ({"quality": {"background": None}}, ("check_quality",)),
    ],
)
def test_another_aim_re_runs_only_what_holds_all_lamps(copy, snakemake, settings, rules):
    run = snakemake(copy, "--dry-run", *write_config(copy / "mine.yaml", **settings))
    assert run.jobs == {(rule, "") for rule in (*rules, "answer")}


def test_a_dark_for_an_exposure_that_had_none_re_runs_that_exposure(copy, snakemake):
    dark = dark_counts(seed=999)
    write_frame(copy / "resources/raw/Darks/Dark_Blue_10s.fits", dark)
    assert snakemake(copy).jobs == chain(NO_DARK) | summaries(NO_DARK)
    windows = windows_in(PROJECT / "resources/line_windows/ThAr_Blue.csv")
    truth = true_fluxes(true_spectrum(counts_of(NO_DARK), dark), windows, "Blue", 10)
    np.testing.assert_allclose(flux_table(copy, NO_DARK)[1], truth, rtol=1e-12)
    assert "Nothing to be done" in snakemake(copy, "--dry-run").output


def test_a_nearer_dark_re_runs_the_exposures_in_its_folder(copy, snakemake):
    write_frame(copy / "resources/raw/GS_Ne_Red_fits/Dark_Red_60s.fits", dark_counts(seed=999))
    assert snakemake(copy, "--dry-run").jobs == chain(*SHARED_DARK) | summaries(*SHARED_DARK)


def test_another_number_of_fibres_re_runs_the_fluxes_only(copy, snakemake):
    run = snakemake(copy, "--dry-run", "--config", "fibres=60")
    assert run.jobs == chain(*EXPOSURES, rules=RULES[2:]) | summaries(*EXPOSURES)


def test_another_bias_range_re_runs_the_arms_exposures_without_a_dark(copy, snakemake):
    arms = {"Blue": {"bias_range": [400, 600]}, "Red": {"bias_range": [400, 600]}}
    run = snakemake(copy, "--dry-run", *write_config(copy / "mine.yaml", arms=arms))
    assert run.jobs == chain(NO_DARK) | summaries(NO_DARK)


def test_a_lamp_and_an_arm_added_to_the_config_re_run_nothing(copy, snakemake):
    arguments = write_config(
        copy / "mine.yaml",
        lamps={"Cd": ["Cd I"]},
        arms={"Green": {"crval": 5500, "crpix": 1, "cdelt": 1}},
    )
    assert "Nothing to be done" in snakemake(copy, "--dry-run", *arguments).output


def test_inputs_that_were_touched_but_not_changed_re_run_nothing(copy, snakemake):
    for path in (copy / "resources").rglob("*"):
        os.utime(path)
    assert "Nothing to be done" in snakemake(copy, "--dry-run").output


def test_a_deleted_flux_picture_re_runs_the_job_that_draws_it(copy, snakemake):
    (copy / f"results/fluxes/{OWN_DARK}.png").unlink()
    assert snakemake(copy, "--dry-run").jobs == chain(OWN_DARK, rules=["draw_exposure"])


def test_a_dry_run_names_the_reason_for_each_job(copy, snakemake):
    write_frame(copy / "resources/raw/Darks/Dark_Red_60s.fits", dark_counts(seed=999))
    (copy / f"results/fluxes/{NO_DARK}.png").unlink()
    output = snakemake(copy, "-n").output
    assert re.search(r"Reason: Updated input files: \S+/Darks/Dark_Red_60s\.fits", output)
    assert f"Reason: Missing output files: results/fluxes/{NO_DARK}.png" in output


def test_products_below_raw_dir_are_not_taken_for_frames(copy, snakemake):
    run = snakemake(copy, "--dry-run", "--config", "raw_dir=.")
    assert run.status == 0, run.output
    assert run.jobs <= chain(*EXPOSURES) | summaries(*EXPOSURES)


# The project's own code and tables


@dataclass(frozen=True)
class Clone:
    """A copy of the project that a test may change, and a small campaign built with it."""

    project: Path
    root: Path
    stamps: dict


def stamps_below(folder):
    """Size and time of change of each file, but for Python's bytecode."""
    return {
        path: (path.stat().st_size, path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.fixture(scope="module")
def clone(snakemake, tmp_path_factory):
    project = tmp_path_factory.mktemp("clone")
    for name in WORKING_PARTS:
        source = PROJECT / name
        if source.is_dir() and not source.is_symlink():
            ignore = shutil.ignore_patterns("__pycache__", "raw")
            shutil.copytree(source, project / name, symlinks=True, ignore=ignore)
        else:
            shutil.copy2(source, project / name, follow_symlinks=False)
    root = tmp_path_factory.mktemp("built")
    for exposure in OWN_DARK, NO_DARK:
        write_frame(frame_path(exposure, root), counts_of(exposure))
    before = stamps_below(project)
    run = snakemake(root, project=project)
    assert run.status == 0, run.output
    return Clone(project, root, before)


@pytest.fixture
def edit(clone):
    """Return a function that adds a line to a file of the clone; undone after the test."""
    undo = []

    def add(name, line):
        path = clone.project / name
        undo.append((path, path.read_text(), path.stat().st_mtime_ns))
        path.write_text(path.read_text() + line)

    yield add
    for path, text, time in undo:
        path.write_text(text)
        os.utime(path, ns=(time, time))


def test_a_run_writes_nothing_into_the_project(clone):
    assert stamps_below(clone.project) == clone.stamps


@pytest.mark.parametrize(
    ("name", "rules"),
    [
        ("lampflux/fluxes/windows.py", RULES[2:]),
        ("lampflux/files/frames.py", RULES),
        ("lampflux/campaign/exposures.py", []),
        ("scripts/calibrated.py", RULES[1:]),
    ],
)
def test_changed_code_re_runs_the_jobs_that_use_it(clone, edit, snakemake, name, rules):
    edit(f"workflow/{name}", "\n# A word more.\n")
    run = snakemake(clone.root, "--dry-run", project=clone.project)
    assert run.status == 0, run.output
    follow = summaries(OWN_DARK, NO_DARK) if rules else set()
    assert run.jobs == chain(OWN_DARK, NO_DARK, rules=rules) | follow


def test_changed_code_of_pictures_re_runs_only_the_pictures(clone, edit, snakemake):
    edit("workflow/lampflux/pictures/extraction.py", "\n# A word more.\n")
    run = snakemake(clone.root, "--dry-run", project=clone.project)
    assert run.jobs == chain(OWN_DARK, NO_DARK, rules=["draw_exposure"])


def test_an_edited_window_table_of_the_project_re_runs_its_fluxes(clone, edit, snakemake):
    edit("resources/line_windows/ThAr_Red.csv", "4000,4010,,,\n")
    run = snakemake(clone.root, "--dry-run", project=clone.project)
    assert run.jobs == chain(OWN_DARK, rules=RULES[2:]) | summaries(OWN_DARK)


def test_a_comment_in_the_projects_config_re_runs_nothing(clone, edit, snakemake):
    edit("config.yaml", "# A word more.\n")
    run = snakemake(clone.root, "--dry-run", project=clone.project)
    assert "Nothing to be done" in run.output


# Other places, other names, other spectrographs


def test_a_relative_raw_dir_is_relative_to_the_working_directory(tmp_path, snakemake):
    exposure = "Photron_Ne_Blue_10s_01"
    write_frame(tmp_path / f"night/{exposure}.fits", lamp_counts(1))
    for folder in "here", "work":
        (tmp_path / folder).mkdir()
    target = f"results/spectra/{exposure}.fits"
    run = snakemake("../work", target, "--config", "raw_dir=../night", cwd=tmp_path / "here")
    assert run.status == 0, run.output
    assert (tmp_path / "work" / target).exists()
    assert files_below(tmp_path / "here") == set()
    assert files_below(tmp_path / "night") == {f"{exposure}.fits"}


def test_the_folder_where_snakemake_starts_is_the_working_directory(tmp_path, snakemake):
    exposure = "Photron_Ne_Blue_10s_01"
    write_frame(tmp_path / f"resources/raw/{exposure}.fits", lamp_counts(1))
    assert snakemake(None, "--dry-run", cwd=tmp_path).jobs == chain(exposure) | summaries(exposure)


def test_a_snakefile_named_by_way_of_a_parent_folder_runs_as_any_other(tmp_path, snakemake):
    write_frame(tmp_path / "resources/raw/Photron_Ne_Blue_10s_01.fits", lamp_counts(1))
    usual = snakemake(tmp_path, "--dry-run")
    by_parent = snakemake(tmp_path, "--dry-run", project=PROJECT / "docs/..")
    assert "Snakemake version" not in usual.output
    assert "Snakemake version" not in by_parent.output


# A spectrograph of its own: the slit runs along axis 1 of the stored image, wavelengths fall
# along axis 0, and only rows 2 to 9 are to be summed.
OTHER = {"crval": 8000.0, "crpix": 101, "cdelt": -2.5}
OTHER_EXPOSURES = ("Acme_Cd_Near-IR_2.5s_a", "Acme_Zn_Near-IR_4s_b")
OTHER_SHAPE = (12, 200)  # rows along the slit, columns along the dispersion


@pytest.fixture(scope="module")
def other(snakemake, tmp_path_factory):
    root = tmp_path_factory.mktemp("other")
    cadmium, zinc, dark = other_frames()
    write_frame(root / "night/c0001.fits", cadmium.T, EXPTIME=2.5)
    write_frame(root / "night/c0002.fits", zinc.T)
    write_frame(root / "night/sky off.fits", dark.T)
    table = (
        "path,brand,lamp,arm,exptime,id,dark\n"
        "c0001.fits,Acme,Cd,Near-IR,2.50,a,sky off.fits\n"
        "c0002.fits,Acme,Zn,Near-IR,4,b,\n"
    )
    write_text(root / "night/exposures.csv", table)
    # Pixels at 7900, 7897.5 ... and at 8200, 8197.5 ...: five and, between pixels, four.
    windows = "start,stop,unit,ion\n7890,7900,angstrom,Cd I\n8188.5,8199,angstrom,\n"
    write_text(root / "lines/Cd_Near-IR.csv", windows)
    settings = {
        "exposures": "night/exposures.csv",
        "line_windows": "lines",
        "fibres": 1,
        "lamps": {"Cd": ["Cd I"], "Zn": ["Sn I"]},
        "arms": {"Near-IR": OTHER | {"spatial_axis": 1, "rows": [2, 9]}},
    }
    run = snakemake(root, *write_config(root / "mine.yaml", **settings))
    assert run.status == 0, run.output
    return Campaign(root, run)


def other_frames():
    """A frame with a dark, one without, and the dark: signed, as real numbers and unsigned."""
    rng = np.random.default_rng(5)
    cadmium = rng.integers(-200, 30000, OTHER_SHAPE).astype("i2")
    zinc = rng.integers(90, 110, OTHER_SHAPE).astype("f4")
    zinc[4:6] += 0.25 * rng.integers(0, 5000, (2, OTHER_SHAPE[1])).astype("f4")
    dark = rng.integers(0, 60, OTHER_SHAPE).astype("u2")
    return cadmium, zinc, dark


def test_frames_named_otherwise_are_built_from_a_table_of_exposures(other):
    cadmium, zinc = OTHER_EXPOSURES
    wanted = chain(cadmium, zinc) | summaries(cadmium, zinc)
    assert other.run.jobs == wanted | {("propose_windows", "Zn_Near-IR")}


def test_an_image_with_its_slit_along_axis_1_is_summed_along_that_axis(other):
    cadmium, zinc, dark = other_frames()
    spectra = [
        fits.getdata(other.root / f"results/spectra/{exposure}.fits")
        for exposure in OTHER_EXPOSURES
    ]
    np.testing.assert_array_equal(
        spectra[0], cadmium[2:10].astype(int).sum(axis=0) - dark[2:10].astype(int).sum(axis=0)
    )
    # One amplifier where the config names none: one median, of all rows.
    np.testing.assert_allclose(
        spectra[1], zinc[2:10].sum(axis=0, dtype=float) - 8 * np.median(zinc), rtol=1e-12
    )


def test_windows_in_angstrom_hold_the_pixels_whose_wavelengths_they_hold(other):
    cadmium, _, dark = other_frames()
    spectrum = (cadmium[2:10].astype(int) - dark[2:10].astype(int)).sum(axis=0)
    pixels = np.arange(OTHER_SHAPE[1])
    wavelength = OTHER["crval"] + OTHER["cdelt"] * (pixels + 1 - OTHER["crpix"])
    truth = []
    for low, high in ((7890, 7900), (8188.5, 8199)):
        held = pixels[(wavelength >= low) & (wavelength <= high)]
        centre = int(np.floor(held.mean()))
        truth.append((centre, wavelength[centre], spectrum[held].sum() / 2.5 / 1))
    heading, rows = flux_table(other.root, OTHER_EXPOSURES[0])
    assert heading[:3] == ["pixel", "Wavelength", "Flux"]
    np.testing.assert_allclose(rows, truth, rtol=1e-12)


def test_a_lamp_in_which_no_line_is_identified_gets_an_empty_table_of_windows(other):
    zinc = OTHER_EXPOSURES[1]
    assert {name for name in made_in(other.root) if zinc in name} == products_of(zinc)
    said = [line for line in other.run.output.splitlines() if "No window table" in line]
    assert len(said) == 1
    assert "Zn_Near-IR.csv" in said[0]
    header = fits.getheader(other.root / f"results/calibrated/{zinc}.fits")
    assert header["WAVEMETH"] == "nominal"
    assert header["WAVEREAS"]
    windows = (other.root / "results/windows/Zn_Near-IR.csv").read_text()
    assert windows == "start,stop,ion,wavelength_air,note\n"
    heading, rows = flux_table(other.root, zinc)
    assert heading[:3] == ["pixel", "Wavelength", "Flux"]
    assert rows.size == 0


def test_an_ion_without_a_line_list_is_named(other):
    said = [line for line in other.run.output.splitlines() if "No line list" in line]
    assert len(said) == 1
    assert "Sn I" in said[0]
    assert "Cd I" not in said[0]


def test_paths_in_a_table_of_exposures_are_relative_to_its_folder_and_may_hold_spaces(other):
    header = fits.getheader(other.root / f"results/spectra/{OTHER_EXPOSURES[0]}.fits")
    assert header["RAWFILE"] == "c0001.fits"
    assert header["DARKFILE"] == "sky off.fits"
