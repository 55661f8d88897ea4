"""What a lamp's identified lines say of its health: lines that are missing, elements gone dark."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from lampflux.lamps.measurements import commonest_time, is_flagged
from lampflux.statistics import linear_trend


class ElementSettings(NamedTuple):
    """Constants of the health of a lamp's elements."""

    # A line is expected that this part of the other exposures shows, of those no longer.
    seen_part: float = 0.5
    # Fewest other exposures from which an expectation is derived.
    fewest_others: int = 2
    # Fewest lines that measure an element's brightness.
    fewest_lines: int = 2
    # Probability of chance below which a lamp is said to lose brightness.
    fall_probability: float = 0.05


ELEMENTS = ElementSettings()


def element_of(ion):
    """Element of an ion: Ar of Ar II."""
    return ion.split()[0]


def element_health(tables, seconds, ions):
    """Compare the identified lines of each exposure of a lamp with those of its other exposures.

    Parameters
    ----------
    tables : list of DataFrame
        ``ion``, ``wavelength_air`` [Angstrom], ``flux`` [ADU/s/fibre] and ``flags`` of the
        identified lines of each exposure.
    seconds : ndarray, shape (exposures,)
        Exposure times [s].
    ions : list of str
        Ions of the lamp.

    Returns
    -------
    DataFrame
        A row for each exposure: ``lines_missing``, the part of the expected lines that is not
        identified; ``element_ratio``, the light of the element that is darkest against the other
        exposures over that of the brightest, and ``darkest_element``; ``elements_missing``, those
        without any line although other lines are identified. Unknown values are NaN or empty.
    """
    lines = [
        table.drop_duplicates("wavelength_air").set_index("wavelength_air") for table in tables
    ]
    elements = sorted({element_of(ion) for ion in ions})
    rows = []
    for number, own in enumerate(lines):
        seen = {element_of(ion) for ion in own["ion"]}
        row = {"lines_missing": np.nan, "element_ratio": np.nan, "darkest_element": ""}
        row["elements_missing"] = " ".join(each for each in elements if seen and each not in seen)
        others = [
            other
            for place, other in enumerate(lines)
            if place != number and seconds[place] <= seconds[number] and len(other)
        ]
        if len(others) >= ELEMENTS.fewest_others:
            row |= compare_lines(own, others)
        rows.append(row)
    return pd.DataFrame(rows)


def compare_lines(own, others):
    """Compare the lines of an exposure with those of others: see `element_health`."""
    together = pd.concat(others)
    times_seen = together.groupby(level=0).size()
    expected = times_seen.index[times_seen >= ELEMENTS.seen_part * len(others)]
    missing = ~expected.isin(own.index)
    usual = unsaturated(together).groupby(level=0).median()
    flux = unsaturated(own).reindex(expected)
    # An expected line that is not seen gives no light; a saturated one measures nothing.
    ratio = (flux.mask(missing, 0.0) / usual.reindex(expected)).dropna()
    element = together["ion"].groupby(level=0).first().map(element_of).reindex(ratio.index)
    light = ratio.groupby(element).agg(["median", "size"])
    light = light.loc[light["size"] >= ELEMENTS.fewest_lines, "median"]
    known = len(light) > 1 and light.max() > 0
    return {
        "lines_missing": missing.mean() if len(expected) else np.nan,
        "element_ratio": light.min() / light.max() if known else np.nan,
        "darkest_element": light.idxmin() if known else "",
    }


def unsaturated(lines):
    """Fluxes of lines that are not flagged as saturated."""
    return lines.loc[~is_flagged(lines, "saturated"), "flux"]


def brightness_fall(brightness, seconds, begin):
    """Find how much brightness a lamp loses over the exposures of one time.

    Parameters
    ----------
    brightness : ndarray, shape (exposures,)
        Over the lamp's mean; NaN where it is not known. In the order of observation.
    seconds : ndarray, shape (exposures,)
        Exposure times [s]; the one with the most exposures is taken.
    begin : ndarray, shape (exposures,)
        When each exposure began [h]; NaN where that is not known, and steps are taken to be alike.

    Returns
    -------
    ndarray, shape (exposures,)
        Loss from the first to the last exposure of that time by a straight line [%], 0 where the
        lamp does not lose brightness, in the place of the last exposure; NaN elsewhere, and for
        fewer than three exposures.
    """
    fall = np.full(len(brightness), np.nan)
    known = np.isfinite(brightness)
    if not known.any():
        return fall
    series = np.flatnonzero(known & (seconds == commonest_time(seconds[known])))
    place = begin[series]
    if not (np.isfinite(place).all() and np.ptp(place) > 0):
        place = np.arange(len(series), dtype=float)
    values = brightness[series]
    slope, _, probability = linear_trend(place, values)
    if np.isfinite(slope):
        loss = -100 * slope * np.ptp(place) / np.mean(values)
        sure = probability < ELEMENTS.fall_probability
        fall[series[np.argmax(place)]] = max(loss, 0.0) if sure else 0.0
    return fall
