"""Score the health of every exposure, and draw how it changes from one to the next."""

import logging

import numpy as np
import pandas as pd
from astropy.io import fits

from common.files import whole
from common.jobs import run
from common.pages import SCORES, write_page
from common.plots import LINE, QUIET, SATURATED, WINDOW, finish, save, titled_figure

# Fewer exposures have no median that one of them could be told from.
FEWEST = 3
COLOURS = {"good": LINE, "warned": WINDOW, "failed": SATURATED}
MARKERS = {"good": "o", "warned": "s", "failed": "X"}
# What is scored: column of the table, and what thresholds hold for the distance from.
IDEAL = {
    "bias_shift": 0.0,
    "background": 0.0,
    "line_width_ratio": 1.0,
    "wave_rms_pixel": 0.0,
    "wave_shift_pixel": 0.0,
    "brightest_ratio": 1.0,
    "saturated_fraction": 0.0,
    "cosmic_fraction": 0.0,
}
LABELS = {
    "bias_shift": "Bias against\nthe arm (ADU)",
    "background": "Background\n(ADU/pixel)",
    "line_width_ratio": "Line width over\nthe arm's",
    "wave_rms_pixel": "Wavelength\nrms (pixel)",
    "wave_shift_pixel": "Wavelength\nshift (pixel)",
    "brightest_ratio": "Brightest line\nover its median",
    "saturated_fraction": "Saturated\npart of pixels",
    "cosmic_fraction": "Replaced\npart of pixels",
}
# From this many exposures on only every so-manieth is named below a panel.
NAMES_SHOWN = 40


def bias_levels(header):
    """Bias of each amplifier [ADU]: of the unlit rows where known; none for frames with a dark."""
    for stem in "LITBIAS", "BIASLEV":
        levels = [header[card] for card in header if card.removeprefix(stem).isdigit()]
        if levels:
            return np.array(levels, dtype=float)
    return np.array([])


def measure(header, spectrum):
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
    levels = bias_levels(header)
    summed = spectrum["summed"].astype(float)
    solved = header["WAVEMETH"] != "nominal"
    step = float(np.median(np.abs(np.diff(spectrum["wavelength"]))))
    with np.errstate(divide="ignore", invalid="ignore"):
        per_pixel = np.where(summed > 0, spectrum["clean"] / summed, np.nan)
    known = per_pixel[np.isfinite(per_pixel)]
    pixels = summed.sum()
    return {
        "bias_method": header["BIASMETH"],
        "bias_level": levels.mean() if levels.size else np.nan,
        "background": float(np.median(known)) if known.size else np.nan,
        "noise": np.sqrt(header.get("PIXVAR", np.nan)),
        "line_width": header["LINEFWHM"],
        "wave_method": header["WAVEMETH"],
        "wave_lines": header.get("WAVENLIN", 0),
        "wave_rms": header.get("WAVERMS", np.nan),
        "wave_rms_pixel": header.get("WAVERMS", np.nan) / step,
        "saturated_fraction": spectrum["saturated"].sum() / pixels if pixels else np.nan,
        "cosmic_fraction": (
            spectrum["replaced"].sum() / pixels if pixels and header["COSMICS"] else np.nan
        ),
        "simulated": header.get("SIMULATE", False),
        "levels": levels,
        "wavelength": spectrum["wavelength"] if solved else None,
        "trusted": (header["WAVEFRST"], header["WAVELAST"]) if solved else None,
    }


def bias_shifts(levels):
    """Find how far the bias of each exposure of an arm lies from the arm's median.

    Parameters
    ----------
    levels : list of ndarray
        Bias of each amplifier of each exposure [ADU]; empty with a dark.

    Returns
    -------
    list of float
        Of the amplifier that is furthest off [ADU]; NaN with a dark, and where fewer than
        ``FEWEST`` exposures tell the median.
    """
    known = [each for each in levels if each.size]
    if len(known) < FEWEST or len({each.size for each in known}) > 1:
        return [np.nan] * len(levels)
    middle = np.median(known, axis=0)
    return [float(max(each - middle, key=abs)) if each.size else np.nan for each in levels]


