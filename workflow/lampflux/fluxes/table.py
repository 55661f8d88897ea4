"""Rows of the flux table."""

import numpy as np

from lampflux.fluxes.flags import raised
from lampflux.fluxes.windows import window_sums

# Columns that `lampflux.fluxes.measure.measure` gives.
MEASURED = (
    "net_flux",
    "net_flux_err",
    "snr",
    "continuum",
    "peak",
    "saturated_fraction",
    "masked_fraction",
    "fit_flux",
    "fit_flux_err",
    "centroid",
    "fwhm",
    "reduced_chi2",
)
# Columns of whole numbers.
WHOLE = ("pixel", "pixel_start", "pixel_stop")


def flux_rows(windows, fluxes, spectrum, header, identified, fibres):
    """Make the flux table.

    Parameters
    ----------
    windows : list of lampflux.fluxes.windows.LineWindow
    fluxes : list of lampflux.fluxes.measure.LineFlux
        In the same order.
    spectrum : lampflux.files.spectra.Spectrum
    header : mapping
        Of the calibrated spectrum.
    identified : list of dict
        Peaks and the lines they are, as `lampflux.files.tables.read_identified_lines` gives them.
    fibres : int

    Returns
    -------
    list of dict
        A row for each window, with the columns of the flux table.
    """
    simulated = header.get("SIMULATE", False)
    about = exposure_flags(header)
    rows = []
    for window, flux in zip(windows, fluxes):
        row = flux_row(window, flux, spectrum, header["EXPTIME"] * fibres)
        columns, misplaced = line_check(
            row, spectrum.wavelength, header["WAVEMETH"], trusted_range(header), identified
        )
        flags = flag_words(flux, about, misplaced)
        rows.append(row | columns | {"flags": flags, "simulated": simulated})
    return rows


def fit_rows(fluxes):
    """Lay out what was fitted to each window.

    Parameters
    ----------
    fluxes : list of lampflux.fluxes.measure.LineFlux

    Yields
    ------
    dict
        The number of the ``window``, from 1; its ``part``, 'continuum', 'line 1'
        and so on, and 'others', the light of lines that were not fitted with them; a ``pixel``,
        and ``counts`` [ADU].
    """
    for window, flux in enumerate(fluxes, start=1):
        *lines, others = flux.drawn.lines
        parts = {"continuum": flux.drawn.continuum}
        parts |= {f"line {number}": line for number, line in enumerate(lines, start=1)}
        pixels = flux.drawn.pixels.tolist()
        for part, values in (parts | {"others": others}).items():
            for pixel, counts in zip(pixels, values.tolist()):
                yield {"window": window, "part": part, "pixel": pixel, "counts": counts}


def trusted_range(header):
    """First and last pixel between which a calibrated spectrum's wavelengths are trusted."""
    return header.get("WAVEFRST", 0), header.get("WAVELAST", -1)


def flux_row(window, flux, spectrum, per_flux):
    """Make a window's row of the flux table.

    Parameters
    ----------
    window : lampflux.fluxes.windows.LineWindow
    flux : lampflux.fluxes.measure.LineFlux
    spectrum : lampflux.files.spectra.Spectrum
    per_flux : float
        Exposure time times fibres [s]: counts over it are fluxes.

    Returns
    -------
    dict
        Cells of what is not known are None.
    """
    # The window's centre; between two pixels, the lower.
    centre = (flux.start + flux.stop) // 2
    inside = slice(flux.start, flux.stop + 1)
    (total,) = window_sums(spectrum.plain, [(flux.start, flux.stop)])
    row = {
        "pixel": centre,
        "Wavelength": spectrum.wavelength[centre],
        "Flux": total / per_flux,
        "Flux_err": np.sqrt(np.sum(np.square(spectrum.plain_error[inside]))) / per_flux,
        "pixel_start": flux.start,
        "pixel_stop": flux.stop,
        "counts": total,
    }
    row |= {name: getattr(flux, name) for name in MEASURED}
    return {
        name: value if name in WHOLE else float(value) if np.isfinite(value) else None
        for name, value in row.items()
    } | {
        "recommended": flux.recommended,
        "reason": flux.reason,
        "blend_of": blend_text(flux.blend_of),
        "ion": window.ion,
        "wavelength_air": window.wavelength_air,
    }


