"""Curves as smooth as the data demand.

Cubic B-splines on evenly spaced knots, whose second or third differences cost: penalised splines
(Eilers & Marx 1996, Statistical Science 11, 89). Second differences make the discrete form of a
cubic smoothing spline (Wahba 1978, Journal of the Royal Statistical Society B 40, 364), a straight
line in the limit; third ones suit bends and ripples, a parabola in the limit. Their equations have
seven diagonals, kept as an array of shape (4, knots): the middle one and the three below it.
"""

from functools import cache, partial
from typing import NamedTuple

import numpy as np

# Diagonals from the middle on; as many splines reach each pixel.
BANDS = 4
# Knots that are solved for at once: as fast as possible.
BLOCK = 20


class SmoothingTuning(NamedTuple):
    """Constants of smooth curves."""

    # Stiffnesses that are tried, powers of ten of the weight of the data at a knot: from bends
    # over two knots to a straight line.
    powers: tuple = (-3, -2, -1, 0, 1, 2, 3, 4, 6, 8)
    # Those from which the search begins: the evidence may have more than one maximum.
    starts: tuple = (-2, 1, 4)
    # Orders of the differences that are tried.
    orders: tuple = (2, 3)


SMOOTHING = SmoothingTuning()


class Knots(NamedTuple):
    """Knots of a curve: the splines that reach each pixel.

    ``left``, the first of them, shape (pixels,), their ``parts``, shape (4, pixels), and
    ``number``, that of all splines.
    """

    left: np.ndarray
    parts: np.ndarray
    number: int


class Smoothness(NamedTuple):
    """Smoothness of a curve: the weight ``stiffness`` of squared differences of an ``order``."""

    stiffness: float
    order: int

    def bands(self, number):
        """Precision that it gives to this many levels, as four diagonals."""
        return self.stiffness * difference_bands(number, self.order)


def knots_at(pixels, distance):
    """Lay knots this far apart [pixel] over a range of pixels.

    de Boor 1978, A Practical Guide to Splines, chapter 9.
    """
    place = (pixels - pixels[0]) / distance
    left = place.astype(int)
    part = place - left
    parts = np.array(
        [
            (1 - part) ** 3,
            3 * part**3 - 6 * part**2 + 4,
            3 * (part + part**2 - part**3) + 1,
            part**3,
        ]
    )
    return Knots(left, parts / 6, int(left[-1]) + BANDS)


def level_at(levels, knots):
    """Sum the splines of these levels in each pixel."""
    return sum(levels[knots.left + each] * knots.parts[each] for each in range(BANDS))


def gathered(values, knots):
    """Sum values of pixels into the splines that reach them; the transpose of `level_at`."""
    return sum(
        np.bincount(knots.left + each, values * knots.parts[each], knots.number)
        for each in range(BANDS)
    )


def data_bands(weight, knots):
    """Precision that weighted pixels give to the levels, as four diagonals."""
    bands = np.zeros((BANDS, knots.number))
    for one in range(BANDS):
        for other in range(one, BANDS):
            product = weight * knots.parts[one] * knots.parts[other]
            bands[other - one] += np.bincount(knots.left + one, product, knots.number)
    return bands


def difference_bands(number, order):
    """Sum of squared differences of levels, of first to third order, as four diagonals."""
    stencil = np.diff(np.eye(order + 1), order, axis=0)[0]
    bands = np.zeros((BANDS, number))
    for place, one in enumerate(stencil):
        for further, other in enumerate(stencil[place:]):
            bands[further, place : place + max(number - order, 0)] += one * other
    return bands


class Factors(NamedTuple):
    """Factors of a positive matrix of seven diagonals, by blocks of its knots.

    The ``inverses`` of the blocks on the diagonal after elimination, shape (blocks, block, block);
    what each block ``carries`` to the next, shape (blocks - 1, block, block); and the ``number``
    of knots.
    """

    inverses: np.ndarray
    carries: np.ndarray
    number: int

    @property
    def determinant(self):
        """Logarithm of the matrix's determinant."""
        return -float(np.linalg.slogdet(self.inverses)[1].sum())


