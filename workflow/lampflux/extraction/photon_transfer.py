"""The gain by photon transfer: the variance of squares of pixels against their light."""

from typing import NamedTuple

import numpy as np

from lampflux.extraction.squares import relative_scatter


class TransferFit(NamedTuple):
    """How the gain follows from the scatter of squares."""

    # Steps of light, a factor each; fewest squares in one, and fewest steps.
    step: float = 1.6
    squares: int = 40
    fewest: int = 3
    # Pixels scatter by less than this part of their light, else logarithms of ratios bend, and
    # this part of their variance at most is that of dark ones, which is not known that well.
    noise: float = 0.12
    dark: float = 0.6
    # Largest part of the scatter in a step that is no photon noise, and that may grow with the
    # light; the steps scatter about the fit by no more than this many times their errors.
    misfit: float = 0.3
    scatter: float = 2.5
    # Fits, the errors of each from the one before.
    rounds: int = 4
    # Part of the steps, the brightest, that may be left out where they contradict the others.
    dropped: float = 0.34
    # Largest relative error of a gain, and the least of a step, by clipping and logarithms.
    error: float = 0.06
    least_error: float = 0.015
    # Parts of the frame, and pairs of frames, scatter alike unless they differ by this part and by
    # this many times its error.
    alike: float = 0.2
    significance: float = 3.0


FIT = TransferFit()


class Fit(NamedTuple):
    """The inverse gain [ADU/electron] and its error, the misfit, and the range of light [ADU].

    A ``reason`` where there is no gain, else empty, and whether that is that parts of the frame
    ``differ``.
    """

    inverse: float = 0.0
    error: float = 0.0
    misfit: float = 0.0
    signal: tuple[float, float] = (0.0, 0.0)
    reason: str = ""
    differ: bool = False


def fit_gain(squares):
    """Fit the inverse gain, and a misfit that grows with the light, to the scatter of squares.

    Photon transfer (Janesick 2001, Scientific Charge-Coupled Devices, chapter 2).

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
        inverse, inverse_error, misfit, scatter = weighted_line(steps)
        faintest, *_, brightest = steps[:, 0]
        if misfit * brightest > FIT.misfit * inverse or scatter > FIT.scatter:
            steps = steps[:-1]
            continue
        if inverse_error > FIT.error * inverse:
            return Fit(reason=f"the error of the gain is {inverse_error / inverse:.0%}")
        error = max(inverse_error, FIT.least_error * inverse)
        fit = Fit(inverse, error, misfit, (faintest, brightest))
        off = largest_difference(squares, fit)
        if off:
            return Fit(reason=f"parts of the frame differ by {off:.0%}", differ=True)
        return fit
    return Fit(reason="the variance is not linear in the light")


def steps_of_light(squares):
    """Scatter of squares in steps of light.

    Returns
    -------
    ndarray, shape (steps, 4)
        Mean light [ADU], variance over the ``photons``, that of dark pixels alone, and its
        relative error.
    """
    light = 4 / squares.photons
    number = np.floor(np.log(light) / np.log(FIT.step))
    table = []
    for step in np.unique(number):
        own = squares.where(number == step)
        if own.part.size < FIT.squares:
            continue
        scatter, error = relative_scatter(own, own.photons)
        dark = np.mean(own.noise / own.photons)
        if dark < FIT.dark * scatter and scatter * own.photons.mean() < 4 * FIT.noise**2:
            table.append((np.mean(4 / own.photons), scatter, dark, error / scatter))
    return np.array(table).reshape(-1, 4)


def weighted_line(steps):
    """Fit a line to the variance beyond that of dark pixels; without a slope below its error.

    Parameters
    ----------
    steps : ndarray, shape (steps, 4)
        From `steps_of_light`.

    Returns
    -------
    inverse, error : float
        Value without light.
    misfit : float
        Slope.
    scatter : float
        Of the steps about the line, in their errors.
    """
    light, variance, dark, relative = steps.T
    relative = np.hypot(relative, FIT.least_error)
    expected = variance
    for _ in range(FIT.rounds):
        # Errors by the fit: by their own scatter, steps that scatter little by chance weigh more.
        error = relative * expected
        terms = np.stack([np.ones(light.size), light], axis=1) / error[:, np.newaxis]
        covariance = np.linalg.inv(terms.T @ terms)
        level, slope = covariance @ terms.T @ ((variance - dark) / error)
        level_error = np.sqrt(covariance[0, 0])
        if slope < np.sqrt(covariance[1, 1]):
            level, slope = np.average(variance - dark, weights=error**-2), 0.0
            level_error = np.sum(error**-2) ** -0.5
        expected = np.maximum(level + slope * light, 0) + dark
    off = (variance - expected) / error
    return level, level_error, slope, np.sqrt(np.mean(off**2))


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
    largest = 0.0
    for part in np.unique(squares.part):
        own = inside & (squares.part == part)
        if np.count_nonzero(own) < FIT.squares:
            continue
        scatter, error = relative_scatter(squares.where(own), expected[own])
        off = abs(scatter - 1)
        if off > FIT.significance * error:
            largest = max(largest, off)
    return largest if largest > FIT.alike else 0.0
