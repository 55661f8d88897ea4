"""Cosmic rays, found by comparing the rows of a frame."""

import math
from typing import NamedTuple

import numpy as np

from lampflux.extraction.model import (
    MODEL,
    common_light,
    diffuse_light,
    shift_columns,
    slit_model,
)
from lampflux.extraction.ray_proofs import (
    SQUARE,
    clumped,
    gathering,
    outnumbering,
    repeating,
    square_around,
    without_repeats,
)
from lampflux.extraction.spikes import places_of
from lampflux.statistics import SIGMA_PER_MAD, box_sums


class RaySearch(NamedTuple):
    """How cosmic rays are distinguished from light."""

    # A cosmic ray exceeds the noise by this factor; pixels beside it, this many pixels far, by the
    # second, or together with their neighbours by the third.
    detection: float = 5.0
    outskirts: float = 2.0
    together: float = 3.0
    rounds: int = 3
    # Rows in which bright pixels differ from the model by this many sigma may be hit.
    doubtful: float = 4.0
    # Part of the light by which model and frame differ where the frame does not show it; the least
    # that it shows, and the least where traces are moved by parts of a row.
    usual_misfit: float = 0.01
    least_misfit: float = 0.001
    moved_misfit: float = 0.01
    # Pixels this bright, against the noise, and this many show the misfit, beyond two sigma.
    misfit_light: float = 100.0
    misfit_pixels: int = 500
    # This percentile of theirs: cosmic rays hit far fewer than one in a hundred.
    misfit_percent: float = 97.0
    # A cosmic ray exceeds it by this factor.
    misfit: float = 3.0
    # The light near a pixel is the brightest one within this many pixels.
    near: int = 2
    # Where the model misses lines by more than this part it is poor.
    poor: float = 0.06
    # Beside the crests of lines, with less than this part of their light, misfits are largest.
    crest: float = 0.4
    # Lines shine where the light exceeds the noise by this factor.
    bright: float = 10.0
    # A difference of this many times the light near it is no misfit of a line, and one of this
    # many may repeat in three quarters of the rows near it: a track along the slit.
    no_misfit: float = 2.0
    outshining: float = 3.0
    # A difference of less than the first part of the light near it may be a misfit after all: the
    # second part of it is the error of what replaces it. Beyond this many misfits, where that
    # becomes unlikely, the error grows no more.
    ambiguous: tuple[tuple[float, float], ...] = ((3.0, 0.25), (0.1, 0.5))
    unlikely: float = 20.0


RAYS = RaySearch()


def neighbourhood(image, rows, columns):
    """Largest value among this many rows and columns to either side of each pixel."""
    for axis, reach in enumerate((rows, columns)):
        largest = image.copy()
        for step in range(1, min(reach, image.shape[axis] - 1) + 1):
            ahead, behind = [slice(None)] * 2, [slice(None)] * 2
            ahead[axis], behind[axis] = slice(step, None), slice(None, -step)
            np.maximum(largest[tuple(behind)], image[tuple(ahead)], out=largest[tuple(behind)])
            np.maximum(largest[tuple(ahead)], image[tuple(behind)], out=largest[tuple(ahead)])
        image = largest
    return image


class CosmicRays(NamedTuple):
    """Pixels that cosmic rays hit, arrays of shape (rows, columns).

    Which were ``hit``, in the frame or, leaving a hole, in its dark; the ``model`` of the frame
    without cosmic rays, and its 1-sigma ``misfit`` [ADU]. ``refused`` pixels on lines differ from
    the model too, but are too many for cosmic rays, and are left as they are.
    """

    hit: np.ndarray
    model: np.ndarray
    misfit: np.ndarray
    refused: int = 0


