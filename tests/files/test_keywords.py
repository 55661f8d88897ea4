"""Exposure time and facts of the detector, by whatever keyword a header gives them."""

import numpy as np
import pytest
from astropy.io import fits

from lampflux.errors import UserError
from lampflux.files.keywords import (
    check_exposure_time,
    check_unit,
    combined_exposures,
    detector_fact,
    largest_number,
    saturation_limit,
)

UIT1 = "HIERARCH ESO DET WIN1 UIT1"


def header(**cards):
    made = fits.PrimaryHDU(np.zeros((2, 2), "u2")).header
    made.update(cards)
    return made


@pytest.mark.parametrize("keyword", ["EXPTIME", "EXPOSED", "EXPOSURE", "ITIME", UIT1])
@pytest.mark.parametrize("seconds", [60, 60.0, 59.98, 60.003, 59.41, 60.6])
def test_an_exposure_time_that_agrees_within_a_per_cent_passes(keyword, seconds):
    check_exposure_time(fits.Header({keyword: seconds}), 60.0, "a.fits")


def test_a_header_without_exposure_time_passes():
    check_exposure_time(fits.Header({"OBJECT": "arc"}), 60.0, "a.fits")


@pytest.mark.parametrize("keyword", ["EXPTIME", "EXPOSED", "EXPOSURE", "ITIME", UIT1])
@pytest.mark.parametrize("seconds", [0, 6, 59, 62, 600, -60])
def test_an_exposure_time_that_differs_is_refused_with_both_numbers(keyword, seconds):
    with pytest.raises(UserError) as caught:
        check_exposure_time(fits.Header({keyword: seconds}), 60.5, "lamps/a.fits")
    for word in "lamps/a.fits", "60.5 s", f"{seconds} s", keyword.removeprefix("HIERARCH "):
        assert word in str(caught.value)


@pytest.mark.parametrize("value", ["a minute", "60 s", "nan", True])
def test_an_exposure_time_that_is_no_number_is_refused(value):
    with pytest.raises(UserError, match=r"lamps/a\.fits"):
        check_exposure_time(fits.Header({"EXPTIME": value}), 60.0, "lamps/a.fits")


@pytest.mark.parametrize("value", ["", None])
def test_a_keyword_without_a_value_is_named(value):
    with pytest.raises(UserError, match="EXPTIME has no value"):
        check_exposure_time(fits.Header({"EXPTIME": value}), 60.0, "lamps/a.fits")


def test_short_exposures_may_differ_by_the_rounding_of_their_names():
    check_exposure_time(fits.Header({"EXPTIME": 0.104}), 0.1, "a.fits")
    with pytest.raises(UserError):
        check_exposure_time(fits.Header({"EXPTIME": 0.1449}), 0.1, "a.fits")
    with pytest.raises(UserError):
        check_exposure_time(fits.Header({"EXPTIME": 0.002}), 3, "bias.fits")


def test_the_tolerance_is_configurable():
    check_exposure_time(
        fits.Header({"EXPTIME": 11}), 10, "a.fits", {"exposure_tolerance": (0.2, 0)}
    )
    with pytest.raises(UserError):
        check_exposure_time(
            fits.Header({"EXPTIME": 10.01}), 10, "a.fits", {"exposure_tolerance": (1e-4, 0)}
        )


def test_a_configured_keyword_and_unit_replace_the_usual_ones():
    found = fits.Header({"EXPTIME": 1, "DWELL": 2500})
    settings = {"keywords": {"exposure_time": ["DWELL"]}, "exposure_unit": "ms"}
    check_exposure_time(found, 2.5, "a.fits", settings)
    with pytest.raises(UserError, match=r"2500 ms in its header \(DWELL\)"):
        check_exposure_time(found, 25, "a.fits", settings)
    with pytest.raises(UserError, match=r"^a\.fits: its header has no DWELL, which"):
        check_exposure_time(fits.Header({"EXPTIME": 2.5}), 2.5, "a.fits", settings)


def test_a_time_in_another_unit_is_reported_with_that_unit():
    with pytest.raises(UserError, match="or set the arm's exposure_unit: ms"):
        check_exposure_time(fits.Header({"EXPTIME": 2500}), 2.5, "a.fits")


def test_the_message_names_the_table_where_the_time_comes_from_one():
    with pytest.raises(UserError, match=r"25 s in my\.csv but 10 s"):
        check_exposure_time(fits.Header({"EXPTIME": 10}), 25, "a.fits", table="my.csv")


