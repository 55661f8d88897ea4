"""Curves as smooth as the data demand.

Levels at evenly spaced knots, joined by straight lines, follow an integrated random walk: the
discrete form of a cubic smoothing spline (Wahba 1978, Journal of the Royal Statistical Society B
40, 364; Eilers & Marx 1996, Statistical Science 11, 89). Their equations have five diagonals, kept
as an array of shape (3, knots): the middle one and the two below it.
"""

from typing import NamedTuple

import numpy as np


class SmoothingTuning(NamedTuple):
    """Constants of smooth curves."""

    # Stiffnesses that are tried, powers of ten of the weight of the data at a knot: from bends
    # over two knots to a straight line.
    powers: tuple = (-1, 0, 1, 2, 3, 4, 6, 8)


SMOOTHING = SmoothingTuning()


class Knots(NamedTuple):
    """Knots of a curve: where each pixel lies between them.

    ``left``, the knot below each pixel, ``part``, how far the pixel is on the way to the next,
    both of shape (pixels,), and ``number``, that of all knots.
    """

    left: np.ndarray
    part: np.ndarray
    number: int


def knots_at(pixels, distance):
    """Lay knots this far apart [pixel] over a range of pixels."""
    place = (pixels - pixels[0]) / distance
    left = place.astype(int)
    return Knots(left, place - left, int(left[-1]) + 2)


def level_at(levels, knots):
    """Interpolate the levels of the knots in each pixel."""
    return levels[knots.left] * (1 - knots.part) + levels[knots.left + 1] * knots.part


def gathered(values, knots):
    """Sum values of pixels into the knots beside them; the transpose of `level_at`."""
    left = np.bincount(knots.left, values * (1 - knots.part), knots.number)
    return left + np.bincount(knots.left + 1, values * knots.part, knots.number)


def data_bands(weight, knots):
    """Precision that weighted pixels give to the levels, as three diagonals."""
    left, part = knots.left, knots.part
    beside = np.bincount(left, weight * part * (1 - part), knots.number)
    middle = np.bincount(left, weight * (1 - part) ** 2, knots.number)
    middle = middle + np.bincount(left + 1, weight * part**2, knots.number)
    return np.array([middle, beside, np.zeros(knots.number)])


def difference_bands(number, order):
    """Sum of squared first or second differences of levels, as three diagonals."""
    stencil = {1: (-1.0, 1.0), 2: (1.0, -2.0, 1.0)}[order]
    bands = np.zeros((3, number))
    for place, one in enumerate(stencil):
        for further, other in enumerate(stencil[place:]):
            bands[further, place : place + max(number - order, 0)] += one * other
    return bands


class Factors(NamedTuple):
    """Factors L D L' of five diagonals: D, and the two diagonals of L below its middle."""

    middle: list
    first: list
    second: list


def factors_of(bands):
    """Factor a positive matrix of five diagonals.

    numpy solves no banded equations, and importing scipy.linalg costs more than the flux step.
    """
    # Without any data levels are held at zero.
    held = max(1e-15 * bands[0].max(), 1e-290)
    diagonal, beside, beyond = np.add(bands, [[held], [0.0], [0.0]]).tolist()
    middle, first, second = [], [], []
    last = before = last_first = last_second = before_second = 0.0
    for entry, one, two in zip(diagonal, beside, beyond):
        entry -= last_first * last_first * last + before_second * before_second * before
        here_first = (one - last_second * last_first * last) / entry
        here_second = two / entry
        middle.append(entry)
        first.append(here_first)
        second.append(here_second)
        before, last = last, entry
        before_second, last_second, last_first = last_second, here_second, here_first
    return Factors(middle, first, second)


def solved(factors, wanted):
    """Solve the equations of `factors_of` for one or more right sides, shape (knots, ...)."""
    found = [*wanted]
    number = len(found)
    for place in range(1, number):
        found[place] = found[place] - factors.first[place - 1] * found[place - 1]
        if place > 1:
            found[place] = found[place] - factors.second[place - 2] * found[place - 2]
    for place in range(number - 1, -1, -1):
        found[place] = found[place] / factors.middle[place]
        if place < number - 1:
            found[place] = found[place] - factors.first[place] * found[place + 1]
        if place < number - 2:
            found[place] = found[place] - factors.second[place] * found[place + 2]
    return np.array(found)


def stiffness_of(values, weight, knots):
    """Find the stiffness with the highest evidence (marginal likelihood).

    Parameters
    ----------
    values, weight : ndarray, shape (pixels,)
        Values, and one over their variance up to a factor; 0 leaves a pixel out.
    knots : Knots

    Returns
    -------
    float
        Weight of the squared second differences of the levels.
    """
    number = np.count_nonzero(weight)
    data, rough = data_bands(weight, knots), difference_bands(knots.number, 2)
    if number == 0:
        return 1.0
    values = values - weight @ values / weight.sum()
    wanted, total = gathered(weight * values, knots), weight @ values**2
    unit = max(np.median(data[0]), 1e-9 * data[0].max())

    def evidence(power):
        factors = factors_of(data / unit + 10.0**power * rough)
        misfit = total - solved(factors, (wanted / unit).tolist()) @ wanted
        misfit = max(misfit, 1e-12 * total, 1e-300)
        # A straight line is free of the roughness, so two levels are.
        volume = np.log(factors.middle).sum() - (knots.number - 2) * power * np.log(10)
        return -0.5 * (number * np.log(misfit) + volume)

    # The evidence has one maximum: climb to it.
    powers = SMOOTHING.powers
    best = len(powers) // 2 - 1
    highest = evidence(powers[best])
    for step in (1, -1):
        while 0 <= best + step < len(powers):
            next_one = evidence(powers[best + step])
            if next_one <= highest:
                break
            best, highest = best + step, next_one
    return float(unit * 10.0 ** powers[best])
