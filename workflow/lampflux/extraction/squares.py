"""Squares of two rows by two columns, whose scatter is photon noise."""

from typing import NamedTuple

import numpy as np

from lampflux.statistics import clipped_moments

# Units of a scatter in which a whole one is little: moments are clipped at whole units or wider.
FINE = 1e4
# This many squares count as one, since neighbours share pixels.
SHARED = 2.25
# Most squares of a part of a frame, evenly spread: their variance is good to 1 %.
MOST = 50_000


class Squares(NamedTuple):
    """Squares of pixels on the light; each of shape (squares,).

    ``difference`` of differences of relative deviations, which is free of what a row, or a column,
    has in common; its variance is ``photons`` over the gain and ``noise``, that of dark pixels;
    and the ``part`` of the frame in which the square lies.
    """

    difference: np.ndarray
    photons: np.ndarray
    noise: np.ndarray
    part: np.ndarray

    def where(self, chosen):
        """Choose some of the squares, by a mask or a slice."""
        return Squares(*(each[chosen] for each in self))


def squares_of(deviation, light, used, variance, part=0, apart=1):
    """Take the difference of differences in each square.

    Parameters
    ----------
    deviation : ndarray, shape (rows, columns)
        Relative to the light: frame minus model over the model, or the logarithm of a ratio.
    light : ndarray, shape (rows, columns)
        [ADU]
    used : ndarray of bool, shape (rows, columns)
        Pixels on which squares may lie.
    variance : float
        Of a pixel without light [ADU^2].
    part : int or ndarray of int, shape (rows, columns)
        Number of the part of the frame.
    apart : int
        Distance of the two rows.

    Returns
    -------
    Squares
    """
    beside = used[:, :-1] & used[:, 1:]
    places = np.flatnonzero(beside[:-apart] & beside[apart:])
    places = places[:: max(places.size // MOST, 1)]
    rows, columns = np.divmod(places, beside.shape[1])
    width = used.shape[1]
    corners = rows * width + columns + np.array([[0], [1], [apart * width + 1], [apart * width]])
    one, two, three, four = deviation.take(corners)
    inverse = 1 / light.take(corners).astype(float)
    return Squares(
        one - two + three - four,
        np.sum(inverse, axis=0),
        variance * np.sum(inverse**2, axis=0),
        np.broadcast_to(part, used.shape)[rows, columns],
    )


def joined(squares):
    """Join squares of several parts or frames."""
    columns = zip(*squares) if squares else [[np.zeros(0)]] * len(Squares._fields)
    return Squares(*(np.concatenate(column) for column in columns))


def relative_scatter(squares, expected):
    """Clipped variance of the difference over an expected one, and its 1-sigma error."""
    scaled = FINE * squares.difference / np.sqrt(expected)
    scatter = clipped_moments(scaled)[1] / FINE**2
    return scatter, scatter * np.sqrt(2 * SHARED / scaled.size)


def scatter_over_light(squares):
    """Variance beyond that of dark pixels over ``photons``: the inverse gain; and its error."""
    scatter, error = relative_scatter(squares, squares.photons)
    return scatter - np.mean(squares.noise / squares.photons), error
