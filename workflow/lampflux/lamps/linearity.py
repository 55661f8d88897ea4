"""Which fluxes of a lamp to use: saturation, linearity, outliers, brightness."""

import numpy as np
import pandas as pd

from lampflux.statistics import robust_scatter, weighted_mean

# Lines below this signal-to-noise ratio say little about the lamp's brightness.
REFERENCE_SNR = 20
# A line that loses less than this against the others may do so because the lamp warms up [part].
LINEAR_WITHIN = 0.02
# Deviation, in sigma, at which a loss or an outlier is believed.
LOSS_SIGMA, OUTLIER_SIGMA = 3, 5
# Smallest deviation that makes an outlier [part], and fewest exposures that can tell one.
OUTLIER_BEYOND, OUTLIER_OF = 0.10, 4


def matrix(measurements, column):
    """Arrange a column of the joined flux tables as exposures (rows) by lines (columns)."""
    return measurements.pivot(index="order", columns="line", values=column)


def lamp_brightness(flux, usable, short, lines):
    """Find how bright the lamp was in each exposure from what some of its lines have in common.

    Parameters
    ----------
    flux : DataFrame, shape (exposures, lines)
        Net fluxes [ADU/s/fibre].
    usable : DataFrame of bool, shape (exposures, lines)
    short : ndarray of bool, shape (exposures,)
        The exposures that set the scale.
    lines : list
        The lines to go by.

    Returns
    -------
    Series, shape (exposures,)
        Median over the lines of flux over the line's median flux in the short exposures; NaN
        where no line is usable.
    """
    good = flux.where(usable)[lines]
    return (good / good[short].median()).median(axis=1)


