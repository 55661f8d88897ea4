import math

import numpy as np
import pytest

from common.windows import LineWindow
from fluxes import flux_rows, line_check, window_sums

NOTHING_MASKED = np.zeros(100, bool)


def measure(windows, counts, mask=NOTHING_MASKED, exptime=1.0, fibres=1):
    lines = [LineWindow(start, stop, "pixel", "Ne I", 6402.25) for start, stop in windows]
    wavelength = 5000 + 0.5 * np.arange(len(counts))
    return flux_rows(lines, windows, wavelength, counts, mask, exptime, fibres)


def gaussian(size, centre, sigma, total):
    """Counts of a Gaussian line in pixels, each the integral over its width."""
    edges = [
        total * (1 + math.erf((edge - 0.5 - centre) / (sigma * math.sqrt(2)))) / 2
        for edge in range(size + 1)
    ]
    return np.diff(edges)


@pytest.mark.parametrize(("pixel", "wanted"), [(9, 0), (10, 250), (14, 250), (20, 250), (21, 0)])
def test_a_window_includes_both_its_ends_and_nothing_beyond(pixel, wanted):
    counts = np.zeros(100)
    counts[pixel] = 250
    assert window_sums(counts, [(10, 20)]).tolist() == [wanted]


def test_windows_of_one_pixel_and_at_the_detectors_ends_are_summed():
    counts = np.arange(100.0)
    assert window_sums(counts, [(0, 3), (42, 42), (97, 99)]).tolist() == [6, 42, 294]


@pytest.mark.parametrize("sigma", [0.4, 2.0, 9.0])
@pytest.mark.parametrize("centre", [50.0, 47.3])
def test_the_sum_over_a_gaussian_line_is_its_integral(centre, sigma):
    counts = gaussian(100, centre, sigma, 1e6)
    start, stop = 45, 56
    inside = math.erf((stop + 0.5 - centre) / (sigma * math.sqrt(2))) - math.erf(
        (start - 0.5 - centre) / (sigma * math.sqrt(2))
    )
    assert window_sums(counts, [(start, stop)]) == pytest.approx([1e6 * inside / 2], rel=1e-9)


def test_splitting_a_window_conserves_its_sum():
    counts = np.random.default_rng(1).integers(-1000, 60000, 100)
    whole = window_sums(counts, [(5, 94)])
    for cut in range(5, 94):
        assert window_sums(counts, [(5, cut), (cut + 1, 94)]).sum() == whole[0]


def test_neighbouring_windows_share_no_pixel():
    counts = np.random.default_rng(2).integers(0, 60000, 100)
    tiles = [(first, first + 9) for first in range(0, 100, 10)]
    assert window_sums(counts, tiles).sum() == counts.sum()


def test_a_pixel_that_is_not_known_spoils_its_own_window_only():
    counts = np.ones(100)
    counts[20] = np.nan
    np.testing.assert_array_equal(
        window_sums(counts, [(10, 19), (20, 29), (30, 39)]), [10, np.nan, 10]
    )


@pytest.mark.parametrize(
    ("window", "pixel", "wavelength"),
    [((10, 20), 15, 5007.5), ((10, 21), 15, 5007.5), ((10, 11), 10, 5005), ((7, 7), 7, 5003.5)],
)
def test_the_line_stands_at_the_windows_centre_or_the_pixel_below(window, pixel, wavelength):
    (row,) = measure([window], np.ones(100))
    assert row["pixel"] == pixel
    assert row["Wavelength"] == wavelength
    assert (row["pixel_start"], row["pixel_stop"]) == window


@pytest.mark.parametrize(
    ("exptime", "fibres", "wanted"), [(1, 1, 1220), (10, 1, 122), (2.5, 61, 8), (0.5, 61, 40)]
)
def test_the_flux_is_the_sum_per_second_and_fibre(exptime, fibres, wanted):
    (row,) = measure([(10, 19)], np.full(100, 122.0), exptime=exptime, fibres=fibres)
    assert row["Flux"] == pytest.approx(wanted, rel=1e-12)
    assert row["counts"] == 1220


def test_masked_pixels_are_counted_within_the_window():
    mask = NOTHING_MASKED.copy()
    mask[[9, 10, 15, 20, 21, 22]] = True
    rows = measure([(10, 20), (21, 30), (40, 50)], np.ones(100), mask)
    assert [row["masked_pixels"] for row in rows] == [3, 2, 0]


def test_a_row_begins_with_pixel_wavelength_and_flux():
    (row,) = measure([(10, 20)], np.ones(100))
    assert list(row)[:3] == ["pixel", "Wavelength", "Flux"]


