"""What a detector does to light: gain, read noise, saturation, and where each was learnt."""

import numpy as np

# Where observatories write a fact, the more specific keyword first.
KEYWORDS = {
    "gain": ("RO_GAIN", "EGAIN", "GAIN"),
    "read_noise": ("RO_NOISE", "RDNOISE", "READNOIS", "RON"),
    "saturation": ("SATURATE", "SATURATN", "SATLEVEL"),
}
# Values are cut off this many times the spread from the median.
CLIP = 4.0
# Fewest pixels that tell a noise.
FEWEST = 1000
# Pixels at the crest of a line hold this part of the brightest pixel near them.
CREST = 0.85
# Steps of light in which the scatter is measured.
LIGHT_STEPS = 14
# A detector's limit below the digital one shows as this many pixels in the top hundredth of the
# counts, and this many times more than in the hundredth below.
PILE, PILE_RATIO = 20, 5.0
# ... that are this much brighter than the noise.
BRIGHT = 300.0


def detector_fact(name, header, configured):
    """Look a fact of the detector up: in the frame's header, else in the config.

    Parameters
    ----------
    name : {'gain', 'read_noise', 'saturation'}
    header : mapping
        The raw frame's header.
    configured : float or None
        The arm's value in the config.

    Returns
    -------
    value : float or None
    source : str or None
        The header's keyword, or 'config'.
    """
    for keyword in KEYWORDS[name]:
        value = header.get(keyword)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and np.isfinite(value) and value > 0:
            return float(value), keyword
    return configured, None if configured is None else "config"


def largest_number(header):
    """Largest number that a FITS image can hold.

    Parameters
    ----------
    header : mapping
        The image's header.

    Returns
    -------
    float
        In physical units [ADU]; infinite for real numbers.
    """
    bits = header["BITPIX"]
    if bits < 0:
        return np.inf
    stored = 2**8 - 1 if bits == 8 else 2 ** (bits - 1) - 1
    least = 0 if bits == 8 else -stored - 1
    scale = header.get("BSCALE", 1)
    return float(header.get("BZERO", 0) + max(scale * stored, scale * least))


def clipped_moments(values):
    """Mean and variance of values without the outliers.

    Parameters
    ----------
    values : ndarray
        NaN is left out.

    Returns
    -------
    mean, variance : float
        Of what lies within four standard deviations of the median, told by quartiles; the mean of
        whole ADU is finer than their median.
    """
    values = values[np.isfinite(values)].astype(float)
    if values.size == 0:
        return np.nan, np.nan
    low, middle, high = np.percentile(values, (15.87, 50, 84.13))
    # Whole numbers hide a spread below their step.
    reach = CLIP * max((high - low) / 2, 0.5)
    kept = values[np.abs(values - middle) <= reach]
    return kept.mean(), kept.var()


def pixel_variance(frame, background):
    """Measure the variance of pixels without light, frame and dark together.

    Parameters
    ----------
    frame : ndarray, shape (rows, columns)
        Unlit rows [ADU].
    background : ndarray, shape (rows, columns) or (columns,)
        Dark or bias [ADU].

    Returns
    -------
    float or None
        From differences of neighbouring columns [ADU^2], which patterns of rows, slow changes and
        steps between amplifiers hardly touch; None from too few pixels.
    """
    net = frame.astype(np.float32) - background.astype(np.float32)
    differences = np.diff(net, axis=1)
    if np.count_nonzero(np.isfinite(differences)) < FEWEST:
        return None
    return clipped_moments(differences)[1] / 2


def measured_gain(residual, model, near, good, variance):
    """Measure the gain from how much a frame scatters about a model of its lines.

    The variance grows with the light as ``variance + light / gain + (misfit * light)**2``: the
    photon-transfer method (Janesick 2001, Scientific Charge-Coupled Devices, chapter 2) with a
    model in place of a second frame.

    Parameters
    ----------
    residual, model : ndarray, shape (rows, columns)
        Frame minus model, and model [ADU].
    near : ndarray, shape (rows, columns)
        Largest model value near each pixel: only the crests of lines are used, for the model is
        least certain at their flanks.
    good : ndarray of bool, shape (rows, columns)
    variance : float
        Of a pixel without light [ADU^2].

    Returns
    -------
    float or None
        Gain [electron / ADU]; None where photon noise cannot be told from the rest.
    """
    used = good & (model > CREST * near)
    residual, model = residual[used], model[used]
    edges = np.geomspace(3 * variance, 3e4, LIGHT_STEPS)
    steps = [(model >= low) & (model < high) for low, high in zip(edges[:-1], edges[1:])]
    steps = [step for step in steps if np.count_nonzero(step) >= FEWEST / 10]
    if len(steps) < 3:
        return None
    light = np.array([model[step].mean() for step in steps])
    scatter = np.array([clipped_moments(residual[step])[1] for step in steps])
    # The error of a variance of n values is its part sqrt(2 / n).
    weight = np.sqrt([np.count_nonzero(step) / 2 for step in steps]) / scatter
    terms = np.stack([light, light**2], axis=1) * weight[:, np.newaxis]
    (slope, _), *_ = np.linalg.lstsq(terms, (scatter - variance) * weight)
    error = np.sqrt(np.linalg.inv(terms.T @ terms)[0, 0])
    return float(1 / slope) if slope > 5 * error else None


def full_well(image, variance, gain=None):
    """Find a limit of the detector by the pile of pixels that it leaves at the top of the counts.

    Parameters
    ----------
    image : ndarray, shape (rows, columns)
        Lit pixels, background subtracted [ADU].
    variance : float
        Variance of a pixel without light [ADU^2].
    gain : float or None
        Electrons per ADU.

    Returns
    -------
    float
        Foot of the pile [ADU]; infinite where there is none. Crests of equal fibres pile up too,
        but scatter by photon noise and are narrower than three pixels.
    """
    if image.size < PILE or image.shape[1] < 3:
        return np.inf
    # The few highest may be cosmic rays.
    top = float(np.partition(image, -PILE // 4, axis=None)[-PILE // 4])
    inside = np.count_nonzero(image > 0.99 * top)
    below = np.count_nonzero(image > 0.98 * top) - inside
    piled = inside >= PILE and inside > PILE_RATIO * (below + 1)
    if not piled or not top > BRIGHT * np.sqrt(variance):
        return np.inf
    pile = image > 0.99 * top
    flat = np.count_nonzero(pile[:, :-2] & pile[:, 1:-1] & pile[:, 2:]) >= PILE // 4
    _, spread = clipped_moments(image[pile])
    return 0.99 * top if flat or spread < 0.25 * top / (gain or 1.0) else np.inf
