"""Properties that hold for any input: names, tables, windows, sums, fluxes and statistics."""

import csv
import io
import re
import string
import tempfile
from fractions import Fraction
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from lampflux.campaign.exposures import (
    Exposure,
    exposures_from_table,
    find_exposures,
    seconds_text,
)
from lampflux.errors import UserError
from lampflux.extraction.detector import counting_noise
from lampflux.extraction.plain import sum_along_slit
from lampflux.files.frames import to_physical
from lampflux.files.spectra import Spectrum
from lampflux.files.tables import number, read_table
from lampflux.fluxes.measure import measure
from lampflux.fluxes.table import flux_row
from lampflux.fluxes.windows import LineWindow, order_problems, window_pixels, window_sums
from lampflux.statistics import (
    box_sums,
    clipped_moments,
    linear_trend,
    robust_scatter,
    student_probability,
    weighted_mean,
)

# The same examples each time, and nothing kept on disk.
settings.register_profile(
    "lampflux", derandomize=True, deadline=None, database=None, max_examples=150
)
settings.load_profile("lampflux")

WORDS = st.text(string.ascii_letters + string.digits + ".+-", min_size=1, max_size=12)
SECONDS = st.from_regex(r"[0-9]{1,5}(\.[0-9]{1,6})?", fullmatch=True).filter(float)
SUFFIXES = st.sampled_from([".fits", ".fits.gz", ".fits.fz", ".FITS"])
# Any name that a file can have.
NAMES = st.text(st.characters(exclude_characters="/\0", codec="utf-8"), max_size=60)


# Names


def name_of(brand, lamp, arm, seconds, number):
    return f"{brand}_{lamp}_{arm}_{seconds}s_{number}"


@given(WORDS, WORDS, WORDS, SECONDS, WORDS, SUFFIXES)
def test_an_exposure_written_as_a_name_is_read_back(brand, lamp, arm, seconds, number, suffix):
    stem = name_of(brand, lamp, arm, seconds, number)
    path = f"/raw/night 1/{stem}{suffix}"
    exposures, problems = find_exposures([path], [lamp], [arm])
    wanted = Exposure(stem, brand, lamp, arm, float(seconds), number, path, None)
    assert (exposures, problems) == ([wanted], [])


@given(NAMES, SUFFIXES)
@example("Photron_ThAr_Red_６０s_02", ".fits")
@example("Photron_ThAr_Red_60s_02\n", ".fits")
@example("Dark_Red_60s", ".fits")
def test_any_name_is_an_exposure_a_dark_or_one_problem(name, suffix):
    path = f"/raw/{name}{suffix}"
    exposures, problems = find_exposures([path], ["ThAr"], ["Red"])
    if re.fullmatch(r"[A-Za-z0-9.+-]+_ThAr_Red_60s_[A-Za-z0-9.+-]+", name):
        assert (len(exposures), problems) == (1, [])
    elif name == "Dark_Red_60s":
        assert (exposures, problems) == ([], [])
    else:
        (problem,) = problems
        assert problem.startswith(path)


@given(WORDS, st.sampled_from([("1.5", "1.50", "01.5"), ("60", "060", "60.0"), ("0.1", "00.10")]))
def test_one_exposure_time_in_several_notations_is_one_exposure(number, notations):
    paths = [f"/raw/{name_of('B', 'L', 'A', each, number)}.fits" for each in notations]
    exposures, problems = find_exposures(paths, ["L"], ["A"])
    assert len({each.identity for each in exposures}) == 1
    (problem,) = problems
    assert all(path in problem for path in paths)
    for seconds in notations:
        dark = f"/raw/Dark_A_{seconds}s.fits"
        (exposure,), problems = find_exposures([paths[0], dark], ["L"], ["A"])
        assert (exposure.dark, problems) == (dark, [])


