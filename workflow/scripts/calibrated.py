"""Give every pixel of a spectrum its wavelength."""

import logging

import numpy as np
from astropy.io import fits

from common.errors import run
from common.files import whole
from common.plots import draw_spectrum, new_figure, save


def nominal_wavelength(pixels, crval, crpix, cdelt):
    """Wavelengths of the linear solution of an arm.

    FITS linear world coordinates (Greisen et al. 2006, A&A 446, 747), in which pixels count
    from 1.

    Parameters
    ----------
    pixels : ndarray
        Pixels, counted from 0.
    crval : float
        Air wavelength at the reference pixel [Angstrom].
    crpix : float
        Reference pixel, counted from 1.
    cdelt : float
        Wavelength step per pixel [Angstrom].

    Returns
    -------
    ndarray
        Air wavelengths [Angstrom].
    """
    return crval + cdelt * (pixels + 1 - crpix)


def write_calibrated(path, header, nominal, table):
    """Write the calibrated spectrum: counts with a linear WCS, and the table of pixels.

    Parameters
    ----------
    path : str
    header : astropy.io.fits.Header
        The spectrum's header, carried over.
    nominal : dict
        ``crval``, ``crpix``, ``cdelt``.
    table : dict of str to ndarray, each shape (pixels,)
        pixel, wavelength [Angstrom], flux [adu], uncertainty [adu], mask.
    """
    header = header.copy()
    header["CTYPE1"] = ("AWAV", "wavelength in air, linear (see WAVEMETH)")
    header["CUNIT1"] = "Angstrom"
    header["CRPIX1"] = (nominal["crpix"], "reference pixel, counted from 1")
    header["CRVAL1"] = (nominal["crval"], "[Angstrom] at the reference pixel")
    header["CDELT1"] = (nominal["cdelt"], "[Angstrom] per pixel")
    header["WAVEMETH"] = ("nominal", "solution behind the table's wavelengths")
    units = {"pixel": "pixel", "wavelength": "Angstrom", "flux": "adu", "uncertainty": "adu"}
    formats = {"pixel": "J", "mask": "L"}
    columns = [
        fits.Column(name, formats.get(name, "D"), unit=units.get(name), array=values)
        for name, values in table.items()
    ]
    hdus = [
        fits.PrimaryHDU(table["flux"], header),
        fits.BinTableHDU.from_columns(columns, name="SPECTRUM"),
    ]
    with whole(path) as part:
        fits.HDUList(hdus).writeto(part)


def main(snakemake):
    """Read the spectrum, find its wavelengths, write and draw it."""
    with fits.open(snakemake.input.spectrum) as hdus:
        header = hdus[0].header
        flux, uncertainty, missing = (hdu.data.astype(float) for hdu in hdus[:3])
    nominal = snakemake.params.nominal
    pixels = np.arange(flux.size)
    wavelength = nominal_wavelength(pixels, **nominal)
    logging.info("nominal solution %s", nominal)
    write_calibrated(
        snakemake.output.fits,
        header,
        nominal,
        {
            "pixel": pixels,
            "wavelength": wavelength,
            "flux": flux,
            "uncertainty": uncertainty,
            "mask": missing > 0,
        },
    )

    figure = new_figure(header, "nominal wavelengths, lines not identified")
    linear, stretched = figure.subplots(2, sharex=True)
    draw_spectrum(linear, wavelength, flux)
    draw_spectrum(stretched, wavelength, flux, faint=True)
    stretched.set_xlabel("Wavelength in air (Å)")
    figure.supylabel("Sum along the slit (ADU)", fontsize="medium")
    save(figure, snakemake.output.png)


if __name__ == "__main__":
    run(main, snakemake)
