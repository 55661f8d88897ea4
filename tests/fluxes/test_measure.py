import math

import numpy as np
import pytest

from lampflux.errors import UserError
from lampflux.files.products import column_facts
from lampflux.files.spectra import Spectrum
from lampflux.fluxes.measure import measure
from lampflux.fluxes.table import exposure_flags, flag_words, flux_row, line_check
from lampflux.fluxes.windows import LineWindow, window_sums


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


@pytest.mark.parametrize("window", [(90, 100), (-1, 5), (50, 40)])
def test_a_window_that_leaves_the_spectrum_or_runs_backwards_is_refused(window):
    with pytest.raises(UserError, match=f"Window 2 .{window[0]} to {window[1]}.*0 to 99"):
        measure(np.zeros(100), [(10, 20), window])


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


# Rows of the flux table

SIZE = 1000
GAIN, PIXEL_VARIANCE, ROWS = 1.9, 9.0, 340


def exposed(lines, seed=None, continuum=0.0, size=SIZE):
    """A spectrum of Gaussian lines, (centre, counts), of 2.3 pixels; with noise for a seed."""
    counts = sum((gaussian(size, at, 2.3 / 2.3548, flux) for at, flux in lines), np.zeros(size))
    counts = counts + continuum
    if seed is not None:
        rng = np.random.default_rng(seed)
        counts = rng.poisson(counts * GAIN) / GAIN
        counts = counts + rng.normal(0, np.sqrt(ROWS * PIXEL_VARIANCE), size)
    error = np.sqrt(np.clip(counts, 0, None) / GAIN + ROWS * PIXEL_VARIANCE)
    nothing = np.zeros(size)
    return Spectrum(
        5000 + 0.5 * np.arange(size),
        counts + 7.0,
        np.full(size, 2.0),
        counts,
        error,
        np.full(size, ROWS),
        nothing,
        nothing,
        nothing,
        counts / 50,
        nothing,
    )


def fluxes_of(spectrum, windows, exptime=1.0, fibres=1, expected=None):
    return measure(
        spectrum.clean,
        windows,
        spectrum.clean_error,
        exposure_time=exptime,
        fibres=fibres,
        expected=[expected] * len(windows),
        summed=spectrum.summed,
        saturated=spectrum.saturated,
        replaced=spectrum.replaced,
        missing=spectrum.missing,
        peak=spectrum.peak,
    )


def table_rows(spectrum, windows, exptime=1.0, fibres=1, has_dark=True, expected=None):
    rows = []
    for flux in fluxes_of(spectrum, windows, exptime, fibres, expected):
        window = LineWindow(flux.start, flux.stop, "pixel", "Ne I", 6402.25)
        row = flux_row(window, flux, spectrum, exptime * fibres)
        rows.append(row | {"flags": flag_words(flux, {"no_dark": not has_dark}, False)})
    return rows


FLAT = exposed([])


@pytest.mark.parametrize(
    ("window", "pixel", "wavelength"),
    [((10, 20), 15, 5007.5), ((10, 21), 15, 5007.5), ((10, 11), 10, 5005), ((7, 7), 7, 5003.5)],
)
def test_the_line_stands_at_the_windows_centre_or_the_pixel_below(window, pixel, wavelength):
    (row,) = table_rows(FLAT, [window])
    assert row["pixel"] == pixel
    assert row["Wavelength"] == wavelength
    assert (row["pixel_start"], row["pixel_stop"]) == window


@pytest.mark.parametrize(
    ("exptime", "fibres", "wanted"), [(1, 1, 70), (10, 1, 7), (2.5, 61, 28 / 61), (0.5, 7, 20)]
)
def test_the_flux_is_the_sum_per_second_and_fibre(exptime, fibres, wanted):
    (row,) = table_rows(FLAT, [(10, 19)], exptime=exptime, fibres=fibres)
    assert row["Flux"] == pytest.approx(wanted, rel=1e-12)
    assert row["Flux_err"] == pytest.approx(2 * np.sqrt(10) / exptime / fibres, rel=1e-12)
    assert row["counts"] == 70


def test_the_rows_hold_the_tables_columns():
    (row,) = table_rows(FLAT, [(10, 20)])
    assert list(row)[:3] == ["pixel", "Wavelength", "Flux"]
    checked, _ = check([peak(100.0)])
    assert set(column_facts("fluxes")) == row.keys() | checked.keys() | {"simulated"}


def test_rows_keep_their_windows_line():
    (flux,) = fluxes_of(FLAT, [(50, 60)])
    for window in (
        LineWindow(50, 60, "pixel", "Ne I", 6402.25),
        LineWindow(1, 2, "pixel", "", None),
    ):
        row = flux_row(window, flux, FLAT, 1.0)
        assert (row["ion"], row["wavelength_air"]) == (window.ion, window.wavelength_air)


