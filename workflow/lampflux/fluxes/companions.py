"""Find lines that hide in others: companions that the laboratory knows, and others."""

from typing import NamedTuple

import numpy as np

from lampflux.fluxes.line_fit import fit_lines
from lampflux.fluxes.line_shape import at, line_light
from lampflux.statistics import box_sums


class CompanionTuning(NamedTuple):
    """Constants of the search for companions."""

    # Lines nearer than this are fitted together, and a companion is looked for within the second
    # [line widths].
    together: float = 2.0
    reach: float = 1.6
    # Gain in chi-square that a companion must bring where the laboratory knows one and where not:
    # the second pays for the places that were tried.
    known: float = 16.0
    unknown: float = 40.0
    # A companion holds at least this part of the line's light, and this many times its error.
    least_part: float = 0.004
    least_snr: float = 4.0
    # Nearer to the line than this it is the line [line widths], where the laboratory knows it and
    # where not.
    known_apart: float = 0.1
    least_apart: float = 0.3
    # Distances that are tried where the laboratory knows none [line widths], and the part of the
    # gain needed that a place must promise.
    tried: tuple = (-1.5, -1.2, -0.9, -0.6, -0.4, 0.4, 0.6, 0.9, 1.2, 1.5)
    worth: float = 0.3
    # Lines with less signal-to-noise than this hide nothing that could be found.
    bright: float = 25.0
    # Companions that one line may have, at most.
    most: int = 3
    # 1 sigma of a distance by the laboratory [pixel], and the least of a line's width [width].
    laboratory: float = 0.05
    same_width: float = 0.01


COMPANIONS = CompanionTuning()


def find_companions(net, variance, good, peaks, shape, fluxes, others, known, rest):
    """Look for companions of bright lines, and keep those that the counts demand.

    Parameters
    ----------
    net, variance : ndarray, shape (pixels,)
        Counts above the continuum [ADU]; variance with the model's own [ADU^2].
    good : ndarray of bool, shape (pixels,)
    peaks : lampflux.peaks.Peaks
    shape : lampflux.fluxes.line_shape.Shape
    fluxes : ndarray, shape (peaks,)
        [ADU]
    others : callable
        Light of all lines but some in some pixels [ADU].
    known : ndarray
        Where lines of the laboratory fall [pixel].
    rest : ndarray, shape (pixels,)
        Counts that the present model leaves [ADU]: only lines that it does not describe are
        looked at.

    Returns
    -------
    lampflux.peaks.Peaks
        With peaks for the companions.
    """
    found, pixel = [], peaks.pixel.copy()
    excess = box_sums(np.where(good, rest**2 / variance, 0), round(np.median(shape.fwhm)))
    for number in np.argsort(-fluxes):
        if at(excess, round(peaks.pixel[number])) < COMPANIONS.known:
            continue
        centre = pixel[number]
        width = float(np.interp(centre, np.arange(net.size), shape.fwhm))
        group = np.flatnonzero(np.abs(pixel - centre) < COMPANIONS.together * width)
        group = np.append(number, group[group != number])
        reach = (COMPANIONS.together + 0.5) * width
        pixels = np.arange(max(int(centre - reach), 0), min(int(centre + reach) + 2, net.size))
        if fluxes[number] < COMPANIONS.bright * np.sqrt(variance[pixels].sum()):
            continue
        if not good[pixels].all():
            continue
        counts = net[pixels] - others(group, pixels)
        line = counts, variance[pixels], good[pixels], pixels
        added = [place for place, *_ in found if abs(place - centre) < COMPANIONS.together * width]
        first = np.append(pixel[group], added)
        best = with_companions(line, first, width, shape, known)
        if best is None or best.centre.size == first.size:
            continue
        pixel[group] = best.centre[: group.size]
        for place, flux in zip(best.centre[first.size :], best.flux[first.size :]):
            found.append((place, flux / best.flux[0] * peaks.height[number], number))
    if not found:
        return peaks
    places, heights, numbers = (np.array(each) for each in zip(*found))
    pixel = np.append(pixel, places)
    order = np.argsort(pixel)
    return peaks._replace(
        pixel=pixel[order],
        error=np.append(peaks.error, peaks.error[numbers])[order],
        height=np.append(peaks.height, heights)[order],
        blended=np.append(peaks.blended, np.ones(places.size, bool))[order],
        flat=np.append(peaks.flat, np.zeros(places.size, bool))[order],
        leaning=np.append(peaks.leaning, np.zeros(places.size, bool))[order],
    )


