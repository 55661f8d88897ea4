"""The bias of a frame without a dark."""

from typing import NamedTuple

import numpy as np

from lampflux.errors import UserError
from lampflux.extraction.detector import NOISE_ROWS
from lampflux.statistics import clipped_moments, robust_scatter

# Fewest unlit rows, or columns without lines, from which a bias is measured.
FEWEST = 16
# Rows have levels of their own where these scatter by more than noise (variance ratio).
ROW_LEVELS = 2.0
# Levels that go with the rows' light are light, wings of lines or a continuum, where the
# correlation exceeds that of noise by this factor.
LIGHT_LEVELS = 5.0


class StepSearch(NamedTuple):
    """What makes a step between amplifiers."""

    # Columns on either side, and fewest such windows in each half.
    columns: int = 32
    fewest: int = 4
    # The step exceeds those elsewhere by this factor, and this [ADU]: medians of whole ones.
    significance: float = 8.0
    least: float = 2.0
    # Means of unlit rows are finer: the step exceeds this [ADU]. Pixels are cut off at so many
    # sigma about their median.
    least_unlit: float = 0.3
    clip: float = 5.0


STEP = StepSearch()


def amplifier_medians(frame, amplifiers):
    """Estimate the bias of each amplifier as the median of its pixels.

    The median serves because the lit bundle covers under a tenth of the rows.

    Parameters
    ----------
    frame : ndarray, shape (rows, columns)
        Raw frame [ADU]; NaN pixels are left out.
    amplifiers : list of (int, int)
        First and last column of each amplifier, both included.

    Returns
    -------
    ndarray, shape (amplifiers,)
        Bias levels [ADU]; NaN where an amplifier has no good pixel.
    """
    levels = np.full(len(amplifiers), np.nan)
    for number, (first, last) in enumerate(amplifiers):
        part = frame[:, first : last + 1]
        if np.isfinite(part).any():
            levels[number] = np.nanmedian(part)
    return levels


def measure_bias(frame, settings, path, arm):
    """Find the bias without a dark and hold it against what the config accepts.

    Parameters
    ----------
    frame : ndarray, shape (rows, columns)
    settings : dict
        ``method`` ('amplifiers' or 'frame'), ``amplifiers`` and ``range`` of the config.
    path, arm : str
        For messages.

    Returns
    -------
    bias : ndarray, shape (columns,)
        Bias of each column [ADU].
    amplifiers : list of (int, int)
        Columns that were taken together.
    levels : ndarray, shape (amplifiers,)

    Raises
    ------
    UserError
        An amplifier has no good pixel, or its level is out of range.
    """
    columns = frame.shape[1]
    amplifiers = settings["amplifiers"] if settings["method"] == "amplifiers" else None
    amplifiers = amplifiers or [(0, columns - 1)]
    levels = amplifier_medians(frame, amplifiers)
    lowest, highest = settings["range"] or (-np.inf, np.inf)
    for (first, last), level in zip(amplifiers, levels):
        if np.isnan(level):
            raise UserError(
                f"{path} has no good pixel in columns {first} to {last}; check the frame."
            )
        if not lowest <= level <= highest:
            raise UserError(
                f"{path} has no dark and a bias of {level:.1f} ADU in columns {first} to {last}, "
                f"outside the {lowest:g} to {highest:g} ADU that the config accepts for arm "
                f"{arm}; give a dark or correct bias_range."
            )
    bias = np.empty(columns)
    for (first, last), level in zip(amplifiers, levels):
        bias[first : last + 1] = level
    return bias, amplifiers, levels


def bias_cards(settings, amplifiers, levels):
    """Header cards that say where the bias came from when there was no dark."""
    yield "BIASMETH", settings["method"], "bias: median of each amplifier or of the frame"
    for number, ((first, last), level) in enumerate(zip(amplifiers, levels), start=1):
        yield f"BIASCOL{number}", f"{first}:{last}", "columns (from 0) of this bias level"
        yield f"BIASLEV{number}", level, "[adu] bias level"
    checked = settings["range"] is not None
    yield "BIASCHK", checked, "was the level held against a configured range?"


