"""What a frame itself shows of its detector: the gain by photon transfer, and the full well."""

from typing import NamedTuple

import numpy as np

from lampflux.extraction.cosmic_rays import neighbourhood
from lampflux.extraction.detector import with_measured
from lampflux.extraction.quiet_blocks import quiet_gain
from lampflux.statistics import clipped_moments


class PhotonTransfer(NamedTuple):
    """How the gain is measured."""

    # Pixels hold at least this part of the brightest one near them: beside a line the model is
    # least certain.
    crest: float = 0.4
    # Light exceeds the noise of a pixel by this factor, for the gain and at all.
    light: float = 3.0
    faintest: float = 1.0
    # Steps of light, a factor each, and fewest squares of pixels in one.
    step: float = 1.6
    squares: int = 100
    # Fewest squares for a scatter without gain.
    fewest_squares: int = 20
    # Fewest steps.
    fewest: int = 3
    # Largest part of the scatter that may be the model's misfit in a step.
    misfit: float = 0.3
    # At the crests of lines, which hold this part of the brightest pixel, where the model is best,
    # the scatter must be the same within this part.
    crest_only: float = 0.75
    agreement: float = 0.15
    # The inverse gain exceeds its error by this factor, and the steps scatter about it by no more
    # than this many times their errors.
    significance: float = 5.0
    scatter: float = 2.5


class PileSearch(NamedTuple):
    """How a limit of the detector below the digital one shows."""

    # This many pixels in the top hundredth of the counts, ...
    pixels: int = 20
    # ... this many times more than in the hundredth below, ...
    ratio: float = 5.0
    # ... and this much brighter than the noise.
    brightness: float = 300.0


TRANSFER = PhotonTransfer()
# Units of a scatter in which a whole one is little.
FINE = 1e4
PILE = PileSearch()


def with_gain(image, rays, detector):
    """Add the gain that lit rows show to what is known of a detector.

    Parameters
    ----------
    image : lampflux.extraction.image.LitImage
    rays : lampflux.extraction.cosmic_rays.CosmicRays
    detector : lampflux.extraction.detector.Detector

    Returns
    -------
    lampflux.extraction.detector.Detector
        With the gain, or, where photon noise cannot be told from the model's misfit, only how much
        light scatters. A gain that is known stays, beside the one that the rows show.
    """
    if not rays.misfit.any():
        return detector
    near = neighbourhood(np.clip(rays.model, 0, None), 2, 2)
    good = ~(rays.hit | image.missing | image.unclear)
    residual = image.counts - rays.model
    squares = square_scatter(residual, rays.model, near, good, detector.variance)
    gain = measure_gain(squares, detector.variance)
    crests = square_scatter(
        residual,
        rays.model,
        near * (TRANSFER.crest_only / TRANSFER.crest),
        good,
        detector.variance,
    )
    if gain is not None and not is_consistent(gain, crests, detector.variance):
        gain = None
    quiet = quiet_gain(image.counts) if gain is not None else None
    if quiet and abs(gain / quiet - 1) > TRANSFER.agreement:
        gain = None
    if detector.gain is not None:
        return detector._replace(shown_gain=gain)
    if gain is not None:
        return with_measured(detector, gain=gain)._replace(light_scatter=1 / gain)
    return detector._replace(light_scatter=measure_scatter(squares, detector.variance))


def square_scatter(residual, model, near, good, variance):
    """Measure how squares of two rows by two columns scatter about a model.

    The difference of differences of residual over model is free of what the model misses in a row,
    or in a column, as a whole; noise is left. Its variance is photons / gain + pixels * variance.

    Parameters
    ----------
    residual, model : ndarray, shape (rows, columns)
        Frame minus model, and model [ADU].
    near : ndarray, shape (rows, columns)
        Largest model value near each pixel.
    good : ndarray of bool, shape (rows, columns)
    variance : float
        Of a pixel without light [ADU^2].

    Returns
    -------
    difference, photons, pixels : ndarray, shape (squares,)
    """
    used = good & (model > TRANSFER.crest * near)
    used &= model > TRANSFER.faintest * np.sqrt(variance)
    part = np.divide(residual, model, out=np.zeros_like(model), where=used)
    return square_differences(part, model, used)


