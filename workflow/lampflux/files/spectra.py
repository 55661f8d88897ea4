"""Write and read the FITS products."""

import logging
from typing import NamedTuple

import numpy as np
from astropy.io import fits

from lampflux.files.wcs import add_cards, linear_cards, wavelength_cards
from lampflux.files.whole import whole
from lampflux.peaks import Peaks


def binary_table(columns, name):
    """Make a table of FITS.

    Parameters
    ----------
    columns : list of astropy.io.fits.Column
    name : str
        Name of the extension.

    Returns
    -------
    astropy.io.fits.BinTableHDU
        As ``BinTableHDU.from_columns`` gives it, which however loads all of astropy.table: more
        work than a spectrum is.
    """
    table = fits.BinTableHDU(name=name)
    table.data = fits.FITS_rec.from_columns(fits.ColDefs(columns))
    return table


def header_text(text):
    """Replace characters that a FITS header cannot hold, all but ASCII, by escapes."""
    return text.encode("unicode_escape").decode()


def is_known(value):
    """Whether a header card can hold a value."""
    return value is not None and not (isinstance(value, float) and not np.isfinite(value))


def write_spectrum(path, cards, spectrum, frame, shape):
    """Write the spectrum's FITS file.

    Parameters
    ----------
    path : str
    cards : list of tuple
        Header cards; those without a known value are left out.
    spectrum : lampflux.extraction.spectrum.Extraction
        Its ``counts``, ``uncertainty``, ``missing``, ``clean`` and ``rows`` are written.
    frame : ndarray, shape (blocks of rows, blocks of columns)
        The raw frame, averaged over blocks, for its picture [ADU].
    shape : (int, int)
        Rows and columns of the raw frame.
    """
    units = {"counts": "adu", "uncertainty": "adu", "peak": "adu"}
    columns = [
        fits.Column(
            name, "D" if name in units else "J", unit=units.get(name, "pixel"), array=values
        )
        for name, values in spectrum.clean.items()
    ]
    hdus = fits.HDUList(
        [
            fits.PrimaryHDU(spectrum.counts),
            fits.ImageHDU(spectrum.uncertainty, name="UNCERTAINTY"),
            fits.ImageHDU(spectrum.missing.astype(np.int32), name="MISSING"),
            binary_table(columns, name="CLEAN"),
            binary_table(
                [fits.Column("row", "J", unit="pixel", array=spectrum.rows)], name="ROWS"
            ),
            fits.ImageHDU(frame.astype(np.float32), name="FRAME"),
        ]
    )
    hdus[0].header["BUNIT"] = ("adu", "counts summed over the spatial axis")
    for keyword, value, *comment in cards:
        if is_known(value):
            value = header_text(value) if isinstance(value, str) else value
            hdus[0].header.append((keyword, value, *comment))
            logging.info("%s = %s", keyword, value)
    hdus["UNCERTAINTY"].header["BUNIT"] = ("adu", "1 sigma")
    hdus["MISSING"].header["BUNIT"] = ("pixel", "pixels left out of each column's sum")
    hdus["FRAME"].header["BUNIT"] = ("adu", "raw counts, means of blocks of pixels")
    hdus["FRAME"].header["NROWS"], hdus["FRAME"].header["NCOLUMNS"] = shape
    with whole(path) as part:
        hdus.writeto(part)


def write_calibrated(path, header, nominal, cards, table, peaks):
    """Write the calibrated spectrum: counts with world coordinates, tables of pixels and peaks.

    Parameters
    ----------
    path : str
    header : astropy.io.fits.Header
        The spectrum's header, carried over.
    nominal : dict
        ``crval``, ``crpix``, ``cdelt``.
    cards : iterable of tuple
        Header cards about the solution in use.
    table : dict of str to ndarray, each shape (pixels,)
        pixel, wavelength [Angstrom], flux [adu], uncertainty [adu], mask,
        wavelength_error [Angstrom], and the columns of the clean sum.
    peaks : lampflux.peaks.Peaks
        Lines of the clean sum.
    """
    header = header.copy()
    for card in cards:
        header.append(card)
    add_cards(header, wavelength_cards(table["wavelength"]))
    header["WCSNAMEA"] = ("NOMINAL", "linear solution of the config")
    add_cards(header, linear_cards(nominal, "A"))
    units = {
        "pixel": "pixel",
        "wavelength": "Angstrom",
        "flux": "adu",
        "uncertainty": "adu",
        "mask": None,
        "wavelength_error": "Angstrom",
        "clean": "adu",
        "clean_uncertainty": "adu",
        "summed": "pixel",
        "replaced": "pixel",
        "missing": "pixel",
        "saturated": "pixel",
        "peak": "adu",
    }
    formats = {"mask": "L"} | {name: "J" for name, unit in units.items() if unit == "pixel"}
    columns = [
        fits.Column(name, formats.get(name, "D"), unit=unit, array=table[name])
        for name, unit in units.items()
        if name in table
    ]
    hdus = [
        fits.PrimaryHDU(table["flux"], header),
        binary_table(columns, name="SPECTRUM"),
        peak_table(peaks),
    ]
    with whole(path) as part:
        fits.HDUList(hdus).writeto(part)


