"""Fit fluxes, places and width of one line or of several that overlap."""

from typing import NamedTuple

import numpy as np

from lampflux.fluxes.line_shape import line_light


class FitTuning(NamedTuple):
    """Constants of the fit of lines."""

    # Most steps, and the step at which a fit has settled [width].
    steps: int = 15
    settled: float = 3e-4
    # Largest step of a place and of the width [width].
    largest_move: float = 0.3
    largest_widening: float = 0.2
    # Farthest a line may move from its first place, and the widths it may take [first width].
    farthest: float = 1.5
    narrowest: float = 0.4
    widest: float = 3.0


FIT = FitTuning()


class LineFit(NamedTuple):
    """Lines that were fitted together.

    ``flux``, ``flux_error`` [ADU] and ``centre`` [pixel] of each, shape (lines,); their ``fwhm``
    and ``fwhm_error`` [pixel]; ``chi2`` of the pixels and its ``reduced_chi2``; and
    ``response``, the change of each flux with the counts of each pixel, shape (lines, pixels).
    """

    flux: np.ndarray
    flux_error: np.ndarray
    centre: np.ndarray
    fwhm: float
    fwhm_error: float
    chi2: float
    reduced_chi2: float
    response: np.ndarray


def fit_lines(
    counts, variance, good, pixels, centres, fwhm, profile, centre_error, fwhm_error, ties=()
):
    """Fit one or more overlapping lines: flux and centre of each and their common width.

    Gauss-Newton steps; what is known of centres and width beforehand counts like a measurement.

    Parameters
    ----------
    counts, variance : ndarray, shape (pixels,)
        Counts above the continuum [ADU] and their variance [ADU^2].
    good : ndarray of bool, shape (pixels,)
    pixels : ndarray of int, shape (pixels,)
        Their places, contiguous.
    centres : ndarray, shape (lines,)
        First guesses [pixel].
    fwhm : float
        Width as it is known beforehand [pixel].
    profile : lampflux.fluxes.line_shape.Profile
    centre_error : float or ndarray, shape (lines,)
        1 sigma of the guessed centres [pixel]: infinite where nothing is known, 0 to keep one.
    fwhm_error : float
        1 sigma of the width [pixel], alike.
    ties : sequence of (int, int, float, float)
        Pairs of lines, the distance of the second from the first, and its 1 sigma [pixel].

    Returns
    -------
    LineFit or None
        None where the fit does not settle.
    """
    lines = centres.size
    if np.count_nonzero(good) <= lines:
        return None
    start, known = centres.astype(float), fwhm
    centres = start.copy()
    edges = np.append(pixels, pixels[-1] + 1) - 0.5
    weight = np.where(good, 1 / np.sqrt(np.where(good, variance, 1.0)), 0.0)
    counts = np.where(good, counts, 0.0)
    priors, values = prior_rows(lines, start, known, centre_error, fwhm_error, ties)
    light, by_centre, by_fwhm = line_light(edges, centres, fwhm, profile)
    flux = least_squares(light * weight[:, np.newaxis], counts * weight)
    for _ in range(FIT.steps):
        design = np.column_stack([light, flux * by_centre, by_fwhm @ flux])
        design = np.concatenate([design * weight[:, np.newaxis], priors])
        present = np.concatenate([flux, centres, [fwhm]])
        residual = np.append((counts - light @ flux) * weight, values - priors @ present)
        change = least_squares(design, residual)
        moved = np.clip(change[lines:-1], -FIT.largest_move * fwhm, FIT.largest_move * fwhm)
        widened = float(
            np.clip(change[-1] / fwhm, -FIT.largest_widening, FIT.largest_widening) * fwhm
        )
        centres, fwhm = centres + moved, fwhm + widened
        out = not FIT.narrowest * known < fwhm < FIT.widest * known
        if out or not np.abs(centres - start).max() < FIT.farthest * known:
            return None
        light, by_centre, by_fwhm = line_light(edges, centres, fwhm, profile)
        if max(np.abs(moved).max(), abs(widened)) < FIT.settled * fwhm:
            flux = flux + change[:lines]
            break
        # Steps may have been cut short: fluxes follow the places that were reached.
        flux = least_squares(light * weight[:, np.newaxis], counts * weight)
    else:
        return None
    scale = np.linalg.norm(design, axis=0)
    scale[scale == 0] = 1.0
    scaled = design / scale
    covariance = np.linalg.inv(scaled.T @ scaled + 1e-12 * np.eye(scale.size))
    inverse = covariance @ scaled.T / scale[:, np.newaxis]
    errors = np.sqrt(np.sum(inverse[:lines] ** 2, axis=1))
    chi2 = float(np.sum(((counts - light @ flux) * weight) ** 2))
    # What is known beforehand takes no degree of freedom.
    free = lines + np.count_nonzero(np.broadcast_to(centre_error, lines) > known)
    free += (fwhm_error > known) - len(ties)
    freedom = max(np.count_nonzero(good) - free, 1)
    response = inverse[:lines, : pixels.size] * weight
    width_error = float(np.sqrt(np.sum(inverse[-1] ** 2)))
    return LineFit(flux, errors, centres, float(fwhm), width_error, chi2, chi2 / freedom, response)


def least_squares(design, values):
    """Solve least squares by normal equations; what no pixel determines is 0.

    Columns are scaled, for counts and pixels differ by many powers of ten.
    """
    scale = np.linalg.norm(design, axis=0)
    scale[scale == 0] = 1.0
    scaled = design / scale
    square = scaled.T @ scaled
    square.flat[:: square.shape[0] + 1] += 1e-12
    return np.linalg.solve(square, scaled.T @ values) / scale


def prior_rows(lines, centres, fwhm, centre_error, fwhm_error, ties):
    """Write what is known beforehand as rows of the design and their values.

    Returns
    -------
    rows : ndarray, shape (priors, 2 * lines + 1)
        For fluxes, centres and width.
    values : ndarray, shape (priors,)
    """
    rows, values = [], []
    errors = np.append(np.broadcast_to(centre_error, lines), fwhm_error).astype(float)
    for number, (value, error) in enumerate(zip(np.append(centres, fwhm), errors)):
        if np.isfinite(error):
            row = np.zeros(2 * lines + 1)
            # To keep a value, it gets a far larger weight than any pixel.
            row[lines + number] = 1 / max(error, 1e-9 * fwhm)
            rows.append(row)
            values.append(value * row[lines + number])
    for first, second, apart, error in ties:
        row = np.zeros(2 * lines + 1)
        row[lines + first], row[lines + second] = -1 / error, 1 / error
        rows.append(row)
        values.append(apart / error)
    return np.array(rows).reshape(-1, 2 * lines + 1), np.array(values)
