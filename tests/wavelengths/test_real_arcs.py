"""A real grism arc, whose dispersion changes by a quarter: NOT/ALFOSC grism 4, helium and neon."""

import os
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from arcs import catalogue
from lampflux.wavelengths import identify

DATA = os.environ.get("LAMPFLUX_DATA")
pytestmark = pytest.mark.skipif(not DATA, reason="LAMPFLUX_DATA names no folder of data")
# Rows, along which wavelengths run, that are lit, and those that see the slit's middle.
LIT, SLIT = slice(25, 875), slice(100, 300)


def in_air(vacuum):
    """Wavelength in air [Angstrom] of one in vacuum; Ciddor (1996, Applied Optics 35, 1566)."""
    square = (1e4 / vacuum) ** 2
    return vacuum / (1 + 0.05792105 / (238.0185 - square) + 0.00167917 / (57.362 - square))


@pytest.mark.parametrize("rows", [LIT, slice(0, 1051)], ids=["lit rows", "all rows"])
@pytest.mark.parametrize(("step", "shift"), [(-6.6, 0), (-6.6, 40), (-6.2, 60), (-7.0, -40)])
def test_a_grism_arc_is_solved_within_a_pixel_of_the_human_pairs(rows, step, shift):
    column, vacuum = np.loadtxt(Path(DATA) / "alfosc/human_pairs_vacuum.txt", unpack=True)
    # Pairs count from the other end of the trimmed frame.
    row, wavelength = 874 - column - rows.start, in_air(vacuum)
    frame = fits.getdata(Path(DATA) / "alfosc/ALDc200214.fits", 1).astype(float)
    # A negative number that wrapped.
    frame[0, 0] = np.median(frame)
    counts = frame[rows, SLIT].sum(axis=1)
    middle = np.polyval(np.polyfit(row, wavelength, 3), counts.size / 2)
    nominal = middle + step * (np.arange(counts.size) - counts.size / 2 + shift)
    found = identify(counts, catalogue("He I", "Ne I"), nominal)
    assert found.method == "fitted", found.verdict
    first, last = found.solution.first, found.solution.last
    inside = (row >= first) & (row <= last)
    fitted = np.interp(row[inside], np.arange(counts.size), found.wavelength)
    dispersion = np.interp(row[inside], np.arange(counts.size), np.gradient(found.wavelength))
    assert inside.sum() >= 15
    assert np.abs((fitted - wavelength[inside]) / dispersion).max() < 1
    # Rows without light do not weaken what is known of the others.
    assert last - first > 0.7 * (LIT.stop - LIT.start)
