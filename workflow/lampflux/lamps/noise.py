"""The noise of a line's counts, split into read noise and photon noise."""

import numpy as np


def noise_model(counts, variance, seconds, gain):
    """Split the variance of a line's counts into read noise and photon noise.

    ``variance = read + photons * t``: read noise once per exposure, and photon noise, which grows
    with the time *t* (Howell 2006, Handbook of CCD Astronomy, section 4.4). With two or more
    exposure times both follow by least squares, each weighted by 1 / variance**2. With one, photon
    noise is counts / gain and the rest is read noise; without a gain all is photon noise.

    Parameters
    ----------
    counts : ndarray, shape (exposures,)
        Sums of the window, line and background [ADU].
    variance : ndarray, shape (exposures,)
        Squared errors of the net counts [ADU**2].
    seconds : ndarray, shape (exposures,)
        Exposure times [s].
    gain : float
        Electrons per ADU; NaN where it is not known.

    Returns
    -------
    read : float
        [ADU**2], not negative; NaN without any variance.
    photons : float
        [ADU**2/s], not negative; NaN without any variance.
    source : str
        ``times``, ``gain``, ``photons`` or, without any variance, empty.
    """
    known = np.isfinite(variance) & (variance > 0)
    counts, variance, seconds = counts[known], variance[known], seconds[known]
    if not len(variance):
        return np.nan, np.nan, ""
    if len(np.unique(seconds)) > 1:
        terms = np.column_stack([np.ones(len(seconds)), seconds]) / variance[:, np.newaxis]
        read, photons = np.linalg.lstsq(terms, np.ones(len(seconds)), rcond=None)[0]
        source = "times"
        if read < 0:
            read, photons = 0.0, np.sum(terms[:, 1]) / np.sum(terms[:, 1] ** 2)
        elif photons < 0:
            read, photons = np.sum(terms[:, 0]) / np.sum(terms[:, 0] ** 2), 0.0
    elif np.isfinite(gain):
        light = np.clip(counts / gain, 0, variance)
        read, photons, source = np.mean(variance - light), np.mean(light / seconds), "gain"
    else:
        read, photons, source = 0.0, np.mean(variance / seconds), "photons"
    return float(read), float(photons), source
