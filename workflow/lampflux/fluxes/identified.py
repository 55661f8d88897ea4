"""Fluxes of all identified lines, with or without a window, from the model of the spectrum."""

from typing import NamedTuple

import numpy as np

from lampflux.fluxes.laboratory import ion_brightness
from lampflux.fluxes.line_shape import TABLE, at, light_near, overlaps, pixels_near
from lampflux.fluxes.neighbours import NEIGHBOURS


class IdentifiedTuning(NamedTuple):
    """Constants of the fluxes of identified lines."""

    # Modelled lines within this distance of an identified one are part of it [line widths].
    same_line: float = 0.6
    # A neighbour this near, with this part of the line's flux, blends with it [line widths].
    blend_within: float = 1.2
    blend_part: float = 0.02
    # Wavelengths of one line in two tables differ by less, through vacuum and back [Angstrom].
    own_line: float = 0.002
    # Residuals about a line count within this distance [line widths].
    feet: float = 1.5


IDENTIFIED = IdentifiedTuning()


def identified_fluxes(spectrum, model, peaks, per_flux, laboratory=(), simulated=False):
    """Measure every identified line of a spectrum.

    Parameters
    ----------
    spectrum : Spectrum
    model : LineModel
        The spectrum as a sum of lines.
    peaks : list of dict
        The spectrum's peaks: ``pixel`` and, where identified, ``ion`` and ``wavelength_air``
        [Angstrom].
    per_flux : float
        Exposure time times fibres [s]: counts over it are fluxes.
    laboratory : sequence of lampflux.fluxes.laboratory.LaboratoryLine
        Lines of the lamp's ions, which may hide in others.
    simulated : bool

    Returns
    -------
    list of dict
        A row for each identified line that the model holds: ``pixel``, ``ion`` and
        ``wavelength_air`` of its peak; ``flux``, ``flux_err`` and ``noise`` [ADU/s/fibre], highest
        ``peak`` of the frame [ADU above bias] and ``counts`` [ADU]; ``flags`` as in the flux table
        and ``simulated``. Errors are NaN without a gain.
    """
    known = [peak for peak in peaks if peak.get("ion") and peak.get("wavelength_air")]
    centres = model.peaks.pixel
    if not known or not centres.size:
        return []
    width = np.interp(centres, np.arange(len(model.shape.fwhm)), model.shape.fwhm)
    covariance = flux_covariance(model)
    has_noise = np.isfinite(spectrum.clean_error[model.good]).all()
    residual = spectrum.clean - model.level - model.counts
    misfit = residual**2 / (model.variance + model.model_variance)
    pixel = np.array([peak["pixel"] for peak in known])
    nearest = np.argmin(np.abs(centres[:, np.newaxis] - pixel), axis=1)
    near = np.abs(centres - pixel[nearest]) < IDENTIFIED.same_line * width
    hidden = hidden_lines(model, width, laboratory)
    rows = []
    for number, peak in enumerate(known):
        own = np.flatnonzero(near & (nearest == number))
        if not own.size:
            continue
        counts, fwhm = model.fluxes[own].sum(), width[own[0]]
        noise = np.sqrt(covariance[np.ix_(own, own)].sum()) if has_noise else np.nan
        others = hidden(peak, own, counts)
        feet = slice(*ends(peak["pixel"], IDENTIFIED.feet * fwhm))
        good = model.good[feet]
        chi2 = max(np.mean(misfit[feet][good]), 1.0) if good.any() else 1.0
        shape = np.hypot(model.shape.error, model.shape.far_error) * counts
        error = np.sqrt(noise**2 * chi2 + shape**2 + others**2)
        inside = slice(*ends(peak["pixel"], fwhm))
        apart = np.abs(centres - peak["pixel"]) < IDENTIFIED.blend_within * fwhm
        apart[own] = False
        raised = {
            "saturated": spectrum.saturated[inside].sum() > 0,
            "cosmic": (spectrum.replaced - spectrum.missing)[inside].sum() > 0,
            "bad_pixels": spectrum.missing[inside].sum() > 0,
            "blended": own.size > 1
            or (model.fluxes[apart] > IDENTIFIED.blend_part * counts).any()
            or others > max(NEIGHBOURS.hidden * counts, NEIGHBOURS.hidden_errors * noise),
        }
        rows.append(
            {
                "pixel": peak["pixel"],
                "ion": peak["ion"],
                "wavelength_air": peak["wavelength_air"],
                "flux": counts / per_flux,
                "flux_err": error / per_flux,
                "noise": noise / per_flux,
                "peak": spectrum.peak[inside].max(),
                "counts": counts,
                "flags": " ".join(word for word, is_so in raised.items() if is_so),
                "simulated": simulated,
            }
        )
    return rows


def ends(pixel, reach):
    """First pixel of those within a reach, and the first beyond them."""
    return max(round(pixel - reach), 0), round(pixel + reach) + 1


def hidden_lines(model, width, laboratory):
    """Make a function that estimates the light of lines that hide in another.

    Parameters
    ----------
    model : LineModel
    width : ndarray, shape (lines,)
        Of the lines of the model [pixel].
    laboratory : sequence of lampflux.fluxes.laboratory.LaboratoryLine

    Returns
    -------
    callable
        Takes the peak of an identified line, the numbers of its lines in the model, and its counts
        [ADU]; returns 1 sigma of the light in it that other lines of the laboratory give [ADU],
        which the model has no lines for. Unknown where the brightness of their ion is not known.
    """
    if not laboratory:
        return lambda peak, own, counts: 0.0
    brightness = ion_brightness(
        model.peaks.pixel, model.fluxes, float(np.median(width)), laboratory
    )
    place = np.array([line.pixel for line in laboratory])
    light = [line.intensity * brightness.get(line.ion, 0.0) for line in laboratory]
    light = np.nan_to_num(np.array(light, dtype=float))
    wavelength = np.array([line.wavelength_air for line in laboratory])
    distance = np.abs(place[:, np.newaxis] - model.peaks.pixel)
    modelled = distance.argmin(axis=1)
    is_modelled = distance.min(axis=1) < NEIGHBOURS.parted * width[modelled]

    def hidden(peak, own, counts):
        fwhm = width[own[0]]
        apart = (place - peak["pixel"]) / fwhm
        near = np.flatnonzero(np.abs(apart) < NEIGHBOURS.near)
        is_own = np.abs(wavelength[near] - peak["wavelength_air"]) < IDENTIFIED.own_line
        is_hidden = near[~is_own & (~is_modelled[near] | np.isin(modelled[near], own))]
        # The part that a fit of one Gaussian takes of another beside it.
        part = np.exp(-2 * np.log(2) * apart[is_hidden] ** 2)
        taken = np.minimum(light[is_hidden], counts) * part
        return float(NEIGHBOURS.brighter * taken.sum())

    return hidden


def flux_covariance(model):
    """Covariance of the fluxes of all lines, fitted together to the good pixels.

    Parameters
    ----------
    model : LineModel

    Returns
    -------
    ndarray, shape (lines, lines)
        [ADU^2]
    """
    centres = model.peaks.pixel
    pixels = pixels_near(centres, model.shape, TABLE.far)
    light = light_near(pixels, centres, model.shape)
    weight = np.where(model.good, 1 / model.variance, 0.0)
    normal = overlaps(pixels, light * at(weight, pixels), light)
    return np.linalg.pinv(normal, hermitian=True)
