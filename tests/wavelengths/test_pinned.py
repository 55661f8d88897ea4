"""Lines that the user pins to pixels."""

import numpy as np
import pytest

from arcs import arc, catalogue, standing_peaks
from lampflux.wavelengths.identification import find_solution, held_to_pins
from lampflux.wavelengths.reference import arm_reference
from lampflux.wavelengths.scale import through_pins
from lampflux.wavelengths.verdict import Verdict


def test_a_wrongly_pinned_line_refuses_a_solution_and_a_right_one_does_not():
    true = arc("Ne", 5700, 7800, 1024, 13, fwhm=3.0)
    peaks, lines = standing_peaks(true.counts), catalogue("Ne I")
    pixel = float(peaks.pixel[np.argmax(peaks.height)])
    wavelength = float(np.interp(pixel, np.arange(1024), true.wavelength))
    found = find_solution(peaks, lines, true.nominal, pinned=[(pixel, wavelength)])
    assert found.method == "fitted"
    trusted = slice(found.solution.first, found.solution.last + 1)
    off = np.abs(found.wavelength - true.wavelength)[trusted]
    assert (off / np.gradient(true.wavelength)[trusted]).max() < 0.5
    wrong = find_solution(peaks, lines, true.nominal, pinned=[(pixel, wavelength - 60)])
    assert wrong.method == "nominal"
    # The same that is accepted without a pin says what it disagrees with.
    line = wavelength - 60
    judged = held_to_pins(Verdict(True, 90.0, 90.0, ""), found.solution, [(pixel, line)], 3.0)
    at = np.interp(line, true.wavelength, np.arange(1024))
    assert not judged.accepted
    assert judged.reason == f"pinned {line:.1f} at pixel {pixel:.0f} would be at {at:.0f}"


@pytest.mark.parametrize("pins", [1, 2])
def test_nominal_wavelengths_are_shifted_to_pinned_lines(pins):
    pixel = np.array([200.0, 800.0])[:pins]
    nominal = 5000 + 0.5 * np.arange(1024)
    pinned = list(zip(pixel, 5010 + 0.52 * pixel))
    at = np.interp(pixel, np.arange(1024), through_pins(nominal, pinned))
    np.testing.assert_allclose(at, 5010 + 0.52 * pixel, atol=1e-9)


@pytest.mark.parametrize(
    ("places", "pinned"), [([100], 1), ([100, 500], 2), ([100, 500, 500], 3), ([100, 500, 900], 0)]
)
def test_a_table_of_one_or_two_lines_pins_them_and_more_are_a_solution(tmp_path, places, pinned):
    path = tmp_path / "Arm.csv"
    lines = [f"{pixel},{5000 + pixel},Ne I" for pixel in places]
    path.write_text("\n".join(["pixel,wavelength_air,ion", *lines]) + "\n")
    reference, pins = arm_reference(path, np.arange(1024))
    assert len(pins) == pinned
    assert (reference is None) == (pinned > 0)
