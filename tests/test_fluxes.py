import math

import numpy as np
import pytest

from common.windows import LineWindow
from fluxes import flux_rows, window_sums

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
