"""What a frame itself shows of its detector: the gain by photon transfer, and the full well."""

import math
from typing import NamedTuple

import numpy as np

from lampflux.extraction.cosmic_rays import neighbourhood
from lampflux.extraction.detector import with_measured
from lampflux.extraction.photon_transfer import fit_gain
from lampflux.extraction.quiet_blocks import quiet_gain
from lampflux.extraction.squares import relative_scatter, scatter_over_light, squares_of
from lampflux.statistics import clipped_moments


class FrameTransfer(NamedTuple):
    """Which pixels of a frame show its gain."""

    # Pixels hold at least this part of the brightest one near them: far out in the wings of a line
    # the model is least certain.
    crest: float = 0.1
    # Light exceeds the noise of a pixel by this factor.
    light: float = 3.0
    # Fewest squares for a scatter without gain, and of light this many times the noise.
    fewest_squares: int = 20
    faintest: float = 1.0
    # What the model misses grows with the distance of the rows, noise does not: squares of rows so
    # far apart scatter no more, within this part, if there are this many.
    apart: int = 3
    agreement: float = 0.15
    fewest_apart: int = 100


class PileSearch(NamedTuple):
    """How a limit of the detector below the digital one shows."""

    # This many pixels in the top hundredth of the counts, ...
    pixels: int = 20
    # ... this many times more than in the hundredth below, ...
    ratio: float = 5.0
    # ... and this much brighter than the noise.
    brightness: float = 300.0


TRANSFER = FrameTransfer()
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
        With the gain, or, where photon noise cannot be separated from the model's misfit, only how
        much light scatters. A gain that is known stays, beside the one that the rows show.
    """
    if not rays.misfit.any():
        return detector
    lines = line_pixels(image, rays, detector.variance)
    squares = squares_of(*lines)
    gain = measured_gain(squares, lines, image.counts, detector.variance)
    if detector.gain is not None:
        return detector._replace(shown_gain=gain)
    if gain is not None:
        return with_measured(detector, gain=gain)._replace(light_scatter=1 / gain)
    return detector._replace(light_scatter=measure_scatter(squares))


def line_pixels(image, rays, variance):
    """Give the pixels on the lines, in whose squares differences of residual over model are noise.

    Parameters
    ----------
    image : lampflux.extraction.image.LitImage
    rays : lampflux.extraction.cosmic_rays.CosmicRays
    variance : float
        Of a pixel without light [ADU^2].

    Returns
    -------
    tuple
        What `lampflux.extraction.squares.squares_of` takes.
    """
    near = neighbourhood(np.clip(rays.model, 0, None), 2, 2)
    used = ~(rays.hit | image.missing | image.unclear) & (rays.model > TRANSFER.crest * near)
    used &= rays.model > TRANSFER.faintest * math.sqrt(variance)
    deviation = np.divide(
        image.counts - rays.model, rays.model, out=np.zeros_like(rays.model), where=used
    )
    rows, columns = used.shape
    # Amplifiers may read halves or quarters.
    part = 2 * (np.arange(columns) >= columns // 2).astype(np.uint8)
    part = part + (np.arange(rows)[:, np.newaxis] >= rows // 2)
    return deviation, rays.model, used, variance, part


def measured_gain(squares, lines, counts, variance):
    """Measure the gain from how much a frame scatters about a model of its lines.

    Photon transfer within a frame, with a model in place of a second one.

    Parameters
    ----------
    squares : lampflux.extraction.squares.Squares
    lines : tuple
        The pixels that they are of, from `line_pixels`.
    counts : ndarray, shape (rows, columns)
        Lit rows, background subtracted [ADU].
    variance : float
        Of a pixel without light [ADU^2].

    Returns
    -------
    float or None
        Gain [electron / ADU]; None where photon noise cannot be separated from the rest, or where
        rows further apart or the light between the lines contradict it.
    """
    fit = fit_gain(squares.where(4 / squares.photons > TRANSFER.light * np.sqrt(variance)))
    if fit.reason:
        return None
    apart = squares_of(*lines, TRANSFER.apart)
    apart = apart.where(4 / apart.photons > fit.signal[0])
    if apart.part.size >= TRANSFER.fewest_apart:
        expected = fit.inverse * apart.photons + 4 * fit.misfit + apart.noise
        scatter, error = relative_scatter(apart, expected)
        if scatter > 1 + TRANSFER.agreement + 2 * error:
            return None
    gain = float(1 / fit.inverse)
    quiet = quiet_gain(counts)
    return None if quiet and abs(gain / quiet - 1) > TRANSFER.agreement else gain


def measure_scatter(squares):
    """Measure how much light scatters, photon noise and misfit of the model together.

    Parameters
    ----------
    squares : lampflux.extraction.squares.Squares

    Returns
    -------
    float
        Variance over light [ADU]; 0 where too few pixels are lit.
    """
    if squares.part.size < TRANSFER.fewest_squares:
        return 0.0
    return max(float(scatter_over_light(squares)[0]), 0.0)


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
    few = PILE.pixels // 4
    if image.size < PILE.pixels or image.shape[1] < few:
        return np.inf
    # The few highest may be cosmic rays. At least as many pixels as columns reach the limit.
    limit = np.partition(image.max(axis=0), -few)[-few]
    top = float(np.partition(image[image >= limit], -few)[-few])
    inside = np.count_nonzero(image > 0.99 * top)
    below = np.count_nonzero(image > 0.98 * top) - inside
    piled = inside >= PILE.pixels and inside > PILE.ratio * (below + 1)
    if not piled or not top > PILE.brightness * np.sqrt(variance):
        return np.inf
    pile = image > 0.99 * top
    flat = np.count_nonzero(pile[:, :-2] & pile[:, 1:-1] & pile[:, 2:]) >= few
    _, spread = clipped_moments(image[pile])
    return 0.99 * top if flat or spread < 0.25 * top / (gain or 1.0) else np.inf
