"""Compare measurements on simulated exposures with the truth."""

import numpy as np
import pandas as pd

# Classes of injected flux [ADU/s/fibre].
FLUX_EDGES = (0, 50, 500, np.inf)
FLUX_CLASSES = ("below 50", "50 to 500", "above 500")
# Lines above this signal-to-noise ratio count as clear.
CLEAR_SNR = 20.0
# Faint lines have less than this injected flux [ADU/s/fibre].
FAINT_FLUX = 10.0
# Columns of a flux table that are compared, or that identify its windows.
MEASURED = (
    "pixel_start",
    "pixel_stop",
    "ion",
    "flags",
    "snr",
    "Flux",
    "net_flux",
    "net_flux_err",
    "fit_flux",
)


def window_truth(start, stop, lines, pixels, per_flux):
    """Sum the light injected into each window.

    Parameters
    ----------
    start, stop : ndarray of int, shape (windows,)
        First and last pixel of each window.
    lines : DataFrame
        Lines of the exposure: ``wavelength_air`` [Angstrom], ``pixel``, ``flux`` [ADU/s/fibre],
        ``saturated``.
    pixels : DataFrame
        For each column the counts [ADU] of the lit bundle (``injected``), of stray light
        (``stray``) and of cosmic rays in the rows of the bundle (``cosmic``).
    per_flux : float
        Exposure time times number of fibres [s]: counts divided by it are fluxes.

    Returns
    -------
    dict of str to ndarray, each shape (windows,)
        ``injected_flux``, ``stray_flux``, ``cosmic_flux`` [ADU/s/fibre], ``saturated``, and
        ``line_wavelength``, ``line_pixel`` and ``line_flux`` (all light of the line) of its
        brightest line, NaN without a line.
    """
    light = {
        f"{name}_flux": pixels[name].to_numpy() / per_flux
        for name in ("injected", "stray", "cosmic")
    }
    lines = lines.sort_values("flux", ascending=False, kind="stable")
    place, clipped = lines["pixel"].to_numpy(), lines["saturated"].to_numpy(dtype=bool)
    inside = (start[:, None] - 0.5 <= place) & (place <= stop[:, None] + 0.5)
    lit = inside.any(axis=1)
    # The first one is the brightest.
    brightest = inside[lit].argmax(axis=1)
    windows = [slice(*ends) for ends in zip(start, stop + 1)]
    truth = {
        name: np.array([each[window].sum() for window in windows]) for name, each in light.items()
    }
    truth["saturated"] = (inside & clipped).any(axis=1)
    for name, column in (
        ("line_wavelength", "wavelength_air"),
        ("line_pixel", "pixel"),
        ("line_flux", "flux"),
    ):
        truth[name] = np.full(start.size, np.nan)
        truth[name][lit] = lines[column].iloc[brightest]
    return truth


def exposure_closure(fluxes, wavelength, lines, pixels, per_flux):
    """Tabulate the measurements of each window of an exposure with their true values.

    Parameters
    ----------
    fluxes : DataFrame
        Flux table of the exposure.
    wavelength : ndarray, shape (columns,)
        Wavelength of each column from its solution [Angstrom].
    lines, pixels, per_flux
        As in `window_truth`.

    Returns
    -------
    dict of str to ndarray, each shape (windows,)
        Columns of the comparison that `closure_table` does not add.
    """
    start, stop = (fluxes[name].to_numpy(dtype=int) for name in ("pixel_start", "pixel_stop"))
    truth = window_truth(start, stop, lines, pixels, per_flux)
    solution = np.interp(truth["line_pixel"], np.arange(wavelength.size), wavelength)
    return {
        "window": np.arange(1, start.size + 1),
        **{name: fluxes[name].to_numpy() for name in MEASURED},
        **truth,
        "solution_wavelength": solution,
    }


def closure_table(parts):
    """Compare the fluxes and wavelengths of all exposures with the truth.

    Parameters
    ----------
    parts : list of dict
        The results of `exposure_closure`, each with its ``exposure``, ``arm`` and whether it has
        a ``dark``.

    Returns
    -------
    DataFrame
        A row for each window of each exposure.
    """
    table = pd.concat(map(pd.DataFrame, parts), ignore_index=True)
    injected = table["injected_flux"].astype(float)
    table["class"] = pd.cut(injected, FLUX_EDGES, labels=FLUX_CLASSES, right=False)
    table["flags"] = table["flags"].fillna("")
    table["plain"], table["net"] = table["Flux"] / injected, table["net_flux"] / injected
    table["pull"] = (table["net_flux"] - injected) / table["net_flux_err"]
    table["fit"] = table["fit_flux"] / table["line_flux"]
    table["difference"] = table["solution_wavelength"] - table["line_wavelength"]
    return table


def half_spread(values):
    """Half the range of the central 68 per cent: one sigma of a normal distribution.

    Examples
    --------
    >>> values = np.random.default_rng(1).normal(0, 2, 100_000)
    >>> print(f"{half_spread(values):.1f}")
    2.0
    """
    low, high = np.nanpercentile(values, (15.87, 84.13))
    return (high - low) / 2


def in_class(table, name):
    """Give the rows of a table a class."""
    return table.assign(**{"class": name})


def summarise_closure(table):
    """Summarise how close the measurements are to the truth.

    Parameters
    ----------
    table : DataFrame
        A row for each window of each exposure.

    Returns
    -------
    DataFrame
        A row for each ``quantity`` and group of windows (``saturated``, ``dark``, ``class``):
        number of ``lines``, ``median``, ``spread`` (half the range of the central 68 per cent),
        ``mean``, ``std``, and median and 95th percentile of the absolute difference from the true
        value (``off_median``, ``off_95``).
    """
    unsaturated = ~table["saturated"]
    flagged = table["flags"].str.split().map(lambda words: float("saturated" in words))
    by_flux = in_class(table, table["class"])
    clear = in_class(table[unsaturated & (table["snr"] > CLEAR_SNR)], "S/N above 20")
    faint = in_class(
        table[unsaturated & (table["injected_flux"] < FAINT_FLUX)], "below 10 ADU/s/fibre"
    )
    hit = in_class(table[unsaturated & (table["cosmic_flux"] > 0)], "hit by a cosmic ray")
    by_arm = in_class(table, table["arm"] + " arm")
    parts = []
    for quantity, column, rows, true_value in (
        ("plain flux / injected", "plain", by_flux, 1),
        ("plain flux / injected", "plain", faint, 1),
        ("net flux / injected", "net", by_flux, 1),
        ("net flux / injected", "net", clear, 1),
        ("net flux / injected", "net", faint, 1),
        ("plain flux / injected", "plain", hit, 1),
        ("net flux / injected", "net", hit, 1),
        ("fitted flux / line", "fit", clear, 1),
        ("(net flux - injected) / error", "pull", in_class(table[unsaturated], "all"), 0),
        ("flagged as saturated", "flagged", in_class(table.assign(flagged=flagged), "all"), 0),
        ("wavelength, solution - true [Angstrom]", "difference", by_arm, 0),
    ):
        rows = rows.assign(off=(rows[column] - true_value).abs())
        groups = rows.groupby(["saturated", "dark", "class"], observed=True)
        part = groups.agg(
            lines=(column, "count"),
            median=(column, "median"),
            spread=(column, half_spread),
            mean=(column, "mean"),
            std=(column, "std"),
            off_median=("off", "median"),
            off_95=("off", lambda off: off.quantile(0.95)),
        )
        parts.append(part.reset_index().assign(quantity=quantity))
    summary = pd.concat(parts, ignore_index=True)
    return summary[["quantity", *summary.columns.drop("quantity")]]
