"""The health of every exposure."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from lampflux.lamps.elements import brightness_fall, element_health
from lampflux.lamps.measurements import is_flagged


class QualitySettings(NamedTuple):
    """Constants of the health of exposures; thresholds are in the config."""

    # Fewest exposures for a comparison with their median.
    fewest: int = 3
    # A gain that differs from the one measured in the frame by this factor gives a warning:
    # measured gains are accurate to a fifth, and other settings of a camera differ by more.
    gain_factor: float = 2.0
    # Lowest signal-to-noise ratio, in half of the exposures, of the line that is followed.
    least_snr: float = 5.0
    # Fraction of windows that miss their lines above which they seem to be for another setting.
    windows_missed: float = 0.5
    # Part of the brightest peaks without a line of the lamp that is too much: healthy exposures
    # have 0.05 at most, those with a second lamp of equal light 0.2.
    peaks_unidentified: float = 0.1
    # Part of the pixels at the lowest count, beside higher ones, from which on the noise is cut
    # off there; and the noise of a pixel above which this is no rounding [ADU].
    cut_off: float = 0.05
    cut_off_noise: float = 0.7


QUALITY = QualitySettings()
# Ideal value of each parameter that is scored; thresholds apply to the distance from it.
IDEAL = {
    "bias_shift": 0.0,
    "background": 0.0,
    "line_width_ratio": 1.0,
    "wave_rms_pixel": 0.0,
    "wave_shift_pixel": 0.0,
    "brightest_ratio": 1.0,
    "lines_missing": 0.0,
    "element_ratio": 1.0,
    "brightness_fall": 0.0,
    "saturated_fraction": 0.0,
    "replaced_fraction": 0.0,
}


def amplifier_biases(header):
    """Bias of each amplifier [ADU], of the unlit rows if known; empty for frames with a dark."""
    for stem in "LITBIAS", "BIASLEV":
        levels = [header[card] for card in header if card.removeprefix(stem).isdigit()]
        if levels:
            return np.array(levels, dtype=float)
    return np.array([])


def exposure_parameters(header, spectrum):
    """Take the parameters of one exposure from its calibrated spectrum.

    Parameters
    ----------
    header : mapping
    spectrum : mapping of str to ndarray, each shape (pixels,)
        ``wavelength`` [Angstrom], ``clean`` [ADU], ``summed``, ``replaced`` and ``saturated``.

    Returns
    -------
    dict
        The columns of the table that need no other exposure, ``levels`` [ADU] of the amplifiers,
        and the ``wavelength`` [Angstrom] of each pixel and the ``trusted`` range, where solved.
    """
    levels = amplifier_biases(header)
    summed = spectrum["summed"].astype(float)
    solved = header["WAVEMETH"] != "nominal"
    step = float(np.median(np.abs(np.diff(spectrum["wavelength"]))))
    with np.errstate(divide="ignore", invalid="ignore"):
        per_pixel = np.where(summed > 0, spectrum["clean"] / summed, np.nan)
    known = per_pixel[np.isfinite(per_pixel)]
    pixels = summed.sum()
    return {
        "begin": header.get("DATE-OBS", ""),
        "bias_method": header["BIASMETH"],
        "bias_level": levels.mean() if levels.size else np.nan,
        "background": float(np.median(known)) if known.size else np.nan,
        "noise": np.sqrt(header.get("PIXVAR", np.nan)),
        "gain": header.get("GAIN", np.nan),
        "gain_shown": header.get("GAINMEAS", np.nan),
        "line_width": header["LINEFWHM"],
        "wave_method": header["WAVEMETH"],
        "wave_lines": header.get("WAVENLIN", 0),
        "wave_rms": header.get("WAVERMS", np.nan),
        "wave_rms_pixel": header.get("WAVERMS", np.nan) / step,
        "saturated_fraction": spectrum["saturated"].sum() / pixels if pixels else np.nan,
        "replaced_fraction": (
            spectrum["replaced"].sum() / pixels if pixels and header["COSMICS"] else np.nan
        ),
        "peaks_unidentified": header.get("WAVEUNID", np.nan),
        "combined": header.get("NCOMBINE", 1),
        "cut_off": header.get("CUTOFF", np.nan),
        "cosmics_refused": header.get("NREFUSED", 0),
        "rows_broken": header.get("NBROKEN", 0),
        "error_source": header.get("ERRSRC", "gain"),
        "datasum": header.get("DATASUM", ""),
        "simulated": header.get("SIMULATE", False),
        "levels": levels,
        "wavelength": spectrum["wavelength"] if solved else None,
        "trusted": (header["WAVEFRST"], header["WAVELAST"]) if solved else None,
    }


def bias_shifts(levels):
    """Difference of the bias of each exposure of an arm from the arm's median.

    Parameters
    ----------
    levels : list of ndarray
        Bias of each amplifier of each exposure [ADU]; empty with a dark.

    Returns
    -------
    list of float
        That of the amplifier with the largest difference [ADU]; NaN with a dark, and if fewer than
        `QUALITY.fewest` exposures define the median.
    """
    known = [each for each in levels if each.size]
    if len(known) < QUALITY.fewest or len({each.size for each in known}) > 1:
        return [np.nan] * len(levels)
    middle = np.median(known, axis=0)
    return [float(max(each - middle, key=abs)) if each.size else np.nan for each in levels]


def wavelength_shifts(solutions):
    """Difference of the solution of each exposure of an arm from the arm's median solution.

    Parameters
    ----------
    solutions : list of (ndarray or None, (int, int) or None)
        Wavelength of each pixel [Angstrom] and first and last pixel of the trusted range.

    Returns
    -------
    shift, shift_pixel : list of float
        At the middle of the exposure's own trusted range [Angstrom, pixel], from the exposures
        that are trusted there; NaN without a solution, and if those are fewer than
        `QUALITY.fewest`.
    """
    shifts = []
    for wavelength, trusted in solutions:
        shift = step = np.nan
        if wavelength is not None:
            middle = (trusted[0] + trusted[1]) // 2
            there = [
                other[middle]
                for other, range_ in solutions
                if other is not None and range_[0] <= middle <= range_[1]
            ]
            step = abs(wavelength[min(middle + 1, len(wavelength) - 1)] - wavelength[middle - 1])
            if len(there) >= QUALITY.fewest:
                shift = float(wavelength[middle] - np.median(there))
        shifts.append((shift, shift / (step / 2)))
    return tuple(map(list, zip(*shifts)))


def brightest_line(tables):
    """Follow the brightest line of a lamp that is unsaturated in as many exposures as possible.

    Parameters
    ----------
    tables : list of DataFrame
        Flux tables of one brand, lamp and arm: row *i* of each is the same line.

    Returns
    -------
    wavelength : float
        Of the line [Angstrom], from the laboratory where known; NaN where there is no such line.
    flux, ratio : ndarray, shape (exposures,)
        Net flux [ADU/s/fibre], NaN where saturated, and that over its median; the ratio is NaN
        for fewer than `QUALITY.fewest` exposures.
    """
    flux, error = (
        np.array([table[column] for table in tables], dtype=float)
        for column in ("net_flux", "net_flux_err")
    )
    for table, values in zip(tables, flux):
        values[is_flagged(table, "saturated") | is_flagged(table, "wavelength")] = np.nan
    seen = np.isfinite(flux).sum(axis=0)
    seen[np.sum(flux > QUALITY.least_snr * error, axis=0) < 0.5 * seen] = 0
    unknown = np.full(len(tables), np.nan)
    if not seen.any():
        return np.nan, unknown, unknown
    usable = np.flatnonzero(seen == seen.max())
    middle = np.nanmedian(flux[:, usable], axis=0)
    line = usable[np.argmax(middle)]
    places = [table["wavelength_air"].fillna(table["Wavelength"])[line] for table in tables]
    known = seen.max() >= QUALITY.fewest and middle.max() > 0
    ratio = flux[:, line] / middle.max() if known else unknown
    return float(np.median(places)), flux[:, line], ratio


def compare_exposures(exposures, tables, identified, ions):
    """Compare each exposure with the others of its arm, and of its lamp.

    Parameters
    ----------
    exposures : DataFrame
        ``brand``, ``lamp``, ``arm``, ``seconds`` and ``brightness`` (over the lamp's mean) of
        each, and what `exposure_parameters` gives.
    tables, identified : list of DataFrame
        Their flux tables, and the fluxes of their identified lines.
    ions : dict
        Lamp to its ions.

    Returns
    -------
    DataFrame
        With ``bias_shift``, ``line_width_ratio``, ``wave_shift``, ``wave_shift_pixel``,
        ``brightest_line``, ``brightest_flux``, ``brightest_ratio``, ``windows_missed``,
        ``saturation_expected``, ``brightness_fall``, ``copy_of`` and what
        `lampflux.lamps.elements.element_health` gives.
    """
    exposures = exposures.copy()
    first = exposures.groupby(["arm", "datasum"])["exposure"].transform("first")
    copied = (exposures["datasum"] != "") & (first != exposures["exposure"])
    exposures["copy_of"] = first.where(copied, "")
    known = [table[table["wavelength_air"].notna()] for table in tables]
    missed = [pd.Series(is_flagged(table, "wavelength")).mean() for table in known]
    exposures["windows_missed"] = missed
    for _, part in exposures.groupby("arm", sort=False):
        at = part.index
        exposures.loc[at, "bias_shift"] = bias_shifts(list(part["levels"]))
        # A spectrum without lines has no width.
        width = part["line_width"].replace(0, np.nan)
        exposures.loc[at, "line_width_ratio"] = (
            width / width.median() if width.count() >= QUALITY.fewest else np.nan
        )
        shifts = wavelength_shifts(list(zip(part["wavelength"], part["trusted"])))
        exposures.loc[at, "wave_shift"], exposures.loc[at, "wave_shift_pixel"] = shifts
    begin = pd.to_datetime(exposures["begin"], errors="coerce", format="ISO8601", utc=True)
    hours = ((begin - begin.min()).dt.total_seconds() / 3600).to_numpy(dtype=float)
    for (_, lamp, _), part in exposures.groupby(["brand", "lamp", "arm"], sort=False):
        at = part.index
        wavelength, flux, ratio = brightest_line([tables[number] for number in at])
        exposures.loc[at, "brightest_line"] = wavelength
        exposures.loc[at, "brightest_flux"] = flux
        exposures.loc[at, "brightest_ratio"] = ratio
        seconds = part["seconds"].to_numpy(dtype=float)
        expected = expected_saturation([tables[number] for number in at], seconds)
        exposures.loc[at, "saturation_expected"] = expected
        own = element_health([identified[number] for number in at], seconds, ions.get(lamp, []))
        exposures.loc[at, list(own)] = own.set_index(at)
        brightness = part["brightness"].to_numpy(dtype=float)
        exposures.loc[at, "brightness_fall"] = brightness_fall(brightness, seconds, hours[at])
    return exposures


def score_exposures(exposures, thresholds, fit):
    """Score every parameter, and every exposure by its worst.

    Parameters
    ----------
    exposures : DataFrame
        As `compare_exposures` gives it.
    thresholds : dict
        Parameter to the distances from ``IDEAL`` beyond which an exposure is warned and failed;
        None if it is not scored.
    fit : bool
        Whether wavelengths are to be fitted, so that nominal ones give a warning.

    Returns
    -------
    DataFrame
        With ``score``, the parameters beyond the first threshold (``warned``) and the second
        (``failed``), as words, and the ``reasons``: each with its value and threshold. Saturation
        gives no warning if a shorter exposure of the series measures the lines.
    """
    scores = []
    for row in exposures.to_dict("records"):
        found = findings(row, thresholds, fit)
        names = {
            verdict: [name for each, name, _ in found if each == verdict]
            for verdict in ("failed", "warned")
        }
        scores.append(
            {
                "score": next((verdict for verdict in names if names[verdict]), "good"),
                "reasons": "; ".join(text for *_, text in found),
            }
            | {verdict: " ".join(names[verdict]) for verdict in names}
        )
    return exposures.join(pd.DataFrame(scores, index=exposures.index))


def findings(row, thresholds, fit):
    """List what is wrong with an exposure: verdict, parameter and reason of each.

    ``row`` is an exposure's row; the other arguments are as in `score_exposures`.
    """
    found = []
    for name, ideal in IDEAL.items():
        # An unknown parameter exceeds no threshold.
        far = abs(row[name] - ideal)
        if thresholds[name] is None or not far > thresholds[name][0]:
            continue
        verdict = "failed" if far > thresholds[name][1] else "warned"
        if name == "saturated_fraction" and verdict == "warned" and row["saturation_expected"]:
            continue
        text = reason(name, row[name], ideal, thresholds[name][verdict == "failed"])
        dark = f" ({row['darkest_element']})" if name == "element_ratio" else ""
        found.append((verdict, name, text + dark))
    if row["line_width"] == 0:
        found.append(("failed", "line_width", "no line: was the lamp on?"))
    missed, missing = row["windows_missed"], row["elements_missing"].replace(" ", ", ")
    gain, shown = row["gain"], row["gain_shown"]
    cosmics, broken, errors = (
        row[name] for name in ("cosmics_refused", "rows_broken", "error_source")
    )
    warnings = {
        "copy_of": (row["copy_of"], f"same pixels as {row['copy_of']}"),
        "windows_missed": (
            missed >= QUALITY.windows_missed,
            f"{100 * missed:.0f} % of the windows miss their lines",
        ),
        "elements_missing": (missing, f"no line of {missing} identified"),
        "wave_method": (
            fit and row["wave_method"] == "nominal",
            "wavelengths nominal, not fitted",
        ),
        "gain": (
            max(gain / shown, shown / gain) > QUALITY.gain_factor,
            f"gain {gain:.3g} electron/ADU, but the frame shows {shown:.3g}",
        ),
        "peaks_unidentified": (
            row["peaks_unidentified"] > QUALITY.peaks_unidentified,
            f"{100 * row['peaks_unidentified']:.0f} % of the brightest peaks are no lines of the "
            "lamp: another lamp, or light left from the exposure before?",
        ),
        "combined": (
            row["combined"] > 1,
            f"{row['combined']} exposures in one frame: fluxes hold if they were averaged, or if "
            "the exposure time is that of all",
        ),
        "cut_off": (
            row["cut_off"] > QUALITY.cut_off and row["noise"] > QUALITY.cut_off_noise,
            f"{100 * row['cut_off']:.0f} % of the pixels hold the lowest count: faint light is "
            "cut off",
        ),
        "cosmics_refused": (
            cosmics,
            f"{cosmics} pixels on lines left alone: too many for cosmic rays",
        ),
        "rows_broken": (broken, f"{broken} lit rows dead or saturated, filled from the others"),
        "error_source": (
            errors == "columns",
            "gain not known, errors from the scatter of neighbouring columns",
        ),
    }
    return found + [("warned", name, text) for name, (is_so, text) in warnings.items() if is_so]


def reason(name, value, ideal, limit):
    """Give the value of a parameter and the threshold it exceeds: 'bias shift -22 < -20'."""
    above = value > ideal
    return f"{name.replace('_', ' ')} {value:.3g} {'>' if above else '<'} " + (
        f"{ideal + limit:g}" if above else f"{ideal - limit:g}"
    )


def expected_saturation(tables, seconds):
    """Find the exposures whose saturated lines a shorter exposure of the series measures.

    ``tables`` are the flux tables of one brand, lamp and arm: row *i* of each is the same line. An
    exposure without a saturated line is not among them.
    """
    saturated = np.array([is_flagged(table, "saturated") for table in tables])
    found = []
    for lines, time in zip(saturated, seconds):
        shorter = saturated[seconds < time]
        found.append(
            bool(lines.any() and len(shorter) and not (shorter.all(axis=0) & lines).any())
        )
    return np.array(found)
