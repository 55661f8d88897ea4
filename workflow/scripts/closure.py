"""Compare every measured flux and wavelength of simulated exposures with what was put in."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd
from astropy.io import fits
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from common.files import whole
from common.jobs import run
from common.plots import LINE, QUIET, WINDOW, finish, save, titled_figure

# Flux classes [ADU/s/fibre].
EDGES = (0, 50, 500, np.inf)
CLASSES = ("below 50", "50 to 500", "above 500")
# The plot of deviations is linear up to this [per cent], logarithmic beyond.
LINEAR = 1
TICKS = [sign * step for sign in (-1, 1) for step in (0, 1, 3, 10, 30, 100, 300, 1000)]
# Signal-to-noise ratio of clear lines, and flux of faint ones [ADU/s/fibre].
CLEAR, FAINT = 20.0, 10.0
# Errors are drawn up to so many sigma.
PULLS = 5.0
# Deviation that an unsaturated bright line with a dark should keep to [per cent].
BAND = 2
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


def draw_deviations(axes, table, column, label):
    """Draw deviations of a measured from the injected flux against the injected."""
    axes.axhline(0, color=QUIET, lw=0.5)
    axes.axhspan(-BAND, BAND, color=QUIET, alpha=0.15, lw=0)
    for saturated, colour in ((False, LINE), (True, WINDOW)):
        for dark, fill in ((True, colour), (False, "none")):
            part = table[(table["saturated"] == saturated) & (table["dark"] == dark)]
            if part.empty:
                continue
            axes.scatter(
                part["injected"],
                100 * (part[column] - 1),
                marker="s" if saturated else "o",
                s=22,
                facecolors=fill,
                edgecolors=colour,
                lw=1.0,
                alpha=0.7,
                label=f"{'saturated' if saturated else 'not saturated'}, "
                f"{'with' if dark else 'without'} dark ({len(part)})",
            )
    finish(axes)
    axes.set_xscale("log")
    axes.set_yscale("symlog", linthresh=LINEAR, linscale=0.5)
    axes.margins(x=0.02, y=0.08)
    axes.yaxis.set_major_locator(FixedLocator(TICKS))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:+g}" if value else "0"))
    axes.set_ylabel(f"{label}\ndeviation (%)")


def draw(table):
    """Draw deviations against injected flux, pulls, and wavelength errors against column.

    Parameters
    ----------
    table : DataFrame
        A row for each window of each exposure.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = titled_figure("Measured against injected", simulated=True, height=10.0)
    if table.empty:
        figure.text(0.5, 0.5, "no exposure has line windows", ha="center")
        return figure
    above, below = figure.subfigures(2, 1, height_ratios=[7, 3])
    plain, net = above.subplots(2, sharex=True, sharey=True)
    draw_deviations(plain, table, "plain", "Plain sum (Flux),")
    draw_deviations(net, table, "net", "Net flux,")
    low, high = plain.get_ylim()
    plain.set_ylim(min(low, -2 * BAND), max(high, 2 * BAND))
    net.set_xlabel(f"Injected into the window (ADU/s/fibre); band: ±{BAND} %")
    plain.legend(frameon=False, fontsize="small", ncols=4, loc="lower left", bbox_to_anchor=(0, 1))

    pulls, wavelengths = below.subplots(1, 2)
    pull = table.loc[~table["saturated"], "pull"].dropna()
    edges = np.linspace(-PULLS, PULLS, 41)
    pulls.hist(pull.clip(-PULLS, PULLS), edges, color=LINE, alpha=0.8)
    normal = np.exp(-0.5 * edges**2) / np.sqrt(2 * np.pi) * pull.size * (edges[1] - edges[0])
    pulls.plot(edges, normal, color=WINDOW, lw=1.5, label="normal distribution")
    finish(pulls)
    pulls.set_xlabel("(Net flux - injected) / error, not saturated")
    pulls.set_ylabel("Windows")
    pulls.legend(frameon=False, fontsize="small", loc="upper left")

    wavelengths.axhline(0, color=QUIET, lw=0.5)
    for (arm, part), marker in zip(table.groupby("arm"), "ov^sDP"):
        wavelengths.plot(
            part["line_pixel"],
            part["difference"],
            marker,
            color=LINE,
            ms=4,
            label=f"{arm} arm",
            fillstyle="full" if marker == "o" else "none",
        )
    finish(wavelengths)
    wavelengths.margins(x=0.02)
    wavelengths.set_xlabel("Column of the line (pixel)")
    wavelengths.set_ylabel("Solution - true\nwavelength (Å)")
    wavelengths.legend(frameon=False, fontsize="small")
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
