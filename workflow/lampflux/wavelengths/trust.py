"""Find the error of a fitted solution, and where it can be trusted."""

from typing import NamedTuple

import numpy as np
from numpy.polynomial import Polynomial
from numpy.polynomial.polynomial import polyvander

from lampflux.statistics import SIGMA_PER_MAD
from lampflux.wavelengths.dispersion import dispersion_error, fit_dispersion


class Trust(NamedTuple):
    """Tuned constants of errors and trusted ranges."""

    # Part of the largest difference to a rival that counts as error.
    rival_part: float = 0.6
    # Part of the residuals' scatter that neighbouring lines share, blends and lines mistaken
    # together, so that more lines do not lessen it.
    shared_scatter: float = 0.3
    # The same for each listed line that a peak may choose: most peaks are blends then.
    shared_by_choice: float = 0.04
    # Lines nearby that show how residuals scatter.
    nearby_lines: int = 9
    # Lines that a rival fit leaves out at an end.
    end_lines: int = 4
    # Part of the detector next to where an alignment is uncertain in which it may be off already.
    end_of_certain: float = 0.0625
    # Where a solution is trusted: its error is below this [pixel], so that 3 sigma are less than
    # one, what it differs from its rivals included, and a little less at the ends, where it
    # grows fast; residuals scatter by less than this [line width].
    largest_inside: float = 1 / 3
    largest_error: float = 0.3
    largest_local_scatter: float = 0.17
    # Lead of the alignment over other smooth ones, in log-likelihood, where it is trusted.
    least_lead: float = 8.0
    # Reach of a solution beyond its outermost lines [detector].
    beyond_lines: float = 0.05
    # Distance of a chance coincidence from its line, 1 sigma, and least residual that is expected
    # of a true one [line width].
    chance_distance: float = 0.2
    least_residual: float = 0.03
    # Part of bright peaks that are in no line list, or off it, where a solution is right.
    strangers: float = 0.25
    # Degree whose freedom the statistical error includes.
    degree: int = 5


TRUST = Trust()


def thirds(number):
    """Which of this many lines are kept if every third is left out, three times."""
    return [np.arange(number) % 3 != part for part in range(3)]


def without_ends(number):
    """Which of this many lines are kept if the outermost are left out, at either end."""
    lines = np.arange(number)
    return [lines >= TRUST.end_lines, lines < number - TRUST.end_lines]


def partial_fits(pixel, wavelength, weight, degree, domain, parts):
    """Fit parts of the lines, where these have more than a polynomial can follow.

    Parameters
    ----------
    pixel, wavelength, weight : ndarray, shape (lines,)
        What the full fit used, by pixel.
    degree : int
    domain : (float, float)
        As in `fit_dispersion`.
    parts : list of ndarray of bool, shape (lines,)

    Returns
    -------
    list of numpy.polynomial.Chebyshev
    """
    return [
        fit_dispersion(pixel[kept], wavelength[kept], weight[kept], degree, domain)
        for kept in parts
        if kept.sum() > degree + 1
    ]


def fit_error(polynomial, degree, pixel, weight, scatter, pixels):
    """1-sigma error of a fitted polynomial: its weighted covariance and what all lines share.

    Parameters
    ----------
    polynomial : numpy.polynomial.Polynomial
    degree : int
        Degree whose freedom counts.
    pixel, weight : ndarray, shape (lines,)
        What it was fitted to.
    scatter : float
        1-sigma residual, in any unit.
    pixels : ndarray
        Where the error is wanted.

    Returns
    -------
    ndarray
        In the unit of the scatter.
    """
    offset, scale = polynomial.mapparms()
    design = polyvander(offset + scale * pixel, degree)
    relative = (weight / np.median(weight)) ** 2
    freedom = max(pixel.size - degree - 1, 1)
    covariance = np.linalg.pinv(design.T @ (relative[:, np.newaxis] * design))
    covariance *= scatter**2 * pixel.size / freedom
    wanted = polyvander(offset + scale * pixels, degree)
    variance = np.einsum("ij,jk,ik->i", wanted, covariance, wanted)
    return np.hypot(np.sqrt(variance), TRUST.shared_scatter * scatter)


