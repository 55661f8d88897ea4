"""Gaps between the lines of lamps in an arm."""

import itertools

import numpy as np
import pandas as pd


def line_gaps(wavelengths, band):
    """Find the stretches of a band without a line, including those at its ends.

    Parameters
    ----------
    wavelengths : ndarray, shape (lines,)
        [Angstrom]; lines outside the band do not count.
    band : (float, float)
        First and last wavelength [Angstrom].

    Returns
    -------
    low, high : ndarray, shape (gaps,)
        Ends of each stretch [Angstrom].
    """
    inside = np.sort(wavelengths[(wavelengths >= band[0]) & (wavelengths <= band[1])])
    places = np.concatenate([[band[0]], inside, [band[1]]])
    return places[:-1], places[1:]


def arm_coverage(lines, band):
    """Find the longest gap of each lamp and each pair of lamps in one arm.

    Parameters
    ----------
    lines : DataFrame
        ``source`` (brand and lamp) and ``wavelength`` [Angstrom] of each line that counts; a lamp
        without any has a row with NaN.
    band : (float, float)
        First and last wavelength of the arm [Angstrom].

    Returns
    -------
    DataFrame
        ``number`` of lamps (1 or 2), ``first``, ``second``, ``lines``, the longest ``gap``,
        ``gap_from`` and ``gap_to`` [Angstrom], ``mean_gap`` [Angstrom], the mean length of the gap
        around a wavelength of the band, and ``rank`` among the lamps or the pairs: shortest gap
        first, then shortest mean gap.
    """
    places = {
        source: part["wavelength"].dropna().to_numpy() for source, part in lines.groupby("source")
    }
    rows = []
    for number in 1, 2:
        for sources in itertools.combinations(places, number):
            together = np.concatenate([places[source] for source in sources])
            low, high = line_gaps(together, band)
            gaps = high - low
            widest = np.argmax(gaps)
            rows.append(
                {
                    "number": number,
                    "first": sources[0],
                    "second": sources[1] if number == 2 else None,
                    "lines": len(gaps) - 1,
                    "gap": float(gaps[widest]),
                    "gap_from": float(low[widest]),
                    "gap_to": float(high[widest]),
                    "mean_gap": float(np.sum(gaps**2) / np.sum(gaps)),
                }
            )
    rows.sort(key=lambda row: (row["number"], row["gap"], row["mean_gap"]))
    table = pd.DataFrame(rows)
    table["rank"] = table.groupby("number").cumcount() + 1
    return table


def arm_bands(ends):
    """First and last wavelength of each arm, from its spectra.

    Parameters
    ----------
    ends : DataFrame
        ``arm``, ``method``, ``low`` and ``high`` [Angstrom] of a spectrum of each lamp and arm.

    Returns
    -------
    dict
        Arm to (low, high): the medians of spectra with a solution or, if there are none, of all.
    """
    bands = {}
    for arm, part in ends.groupby("arm"):
        solved = part[part["method"] != "nominal"]
        middle = (solved if len(solved) else part)[["low", "high"]].median()
        bands[arm] = float(middle["low"]), float(middle["high"])
    return bands


def counted_lines(lines, line_limit):
    """Lines that count for the coverage: above a flux limit and with a laboratory wavelength.

    Other lines calibrate nothing.
    """
    return lines[(lines["wavelength_from"] == "laboratory") & (lines["flux"] > line_limit)]


def lamp_coverage(counted, lamps, bands):
    """Find the longest gaps of all lamps and pairs of lamps, arm by arm.

    Parameters
    ----------
    counted : DataFrame
        ``source``, ``arm`` and ``wavelength`` [Angstrom] of the lines that count.
    lamps : DataFrame
        ``source`` and ``arm`` of every lamp, including those without lines.
    bands : dict
        From `arm_bands`.

    Returns
    -------
    DataFrame
        As from `arm_coverage`, with ``arm``.
    """
    parts = []
    for arm, band in bands.items():
        lines = lamps.loc[lamps["arm"] == arm, ["source"]].merge(
            counted[counted["arm"] == arm][["source", "wavelength"]], how="left"
        )
        parts.append(arm_coverage(lines, band).assign(arm=arm))
    return pd.concat(parts, ignore_index=True)
