"""Propose line windows from identified lines, or from peaks where none is identified."""

from typing import NamedTuple

import numpy as np


class ProposalTuning(NamedTuple):
    """Constants of proposed windows."""

    # A window reaches this far to either side of its line [line widths]: all but 3e-6 of a
    # Gaussian line.
    half_width: float = 2.0
    # No more windows than a picture can show close up.
    most_windows: int = 30


PROPOSAL = ProposalTuning()


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


def steady_peaks(exposures, fwhm):
    """Gather the peaks that at least half of the exposures show, where no line is identified.

    Parameters
    ----------
    exposures : list of list of dict
        Peaks of each exposure: ``pixel`` and ``rate``, the height per second.
    fwhm : float
        Width of the lines [pixel]; peaks no further apart are the same.

    Returns
    -------
    list of dict
        Mean ``pixel`` and highest ``rate``, brightest first; ``ion`` and ``wavelength_air`` are
        None.
    """
    rows = [
        (row["pixel"], row["rate"], number)
        for number, each in enumerate(exposures)
        for row in each
    ]
    pixel, rate, exposure = np.array(sorted(rows)).reshape(-1, 3).T
    group = np.cumsum(np.diff(pixel, prepend=-np.inf) > fwhm)
    lines = [
        {
            "ion": None,
            "wavelength_air": None,
            "pixel": float(pixel[group == own].mean()),
            "rate": float(rate[group == own].max()),
        }
        for own in np.unique(group)
        if 2 * np.unique(exposure[group == own]).size >= len(exposures)
    ]
    return sorted(lines, key=lambda line: -line["rate"])


def propose_windows(lines, fwhm, size):
    """Lay windows about the brightest lines, leaving out those that would overlap a brighter one.

    Parameters
    ----------
    lines : list of dict
        As `steady_lines` or `steady_peaks` gives them.
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
        start = int(np.floor(line["pixel"] - PROPOSAL.half_width * fwhm + 0.5))
        stop = int(np.floor(line["pixel"] + PROPOSAL.half_width * fwhm + 0.5))
        if start < 0 or stop >= size or taken[start : stop + 1].any():
            continue
        taken[start : stop + 1] = True
        windows.append(
            {
                "start": start,
                "stop": stop,
                "ion": line["ion"],
                "wavelength_air": line["wavelength_air"],
                "note": "automatic" if line["ion"] else "unidentified",
            }
        )
        if len(windows) == PROPOSAL.most_windows:
            break
    return sorted(windows, key=lambda window: window["start"])
