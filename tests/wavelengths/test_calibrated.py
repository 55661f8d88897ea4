import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.wcs import WCS
from specutils import Spectrum

from arcs import arc, gaussian_lines
from lampflux.errors import UserError
from lampflux.files.spectra import air_wavelengths, read_spectrum, table_of, write_calibrated
from lampflux.medium import to_vacuum
from lampflux.peaks import Peaks, find_peaks
from lampflux.wavelengths import Identification, Lines, identify, line_list
from lampflux.wavelengths.fit import Solution
from lampflux.wavelengths.identification import nominal_identification
from lampflux.wavelengths.reference import reference_solution
from lampflux.wavelengths.scale import extended, nominal_wavelength
from lampflux.wavelengths.table import identified_rows, solution_cards
from lampflux.wavelengths.verdict import Verdict

BLUE = {"crval": 4799.726495726, "crpix": 2048, "cdelt": 0.5470085470085}
NONE = np.zeros(3, bool)
THREE = Peaks(
    np.array([10.0, 20.5, 30.0]),
    np.full(3, 0.04),
    np.array([5.0, 7.0, 9.0]),
    *(NONE, NONE, NONE),
    4.0,
)
RED = {"crval": 6754.73992674, "crpix": 2048, "cdelt": 0.5201465201465}


def write_example(folder, nominal, medium="air"):
    pixels = np.arange(50)
    table = {
        "pixel": pixels,
        "wavelength": nominal_wavelength(pixels, **nominal),
        "flux": 1000.5 - 40 * pixels,
        "uncertainty": np.sqrt(pixels + 1),
        "mask": pixels % 7 == 3,
        "wavelength_error": 0.01 + 0.001 * pixels,
    }
    path = folder / "a.fits"
    header = fits.Header({"LAMP": "ThAr", "EXPTIME": 60.0})
    cards = [("WAVEMETH", "fitted", "how")]
    write_calibrated(path, header, nominal, cards, table, example_solution()[0], medium)
    return path, table


@pytest.mark.parametrize("solution", [BLUE, RED, {"crval": 100.0, "crpix": 1.5, "cdelt": -2.0}])
def test_the_reference_pixel_counts_from_one(solution):
    pixel = solution["crpix"] - 1
    assert nominal_wavelength(pixel, **solution) == solution["crval"]
    after = nominal_wavelength(pixel + 3, **solution)
    assert after == pytest.approx(solution["crval"] + 3 * solution["cdelt"], abs=1e-9)


@pytest.mark.parametrize(("solution", "first", "last"), [(BLUE, 3680, 5920), (RED, 5690, 7820)])
def test_the_arms_of_hector_span_round_wavelengths(solution, first, last):
    ends = nominal_wavelength(np.array([0, 4095]), **solution)
    assert ends == pytest.approx([first, last], abs=1e-6)


@pytest.mark.parametrize("solution", [BLUE, RED, {"crval": 4500.25, "crpix": 10.5, "cdelt": -4.6}])
def test_the_header_gives_the_wavelengths_of_the_table(tmp_path, solution):
    path, _ = write_example(tmp_path, solution)
    with fits.open(path) as hdus:
        wcs = WCS(hdus[0].header)
        table = hdus["SPECTRUM"].data
        world = wcs.pixel_to_world_values(table["pixel"]) * u.Unit(wcs.wcs.cunit[0])
        assert world.to_value("Angstrom") == pytest.approx(table["wavelength"], abs=1e-6)
    assert wcs.wcs.ctype[0] == "AWAV"


def test_a_file_in_vacuum_says_so_and_is_read_in_air(tmp_path):
    path, table = write_example(tmp_path, BLUE, medium="vacuum")
    with fits.open(path) as hdus:
        wcs, written = WCS(hdus[0].header), hdus["SPECTRUM"]
        assert wcs.wcs.ctype[0] == "WAVE"
        assert written.header.comments["TTYPE2"] == "wavelength in vacuum"
        vacuum = to_vacuum(table["wavelength"])
        np.testing.assert_allclose(written.data["wavelength"], vacuum, rtol=1e-12)
        world = wcs.pixel_to_world_values(table["pixel"]) * 1e10
        np.testing.assert_allclose(world, vacuum, atol=1e-3)
        # The nominal solution is linear in air.
        assert WCS(hdus[0].header, key="A").wcs.ctype[0] == "AWAV"
        np.testing.assert_allclose(air_wavelengths(hdus), table["wavelength"], rtol=1e-12)


