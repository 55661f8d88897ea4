"""The script that solves and measures an arc, on simulated and on real frames."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

import lampflux
from conftest import PROJECT

DATA = Path(os.environ.get("LAMPFLUX_DATA", ""))
SCRIPT = PROJECT / "docs" / "own_arc.py"
COLUMNS = np.arange(1024)
EXPTIME = 10.0


def solve(frame):
    """Run the script; return line, column, flux and error of each line that it measured."""
    run = subprocess.run(
        [sys.executable, SCRIPT, frame],
        env=os.environ | {"PYTHONPATH": str(PROJECT / "workflow")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.startswith("fitted ")
    found = re.findall(r"Xe I +([\d.]+) at pixel +([\d.]+): +(-?\d+) \+- (\d+) ADU/s", run.stdout)
    return np.array(found, dtype=float).T


def xenon_arc(wavelengths, path):
    """Simulate a frame of well separated xenon lines; return their wavelengths and fluxes."""
    rng = np.random.default_rng(1)
    lines = lampflux.line_list(["Xe I"])
    kept = []
    for number in np.argsort(-lines.intensity):
        wavelength = lines.wavelength[number]
        if all(abs(wavelength - lines.wavelength[other]) > 75 for other in kept):
            kept.append(number)
    wavelength, counts = lines.wavelength[kept], 200.0 * lines.intensity[kept]
    inside = (wavelength > wavelengths[15]) & (wavelength < wavelengths[-15])
    wavelength, counts = wavelength[inside], counts[inside]

    column = np.interp(wavelength, wavelengths, COLUMNS)
    sigma = 3.5 / 2.3548
    profile = np.exp(-0.5 * ((COLUMNS - column[:, np.newaxis]) / sigma) ** 2)
    profile /= sigma * np.sqrt(2 * np.pi)
    electrons = np.zeros((254, 1024))
    electrons[60:200] = 2.45 * (counts @ profile) / 140
    frame = 1000 + (rng.poisson(electrons) + rng.normal(0, 8, electrons.shape)) / 2.45
    header = fits.Header({"EXPTIME": EXPTIME})
    fits.writeto(path, np.rint(frame).astype("u2"), header)
    return wavelength, counts / EXPTIME


def test_lines_of_a_simulated_arc_have_their_wavelengths_and_fluxes(tmp_path):
    u = (COLUMNS - 511.5) / 511.5
    wavelengths = 5740 + 2360 * u + 25 * u**2 - 12 * u**3
    true_wavelength, true_flux = xenon_arc(wavelengths, tmp_path / "arc.fits")
    line, column, flux, error = solve(tmp_path / "arc.fits")
    assert len(line) > 0.6 * len(true_wavelength)
    identity = np.abs(line[:, np.newaxis] - true_wavelength).argmin(axis=1)
    # Half a pixel, because a line may have the name of a fainter one beside it.
    assert np.abs(np.interp(column, COLUMNS, wavelengths) - line).max() < 2.3
    pull = (flux - true_flux[identity]) / error
    assert np.abs(pull).max() < 5
    assert np.sqrt(np.mean(pull**2)) < 1.5


@pytest.mark.skipif("LAMPFLUX_DATA" not in os.environ, reason="LAMPFLUX_DATA names no folder")
def test_lines_of_the_sprat_arc_are_those_that_a_human_identified():
    line, column, _, _ = solve(DATA / "sprat/v_a_20190516_57_1_0_1.fits")
    pairs = np.loadtxt(DATA / "sprat/pixel_wavelength_pairs.txt", delimiter=",")
    clicked, wavelength = pairs.T
    nearest = np.abs(line - wavelength[:, np.newaxis]).argmin(axis=1)
    same = np.abs(line[nearest] - wavelength) < 0.5
    assert same.sum() > 15
    off = (column[nearest] - clicked)[same]
    # Clicks by eye on whole columns; one on a blend is 1.1 columns from the line.
    assert np.sqrt(np.mean(off**2)) < 0.6
    assert np.abs(off).max() < 1.5


def test_the_page_shows_the_script():
    page = (PROJECT / "docs" / "own_arc.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"(?ms)^```python\n(.*?)^```", page)
    assert shown == SCRIPT.read_text(encoding="utf-8")
