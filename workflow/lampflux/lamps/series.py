"""One model of a lamp's series: the flux of each line times the light of each exposure.

The counts of line *l* in exposure *e* of time *t* are

    counts[e, l] = flux[l] * brightness[e] * (t[e] + shutter) * (1 - loss[e, l])

where the shutter's offset is common to all exposures and the loss is that near saturation.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from lampflux.lamps.light import exposure_light, fit_shutter
from lampflux.statistics import robust_scatter, weighted_mean


class SeriesSettings(NamedTuple):
    """Constants of the model."""

    # Signal-to-noise ratio above which a line measures the lamp's brightness.
    reference_snr: float = 20.0
    # Smaller losses do not count: lamps that warm up change their line ratios as much [fraction].
    smallest_loss: float = 0.02
    # Standard errors beyond which a loss, or a shutter's offset, is significant.
    sure: float = 3.0
    # Lines are taken to lose no light if they are fainter than this fraction of those that do; the
    # flux of the latter is this percentile.
    safe_part: float = 0.5
    lossy_percentile: float = 25.0
    # Standard deviations and [fraction] by which a line's outlier differs from its others.
    outlier_sigma: float = 5.0
    outlier_beyond: float = 0.10
    # Fewest exposures of a line among which one can be an outlier.
    outlier_of: int = 4
    # Rounds in which lines that lose light are found and the light is measured from the others.
    rounds: int = 6


SERIES = SeriesSettings()


class Series(NamedTuple):
    """A lamp's series in an arm.

    Parameters
    ----------
    reasons : DataFrame of str, shape (exposures, lines)
        Why a flux is left out: ``missing``, ``saturated``, ``nonlinear``, ``outlying`` (the
        whole exposure) or ``outlier`` (the line); empty if it is used.
    scale : Series, shape (exposures,)
        Light of each exposure per second of its nominal time, over that of the mean exposure:
        ``brightness * (t + shutter) / t``. Fluxes are divided by it. NaN if no line
        measures it.
    scale_err : float
        Relative 1-sigma error that all scales share, from that of the shutter's offset.
    brightness, brightness_err : Series, shape (exposures,)
        The lamp's brightness over its mean, and its 1-sigma error.
    shutter, shutter_err : float
        Offset of the exposure times [s] and its 1-sigma error; NaN where it cannot be measured.
    outlying : Series of bool, shape (exposures,)
        Exposures whose light differs much from that of the others.
    references : list
        Lines from which the light of the exposures is measured.
    ratios : DataFrame
        ``seconds``, ``line``, ``ratio`` of the flux to that in the shortest time in which the
        line is not saturated, its 1-sigma ``error``, and the ``verdict``.
    """

    reasons: pd.DataFrame
    scale: pd.Series
    scale_err: float
    brightness: pd.Series
    brightness_err: pd.Series
    shutter: float
    shutter_err: float
    outlying: pd.Series
    references: list
    ratios: pd.DataFrame


def fit_series(flux, err, seconds, saturated, sequence=None):
    """Fit the model to the fluxes of a lamp's lines in all its exposures.

    The light of the exposures is measured from lines that lose no light: first the faintest third
    of the well measured ones, because they saturate last, then all lines that lose no light
    relative to these.

    Parameters
    ----------
    flux, err : DataFrame, shape (exposures, lines)
        Net fluxes for the nominal times and their errors [ADU/s/fibre]; errors may be NaN.
    seconds : ndarray, shape (exposures,)
        Nominal exposure times [s].
    saturated : DataFrame of bool, shape (exposures, lines)
        Where saturation was flagged.
    sequence : ndarray, shape (exposures,), optional
        When each exposure was taken, in any unit, if known.

    Returns
    -------
    Series
    """
    err = filled_errors(flux, err)
    present = flux.notna()
    reasons = pd.DataFrame("", index=flux.index, columns=flux.columns)
    reasons = reasons.mask(saturated, "saturated").mask(~present, "missing")
    usable = reasons == ""
    compared = compared_fluxes(usable, present, seconds)
    measured = measured_lines(flux, err, usable, seconds)
    references = list(measured.index[: (len(measured) + 2) // 3])
    for _ in range(SERIES.rounds):
        light, light_err = exposure_light(flux[references], err[references], usable[references])
        ratios = time_ratios(flux, err, seconds, compared, usable, light, references)
        kept = steady_lines(measured, ratios)
        if set(kept) == set(references) or not kept:
            break
        references = kept
    for row in ratios[ratios["verdict"] == "nonlinear"].itertuples():
        lost = usable[row.line] & (seconds == row.seconds)
        reasons.loc[lost, row.line] = "nonlinear"
    shutter, shutter_err, outlying = fit_shutter(light.to_numpy(), seconds, sequence)
    late = shutter if abs(shutter) > SERIES.sure * shutter_err else 0.0
    brightness = light / (1 + late / seconds)
    used = np.isfinite(light.to_numpy()) & ~outlying
    mean = brightness[used].mean()
    outlying = pd.Series(outlying, index=flux.index)
    reasons = reasons.mask((reasons == "").mul(outlying, axis=0), "outlying")
    # A single line cannot be distinguished from the lamp.
    scale = light / mean if len(references) > 1 else pd.Series(1.0, index=flux.index)
    reasons = line_outliers(flux.div(scale.fillna(1.0), axis=0), err / flux, reasons)
    return Series(
        reasons=reasons,
        scale=scale,
        scale_err=shutter_err * np.mean(1 / seconds[used]) if late else 0.0,
        brightness=brightness / mean,
        brightness_err=light_err * brightness / mean,
        shutter=shutter,
        shutter_err=shutter_err,
        outlying=outlying,
        references=references,
        ratios=ratios,
    )


def filled_errors(flux, err):
    """Give a flux without an error the median relative error of its line."""
    relative = (err / flux.abs()).where(err > 0)
    return err.where(err > 0, flux.abs() * relative.median())


def compared_fluxes(usable, present, seconds):
    """Fluxes to compare between exposure times: usable ones, or all if a time has none.

    A line that is saturated in every exposure of a time still shows how much light is lost.
    """
    compared = usable.copy()
    for time in np.unique(seconds):
        here = seconds == time
        lost = compared.columns[~compared[here].any()]
        compared.loc[here, lost] = present.loc[here, lost]
    return compared


def measured_lines(flux, err, usable, seconds):
    """Fluxes of the well measured lines, from the faintest.

    All lines count if none is measured well, and so do lines without errors.
    """
    short = seconds == seconds.min(initial=np.inf)
    seen = flux.where(usable)
    level = seen[short].median().fillna(seen.median())
    snr = (flux / err).where(usable).median()
    level = level[level > 0].sort_values()
    measured = level[~(snr[level.index] < SERIES.reference_snr)]
    return measured if len(measured) else level


def steady_lines(measured, ratios):
    """Find lines that lose no light in longer exposures and so measure their light.

    Losses grow with the counts, so lines nearly as bright as those that lose may lose a little.
    Arguments are as `measured_lines` and `time_ratios` give them.
    """
    lossy = measured.index.intersection(ratios.loc[ratios["verdict"] == "nonlinear", "line"])
    kept = measured.drop(lossy)
    if len(lossy):
        # A single line that seems to lose light by chance must not leave only a few faint ones.
        bright = SERIES.safe_part * np.percentile(measured[lossy], SERIES.lossy_percentile)
        faint = kept[kept < bright]
        kept = faint if len(faint) > 1 else kept[: (len(measured) + 2) // 3]
    return list(kept.index)


def time_ratios(flux, err, seconds, compared, usable, light, references):
    """Compare each line's flux in each exposure time with that in its shortest.

    Parameters
    ----------
    flux, err : DataFrame, shape (exposures, lines)
        [ADU/s/fibre]
    seconds : ndarray, shape (exposures,)
        Exposure times [s].
    compared, usable : DataFrame of bool, shape (exposures, lines)
        Which fluxes to compare, and which are not saturated.
    light : Series, shape (exposures,)
        Light of each exposure, to divide by.
    references : list
        The lines it was measured from; a single one cannot be compared with itself.

    Returns
    -------
    DataFrame
        ``seconds``, ``line``, ``ratio``, its 1-sigma ``error`` and the ``verdict``. The error
        combines those of both means and the excess scatter of the reference lines, by which lines
        of the lamp change relative to each other.
    """
    tables = *(table.div(light, axis=0) for table in (flux.where(compared), err)), usable
    times = np.unique(seconds)
    parts = []
    columns = zip(flux.columns, *(table.to_numpy().T for table in tables))
    for line, corrected, corrected_err, known in columns if len(references) > 1 else ():
        known = known & ~np.isnan(corrected)
        if not known.any():
            continue
        first = seconds[known].min()
        base, base_err = relative_mean(corrected, corrected_err, known & (seconds == first))
        if not base > 0:
            continue
        for time in times[times > first]:
            mean, mean_err = relative_mean(corrected, corrected_err, seconds == time)
            if np.isfinite(mean):
                ratio = mean / base
                # A shortest exposure that noise makes too bright must not get a small error by it.
                error = np.hypot(abs(ratio) * mean_err, max(abs(ratio), 1.0) * base_err)
                parts.append({"seconds": time, "line": line, "ratio": ratio, "error": error})
    ratios = pd.DataFrame(parts, columns=["seconds", "line", "ratio", "error"])
    for _, part in ratios.groupby("seconds"):
        own = part[part["line"].isin(references)]
        noise = own["error"].median() if len(own) else 0.0
        scatter = robust_scatter(own["ratio"]) if len(own) else 0.0
        common = max(scatter**2 - noise**2, 0.0) + noise**2 / max(len(own), 1)
        ratios.loc[part.index, "error"] = np.hypot(part["error"], np.sqrt(common))
    ratios["verdict"] = [ratio_verdict(*pair) for pair in ratios[["ratio", "error"]].to_numpy()]
    return ratios.sort_values(["seconds", "line"], ignore_index=True)


def relative_mean(values, errors, chosen):
    """Mean of repeated fluxes and its relative error, 0 if unknown."""
    good = chosen & ~np.isnan(values)
    mean, error = weighted_mean(values[good], errors[good])
    return mean, abs(error / mean) if np.isfinite(error) and mean else 0.0


def ratio_verdict(ratio, error):
    """Interpret a ratio to the shortest exposure time: linear, nonlinear or gains."""
    bound = max(SERIES.smallest_loss, SERIES.sure * error)
    if 1 - ratio > bound:
        return "nonlinear"
    return "gains" if ratio - 1 > bound else "linear"


def line_outliers(corrected, relative_err, reasons):
    """Mark outliers among the fluxes of a line in ``reasons``.

    ``corrected`` are fluxes with the light of the exposures divided out; all three tables are of
    shape (exposures, lines).
    """
    reasons = reasons.copy()
    corrected = corrected.where(reasons == "")
    for line in corrected.columns[corrected.count() >= SERIES.outlier_of]:
        good = corrected[line].dropna()
        off = good / good.median() - 1
        sigma = np.fmax(robust_scatter(off), relative_err[line].abs()[good.index].fillna(0))
        far = off.abs() > np.maximum(SERIES.outlier_beyond, SERIES.outlier_sigma * sigma)
        reasons.loc[far.index[far], line] = "outlier"
    return reasons
