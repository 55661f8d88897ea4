"""Identified lines as rows of a table, and header cards of a solution."""

import numpy as np

from lampflux.peaks import without_leaning

# Brightest peaks of which those without a line are counted.
BRIGHTEST = 20


def identified_rows(peaks, solution):
    """List every peak with the line that it was identified as, if any.

    Parameters
    ----------
    peaks : lampflux.peaks.Peaks
    solution : lampflux.wavelengths.fit.Solution or None

    Returns
    -------
    list of dict
        Rows of the table of identified lines; the residual is where the line is expected, blended
        with its neighbours, minus solution [Angstrom].
    """
    rows = []
    for number, pixel in enumerate(peaks.pixel):
        row = {
            "pixel": float(pixel),
            "pixel_error": float(peaks.error[number]),
            "height": float(peaks.height[number]),
            "used": False,
        }
        if solution is not None and solution.line[number] >= 0:
            line = solution.line[number]
            expected = float(solution.centroid[line])
            fitted = np.interp(pixel, np.arange(solution.wavelength.size), solution.wavelength)
            row |= {
                "ion": solution.lines.ion[line],
                "wavelength_air": float(solution.lines.wavelength[line]),
                "blend_air": expected,
                "residual": expected - float(fitted),
                "used": bool(solution.used[number]),
            }
        rows.append(row)
    return rows


def solution_cards(identification):
    """Header cards that say which solution is in use, how good it is, and why it is that one."""
    yield "LINEFWHM", round(identification.peaks.fwhm, 3), "[pixel] width of the lines"
    yield "WAVEMETH", identification.method, "wavelengths: fitted, shifted or nominal"
    solution, verdict = identification.solution, identification.verdict
    if solution is None:
        yield "WAVEREAS", verdict.reason, "why the nominal solution stayed"
    else:
        used = solution.residual[solution.used]
        step = float(np.median(np.abs(np.diff(solution.wavelength))))
        yield "WAVENLIN", int(solution.used.sum()), "lines used"
        brightest = np.argsort(without_leaning(identification.peaks).height)[-BRIGHTEST:]
        unidentified = round(float(np.mean(solution.line[brightest] < 0)), 3)
        yield "WAVEUNID", unidentified, f"part of the {BRIGHTEST} brightest peaks without a line"
        yield "WAVENPAR", solution.parameters, "parameters fitted"
        rms = float(np.sqrt(np.mean(used**2))) * step
        yield "WAVERMS", round(rms, 5), "[Angstrom] rms residual"
        yield "WAVEFRST", solution.first, "first pixel (from 0) of the trusted range"
        yield "WAVELAST", solution.last, "last pixel of the trusted range"
    yield "WAVEEVID", round(float(verdict.evidence), 2), "log-likelihood against chance"
    yield "WAVEMARG", round(float(verdict.margin), 2), "lead over mirrored line lists"
