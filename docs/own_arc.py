"""Solve and measure an arc of your own: a xenon lamp in a long-slit spectrograph."""

# %% Read the frame. There is no dark: the median of the frame is its bias.
import sys

import numpy as np

import lampflux

frame, header, *_ = lampflux.read_frame(sys.argv[1])
bias = np.full(frame.shape[1], np.median(frame))

# %% Extract a spectrum from the rows of the slit.
arc = lampflux.extract(frame, bias, rows=(40, 250), gain=2.45)

# %% Identify its lines, from a guess of the wavelengths that may be some per cent off.
xenon = lampflux.line_list(["Xe I"])
guess = {"crval": 4501.0, "crpix": 245, "cdelt": 4.6}
solution = lampflux.identify(arc.counts, xenon, guess, uncertainty=arc.uncertainty)
print(solution.method, f"{solution.wavelength[0]:.0f} to {solution.wavelength[-1]:.0f} Angstrom")

# %% Measure the flux of each line that was identified, except at the ends.
inside = range(6, arc.counts.size - 6)
lines = [line for line in solution.lines if line["used"] and round(line["pixel"]) in inside]
windows = [(round(line["pixel"]) - 6, round(line["pixel"]) + 6) for line in lines]
fluxes = lampflux.measure(arc.counts, windows, arc.uncertainty, exposure_time=header["EXPTIME"])
for line, flux in zip(lines, fluxes):
    print(
        f"{line['ion']} {line['wavelength_air']:9.3f} at pixel {line['pixel']:7.2f}:"
        f" {flux.net_flux:9.0f} +- {flux.net_flux_err:.0f} ADU/s {' '.join(flux.flags)}"
    )