# Net fluxes and fits


@pytest.mark.parametrize("continuum", [0.0, 3000.0, np.linspace(0, 5000, SIZE)])
def test_the_net_flux_of_a_line_alone_is_its_light_in_the_window(continuum):
    (row,) = table_rows(exposed([(500.3, 1e6)], continuum=continuum), [(492, 508)])
    # All but 1e-14 of a Gaussian lies within 8 pixels, 8 sigma. There is no noise here: what is
    # left must be far less than the noise that is assumed.
    assert row["net_flux"] == pytest.approx(1e6, abs=0.25 * row["net_flux_err"])
    assert row["fit_flux"] == pytest.approx(1e6, abs=0.25 * row["fit_flux_err"])
    assert row["centroid"] == pytest.approx(500.3, abs=1e-3)
    assert row["continuum"] == pytest.approx(np.mean(continuum), abs=60)


def test_neighbours_count_in_a_window_they_reach_and_not_in_its_continuum():
    lines = [(500.0, 1e6), (512.0, 3e6), (487.0, 2e5), (530.0, 4e5)]
    counts = exposed(lines).clean
    rows = table_rows(exposed(lines, continuum=500.0), [(492, 508), (505, 519)])
    for row in rows:
        inside = counts[row["pixel_start"] : row["pixel_stop"] + 1].sum()
        assert row["net_flux"] == pytest.approx(inside, rel=1e-3)


def test_errors_are_the_scatter_of_repeated_exposures():
    lines = [(200.4, 3e6), (400.0, 3e4), (405.5, 9e4), (600.7, 3000.0), (800.2, 800.0)]
    truth = exposed(lines).clean
    windows = [(193, 208), (394, 411), (593, 608), (793, 808)]
    net, fit = [], []
    for seed in range(120):
        for row in table_rows(exposed(lines, seed, continuum=300.0), windows, expected=800.2):
            inside = truth[row["pixel_start"] : row["pixel_stop"] + 1].sum()
            net.append((row["net_flux"] - inside) / row["net_flux_err"])
            if row["pixel_start"] != 394:
                flux = {193: 3e6, 593: 3000.0, 793: 800.0}[row["pixel_start"]]
                fit.append((row["fit_flux"] - flux) / row["fit_flux_err"])
    for pulls in net, fit:
        # 480 and 360 pulls: mean and standard deviation are known to 0.05 and 0.04.
        assert abs(np.mean(pulls)) < 0.15
        assert 0.85 < np.std(pulls) < 1.2
        assert np.mean(np.abs(pulls) > 4) < 0.01


def test_a_line_too_faint_to_be_found_is_fitted_where_it_should_be():
    # Another line tells the width.
    lines = [(500.0, 400.0), (800.0, 1e6)]
    fluxes = [
        table_rows(exposed(lines, seed), [(493, 507)], expected=500.0)[0]["fit_flux"]
        for seed in range(100)
    ]
    # One fit is uncertain by 110 ADU, the mean of a hundred by 11.
    assert np.mean(fluxes) == pytest.approx(400, abs=33)


def test_blended_lines_are_separated():
    (row,) = table_rows(exposed([(500.0, 1e6), (504.0, 4e5)]), [(492, 502)])
    assert row["fit_flux"] == pytest.approx(1e6, rel=2e-3)
    assert row["centroid"] == pytest.approx(500.0, abs=0.01)
    assert "blended" in row["flags"]


def test_without_gain_fluxes_have_no_errors():
    spectrum = exposed([(500.0, 1e6)], 1)._replace(clean_error=np.full(SIZE, np.nan))
    (row,) = table_rows(spectrum, [(492, 508)])
    assert row["net_flux"] == pytest.approx(1e6, rel=5e-3)
    assert row["fit_flux"] == pytest.approx(1e6, rel=5e-3)
    for name in "net_flux_err", "fit_flux_err", "snr":
        assert row[name] is None


# Flags


def flags_of(row):
    return row["flags"].split()


def test_a_good_line_has_no_flag():
    assert table_rows(exposed([(500.0, 1e6)], 1), [(492, 508)])[0]["flags"] == ""