def blend_text(neighbours):
    """Write the neighbours of a line: ion, wavelength, and part of the light where it is known."""
    return "; ".join(
        f"{each.line.ion} {each.line.wavelength_air:.3f} "
        + (f"{each.part:.2g}" if each.is_parted else "?")
        for each in neighbours
    )


def exposure_flags(header):
    """Give the flags that all windows of an exposure share, by its header."""
    return {
        "no_dark": header["BIASMETH"] not in ("dark", "scaled dark"),
        "no_gain": header.get("ERRSRC", "gain") != "gain",
        "refused": header.get("NREFUSED", 0) > 0,
    }


def flag_words(flux, about, misplaced):
    """Write a window's flags.

    Parameters
    ----------
    flux : lampflux.fluxes.measure.LineFlux
    about : dict of str to bool
        From `exposure_flags`.
    misplaced : bool
        Whether the line falls outside the window by the trusted wavelengths.

    Returns
    -------
    str
        Words in the order of `lampflux.fluxes.flags.FLAGS`, with spaces between.
    """
    own = dict.fromkeys(flux.flags, True)
    return " ".join(raised(**own, **about, wavelength=misplaced))


def line_check(row, wavelength, method, trusted, peaks):
    """Compare a window with the lines that the solution puts into it.

    Parameters
    ----------
    row : dict
        The window's row of the flux table.
    wavelength : ndarray, shape (pixels,)
        Air wavelength of each pixel [Angstrom].
    method : str
        'fitted', 'shifted' or 'nominal'.
    trusted : (int, int)
        First and last pixel between which the solution is trusted.
    peaks : list of dict
        The spectrum's peaks and the lines they were identified as.

    Returns
    -------
    columns : dict
        Columns to add: the line, its offset [Angstrom] (the solution's wavelength of the window's
        highest peak minus the line's), the method, and whether it is trusted here.
    misplaced : bool
        Whether the line falls outside the window by trusted wavelengths.
    """
    start, stop = row["pixel_start"], row["pixel_stop"]
    pixels = np.arange(wavelength.size)
    inside = [peak for peak in peaks if start - 0.5 <= peak["pixel"] <= stop + 0.5]
    highest = max(inside, key=lambda peak: peak["height"], default=None)
    ion, line = row["ion"], row["wavelength_air"]
    if line is None and highest is not None and highest["used"] == "True":
        ion, line = highest["ion"], highest["wavelength_air"]
    offset, misplaced = None, False
    is_trusted = method != "nominal" and trusted[0] <= start and stop <= trusted[1]
    if line is not None:
        if highest is not None:
            offset = float(np.interp(highest["pixel"], pixels, wavelength)) - line
        nearest = np.argmin(np.abs(wavelength - line))
        misplaced = is_trusted and not start - 1 <= nearest <= stop + 1
    columns = {
        "ion": ion,
        "wavelength_air": line,
        "line_offset": offset,
        "wavelength_method": method,
        "wavelength_trusted": is_trusted,
    }
    return columns, misplaced


def expected_pixels(windows, wavelength, trusted, ends):
    """Pixels of the windows' lines by trusted wavelengths; None where that is not known."""
    order = slice(None) if wavelength[-1] > wavelength[0] else slice(None, None, -1)
    pixels = np.arange(wavelength.size)[order]
    return [
        None
        if window.wavelength_air is None or not (trusted[0] <= start and stop <= trusted[1])
        else float(np.interp(window.wavelength_air, wavelength[order], pixels))
        for window, (start, stop) in zip(windows, ends)
    ]
