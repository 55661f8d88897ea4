"""Flux tables for the tests of the lamps' summaries: published ones, and some of known truth."""

import csv

import numpy as np
import pandas as pd

from conftest import PROJECT
from lampflux.files.products import column_facts

FIBRES = 61
# Light of a line in the highest pixel of the frame, for a line in a fibre of 61: 2.3 pixels wide
# along the spectrum and 2.9 along the slit.
PEAK_PART = 0.12 / FIBRES


def flux_table(windows, seconds, net_flux, net_flux_err=np.nan, **columns):
    """Make a flux table: `windows` has pixel_start, pixel_stop, ion and wavelength_air."""
    net_flux = np.asarray(net_flux, dtype=float)
    table = pd.DataFrame({"net_flux": net_flux, "net_flux_err": net_flux_err})
    table["pixel"] = (windows["pixel_start"] + windows["pixel_stop"]) // 2
    table["Wavelength"] = 5754.0 + 0.5 * table["pixel"]
    table["Flux"], table["Flux_err"] = table["net_flux"], table["net_flux_err"]
    table["snr"] = table["net_flux"] / table["net_flux_err"]
    table["counts"] = net_flux * seconds * FIBRES
    table["peak"] = table["counts"] * PEAK_PART
    table["saturated_fraction"] = table["masked_fraction"] = table["continuum"] = 0.0
    table["flags"] = ""
    table["wavelength_method"], table["wavelength_trusted"] = "fitted", True
    table["simulated"] = False
    for name in ("pixel_start", "pixel_stop", "ion", "wavelength_air"):
        table[name] = windows[name].to_numpy()
    return table.assign(**columns).reindex(columns=list(column_facts("fluxes")))


def windows_of(lamp, arm):
    """The project's windows of a lamp and arm."""
    table = pd.read_csv(PROJECT / "resources" / "line_windows" / f"{lamp}_{arm}.csv")
    return table.rename(columns={"start": "pixel_start", "stop": "pixel_stop"})


def windows_for(number):
    """Windows of as many lines that are known by name."""
    start = 100 + 60 * np.arange(number)
    return pd.DataFrame(
        {
            "pixel_start": start,
            "pixel_stop": start + 16,
            "ion": "Ar I",
            "wavelength_air": 5758.0 + 0.5 * start,
        }
    )


def published():
    """Brand, lamp and arm to its published flux tables and their exposures."""
    fluxes = {}
    with open(PROJECT / "resources" / "published_fluxes.csv", newline="") as file:
        for row in csv.DictReader(file):
            fluxes.setdefault(row["exposure"], []).append(float(row["flux"]))
    lamps = {}
    for exposure, values in fluxes.items():
        brand, lamp, arm, seconds, number = exposure.split("_")
        seconds = float(seconds.removesuffix("s"))
        tables, exposures = lamps.setdefault((brand, lamp, arm), ([], []))
        tables.append(flux_table(windows_of(lamp, arm), seconds, values, wavelength_trusted=False))
        exposures.append({"exposure": exposure, "seconds": seconds, "id": number})
    return lamps


def measured(rng, windows, flux, seconds, gain=1.9, read_noise=60.0, brightness=1.0):
    """Measure lines of known flux [ADU/s/fibre], with photon noise and read noise [ADU]."""
    counts = np.asarray(flux) * brightness * seconds * FIBRES
    noise = np.sqrt(np.clip(counts, 0, None) / gain + read_noise**2)
    seen = counts + rng.normal(0, noise)
    per_flux = seconds * FIBRES
    return flux_table(windows, seconds, seen / per_flux, noise / per_flux, peak=counts * PEAK_PART)
