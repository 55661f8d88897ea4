"""Gain and noise by photon transfer: the variance of differences against the light."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lampflux.extraction.gain import FINE
from lampflux.extraction.repeats import Pair, Squares
from lampflux.statistics import clipped_moments


class TransferFit(NamedTuple):
    """How the gain follows from the scatter of pairs."""

    # Steps of light, a factor each; fewest squares in one, and fewest steps.
    step: float = 1.6
    squares: int = 40
    fewest: int = 3
    # Pixels scatter by less than this part of their light: else the logarithm bends.
    noise: float = 0.12
    # So many squares count as one, since neighbours share pixels.
    shared: float = 2.25
    # Largest part of the scatter in a step that is no photon noise, and that may grow with the
    # light; the steps scatter about the fit by no more than this many times their errors.
    misfit: float = 0.3
    scatter: float = 2.5
    # Brightest steps that may be left out, where detectors are not linear: this part.
    dropped: float = 0.5
    # Largest relative error of a gain, and the part of it that clipping and logarithms add.
    error: float = 0.06
    least_error: float = 0.015
    # Pairs contradict the others, and parts of the frame the fit, where they scatter differently
    # by this part and so many times its error. Such pairs are left out, up to this part of them.
    agreement: float = 0.15
    significance: float = 3.0
    odd: float = 0.34


FIT = TransferFit()


class PhotonTransfer(NamedTuple):
    """What exposures show of a detector, or the ``reason`` why they show no gain.

    ``gain`` [electron/ADU] and ``noise`` of a pixel without light [ADU], with errors, None where
    they are not known; ``number`` of pairs, or single exposures, that were used; and ``signal``,
    lowest and highest light [ADU].
    """

    reason: str = ""
    number: int = 0
    gain: float | None = None
    gain_err: float | None = None
    noise: float | None = None
    noise_err: float | None = None
    signal: tuple[float, float] | None = None


def photon_transfer(pairs: Sequence[Pair], parts: Sequence[int]) -> PhotonTransfer:
    """Measure gain and noise from pairs of repeats.

    Photon transfer (Janesick 2001, Scientific Charge-Coupled Devices, chapter 2): the variance of
    the differences against the light, in which the detector's pattern cancels.

    Parameters
    ----------
    pairs : list of Pair
    parts : list of int
        Parts of the frame, see `Squares`.

    Returns
    -------
    PhotonTransfer
    """
    shown = [(pair, squares_in(pair, parts)) for pair in pairs]
    shown = [(pair, own) for pair, own in shown if own.part.size >= FIT.squares]
    if not shown:
        return PhotonTransfer("too few pixels are lit")
    agree = agreement([own for _, own in shown])
    if np.mean(agree) < 1 - FIT.odd:
        return PhotonTransfer("the pairs contradict each other")
    used, squares = zip(*(each for each, agrees in zip(shown, agree) if agrees))
    joined = Squares(*(np.concatenate(column) for column in zip(*squares)))
    fit = fit_steps(joined)
    if fit.reason:
        return PhotonTransfer(fit.reason)
    off = largest_difference(joined, fit)
    if off:
        return PhotonTransfer(f"parts of the frame differ by {off:.0%}")
    gain = 1 / fit.inverse
    noise, noise_err = mean_noise([pair.dark[list(parts)] for pair in used])
    return PhotonTransfer("", len(used), gain, gain**2 * fit.error, noise, noise_err, fit.signal)


def squares_in(pair, parts):
    """Squares of a pair in some parts of the frame."""
    inside = np.isin(pair.squares.part, parts)
    return Squares(*(each[inside] for each in pair.squares))


def agreement(pairs):
    """Whether each pair scatters as most of them do, given the squares of each."""
    scatter, error = np.array([scatter_over_light(each) for each in pairs]).T
    middle = np.median(scatter)
    off = np.abs(scatter - middle)
    return (off < FIT.agreement * middle) | (off < FIT.significance * error)


def scatter_over_light(squares):
    """Variance beyond that of dark pixels over the ``photons``, and its error."""
    # Moments are clipped at whole units or wider.
    scaled = FINE * squares.difference / np.sqrt(squares.photons)
    scatter = clipped_moments(scaled)[1] / FINE**2
    error = scatter * np.sqrt(2 * FIT.shared / scaled.size)
    return scatter - np.mean(squares.noise / squares.photons), error


class Fit(NamedTuple):
    """The inverse gain [ADU/electron] and its error, the misfit, and the range of light [ADU].

    A ``reason`` where the steps contradict it, else empty.
    """

    inverse: float = 0.0
    error: float = 0.0
    misfit: float = 0.0
    signal: tuple[float, float] = (0.0, 0.0)
    reason: str = ""


def fit_steps(squares):
    """Fit the inverse gain, and a misfit that grows with the light, to the scatter of squares.

    Parameters
    ----------
    squares : Squares

    Returns
    -------
    Fit
    """
    steps = steps_of_light(squares)
    fewest = max(FIT.fewest, (1 - FIT.dropped) * len(steps))
    if len(steps) < FIT.fewest:
        return Fit(reason="too few pixels are lit")
    while len(steps) >= fewest:
        light, scatter, error = steps.T
        inverse, misfit, inverse_error = weighted_line(light, scatter, error)
        off = (scatter - inverse - misfit * light) / error
        if misfit * light[-1] > FIT.misfit * inverse or np.mean(off**2) > FIT.scatter**2:
            steps = steps[:-1]
            continue
        if inverse_error > FIT.error * inverse:
            return Fit(reason=f"the error of the gain is {inverse_error / inverse:.0%}")
        error = np.hypot(inverse_error, FIT.least_error * inverse)
        return Fit(inverse, error, misfit, (light[0], light[-1]))
    return Fit(reason="the variance of the differences is not linear in the light")


def steps_of_light(squares):
    """Scatter of squares in steps of light.

    Returns
    -------
    ndarray, shape (steps, 3)
        Mean light [ADU], variance beyond that of dark pixels over the ``photons``, and its error.
    """
    light = 4 / squares.photons
    number = np.floor(np.log(light) / np.log(FIT.step))
    table = []
    for step in np.unique(number):
        inside = number == step
        size = np.count_nonzero(inside)
        if size < FIT.squares:
            continue
        own = Squares(*(each[inside] for each in squares))
        scatter, error = scatter_over_light(own)
        if np.mean(scatter * own.photons + own.noise) < 4 * FIT.noise**2:
            table.append((light[inside].mean(), scatter, error))
    return np.array(table).reshape(-1, 3)


def weighted_line(light, scatter, error):
    """Fit a line with a slope that is not negative: its value without light, slope, error."""
    terms = np.stack([np.ones(light.size), light], axis=1) / error[:, np.newaxis]
    covariance = np.linalg.inv(terms.T @ terms)
    level, slope = covariance @ terms.T @ (scatter / error)
    if slope < 0:
        return np.average(scatter, weights=error**-2), 0.0, np.sum(error**-2) ** -0.5
    return level, slope, np.sqrt(covariance[0, 0])


def largest_difference(squares, fit):
    """Find by how much the part of the frame that scatters least as a fit says differs from it.

    Parameters
    ----------
    squares : Squares
    fit : Fit

    Returns
    -------
    float
        Relative difference of the variance; 0 where all parts scatter alike.
    """
    light = 4 / squares.photons
    inside = (light > fit.signal[0] / FIT.step) & (light < fit.signal[1] * FIT.step)
    expected = squares.photons * fit.inverse + 4 * fit.misfit + squares.noise
    scaled = FINE * squares.difference / np.sqrt(expected)
    largest = 0.0
    for part in np.unique(squares.part):
        own = scaled[inside & (squares.part == part)]
        if own.size < FIT.squares:
            continue
        off = abs(clipped_moments(own)[1] / FINE**2 - 1)
        if off > FIT.significance * np.sqrt(2 * FIT.shared / own.size):
            largest = max(largest, off)
    return largest if largest > FIT.agreement else 0.0


def mean_noise(variances):
    """Noise of dark pixels and its error [ADU], from variances [ADU^2]; None from none."""
    noise = np.sqrt(variances)
    noise = noise[np.isfinite(noise)]
    if not noise.any():
        return None, None
    return float(noise.mean()), float(noise.std() / np.sqrt(noise.size))