def wavelength_shifts(solutions):
    """Find how far the solution of each exposure of an arm lies from the arm's median solution.

    Parameters
    ----------
    solutions : list of (ndarray or None, (int, int) or None)
        Wavelength of each pixel [Angstrom] and first and last pixel of the trusted range.

    Returns
    -------
    shift, shift_pixel : list of float
        At the middle of the exposure's own trusted range [Angstrom, pixel], against the exposures
        that are trusted there; NaN without a solution, and where those are fewer than ``FEWEST``.
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
            if len(there) >= FEWEST:
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
        for fewer than ``FEWEST`` exposures.
    """
    flux = np.array([table["net_flux"] for table in tables], dtype=float)
    for table, values in zip(tables, flux):
        values[table["flags"].astype(str).str.contains("saturated").to_numpy(dtype=bool)] = np.nan
    seen = np.isfinite(flux).sum(axis=0)
    unknown = np.full(len(tables), np.nan)
    if not seen.any():
        return np.nan, unknown, unknown
    usable = np.flatnonzero(seen == seen.max())
    middle = np.nanmedian(flux[:, usable], axis=0)
    line = usable[np.argmax(middle)]
    places = [table["wavelength_air"].fillna(table["Wavelength"])[line] for table in tables]
    known = seen.max() >= FEWEST and middle.max() > 0
    ratio = flux[:, line] / middle.max() if known else unknown
    return float(np.median(places)), flux[:, line], ratio


def compare(exposures, tables):
    """Set each exposure against the others of its arm, and of its lamp.

    Parameters
    ----------
    exposures : DataFrame
        ``brand``, ``lamp`` and ``arm`` of each, and what `measure` gives.
    tables : list of DataFrame
        Their flux tables.

    Returns
    -------
    DataFrame
        With ``bias_shift``, ``line_width_ratio``, ``wave_shift``, ``wave_shift_pixel``,
        ``brightest_line``, ``brightest_flux`` and ``brightest_ratio``.
    """
    exposures = exposures.copy()
    for _, part in exposures.groupby("arm", sort=False):
        at = part.index
        exposures.loc[at, "bias_shift"] = bias_shifts(list(part["levels"]))
        width = part["line_width"]
        exposures.loc[at, "line_width_ratio"] = (
            width / width.median() if len(width) >= FEWEST else np.nan
        )
        shifts = wavelength_shifts(list(zip(part["wavelength"], part["trusted"])))
        exposures.loc[at, "wave_shift"], exposures.loc[at, "wave_shift_pixel"] = shifts
    for _, part in exposures.groupby(["brand", "lamp", "arm"], sort=False):
        at = part.index
        wavelength, flux, ratio = brightest_line([tables[number] for number in at])
        exposures.loc[at, "brightest_line"] = wavelength
        exposures.loc[at, "brightest_flux"] = flux
        exposures.loc[at, "brightest_ratio"] = ratio
    return exposures


def score(exposures, thresholds, fit):
    """Score every parameter, and every exposure by its worst.

    Parameters
    ----------
    exposures : DataFrame
        As `compare` gives it.
    thresholds : dict
        Parameter to the distances from ``IDEAL`` beyond which it is warned of, and failed; None
        where it is not scored.
    fit : bool
        Whether wavelengths are to be fitted, so that nominal ones are warned of.

    Returns
    -------
    DataFrame
        With ``score``, and the parameters that are ``warned`` of and that ``failed``, as words.
    """
    found = []
    for row in exposures.to_dict("records"):
        words = {"warned": [], "failed": []}
        for name, ideal in IDEAL.items():
            # A parameter that is not known is beyond nothing.
            far = abs(row[name] - ideal)
            if thresholds[name] is not None and far > thresholds[name][0]:
                words["failed" if far > thresholds[name][1] else "warned"].append(name)
        if fit and row["wave_method"] == "nominal":
            words["warned"].append("wave_method")
        worst = next((each for each in ("failed", "warned") if words[each]), "good")
        found.append({"score": worst} | {each: " ".join(names) for each, names in words.items()})
    return exposures.join(pd.DataFrame(found, index=exposures.index))


