"""A reference from all lamps of an arm."""

import numpy as np

from lampflux.wavelengths.joint import fit_with_shifts, join_lines


def truth(pixel):
    u = (np.asarray(pixel) - 1000) / 1000
    return 6000 + 800 * u + 60 * u**2 - 15 * u**3


def exposure_of(pixel, rng, shift=0.0, ion="Ne I"):
    """Lines at some pixels, whose measured pixels are shifted and scatter by 0.03 pixel."""
    seen = pixel - shift + rng.normal(0, 0.03, pixel.size)
    return [
        {"pixel": at, "wavelength_air": wavelength, "blend_air": wavelength, "ion": ion}
        for at, wavelength in zip(seen, truth(pixel).round(4))
    ]


def test_lamps_of_either_half_make_one_solution_of_the_whole_detector():
    rng = np.random.default_rng(1)
    blue, red = np.linspace(20, 1150, 14), np.linspace(850, 1980, 14)
    exposures = [("Ne", exposure_of(blue, rng)), ("Ar", exposure_of(red, rng, 0.8, "Ar I"))]
    rows = join_lines([*exposures, ("Ne", exposure_of(blue, rng))])
    pixel = np.array([row["pixel"] for row in rows])
    wavelength = np.array([row["wavelength_air"] for row in rows])
    assert len(rows) >= 26
    # Up to one shift, the true solution: the exposures' median stands for it.
    off = (truth(pixel) - wavelength) / 0.8
    assert np.ptp(off) < 0.3
    assert {row["exposures"] for row in rows if row["ion"] == "Ar I"} == {1}


def test_shifts_between_exposures_are_found():
    rng = np.random.default_rng(2)
    lines = [exposure_of(np.linspace(20, 1980, 20), rng, shift) for shift in (0.0, 0.5, -1.2)]
    pixel, wavelength = (
        np.array([row[name] for part in lines for row in part])
        for name in ("pixel", "wavelength_air")
    )
    _, shift = fit_with_shifts(pixel, wavelength, np.repeat([0, 1, 2], 20), 3)
    np.testing.assert_allclose(shift, [0.0, 0.5, -1.2], atol=0.05)


def test_a_line_mistaken_in_one_lamp_is_left_out():
    rng = np.random.default_rng(3)
    lines = exposure_of(np.linspace(20, 1980, 20), rng)
    lines[7]["wavelength_air"] += 4
    lines[7]["blend_air"] += 4
    joined = [row["wavelength_air"] for row in join_lines([("Ne", lines)])]
    assert len(joined) >= 18
    assert lines[7]["wavelength_air"] not in joined


def test_too_few_lines_make_no_reference():
    five = exposure_of(np.linspace(0, 1000, 5), np.random.default_rng(4))
    assert join_lines([("Ne", five)]) == []
    assert join_lines([]) == []
