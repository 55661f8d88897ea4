"""What each job would load at its first use: loaded here once, for all forks of this process."""

from io import BytesIO

import numpy as np
from astropy.io import fits

from lampflux.files.headers import write_hdus
from lampflux.files.products import schema_of
from lampflux.files.spectra import binary_table
from lampflux.pictures.style import draw_spectrum, picture, titled_figure

# Tables of the most frequent jobs.
PRODUCTS = ("identified_lines", "fluxes", "window_fits", "flux_lines", "lamp", "lamp_exposures")


def rehearse():
    """Read schemas, write and read a FITS file, and draw a picture, in memory."""
    for product in PRODUCTS:
        schema_of(product)
    file = BytesIO()
    table = binary_table([fits.Column("counts", "D", array=np.arange(9.0))], "TABLE")
    write_hdus(fits.HDUList([fits.PrimaryHDU(np.arange(9.0)), table]), file)
    file.seek(0)
    with fits.open(file) as hdus:
        hdus[1].data["counts"].sum()
    figure = titled_figure("Title", simulated=False, height=2.0)
    axes = figure.subplots()
    draw_spectrum(axes, np.arange(99.0), np.arange(99.0), faint=True, label="counts")
    axes.set_title("Title", fontsize="small")
    axes.legend()
    picture(figure).save(BytesIO(), "png")


rehearse()