@given(SECONDS, st.integers(0, 3), st.integers(0, 3))
def test_tables_and_names_agree_on_exposure_times(seconds, before, behind):
    longer = "0" * before + seconds + ("0" * behind if "." in seconds else "")
    assert seconds_text(longer) == seconds_text(seconds)
    assert float(seconds_text(seconds)) == float(seconds)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "a.fits").touch()
        row = {"path": "a.fits", "brand": "B", "lamp": "L", "arm": "A", "exptime": longer}
        table = str(Path(folder, "t.csv"))
        (made,), problems = exposures_from_table([row | {"id": "1"}], table, ["L"], ["A"])
    assert problems == []
    (named,), _ = find_exposures([f"/raw/{made.stem}.fits"], ["L"], ["A"])
    assert named.identity == made.identity


@given(st.data())
def test_the_order_of_the_paths_changes_nothing(data):
    frame = st.builds(
        lambda folder, *rest: f"/raw/{folder}/{name_of(*rest)}.fits",
        st.sampled_from("ab"),
        st.sampled_from("BC"),
        st.just("L"),
        st.sampled_from("XY"),
        st.sampled_from(["1", "1.0", "2"]),
        st.sampled_from("12"),
    )
    dark = st.builds(
        lambda folder, arm, seconds: f"/raw/{folder}/Dark_{arm}_{seconds}s.fits",
        st.sampled_from("abcd"),
        st.sampled_from("XY"),
        st.sampled_from(["1", "1.0", "2"]),
    )
    paths = sorted(data.draw(st.sets(frame | dark, max_size=12)))
    shuffled = data.draw(st.permutations(paths))
    exposures, problems = find_exposures(paths, ["L"], ["X", "Y"])
    others, other_problems = find_exposures(shuffled, ["L"], ["X", "Y"])
    assert set(others) == set(exposures)
    assert len(other_problems) == len(problems)


# Tables


CELLS = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=12)


def visible(cell):
    """Strip space and marks of zero width from both ends."""
    marks = "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
    kept = [n for n, letter in enumerate(cell) if not letter.isspace() and letter not in marks]
    return cell[kept[0] : kept[-1] + 1] if kept else ""


HEADINGS = st.lists(
    CELLS.map(visible).filter(bool),
    min_size=1,
    max_size=5,
    unique=True,
).filter(lambda names: len(names) > 1 or ";" not in names[0])


def read_bytes(content, **settings):
    """Read a table of these bytes, or give the sentence of the problem."""
    with tempfile.NamedTemporaryFile(suffix=".csv") as file:
        file.write(content)
        file.flush()
        try:
            return read_table(file.name, **settings)
        except UserError as error:
            return str(error).replace(file.name, "TABLE")


@given(
    HEADINGS.flatmap(
        lambda names: st.tuples(
            st.just(names),
            st.lists(st.lists(CELLS, min_size=len(names), max_size=len(names)), min_size=1),
        )
    ),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
)
def test_a_written_table_is_read_back(table, ends, has_mark):
    names, rows = table
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=ends, quoting=csv.QUOTE_ALL)
    writer.writerows([names, *rows])
    content = text.getvalue().encode("utf-8-sig" if has_mark else "utf-8")
    assert read_bytes(content) == [
        {name: visible(cell) for name, cell in zip(names, row) if visible(cell)} for row in rows
    ]


@given(
    st.binary(max_size=200)
    | st.text(st.sampled_from('ab1.,;"\n\r \t\ufeff'), max_size=80).map(str.encode)
)
@example(b"")
@example(b"\xff\xfe")
@example(b'start,stop\n"1,2')
def test_any_bytes_are_a_table_or_a_problem(content):
    read = read_bytes(content, numbers=("a", "b"))
    if isinstance(read, str):
        assert read.startswith("TABLE")
    else:
        assert read
        assert all(isinstance(row, dict) for row in read)