def test_rows_keep_the_windows_order_and_lines():
    lines = [LineWindow(50, 60, "pixel", "Ne I", 6402.25), LineWindow(10, 20, "pixel", "", None)]
    rows = flux_rows(
        lines, [(50, 60), (10, 20)], np.arange(100.0), np.ones(100), NOTHING_MASKED, 1.0, 1
    )
    assert [(row["pixel"], row["ion"], row["wavelength_air"]) for row in rows] == [
        (55, "Ne I", 6402.25),
        (15, "", None),
    ]


# The line in a window

LINEAR = 5000 + 0.5 * np.arange(1000)


def peak(pixel, height=1000.0, ion=None, line=None, used=True):
    """A row of the table of identified lines, as it is read: empty cells are left out."""
    row = {"pixel": pixel, "height": height, "used": str(bool(ion) and used)}
    return row | ({"ion": ion, "wavelength_air": line} if ion else {})


def check(peaks, line=5050.0, ion="Ne I", window=(95, 105), method="fitted", trusted=(0, 999)):
    row = {
        "pixel_start": window[0],
        "pixel_stop": window[1],
        "ion": ion,
        "wavelength_air": line,
    }
    return line_check(row, LINEAR, method, trusted, peaks)


@pytest.mark.parametrize(("pixel", "offset"), [(100.0, 0.0), (101.0, 0.5), (98.6, -0.7)])
@pytest.mark.parametrize("method", ["fitted", "shifted", "nominal"])
def test_the_offset_is_the_solutions_wavelength_minus_the_lines(pixel, offset, method):
    checked = check([peak(pixel)], method=method)
    assert checked["line_offset"] == pytest.approx(offset, abs=1e-9)
    assert checked["wavelength_method"] == method
    assert checked["flags"] == ""


def test_the_offset_is_that_of_the_windows_highest_peak():
    peaks = [peak(97.0, 10.0), peak(102.0, 90.0), peak(120.0, 500.0), peak(80.0, 500.0)]
    assert check(peaks)["line_offset"] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("pixel", "inside"), [(94.4, False), (94.6, True), (105.4, True), (105.6, False)]
)
def test_a_peak_is_in_a_window_that_holds_its_pixel(pixel, inside):
    assert (check([peak(pixel)])["line_offset"] is not None) == inside


@pytest.mark.parametrize(
    ("line", "flag"),
    [(5050.0, ""), (5047.0, ""), (5046.0, "wavelength"), (5053.0, ""), (5054.0, "wavelength")],
)
def test_a_line_that_the_solution_puts_outside_its_window_is_flagged(line, flag):
    # The window spans 5047.5 to 5052.5; a pixel beyond, half an Angstrom, is let pass.
    assert check([peak(100.0)], line=line)["flags"] == flag
    assert check([], line=line)["flags"] == flag


@pytest.mark.parametrize("trusted", [(96, 999), (0, 104), (200, 300), (0, -1)])
def test_nothing_is_flagged_where_the_solution_is_not_trusted(trusted):
    checked = check([peak(100.0)], line=5300.0, trusted=trusted)
    assert checked["wavelength_trusted"] is False
    assert checked["flags"] == ""


@pytest.mark.parametrize("trusted", [(95, 105), (0, 999)])
def test_a_window_wholly_within_the_trusted_range_is_trusted(trusted):
    assert check([], trusted=trusted)["wavelength_trusted"] is True


@pytest.mark.parametrize("trusted", [(0, 999), (0, -1)])
def test_a_nominal_solution_is_never_trusted_and_flags_nothing(trusted):
    checked = check([peak(100.0)], line=5300.0, method="nominal", trusted=trusted)
    assert checked["wavelength_trusted"] is False
    assert checked["flags"] == ""


def test_a_window_that_names_no_line_takes_the_one_identified_in_it():
    peaks = [peak(97.0, 10.0, "Ar I", 5048.5), peak(102.0, 90.0, "Th I", 5050.9)]
    checked = check(peaks, line=None, ion="")
    assert (checked["ion"], checked["wavelength_air"]) == ("Th I", 5050.9)
    assert checked["line_offset"] == pytest.approx(0.1)


@pytest.mark.parametrize(
    "peaks",
    [[], [peak(102.0)], [peak(102.0, 90.0, "Th I", 5050.9, used=False)], [peak(97, 1), peak(102)]],
)
def test_a_window_without_an_identified_line_stays_without(peaks):
    checked = check(peaks, line=None, ion="")
    assert (checked["ion"], checked["wavelength_air"]) == ("", None)
    assert checked["line_offset"] is None
    assert checked["flags"] == ""


def test_a_table_that_names_its_line_is_not_overruled():
    checked = check([peak(102.0, 90.0, "Th I", 5050.9)])
    assert (checked["ion"], checked["wavelength_air"]) == ("Ne I", 5050.0)
    assert checked["line_offset"] == pytest.approx(1.0)