@pytest.mark.parametrize("name", ["SPECTRUM", "PEAKS"])
def test_tables_are_read_as_astropy_reads_them(tmp_path, name):
    path, _ = write_example(tmp_path, BLUE)
    with fits.open(path) as hdus:
        table, wanted = table_of(hdus[name]), hdus[name].data
        assert list(table.dtype.names) == wanted.names
        for column in wanted.names:
            is_logical = wanted[column].dtype == bool
            read = table[column] == b"T" if is_logical else table[column]
            np.testing.assert_array_equal(read, wanted[column])


@pytest.mark.filterwarnings("ignore:File may have been truncated")
def test_a_table_that_is_cut_off_is_not_read(tmp_path):
    path, _ = write_example(tmp_path, BLUE)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="greater than file size"):
        read_spectrum(path)


BENT = np.polynomial.Polynomial([6800, 1080, -28, -15, 3, -2], domain=[0, 4095])
# A straight continuation of a shifted solution has a corner.
SHIFTED = extended(BENT(np.arange(4096)), np.arange(4096) - 20.3)


@pytest.mark.filterwarnings("ignore:No observer defined")
@pytest.mark.parametrize(
    "wavelength", [BENT(np.arange(4096)), SHIFTED, BENT(np.arange(4096))[::-1]]
)
def test_all_ways_to_read_the_wavelengths_agree(tmp_path, wavelength):
    table = {"pixel": np.arange(4096), "wavelength": wavelength, "flux": np.ones(4096)}
    header = fits.Header({"BUNIT": "adu"})
    path = tmp_path / "a.fits"
    write_calibrated(path, header, RED, [], table, THREE)
    header = fits.getheader(path)
    world = WCS(header).pixel_to_world_values(table["pixel"]) * 1e10
    np.testing.assert_allclose(world, wavelength, atol=0.02)
    axis = Spectrum.read(path, format="wcs1d-fits").spectral_axis
    np.testing.assert_allclose(axis.to_value(u.Angstrom), wavelength, atol=0.02)
    nominal = WCS(header, key="A").pixel_to_world_values(table["pixel"]) * 1e10
    np.testing.assert_allclose(nominal, nominal_wavelength(table["pixel"], **RED), atol=1e-6)
    # What knows of no correction reads a straight line near the solution.
    line = header["CRVAL1"] + header["CDELT1"] * (table["pixel"] + 1 - header["CRPIX1"])
    assert np.abs(line - wavelength).max() < 40


def test_the_table_is_written_whole_in_order_and_with_units(tmp_path):
    path, wanted = write_example(tmp_path, BLUE)
    with fits.open(path) as hdus:
        columns = hdus["SPECTRUM"].columns
        units = {column.name: column.unit for column in columns}
        for name, values in wanted.items():
            np.testing.assert_array_equal(hdus["SPECTRUM"].data[name], values)
        np.testing.assert_array_equal(hdus[0].data, wanted["flux"])
        assert hdus[0].header["LAMP"] == "ThAr"
        assert hdus[0].header["EXPTIME"] == 60
        assert hdus[0].header["WAVEMETH"] == "fitted"
        assert hdus[0].header.comments["WAVEMETH"] == "how"
    assert list(units) == list(wanted)
    assert units == {
        "pixel": "pixel",
        "wavelength": "Angstrom",
        "flux": "adu",
        "uncertainty": "adu",
        "mask": None,
        "wavelength_error": "Angstrom",
    }


def test_the_header_that_was_handed_in_is_left_alone(tmp_path):
    header = fits.Header({"LAMP": "ThAr"})
    table = {"pixel": np.arange(2), "wavelength": np.array([5000.0, 5001]), "flux": np.ones(2)}
    write_calibrated(
        tmp_path / "a.fits",
        header,
        BLUE,
        [("WAVEMETH", "nominal", "")],
        table,
        example_solution()[0],
    )
    assert list(header) == ["LAMP"]


