"""What a frame itself shows of its detector: the gain by photon transfer, and the full well."""

from typing import NamedTuple

import numpy as np

from lampflux.extraction.cosmic_rays import neighbourhood
from lampflux.extraction.detector import with_measured
from lampflux.statistics import clipped_moments


class PhotonTransfer(NamedTuple):
    """How the gain is measured."""

    # Pixels at the crest of a line hold this part of the brightest pixel near them.
    crest: float = 0.85
    # Steps of light in which the scatter is measured, and fewest pixels of one.
    steps: int = 14
    step_pixels: int = 100
    # Fewest steps.
    fewest: int = 3


class PileSearch(NamedTuple):
    """How a limit of the detector below the digital one shows."""

    # This many pixels in the top hundredth of the counts, ...
    pixels: int = 20
    # ... this many times more than in the hundredth below, ...
    ratio: float = 5.0
    # ... and this much brighter than the noise.
    brightness: float = 300.0


TRANSFER = PhotonTransfer()
PILE = PileSearch()


def with_gain(image, rays, detector):
    """Add the gain that lit rows show to what is known of a detector, where it is not known.

    Parameters
    ----------
    image : lampflux.extraction.image.LitImage
    rays : lampflux.extraction.cosmic_rays.CosmicRays
    detector : lampflux.extraction.detector.Detector

    Returns
    -------
    lampflux.extraction.detector.Detector
    """
    if detector.gain is not None or not rays.misfit.any():
        return detector
    near = neighbourhood(np.clip(rays.model, 0, None), 2, 2)
    good = ~(rays.hit | image.missing | image.unclear)
    gain = measure_gain(image.counts - rays.model, rays.model, near, good, detector.variance)
    return detector if gain is None else with_measured(detector, gain=gain)


def measure_gain(residual, model, near, good, variance):
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
    used = good & (model > TRANSFER.crest * near)
    residual, model = residual[used], model[used]
    edges = np.geomspace(3 * variance, 3e4, TRANSFER.steps)
    steps = [(model >= low) & (model < high) for low, high in zip(edges[:-1], edges[1:])]
    steps = [step for step in steps if np.count_nonzero(step) >= TRANSFER.step_pixels]
    if len(steps) < TRANSFER.fewest:
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
    if image.size < PILE.pixels or image.shape[1] < 3:
        return np.inf
    # The few highest may be cosmic rays.
    top = float(np.partition(image, -PILE.pixels // 4, axis=None)[-PILE.pixels // 4])
    inside = np.count_nonzero(image > 0.99 * top)
    below = np.count_nonzero(image > 0.98 * top) - inside
    piled = inside >= PILE.pixels and inside > PILE.ratio * (below + 1)
    if not piled or not top > PILE.brightness * np.sqrt(variance):
        return np.inf
    pile = image > 0.99 * top
    flat = np.count_nonzero(pile[:, :-2] & pile[:, 1:-1] & pile[:, 2:]) >= PILE.pixels // 4
    _, spread = clipped_moments(image[pile])
    return 0.99 * top if flat or spread < 0.25 * top / (gain or 1.0) else np.inf
