"""Propose line windows for a lamp and arm from the lines identified in all its exposures."""

import csv
import logging

import numpy as np
from astropy.io import fits

from common.files import whole
from common.jobs import run
from common.tables import read_identified_lines

COLUMNS = ("start", "stop", "ion", "wavelength_air", "note")
# A window reaches this many line widths to either side of its line.
HALF_WIDTH = 2.0
# No more windows than a picture can show close up.
MOST_WINDOWS = 30


def steady_lines(exposures):
    """Gather the lines that at least half of the solved exposures used.

    Parameters
    ----------
    exposures : list of list of dict
        Identified lines of each solved exposure, with ``rate``, the height per second.

    Returns
    -------
    list of dict
        ``ion``, ``wavelength_air``, mean ``pixel`` and highest ``rate``, brightest first.
    """
    seen = {}
    for rows in exposures:
        for row in rows:
            if row["used"] == "True":
                seen.setdefault((row["ion"], row["wavelength_air"]), []).append(row)
    lines = [
        {
            "ion": ion,
            "wavelength_air": wavelength,
            "pixel": float(np.mean([row["pixel"] for row in rows])),
            "rate": max(row["rate"] for row in rows),
        }
        for (ion, wavelength), rows in seen.items()
        if 2 * len(rows) >= len(exposures)
    ]
    return sorted(lines, key=lambda line: -line["rate"])


def propose_windows(lines, fwhm, size):
    """Lay windows about the brightest lines, leaving out those that would overlap a brighter one.

    Parameters
    ----------
    lines : list of dict
        As `steady_lines` gives them.
    fwhm : float
        Width of the lines [pixel].
    size : int
        Pixels of the detector.

    Returns
    -------
    list of dict
        Rows of a window table, by pixel.
    """
    taken, windows = np.zeros(size, bool), []
    for line in lines:
        start = int(np.floor(line["pixel"] - HALF_WIDTH * fwhm + 0.5))
        stop = int(np.floor(line["pixel"] + HALF_WIDTH * fwhm + 0.5))
        if start < 0 or stop >= size or taken[start : stop + 1].any():
            continue
        taken[start : stop + 1] = True
        windows.append(
            {
                "start": start,
                "stop": stop,
                "ion": line["ion"],
                "wavelength_air": line["wavelength_air"],
                "note": "automatic",
            }
        )
        if len(windows) == MOST_WINDOWS:
            break
    return sorted(windows, key=lambda window: window["start"])


def main(snakemake):
    """Read the identified lines of every exposure, and write the windows."""
    exposures, widths, size = [], [], 0
    for path, table in zip(snakemake.input.calibrated, snakemake.input.lines):
        header = fits.getheader(path)
        size = header["NAXIS1"]
        if header["WAVEMETH"] == "nominal":
            logging.info("%s: no line identified (%s)", path, header["WAVEREAS"])
            continue
        widths.append(header["LINEFWHM"])
        rows = read_identified_lines(table)
        exposures.append([row | {"rate": row["height"] / header["EXPTIME"]} for row in rows])
    windows = []
    if exposures:
        windows = propose_windows(steady_lines(exposures), float(np.median(widths)), size)
    else:
        logging.warning("no exposure has an identified line: there is no window to propose")
    with whole(snakemake.output.csv) as part, open(part, "w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(windows)


if __name__ == "__main__":
    run(main, snakemake)