def test_specutils_opens_the_file(tmp_path):
    path, wanted = write_example(tmp_path, RED)
    spectrum = Spectrum.read(path)
    assert spectrum.flux.unit == u.adu
    assert spectrum.spectral_axis.unit == u.Angstrom
    np.testing.assert_array_equal(spectrum.flux.value, wanted["flux"])
    np.testing.assert_array_equal(spectrum.spectral_axis.value, wanted["wavelength"])
    np.testing.assert_array_equal(spectrum.uncertainty.array, wanted["uncertainty"])
    np.testing.assert_array_equal(spectrum.mask, wanted["mask"])


# The arm's reference


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_a_reference_without_scatter_gives_its_polynomial_back(degree):
    pixel = np.sort(np.random.default_rng(degree).uniform(0, 4095, 30))
    truth = np.polynomial.Polynomial([6800, 1080, -28, -15][: degree + 1], domain=[0, 4095])
    found = reference_solution(pixel, truth(pixel), np.arange(4096))
    np.testing.assert_allclose(found.wavelength, truth(np.arange(4096)), atol=1e-5)
    assert found.error.max() < 1e-3


def test_scatter_of_a_reference_does_not_make_it_wind():
    rng = np.random.default_rng(4)
    pixel = np.sort(rng.uniform(100, 4000, 35))
    truth = np.polynomial.Polynomial([6800, 1080, -28, -15], domain=[0, 4095])
    found = reference_solution(pixel, truth(pixel) + rng.normal(0, 0.1, 35), np.arange(4096))
    assert np.abs(found.wavelength - truth(np.arange(4096)))[100:4000].max() < 0.25


def test_few_pairs_of_a_reference_are_a_straight_line():
    pixel = np.array([10.0, 500.0, 1000.0])
    found = reference_solution(pixel, 5000 + 2 * pixel, np.array([0, 2000]))
    np.testing.assert_allclose(found.wavelength, [5000, 9000])


# What is written of a solution


def example_solution():
    """Three peaks: identified and used, identified and not used, not identified."""
    lines = Lines(np.array([5005.1, 5009.0]), np.ones(2), np.array(["Ne I", "Ar I"], object))
    solution = Solution(
        wavelength=5000 + 0.5 * np.arange(50),
        error=np.full(50, 0.02),
        parameters=3,
        lines=lines,
        centroid=lines.wavelength,
        line=np.array([0, 1, -1]),
        used=np.array([True, False, False]),
        residual=np.array([0.2, -2.5, np.inf]),
        scatter=0.1,
        matched=0.8,
        certain=0.9,
        first=3,
        last=44,
    )
    return THREE, solution


def test_every_peak_has_a_row_with_its_line_and_residual():
    peaks, solution = example_solution()
    rows = identified_rows(peaks, solution)
    assert rows == [
        {
            "pixel": 10.0,
            "pixel_error": 0.04,
            "height": 5.0,
            "used": True,
            "ion": "Ne I",
            "wavelength_air": 5005.1,
            "blend_air": 5005.1,
            "residual": pytest.approx(0.1),
        },
        {
            "pixel": 20.5,
            "pixel_error": 0.04,
            "height": 7.0,
            "used": False,
            "ion": "Ar I",
            "wavelength_air": 5009.0,
            "blend_air": 5009.0,
            "residual": pytest.approx(-1.25),
        },
        {"pixel": 30.0, "pixel_error": 0.04, "height": 9.0, "used": False},
    ]


def test_without_a_solution_peaks_are_listed_without_lines():
    peaks, _ = example_solution()
    rows = identified_rows(peaks, None)
    assert [row["pixel"] for row in rows] == [10.0, 20.5, 30.0]
    assert all("ion" not in row and not row["used"] for row in rows)


def test_the_cards_of_a_solution_say_how_good_it_is():
    peaks, solution = example_solution()
    verdict = Verdict(True, 80.0, 90.0, "")
    found = Identification("fitted", solution.wavelength, solution.error, verdict, peaks, solution)
    cards = {keyword: value for keyword, value, _ in solution_cards(found)}
    assert cards["WAVEMETH"] == "fitted"
    assert (cards["WAVENLIN"], cards["WAVENPAR"]) == (1, 3)
    # Of three peaks one has no line.
    assert cards["WAVEUNID"] == pytest.approx(1 / 3, abs=0.001)
    assert (cards["WAVEFRST"], cards["WAVELAST"]) == (3, 44)
    # 0.2 pixel of 0.5 Angstrom.
    assert cards["WAVERMS"] == pytest.approx(0.1)
    assert "WAVEREAS" not in cards