def factors_of(bands):
    """Factor a positive matrix of seven diagonals.

    numpy solves no banded equations, and importing scipy.linalg costs more than the flux step.
    """
    number = bands.shape[1]
    blocks = -(-number // BLOCK)
    padded = np.zeros((BANDS, blocks * BLOCK))
    padded[:, :number] = bands
    # Without any data levels are held at zero.
    padded[0, :number] += max(1e-15 * bands[0].max(), 1e-290)
    padded[0, number:] = 1.0
    diagonals, place = padded.reshape(BANDS, blocks, BLOCK), np.arange(BLOCK)
    middle = np.zeros((blocks, BLOCK, BLOCK))
    beneath = np.zeros((blocks - 1, BLOCK, BLOCK))
    for below in range(BANDS):
        column, cut = place[: BLOCK - below], place[:below]
        middle[:, column + below, column] = diagonals[below, :, : BLOCK - below]
        middle[:, column, column + below] = diagonals[below, :, : BLOCK - below]
        beneath[:, cut, cut - below] = diagonals[below, :-1, BLOCK - below :]
    inverses, carries = np.empty_like(middle), np.empty_like(beneath)
    for block in range(blocks):
        inverses[block] = np.linalg.inv(middle[block])
        if block < blocks - 1:
            carries[block] = beneath[block] @ inverses[block]
            middle[block + 1] -= carries[block] @ beneath[block].T
    return Factors(inverses, carries, number)


def solved(factors, wanted):
    """Solve the equations of `factors_of` for one or more right sides, shape (knots, ...)."""
    inverses, carries, number = factors
    blocks = len(inverses)
    found = np.zeros((blocks * BLOCK, *wanted.shape[1:]))
    found[:number] = wanted
    found = found.reshape(blocks, BLOCK, *wanted.shape[1:])
    for block in range(blocks - 1):
        found[block + 1] -= carries[block] @ found[block]
    for block in range(blocks - 1, -1, -1):
        value = inverses[block] @ found[block]
        if block < blocks - 1:
            value -= carries[block].T @ found[block + 1]
        found[block] = value
    return found.reshape(blocks * BLOCK, *wanted.shape[1:])[:number]


def smoothness_of(values, weight, knots):
    """Find the smoothness with the highest evidence (marginal likelihood).

    Parameters
    ----------
    values, weight : ndarray, shape (pixels,)
        Values, and one over their variance up to a factor; 0 leaves a pixel out.
    knots : Knots

    Returns
    -------
    Smoothness
    """
    number = np.count_nonzero(weight)
    data = data_bands(weight, knots)
    if number == 0:
        return Smoothness(1.0, SMOOTHING.orders[0])
    values = values - weight @ values / weight.sum()
    wanted, total = gathered(weight * values, knots), weight @ values**2
    unit = unit_stiffness(data)
    # A parabola bends by about a tenth of the values' spread; a straight line does not.
    bend = 0.8 * np.sqrt(total / weight.sum()) / knots.number**2

    def evidence(order, power):
        smoothness = Smoothness(unit * 10.0**power, order)
        factors = factors_of(data + smoothness.bands(knots.number))
        misfit = total - solved(factors, wanted) @ wanted
        misfit = max(misfit, 1e-12 * total, 1e-300)
        free = (order - 2) * np.log(max(misfit / number, 1e-300) / max(bend, 1e-150) ** 2)
        return log_evidence(misfit, number, factors, smoothness) + 0.5 * free

    found = [highest(partial(evidence, order), SMOOTHING.starts) for order in SMOOTHING.orders]
    order, (_, power) = max(zip(SMOOTHING.orders, found), key=lambda each: each[1])
    return Smoothness(unit * 10.0**power, order)


def stiffest(data):
    """Largest stiffness that is tried on data of this precision, as `data_bands` gives it."""
    return 10.0 ** SMOOTHING.powers[-1] * unit_stiffness(data)


def unit_stiffness(data):
    """Stiffness like the precision that data give to a level."""
    return float(max(np.median(data[0]), 1e-9 * data[0].max()))


def log_evidence(misfit, number, factors, smoothness):
    """Log evidence of a smoothness, but for a constant, with a noise of any scale.

    Parameters
    ----------
    misfit : float
        Weighted squares of what the curve leaves, and of its roughness.
    number : int
        Values that it follows.
    factors : Factors
        Of the precision of its levels.
    smoothness : Smoothness

    Returns
    -------
    float
    """
    # Polynomials below the order are free of the roughness, so as many levels are.
    bent = factors.number - smoothness.order
    volume = factors.determinant - bent * np.log(smoothness.stiffness)
    return -0.5 * (number * np.log(misfit) + volume)


def highest(evidence, starts):
    """Climb from the best of some powers to that of the highest evidence; give both."""
    evidence, powers = cache(evidence), SMOOTHING.powers
    best, top = max(((each, evidence(each)) for each in starts), key=lambda each: each[1])
    place = powers.index(best)
    for step in (1, -1):
        while 0 <= place + step < len(powers):
            next_one = evidence(powers[place + step])
            if next_one <= top:
                break
            place, top = place + step, next_one
    return top, powers[place]
