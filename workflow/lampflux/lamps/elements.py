"""What a lamp's identified lines say of its health: lines that are missing, elements gone dark."""

from typing import NamedTuple
from warnings import catch_warnings

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
    listed = [table.assign(exposure=number) for number, table in enumerate(tables)]
    together = pd.concat(listed).drop_duplicates(["exposure", "wavelength_air"])
    exposure = together["exposure"].to_numpy()
    wavelengths, first, line = np.unique(
        together["wavelength_air"], return_index=True, return_inverse=True
    )
    element = np.array([element_of(ion) for ion in together["ion"].iloc[first]], dtype=object)
    seen = np.zeros((len(tables), len(wavelengths)), dtype=bool)
    seen[exposure, line] = True
    # A saturated line measures nothing, one that is not seen gives no light.
    flux = np.zeros(seen.shape)
    flux[exposure, line] = together["flux"].mask(is_flagged(together, "saturated"))
    elements = {element_of(ion) for ion in ions}
    rows = []
    for number, own in enumerate(seen):
        row = {"lines_missing": np.nan, "element_ratio": np.nan, "darkest_element": ""}
        gone = sorted(elements - set(element[own])) if own.any() else []
        row["elements_missing"] = " ".join(gone)
        others = (seconds <= seconds[number]) & seen.any(axis=1)
        others[number] = False
        if others.sum() >= ELEMENTS.fewest_others:
            expected = seen[others].sum(axis=0) >= ELEMENTS.seen_part * others.sum()
            row |= compare_lines(
                own[expected],
                flux[number, expected],
                np.where(seen[others], flux[others], np.nan)[:, expected],
                element[expected],
            )
        rows.append(row)
    return pd.DataFrame(rows)


def compare_lines(seen, flux, others, element):
    """Compare the expected lines of an exposure with those of others.

    Parameters
    ----------
    seen : ndarray of bool, shape (lines,)
    flux : ndarray, shape (lines,)
        0 where a line is not seen, NaN where it is saturated.
    others : ndarray, shape (exposures, lines)
        Fluxes in the other exposures; NaN where a line is not seen or saturated.
    element : ndarray of str, shape (lines,)

    Returns
    -------
    dict
        See `element_health`.
    """
    with catch_warnings(action="ignore", category=RuntimeWarning):
        ratio = flux / np.nanmedian(others, axis=0)
    light = {}
    for each in sorted(set(element)):
        known = ratio[(element == each) & ~np.isnan(ratio)]
        if known.size >= ELEMENTS.fewest_lines:
            light[each] = np.median(known)
    darkest, brightest = min(light, key=light.get, default=""), max(light.values(), default=0)
    known = len(light) > 1 and brightest > 0
    return {
        "lines_missing": np.mean(~seen) if seen.size else np.nan,
        "element_ratio": light[darkest] / brightest if known else np.nan,
        "darkest_element": darkest if known else "",
    }


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
