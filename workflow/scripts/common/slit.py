"""The slit on the detector: which rows are lit, how much light each takes, how lines curve."""

from typing import NamedTuple

import numpy as np

from common.peaks import SIGMA_PER_MAD, box_sums, continuum, noise

# Rows that are read at a time, so that a frame needs little memory.
BAND = 256
# Lit rows take this part of the light of the brightest ones; fibres may be weak, light between
# bundles is fainter by far.
LIT = 0.05
# Rows about a row over which its light is averaged, so that gaps between fibres stay lit.
FIBRE_ROWS = 9
# Rows added at both ends of lit rows, for the wings of the outermost fibres.
MARGIN = 8
# Lit rows outshine the noise of a row by this factor.
SIGNIFICANT = 5.0
# Blocks of lit rows in which the position of the lines is measured, and fewest rows of one.
BLOCKS, BLOCK_ROWS = 24, 8
# A column's counts are cut off at this many times those of its bright fibres.
CREST = 1.5
# Farthest that lines are followed along the slit [pixel].
FARTHEST = 100
# Columns of a group that tells where the traces are, least part of all lines' power in it, and
# fewest groups.
TRACE_BLOCK, TRACE_LIGHT, FEWEST_GROUPS = 256, 1e-4, 5
# Rows within which the second group is looked for, and any later one about where it should be.
FARTHEST_STEP, NEAREST_STEP = 12, 4
# Rows by which a group may miss the cubic, and by which traces must drift to matter.
LARGEST_MISFIT, LEAST_DRIFT = 1.0, 0.3
# Unlit rows on either side of lit ones that tell how much stray light lies beneath these.
BESIDE, FEWEST_BESIDE = 100, 16
# Half width of the weights by which stray light is measured [line widths].
BROAD = 2.0
# Rows that differ by that from their neighbours, against what noise would do, differ by noise.
ALIKE = 0.85
# Cosmic rays beside the lit rows are cut off at so many sigma.
CLIP = 6.0


class LitRows(NamedTuple):
    """The rows that the clean spectrum is made of.

    ``rows``, an array of int; ``profile``, the light of each of them, or None where there are no
    lines to tell it by; ``drift``, the largest drift of the traces against their mean [pixel];
    ``stray``, the part of the light in them that is stray, and its error.
    """

    rows: np.ndarray
    profile: np.ndarray | None = None
    drift: float = 0.0
    stray: tuple[float, float] = (0.0, 0.0)


def of_rows(background, rows):
    """Background of some rows: a dark's, or the bias of each column, which all rows share."""
    return background[rows] if background.ndim == 2 else background