class Spectrum(NamedTuple):
    """What a calibrated file holds, arrays of shape (pixels,).

    ``wavelength`` in air and ``wavelength_error``, 1 sigma, NaN for nominal ones [Angstrom];
    ``plain`` and ``clean`` counts and ``plain_error`` and ``clean_error``, 1 sigma [ADU]; number
    of pixels ``summed``, ``replaced``, ``missing`` (of the replaced) and ``saturated`` in the
    clean sum, and its highest pixel, ``peak`` [ADU].
    """

    wavelength: np.ndarray
    plain: np.ndarray
    plain_error: np.ndarray
    clean: np.ndarray
    clean_error: np.ndarray
    summed: np.ndarray
    replaced: np.ndarray
    missing: np.ndarray
    saturated: np.ndarray
    peak: np.ndarray
    wavelength_error: np.ndarray


def read_sums(path):
    """Read the sums of an extracted spectrum.

    Parameters
    ----------
    path : str

    Returns
    -------
    header : astropy.io.fits.Header
    columns : dict of str to ndarray, each shape (pixels,)
        Those of the calibrated table but for wavelengths: pixel, flux, uncertainty, mask, and the
        clean sum's.
    """
    with fits.open(path) as hdus:
        flux, uncertainty, missing = (hdu.data.astype(float) for hdu in hdus[:3])
        table = hdus["CLEAN"].data
        # The clean sum's columns that have other names beside the plain ones.
        names = {"counts": "clean", "uncertainty": "clean_uncertainty"}
        clean = {names.get(name, name): np.array(table[name]) for name in table.names}
        columns = {"pixel": np.arange(flux.size), "flux": flux, "uncertainty": uncertainty}
        return hdus[0].header, columns | {"mask": missing > 0} | clean


def read_frame(path):
    """Read what an extracted spectrum keeps of its frame.

    Parameters
    ----------
    path : str

    Returns
    -------
    frame : ndarray, shape (blocks of rows, blocks of columns)
        [ADU]
    shape : (int, int)
        Rows and columns of the frame.
    rows : ndarray of int
        Rows of the clean sum.
    """
    with fits.open(path) as hdus:
        header = hdus["FRAME"].header
        shape = header["NROWS"], header["NCOLUMNS"]
        return hdus["FRAME"].data.astype(float), shape, np.array(hdus["ROWS"].data["row"])


def peak_table(peaks):
    """Make a table of the lines of a spectrum, their width in its header."""
    units = {"pixel": "pixel", "error": "pixel", "height": "adu"}
    columns = [
        fits.Column(name, "D" if name in units else "L", unit=units.get(name), array=values)
        for name, values in peaks._asdict().items()
        if name != "fwhm"
    ]
    table = binary_table(columns, name="PEAKS")
    table.header["FWHM"] = (float(peaks.fwhm), "[pixel] width of the lines")
    return table


def read_spectrum(path):
    """Read a calibrated spectrum.

    Parameters
    ----------
    path : str

    Returns
    -------
    header : astropy.io.fits.Header
    spectrum : Spectrum
    peaks : lampflux.peaks.Peaks
        Lines of the clean sum.
    """
    with fits.open(path) as hdus:
        header, table, found = hdus[0].header, hdus["SPECTRUM"].data, hdus["PEAKS"]
        names = ("wavelength", "flux", "uncertainty", "clean", "clean_uncertainty", "summed")
        names += ("replaced", "missing", "saturated", "peak", "wavelength_error")
        spectrum = Spectrum(*(table[name].astype(float) for name in names))
        kinds = {"blended": bool, "flat": bool, "leaning": bool}
        columns = {
            name: found.data[name].astype(kinds.get(name, float)) for name in found.data.names
        }
        return header, spectrum, Peaks(**columns, fwhm=found.header["FWHM"])
