"""Give every pixel of a spectrum its wavelength: identify its lines, or keep the nominal one."""

import csv
import logging

import numpy as np
from astropy.io import fits
from numpy.polynomial import Polynomial

from common.alignment import Lines
from common.files import whole
from common.fits_tables import binary_table
from common.jobs import run
from common.peaks import find_peaks
from common.plots import draw_identification, draw_spectrum, new_figure, save
from common.solution import Outcome, Verdict, find_solution
from common.tables import read_line_list, read_reference

LINE_COLUMNS = (
    "pixel",
    "pixel_error",
    "height",
    "ion",
    "wavelength_air",
    "residual",
    "used",
)
# The clean sum's columns that are named otherwise beside the plain ones.
CLEAN = {"counts": "clean", "uncertainty": "clean_uncertainty"}
# A degree of the reference solution must better the next lower one's prediction by this factor.
WORTH_A_DEGREE = 0.95


def nominal_wavelength(pixels, crval, crpix, cdelt):
    """Wavelengths of the linear solution of an arm.

    FITS linear world coordinates (Greisen et al. 2006, A&A 446, 747), in which pixels count
    from 1.

    Parameters
    ----------
    pixels : ndarray
        Pixels, counted from 0.
    crval : float
        Air wavelength at the reference pixel [Angstrom].
    crpix : float
        Reference pixel, counted from 1.
    cdelt : float
        Wavelength step per pixel [Angstrom].

    Returns
    -------
    ndarray
        Air wavelengths [Angstrom].
    """
    return crval + cdelt * (pixels + 1 - crpix)


