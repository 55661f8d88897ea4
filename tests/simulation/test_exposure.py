"""The simulator against the theory of detectors, and the workflow on a simulated campaign."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yaml
from astropy.io import fits

from conftest import script
from lampflux.campaign.exposures import simulated_exposures
from lampflux.simulation.detector import cosmic_ray_charge, random_generator, read_out
from lampflux.simulation.exposure import simulate
from lampflux.simulation.light import line_positions

PROJECT = Path(__file__).parents[2]
SIMULATION = PROJECT / "resources" / "simulation"
SETTINGS = {"seed": 7, "fibres": 61, "first_row": 1690, "rows": 380}
NO_TRACKS = (np.empty(0, int), np.empty(0, int), np.empty(0))


@pytest.fixture
def physics():
    constants = yaml.safe_load((SIMULATION / "physics.yaml").read_text())
    return constants | constants.pop("arms")["Red"]


@pytest.fixture
def quiet(physics):
    return physics | {"muon_rate": 0, "compton_rate": 0}


def emitted(*pairs):
    return [
        {"ion": "Ar I", "wavelength_air": wavelength, "flux": flux} for wavelength, flux in pairs
    ]


def flat_frame(electrons, physics, name, rows=400):
    """Frame of a light that differs from row to row only."""
    return read_out(
        random_generator(7, name),
        np.ones((1, physics["columns"])),
        np.zeros(rows, int),
        np.broadcast_to(electrons, rows),
        NO_TRACKS,
        np.tile(np.array(physics["bias"], float), (rows, 1)),
        1.0,
        physics | {"dark_current": 0},
    ).astype(float)


def test_variance_grows_with_the_mean_by_one_over_the_gain(physics):
    electrons = np.repeat(np.linspace(500, 80_000, 10), 40)
    first, second = (flat_frame(electrons, physics, name) for name in ("a", "b"))
    levels = (first + second).reshape(10, -1).mean(axis=1) / 2
    variances = (first - second).reshape(10, -1).var(axis=1) / 2
    slope = np.polyfit(levels, variances, 1)[0]
    assert 1 / slope == pytest.approx(physics["gain"], rel=0.02)


def test_read_noise_and_bias(physics):
    frame = flat_frame(0.0, physics, "bias")
    noise = np.sqrt(frame[:, :2048].var() - 1 / 12) * physics["gain"]
    assert noise == pytest.approx(physics["read_noise"], rel=0.02)
    assert frame[:, :2048].mean() == pytest.approx(500, abs=0.01)
    assert frame[:, 2048:].mean() == pytest.approx(504, abs=0.01)


def test_lines_and_counts_are_where_the_truth_says(quiet):
    lines = emitted(*((wavelength, 2000.0) for wavelength in range(5800, 7800, 150)))
    frame, truth, columns = simulate("A_Ar_Red_10s_01", "Red", 10.0, lines, 1.0, SETTINGS, quiet)
    dark, *_ = simulate("Dark_Red_10s", "Red", 10.0, [], 0, SETTINGS, quiet)
    spectrum = frame.sum(axis=0, dtype=float) - dark.sum(axis=0, dtype=float)

    half = quiet["columns"] / 2
    for row in truth:
        near = np.arange(round(row["pixel"]) - 5, round(row["pixel"]) + 6)
        centroid = np.average(near, weights=spectrum[near])
        u = (centroid - half) / half
        wavelength = sum(c * u**power for power, c in enumerate(quiet["dispersion"]))
        assert centroid == pytest.approx(row["pixel"], abs=0.02)
        assert wavelength == pytest.approx(row["wavelength_air"], abs=0.02 * 0.55)

    injected, stray = columns["injected"], columns["stray"]
    assert not columns["cosmic"].any()
    expected = injected.sum() + stray.sum()
    read_noise = 2 * frame.size * (quiet["read_noise"] / quiet["gain"]) ** 2
    assert abs(spectrum.sum() - expected) < 4 * np.sqrt(expected / quiet["gain"] + read_noise)
    assert injected.sum() == pytest.approx(sum(row["injected"] for row in truth), rel=1e-5)
    assert injected.sum() == pytest.approx(len(lines) * 2000 * 10 * 61, rel=1e-5)


def test_bright_lines_are_clipped_and_the_truth_says_so(quiet):
    lines = emitted((6965.4307, 30_000.0), (7272.9358, 300.0))
    frame, truth, *_ = simulate("A_Ar_Red_60s_01", "Red", 60.0, lines, 1.0, SETTINGS, quiet)
    assert frame.max() == 65535
    assert [row["saturated"] for row in truth] == [True, False]
    assert truth[0]["peak"] > 65535 == truth[0]["peak_clipped"]
    assert truth[1]["peak"] == truth[1]["peak_clipped"]
    column = round(truth[1]["pixel"])
    assert frame[:, column].max() == pytest.approx(truth[1]["peak"], rel=0.05)


def test_a_full_well_below_the_16_bit_limit_clips_first(quiet):
    lines = emitted((6965.4307, 30_000.0))
    low = quiet | {"full_well": 50_000}
    frame, truth, *_ = simulate("A_Ar_Red_60s_01", "Red", 60.0, lines, 1.0, SETTINGS, low)
    assert truth[0]["saturated"]
    assert truth[0]["peak_clipped"] == pytest.approx(50_000 / quiet["gain"] + 504, abs=1)
    assert frame.max() < 28_000


def test_cosmic_rays_grow_with_exposure_time(physics):
    shape = (4112, 4096)
    counts = {}
    for exptime in (60.0, 600.0):
        rng = random_generator(7, "rays")
        *_, electrons, counts[exptime] = cosmic_ray_charge(rng, shape, exptime, physics)
        assert electrons.min() > 0
    area = shape[0] * shape[1] * (physics["pixel_size"] * 1e-4) ** 2
    rate = (physics["muon_rate"] + physics["compton_rate"]) * area
    for exptime, count in counts.items():
        assert abs(count - rate * exptime) < 4 * np.sqrt(rate * exptime)


def test_muons_leave_straight_tracks(physics):
    only_muons = physics | {"compton_rate": 0, "muon_rate": 0.05, "charge_diffusion": 0}
    rows, columns, _, tracks = cosmic_ray_charge(
        random_generator(7, "one ray"), (2000, 2000), 10.0, only_muons
    )
    assert tracks > 1
    steps = np.hypot(np.diff(rows), np.diff(columns))
    # Within a track a deposit lies beside the last one; between tracks it does not.
    assert (steps > 2).sum() == tracks - 1


def test_each_frame_follows_from_seed_and_name_alone(tmp_path, physics):
    def files(folder, name, seed=7):
        folder.mkdir()
        paths = {
            "frame": folder / "frame.fits",
            "lines": folder / "lines.csv",
            "pixels": folder / "pixels.csv",
        }
        script("simulate")(
            SimpleNamespace(
                input={"lines": str(SIMULATION / "lines" / "Photron_ThAr_Red.csv")},
                output=SimpleNamespace(**paths),
                params=SimpleNamespace(
                    name=name,
                    arm="Red",
                    exptime=60.0,
                    brightness=1.0,
                    settings=SETTINGS | {"seed": seed},
                    physics=physics,
                ),
            )
        )
        return [path.read_bytes() for path in paths.values()]

    first = files(tmp_path / "1", "Photron_ThAr_Red_60s_01")
    assert files(tmp_path / "2", "Photron_ThAr_Red_60s_01") == first
    assert files(tmp_path / "3", "Photron_ThAr_Red_60s_02")[0] != first[0]
    assert files(tmp_path / "4", "Photron_ThAr_Red_60s_01", seed=8)[0] != first[0]
    header = fits.getheader(tmp_path / "1" / "frame.fits")
    assert header["SIMULATE"] is True
    assert (header["EXPTIME"], header["BZERO"]) == (60, 32768)


@pytest.mark.parametrize(
    "table", sorted((SIMULATION / "lines").glob("*.csv")), ids=lambda p: p.stem
)
def test_identified_lines_fall_into_their_windows(table):
    """Each window of the campaign holds its line, and the line is its brightest."""
    _, lamp, arm = table.stem.split("_")
    constants = yaml.safe_load((SIMULATION / "physics.yaml").read_text())
    lines = pd.read_csv(table)
    lines["pixel"] = line_positions(
        lines["wavelength_air"].to_numpy(), constants["arms"][arm]["dispersion"], 4096
    )
    windows = pd.read_csv(PROJECT / "resources" / "line_windows" / f"{lamp}_{arm}.csv")
    for window in windows.dropna(subset="wavelength_air").itertuples():
        inside = lines[lines["pixel"].between(window.start, window.stop)]
        brightest = inside.loc[inside["flux"].idxmax()]
        assert brightest["ion"] == window.ion
        assert brightest["wavelength_air"] == pytest.approx(window.wavelength_air, abs=0.15)


def test_simulated_frames_lie_as_in_the_campaign():
    row = {"brand": "A", "lamp": "Ar", "arm": "Red", "exptime": "10.0", "id": "01"}
    rows = [row | {"dark": "yes"}, row | {"id": "02", "dark": "no"}]
    exposures, problems = simulated_exposures(rows, "t.csv", "raw/s", ["Ar"], ["Red"])
    assert problems == []
    assert [(exposure.path, exposure.dark) for exposure in exposures] == [
        ("raw/s/A_Ar_Red_fits/A_Ar_Red_10s_01.fits", "raw/s/A_Ar_Red_fits/Dark_Red_10s.fits"),
        ("raw/s/A_Ar_Red_fits/A_Ar_Red_10s_02.fits", None),
    ]
    _, problems = simulated_exposures([rows[0]] * 2, "t.csv", "raw/s", ["Ne"], ["Red"])
    assert any("t.csv, row 2: lamp Ar is not among" in problem for problem in problems)
    assert any("are one exposure by name" in problem for problem in problems)


def snakemake(folder, *arguments):
    """Run the workflow in a folder; its output, after it ended well."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "snakemake", "-s", PROJECT / "Snakefile"),
            *("--directory", folder, "--cores", "2", *arguments),
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_a_small_campaign_closes(tmp_path):
    (tmp_path / "small.csv").write_text(
        "brand,lamp,arm,exptime,id,dark\nPhotron,ThAr,Red,10,01,yes\nNewport,Ar,Red,10,01,no\n"
    )
    (tmp_path / "small.yaml").write_text(
        "simulation: {exposures: small.csv, first_row: 1690, rows: 380}\n"
    )
    small = ("--configfile", tmp_path / "small.yaml")
    assert "Simulated frames: 2 exposures of small.csv" in snakemake(tmp_path, *small)

    table = pd.read_csv(tmp_path / "results" / "closure" / "lines.csv")
    assert set(table["exposure"]) == {"Photron_ThAr_Red_10s_01", "Newport_Ar_Red_10s_01"}
    assert list(table.groupby("exposure")["dark"].first()) == [False, True]
    good = table[table["dark"] & ~table["saturated"] & (table["injected"] > 500)]
    assert len(good) == 7
    assert good["plain"].median() == pytest.approx(1, abs=0.02)
    clear = table[~table["saturated"] & (table["snr"] > 20)]
    assert (clear["net"] - 1).abs().median() < 0.005
    assert (clear["net"] - 1).abs().quantile(0.95) < 0.02
    assert (clear["pull"].abs() < 4).all()
    assert (table["flags"].fillna("").str.contains("saturated") == table["saturated"]).all()
    summary = pd.read_csv(tmp_path / "results" / "closure" / "summary.csv")
    of_pulls = summary[summary["quantity"].str.endswith("/ error")]
    assert of_pulls["lines"].sum() == (~table["saturated"]).sum()
    assert (tmp_path / "results" / "closure" / "closure.png").stat().st_size > 10_000
    for room in ("spectra", "calibrated"):
        product = tmp_path / "results" / room / "Photron_ThAr_Red_10s_01.fits"
        assert fits.getheader(product)["SIMULATE"] is True
    fluxes = pd.read_csv(tmp_path / "results" / "fluxes" / "Photron_ThAr_Red_10s_01.csv")
    assert fluxes["simulated"].all()

    assert "Nothing to be done" in snakemake(tmp_path, *small)

    # A frame of one's own, beside the simulated ones or elsewhere, ends the simulation.
    frame = next(tmp_path.glob("resources/raw/simulated/Newport*/Newport*.fits"))
    own = tmp_path / "resources" / "raw" / "Oriel_Ar_Red_10s_01.fits"
    own.write_bytes(frame.read_bytes())
    (tmp_path / "own").mkdir()
    for place in ((), ("--config", "raw_dir=own")):
        if place:
            own.rename(tmp_path / "own" / own.name)
        listed = snakemake(tmp_path, "-n", *small, *place)
        assert "Oriel_Ar_Red_10s_01" in listed
        assert "Simulated frames" not in listed
        assert "Photron" not in listed