def test_saturated_and_replaced_pixels_are_flagged_with_their_fractions():
    number = np.zeros(SIZE)
    number[500] = 17
    good = exposed([(500.0, 1e6)], 1)
    (row, other) = table_rows(good._replace(saturated=number), [(491, 510), (300, 310)])
    assert flags_of(row) == ["saturated"]
    assert row["saturated_fraction"] == pytest.approx(17 / 20 / ROWS)
    assert "saturated" not in flags_of(other)
    (row, other) = table_rows(good._replace(replaced=number), [(491, 510), (300, 310)])
    assert flags_of(row) == ["cosmic"]
    assert row["masked_fraction"] == pytest.approx(17 / 20 / ROWS)
    assert other["masked_fraction"] == 0
    bad = good._replace(replaced=number, missing=number)
    assert flags_of(table_rows(bad, [(491, 510)])[0]) == ["bad_pixels"]
    both = good._replace(replaced=2 * number, missing=number)
    assert flags_of(table_rows(both, [(491, 510)])[0]) == ["cosmic", "bad_pixels"]


def test_what_extraction_could_not_do_is_flagged_in_every_window():
    header = {"BIASMETH": "dark", "ERRSRC": "gain", "NREFUSED": 0}
    assert not any(exposure_flags(header).values())
    (flux,) = fluxes_of(exposed([(500.0, 1e6)], 1), [(492, 508)])
    about = exposure_flags(header | {"ERRSRC": "scatter", "NREFUSED": 40})
    assert flag_words(flux, about, False) == "no_gain refused"


def test_a_dead_column_is_filled_by_the_line_that_its_neighbours_show():
    others = [(25.7 + 50 * number, 3e5) for number in range(19)]
    good = exposed([(500.3, 1e6), *others], 1)
    clean, error, lost = good.clean.copy(), good.clean_error.copy(), np.zeros(SIZE)
    # The crest, filled from its neighbours, with an error as large as that of the filling.
    filled = (clean[499] + clean[501]) / 2
    error[500], clean[500], lost[500] = clean[500] - filled, filled, ROWS
    spectrum = good._replace(clean=clean, clean_error=error, replaced=lost, missing=lost)
    (row,) = table_rows(spectrum, [(491, 510)])
    assert row["net_flux"] == pytest.approx(1e6, abs=4 * row["net_flux_err"], rel=0.01)
    assert row["net_flux_err"] < 0.01e6
    assert row["recommended"] == "fit_flux"
    assert row["fit_flux"] == pytest.approx(1e6, abs=4 * row["fit_flux_err"], rel=0.01)


@pytest.mark.parametrize("pixel", [498, 502])
def test_a_dead_pixel_on_the_flank_of_a_line_is_found_by_its_shape(pixel):
    others = [(25.7 + 50 * number, 3e5) for number in range(19)]
    good = exposed([(500.3, 1e5), *others], 1)
    clean = good.clean.copy()
    clean[pixel] = 0
    (row,) = table_rows(good._replace(clean=clean), [(491, 510)])
    assert flags_of(row) == ["bad_pixels"]
    assert row["recommended"] == "fit_flux"
    assert row["fit_flux"] == pytest.approx(1e5, abs=4 * row["fit_flux_err"], rel=0.02)
    assert row["net_flux"] == pytest.approx(1e5, abs=2 * row["net_flux_err"])


def test_a_bright_line_to_which_no_fit_settles_is_a_misfit():
    others = [(25.7 + 50 * number, 3e5) for number in range(19)]
    good = exposed([(500.3, 3e5), *others], 1)
    clean = good.clean.copy()
    clean[501:505] = 0
    (row,) = table_rows(good._replace(clean=clean), [(491, 510)])
    assert "misfit" in flags_of(row) or "bad_pixels" in flags_of(row)


def test_the_flux_of_a_saturated_line_is_fitted_to_its_flanks():
    counts = exposed([(500.3, 1e6)]).clean
    clipped = counts > 2e5
    spectrum = exposed([(500.3, 1e6)])._replace(
        clean=np.minimum(counts, 2e5), saturated=clipped.astype(float)
    )
    (row,) = table_rows(spectrum, [(492, 508)])
    assert row["net_flux"] < 0.9e6
    assert row["fit_flux"] == pytest.approx(1e6, rel=0.1)


def test_faint_negative_and_darkless_lines_are_flagged():
    hollow = exposed([], 3)
    hollow = hollow._replace(clean=hollow.clean - gaussian(SIZE, 500.0, 1.0, 3e4))
    (row,) = table_rows(hollow, [(492, 508)], has_dark=False)
    assert flags_of(row) == ["faint", "no_dark", "negative"]


@pytest.mark.parametrize("window", [(0, 12), (987, 999)])
def test_a_window_at_the_detectors_end_is_flagged(window):
    (row,) = table_rows(exposed([(6.0, 1e5), (993.0, 1e5)], 2), [window])
    assert flags_of(row) == ["edge"]
    # The continuum is known on one side only.
    assert row["net_flux"] == pytest.approx(1e5, rel=0.02)