@pytest.mark.parametrize(
    "unit",
    [
        "electron",
        "ELECTRONS",
        "e-",
        "e",
        "photon",
        "electron/s",
        "adu/s",
        "ADU / sec",
        "DN s-1",
        "ct s^-1",
        "adu s**-1",
        "counts per second",
    ],
)
def test_electrons_and_counts_per_second_are_refused(unit):
    with pytest.raises(UserError, match=r"^a\.fits is in .+ \(BUNIT\), not in counts"):
        check_unit(fits.Header({"BUNIT": unit}), "a.fits")


@pytest.mark.parametrize("unit", ["adu", "ADU", "count", "counts", "ct", "DN", "du", "", 1, None])
def test_counts_of_any_name_pass(unit):
    check_unit(fits.Header({"BUNIT": unit}), "a.fits")
    check_unit(fits.Header(), "a.fits")


@pytest.mark.parametrize(
    ("cards", "wanted"),
    [
        ({}, (None, None)),
        ({"NCOMBINE": 1, "COADDS": 1}, (None, None)),
        ({"NCOMBINE": 5}, (5, "NCOMBINE")),
        ({"COADDS": 3}, (3, "COADDS")),
        ({"NCOMBINE": 1, "COADDS": 3}, (3, "COADDS")),
    ],
)
def test_combined_exposures_are_counted(cards, wanted):
    assert combined_exposures(fits.Header(cards)) == wanted


@pytest.mark.parametrize("seconds", [2, 10])
def test_the_time_may_be_that_of_all_combined_exposures(seconds):
    found = fits.Header({"ITIME": 2.0, "COADDS": 5})
    check_exposure_time(found, seconds, "a.fits")
    with pytest.raises(UserError):
        check_exposure_time(found, 3 * seconds, "a.fits")


@pytest.mark.parametrize(
    ("name", "keyword"),
    [
        ("gain", "RO_GAIN"),
        ("gain", "EGAIN"),
        ("gain", "GAIN"),
        ("gain", "HIERARCH ESO DET OUT1 CONAD"),
        ("read_noise", "RDNOISE"),
        ("saturation", "SATURATE"),
    ],
)
def test_a_fact_is_found_by_its_keyword_and_the_config_comes_first(name, keyword):
    found = header(**{keyword: 2.5})
    assert detector_fact(name, found, None) == (2.5, keyword.removeprefix("HIERARCH "))
    assert detector_fact(name, found, 1.9) == (1.9, "config")


def test_a_configured_keyword_of_the_gain_replaces_the_usual_ones():
    assert detector_fact("gain", header(GAIN=360, CONV=1.3), None, ["CONV"]) == (1.3, "CONV")


@pytest.mark.parametrize(
    ("configured", "cards", "wanted"),
    [
        (None, {}, (65535, "number type")),
        (None, {"SATURATE": 60000}, (60000, "SATURATE")),
        (None, {"SATURATE": 70000}, (65535, "number type")),
        (50000, {"SATURATE": 60000}, (50000, "config")),
        (1e6, {}, (65535, "number type")),
    ],
)
def test_saturation_is_no_more_than_the_largest_number_of_the_type(configured, cards, wanted):
    assert saturation_limit(header(**cards), configured) == wanted


def test_scaled_numbers_are_not_held_to_their_type():
    found = header(BSCALE=0.2, BZERO=7000, SATURATE=63042)
    assert saturation_limit(found, None) == (63042, "SATURATE")


@pytest.mark.parametrize("bad", ["2.1", "high", "", None, True, False, np.nan, np.inf, 0, 0.0, -1])
def test_impossible_values_are_ignored(bad):
    assert detector_fact("gain", {"RO_GAIN": bad, "GAIN": 1.5}, None) == (1.5, "GAIN")
    assert detector_fact("gain", {"RO_GAIN": bad}, 7.0) == (7.0, "config")
    assert detector_fact("gain", {"GAIN": bad}, None) == (None, None)


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ({"BITPIX": 8}, 255),
        ({"BITPIX": 16}, 32767),
        ({"BITPIX": 32}, 2**31 - 1),
        ({"BITPIX": 16, "BZERO": 32768}, 65535),
        ({"BITPIX": 16, "BZERO": 32768.0, "BSCALE": 1.0}, 65535),
        ({"BITPIX": 32, "BZERO": 2**31}, 2**32 - 1),
        ({"BITPIX": 8, "BZERO": -128}, 127),
        ({"BITPIX": 16, "BZERO": 10, "BSCALE": 2}, 65544),
        ({"BITPIX": -32}, np.inf),
        ({"BITPIX": -64, "BZERO": 5}, np.inf),
    ],
)
def test_the_largest_number_is_that_of_the_number_type(header, wanted):
    assert largest_number(header) == wanted


def test_a_negative_scale_turns_the_lowest_stored_number_into_the_largest():
    assert largest_number({"BITPIX": 16, "BSCALE": -1}) == 32768
