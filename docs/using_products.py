# %% [markdown]
# # How to use the products
#
# Runs in lampflux' own folder, as a script (`python docs/using_products.py`) and, cell by cell, as
# a notebook in editors that know the percent format. It reads the products of the demonstration
# (`make run`); the environment variable `LAMPFLUX_RESULTS` names another folder of results.
# Pictures go to `pictures` below it.

# %%
import os
import sys
from pathlib import Path

import astropy.units as u
import matplotlib.pyplot as plt
import numpy as np
from astropy.io import fits
from astropy.table import QTable
from astropy.visualization import quantity_support
from specutils import Spectrum
from specutils.manipulation import extract_region
from specutils.spectra import SpectralRegion

sys.path.insert(0, "workflow")

from lampflux import read_product

RESULTS = Path(os.environ.get("LAMPFLUX_RESULTS", "results"))
PICTURES = RESULTS / "pictures"
PICTURES.mkdir(exist_ok=True)
EXPOSURE = "Photron_ThAr_Red_10s_01"

# %% [markdown]
# ## A calibrated spectrum with specutils
#
# The plain sum along the slit, its uncertainty, and the wavelengths of the solution in use.

# %%
spectrum = Spectrum.read(RESULTS / "calibrated" / f"{EXPOSURE}.fits")
print(spectrum.flux.unit, spectrum.spectral_axis[[0, -1]].quantity.round(3))

# %% [markdown]
# ## A line, with units

# %%
line = extract_region(spectrum, SpectralRegion(7630 * u.AA, 7640 * u.AA))
with quantity_support():
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    axes.step(line.spectral_axis, line.flux, where="mid")
    axes.set(title=f"{EXPOSURE}: Ar I 7635.11 Å", xlabel="Wavelength in air (Å)")
    axes.set_ylabel("Sum along the slit (ADU)")
    figure.savefig(PICTURES / "line.png", dpi=110)
brightest = line.spectral_axis[np.argmax(line.flux)]
print(f"brightest pixel at {brightest:.2f}")

# %% [markdown]
# ## The same with plain astropy
#
# The table holds the clean sum too, and says where wavelengths are trusted.

# %%
with fits.open(RESULTS / "calibrated" / f"{EXPOSURE}.fits") as hdus:
    header = hdus[0].header
    pixels = QTable(hdus["SPECTRUM"].data)
first, last = header["WAVEFRST"], header["WAVELAST"]
print(f"wavelengths are {header['WAVEMETH']} and trusted from pixel {first} to {last}")
print(f"of {len(pixels)} pixels; rms residual {header['WAVERMS']} Angstrom")

# %% [markdown]
# ## Tables with units
#
# `read_product` takes units and meanings from the schemas from which the page of the columns is
# made.

# %%
fluxes = read_product(RESULTS / f"fluxes/{EXPOSURE}.csv")
fluxes.round(2)
print(fluxes["ion", "wavelength_air", "net_flux", "net_flux_err", "snr"])

plan = read_product(RESULTS / "lamps/exposure_plan.csv")
plan.round(2)
print(plan["brand", "lamp", "arm", "time_peak", "single", "single_served"])

# %% [markdown]
# ## Two lamps side by side
#
# Lines that both lamps show, by their laboratory wavelengths: how much brighter is the second?

# %%
lines = read_product(RESULTS / "lamps/all_lines.csv")
lines = lines[(lines["arm"] == "Red") & (lines["measured"] == "window")]
argon = lines[(lines["brand"] == "Newport") & (lines["lamp"] == "Ar")]
thorium = lines[lines["lamp"] == "ThAr"]
_, here, there = np.intersect1d(
    argon["wavelength"].value, thorium["wavelength"].value, return_indices=True
)
ratio = (thorium["flux"][there] / argon["flux"][here]).to(u.one)
for wavelength, value in zip(argon["wavelength"][here], ratio):
    print(f"{wavelength:.2f}: ThAr is {value:.2f} times as bright as Ar")

with quantity_support():
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for lamp, name in ((argon, "Newport Ar"), (thorium, "Photron ThAr")):
        axes.errorbar(lamp["wavelength"], lamp["flux"], lamp["flux_err"], fmt="o", label=name)
    axes.set(yscale="log", title="Best fluxes of two lamps, red arm")
    axes.set_xlabel("Wavelength in air (Å)")
    axes.set_ylabel("Flux (ADU/s/fibre)")
    axes.legend()
    figure.savefig(PICTURES / "two_lamps.png", dpi=110)
