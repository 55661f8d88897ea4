"""What each job would load at its first use: loaded here once, for all forks of this process."""

import string
from io import BytesIO

import numpy as np
from astropy.io import fits

from lampflux.files.headers import write_hdus
from lampflux.files.products import schema_of
from lampflux.files.spectra import binary_table
from lampflux.fluxes.shape_fit import candidate_profiles
from lampflux.pictures.panels import PARTS, Sheet, draw_spectrum, tick_across
from lampflux.pictures.style import picture, titled_figure

# Tables of the most frequent jobs.
PRODUCTS = ("identified_lines", "fluxes", "window_fits", "flux_lines", "lamp", "lamp_exposures")
# What texts in pictures are written with.
LETTERS = f"{string.ascii_letters}{string.digits}.,()/[] Å±×−⁻⁰¹²³⁴⁵⁶⁷⁸⁹"


def rehearse():
    """Read schemas, tabulate profiles, write and read a FITS file, and draw a picture."""
    for product in PRODUCTS:
        schema_of(product)
    candidate_profiles()
    file = BytesIO()
    table = binary_table([fits.Column("counts", "D", array=np.arange(9.0))], "TABLE")
    write_hdus(fits.HDUList([fits.PrimaryHDU(np.arange(9.0)), table]), file)
    file.seek(0)
    with fits.open(file) as hdus:
        hdus[1].data["counts"].sum()
    figure = titled_figure("Title", simulated=False, height=2.0)
    sheet = Sheet(figure, PARTS | {"data": {"color": "black"}})
    panel, _ = draw_spectrum(sheet, (1.0, 0.5, 8.0, 1.0), np.arange(99.0), np.arange(99.0))
    tick_across(sheet, panel)
    for size in "medium", "small", "x-small":
        sheet.write(0, 0, LETTERS, fontsize=size)
    sheet.draw()
    figure.subplots().legend(handles=[])
    picture(figure).save(BytesIO(), "png")


rehearse()
