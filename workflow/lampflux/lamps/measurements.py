"""The measurements of a lamp's lines in all its exposures, joined."""

import numpy as np
import pandas as pd

from lampflux.errors import UserError

# Part of a line's exposures that must recommend its fitted flux.
MAJORITY = 0.5


def matrix(measurements, column):
    """Arrange a column of the joined flux tables as exposures (rows) by lines (columns)."""
    return measurements.pivot(index="order", columns="line", values=column)


def join_tables(tables, exposures, identified=None):
    """Join the flux tables of a lamp and arm, ordered by exposure time and sequence.

    Parameters
    ----------
    tables : list of DataFrame
        A flux table for each exposure. Rows belong together by their order: all exposures of a
        lamp and arm share a window table, while its windows may lie at other pixels in each.
    exposures : list of dict
        ``exposure`` (name), ``seconds`` and ``id`` of each.
    identified : list of DataFrame, optional
        The table of the identified lines of each exposure. Lines inside a window are measured
        there and left out; the others follow the windows, by wavelength.

    Returns
    -------
    DataFrame
        As `lampflux.lamps.summarise` takes it.

    Raises
    ------
    UserError
        The tables hold different numbers of windows.
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
        others = lines_outside_windows(tables, identified)
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
            # Numbers that start anew with each time do not tell which came first.
            sequence=float(exposure["id"]) if running else np.nan,
            # A column without any flag is read as numbers.
            flags=["" if pd.isna(words) else words for words in part["flags"]],
        )
        for order, (part, exposure) in enumerate(sorted(zip(parts, exposures), key=place))
    ]
    return with_line_fluxes(pd.concat(ordered, ignore_index=True))


def with_line_fluxes(measurements):
    """Add the flux to use of each line: the one that most of its exposures recommend.

    Net and fitted fluxes of a blend differ, so a line has the same one in all exposures. Saturated
    exposures do not count and always give the net flux: a fit to the flanks would hide the loss
    that linearity and lower limits show.

    Parameters
    ----------
    measurements : DataFrame
        Joined flux tables.

    Returns
    -------
    DataFrame
        With ``flux``, ``flux_err`` [ADU/s/fibre] and ``flux_from``, the column they are from.
    """
    saturated = pd.Series(["saturated" in words for words in measurements["flags"]], dtype=bool)
    wants_fit = measurements.get("recommended", pd.Series(index=measurements.index)) == "fit_flux"
    votes = wants_fit.where(~saturated).groupby(measurements["line"]).mean()
    fitted = measurements["line"].map(votes) > MAJORITY
    chosen = {}
    for name in ("flux", "flux_err"):
        net, fit = measurements[f"net_{name}"], measurements.get(f"fit_{name}")
        chosen[name] = net if fit is None else net.where(~fitted | saturated, fit)
    fitted |= measurements["measured"] == "fit"
    return measurements.assign(**chosen, flux_from=np.where(fitted, "fit_flux", "net_flux"))


def lines_outside_windows(tables, identified):
    """Give the identified lines that lie in no window, as rows of a flux table.

    Parameters
    ----------
    tables, identified : list of DataFrame
        As in `join_tables`.

    Returns
    -------
    list of DataFrame
        One for each exposure; a line has the same number in all.
    """
    inside = set()
    for table, lines in zip(tables, identified):
        pixel = lines["pixel"].to_numpy(dtype=float)[:, np.newaxis]
        first, last = (table[name].to_numpy(dtype=float) for name in ("pixel_start", "pixel_stop"))
        within = np.any((pixel >= first - 0.5) & (pixel <= last + 0.5), axis=1)
        inside |= set(lines.loc[within, "wavelength_air"])
    outside = sorted(set(pd.concat(identified)["wavelength_air"]) - inside)
    number = {place: len(tables[0]) + 1 + count for count, place in enumerate(outside)}
    parts = []
    for lines in identified:
        own = lines[lines["wavelength_air"].isin(number)].drop_duplicates("wavelength_air")
        parts.append(
            own.rename(columns={"flux": "net_flux", "flux_err": "net_flux_err"}).assign(
                Wavelength=own["wavelength_air"],
                wavelength_trusted=True,
                measured="fit",
                line=own["wavelength_air"].map(number),
            )
        )
    return parts