def local_scatter(pixel, residual, fwhm, pixels, neighbours=9):
    """Robust scatter of the nearest residuals at every pixel, each at most half a line width."""
    if pixel.size == 0:
        return np.full(pixels.size, np.inf)
    capped = np.minimum(np.abs(residual), 0.5 * fwhm)
    grid = pixels[:: max(pixels.size // 64, 1)]
    nearest = np.argsort(np.abs(grid[:, np.newaxis] - pixel), axis=1)[:, :neighbours]
    return np.interp(pixels, grid, SIGMA_PER_MAD * np.median(capped[nearest], axis=1))


def spanned(flags):
    """Set all flags between the first and the last that is true."""
    return np.maximum.accumulate(flags) & np.maximum.accumulate(flags[::-1])[::-1]


def well_inside(flags, margin):
    """Longest run of true flags, without this many at an end that is not the detector's."""
    first, last = longest_stretch(flags)
    first += margin if first > 0 else 0
    last -= margin if last < flags.size - 1 else 0
    number = np.arange(flags.size)
    return (number >= first) & (number <= last)


def longest_stretch(flags):
    """First and last index of the longest run of true flags; (0, -1) for none."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(int), [0]])))
    if edges.size == 0:
        return 0, -1
    longest = np.argmax(edges[1::2] - edges[::2])
    return int(edges[2 * longest]), int(edges[2 * longest + 1]) - 1


def trusted_stretch(borne_out, error):
    """Find the longest stretch over which a solution is trusted.

    Parameters
    ----------
    borne_out : ndarray of bool, shape (pixels,)
        Where lines confirm it.
    error : ndarray, shape (pixels,)
        1 sigma [pixel].

    Returns
    -------
    first, last : int
        Pixels; (0, -1) for none.
    """
    first, last = longest_stretch(borne_out & (error < TRUST.largest_inside))
    small = first + np.flatnonzero(error[first : last + 1] < TRUST.largest_error)
    return (int(small[0]), int(small[-1])) if small.size else (0, -1)


def nearby_scatter(pixel, residual, weight, scatter, pixels):
    """Root mean square of the nearest residuals at every pixel.

    Where blends abound, residuals scatter more than elsewhere.

    Parameters
    ----------
    pixel, residual, weight : ndarray, shape (lines,)
        [pixel], [pixel], and what each counts.
    scatter : float
        Scatter of all residuals, below which there is none [pixel].
    pixels : ndarray

    Returns
    -------
    ndarray, shape (pixels,)
    """
    grid = pixels[:: max(pixels.size // 64, 1)]
    nearest = np.argsort(np.abs(grid[:, np.newaxis] - pixel), axis=1)[:, : TRUST.nearby_lines]
    mean = np.average(residual[nearest] ** 2, axis=1, weights=weight[nearest])
    return np.interp(pixels, grid, np.maximum(np.sqrt(mean), scatter))


def solution_error(polynomial, rivals, pixel, weight, scatter, shared, pixels):
    """1-sigma error of a fitted polynomial.

    The statistical error is that of all the terms that spectrographs have, even if the lines are
    too few or too scattered to show them.

    Parameters
    ----------
    polynomial : numpy.polynomial.Chebyshev
    rivals : list of numpy.polynomial.Chebyshev
        Other fits that do nearly as well, or to parts of the lines.
    pixel, weight : ndarray, shape (lines,)
        What it was fitted to.
    scatter, shared : ndarray, shape (pixels,)
        1-sigma residual that lines have there, and what all of them share [pixel].
    pixels : ndarray
        All of the spectrum's.

    Returns
    -------
    ndarray
        Error [pixel].
    """
    freedom = max(pixel.size - polynomial.degree() - 1, 1)
    error = np.interp(pixel, pixels, scatter) * np.median(weight) / weight
    error *= np.sqrt(pixel.size / freedom)
    own = dispersion_error(TRUST.degree, pixel, 1 / error, pixels, polynomial.domain)
    others = rival_error(polynomial, rivals, pixels) / np.abs(polynomial.deriv()(pixels))
    return np.sqrt(own**2 + shared**2 + others**2)


def polynomial_error(polynomial, pixel, wanted, weight, scatter, pixels):
    """1-sigma error of a fitted displacement or reference.

    It includes what the polynomial owes to any single line, and what differs with the next two
    degrees: the spectrum may have another shape.

    Parameters
    ----------
    polynomial : numpy.polynomial.Polynomial
    pixel, wanted, weight : ndarray, shape (lines,)
        Where the lines are [pixel], and what the polynomial was fitted to there.
    scatter : float
        1-sigma residual, in the unit of ``wanted``.
    pixels : ndarray
        Where the error is wanted.

    Returns
    -------
    ndarray
        In the unit of ``wanted``.
    """
    degree, domain = polynomial.degree(), polynomial.domain
    offset, scale = polynomial.mapparms()
    rows = polyvander(offset + scale * pixel, degree)
    _, change = left_out(weight[:, np.newaxis] * rows, weight * wanted)
    owed = np.abs(polyvander(offset + scale * pixels, degree) @ change).max(axis=1)
    rivals = [
        Polynomial.fit(pixel, wanted, higher, domain=domain, w=weight)
        for higher in (degree + 1, degree + 2)
        if pixel.size > higher + 1
    ]
    own = fit_error(polynomial, degree, pixel, weight, scatter, pixels)
    spread = np.maximum(TRUST.rival_part * owed, rival_error(polynomial, rivals, pixels))
    return np.hypot(own, spread)


def left_out(rows, values):
    """Leave each value in turn out of a least-squares fit.

    All these fits follow from the fit to all values (Belsley, Kuh & Welsch 1980, Regression
    Diagnostics, section 2.1).

    Parameters
    ----------
    rows : ndarray, shape (values, terms)
        Design; without any one of its rows it still determines all terms.
    values : ndarray, shape (values,)

    Returns
    -------
    missed : ndarray, shape (values,)
        Each value minus the fit to the others.
    change : ndarray, shape (terms, values)
        Coefficients of the fit to all minus those of the fit to the others.
    """
    inverse = np.linalg.pinv(rows)
    leverage = np.einsum("ij,ji->i", rows, inverse)
    missed = (values - rows @ (inverse @ values)) / (1 - leverage)
    return missed, inverse * missed


def rival_error(polynomial, rivals, pixels):
    """Error of a polynomial by what it differs from its rivals by, in its own unit."""
    own = polynomial(pixels)
    spread = np.max([np.abs(rival(pixels) - own) for rival in rivals], axis=0, initial=0.0)
    return TRUST.rival_part * spread


def coincidence_gain(residual, error, fwhm):
    """Log-likelihood ratio of each peak's residual if its line is the true one against chance.

    Parameters
    ----------
    residual, error : ndarray, shape (peaks,)
        Distance from the line, infinite without one, and its 1-sigma error [pixel].
    fwhm : float
        Width of the lines [pixel].

    Returns
    -------
    ndarray, shape (peaks,)
    """
    chance = TRUST.chance_distance * fwhm
    error = np.clip(error, TRUST.least_residual * fwhm, chance)
    known = np.isfinite(residual)
    distance = np.where(known, residual, 0.0)
    ratio = chance / error * np.exp(0.5 * distance**2 * (1 / chance**2 - 1 / error**2))
    return np.log(TRUST.strangers + (1 - TRUST.strangers) * np.where(known, ratio, 0.0))


def leading(lead, pixel, gain):
    """Find where an alignment leads all others by enough.

    The alignment counts lines as coincident that are off by half a line width. How close the fit
    brings the peaks between a pixel and an end speaks for it, too, as an alignment that is
    elsewhere there would match them by chance. What no line matches speaks against both.

    Parameters
    ----------
    lead : ndarray, shape (pixels,)
        Lead of the alignment in log-likelihood.
    pixel, gain : ndarray, shape (peaks,)
        Positions of peaks, sorted, and their log-likelihood ratios.

    Returns
    -------
    ndarray of bool, shape (pixels,)
        Between two places that are certain, all is.
    """
    pixels = np.arange(lead.size)

    def beyond(pixel, gain, pixels):
        total = np.append(0.0, np.cumsum(gain))
        return (total - np.minimum.accumulate(total))[np.searchsorted(pixel, pixels)]

    low = lead + beyond(pixel, gain, pixels)
    high = lead + beyond(-pixel[::-1], gain[::-1], -pixels)
    from_low = np.maximum.accumulate(low > TRUST.least_lead)
    return from_low & np.maximum.accumulate((high > TRUST.least_lead)[::-1])[::-1]


def proven(pixel, gain, pixels):
    """Find the stretch of a spectrum whose peaks together speak most for a solution.

    An end where lines match no better than by chance is not part of it: there the polynomial may
    bend through wrong lines, which a few residuals that happen to be small do not show.

    Parameters
    ----------
    pixel, gain : ndarray, shape (peaks,)
        Positions of peaks, sorted, and their log-likelihood ratios.
    pixels : ndarray

    Returns
    -------
    ndarray of bool
        Up to the end of the spectrum unless more lines are left out there than `partial_fits`
        does.
    """
    if pixel.size == 0:
        return np.zeros(pixels.size, bool)
    total = np.append(0.0, np.cumsum(gain))
    last = int(np.argmax(total[1:] - np.minimum.accumulate(total)[:-1]))
    first = int(np.argmin(total[: last + 1]))
    begin = pixel[first] if first > TRUST.end_lines else pixels[0]
    end = pixel[last] if last < pixel.size - 1 - TRUST.end_lines else pixels[-1]
    return (pixels >= begin) & (pixels <= end)