def find_amplifiers(frame):
    """Find whether two amplifiers read the halves of a frame's columns, by the step between them.

    Parameters
    ----------
    frame : ndarray, shape (rows, columns)
        Raw counts [ADU].

    Returns
    -------
    list of (int, int)
        First and last column of each.
    """
    counts = frame[:: max(frame.shape[0] // NOISE_ROWS, 1)]
    median = np.nanmedian if counts.dtype.kind == "f" else np.median
    return amplifiers_of(median(counts, axis=0), STEP.least)


def find_unlit_amplifiers(frame, lit):
    """Find two amplifiers as `find_amplifiers` does, by the rows without light.

    A step that lines hide is seen there.

    Parameters
    ----------
    frame : ndarray, shape (rows, columns)
        Raw counts [ADU].
    lit : ndarray of int
        Lit rows.

    Returns
    -------
    list of (int, int)
        First and last column of each; one where unlit rows are few.
    """
    unlit = np.setdiff1d(np.arange(frame.shape[0]), lit)
    if unlit.size < FEWEST:
        return [(0, frame.shape[1] - 1)]
    dark = frame[unlit[:: max(unlit.size // NOISE_ROWS, 1)]].astype(np.float32)
    middle = np.nanmedian(dark)
    reach = STEP.clip * max(robust_scatter(dark[np.isfinite(dark)]), 1.0)
    known = np.where(np.isfinite(dark), dark, middle)
    profile = np.clip(known, middle - reach, middle + reach).mean(axis=0)
    return amplifiers_of(profile, STEP.least_unlit)


def amplifiers_of(profile, least):
    """Split columns into halves where their levels step up or down in the middle.

    Parameters
    ----------
    profile : ndarray, shape (columns,)
        Level of each column [ADU].
    least : float
        Least step [ADU].

    Returns
    -------
    list of (int, int)
        First and last column of each amplifier.
    """
    columns = profile.size
    middle, width = columns // 2, STEP.columns
    if columns < 2 * STEP.fewest * width:
        return [(0, columns - 1)]
    # Windows on either side of the middle, and as far apart elsewhere.
    starts = np.arange(middle % width, columns - width + 1, width)
    levels = np.array([np.median(profile[start : start + width]) for start in starts])
    steps = np.diff(levels)
    at = np.searchsorted(starts, middle) - 1
    usual = robust_scatter(np.delete(steps, at))
    if np.abs(steps[at]) > max(STEP.significance * usual, least):
        return [(0, middle - 1), (middle, columns - 1)]
    return [(0, columns - 1)]


def refine_bias(frame, lit, background, amplifiers):
    """Measure the bias of each amplifier in rows without light.

    The mean of whole ADU is finer than their median.

    Parameters
    ----------
    frame : ndarray, shape (rows, columns)
        Raw counts [ADU].
    lit : ndarray of int
        Lit rows.
    background : ndarray, shape (rows, columns) or (columns,)
        A dark stays as it is, and so does a bias where unlit rows are few [ADU].
    amplifiers : list of (int, int)

    Returns
    -------
    background : ndarray
    levels : dict of int to float
        Level of each amplifier, numbered from 1, that was measured [ADU].
    """
    unlit = np.setdiff1d(np.arange(frame.shape[0]), lit)
    if background.ndim == 2 or unlit.size < FEWEST:
        return background, {}
    dark = frame[unlit[:: max(unlit.size // NOISE_ROWS, 1)]]
    bias, levels = background.copy(), {}
    for number, (first, last) in enumerate(amplifiers, start=1):
        part = dark[:, first : last + 1]
        if np.isfinite(part).any():
            levels[number], _ = clipped_moments(part)
            bias[first : last + 1] = levels[number]
    return bias, levels


def row_levels(image, quiet, amplifiers, variance, profile=None):
    """Measure the level of each row in each amplifier where no line falls.

    The part of it that goes with the light of the row is no level, but wings of lines and
    continuum.

    Parameters
    ----------
    image : ndarray, shape (rows, columns)
        Background subtracted [ADU].
    quiet : ndarray of bool, shape (columns,)
        Columns without lines.
    amplifiers : list of (int, int)
    variance : float
        Variance of a pixel without light [ADU^2].
    profile : ndarray, shape (rows,), optional
        Light of each row.

    Returns
    -------
    levels : ndarray of float32, shape (rows, columns)
        What to subtract [ADU]: zero where the rows of an amplifier do not differ more than noise.
    scatter : float
        Largest standard deviation of an amplifier's rows [ADU]; 0 where none differ.
    """
    levels, scatter = np.zeros(image.shape, np.float32), 0.0
    for first, last in amplifiers:
        columns = first + np.flatnonzero(quiet[first : last + 1])
        if columns.size < FEWEST or image.shape[0] < FEWEST:
            continue
        # Cosmic rays are cut off; what noise loses by it is the same on both sides.
        reach = np.float32(5 * np.sqrt(variance))
        own = np.clip(image[:, columns], -reach, reach).mean(axis=1)
        if profile is not None:
            own = own - light_between_lines(own, profile)
        if own.var() > ROW_LEVELS * variance / columns.size:
            levels[:, first : last + 1] = own[:, np.newaxis]
            scatter = max(scatter, float(own.std()))
    return levels, scatter


def light_between_lines(levels, profile):
    """Measure the part of the rows' levels that is proportional to their light.

    Parameters
    ----------
    levels, profile : ndarray, shape (rows,)
        Mean of the columns without lines, and light of the row.

    Returns
    -------
    ndarray, shape (rows,)
        Zero where levels and light are not correlated beyond noise.
    """
    excess = profile - profile.mean()
    power, product = excess @ excess, excess @ levels
    spread = np.sqrt(power) * levels.std()
    # Uncorrelated, the ratio scatters by 1.
    if not product > LIGHT_LEVELS * spread:
        return np.zeros(levels.size)
    return product / power * profile