@given(st.text(max_size=30) | st.from_regex(r"[-+_0-9.eE]{1,30}", fullmatch=True))
@example("1_000")
@example("１２")
@example("9" * 5000)
@example("\u00ad1")
def test_only_numbers_are_read_as_numbers(text):
    value, cell = number(text), visible(text)
    if re.fullmatch(r"[-+]?[0-9]{1,30}", cell):
        assert value == int(cell)
    elif re.fullmatch(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?", cell):
        assert value == float(cell) or abs(float(cell)) == np.inf
    else:
        assert value == cell


# Windows


def pixel_windows(highest, **sizes):
    ends = st.tuples(st.integers(0, highest), st.integers(0, highest))
    return st.lists(ends, **sizes)


def windows_of(ends, unit="pixel"):
    return [LineWindow(start, stop, unit, "", None) for start, stop in ends]


def overlaps(problems):
    """The pairs of rows that the sentences say overlap."""
    found = (re.match(r"row (\d+) .* overlaps row (\d+) ", problem) for problem in problems)
    return sorted(tuple(sorted((int(each[1]), int(each[2])))) for each in found if each)


@given(pixel_windows(40, max_size=12), st.sampled_from(["pixel", "angstrom"]))
def test_windows_that_share_pixels_are_found_and_no_others(ends, unit):
    ends = [tuple(sorted(pair)) for pair in ends]
    pixels = [set(range(start, stop + 1)) for start, stop in ends]
    shared = [
        (one, other)
        for one, other in combinations(range(1, len(ends) + 1), 2)
        if pixels[one - 1] & pixels[other - 1]
    ]
    problems = order_problems(windows_of(ends, unit))
    assert overlaps(problems) == shared
    assert len(problems) == len(shared)


@given(pixel_windows(40, max_size=8))
def test_windows_that_run_backwards_are_found(ends):
    problems = order_problems(windows_of(ends))
    backwards = [row for row, (start, stop) in enumerate(ends, start=1) if stop < start]
    found = [int(re.match(r"row (\d+)", each)[1]) for each in problems if "backwards" in each]
    assert found == backwards


@given(
    st.lists(st.integers(1, 8), min_size=3, max_size=40),
    st.booleans(),
    st.lists(st.tuples(st.integers(0, 250), st.integers(0, 250)), min_size=1, max_size=4),
)
def test_windows_in_wavelength_hold_the_pixels_whose_centres_lie_in_them(steps, falls, ends):
    wavelength = 5000 + np.cumsum(steps) / 2
    wavelength = wavelength[::-1] if falls else wavelength
    ends = [(5000 + min(pair) / 2, 5000 + max(pair) / 2) for pair in ends]
    held = [
        [n for n, value in enumerate(wavelength) if start <= value <= stop] for start, stop in ends
    ]
    leaves = any(start < min(wavelength) or stop > max(wavelength) for start, stop in ends)
    meets = any(set(one) & set(other) for one, other in combinations(held, 2))
    if leaves or meets or not all(held):
        with pytest.raises(UserError, match=r"^a\.csv, row"):
            window_pixels(windows_of(ends, "angstrom"), wavelength, "a.csv")
    else:
        pixels = window_pixels(windows_of(ends, "angstrom"), wavelength, "a.csv")
        assert pixels == [(each[0], each[-1]) for each in held]


@given(st.data())
def test_a_windows_sum_is_that_of_its_parts_wherever_the_spectrum_lies(data):
    counts = data.draw(arrays.arrays("i8", st.integers(2, 60), elements=st.integers(-9999, 60000)))
    start = data.draw(st.integers(0, counts.size - 2))
    stop = data.draw(st.integers(start + 1, counts.size - 1))
    cut = data.draw(st.integers(start, stop - 1))
    shift = data.draw(st.integers(0, 20))
    (whole,) = window_sums(counts, [(start, stop)])
    assert whole == sum(counts.tolist()[start : stop + 1])
    assert window_sums(counts, [(start, cut), (cut + 1, stop)]).sum() == whole
    moved = np.concatenate([np.full(shift, 777), counts])
    assert window_sums(moved, [(start + shift, stop + shift)]) == [whole]


# Scaling of stored numbers


@given(
    st.sampled_from(["u1", "i2", "i4", "i8"]).flatmap(
        lambda kind: arrays.arrays(f">{kind}", (2, 3), elements=arrays.from_dtype(np.dtype(kind)))
    ),
    st.sampled_from([0, 1, -128, 32768, 2**31, 2**63, 0.5, 100.5]),
    st.sampled_from([1, 1.0, 2, 0.25, -1, 0.1]),
    st.sampled_from([float, lambda value: value]),
    st.booleans(),
)
def test_no_number_type_and_no_scale_wraps(stored, zero, scale, kind, has_blank):
    blank = int(stored[1, 1])
    header = {"BSCALE": scale, "BZERO": kind(zero)} | ({"BLANK": blank} if has_blank else {})
    found = to_physical(stored, header)
    assert found.dtype.isnative
    for value, raw in zip(found.ravel().tolist(), stored.ravel().tolist()):
        if has_blank and raw == blank:
            assert np.isnan(value)
            continue
        true = Fraction(zero) + Fraction(scale) * raw
        size = max(abs(Fraction(zero)), abs(Fraction(scale) * raw), 1)
        assert abs(Fraction(value) - true) <= size * Fraction(1, 2**51)
        if isinstance(value, int):
            assert value == true


@given(st.sampled_from([16, 32, 64]), st.data())
def test_unsigned_numbers_by_offset_are_exact(bits, data):
    values = data.draw(arrays.arrays(f"u{bits // 8}", (3, 4)))
    half = 2 ** (bits - 1)
    stored = np.array(
        [[value - half for value in row] for row in values.tolist()], f">i{bits // 8}"
    )
    assert to_physical(stored, {"BZERO": half}).tolist() == values.tolist()


# Sums along the slit


NUMBER_TYPES = ("u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8")


def frames(kind, shape):
    """Frames of a number type whose sums are exact in float64."""
    if kind.startswith("f"):
        lowest, highest = 1 - 2**24, 2**24 - 1
    else:
        limits = np.iinfo(kind)
        lowest, highest = max(limits.min, -(2**48)), min(limits.max, 2**48)
    numbers = st.sampled_from([lowest, highest]) | st.integers(lowest, highest)
    return arrays.arrays(kind, shape, elements=numbers)


SHAPES = st.tuples(st.integers(1, 6), st.integers(1, 5))


@given(SHAPES, st.sampled_from(NUMBER_TYPES), st.sampled_from(NUMBER_TYPES), st.data())
def test_sums_are_those_of_whole_number_arithmetic(shape, kind, dark_kind, data):
    frame, dark = data.draw(frames(kind, shape)), data.draw(frames(dark_kind, shape))
    spectrum, missing = sum_along_slit(frame, dark)
    columns = zip(zip(*frame.tolist()), zip(*dark.tolist()))
    wanted = [sum(map(int, counts)) - sum(map(int, darks)) for counts, darks in columns]
    assert spectrum.tolist() == wanted
    assert not missing.any()


@given(SHAPES, st.data())
def test_missing_pixels_are_left_out_and_counted(shape, data):
    frame, dark = data.draw(frames("f8", shape)), data.draw(frames("f8", shape))
    for image in frame, dark:
        image[data.draw(arrays.arrays(bool, shape))] = np.nan
    spectrum, missing = sum_along_slit(frame, dark)
    for column in range(shape[1]):
        pairs = zip(frame[:, column].tolist(), dark[:, column].tolist())
        known = [
            int(counts) - int(level) for counts, level in pairs if counts - level == counts - level
        ]
        assert missing[column] == shape[0] - len(known)
        if known:
            assert spectrum[column] == sum(known)
        else:
            assert np.isnan(spectrum[column])


@given(SHAPES, st.integers(-5, 5), st.integers(-1000, 1000), st.data())
def test_sums_are_linear_and_ignore_a_common_bias_and_the_order_of_rows(shape, factor, bias, data):
    frame, dark = data.draw(frames("i4", shape)), data.draw(frames("i4", shape))
    spectrum, _ = sum_along_slit(frame, dark)
    frame, dark = frame.astype("i8"), dark.astype("i8")
    assert (sum_along_slit(factor * frame, factor * dark)[0] == factor * spectrum).all()
    assert (sum_along_slit(frame + bias, dark + bias)[0] == spectrum).all()
    order = data.draw(st.permutations(range(shape[0])))
    assert (sum_along_slit(frame[order], dark[order])[0] == spectrum).all()
    levels = np.full(shape[1], bias)
    by_column = sum_along_slit(frame, levels)[0]
    assert (by_column == sum_along_slit(frame, np.broadcast_to(levels, shape))[0]).all()


# Fluxes


POSITIVE = st.floats(0.01, 1e4)


@given(
    arrays.arrays(float, 20, elements=st.integers(0, 60000).map(float)),
    arrays.arrays(float, 20, elements=st.integers(0, 60000).map(float)),
    st.integers(1, 4000),
    POSITIVE,
    st.floats(0.3, 5),
)
def test_noise_adds_in_variance(counts, others, pixels, variance, gain):
    one = counting_noise(counts, np.full(20, pixels), variance, gain)
    other = counting_noise(others, np.full(20, 3), variance, gain)
    both = counting_noise(counts + others, np.full(20, pixels + 3), variance, gain)
    np.testing.assert_allclose(both, one + other, rtol=1e-12)
    assert (one >= pixels * variance).all()


def spectrum_of(counts, error):
    """A spectrum of plain counts, for the arithmetic of fluxes."""
    ones, zeros = np.ones(counts.size), np.zeros(counts.size)
    wavelength = 5000 + 0.5 * np.arange(counts.size)
    return Spectrum(
        wavelength, counts, error, counts, error, ones, zeros, zeros, zeros, counts, zeros
    )


def flux_and_error(counts, error, ends, per_flux):
    window = LineWindow(*ends, "pixel", "", None)
    (flux,) = measure(counts, [ends], error)
    row = flux_row(window, flux, spectrum_of(counts, error), per_flux)
    return np.array([row["Flux"], row["Flux_err"]])


@given(
    arrays.arrays(float, 30, elements=st.integers(-1000, 60000).map(float)),
    arrays.arrays(float, 30, elements=POSITIVE),
    st.tuples(st.integers(0, 29), st.integers(0, 29)).map(sorted).map(tuple),
    POSITIVE,
    st.integers(1, 61),
    POSITIVE,
)
def test_plain_fluxes_are_linear_in_counts_and_inverse_in_time_and_fibres(
    counts, error, ends, seconds, fibres, factor
):
    flux = flux_and_error(counts, error, ends, seconds * fibres)
    bright = flux_and_error(factor * counts, factor * error, ends, seconds * fibres)
    np.testing.assert_allclose(bright, factor * flux, rtol=1e-9, atol=1e-9 * abs(flux).max())
    longer = flux_and_error(counts, error, ends, factor * seconds * fibres)
    np.testing.assert_allclose(longer * factor, flux, rtol=1e-9)
    single = flux_and_error(counts, error, ends, seconds)
    np.testing.assert_allclose(single / fibres, flux, rtol=1e-9)
    parts = np.array(
        [
            flux_and_error(counts, error, (n, n), seconds * fibres)
            for n in range(ends[0], ends[1] + 1)
        ]
    )
    atol = 1e-9 * abs(parts).sum()
    np.testing.assert_allclose(parts[:, 0].sum(), flux[0], rtol=1e-9, atol=atol)
    np.testing.assert_allclose((parts[:, 1] ** 2).sum(), flux[1] ** 2, rtol=1e-9)


def lamp_spectrum(seed):
    """A lamp's spectrum: lines on a sloping level, with noise of known size."""
    rng = np.random.default_rng(seed)
    pixels = np.arange(600)
    counts = 200 + 0.1 * pixels
    for centre in np.arange(40, 560, 60) + rng.uniform(-10, 10, 9):
        counts = counts + rng.uniform(500, 50000) * np.exp(-(((pixels - centre) / 1.6) ** 2) / 2)
    error = np.sqrt(counts + 100)
    return counts + error * rng.normal(size=pixels.size), error


def net_fluxes(counts, error, ends):
    """Net sums, their errors and fitted fluxes of some windows."""
    found = measure(counts, ends, error)
    return np.array([[each.net_flux, each.net_flux_err, each.fit_flux] for each in found])


WINDOWS = [(start, start + 30) for start in range(30, 540, 60)]


@settings(max_examples=12)
@given(st.integers(0, 10**6), st.sampled_from([2.0**-6, 0.37, 8.0, 1000.0]))
def test_net_fluxes_are_linear_in_counts(seed, factor):
    counts, error = lamp_spectrum(seed)
    once = net_fluxes(counts, error, WINDOWS)
    scaled = net_fluxes(factor * counts, factor * error, WINDOWS)
    np.testing.assert_allclose(scaled, factor * once, rtol=1e-5)


@settings(max_examples=12)
@given(st.integers(0, 10**6), st.sampled_from([-300.0, 1000.0, 50000.0]))
def test_net_fluxes_ignore_a_constant(seed, level):
    counts, error = lamp_spectrum(seed)
    once = net_fluxes(counts, error, WINDOWS)
    raised = net_fluxes(counts + level, error, WINDOWS)
    np.testing.assert_allclose(raised[:, 0], once[:, 0], atol=0.01 * once[:, 1].min())


# Statistics


VALUES = arrays.arrays(float, st.integers(1, 40), elements=st.integers(-(10**6), 10**6).map(float))


@given(VALUES, st.integers(-1000, 1000), st.integers(-50, 50), st.data())
def test_robust_scatter_follows_scale_and_nothing_else(values, shift, factor, data):
    spread = robust_scatter(values)
    assert robust_scatter(data.draw(st.permutations(values.tolist()))) == spread
    assert robust_scatter(values + shift) == spread
    assert robust_scatter(factor * values) == pytest.approx(abs(factor) * spread, rel=1e-12)
    assert robust_scatter(np.append(values, [np.nan, np.inf])) == spread


@given(VALUES, st.integers(-1000, 1000), st.data())
def test_clipped_moments_follow_a_shift_and_not_the_order(values, shift, data):
    mean, variance = clipped_moments(values)
    order = data.draw(st.permutations(values.tolist()))
    wanted = pytest.approx((mean, variance), rel=1e-9, abs=1e-6)
    assert clipped_moments(np.array(order)) == wanted
    moved = clipped_moments(values + shift)
    assert (moved[0] - shift, moved[1]) == wanted
    assert values.min() - 1e-6 <= mean <= values.max() + 1e-6


@given(VALUES, st.integers(-1000, 1000), st.floats(0.01, 100), st.data())
def test_weighted_means_follow_shift_and_scale_and_not_the_order(values, shift, factor, data):
    errors = data.draw(arrays.arrays(float, values.size, elements=st.floats(0.1, 100)))
    mean, error = weighted_mean(values, errors)
    size = np.abs(values).max() + abs(shift) + 1
    order = np.array(data.draw(st.permutations(range(values.size))))
    for made, wanted in (
        (weighted_mean(values[order], errors[order]), (mean, error)),
        (weighted_mean(values + shift, errors), (mean + shift, error)),
        (weighted_mean(factor * values, factor * errors), (factor * mean, factor * error)),
    ):
        assert made == pytest.approx(wanted, rel=1e-6, abs=1e-9 * size * max(factor, 1))
    assert values.min() - 1e-9 * size <= mean <= values.max() + 1e-9 * size


@given(st.lists(st.integers(-1000, 1000), min_size=3, max_size=20), st.integers(-50, 50))
def test_an_added_trend_adds_to_the_slope(values, slope):
    values = np.array(values, dtype=float)
    order = np.arange(values.size, dtype=float)
    found, error, _ = linear_trend(order, values)
    steeper, same_error, _ = linear_trend(order, values + slope * order + 7)
    assert steeper == pytest.approx(found + slope, abs=1e-9)
    assert same_error == pytest.approx(error, rel=1e-6, abs=1e-6)


@given(st.floats(0, 50), st.floats(0, 50), st.integers(1, 60))
def test_students_probability_falls_from_one(low, high, dof):
    low, high = sorted((low, high))
    assert student_probability(0.0, dof) == pytest.approx(1.0)
    more, less = student_probability(low, dof), student_probability(high, dof)
    assert 0 <= less <= more + 1e-12 <= 1 + 1e-11
    assert student_probability(-low, dof) == more


@given(st.lists(st.integers(-100, 100), min_size=1, max_size=30), st.integers(0, 8))
def test_box_sums_are_those_of_the_neighbours(values, reach):
    wanted = [sum(values[max(n - reach, 0) : n + reach + 1]) for n in range(len(values))]
    assert box_sums(values, reach).tolist() == wanted
