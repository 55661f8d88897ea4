"""Write and read the FITS products."""

import logging
from typing import NamedTuple

import numpy as np
from astropy.io import fits

from lampflux.files.headers import complete_cards, write_hdus
from lampflux.files.wcs import AXIS, add_cards, linear_cards, wavelength_cards
from lampflux.files.whole import whole
from lampflux.medium import from_medium, in_medium
from lampflux.peaks import Peaks


class Column(NamedTuple):
    """Format, unit and meaning of a column in a table of FITS."""

    code: str
    unit: str | None
    comment: str


CLEAN = {
    "counts": Column("D", "adu", "clean sum"),
    "uncertainty": Column("D", "adu", "1 sigma of the clean sum"),
    "summed": Column("J", "pixel", "pixels in the clean sum"),
    "replaced": Column("J", "pixel", "of these replaced"),
    "missing": Column("J", "pixel", "of the replaced: bad pixels"),
    "saturated": Column("J", "pixel", "saturated pixels in the clean sum"),
    "peak": Column("D", "adu", "highest pixel in the clean sum"),
}
ROWS = {"row": Column("J", "pixel", "row of the clean sum, from 0")}
# How columns of these formats are stored (FITS standard 4.0, section 7.3.2).
STORED = {"D": ">f8", "J": ">i4", "L": "S1"}
# Names that columns of the clean sum have beside those of the plain one.
BESIDE_PLAIN = {"counts": "clean", "uncertainty": "clean_uncertainty"}
CALIBRATED = {
    "pixel": Column("J", "pixel", "column of the detector, from 0"),
    "wavelength": Column("D", "Angstrom", "wavelength"),
    "flux": Column("D", "adu", "plain sum"),
    "uncertainty": Column("D", "adu", "1 sigma of the plain sum"),
    "mask": Column("L", None, "are pixels missing from the plain sum?"),
    "wavelength_error": Column("D", "Angstrom", "1 sigma of the wavelength"),
} | {BESIDE_PLAIN.get(name, name): column for name, column in CLEAN.items()}
PEAKS = {
    "pixel": Column("D", "pixel", "centroid, from 0"),
    "error": Column("D", "pixel", "1 sigma of the centroid"),
    "height": Column("D", "adu", "height above the continuum"),
    "blended": Column("L", None, "another peak within two line widths?"),
    "flat": Column("L", None, "too wide for a single line?"),
    "leaning": Column("L", None, "on the flank of a brighter line?"),
}


def binary_table(columns, name):
    """Make a table of FITS, as ``BinTableHDU.from_columns`` does.

    That loads all of astropy.table, which is more work than a spectrum is.
    """
    table = fits.BinTableHDU(name=name)
    table.data = fits.FITS_rec.from_columns(fits.ColDefs(columns))
    return table


def commented_table(values, facts, name):
    """Make a table of FITS whose header says what each column is.

    ``facts`` are those of each `Column`; those without ``values`` are left out.
    """
    facts = {column: fact for column, fact in facts.items() if column in values}
    table = binary_table(
        [
            fits.Column(column, fact.code, unit=fact.unit, array=values[column])
            for column, fact in facts.items()
        ],
        name,
    )
    for number, fact in enumerate(facts.values(), start=1):
        table.header.comments[f"TTYPE{number}"] = fact.comment
    return table


def table_of(hdu):
    """Read a table that `commented_table` made, in a fifth of the time that astropy takes.

    Parameters
    ----------
    hdu : astropy.io.fits.BinTableHDU
        Of a file that is open.

    Returns
    -------
    ndarray, shape (rows,)
        Structured, a field for each column; logical ones hold b"T" or b"F".
    """
    header, place = hdu.header, hdu.fileinfo()
    numbers = range(1, header["TFIELDS"] + 1)
    row = [(header[f"TTYPE{number}"], STORED[header[f"TFORM{number}"]]) for number in numbers]
    stored = np.memmap(place["file"].name, row, "r", place["datLoc"], header["NAXIS2"])
    return np.asarray(stored)


def write_spectrum(path, cards, spectrum, frame, shape):
    """Write the spectrum's FITS file.

    Parameters
    ----------
    path : str
    cards : iterable of (keyword, value, comment)
        Header cards; those without a known value are left out.
    spectrum : lampflux.extraction.spectrum.Extraction
        Its ``counts``, ``uncertainty``, ``missing``, ``clean`` and ``rows`` are written.
    frame : ndarray, shape (blocks of rows, blocks of columns)
        The raw frame, averaged over blocks, for its picture [ADU].
    shape : (int, int)
        Rows and columns of the raw frame.
    """
    hdus = fits.HDUList(
        [
            fits.PrimaryHDU(spectrum.counts),
            fits.ImageHDU(spectrum.uncertainty, name="UNCERTAINTY"),
            fits.ImageHDU(spectrum.missing.astype(np.int32), name="MISSING"),
            commented_table(spectrum.clean, CLEAN, "CLEAN"),
            commented_table({"row": spectrum.rows}, ROWS, "ROWS"),
            fits.ImageHDU(frame.astype(np.float32), name="FRAME"),
        ]
    )
    hdus[0].header["BUNIT"] = ("adu", "counts summed over the spatial axis")
    for keyword, value, comment in complete_cards(cards):
        hdus[0].header.append((keyword, value, comment))
        logging.info("%s = %s", keyword, value)
    hdus["UNCERTAINTY"].header["BUNIT"] = ("adu", "1 sigma")
    hdus["MISSING"].header["BUNIT"] = ("pixel", "pixels left out of each column's sum")
    hdus["FRAME"].header["BUNIT"] = ("adu", "raw counts, means of blocks of pixels")
    for name, size in zip(("NROWS", "NCOLS"), shape):
        hdus["FRAME"].header[name] = (size, "of the frame itself")
    with whole(path) as part:
        write_hdus(hdus, part)