def reference_lines(flux, err, usable, short):
    """Choose the lines that saturate last: the faintest third of those that are well measured.

    Parameters
    ----------
    flux, err : DataFrame, shape (exposures, lines)
        Net fluxes and their errors [ADU/s/fibre]; lines without errors count as well measured.
    usable : DataFrame of bool, shape (exposures, lines)
    short : ndarray of bool, shape (exposures,)
        Exposures of the shortest time.

    Returns
    -------
    list
        Lines, from the faintest.
    """
    level = flux.where(usable)[short].median()
    snr = (flux / err).where(usable)[short].median()
    level = level[level > 0].sort_values()
    measured = level[~(snr[level.index] < REFERENCE_SNR)]
    level = measured if len(measured) else level
    return list(level.index[: (len(level) + 2) // 3])


def mean_and_part(values, errors):
    """Mean of repeated fluxes and its relative error, 0 where nothing is known of it."""
    good = np.isfinite(values)
    mean, error = weighted_mean(values[good], errors[good])
    return mean, abs(error / mean) if np.isfinite(error) and mean else 0.0


def time_ratios(flux, err, seconds, compared, brightness, reference):
    """Compare each line's flux in each longer exposure time with that in the shortest.

    Parameters
    ----------
    flux, err : DataFrame, shape (exposures, lines)
        Net fluxes and their errors [ADU/s/fibre].
    seconds : ndarray, shape (exposures,)
        Exposure times [s].
    compared : DataFrame of bool, shape (exposures, lines)
        Which fluxes to compare.
    brightness : Series, shape (exposures,)
        The lamp's brightness, which is divided out.
    reference : list
        The lines it was found from.

    Returns
    -------
    DataFrame
        ``seconds``, ``line``, ``ratio`` and its 1-sigma ``error``, which joins the errors of both
        mean fluxes and the scatter, or if larger the typical error, of the reference lines'
        ratios: how much lines of the lamp change against each other. A line that is the only
        reference is compared with nothing.
    """
    even = flux.where(compared).div(brightness, axis=0)
    even_err = err.div(brightness, axis=0)
    times = np.unique(seconds)
    rows = []
    for time in times[1:]:
        part = []
        for line in flux.columns:
            if reference == [line] or not reference:
                continue
            at = {
                each: mean_and_part(
                    even[line][seconds == each].to_numpy(),
                    even_err[line][seconds == each].to_numpy(),
                )
                for each in (times[0], time)
            }
            (short, short_error), (long, long_error) = at[times[0]], at[time]
            if short > 0 and np.isfinite(long):
                ratio = long / short
                error = abs(ratio) * np.hypot(short_error, long_error)
                part.append({"seconds": time, "line": line, "ratio": ratio, "error": error})
        ratios, errors = (
            [row[name] for row in part if row["line"] in reference] for name in ("ratio", "error")
        )
        common = max(robust_scatter(ratios), np.median(errors)) if ratios else 0.0
        rows += [row | {"error": np.hypot(row["error"], common)} for row in part]
    return pd.DataFrame(rows, columns=["seconds", "line", "ratio", "error"])


def ratio_verdict(ratio, error):
    """Say what a ratio to the shortest exposure time means: linear, nonlinear or gains."""
    bound = max(LINEAR_WITHIN, LOSS_SIGMA * error)
    if 1 - ratio > bound:
        return "nonlinear"
    return "gains" if ratio - 1 > bound else "linear"


def judge(flux, err, seconds, saturated):
    """Decide which fluxes to use, and why not the others.

    Parameters
    ----------
    flux, err : DataFrame, shape (exposures, lines)
        Net fluxes and their errors [ADU/s/fibre]; errors may be NaN.
    seconds : ndarray, shape (exposures,)
        Exposure times [s].
    saturated : DataFrame of bool, shape (exposures, lines)
        Where the flux table flags saturation.

    Returns
    -------
    reasons : DataFrame of str, shape (exposures, lines)
        Empty for what is used, else ``missing``, ``saturated``, ``nonlinear`` or ``outlier``.
    brightness : Series, shape (exposures,)
        The lamp's brightness relative to the exposures of the shortest time; NaN where every
        reference line is excluded.
    ratios : DataFrame
        As `time_ratios` gives them, with a ``verdict``; of fluxes that are not saturated, or of
        all where every exposure of a time is.
    """
    present = flux.notna()
    compared = present & ~saturated
    for time in np.unique(seconds):
        # What is saturated in every exposure of a time still shows how much is lost.
        lost = compared.columns[~compared[seconds == time].any()]
        compared.loc[seconds == time, lost] = present.loc[seconds == time, lost]
    reasons = pd.DataFrame("", index=flux.index, columns=flux.columns)
    reasons = reasons.mask(saturated, "saturated").mask(~present, "missing")
    short = seconds == seconds.min(initial=np.inf)
    reference = reference_lines(flux, err, reasons == "", short)
    # Twice, for a reference line that is itself found not to be linear must not stay one.
    for _ in range(2):
        brightness = lamp_brightness(flux, reasons == "", short, reference)
        # Without any usable reference line the brightness cannot be told apart from losses.
        scale = brightness.fillna(1.0)
        ratios = time_ratios(flux, err, seconds, compared, scale, reference)
        ratios["verdict"] = [ratio_verdict(*row) for row in ratios[["ratio", "error"]].to_numpy()]
        for row in ratios.itertuples():
            clean = (reasons[row.line] == "") & (seconds == row.seconds)
            if row.verdict == "nonlinear" and brightness[seconds == row.seconds].notna().any():
                reasons.loc[clean, row.line] = "nonlinear"
        reference = [line for line in reference if not (reasons[line] == "nonlinear").any()]
        if not reference:
            break
    # What is saturated in all of the shortest exposures is no measure of the others.
    spoilt = [line for line in flux if saturated[line][short].all()]
    ratios = ratios[~ratios["line"].isin(spoilt)]
    even = flux.where(reasons == "").div(scale, axis=0)
    for line in flux:
        good = even[line].dropna()
        if len(good) < OUTLIER_OF:
            continue
        off = good / good.median() - 1
        sigma = np.fmax(robust_scatter(off), (err[line] / flux[line]).abs()[good.index].fillna(0))
        far = off.abs() > np.maximum(OUTLIER_BEYOND, OUTLIER_SIGMA * sigma)
        reasons.loc[far.index[far], line] = "outlier"
    return reasons, brightness, ratios
