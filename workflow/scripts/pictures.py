"""Draw an exposure: its frame and spectrum, its identified lines, and its line windows."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/..")

import numpy as np

from lampflux.files.spectra import read_frame, read_spectrum
from lampflux.files.tables import read_fits, read_identified_lines, read_shown_fluxes
from lampflux.jobs import run
from lampflux.pictures.extraction import draw_extraction
from lampflux.pictures.fluxes import draw_windows
from lampflux.pictures.style import new_figure, save
from lampflux.pictures.wavelengths import draw_calibration, draw_nominal
from lampflux.wavelengths.scale import nominal_wavelength


def main(snakemake):
    """Read an exposure's products and draw three pictures."""
    paths, pictures = snakemake.input, snakemake.output
    formats = snakemake.params.pictures
    header, spectrum, _ = read_spectrum(paths.calibrated)
    figure = new_figure(header, "raw frame and spectrum")
    draw_extraction(figure, *read_frame(paths.spectrum), spectrum)
    save(figure, pictures.spectrum, formats)

    linear = {name: header[f"{name}1A"] for name in ("crval", "crpix", "cdelt")}
    nominal = nominal_wavelength(np.arange(spectrum.clean.size), **linear)
    reason = f": {header['WAVEREAS']}" if "WAVEREAS" in header else ""
    figure = new_figure(header, f"{header['WAVEMETH']} wavelengths{reason}")
    if header["WAVEMETH"] == "nominal":
        draw_nominal(figure, nominal, spectrum.clean)
    else:
        trusted = header["WAVEFRST"], header["WAVELAST"]
        lines = read_identified_lines(paths.lines)
        note = (
            f"{header['WAVENLIN']} lines used, rms {header['WAVERMS']:.2g} Å, "
            f"line width {header['LINEFWHM']:.2f} pixel"
        )
        draw_calibration(figure, spectrum, nominal, lines, trusted, note)
    save(figure, pictures.calibrated, formats)

    figure = new_figure(header, "line windows")
    rows, fits = read_shown_fluxes(paths.fluxes), read_fits(paths.fits)
    draw_windows(figure, spectrum.wavelength, spectrum.clean, fits, rows)
    save(figure, pictures.fluxes, formats)


if __name__ == "__main__":
    run(main, snakemake)
