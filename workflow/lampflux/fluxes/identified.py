"""Fluxes of all identified lines, with or without a window, from the model of the spectrum."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from lampflux.fluxes.line_shape import TABLE, at, light_near, overlaps, pixels_near

IDENTIFIED_COLUMNS = [
    "pixel",
    "ion",
    "wavelength_air",
    "flux",
    "flux_err",
    "peak",
    "counts",
    "flags",
    "simulated",
]


class IdentifiedTuning(NamedTuple):
    """Constants of the fluxes of identified lines."""

    # Modelled lines within this distance of an identified one are part of it [line widths].
    same_line: float = 0.6
    # A neighbour this near, with this part of the line's flux, blends with it [line widths].
    blend_within: float = 1.2
    blend_part: float = 0.02


IDENTIFIED = IdentifiedTuning()


def identified_fluxes(spectrum, model, peaks, per_flux, simulated=False):
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
    simulated : bool

    Returns
    -------
    DataFrame
        A row for each identified line that the model holds: ``flux`` and ``flux_err``
        [ADU/s/fibre], highest ``peak`` of the frame [ADU above bias], ``counts`` [ADU] and
        ``flags`` as in the flux table. Errors are those of the noise; NaN without a gain.
    """
    known = [peak for peak in peaks if peak.get("ion") and peak.get("wavelength_air")]
    centres = model.peaks.pixel
    if not known or not centres.size:
        return pd.DataFrame(columns=IDENTIFIED_COLUMNS)
    width = np.interp(centres, np.arange(len(model.shape.fwhm)), model.shape.fwhm)
    covariance = flux_covariance(model)
    has_noise = np.isfinite(spectrum.clean_error[model.good]).all()
    pixel = np.array([peak["pixel"] for peak in known])
    nearest = np.argmin(np.abs(centres[:, np.newaxis] - pixel), axis=1)
    near = np.abs(centres - pixel[nearest]) < IDENTIFIED.same_line * width
    rows = []
    for number, peak in enumerate(known):
        own = np.flatnonzero(near & (nearest == number))
        if not own.size:
            continue
        counts = model.fluxes[own].sum()
        error = np.sqrt(covariance[np.ix_(own, own)].sum()) if has_noise else np.nan
        first, last = np.rint(peak["pixel"] + np.array([-1, 1]) * width[own[0]]).astype(int)
        inside = slice(max(first, 0), last + 1)
        apart = np.abs(centres - peak["pixel"]) < IDENTIFIED.blend_within * width[own[0]]
        apart[own] = False
        raised = {
            "saturated": spectrum.saturated[inside].sum() > 0,
            "cosmic": (spectrum.replaced - spectrum.missing)[inside].sum() > 0,
            "bad_pixels": spectrum.missing[inside].sum() > 0,
            "blended": own.size > 1
            or (model.fluxes[apart] > IDENTIFIED.blend_part * counts).any(),
        }
        rows.append(
            {
                "pixel": peak["pixel"],
                "ion": peak["ion"],
                "wavelength_air": peak["wavelength_air"],
                "flux": counts / per_flux,
                "flux_err": error / per_flux,
                "peak": spectrum.peak[inside].max(),
                "counts": counts,
                "flags": " ".join(word for word, is_so in raised.items() if is_so),
                "simulated": simulated,
            }
        )
    return pd.DataFrame(rows, columns=IDENTIFIED_COLUMNS)


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