def square_differences(part, light, used):
    """Take the difference of differences of squares of two rows by two columns.

    It is free of what is the same along a row, or along a column.

    Parameters
    ----------
    part : ndarray, shape (rows, columns)
        Frame minus model over the model, or the ratio of two frames.
    light : ndarray, shape (rows, columns)
        [ADU]
    used : ndarray of bool, shape (rows, columns)
        Squares lie on these pixels only.

    Returns
    -------
    difference, photons, pixels : ndarray, shape (squares,)
        Its variance is photons / gain + pixels * variance of a pixel without light.
    """
    square = used[:-1, :-1] & used[:-1, 1:] & used[1:, :-1] & used[1:, 1:]
    rows, columns = np.nonzero(square)
    corners = [(rows, columns), (rows, columns + 1), (rows + 1, columns + 1), (rows + 1, columns)]
    inside = [part[corner] for corner in corners]
    inverse = 1 / np.stack([light[corner] for corner in corners]).astype(float)
    difference = inside[0] - inside[1] + inside[2] - inside[3]
    return difference, np.sum(inverse, axis=0), np.sum(inverse**2, axis=0)


def photon_scatter(difference, photons, pixels, variance):
    """Scatter of squares beyond that of pixels without light, over their light, and its error."""
    # Moments are clipped at whole units or wider.
    scatter = clipped_moments(FINE * difference / np.sqrt(photons))[1] / FINE**2
    # Neighbouring squares share pixels.
    error = scatter / np.sqrt(difference.size / 8)
    return scatter - variance * np.mean(pixels / photons), error


def measure_gain(squares, variance):
    """Measure the gain from how much a frame scatters about a model of its lines.

    Photon transfer (Janesick 2001, Scientific Charge-Coupled Devices, chapter 2) within a frame,
    with a model in place of a second one.

    Parameters
    ----------
    squares : tuple of ndarray
        From `square_scatter`.
    variance : float
        Of a pixel without light [ADU^2].

    Returns
    -------
    float or None
        Gain [electron / ADU]; None where photon noise cannot be told from the rest.
    """
    light = 4 / squares[1]
    bright = light > TRANSFER.light * np.sqrt(variance)
    number = np.where(bright, np.floor(np.log(light) / np.log(TRANSFER.step)), np.nan)
    table = []
    for step in np.unique(number[bright]):
        inside = number == step
        if np.count_nonzero(inside) >= TRANSFER.squares:
            scatter = photon_scatter(*(part[inside] for part in squares), variance)
            table.append((light[inside].mean(), *scatter))
    return fitted_gain(np.array(table).reshape(-1, 3))


def is_consistent(gain, crests, variance):
    """Whether the crests of lines, where the model is best, scatter as a gain says.

    Parameters
    ----------
    gain : float
        [electron / ADU]
    crests : tuple of ndarray
        From `square_scatter`.
    variance : float
        Of a pixel without light [ADU^2].

    Returns
    -------
    bool
        True, too, where too few pixels tell.
    """
    bright = 4 / crests[1] > TRANSFER.light * np.sqrt(variance)
    if np.count_nonzero(bright) < TRANSFER.squares:
        return True
    scatter, error = photon_scatter(*(part[bright] for part in crests), variance)
    return abs(scatter * gain - 1) < TRANSFER.agreement + 2 * error * gain


def measure_scatter(squares, variance):
    """Measure how much light scatters, photon noise and misfit of the model together.

    Parameters
    ----------
    squares, variance
        As in `measure_gain`.

    Returns
    -------
    float
        Variance over light [ADU]; 0 where too few pixels are lit.
    """
    if squares[0].size < TRANSFER.fewest_squares:
        return 0.0
    scatter, _ = photon_scatter(*squares, variance)
    return max(float(scatter), 0.0)


def fitted_gain(steps):
    """Fit the inverse gain and the model's misfit to the scatter in steps of light.

    Parameters
    ----------
    steps : ndarray, shape (steps, 3)
        Light [ADU], photon scatter over light [ADU], and its 1-sigma error, by increasing light.

    Returns
    -------
    float or None
        Gain; None where the steps contradict it.
    """
    while len(steps) >= TRANSFER.fewest:
        light, scatter, error = steps.T
        terms = np.stack([np.ones(light.size), light], axis=1) / error[:, np.newaxis]
        covariance = np.linalg.inv(terms.T @ terms)
        inverse, misfit = covariance @ terms.T @ (scatter / error)
        if misfit < 0:
            inverse, misfit = np.average(scatter, weights=error**-2), 0.0
            covariance = np.array([[1 / np.sum(error**-2)]])
        if misfit * light[-1] > TRANSFER.misfit * max(inverse, 0):
            steps = steps[:-1]
            continue
        off = (scatter - inverse - misfit * light) / error
        agree = np.sqrt(np.mean(off**2)) < TRANSFER.scatter
        clear = inverse > TRANSFER.significance * np.sqrt(covariance[0, 0])
        return float(1 / inverse) if agree and clear else None
    return None


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