def find_cosmic_rays(image, slit, detector, beside=(0, 0), has_dark=True):
    """Find the pixels of lit rows that cosmic rays hit.

    Parameters
    ----------
    image : lampflux.extraction.image.LitImage
        Pixels that are missing, or unclear because lines saturate, are no cosmic rays.
    slit : lampflux.extraction.slit.Slit
    detector : lampflux.extraction.detector.Detector
        Without a gain, light scatters as the frame shows.
    beside : (int, int), optional
        Tracks in unlit rows, from `tracks_beside`, and number of pixels there.
    has_dark : bool, optional
        Whether a dark was subtracted, in which cosmic rays leave holes.

    Returns
    -------
    CosmicRays
    """
    counts, clipped = image.counts, image.missing | image.unclear
    variance, gain = detector.variance, detector.gain or 1.0
    upright = shift_columns(counts, -slit.drift) if slit.drift.any() else counts
    light = common_light(upright, slit.profile, slit.shift, variance, gain)
    hit, doubtful = np.zeros(counts.shape, bool), np.zeros(len(counts), bool)
    diffuse = np.float32(0)
    least = RAYS.moved_misfit if slit.drift.any() else RAYS.least_misfit
    # Lines that are interpolated ring as far as the kernel reaches.
    reach = MODEL.lanczos if slit.shift.any() else RAYS.near
    for attempt in range(2):
        # In doubtful rows those that are hit are not known yet.
        good = ~(hit & ~doubtful[:, np.newaxis] | clipped)
        model = frame_model(counts - diffuse, good, doubtful, slit, light, variance, gain)
        model += diffuse
        found = compare(counts, model, clipped, detector, least, reach)
        core = found.excess() > RAYS.detection
        core[clipped] = False
        outshining = found.outshines(core, RAYS.outshining)
        core = without_repeats(core, found.residual / found.sigma, slit.shift, outshining)
        hit = with_outskirts(core, found) & ~clipped
        if not has_dark:
            hit &= ~clumped(hit & (found.residual < 0))
        if attempt == 0:
            doubtful = found.doubtful_rows()
            # Outskirts would spread over all diffuse light, which is not in the model yet.
            near_core = core.copy()
            near_core[square_around(*places_of(core), core.shape)] = True
            diffuse = diffuse_light(found.residual, ~(near_core | clipped | found.lines))
            # The second round needs their memory.
            del model, found, core, near_core
    may_be_misfit = found.lines[hit] & ~found.outshines(hit, RAYS.no_misfit)
    refused = outnumbering(hit, may_be_misfit, found.lines, found.part > RAYS.poor, beside)
    refused |= repeating(hit, slit.shift)
    hit &= ~refused
    return CosmicRays(hit, model, replacement_errors(hit, found), int(refused.sum()))


def find_lone_rays(counts, spikes, variance):
    """Find cosmic rays where lines are too faint to show which rows they light.

    Parameters
    ----------
    counts : ndarray, shape (rows, columns)
        Background subtracted [ADU].
    spikes : lampflux.extraction.spikes.Spikes
        Pixels that stand alone. Where they gather in some rows they are light of a narrow fibre.
    variance : float
        Variance of a pixel without light [ADU^2].

    Returns
    -------
    CosmicRays
    """
    hit, nothing = np.zeros(counts.shape, bool), np.zeros_like(counts)
    if gathering(spikes.rows, spikes.columns, len(counts)):
        return CosmicRays(hit, counts, nothing, spikes.rows.size)
    hit[spikes.rows, spikes.columns] = True
    model = np.broadcast_to(np.median(counts, axis=0), counts.shape)
    sigma = np.sqrt(np.float32(variance) + np.clip(model, 0, None))
    found = Comparison(counts - model, sigma, nothing, hit, hit, 0.0)
    return CosmicRays(with_outskirts(hit, found), model, nothing)


class Comparison(NamedTuple):
    """A frame compared with its model, arrays of shape (rows, columns).

    ``residual``, frame minus model; its noise ``sigma``; the largest model value ``near`` each
    pixel [ADU]; whether ``lines`` shine there, and are ``bright`` enough to show how the model
    misses them: by which ``part`` of the light.
    """

    residual: np.ndarray
    sigma: np.ndarray
    near: np.ndarray
    lines: np.ndarray
    bright: np.ndarray
    part: float

    def excess(self):
        """Difference beyond what the model may miss, over its noise."""
        excess = np.abs(self.residual)
        excess -= np.float32(RAYS.misfit * self.part) * self.near
        excess /= self.sigma
        return excess

    def outshines(self, pixels, times):
        """Whether some pixels differ by more than this many times the light near them."""
        return np.abs(self.residual[pixels]) > times * self.near[pixels]

    def doubtful_rows(self):
        """Whether rows, or their neighbours, may be hit on a line; none if the model is poor."""
        if self.part > RAYS.poor:
            return np.zeros(len(self.lines), bool)
        odd = self.bright & (np.abs(self.residual) > RAYS.doubtful * self.sigma)
        return box_sums(odd.any(axis=1), 1) > 0


