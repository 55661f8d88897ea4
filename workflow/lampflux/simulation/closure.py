"""Compare measurements on simulated exposures with the truth."""

import numpy as np
import pandas as pd

# Classes of injected flux [ADU/s/fibre].
FLUX_EDGES = (0, 50, 500, np.inf)
FLUX_CLASSES = ("below 50", "50 to 500", "above 500")
# Clear lines have at least this signal-to-noise ratio.
CLEAR_SNR = 20.0
# Faint lines have less than this injected flux [ADU/s/fibre].
FAINT_FLUX = 10.0
# The truth about a window; see `window_truth`.
WINDOW_TRUTH = (
    "injected_flux",
    "stray_flux",
    "cosmic_flux",
    "saturated",
    "line_wavelength",
    "line_pixel",
    "line_flux",
)


def window_truth(windows, lines, pixels, per_flux):
    """Sum the light injected into each window.

    Parameters
    ----------
    windows : DataFrame
        ``pixel_start`` and ``pixel_stop`` of each window, both inclusive.
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
    DataFrame
        A row for each window: ``injected_flux``, ``stray_flux``, ``cosmic_flux`` [ADU/s/fibre],
        ``saturated``, and ``line_wavelength``, ``line_pixel`` and ``line_flux`` (all light of the
        line) of its brightest line, NaN without a line.
    """
    rows = []
    for start, stop in zip(windows["pixel_start"], windows["pixel_stop"]):
        inside = lines[lines["pixel"].between(start - 0.5, stop + 0.5)]
        brightest = inside.loc[inside["flux"].idxmax()] if len(inside) else {}
        held = pixels.iloc[start : stop + 1]
        rows.append(
            {
                "injected_flux": held["injected"].sum() / per_flux,
                "stray_flux": held["stray"].sum() / per_flux,
                "cosmic_flux": held["cosmic"].sum() / per_flux,
                "saturated": bool(inside["saturated"].any()),
                "line_wavelength": brightest.get("wavelength_air", np.nan),
                "line_pixel": brightest.get("pixel", np.nan),
                "line_flux": brightest.get("flux", np.nan),
            }
        )
    # With named columns, since an exposure may have no window.
    return pd.DataFrame(rows, columns=WINDOW_TRUTH).astype({"saturated": bool})


def exposure_closure(fluxes, wavelength, lines, pixels, per_flux):
    """Compare the fluxes and wavelengths of one exposure with the truth.

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
    DataFrame
        A row for each window.
    """
    truth = window_truth(fluxes, lines, pixels, per_flux)
    solution = np.interp(truth["line_pixel"], np.arange(wavelength.size), wavelength)
    injected = truth["injected_flux"]
    return pd.DataFrame(
        {
            "window": np.arange(1, len(fluxes) + 1),
            "pixel_start": fluxes["pixel_start"],
            "pixel_stop": fluxes["pixel_stop"],
            "ion": fluxes["ion"],
            "class": pd.cut(injected, FLUX_EDGES, labels=FLUX_CLASSES, right=False),
            "flags": fluxes["flags"].fillna(""),
            "snr": fluxes["snr"],
            "Flux": fluxes["Flux"],
            "net_flux": fluxes["net_flux"],
            "net_flux_err": fluxes["net_flux_err"],
            "fit_flux": fluxes["fit_flux"],
            "injected_flux": injected,
            "plain": fluxes["Flux"] / injected,
            "net": fluxes["net_flux"] / injected,
            "pull": (fluxes["net_flux"] - injected) / fluxes["net_flux_err"],
            "fit": fluxes["fit_flux"] / truth["line_flux"],
            "saturated": truth["saturated"],
            "stray_flux": truth["stray_flux"],
            "cosmic_flux": truth["cosmic_flux"],
            "line_flux": truth["line_flux"],
            "line_pixel": truth["line_pixel"],
            "line_wavelength": truth["line_wavelength"],
            "solution_wavelength": solution,
            "difference": solution - truth["line_wavelength"],
        }
    )


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
    """Label the rows of a table with a class."""
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