def draw(exposures, thresholds):
    """Draw every parameter over the exposures, an arm in each column.

    Parameters
    ----------
    exposures : DataFrame
        As `score` gives it, in the order to draw.
    thresholds : dict
        As for `score`; drawn as lines, dotted for warned and dashed for failed.

    Returns
    -------
    matplotlib.figure.Figure
    """
    arms = list(dict.fromkeys(exposures["arm"]))
    figure = titled_figure(
        "Health of the exposures", exposures["simulated"].any(), height=1.9 + 1.25 * len(IDEAL)
    )
    widths = [max((exposures["arm"] == arm).sum(), 4) for arm in arms]
    panels = figure.subplots(
        len(IDEAL), len(arms), sharex="col", squeeze=False, gridspec_kw={"width_ratios": widths}
    )
    for column, arm in enumerate(arms):
        part = exposures[exposures["arm"] == arm].reset_index(drop=True)
        for axes, name in zip(panels[:, column], IDEAL):
            draw_parameter(axes, part, name, thresholds[name])
            if column == 0:
                axes.set_ylabel(LABELS[name], fontsize="small")
        panels[0, column].set_title(f"{arm} arm", loc="left", fontsize="medium", color=LINE)
        every = 1 + len(exposures) // NAMES_SHOWN
        shown = part.iloc[::every]
        panels[-1, column].set_xticks(
            shown.index,
            # The arm stands above.
            [name.replace(f"_{arm}_", " ").replace("_", " ") for name in shown["exposure"]],
            rotation=90,
            fontsize="x-small",
        )
    handles = [
        panels[0, 0].plot([], [], ls="", marker=MARKERS[each], color=COLOURS[each], label=each)[0]
        for each in SCORES
    ]
    for style, label in ((":", "warned beyond"), ("--", "failed beyond")):
        handles += panels[0, 0].plot([], [], ls=style, color=QUIET, lw=0.9, label=label)
    figure.legend(
        handles=handles, loc="outside lower right", ncols=5, frameon=False, fontsize="small"
    )
    return figure


def draw_parameter(axes, part, name, limits):
    """Draw one parameter of an arm's exposures, and its thresholds where they are near."""
    known = part[np.isfinite(part[name])]
    finish(axes)
    axes.tick_params(labelsize="small")
    axes.axhline(IDEAL[name], color=QUIET, lw=0.4)
    for each in SCORES:
        inside = known[name_scores(known, name) == each]
        axes.plot(
            inside.index, inside[name], ls="", marker=MARKERS[each], ms=4.5, color=COLOURS[each]
        )
    far = (known[name] - IDEAL[name]).abs().max() if len(known) else 0.0
    reach = 1.25 * max(far, limits[0] if limits else far) or 1.0
    for limit, style in zip(limits or (), (":", "--")):
        for side in IDEAL[name] - limit, IDEAL[name] + limit:
            axes.axhline(side, color=QUIET, lw=0.9, ls=style)
    signed = IDEAL[name] == 1.0 or name in ("bias_shift", "background", "wave_shift_pixel")
    axes.set_ylim(IDEAL[name] - reach if signed else -0.08 * reach, IDEAL[name] + reach)
    axes.set_xlim(-0.6, len(part) - 0.4)
    if known.empty:
        axes.annotate(
            "not known",
            (0.5, 0.75),
            xycoords="axes fraction",
            ha="center",
            color=QUIET,
            fontsize="small",
        )


def name_scores(exposures, name):
    """Score of one parameter in each exposure."""
    failed = np.array([name in words.split() for words in exposures["failed"]], dtype=bool)
    warned = np.array([name in words.split() for words in exposures["warned"]], dtype=bool)
    return np.where(failed, "failed", np.where(warned, "warned", "good"))


def main(snakemake):
    """Read all calibrated spectra and flux tables, score, write and draw."""
    params = snakemake.params
    rows = []
    for path, identity in zip(snakemake.input.calibrated, params.exposures):
        with fits.open(path) as hdus:
            names = ("wavelength", "clean", "summed", "replaced", "saturated")
            spectrum = {name: np.array(hdus["SPECTRUM"].data[name]) for name in names}
            rows.append(identity | measure(hdus[0].header, spectrum))
    exposures = compare(pd.DataFrame(rows), [pd.read_csv(path) for path in snakemake.input.fluxes])
    exposures = score(exposures, params.thresholds, params.fit)
    for row in exposures[exposures["score"] != "good"].itertuples():
        logging.info("%s: %s (%s)", row.exposure, row.score, f"{row.failed} {row.warned}".strip())
    with whole(snakemake.output.csv) as part:
        exposures[COLUMNS].to_csv(part, index=False, float_format="%.6g", lineterminator="\n")
    simulated = exposures["simulated"].any()
    title = "Health of the exposures"
    write_page(exposures[COLUMNS], title, simulated, snakemake.input.page, snakemake.output.html)
    save(draw(exposures, params.thresholds), snakemake.output.png)


COLUMNS = [
    "exposure",
    "brand",
    "lamp",
    "arm",
    "seconds",
    "score",
    "failed",
    "warned",
    "bias_method",
    "bias_level",
    "bias_shift",
    "background",
    "noise",
    "line_width",
    "line_width_ratio",
    "wave_method",
    "wave_lines",
    "wave_rms",
    "wave_rms_pixel",
    "wave_shift",
    "wave_shift_pixel",
    "brightest_line",
    "brightest_flux",
    "brightest_ratio",
    "saturated_fraction",
    "cosmic_fraction",
    "simulated",
]


if __name__ == "__main__":
    run(main, snakemake)