def with_companions(line, centres, width, shape, known):
    """Add companions to a line as long as each earns its place.

    Parameters
    ----------
    line : (counts, variance, good, pixels)
        As `fit_lines` takes them.
    centres : ndarray, shape (lines,)
        The line and those about it [pixel].
    width : float
        [pixel]
    shape : lampflux.fluxes.line_shape.Shape
    known : ndarray
        Where lines of the laboratory fall [pixel].

    Returns
    -------
    lampflux.fluxes.line_fit.LineFit or None
        Of the lines that were given and their companions; None where no place is worth a trial,
        or where not even the lines that were given fit.
    """
    best = None
    for _ in range(COMPANIONS.most):
        present = centres if best is None else best.centre
        places = places_to_try(line, present, width, shape, known)
        if best is None and places:
            best = fit(line, centres, width, shape)
        if best is None or best.chi2 < COMPANIONS.known:
            break
        trials = []
        for place, tie in places:
            needed = COMPANIONS.known if tie else COMPANIONS.unknown
            needed *= max(best.reduced_chi2 / 4, 1.0)
            trial = fit(line, np.append(best.centre, place), width, shape, tie)
            if trial is None or trial.chi2 + needed > best.chi2:
                continue
            flux, error = trial.flux[-1], trial.flux_error[-1]
            apart = np.abs(np.delete(trial.centre, -1) - trial.centre[-1]).min()
            enough = flux > COMPANIONS.least_part * trial.flux[0]
            enough &= flux > COMPANIONS.least_snr * error
            least_apart = COMPANIONS.known_apart if tie else COMPANIONS.least_apart
            if enough and (trial.flux > 0).all() and apart > least_apart * width:
                trials.append((trial.chi2 - bool(tie) * COMPANIONS.unknown, trial))
        if not trials:
            break
        _, best = min(trials, key=lambda trial: trial[0])
    return best


def fit(line, centres, width, shape, ties=()):
    """Fit lines of the usual width at places that are not known well."""
    error = float(at(shape.width_error, round(centres[0])))
    width_error = max(COMPANIONS.same_width, error) * width
    return fit_lines(*line, centres, width, shape.profile, 0.5 * width, width_error, ties)


def places_to_try(line, centres, width, shape, known):
    """Choose places for a companion: those of the laboratory, and the best of others about it.

    Parameters
    ----------
    line, width, shape, known
        As in `with_companions`.
    centres : ndarray, shape (lines,)
        The lines so far [pixel].

    Returns
    -------
    list of (float, list)
        Place [pixel], and where the laboratory knows its distance from the line, that as
        `fit_lines` takes it.
    """
    main, others = centres[0], centres[1:]
    near = known[np.abs(known - main) < COMPANIONS.reach * width]
    own = near[np.argmin(np.abs(near - main))] if near.size else np.nan
    apart = near[near != own] - own
    places = main + np.append(apart, width * np.array(COMPANIONS.tried))
    free = np.abs(others[:, np.newaxis] - places).min(axis=0, initial=np.inf) > 0.5 * width
    if not free.any():
        return []
    flux, error = another_line(line, centres, width, shape, places)
    gains = np.where(free, np.clip(flux / error, 0, None) ** 2, 0)
    needed = np.where(np.arange(places.size) < apart.size, COMPANIONS.known, COMPANIONS.unknown)
    worth = gains > COMPANIONS.worth * needed
    number = centres.size
    chosen = [
        (places[each], [(0, number, float(apart[each]), COMPANIONS.laboratory)])
        for each in np.flatnonzero(worth[: apart.size])
    ]
    best_other = apart.size + int(np.argmax(gains[apart.size :]))
    return chosen + ([(places[best_other], [])] if worth[best_other] else [])


def another_line(line, centres, width, shape, places):
    """Fit the flux of another line at each of some places, all else adapting linearly.

    Parameters
    ----------
    line, width, shape
        As in `with_companions`.
    centres : ndarray, shape (lines,)
        Lines that are there [pixel]. They have the usual width: what a fit has widened leaves no
        room for another.
    places : ndarray, shape (places,)
        [pixel]

    Returns
    -------
    flux, error : ndarray, shape (places,)
        And 1 sigma [ADU].
    """
    counts, variance, good, pixels = line
    weight = np.where(good, 1 / np.sqrt(np.where(good, variance, 1.0)), 0.0)[:, np.newaxis]
    edges = np.append(pixels, pixels[-1] + 1) - 0.5
    light, by_centre, _ = line_light(edges, centres, width, shape.profile)
    design = np.column_stack([light, by_centre]) * weight
    added, *_ = line_light(edges, places, width, shape.profile)
    wanted = np.column_stack([added, counts]) * weight
    wanted -= design @ np.linalg.lstsq(design, wanted)[0]
    added, rest = wanted[:, :-1], wanted[:, -1]
    square = np.maximum(np.sum(added**2, axis=0), 1e-300)
    return added.T @ rest / square, 1 / np.sqrt(square)
