"""Fluxes of identified lines against the lines that were put into a spectrum."""

import numpy as np
import pandas as pd
import pytest

from lampflux.files.products import column_facts
from lampflux.files.spectra import Spectrum
from lampflux.fluxes.identified import identified_fluxes
from lampflux.fluxes.laboratory import LaboratoryLine
from lampflux.fluxes.line_model import model_lines
from lampflux.peaks import find_peaks

GAIN, READ, FWHM, PER_FLUX = 1.9, 20.0, 2.6, 610.0
PLACES = np.linspace(60, 1440, 24) + np.linspace(0, 0.9, 24)
COUNTS = np.geomspace(3e3, 3e6, 24)[np.random.default_rng(5).permutation(24)]


def observe(seed, places=PLACES, counts=COUNTS):
    """A spectrum of lines of known counts, with noise."""
    rng, pixel = np.random.default_rng(seed), np.arange(1500)
    sigma = FWHM / np.sqrt(8 * np.log(2))
    shape = np.exp(-0.5 * ((pixel - places[:, np.newaxis]) / sigma) ** 2)
    light = counts @ (shape / (np.sqrt(2 * np.pi) * sigma))
    error = np.sqrt(light / GAIN + READ**2)
    clean = light + rng.normal(0, error)
    none = np.zeros(pixel.size)
    wavelength = 5000 + 0.5 * pixel
    peak = 0.05 * light
    return Spectrum(
        wavelength, clean, error, clean, error, none + 50, none, none, none, peak, none
    )


def identify(places):
    return [{"pixel": place, "ion": "Ar I", "wavelength_air": 5000 + place} for place in places]


def model_of(spectrum):
    peaks = find_peaks(spectrum.clean, spectrum.clean_error)
    return model_lines(spectrum.clean, spectrum.clean_error, spectrum.saturated, peaks)


def measure(spectrum, peaks, laboratory=()):
    return pd.DataFrame(
        identified_fluxes(spectrum, model_of(spectrum), peaks, PER_FLUX, laboratory)
    )


def test_fluxes_are_right_within_their_errors():
    pulls = []
    for seed in range(8):
        spectrum = observe(seed)
        found = measure(spectrum, identify(PLACES))
        assert set(found) == set(column_facts("flux_lines"))
        assert len(found) == len(PLACES)
        pulls.append((found["flux"] * PER_FLUX - COUNTS) / (found["flux_err"] * PER_FLUX))
        assert np.allclose(found["flux"] * PER_FLUX, COUNTS, rtol=0.15)
        assert np.allclose(found["peak"], 0.05 * COUNTS / 2.77, rtol=0.15)
    pulls = np.array(pulls)
    assert np.median(np.abs(pulls)) == pytest.approx(0.67, abs=0.25)


def test_a_line_that_leans_on_another_has_its_own_flux_and_is_marked():
    places, counts = np.array([500.0, 504.5, 900.0]), np.array([4e5, 2e5, 3e5])
    spectrum = observe(1, places, counts)
    found = measure(spectrum, identify(places))
    assert np.allclose(found["flux"] * PER_FLUX, counts, rtol=0.02)
    assert "blended" not in found["flags"][2]


def test_saturated_lines_are_marked():
    spectrum = observe(1)
    saturated = spectrum.saturated.copy()
    saturated[round(PLACES[3])] = 4
    spectrum = spectrum._replace(saturated=saturated)
    found = measure(spectrum, identify(PLACES))
    assert list(found["flags"].str.contains("saturated")) == [n == 3 for n in range(24)]


def test_without_identified_lines_the_table_is_empty():
    spectrum = observe(1)
    peaks = [{"pixel": PLACES[0]}]
    assert identified_fluxes(spectrum, model_of(spectrum), peaks, PER_FLUX) == []


def test_a_listed_line_that_hides_in_another_is_in_its_error_and_marked():
    # The last two stand 0.3 widths apart and are seen as one.
    places = np.array([200.0, 400.0, 600.0, 800.0, 1000.0, 1000.8])
    counts = np.array([4e5, 2e5, 3e5, 1e5, 3e5, 1e5])
    spectrum = observe(2, places, counts)
    laboratory = [
        LaboratoryLine(place, "Ar I", 5000 + place, light / 1000)
        for place, light in zip(places, counts)
    ]
    peaks = identify(places[:5])
    peaks[4]["pixel"] += 0.2
    found = measure(spectrum, peaks, laboratory)
    assert list(found["flags"]) == ["", "", "", "", "blended"]
    pulls = (found["flux"] * PER_FLUX - counts[:5]) / (found["flux_err"] * PER_FLUX)
    assert (np.abs(pulls) < 3).all()
    assert (found["noise"] <= found["flux_err"]).all()
    assert found["noise"][4] < 0.01 * found["flux"][4] < found["flux_err"][4]
