"""Make FITS tables."""

from astropy.io import fits


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
