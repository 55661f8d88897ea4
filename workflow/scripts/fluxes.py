"""Measure line fluxes: sum each line window, per second and per fibre."""

import csv
import logging

import numpy as np
from astropy.io import fits

from common.errors import run
from common.files import whole
from common.plots import draw_spectrum, draw_windows, new_figure, save
from common.tables import read_identified_lines
from common.windows import line_windows, read_rows, window_pixels

COLUMNS = (
    "pixel",
    "Wavelength",
    "Flux",
    "pixel_start",
    "pixel_stop",
    "counts",
    "masked_pixels",
    "ion",
    "wavelength_air",
    "line_offset",
    "wavelength_method",
    "wavelength_trusted",
    "flags",
    "simulated",
)


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


def flux_rows(windows, pixels, wavelength, counts, mask, exptime, fibres):
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
        }
        for window, (start, stop), total in zip(windows, pixels, window_sums(counts, pixels))
    ]


def line_check(row, wavelength, method, trusted, peaks):
    """Compare a window with the lines that the solution puts into it.

    Parameters
    ----------
    row : dict
        The window's row of the flux table.
    wavelength : ndarray, shape (pixels,)
        Air wavelength of each pixel [Angstrom].
    method : str
        'fitted', 'shifted' or 'nominal'.
    trusted : (int, int)
        First and last pixel between which the solution is trusted.
    peaks : list of dict
        The spectrum's peaks and the lines they were identified as.

    Returns
    -------
    dict
        Columns to add: the line, its offset [Angstrom] (the solution's wavelength of the window's
        highest peak minus the line's), the method, whether it is trusted here, and flags.
    """
    start, stop = row["pixel_start"], row["pixel_stop"]
    pixels = np.arange(wavelength.size)
    inside = [peak for peak in peaks if start - 0.5 <= peak["pixel"] <= stop + 0.5]
    highest = max(inside, key=lambda peak: peak["height"], default=None)
    ion, line = row["ion"], row["wavelength_air"]
    if line is None and highest is not None and highest["used"] == "True":
        ion, line = highest["ion"], highest["wavelength_air"]
    offset, flags = None, []
    is_trusted = method != "nominal" and trusted[0] <= start and stop <= trusted[1]
    if line is not None:
        if highest is not None:
            offset = float(np.interp(highest["pixel"], pixels, wavelength)) - line
        nearest = np.argmin(np.abs(wavelength - line))
        if is_trusted and not start - 1 <= nearest <= stop + 1:
            flags.append("wavelength")
    return {
        "ion": ion,
        "wavelength_air": line,
        "line_offset": offset,
        "wavelength_method": method,
        "wavelength_trusted": is_trusted,
        "flags": " ".join(flags),
    }


def main(snakemake):
    """Read the calibrated spectrum and the window table, measure, write and draw."""
    with fits.open(snakemake.input.calibrated) as hdus:
        header, table = hdus[0].header, hdus["SPECTRUM"].data
        wavelength, counts = (table[name].astype(float) for name in ("wavelength", "flux"))
        mask = table["mask"].astype(bool)
    source = snakemake.input.windows
    # Proposed windows may be none, a user's table never.
    windows = line_windows(read_rows(source, may_be_empty=True))
    pixels = window_pixels(windows, wavelength, source)
    logging.info("%d windows of %s", len(windows), source)
    rows = flux_rows(
        windows, pixels, wavelength, counts, mask, header["EXPTIME"], snakemake.params.fibres
    )
    peaks = read_identified_lines(snakemake.input.lines)
    trusted = header.get("WAVEFRST", 0), header.get("WAVELAST", -1)
    for row in rows:
        row |= line_check(row, wavelength, header["WAVEMETH"], trusted, peaks)
        row["simulated"] = header.get("SIMULATE", False)
    with whole(snakemake.output.csv) as part, open(part, "w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)

    figure = new_figure(header, "line windows")
    if rows:
        draw_windows(figure, wavelength, counts, rows)
    else:
        axes = figure.subplots()
        draw_spectrum(axes, wavelength, counts, faint=True)
        axes.set_title("no line windows", loc="left")
    save(figure, snakemake.output.png)


if __name__ == "__main__":
    run(main, snakemake)
