"""Measure line fluxes: sum each line window, per second and per fibre."""

import csv
import logging

import numpy as np
from astropy.io import fits

from common.errors import run
from common.files import whole
from common.plots import draw_windows, new_figure, save
from common.windows import line_windows, read_rows, window_pixels


def window_sums(counts, pixels):
    """Sum a spectrum over pixel ranges.

    Parameters
    ----------
    counts : ndarray, shape (pixels,)
        Spectrum [ADU].
    pixels : list of (int, int)
        First and last pixel of each range, both included.

    Returns
    -------
    ndarray, shape (ranges,)
        Sums [ADU]; NaN where a range holds a pixel that is not known.
    """
    return np.array([counts[start : stop + 1].sum() for start, stop in pixels], dtype=float)


def flux_rows(windows, pixels, wavelength, counts, mask, exptime, fibres, simulated=False):
    """Measure every window of a spectrum.

    Parameters
    ----------
    windows : list of common.windows.LineWindow
    pixels : list of (int, int)
        First and last pixel of each window.
    wavelength, counts : ndarray, shape (pixels,)
        Air wavelength [Angstrom] and summed counts [ADU] of each pixel.
    mask : ndarray of bool, shape (pixels,)
        True where pixels of the frame are missing from the sum.
    exptime : float
        Exposure time [s].
    fibres : int
        Fibres that share the light.
    simulated : bool
        Whether the frame is simulated.

    Returns
    -------
    list of dict
        A row for each window, in the columns' order.
    """
    return [
        {
            # The window's centre; between two pixels, the lower.
            "pixel": (start + stop) // 2,
            "Wavelength": float(wavelength[(start + stop) // 2]),
            "Flux": float(total / exptime / fibres),
            "pixel_start": start,
            "pixel_stop": stop,
            "counts": float(total),
            "masked_pixels": int(mask[start : stop + 1].sum()),
            "ion": window.ion,
            "wavelength_air": window.wavelength_air,
            "simulated": simulated,
        }
        for window, (start, stop), total in zip(windows, pixels, window_sums(counts, pixels))
    ]


def main(snakemake):
    """Read the calibrated spectrum and the window table, measure, write and draw."""
    with fits.open(snakemake.input.calibrated) as hdus:
        header, table = hdus[0].header, hdus["SPECTRUM"].data
        wavelength, counts = (table[name].astype(float) for name in ("wavelength", "flux"))
        mask = table["mask"].astype(bool)
    source = snakemake.input.windows
    windows = line_windows(read_rows(source))
    pixels = window_pixels(windows, wavelength, source)
    logging.info("%d windows of %s", len(windows), source)
    rows = flux_rows(
        windows,
        pixels,
        wavelength,
        counts,
        mask,
        header["EXPTIME"],
        snakemake.params.fibres,
        header.get("SIMULATE", False),
    )
    with whole(snakemake.output.csv) as part, open(part, "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)

    figure = new_figure(header, "line windows")
    draw_windows(figure, wavelength, counts, rows)
    save(figure, snakemake.output.png)


if __name__ == "__main__":
    run(main, snakemake)
