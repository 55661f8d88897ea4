"""Lines are single if their neighbours, measured or listed, do not shift their centres."""

import pandas as pd

from lampflux.lamps.blends import unblended_lines


def lamp(wavelengths, flux=100.0, ion="Ne I"):
    return pd.DataFrame({"ion": ion, "wavelength": wavelengths, "flux": flux})


def test_lines_nearer_than_the_resolution_are_not_single():
    lines = lamp([6000.0, 6000.5, 6003, 6010, 6011], flux=[100.0, 90, 100, 100, 2])
    assert list(unblended_lines(lines, 1.0)) == [False, False, True, True, False]
    assert unblended_lines(lines, 0.1).all()


def test_line_lists_show_blends_that_the_measured_spectra_do_not_resolve():
    lines = lamp([6000.0, 6010.0])
    listed = pd.DataFrame({"ion": "Ne I", "wavelength_air": [6000.0, 6000.2, 6010.0, 6010.2]})
    listed["intensity"] = [100, 50, 100, 1]
    assert list(unblended_lines(lines, 0.5, listed)) == [False, True]
    assert unblended_lines(lines, 0.1, listed).all()


def test_intensities_of_different_ions_are_not_compared():
    lines = lamp([6000.0, 6010.0])
    listed = pd.DataFrame({"ion": "Ne I", "wavelength_air": [6000.0, 6010.0], "intensity": 10.0})
    other = pd.DataFrame({"ion": "Th I", "wavelength_air": [6000.4], "intensity": 1e6})
    assert unblended_lines(lines, 0.5, pd.concat([listed, other])).all()


def test_listed_lines_of_another_ion_count_by_the_light_of_its_measured_lines():
    # Argon lines have 2 ADU/s for each unit of intensity, so the hidden one has 200.
    argon = lamp([7000.0 + 10 * number for number in range(5)], flux=[20.0] * 5)
    lines = pd.concat([lamp([6000.0, 6010.0], flux=[1000.0] * 2), argon.assign(ion="Ar I")])
    places = [*argon["wavelength"], 6000.4]
    listed = pd.DataFrame({"ion": "Ar I", "wavelength_air": places, "intensity": [10] * 5 + [100]})
    assert list(unblended_lines(lines, 0.5, listed)) == [False, *[True] * 6]
    faint = listed.assign(intensity=[10] * 5 + [0.1])
    assert unblended_lines(lines, 0.5, faint).all()


def test_a_bright_neighbour_shifts_a_faint_line_from_further_away():
    lines = lamp([6000.0, 6001.6], flux=[100.0, 3000.0])
    assert list(unblended_lines(lines, 1.0)) == [False, True]
    assert unblended_lines(lamp([6000.0, 6001.6]), 1.0).all()
