"""Write and read masters of darks and biases."""

import numpy as np
from astropy.io import fits

from lampflux.files.headers import write_hdus
from lampflux.files.whole import whole


def write_master(path, counts, share):
    """Write a master [ADU], with the variance of a pixel without light over that of one frame."""
    hdu = fits.PrimaryHDU(np.asarray(counts, np.float32))
    hdu.header["BUNIT"] = ("adu", "counts of the master")
    hdu.header["BGSHARE"] = (share, "variance of a pixel over that of one frame")
    with whole(path) as part:
        write_hdus(fits.HDUList([hdu]), part)


def read_master(path):
    """Read a master: its counts [ADU] in native byte order, and its share."""
    with fits.open(path, memmap=False) as hdus:
        return hdus[0].data.astype(np.float32), hdus[0].header["BGSHARE"]