def test_the_cards_of_a_nominal_solution_say_why_it_stayed():
    verdict = Verdict(False, 3.0, -5.0, "could be chance: evidence 3 of 30, lead -5 of 77")
    found = nominal_identification(example_solution()[0], np.arange(50.0), verdict)
    cards = {keyword: value for keyword, value, _ in solution_cards(found)}
    assert cards["WAVEMETH"] == "nominal"
    assert cards["WAVEREAS"] == "could be chance: evidence 3 of 30, lead -5 of 77"
    assert "WAVERMS" not in cards
    # A header takes them all, and says it in a line.
    header = fits.Header(list(solution_cards(found)))
    assert header["WAVEREAS"] == "could be chance: evidence 3 of 30, lead -5 of 77"


def test_line_lists_are_read_into_one_catalogue_with_their_ions(tmp_path):
    (tmp_path / "Ne_I.csv").write_text("wavelength_air,intensity\n6402.25,2000\n7032.41,8\n")
    (tmp_path / "Ar_I.csv").write_text("wavelength_air,intensity\n6965.43,1e4\n")
    lines = line_list(["Ne I", "Ar I"], [tmp_path / "Ne_I.csv", tmp_path / "Ar_I.csv"])
    assert lines.wavelength.tolist() == [6402.25, 7032.41, 6965.43]
    assert lines.intensity.tolist() == [2000, 8, 10000]
    assert lines.ion.tolist() == ["Ne I", "Ne I", "Ar I"]


def test_shipped_line_lists_are_found_by_the_names_of_their_ions():
    lines = line_list(["Hg I", "Ne I"])
    # Laboratory wavelengths in air, NIST Atomic Spectra Database.
    for ion, wavelength in ("Hg I", 4358.33), ("Hg I", 5460.75), ("Ne I", 6402.25):
        assert np.abs(lines.wavelength[lines.ion == ion] - wavelength).min() < 0.01


def test_an_ion_without_a_list_is_named_beside_those_that_have_one():
    with pytest.raises(UserError, match=r"No line list of Zz I; choose among Ar I, .*Xe I"):
        line_list(["Ne I", "Zz I"])


# Peaks are handed on


def test_peaks_come_back_as_they_were_found(tmp_path):
    centres = np.append(np.arange(40.0, 960, 60), 406)
    heights = np.append(np.full(16, 1e4), 3e3)
    found = find_peaks(gaussian_lines(1024, centres, heights, 4.0))
    assert found.leaning.any()
    assert not found.leaning.all()
    pixels = np.arange(1024)
    names = ("wavelength", "flux", "uncertainty", "clean", "clean_uncertainty", "summed")
    table = dict.fromkeys((*names, "replaced", "missing", "saturated", "peak"), np.ones(1024))
    table["wavelength_error"] = np.ones(1024)
    write_calibrated(
        tmp_path / "a.fits", fits.Header(), BLUE, [], {"pixel": pixels} | table, found
    )
    _, _, peaks = read_spectrum(tmp_path / "a.fits")
    assert peaks.fwhm == found.fwhm
    for name in Peaks._fields[:-1]:
        np.testing.assert_array_equal(getattr(peaks, name), getattr(found, name))
        assert getattr(peaks, name).dtype == getattr(found, name).dtype


# Called on arrays


def test_identify_wants_wavelengths_for_as_many_pixels_as_counts():
    lines = line_list(["Ne I"])
    with pytest.raises(ValueError, match="give a nominal solution"):
        identify(np.ones(100), lines)
    with pytest.raises(ValueError, match="100 counts, but nominal wavelengths of 50 pixels"):
        identify(np.ones(100), lines, np.arange(50))


def test_linear_values_and_their_array_give_the_same_wavelengths():
    true = arc("Ne", 5700, 7800, 1024, seed=6)
    linear = {"crval": true.nominal[0], "crpix": 1, "cdelt": true.nominal[1] - true.nominal[0]}
    lines = line_list(["Ne I"])
    for nominal in true.nominal, linear:
        found = identify(true.counts, lines, nominal, uncertainty=true.uncertainty)
        assert found.method == "fitted"
        first, last = found.solution.first, found.solution.last
        off = np.abs((found.wavelength - true.wavelength) / np.gradient(true.wavelength))
        assert off[first : last + 1].max() < 0.3
        assert {row["ion"] for row in found.lines if row["used"]} == {"Ne I"}