def compare(counts, model, clipped, detector, least, reach):
    """Hold lit rows against their model.

    Parameters
    ----------
    counts, model : ndarray, shape (rows, columns)
        [ADU]
    clipped : ndarray of bool, shape (rows, columns)
        Pixels to leave out.
    detector : lampflux.extraction.detector.Detector
    least : float
        Least part of the light that the model may miss.
    reach : int
        Columns on either side of a pixel in which light is near it.

    Returns
    -------
    Comparison
    """
    noise = math.sqrt(detector.variance)
    light = np.clip(model, 0, None)
    near = neighbourhood(light, RAYS.near, reach)
    residual = counts - model
    bright = (near > RAYS.misfit_light * noise) & ~clipped
    off, brightest = residual[bright], near[bright]
    scatter = 1 / detector.gain if detector.gain else light_scatter(off, model[bright], brightest)
    # In place, as all of this is when memory is most used.
    light *= np.float32(scatter)
    light += detector.variance
    sigma = np.sqrt(light, out=light)
    part = RAYS.usual_misfit
    if off.size > RAYS.misfit_pixels:
        excess = np.abs(off) - RAYS.outskirts * sigma[bright]
        part = np.percentile(excess / brightest, RAYS.misfit_percent)
        part = max(float(part), least)
    return Comparison(residual, sigma, near, near > RAYS.bright * noise, bright, part)


def replacement_errors(hit, found):
    """1-sigma error of the model's values, and of whether cosmic rays hit them at all [ADU].

    Parameters
    ----------
    hit : ndarray of bool, shape (rows, columns)
    found : Comparison

    Returns
    -------
    ndarray of float32, shape (rows, columns)
    """
    error = np.float32(found.part) * found.near
    difference, near = np.abs(found.residual[hit]), found.near[hit]
    doubt = np.zeros(difference.size, np.float32)
    for most, part in RAYS.ambiguous:
        doubt[difference < most * near] = part
    error[hit] = np.maximum(error[hit], doubt * np.minimum(difference, RAYS.unlikely * error[hit]))
    return error


def light_scatter(residual, light, near):
    """Measure the variance of light over the light, where no gain says it.

    Parameters
    ----------
    residual, light, near : ndarray, shape (pixels,)
        Frame minus model, model, and the largest model value near each pixel in which the noise
        is that of light [ADU].

    Returns
    -------
    float
        [ADU]; 1 where pixels are few.
    """
    crest = light > RAYS.crest * near
    if np.count_nonzero(crest) < RAYS.misfit_pixels:
        return 1.0
    light, residual = light[crest], residual[crest]
    # The misfit of the model counts most in the brightest.
    faint = light <= np.median(light)
    return float(np.median(residual[faint] ** 2 / light[faint]) * SIGMA_PER_MAD**2)


def with_outskirts(core, found):
    """Add the outskirts of cosmic rays: pixels beside them that differ, or that do together.

    Parameters
    ----------
    core : ndarray of bool, shape (rows, columns)
        Pixels that are hit.
    found : Comparison

    Returns
    -------
    ndarray of bool, shape (rows, columns)
    """
    hit = core.copy()
    for _ in range(RAYS.rounds):
        beside = np.ravel_multi_index(square_around(*places_of(hit), hit.shape), hit.shape)
        places = np.unravel_index(np.unique(beside), hit.shape)
        places = tuple(place[~hit[places]] for place in places)
        square = square_around(*places, hit.shape)
        free = ~hit[square]
        misfit = np.float32(RAYS.misfit * found.part) * found.near[places]
        together = np.abs(np.sum(found.residual[square] * free, axis=0)) - SQUARE * misfit
        noise = np.sqrt(np.sum(found.sigma[square] ** 2 * free, axis=0))
        alone = np.abs(found.residual[places]) - misfit
        outskirts = alone > RAYS.outskirts * found.sigma[places]
        outskirts |= together > RAYS.together * noise
        if not outskirts.any():
            break
        hit[tuple(place[outskirts] for place in places)] = True
    return hit


def frame_model(counts, good, doubtful, slit, light, variance, gain):
    """Model lit rows as `slit_model` does, with their traces straight."""
    if not slit.drift.any():
        return slit_model(counts, good, doubtful, slit.profile, light, variance, gain)
    upright = shift_columns(counts, -slit.drift)
    good = shift_columns(good.astype(np.float32), -slit.drift) > 0.9
    model = slit_model(upright, good, doubtful, slit.profile, light, variance, gain)
    return shift_columns(model, slit.drift)
