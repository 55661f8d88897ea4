"""The measurements of a lamp's lines in all its exposures, joined."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from lampflux.errors import UserError


class JoinSettings(NamedTuple):
    """Constants of joining flux tables."""

    # Window tables and line lists give the same line within this distance [Angstrom].
    same_line: float = 0.3
    # A line identified in a smaller fraction of the exposures that could show it is taken for a
    # chance match: another peak, or part of a blend.
    seen_part: float = 0.5
    # Fraction of a line's exposures that must recommend its fitted flux.
    majority: float = 0.5


JOIN = JoinSettings()


def matrix(measurements, column):
    """Arrange a column of the joined flux tables as exposures (rows) by lines (columns)."""
    return measurements.pivot(index="order", columns="line", values=column)


def join_tables(tables, exposures, identified=None):
    """Join the flux tables of a lamp and arm, ordered by exposure time and sequence.

    Parameters
    ----------
    tables : list of DataFrame
        A flux table for each exposure. Row *i* of each is the same line: all exposures of a lamp
        and arm share a window table, although its windows may lie at different pixels.
    exposures : list of dict
        ``exposure`` (name), ``seconds`` and ``id`` of each.
    identified : list of DataFrame, optional
        The table of the identified lines of each exposure. Lines with a window are measured there
        and left out; the others follow the windows, by wavelength.

    Returns
    -------
    DataFrame
        Input of `lampflux.lamps.summarise`.

    Raises
    ------
    UserError
        The tables have different numbers of windows.
    """
    numbers = {len(table) for table in tables}
    if len(numbers) > 1:
        names = " and ".join(
            next(e["exposure"] for e, table in zip(exposures, tables) if len(table) == number)
            for number in sorted(numbers)[:2]
        )
        raise UserError(
            f"the flux tables of {names} hold different numbers of windows although they share "
            "one window table; remove both and run again."
        )
    parts = [
        table.assign(line=np.arange(1, len(table) + 1), measured="window") for table in tables
    ]
    if identified is not None:
        others = lines_without_window(tables, identified, exposures)
        parts = [pd.concat(pair) if len(pair[1]) else pair[0] for pair in zip(parts, others)]
    numbered = [each["id"] for each in exposures if each["id"].isdigit()]
    running = len(set(map(int, numbered))) == len(exposures)

    def place(pair):
        number = pair[1]["id"]
        return pair[1]["seconds"], not number.isdigit(), number.zfill(20), number

    ordered = [
        part.assign(
            exposure=exposure["exposure"],
            seconds=float(exposure["seconds"]),
            order=order,
            # Numbers that start again with each exposure time do not show which came first.
            sequence=float(exposure["id"]) if running else np.nan,
            # A column without any flag is read as numbers.
            flags=["" if pd.isna(words) else words for words in part["flags"]],
        )
        for order, (part, exposure) in enumerate(sorted(zip(parts, exposures), key=place))
    ]
    return with_line_fluxes(pd.concat(ordered, ignore_index=True))


def with_line_fluxes(measurements):
    """Add the flux to use for each line: the one that most of its exposures recommend.

    Net and fitted fluxes of a blend differ, so all exposures of a line use the same one. Saturated
    exposures do not count and always use the net flux: a fit to the flanks would hide the loss
    that linearity and lower limits show.

    Returns
    -------
    DataFrame
        With ``flux``, ``flux_err`` and ``noise``, the part of the error that exposures do not
        share [ADU/s/fibre], and ``flux_from``, the column that they come from.
    """
    saturated = is_flagged(measurements, "saturated")
    wants_fit = measurements.get("recommended", pd.Series(index=measurements.index)) == "fit_flux"
    votes = wants_fit.where(~saturated).groupby(measurements["line"]).mean()
    fitted = measurements["line"].map(votes) > JOIN.majority
    chosen = {}
    for name in ("flux", "flux_err"):
        net, fit = measurements[f"net_{name}"], measurements.get(f"fit_{name}")
        chosen[name] = net if fit is None else net.where(~fitted | saturated, fit)
    fitted |= measurements["measured"] == "fit"
    # No part of the errors of windows is known to be shared.
    noise = measurements.get("noise", pd.Series(np.nan, measurements.index))
    chosen["noise"] = noise.fillna(chosen["flux_err"])
    return measurements.assign(**chosen, flux_from=np.where(fitted, "fit_flux", "net_flux"))


def lines_without_window(tables, identified, exposures):
    """Give the identified lines without a window of their own, as rows of the flux tables.

    A window may contain several lines. Its own line is the one nearest to the laboratory
    wavelength of the window or, if it has none, the brightest. A line has the same number in all
    exposures.
    """
    own = set()
    for table, lines in zip(tables, identified):
        for window in table.itertuples():
            inside = lines[
                lines["pixel"].between(window.pixel_start - 0.5, window.pixel_stop + 0.5)
            ]
            if inside.empty:
                continue
            off = (inside["wavelength_air"] - window.wavelength_air).abs()
            if off.isna().all():
                own.add(inside.loc[inside["flux"].idxmax(), "wavelength_air"])
            elif off.min() < JOIN.same_line:
                own.add(inside.loc[off.idxmin(), "wavelength_air"])
    seconds = np.array([float(each["seconds"]) for each in exposures])
    others = sorted(often_identified(identified, seconds) - own)
    number = {place: len(tables[0]) + 1 + count for count, place in enumerate(others)}
    parts = []
    for lines in identified:
        rows = lines[lines["wavelength_air"].isin(number)].drop_duplicates("wavelength_air")
        parts.append(
            rows.rename(columns={"flux": "net_flux", "flux_err": "net_flux_err"}).assign(
                Wavelength=rows["wavelength_air"],
                wavelength_trusted=True,
                measured="fit",
                line=rows["wavelength_air"].map(number),
            )
        )
    return parts


def often_identified(identified, seconds):
    """Find the lines that most of the exposures show that are long enough to show them.

    Parameters
    ----------
    identified : list of DataFrame
        ``wavelength_air`` [Angstrom] of the identified lines of each exposure; exposures without
        any do not count.
    seconds : ndarray, shape (exposures,)
        Exposure times [s].

    Returns
    -------
    set of float
    """
    lines = [set(table["wavelength_air"]) for table in identified]
    known = np.array([bool(each) for each in lines])
    often = set()
    for line in set().union(*lines):
        seen = np.array([line in each for each in lines])
        long_enough = known & (seconds >= seconds[seen].min())
        if seen.sum() >= JOIN.seen_part * long_enough.sum():
            often.add(line)
    return often


def commonest_time(seconds):
    """Exposure time with the most exposures [s]; of several, the shortest."""
    times, numbers = np.unique(seconds, return_counts=True)
    return times[np.argmax(numbers)]


def is_flagged(table, flag):
    """Whether each line of a flux table has a flag."""
    return table["flags"].astype(str).str.contains(flag).to_numpy(dtype=bool)
