"""Fit fluxes, places and widths of lines."""

import numpy as np

from lampflux.fluxes.line_shape import at, line_light, overlaps

# Iterations, and the step [width] at which a fit has settled.
ITERATIONS, SETTLED = 12, 1e-4


def line_fluxes(pixels, light, counts, weight):
    """Fit the fluxes of lines whose places and shape are known, none negative.

    Parameters
    ----------
    pixels, light : ndarray, shape (lines, near)
        Light of each line in the pixels about it.
    counts, weight : ndarray, shape (pixels,)
        Counts above the continuum, and one over their variance; 0 leaves a pixel out.

    Returns
    -------
    ndarray, shape (lines,)
    """
    if light.size == 0:
        return np.zeros(0)
    weighted = light * at(weight, pixels)
    square = overlaps(pixels, weighted, light)
    # A line without a good pixel gets no flux; products of its tiny terms must not underflow.
    square += np.diag(1e-9 * square.diagonal() + max(1e-18 * square.diagonal().max(), 1e-300))
    return np.clip(np.linalg.solve(square, np.sum(weighted * at(counts, pixels), axis=1)), 0, None)


def fit_lines(counts, variance, good, pixels, centres, fwhm, shape, free):
    """Fit one or more blended lines: flux and centre of each and their common width.

    Gauss-Newton steps on pixel-integrated Gaussians with the spectrum's wings.

    Parameters
    ----------
    counts, variance : ndarray, shape (pixels,)
        Counts above the continuum [ADU] and their variance [ADU^2].
    good : ndarray of bool, shape (pixels,)
    pixels : ndarray of int, shape (pixels,)
        Their places.
    centres : ndarray, shape (lines,)
        First guesses [pixel].
    fwhm : float
        First guess, or the width to keep [pixel].
    shape : Shape
        For the wings.
    free : {'all', 'centres', 'none'}
        What is fitted beside the fluxes: centres and width, centres alone, or nothing.

    Returns
    -------
    dict or None
        ``flux``, ``flux_error``, ``centre`` (each shape (lines,)), ``fwhm`` and ``reduced_chi2``;
        None where the fit does not settle.
    """
    lines = centres.size
    parameters = {"all": 2 * lines + 1, "centres": 2 * lines, "none": lines}[free]
    if np.count_nonzero(good) <= parameters:
        return None
    centres, start, first_width = centres.astype(float), centres.copy(), fwhm
    counts, pixels = counts[good], pixels[good]
    weight = 1 / np.sqrt(variance[good])
    for _ in range(ITERATIONS):
        # The line, moved to either side, wider and narrower, all at once.
        step = 0.01 * fwhm
        moved, widened = step * np.array([[0, -1, 1, 0, 0], [0, 0, 0, 1, -1]])[:, :, None, None]
        distance = pixels[:, np.newaxis] - centres + moved
        light, ahead, behind, wider, narrower = line_light(distance, fwhm + widened, shape)
        flux, *_ = np.linalg.lstsq(light * weight[:, np.newaxis], counts * weight)
        columns = [light]
        if free != "none":
            columns.append(flux * (ahead - behind) / (2 * step))
        if free == "all":
            columns.append(((wider - narrower) @ flux / (2 * step))[:, np.newaxis])
        design = np.concatenate(columns, axis=1) * weight[:, np.newaxis]
        residual = (counts - light @ flux) * weight
        if free == "none":
            break
        # Counts and pixels differ by many powers of ten.
        scale = np.linalg.norm(design, axis=0)
        scale[scale == 0] = 1.0
        change, *_ = np.linalg.lstsq(design / scale, residual)
        change /= scale
        moved = np.clip(change[lines : 2 * lines], -0.3 * fwhm, 0.3 * fwhm)
        centres = centres + moved
        if free == "all":
            widened = np.clip(change[-1], -0.2 * fwhm, 0.2 * fwhm)
            fwhm = fwhm + widened
            moved = np.append(moved, widened)
        if not np.isfinite(fwhm) or np.abs(centres - start).max() > 2 * first_width:
            return None
        if np.abs(moved).max() < SETTLED * fwhm:
            break
    else:
        return None
    if not 0.4 * first_width < fwhm < 3 * first_width:
        return None
    flux, *_ = np.linalg.lstsq(
        line_light(pixels[:, np.newaxis] - centres, fwhm, shape) * weight[:, np.newaxis],
        counts * weight,
    )
    scale = np.linalg.norm(design, axis=0)
    scale[scale == 0] = 1.0
    covariance = np.linalg.pinv((design / scale).T @ (design / scale))
    return {
        "flux": flux,
        "flux_error": (np.sqrt(covariance.diagonal()) / scale)[:lines],
        "centre": centres,
        "fwhm": float(fwhm),
        "reduced_chi2": float(residual @ residual / (counts.size - parameters)),
    }
