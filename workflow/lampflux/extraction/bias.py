"""The bias of a frame without a dark."""

from typing import NamedTuple

import numpy as np

from lampflux.errors import UserError
from lampflux.extraction.detector import noise_rows
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
    # Means of unlit rows are finer: the step exceeds this [ADU]. Pixels are cut off at this many
    # sigma about their median.
    least_unlit: float = 0.3
    clip: float = 5.0
    # Columns on either side of the middle in which a step and a slope are fitted; by how much the
    # step exceeds those elsewhere, and largest scatter about the fit, as part of the step: on the
    # flank of a line it is larger.
    near: int = 6
    clear: float = 5.0
    smooth: float = 0.2


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
    medians, means = column_levels(frame[noise_rows(frame.shape[0])])
    middle = frame.shape[1] // 2
    if boundary_step(means, middle):
        return halves(frame.shape[1])
    return amplifiers_of(medians, STEP.least)


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
    _, means = column_levels(frame[unlit[noise_rows(unlit.size)]])
    if boundary_step(means, frame.shape[1] // 2):
        return halves(frame.shape[1])
    return amplifiers_of(means, STEP.least_unlit)


def column_levels(counts):
    """Median of each column, and mean without what stands far off [ADU].

    Parameters
    ----------
    counts : ndarray, shape (rows, columns)
        [ADU]; NaN where blank: there the median of all is taken.

    Returns
    -------
    medians, means : ndarray, shape (columns,)
    """
    counts = counts.astype(np.float32)
    blank = ~np.isfinite(counts)
    if blank.any():
        counts[blank] = np.median(counts[~blank]) if not blank.all() else 0
    medians = np.median(counts, axis=0)
    reach = STEP.clip * max(robust_scatter(counts[:, ::16] - medians[::16]), 1.0)
    return medians, np.clip(counts, medians - reach, medians + reach).mean(axis=0)


def halves(columns):
    """First and last column of two amplifiers that share the columns evenly."""
    return [(0, columns // 2 - 1), (columns // 2, columns - 1)]


def boundary_step(levels, boundary):
    """Measure the step of a level between two columns.

    Parameters
    ----------
    levels : ndarray, shape (columns,)
        Level of each column [ADU].
    boundary : int
        First column beyond the step.

    Returns
    -------
    float
        By how much the level rises [ADU]; 0 where no step stands out.
    """
    reach = STEP.near
    if not 2 * reach < boundary < levels.size - 2 * reach:
        return 0.0
    place = np.arange(-reach, reach) + 0.5
    terms = np.stack([np.ones(place.size), place, np.sign(place) / 2], axis=1)
    inverse = np.linalg.pinv(terms)
    steps = np.convolve(levels, inverse[2, ::-1], "valid")
    at = boundary - reach
    usual = robust_scatter(np.delete(steps, slice(at - reach, at + reach)))
    near = levels[at : at + 2 * reach]
    off = near - terms @ (inverse @ near)
    step = float(steps[at])
    clear = abs(step) > max(STEP.clear * usual, STEP.least_unlit)
    return step if clear and off.std() < STEP.smooth * abs(step) else 0.0


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
        return halves(columns)
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
        A dark stays as it is; of a bias, only steps between amplifiers change where unlit rows
        are few [ADU].
    amplifiers : list of (int, int)

    Returns
    -------
    background : ndarray
    levels : dict of int to float
        Level of each amplifier, numbered from 1, that was measured [ADU].
    """
    if background.ndim == 2:
        return background, {}
    unlit = np.setdiff1d(np.arange(frame.shape[0]), lit)
    bias, levels = background.copy(), {}
    enough = unlit.size >= FEWEST
    rows = unlit if enough else np.arange(frame.shape[0])
    counts = frame[rows[noise_rows(rows.size)]]
    for number, (first, last) in enumerate(amplifiers, start=1):
        part = counts[:, first : last + 1]
        if enough and np.isfinite(part).any():
            levels[number], _ = clipped_moments(part)
            bias[first : last + 1] = levels[number]
    steps = amplifier_steps(counts - bias, amplifiers)
    for number, (first, _) in enumerate(amplifiers, start=1):
        levels |= {number: levels[number] + steps[first]} if number in levels else {}
    return bias + steps, levels


def amplifier_steps(net, amplifiers):
    """Measure the steps that are left between amplifiers: light has none there.

    Parameters
    ----------
    net : ndarray, shape (rows, columns)
        Background subtracted [ADU].
    amplifiers : list of (int, int)

    Returns
    -------
    ndarray, shape (columns,)
        Level against that of the first amplifier [ADU].
    """
    steps = np.zeros(net.shape[1])
    if len(amplifiers) > 1:
        _, means = column_levels(net)
        for first, _ in amplifiers[1:]:
            steps[first:] += boundary_step(means, first)
    return steps


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
