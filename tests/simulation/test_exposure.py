"""The simulator against the theory of detectors."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml
from astropy.io import fits

from conftest import script
from lampflux.simulation import illumination, light
from lampflux.simulation.exposure import simulate

PROJECT = Path(__file__).parents[2]
SIMULATION = PROJECT / "resources" / "simulation"
SETTINGS = {"seed": 7, "fibres": 61, "first_row": 1690, "rows": 380}


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


def test_lines_and_counts_agree_with_the_truth_tables(quiet):
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


@pytest.mark.parametrize("factor", [0.8, 1.2])
def test_a_grid_that_is_a_fifth_coarser_or_finer_keeps_light_and_lines(quiet, monkeypatch, factor):
    for module in light, illumination:
        monkeypatch.setattr(module, "STEPS_PER_PIXEL", round(50 * factor))
    monkeypatch.setattr(light, "LINE_REACH", 2.0 * factor)
    lines = emitted(*((wavelength, 2000.0) for wavelength in range(5800, 7800, 150)))
    _, truth, columns = simulate("A_Ar_Red_10s_01", "Red", 10.0, lines, 1.0, SETTINGS, quiet)
    injected = columns["injected"]
    assert injected.sum() == pytest.approx(len(lines) * 2000 * 10 * 61, rel=1e-4)
    for row in truth:
        near = np.arange(round(row["pixel"]) - 12, round(row["pixel"]) + 13)
        centroid = np.average(near, weights=injected[near])
        # Half a step for the line and half a step for the shift of a row.
        assert centroid == pytest.approx(row["pixel"], abs=1 / (50 * factor))


def test_bright_lines_are_clipped_and_recorded_as_saturated(quiet):
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
