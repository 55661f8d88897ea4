"""Compare measurements with what was put in."""

import numpy as np
import pandas as pd

# Flux classes [ADU/s/fibre].
EDGES = (0, 50, 500, np.inf)
CLASSES = ("below 50", "50 to 500", "above 500")
# Signal-to-noise ratio of clear lines, and flux of faint ones [ADU/s/fibre].
CLEAR, FAINT = 20.0, 10.0
# What the truth says of a window.
TRUTH = (
    "injected",
    "stray",
    "cosmic",
    "saturated",
    "line_wavelength",
    "line_pixel",
    "line_flux",
)


def window_truth(windows, lines, pixels, per_flux):
    """Sum up what was put into each window.

    Parameters
    ----------
    windows : DataFrame
        ``pixel_start``, ``pixel_stop`` of each window, both included.
    lines : DataFrame
        The exposure's lines: ``wavelength_air`` [Angstrom], ``pixel``, ``flux`` [ADU/s/fibre],
        ``saturated``.
    pixels : DataFrame
        Of each column, ``injected``, ``stray`` and ``cosmic`` [ADU] of the lit bundle, of stray
        light and of cosmic rays in the bundle's rows.
    per_flux : float
        Exposure time times fibres [s]: counts over it are fluxes.

    Returns
    -------
    DataFrame
        A row for each window: ``injected``, ``stray`` and ``cosmic`` [ADU/s/fibre],
        ``saturated``, and of its brightest line ``line_wavelength``, ``line_pixel`` and
        ``line_flux`` (all of the line's light), NaN without a line.
    """
    rows = []
    for start, stop in zip(windows["pixel_start"], windows["pixel_stop"]):
        inside = lines[lines["pixel"].between(start - 0.5, stop + 0.5)]
        brightest = inside.loc[inside["flux"].idxmax()] if len(inside) else {}
        held = pixels.iloc[start : stop + 1]
        rows.append(
            {
                "injected": held["injected"].sum() / per_flux,
                "stray": held["stray"].sum() / per_flux,
                "cosmic": held["cosmic"].sum() / per_flux,
                "saturated": bool(inside["saturated"].any()),
                "line_wavelength": brightest.get("wavelength_air", np.nan),
                "line_pixel": brightest.get("pixel", np.nan),
                "line_flux": brightest.get("flux", np.nan),
            }
        )
    # Named, for an exposure may have no window.
    return pd.DataFrame(rows, columns=TRUTH).astype({"saturated": bool})


def exposure_closure(fluxes, wavelength, lines, pixels, per_flux):
    """Compare one exposure's fluxes and wavelengths with the truth.

    Parameters
    ----------
    fluxes : DataFrame
        The exposure's flux table.
    wavelength : ndarray, shape (columns,)
        Wavelengths of its solution [Angstrom].
    lines, pixels, per_flux
        As in `window_truth`.

    Returns
    -------
    DataFrame
        A row for each window.
    """
    truth = window_truth(fluxes, lines, pixels, per_flux)
    solution = np.interp(truth["line_pixel"], np.arange(wavelength.size), wavelength)
    injected = truth["injected"]
    return pd.DataFrame(
        {
            "window": np.arange(1, len(fluxes) + 1),
            "pixel_start": fluxes["pixel_start"],
            "pixel_stop": fluxes["pixel_stop"],
            "ion": fluxes["ion"],
            "brightness": pd.cut(injected, EDGES, labels=CLASSES, right=False),
            "flags": fluxes["flags"].fillna(""),
            "snr": fluxes["snr"],
            "Flux": fluxes["Flux"],
            "net_flux": fluxes["net_flux"],
            "net_flux_err": fluxes["net_flux_err"],
            "fit_flux": fluxes["fit_flux"],
            "injected": injected,
            "plain": fluxes["Flux"] / injected,
            "net": fluxes["net_flux"] / injected,
            "pull": (fluxes["net_flux"] - injected) / fluxes["net_flux_err"],
            "fit": fluxes["fit_flux"] / truth["line_flux"],
            "saturated": truth["saturated"],
            "stray": truth["stray"],
            "cosmic": truth["cosmic"],
            "line_flux": truth["line_flux"],
            "line_pixel": truth["line_pixel"],
            "line_wavelength": truth["line_wavelength"],
            "solution_wavelength": solution,
            "difference": solution - truth["line_wavelength"],
        }
    )


def half_spread(values):
    """Half the range that holds the middle 68 per cent: one sigma of a normal distribution."""
    low, high = np.nanpercentile(values, (15.87, 84.13))
    return (high - low) / 2


def summarise(table):
    """Sum up how near the measurements are to the truth.

    Parameters
    ----------
    table : DataFrame
        A row for each window of each exposure.

    Returns
    -------
    DataFrame
        ``quantity`` and the class it is told for (``saturated``, ``dark``, ``class``, empty where
        it is not split by them), number of ``lines``, ``median``, ``spread`` (half the middle 68
        per cent), ``mean``, ``std``, and median and 95th percentile of the distance from what it
        should be (``off_median``, ``off_95``).
    """
    clear = table[~table["saturated"] & (table["snr"] > CLEAR)].assign(**{"class": "S/N above 20"})
    faint = table[~table["saturated"] & (table["injected"] < FAINT)].assign(
        **{"class": "below 10 ADU/s/fibre"}
    )
    hit = table[~table["saturated"] & (table["cosmic"] > 0)].assign(
        **{"class": "hit by a cosmic ray"}
    )
    by_flux = table.assign(**{"class": table["brightness"]})
    unsaturated = table[~table["saturated"]].assign(**{"class": "all"})
    flagged = table["flags"].str.split().map(lambda words: float("saturated" in words))
    told = table.assign(flagged=flagged, **{"class": "all"})
    wavelengths = table.assign(**{"class": table["arm"] + " arm"})
    parts = []
    for quantity, column, rows, wanted in (
        ("plain flux / injected", "plain", by_flux, 1),
        ("plain flux / injected", "plain", faint, 1),
        ("net flux / injected", "net", by_flux, 1),
        ("net flux / injected", "net", clear, 1),
        ("net flux / injected", "net", faint, 1),
        ("plain flux / injected", "plain", hit, 1),
        ("net flux / injected", "net", hit, 1),
        ("fitted flux / line", "fit", clear, 1),
        ("(net flux - injected) / error", "pull", unsaturated, 0),
        ("flagged as saturated", "flagged", told, 0),
        ("wavelength, solution - true [Angstrom]", "difference", wavelengths, 0),
    ):
        rows = rows.assign(off=(rows[column] - wanted).abs())
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
