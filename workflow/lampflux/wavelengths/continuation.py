"""Continue a solution beyond the range in which it is trusted."""

from typing import NamedTuple

import numpy as np
from numpy.polynomial import Chebyshev, Polynomial


class Continuation(NamedTuple):
    """Tuned constants of `continued`."""

    # Error up to which the polynomial itself holds beyond the trusted range [pixel].
    largest_error: float = 2.0
    # Degree of the difference from the nominal solution, which may be straight, and from a
    # reference, which has the right shape.
    from_nominal: int = 2
    from_reference: int = 1
    # Degree of the smooth curve that joins both parts, and the weight of pixels where the
    # polynomial does not hold.
    degree: int = 9
    weight: float = 0.02
    # Part of the correction beyond the trusted range that counts as error, and of what differs
    # from the fitted polynomial.
    correction_error: float = 0.25
    difference_error: float = 0.5


CONTINUATION = Continuation()


def continued(solution, nominal, reference=None):
    """Continue a solution beyond its trusted range with the shape of another.

    A polynomial runs away where no line holds it. Where its error says so, the solution goes on
    with the shape of the reference, shifted and scaled, or of the nominal solution with the
    curvature that lines show elsewhere.

    Parameters
    ----------
    solution : Solution
        Trusted somewhere.
    nominal : ndarray, shape (pixels,)
        [Angstrom]
    reference : ndarray, shape (pixels,), optional
        [Angstrom]

    Returns
    -------
    Solution
        With other wavelengths and larger errors where the polynomial does not hold.
    """
    size = solution.wavelength.size
    pixels = np.arange(size)
    lost = solution.error > CONTINUATION.largest_error * np.abs(np.gradient(solution.wavelength))
    first = np.max(pixels, where=lost & (pixels < solution.first), initial=-1) + 1
    last = np.min(pixels, where=lost & (pixels > solution.last), initial=size) - 1
    if last - first + 1 == size:
        return solution
    held = (pixels >= first) & (pixels <= last)
    shape = nominal if reference is None else reference
    degree = CONTINUATION.from_nominal if reference is None else CONTINUATION.from_reference
    difference = solution.wavelength - shape
    smooth = Polynomial.fit(pixels[held], difference[held], degree)
    end = np.clip(pixels, first, last)
    # Value of the solution and slope of the smooth difference where the polynomial ends.
    carried = shape + difference[end] + smooth(pixels) - smooth(end)
    bend = smooth(pixels) - smooth(end) - smooth.deriv()(end) * (pixels - end)
    wavelength = Chebyshev.fit(
        pixels, carried, CONTINUATION.degree, w=np.where(held, 1.0, CONTINUATION.weight)
    )(pixels)
    grown = CONTINUATION.correction_error * np.abs(bend)
    grown += CONTINUATION.difference_error * np.abs(wavelength - solution.wavelength)
    error = np.where(held, solution.error, solution.error[end] + grown)
    return solution._replace(wavelength=wavelength, error=error)