def line_light(spectrum, amplifiers):
    """Tell where the light of lines falls, as weights by which rows are compared.

    Parameters
    ----------
    spectrum : ndarray, shape (columns,)
        Frame summed over its rows [ADU]; NaN columns get no weight.
    amplifiers : list of (int, int)
        First and last column of each amplifier.

    Returns
    -------
    ndarray, shape (columns,)
        Light above continuum and noise [ADU], minus its mean in each amplifier: a level that is
        constant along an amplifier's part of a row then weighs nothing. All zero without lines.
    """
    known = np.isfinite(spectrum)
    if not known.any():
        return np.zeros(spectrum.size)
    columns = np.arange(spectrum.size)
    filled = np.interp(columns, columns[known], spectrum[known])
    light = filled - continuum(filled, max(40, filled.size // 40))
    light[~known | (light < SIGNIFICANT * noise(filled))] = 0
    for first, last in amplifiers:
        part = first + np.flatnonzero(known[first : last + 1])
        if part.size:
            light[part] -= light[part].mean()
    return light


def row_profile(frame, background, weights, cap=None):
    """Project every row on the light of the lines: the part of the light that it takes.

    Parameters
    ----------
    frame : ndarray, shape (rows, columns)
        Raw counts [ADU].
    background : ndarray, shape (rows, columns) or (columns,)
        Dark or bias [ADU].
    weights : ndarray, shape (columns,)
        As `line_light` gives them [ADU].
    cap : ndarray, shape (columns,), optional
        Farthest from zero that a pixel may be [ADU]; cosmic rays are cut off there.

    Returns
    -------
    ndarray, shape (rows,)
        Least-squares amplitude of the lines in each row; about 1 in all.
    """
    weights = weights / (weights @ weights)
    profile = np.empty(frame.shape[0])
    for first in range(0, frame.shape[0], BAND):
        rows = slice(first, first + BAND)
        net = frame[rows].astype(np.float32)
        net -= of_rows(background, rows)
        if cap is not None:
            np.clip(net, -cap, cap, out=net)
        light = net @ weights
        spoiled = ~np.isfinite(light)
        if spoiled.any():
            light[spoiled] = np.nan_to_num(net[spoiled], nan=0, posinf=0, neginf=0) @ weights
        profile[rows] = light
    return profile


def running_median(values, size):
    """Median of the values about each one, mirrored at the ends."""
    padded = np.pad(values, size // 2, mode="reflect")
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, size), axis=1)


def lit_rows(profile, error):
    """Find the rows that the lamp lights.

    Parameters
    ----------
    profile : ndarray, shape (rows,)
        Light of each row, from `row_profile`.
    error : float
        1-sigma noise of one row's light.

    Returns
    -------
    ndarray of int
        The rows, in increasing order; empty where none outshines the noise.
    """
    size = min(FIBRE_ROWS, profile.size - 1 + profile.size % 2)
    # Averaged over fibres and gaps; the median keeps a single cosmic ray from lighting a row.
    smooth = box_sums(np.pad(profile, size // 2, mode="reflect"), size // 2) / size
    smooth = smooth[size // 2 : size // 2 + profile.size]
    smooth = np.minimum(smooth, 3 * np.maximum(running_median(profile, size), 0))
    bright = np.sort(smooth)[-1 - size // 2]
    if bright < SIGNIFICANT * error:
        return np.empty(0, int)
    lit = smooth > max(LIT * bright, SIGNIFICANT * error / np.sqrt(size))
    return np.flatnonzero(box_sums(lit, MARGIN) > 0)


def choose_rows(frame, background, weights, variance, wanted):
    """Choose the rows to make the clean spectrum of.

    Parameters
    ----------
    frame, background, weights
        As in `row_profile`.
    variance : float
        Variance of a pixel without light [ADU^2].
    wanted : slice or None
        Rows that the config names; None to find the lit ones.

    Returns
    -------
    LitRows
        Without stray light.
    """
    everything = np.arange(frame.shape[0])[wanted or slice(None)]
    if not weights.any():
        return LitRows(everything)
    profile = row_profile(frame, background, weights)
    if wanted:
        return LitRows(everything, profile[everything])
    lit = lit_rows(profile, np.sqrt(variance / (weights @ weights)))
    if not lit.size:
        return LitRows(everything)
    lit, drift = rows_of_traces(frame, background, weights, lit)
    return LitRows(lit, row_profile(frame[lit], of_rows(background, lit), weights), drift)


def rows_of_traces(frame, background, weights, lit):
    """Add rows that drifting traces light in a few columns only.

    Parameters
    ----------
    frame, background, weights
        As in `row_profile`.
    lit : ndarray of int
        Rows that are lit on average over the columns.

    Returns
    -------
    lit : ndarray of int
    drift : float
        Largest drift of the traces against their mean [pixel].
    """
    net = frame[lit].astype(np.float32)
    net -= of_rows(background, lit)
    drift = float(np.abs(trace_drift(np.nan_to_num(net), weights)).max())
    reach = int(np.ceil(drift))
    near = lit[:, np.newaxis] + np.arange(-reach, reach + 1)
    return np.unique(np.clip(near, 0, frame.shape[0] - 1)), drift


def rows_beside(lit, height):
    """Find the unlit rows beside lit ones."""
    beside = np.clip(lit[:, np.newaxis] + np.array([-BESIDE, BESIDE]), 0, height - 1)
    near = np.zeros(height + 1)
    np.add.at(near, beside[:, 0], 1)
    np.add.at(near, beside[:, 1] + 1, -1)
    return np.setdiff1d(np.flatnonzero(np.cumsum(near[:-1]) > 0), lit)


def stray_light(frame, background, weights, lit, variance, width):
    """Measure the stray light beneath lit rows by that in the unlit rows beside them.

    Parameters
    ----------
    frame, background, weights
        As in `row_profile`.
    lit : ndarray of int
        Lit rows.
    variance : float
        Variance of a pixel without light [ADU^2].
    width : float
        Width of the lines [pixel].

    Returns
    -------
    part, error : float
        Stray part of the light in the lit rows, and its 1-sigma error; 0 where none is seen.
    """
    beside = rows_beside(lit, frame.shape[0])
    if beside.size < FEWEST_BESIDE:
        return 0.0, 0.0
    # Lines are shifted there: weights as broad as that matter less where they fall.
    reach = int(np.ceil(BROAD * width))
    broad = box_sums(weights, reach) / (2 * reach + 1)
    # No row beside is lit: its light is less than that part of a lit row's.
    cap = CLIP * np.sqrt(variance) + LIT * np.clip(box_sums(weights, reach), 0, None) / lit.size
    broad -= broad.mean()
    light, total = (
        row_profile(frame[rows], of_rows(background, rows), broad, limit)
        for rows, limit in ((beside, cap.astype(np.float32)), (lit, None))
    )
    error = np.sqrt(variance / (broad @ broad))
    scale = lit.size / total.sum()
    # Other fibres light single rows, stray light lies beneath all: the lowest fifth of the rows is
    # free of the first. Rows that differ from their neighbours as much as from any others do so
    # by noise, and their median is the better estimate.
    low, below, middle, above = np.percentile(light, (20, 15.87, 50, 84.13))
    steps = np.percentile(np.diff(light), (15.87, 84.13))
    is_noise = steps[1] - steps[0] > ALIKE * np.sqrt(2) * (above - below)
    part = (middle if is_noise else low) * scale
    part_error = 1.4 * error / np.sqrt(beside.size) * scale
    return (float(part), float(part_error)) if part > 3 * part_error else (0.0, float(part_error))


def offset(spectrum, reference, farthest):
    """Measure how far a spectrum is shifted against a reference.

    Parameters
    ----------
    spectrum, reference : ndarray, shape (columns,)
    farthest : int
        Largest shift to look for [pixel].

    Returns
    -------
    float
        Shift towards higher columns [pixel]: the peak of the cross-correlation, refined by a
        parabola through its logarithm, exact for Gaussian lines.
    """
    size = spectrum.size + farthest
    product = np.fft.rfft(spectrum, size) * np.conj(np.fft.rfft(reference, size))
    correlation = np.fft.irfft(product, size)
    correlation = np.concatenate([correlation[-farthest:], correlation[: farthest + 1]])
    peak = int(np.argmax(correlation))
    if not 0 < peak < 2 * farthest or correlation[peak - 1 : peak + 2].min() <= 0:
        return np.nan
    left, middle, right = np.log(correlation[peak - 1 : peak + 2])
    curve = left - 2 * middle + right
    return peak - farthest + (0.5 * (left - right) / curve if curve < 0 else 0.0)


def mean_spectrum(image):
    """Average rows, cosmic rays cut off, and take the continuum off."""
    # A cosmic ray stands out from the bright fibres of its column.
    crest = CREST * np.clip(np.percentile(image, 80, axis=0), 0, None)
    spectrum = np.minimum(image, crest).mean(axis=0)
    return spectrum - np.median(spectrum)


def slit_shift(image, profile, rows):
    """Measure how lines shift along the slit, as a parabola of the row.

    Parameters
    ----------
    image : ndarray, shape (rows, columns)
        Lit rows, background subtracted [ADU].
    profile : ndarray, shape (rows,)
        Light of each of them.
    rows : ndarray of int, shape (rows,)
        Their places on the detector.

    Returns
    -------
    ndarray, shape (rows,)
        Shift of each row towards higher columns [pixel], on average over the light 0; all zero
        where it cannot be measured.
    """
    blocks = np.array_split(np.arange(rows.size), max(1, min(BLOCKS, rows.size // BLOCK_ROWS)))
    none = np.zeros(rows.size)
    if len(blocks) < 3:
        return none
    spectra = [mean_spectrum(image[block]) for block in blocks]
    share = np.clip(profile, 0, None)
    light = np.array([share[block].sum() for block in blocks])
    if light.min() <= 0:
        return none
    middle = np.array([np.average(rows[block], weights=share[block]) for block in blocks])
    reference = spectra[int(np.argmax(light))]
    farthest = min(FARTHEST, image.shape[1] // 4)
    shifts = np.array([offset(spectrum, reference, farthest) for spectrum in spectra])
    used = np.isfinite(shifts) & (light > 0.1 * light.max())
    if used.sum() < 3:
        return none
    scale = np.ptp(rows) or 1
    place = (rows - rows.mean()) / scale
    degree = 2 if used.sum() > 3 else 1
    while True:
        fit = np.polynomial.Polynomial.fit(
            (middle[used] - rows.mean()) / scale, shifts[used], degree, w=np.sqrt(light[used])
        )
        residual = np.abs(shifts - fit((middle - rows.mean()) / scale))
        spread = SIGMA_PER_MAD * np.median(residual[used])
        kept = used & (residual <= max(4 * spread, 0.05))
        if kept.sum() == used.sum() or kept.sum() <= degree + 1:
            break
        used = kept
    # A parabola that the blocks do not follow is none.
    if spread > 0.5:
        return none
    shift = fit(place)
    return shift - np.average(shift, weights=share)


def straighten(image, shift):
    """Move every row by whole pixels so that lines stand upright; nothing is resampled.

    Parameters
    ----------
    image : ndarray, shape (rows, columns)
    shift : ndarray, shape (rows,)
        Shift of each row towards higher columns [pixel].

    Returns
    -------
    ndarray, shape (rows, columns)
        Rows moved back by their rounded shift; columns that would come from beyond the detector
        repeat the last one.
    """
    steps = np.rint(shift).astype(int)
    if not steps.any():
        return image
    columns = np.clip(np.arange(image.shape[1]) + steps[:, np.newaxis], 0, image.shape[1] - 1)
    return np.take_along_axis(image, columns, axis=1)


def trace_drift(image, weights):
    """Measure how traces drift along the slit from column to column.

    Parameters
    ----------
    image : ndarray, shape (rows, columns)
        Lit rows, background subtracted [ADU].
    weights : ndarray, shape (columns,)
        Light of lines, see `line_light`.

    Returns
    -------
    ndarray, shape (columns,)
        Shift of each column towards higher rows [pixel], on average over the light 0: a cubic
        through the shifts of groups of columns, by cross-correlation of their rows' light. All
        zero where they do not drift, or it cannot be measured.
    """
    columns = image.shape[1]
    none = np.zeros(columns)
    light = np.clip(weights, 0, None)
    middle, profiles = [], []
    for first in range(0, columns, TRACE_BLOCK):
        part = slice(first, first + TRACE_BLOCK)
        power = light[part] @ light[part]
        if power > TRACE_LIGHT * (light @ light):
            profile = np.clip(image[:, part] @ light[part] / power, 0, None)
            # Cosmic rays are cut off.
            profile = np.minimum(profile, 3 * np.percentile(profile, 80))
            profiles.append(profile - profile.mean())
            middle.append(np.average(np.arange(columns)[part], weights=light[part] ** 2))
    if len(middle) < FEWEST_GROUPS:
        return none
    # Equal fibres repeat after a few rows: a group is looked for where the slope so far puts it.
    drift, slope = [0.0], 0.0
    for number in range(1, len(middle)):
        distance = middle[number] - middle[number - 1]
        guess = int(np.rint(slope * distance))
        reach = NEAREST_STEP if number > 1 else FARTHEST_STEP
        step = offset(np.roll(profiles[number], -guess), profiles[number - 1], reach)
        if not np.isfinite(step):
            return none
        drift.append(drift[-1] + guess + step)
        slope = (guess + step) / distance
    fit = np.polynomial.Polynomial.fit(middle, drift, 3)
    if np.abs(fit(np.array(middle)) - drift).max() > LARGEST_MISFIT:
        return none
    half = TRACE_BLOCK / 2
    drift = fit(np.clip(np.arange(columns), middle[0] - half, middle[-1] + half))
    drift -= np.average(drift, weights=light)
    return drift if np.ptp(drift) > LEAST_DRIFT else none