def write_calibrated(path, header, nominal, cards, table, peaks, medium="air"):
    """Write the calibrated spectrum: counts with world coordinates, tables of pixels and peaks.

    Parameters
    ----------
    path : str
    header : astropy.io.fits.Header
        The spectrum's header, carried over.
    nominal : dict
        ``crval``, ``crpix``, ``cdelt``, in air.
    cards : iterable of tuple
        Header cards about the solution in use.
    table : dict of str to ndarray, each shape (pixels,)
        pixel, wavelength in air [Angstrom], flux [adu], uncertainty [adu], mask,
        wavelength_error [Angstrom], and the columns of the clean sum.
    peaks : lampflux.peaks.Peaks
        Lines of the clean sum.
    medium : str
        Medium of the wavelengths in the file, air or vacuum.
    """
    header = header.copy()
    table = table | {"wavelength": in_medium(table["wavelength"], medium)}
    facts = CALIBRATED | {"wavelength": Column("D", "Angstrom", f"wavelength in {medium}")}
    for card in complete_cards(cards):
        header.append(card)
    add_cards(header, wavelength_cards(table["wavelength"], medium))
    header["WCSNAMEA"] = ("NOMINAL", "linear solution of the config")
    add_cards(header, linear_cards(nominal, "A"))
    hdus = [
        fits.PrimaryHDU(table["flux"], header),
        commented_table(table, facts, "SPECTRUM"),
        peak_table(peaks),
    ]
    with whole(path) as part:
        write_hdus(fits.HDUList(hdus), part)


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


def air_wavelengths(hdus):
    """Wavelengths of a calibrated file in air, shape (pixels,) [Angstrom]."""
    medium = next(name for name, axis in AXIS.items() if axis == hdus[0].header["CTYPE1"])
    return from_medium(table_of(hdus["SPECTRUM"])["wavelength"].astype(float), medium)


def read_sums(path):
    """Read the sums of an extracted spectrum.

    Returns
    -------
    header : astropy.io.fits.Header
    columns : dict of str to ndarray, each shape (pixels,)
        Those of the calibrated table but for wavelengths: pixel, flux, uncertainty, mask, and the
        clean sum's.
    """
    with fits.open(path) as hdus:
        flux, uncertainty, missing = (hdu.data.astype(float) for hdu in hdus[:3])
        table = table_of(hdus["CLEAN"])
        clean = {BESIDE_PLAIN.get(name, name): np.array(table[name]) for name in table.dtype.names}
        columns = {"pixel": np.arange(flux.size), "flux": flux, "uncertainty": uncertainty}
        return hdus[0].header, columns | {"mask": missing > 0} | clean


def read_frame(path):
    """Read what an extracted spectrum keeps of its frame.

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
        shape = header["NROWS"], header["NCOLS"]
        return hdus["FRAME"].data.astype(float), shape, np.array(table_of(hdus["ROWS"])["row"])


def peak_table(peaks):
    """Make a table of the lines of a spectrum, their width in its header."""
    table = commented_table(peaks._asdict(), PEAKS, "PEAKS")
    table.header["FWHM"] = (float(peaks.fwhm), "[pixel] width of the lines")
    return table


def read_spectrum(path):
    """Read a calibrated spectrum.

    Returns
    -------
    header : astropy.io.fits.Header
    spectrum : Spectrum
    peaks : lampflux.peaks.Peaks
        Lines of the clean sum.
    """
    with fits.open(path) as hdus:
        header, table, found = hdus[0].header, table_of(hdus["SPECTRUM"]), table_of(hdus["PEAKS"])
        names = ("flux", "uncertainty", "clean", "clean_uncertainty", "summed")
        names += ("replaced", "missing", "saturated", "peak", "wavelength_error")
        values = (table[name].astype(float) for name in names)
        spectrum = Spectrum(air_wavelengths(hdus), *values)
        columns = {
            name: found[name] == b"T" if fact.code == "L" else found[name].astype(float)
            for name, fact in PEAKS.items()
        }
        return header, spectrum, Peaks(**columns, fwhm=hdus["PEAKS"].header["FWHM"])