def reference_wavelength(pixel, wavelength, pixels):
    """Wavelengths of an arm's reference: the polynomial that best predicts each pair left out.

    Parameters
    ----------
    pixel, wavelength : ndarray, shape (pairs,)
        Columns of known lines and their air wavelengths [Angstrom].
    pixels : ndarray
        Pixels, counted from 0.

    Returns
    -------
    ndarray
        Air wavelengths [Angstrom].
    """
    others = ~np.eye(pixel.size, dtype=bool)
    best, least = None, np.inf
    for degree in range(1, min(5, pixel.size // 3) + 1):
        missed = [
            known - Polynomial.fit(pixel[kept], wavelength[kept], degree)(at)
            for at, known, kept in zip(pixel, wavelength, others)
        ]
        if np.std(missed) < WORTH_A_DEGREE * least:
            best, least = degree, np.std(missed)
    return Polynomial.fit(pixel, wavelength, best)(pixels)


def read_lines(paths, ions):
    """Read the line lists of a lamp's ions into one catalogue."""
    rows = [(row, ion) for path, ion in zip(paths, ions) for row in read_line_list(path)]
    return Lines(
        np.array([row["wavelength_air"] for row, _ in rows], dtype=float),
        np.array([row["intensity"] for row, _ in rows], dtype=float),
        np.array([ion for _, ion in rows], dtype=object),
    )


def arm_reference(inputs, pixels):
    """Read the arm's reference and give the wavelength of every pixel; None without one."""
    if not inputs.get("reference"):
        return None
    rows = read_reference(inputs.reference)
    pixel, wavelength = (
        np.array([row[column] for row in rows], dtype=float)
        for column in ("pixel", "wavelength_air")
    )
    return reference_wavelength(pixel, wavelength, pixels)


def identified_rows(peaks, solution):
    """List every peak with the line that it was identified as, if any.

    Parameters
    ----------
    peaks : common.peaks.Peaks
    solution : common.solution.Solution or None

    Returns
    -------
    list of dict
        Columns as in ``LINE_COLUMNS``; the residual is in Angstrom, line minus solution.
    """
    rows = []
    for number, pixel in enumerate(peaks.pixel):
        row = {
            "pixel": round(float(pixel), 3),
            "pixel_error": round(float(peaks.error[number]), 3),
            "height": round(float(peaks.height[number]), 1),
            "used": False,
        }
        if solution is not None and solution.line[number] >= 0:
            line = solution.line[number]
            wavelength = float(solution.lines.wavelength[line])
            fitted = np.interp(pixel, np.arange(solution.wavelength.size), solution.wavelength)
            row |= {
                "ion": solution.lines.ion[line],
                "wavelength_air": wavelength,
                "residual": round(wavelength - float(fitted), 4),
                "used": bool(solution.used[number]),
            }
        rows.append(row)
    return rows


def solution_cards(outcome):
    """Header cards that say which solution is in use, how good it is, and why it is that one."""
    yield "WAVEMETH", outcome.method, "wavelengths: fitted, shifted or nominal"
    solution, verdict = outcome.solution, outcome.verdict
    if solution is None:
        yield "WAVEREAS", verdict.reason, "why the nominal solution stayed"
    else:
        used = solution.residual[solution.used]
        step = float(np.median(np.abs(np.diff(solution.wavelength))))
        yield "WAVENLIN", int(solution.used.sum()), "lines used"
        yield "WAVENPAR", solution.parameters, "parameters fitted"
        rms = float(np.sqrt(np.mean(used**2))) * step
        yield "WAVERMS", round(rms, 5), "[Angstrom] rms residual"
        yield "WAVEFRST", solution.first, "first pixel (from 0) of the trusted range"
        yield "WAVELAST", solution.last, "last pixel of the trusted range"
    yield "WAVEEVID", round(float(verdict.evidence), 2), "log-likelihood against chance"
    yield "WAVEMARG", round(float(verdict.margin), 2), "lead over mirrored line lists"


def write_calibrated(path, header, nominal, cards, table):
    """Write the calibrated spectrum: counts with a linear WCS, and the table of pixels.

    Parameters
    ----------
    path : str
    header : astropy.io.fits.Header
        The spectrum's header, carried over.
    nominal : dict
        ``crval``, ``crpix``, ``cdelt``.
    cards : iterable of tuple
        Header cards about the solution in use.
    table : dict of str to ndarray, each shape (pixels,)
        pixel, wavelength [Angstrom], flux [adu], uncertainty [adu], mask,
        wavelength_error [Angstrom], and the columns of the clean sum.
    """
    header = header.copy()
    header["CTYPE1"] = ("AWAV", "nominal, linear, in air (see WAVEMETH)")
    header["CUNIT1"] = "Angstrom"
    header["CRPIX1"] = (nominal["crpix"], "reference pixel, counted from 1")
    header["CRVAL1"] = (nominal["crval"], "[Angstrom] at the reference pixel")
    header["CDELT1"] = (nominal["cdelt"], "[Angstrom] per pixel")
    for card in cards:
        header.append(card)
    units = {
        "pixel": "pixel",
        "wavelength": "Angstrom",
        "flux": "adu",
        "uncertainty": "adu",
        "wavelength_error": "Angstrom",
        "clean": "adu",
        "clean_uncertainty": "adu",
        "summed": "pixel",
        "replaced": "pixel",
        "saturated": "pixel",
        "peak": "adu",
    }
    formats = {"mask": "L"} | {name: "J" for name, unit in units.items() if unit == "pixel"}
    columns = [
        fits.Column(name, formats.get(name, "D"), unit=units.get(name), array=values)
        for name, values in table.items()
    ]
    hdus = [
        fits.PrimaryHDU(table["flux"], header),
        binary_table(columns, name="SPECTRUM"),
    ]
    with whole(path) as part:
        fits.HDUList(hdus).writeto(part)


def main(snakemake):
    """Read the spectrum, find its wavelengths, write and draw them."""
    with fits.open(snakemake.input.spectrum) as hdus:
        header = hdus[0].header
        flux, uncertainty, missing = (hdu.data.astype(float) for hdu in hdus[:3])
        clean = {name: np.array(hdus["CLEAN"].data[name]) for name in hdus["CLEAN"].data.names}
    params = snakemake.params
    pixels = np.arange(flux.size)
    nominal = nominal_wavelength(pixels, **params.nominal)
    counts = clean["counts"].astype(float)
    peaks = find_peaks(counts, clean["uncertainty"].astype(float))
    if params.fit:
        lines = read_lines(snakemake.input.lines, params.ions)
        outcome = find_solution(peaks, lines, nominal, arm_reference(snakemake.input, pixels))
    else:
        outcome = Outcome("nominal", nominal, None, Verdict(False, 0.0, 0.0, "asked for"))
    cards = [("LINEFWHM", round(peaks.fwhm, 3), "[pixel] width of the lines")]
    cards += solution_cards(outcome)
    for keyword, value, _ in cards:
        logging.info("%s = %s", keyword, value)
    solution = outcome.solution
    unknown = np.full(flux.size, np.nan)
    write_calibrated(
        snakemake.output.fits,
        header,
        params.nominal,
        cards,
        {
            "pixel": pixels,
            "wavelength": outcome.wavelength,
            "flux": flux,
            "uncertainty": uncertainty,
            "mask": missing > 0,
            "wavelength_error": solution.error if solution else unknown,
        }
        | {CLEAN.get(name, name): values for name, values in clean.items()},
    )
    rows = identified_rows(peaks, solution)
    with whole(snakemake.output.lines) as part, open(part, "w", newline="") as file:
        writer = csv.DictWriter(file, LINE_COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)

    subject = f"{outcome.method} wavelengths"
    figure = new_figure(header, subject if solution else f"{subject}: {outcome.verdict.reason}")
    if solution:
        draw_identification(figure, outcome, nominal, counts, peaks)
    else:
        linear, stretched = figure.subplots(2, sharex=True)
        draw_spectrum(linear, nominal, counts)
        draw_spectrum(stretched, nominal, counts, faint=True)
        stretched.set_xlabel("Nominal wavelength in air (Å)")
        figure.supylabel("Sum along the slit (ADU)", fontsize="medium")
    save(figure, snakemake.output.png)


if __name__ == "__main__":
    run(main, snakemake)
