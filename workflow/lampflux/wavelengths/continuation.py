"""Continue a solution beyond the range in which it is trusted."""

from typing import NamedTuple

import numpy as np

from lampflux.wavelengths.dispersion import dispersion_error, fit_dispersion


class Continuation(NamedTuple):
    """Tuned constants of `continued`."""

    # Error up to which the polynomial itself holds beyond the trusted range [pixel].
    largest_error: float = 2.0
    # Places at which the solution is compared with the shape that continues it.
    places: int = 12
    # 1-sigma error of the nominal solution's scale beyond the trusted range.
    nominal_scale: float = 0.1
    # Degree of the difference from the nominal solution, which may be straight, and from a
    # reference, which has the right shape.
    from_nominal: int = 5
    from_reference: int = 1
    # Part of what a reference differs from the fitted polynomial by that counts as error.
    difference_error: float = 0.5
    # Distance over which the solution turns from its own slope to that of the shape (e-fold)
    # [detector].
    turn: float = 0.02


CONTINUATION = Continuation()


def continued(solution, nominal, reference=None):
    """Continue a solution beyond its trusted range with the shape of another.

    A polynomial runs away where no line holds it. Where its error says so, the solution goes on
    with the shape of the reference, shifted and scaled, or of the nominal solution with no more
    curvature than the trusted range shows.

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
        With other wavelengths and errors where the polynomial does not hold.
    """
    size = solution.wavelength.size
    pixels = np.arange(size)
    step = np.abs(np.gradient(solution.wavelength))
    lost = solution.error > CONTINUATION.largest_error * step
    first = np.max(pixels, where=lost & (pixels < solution.first), initial=-1) + 1
    last = np.min(pixels, where=lost & (pixels > solution.last), initial=size) - 1
    if last - first + 1 == size:
        return solution
    held = (pixels >= first) & (pixels <= last)
    shape = nominal if reference is None else reference
    degree = CONTINUATION.from_nominal if reference is None else CONTINUATION.from_reference
    at = np.linspace(solution.first, solution.last, CONTINUATION.places).astype(int)
    weight = step[at] / solution.error[at]
    difference = (solution.wavelength - shape)[at]
    if reference is None:
        # The nominal solution limits how far the ends may be off.
        ends = np.array([0, size - 1])
        distance = np.abs(ends - at[[0, -1]]) + 1
        at = np.append(at, ends)
        weight = np.append(weight, 1 / (CONTINUATION.nominal_scale * distance))
        difference = np.append(difference, difference[[0, -1]])
    smooth = fit_dispersion(at, difference, weight, degree, (0, size - 1))
    end = np.clip(pixels, first, last)
    apart = solution.wavelength - shape - smooth(pixels)
    beyond = pixels - end
    turned = np.exp(-np.abs(beyond) / (CONTINUATION.turn * size))
    carried = shape + smooth(pixels) + apart[end] + np.gradient(apart)[end] * beyond * turned
    wavelength = np.where(held, solution.wavelength, carried)
    grown = dispersion_error(degree, at, weight, pixels, (0, size - 1)) * np.median(step[held])
    if reference is not None:
        grown += CONTINUATION.difference_error * np.abs(wavelength - solution.wavelength)
    error = np.where(held, solution.error, np.maximum(solution.error[end], grown))
    return solution._replace(wavelength=wavelength, error=error)