@pytest.mark.parametrize("value", [np.nan, 0.0])
def test_empty_and_unknown_spectra_raise_no_error(value):
    (row,) = table_rows(FLAT._replace(clean=np.full(SIZE, value)), [(492, 508)])
    assert row["net_flux"] in (None, 0.0)


# The line in a window

LINEAR = 5000 + 0.5 * np.arange(1000)


def peak(pixel, height=1000.0, ion=None, line=None, used=True):
    """A row of the table of identified lines, as it is read: empty cells are left out."""
    row = {"pixel": pixel, "height": height, "used": str(bool(ion) and used)}
    return row | ({"ion": ion, "wavelength_air": line} if ion else {})


def check(peaks, line=5050.0, ion="Ne I", method="fitted", trusted=(0, 999)):
    row = {"pixel_start": 95, "pixel_stop": 105, "ion": ion, "wavelength_air": line}
    return line_check(row, LINEAR, method, trusted, peaks)


@pytest.mark.parametrize(("pixel", "offset"), [(100.0, 0.0), (101.0, 0.5), (98.6, -0.7)])
@pytest.mark.parametrize("method", ["fitted", "shifted", "nominal"])
def test_the_offset_is_the_solutions_wavelength_minus_the_lines(pixel, offset, method):
    checked, misplaced = check([peak(pixel)], method=method)
    assert checked["line_offset"] == pytest.approx(offset, abs=1e-9)
    assert checked["wavelength_method"] == method
    assert not misplaced


def test_the_offset_is_that_of_the_windows_highest_peak():
    peaks = [peak(97.0, 10.0), peak(102.0, 90.0), peak(120.0, 500.0), peak(80.0, 500.0)]
    assert check(peaks)[0]["line_offset"] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("pixel", "inside"), [(94.4, False), (94.6, True), (105.4, True), (105.6, False)]
)
def test_a_peak_is_in_a_window_that_holds_its_pixel(pixel, inside):
    assert (check([peak(pixel)])[0]["line_offset"] is not None) == inside


@pytest.mark.parametrize(
    ("line", "misplaced"),
    [(5050.0, False), (5047.0, False), (5046.0, True), (5053.0, False), (5054.0, True)],
)
def test_a_line_that_the_solution_puts_outside_its_window_is_misplaced(line, misplaced):
    # The window spans 5047.5 to 5052.5; a pixel beyond, half an Angstrom, is let pass.
    assert check([peak(100.0)], line=line)[1] == misplaced
    assert check([], line=line)[1] == misplaced


@pytest.mark.parametrize("trusted", [(96, 999), (0, 104), (200, 300), (0, -1)])
def test_nothing_is_flagged_where_the_solution_is_not_trusted(trusted):
    checked, misplaced = check([peak(100.0)], line=5300.0, trusted=trusted)
    assert checked["wavelength_trusted"] is False
    assert not misplaced


@pytest.mark.parametrize("trusted", [(95, 105), (0, 999)])
def test_a_window_wholly_within_the_trusted_range_is_trusted(trusted):
    assert check([], trusted=trusted)[0]["wavelength_trusted"] is True


@pytest.mark.parametrize("trusted", [(0, 999), (0, -1)])
def test_a_nominal_solution_is_never_trusted_and_flags_nothing(trusted):
    checked, misplaced = check([peak(100.0)], line=5300.0, method="nominal", trusted=trusted)
    assert checked["wavelength_trusted"] is False
    assert not misplaced


def test_a_window_that_names_no_line_takes_the_one_identified_in_it():
    peaks = [peak(97.0, 10.0, "Ar I", 5048.5), peak(102.0, 90.0, "Th I", 5050.9)]
    checked, _ = check(peaks, line=None, ion="")
    assert (checked["ion"], checked["wavelength_air"]) == ("Th I", 5050.9)
    assert checked["line_offset"] == pytest.approx(0.1)


@pytest.mark.parametrize(
    "peaks",
    [[], [peak(102.0)], [peak(102.0, 90.0, "Th I", 5050.9, used=False)], [peak(97, 1), peak(102)]],
)
def test_a_window_without_an_identified_line_stays_without(peaks):
    checked, misplaced = check(peaks, line=None, ion="")
    assert (checked["ion"], checked["wavelength_air"]) == ("", None)
    assert checked["line_offset"] is None
    assert not misplaced


def test_a_table_that_names_its_line_is_not_overruled():
    checked, _ = check([peak(102.0, 90.0, "Th I", 5050.9)])
    assert (checked["ion"], checked["wavelength_air"]) == ("Ne I", 5050.0)
    assert checked["line_offset"] == pytest.approx(1.0)
