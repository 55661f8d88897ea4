"""Compare every measured flux and wavelength of simulated exposures with what was put in."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd
from astropy.io import fits
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from common.errors import run
from common.files import whole
from common.plots import LINE, QUIET, WINDOW, finish, save, titled_figure

# Flux classes [ADU/s/fibre].
EDGES = (0, 50, 500, np.inf)
CLASSES = ("below 50", "50 to 500", "above 500")
# The plot of deviations is linear up to this [per cent], logarithmic beyond.
LINEAR = 1
TICKS = [sign * step for sign in (-1, 1) for step in (0, 1, 3, 10, 30, 100, 300, 1000)]
# Deviation that an unsaturated bright line with a dark should keep to [per cent].
BAND = 2


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
        Of each column, ``injected`` and ``stray`` [ADU] of the lit bundle and of stray light.
    per_flux : float
        Exposure time times fibres [s]: counts over it are fluxes.

    Returns
    -------
    DataFrame
        A row for each window: ``injected`` and ``stray`` [ADU/s/fibre], ``saturated``, and of its
        brightest line ``line_wavelength``, ``line_pixel`` and ``line_flux`` (all of the line's
        light), NaN without a line.
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
                "saturated": bool(inside["saturated"].any()),
                "line_wavelength": brightest.get("wavelength_air", np.nan),
                "line_pixel": brightest.get("pixel", np.nan),
                "line_flux": brightest.get("flux", np.nan),
            }
        )
    return pd.DataFrame(rows)


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
    return pd.DataFrame(
        {
            "window": np.arange(1, len(fluxes) + 1),
            "pixel_start": fluxes["pixel_start"],
            "pixel_stop": fluxes["pixel_stop"],
            "ion": fluxes["ion"],
            "brightness": pd.cut(truth["injected"], EDGES, labels=CLASSES, right=False),
            "Flux": fluxes["Flux"],
            "injected": truth["injected"],
            "ratio": fluxes["Flux"] / truth["injected"],
            "saturated": truth["saturated"],
            "stray": truth["stray"],
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
    """Medians and spreads of the ratios in each class, and of the wavelengths in each arm.

    Parameters
    ----------
    table : DataFrame
        A row for each window of each exposure.

    Returns
    -------
    DataFrame
        ``quantity``, the class in ``arm``, ``saturated``, ``dark`` and ``brightness`` (empty where
        the quantity is not split by them), ``lines``, ``median`` and ``spread``.
    """
    parts = []
    for quantity, column, classes in (
        ("measured / injected", "ratio", ["saturated", "dark", "brightness"]),
        ("wavelength, solution - true [Angstrom]", "difference", ["arm"]),
    ):
        groups = table.groupby(classes, observed=True)[column]
        part = groups.agg(lines="count", median="median", spread=half_spread).reset_index()
        parts.append(part.assign(quantity=quantity))
    order = ["quantity", "arm", "saturated", "dark", "brightness", "lines", "median", "spread"]
    return pd.concat(parts, ignore_index=True)[order]


def draw(table):
    """Draw deviations against injected flux, and wavelength errors against column.

    Parameters
    ----------
    table : DataFrame
        A row for each window of each exposure.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = titled_figure("Measured against injected", simulated=True, height=8.0)
    above, below = figure.subplots(2, gridspec_kw={"height_ratios": [3, 2]})
    above.axhline(0, color=QUIET, lw=0.5)
    above.axhspan(-BAND, BAND, color=QUIET, alpha=0.15, lw=0)
    for saturated, colour in ((False, LINE), (True, WINDOW)):
        for dark, fill in ((True, colour), (False, "none")):
            part = table[(table["saturated"] == saturated) & (table["dark"] == dark)]
            if part.empty:
                continue
            above.scatter(
                part["injected"],
                100 * (part["ratio"] - 1),
                marker="s" if saturated else "o",
                s=28,
                facecolors=fill,
                edgecolors=colour,
                lw=1.1,
                alpha=0.8,
                label=f"{'saturated' if saturated else 'not saturated'}, "
                f"{'with' if dark else 'without'} dark ({len(part)})",
            )
    finish(above)
    above.set_xscale("log")
    above.set_yscale("symlog", linthresh=LINEAR, linscale=0.5)
    above.margins(x=0.02, y=0.08)
    above.autoscale_view()
    low, high = above.get_ylim()
    above.set_ylim(min(low, -2 * BAND), max(high, 2 * BAND))
    above.yaxis.set_major_locator(FixedLocator(TICKS))
    above.yaxis.set_minor_locator(NullLocator())
    above.yaxis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{value:+g}" if value else "0")
    )
    above.set_xlabel("Injected into the window (ADU/s/fibre)")
    above.set_ylabel(f"Measured flux, deviation (%)\n(band: ±{BAND} %)")
    above.legend(frameon=False, fontsize="small", ncols=2, loc="best")

    below.axhline(0, color=QUIET, lw=0.5)
    for (arm, part), marker in zip(table.groupby("arm"), "ov^sDP"):
        below.plot(
            part["line_pixel"],
            part["difference"],
            marker,
            color=LINE,
            ms=5,
            label=f"{arm} arm",
            fillstyle="full" if marker == "o" else "none",
        )
    finish(below)
    below.set_xmargin(0.02)
    below.set_xlabel("Column of the line (pixel)")
    below.set_ylabel("Wavelength,\nsolution - true (Å)")
    below.legend(frameon=False, fontsize="small")
    return figure


def main(snakemake):
    """Read measurements and truth of all exposures, compare, write and draw."""
    source, parts = snakemake.input, []
    for fluxes, calibrated, lines, pixels in zip(
        source.fluxes, source.calibrated, source.lines, source.pixels
    ):
        with fits.open(calibrated) as hdus:
            header = hdus[0].header
            wavelength = hdus["SPECTRUM"].data["wavelength"].astype(float)
        per_flux = header["EXPTIME"] * snakemake.params.fibres
        part = exposure_closure(
            pd.read_csv(fluxes), wavelength, pd.read_csv(lines), pd.read_csv(pixels), per_flux
        )
        part.insert(0, "exposure", Path(fluxes).stem)
        part.insert(1, "arm", header["CCD"])
        part.insert(2, "dark", header["BIASMETH"] == "dark")
        parts.append(part)
    table = pd.concat(parts, ignore_index=True)
    summary = summarise(table)
    logging.info("\n%s", summary.to_string(index=False))
    for frame, path in ((table, snakemake.output.lines), (summary, snakemake.output.summary)):
        with whole(path) as hidden:
            frame.to_csv(hidden, index=False, float_format="%.6g", lineterminator="\n")
    save(draw(table), snakemake.output.png)


if __name__ == "__main__":
    run(main, snakemake)
