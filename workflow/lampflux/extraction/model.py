"""A model of lit rows: one spectrum, shifted along the slit, times each row's share."""

from typing import NamedTuple

import numpy as np

from lampflux.statistics import column_percentile


class SlitModelling(NamedTuple):
    """How lit rows are modelled by each other."""

    # Rows with less than this part of the typical light do not shape the spectrum.
    weak: float = 0.3
    # The track of a cosmic ray along the slit may cross most of this many bright rows. Where fewer
    # than this part of them agree with their median, within this many sigma and this part of the
    # light, the percentile with which most rows agree takes its place.
    few: int = 64
    agreeing: float = 0.75
    sigma: float = 5.0
    light_scatter: float = 0.1
    percentiles: tuple[float, ...] = (50, 35, 20, 10, 65, 80)
    # The share of a row's light may differ from block to block of this many columns, by this part.
    block: int = 512
    block_scatter: float = 0.1
    # Where a row may be hit, only pixels give its share that agree with the median of this many of
    # the brightest, within this many sigma and this part of the light.
    brightest: int = 48
    share_scatter: float = 0.03
    # The model's shifts are rounded to this part of a pixel.
    step: float = 0.05
    # Rows and columns of a block in which diffuse light is alike, and the least part of its pixels
    # that show it.
    diffuse: tuple[int, int] = (4, 16)
    diffuse_part: float = 0.3
    # Half width of the interpolating kernel [pixel].
    lanczos: int = 4


MODEL = SlitModelling()


def shift_rows(spectra, shift):
    """Shift spectra along the dispersion axis.

    Parameters
    ----------
    spectra : ndarray, shape (rows, columns)
    shift : ndarray, shape (rows,)
        Shift of each towards higher columns [pixel].

    Returns
    -------
    ndarray, shape (rows, columns)
        Interpolated with Lanczos' kernel (Duchon 1979, J. Appl. Meteor. 18, 1016), which leaves
        narrow lines their width and does not carry the edges of saturated ones far; the ends are
        repeated.
    """
    whole = np.floor(shift).astype(int)
    taps = np.arange(1 - MODEL.lanczos, MODEL.lanczos + 1)
    distance = taps - (shift - whole)[:, np.newaxis]
    kernel = np.sinc(distance) * np.sinc(distance / MODEL.lanczos)
    kernel = (kernel / kernel.sum(axis=1, keepdims=True)).astype(np.float32)
    reach = int(np.abs(whole).max()) + MODEL.lanczos
    padded = np.pad(spectra, ((0, 0), (reach, reach)), mode="edge")
    result = np.empty_like(spectra)
    columns = spectra.shape[1]
    for step in np.unique(whole):
        rows = np.flatnonzero(whole == step)
        own = padded[rows]
        result[rows] = sum(
            weight[:, np.newaxis] * own[:, first : first + columns]
            for first, weight in zip(reach - step - taps, kernel[rows].T)
        )
    return result


def shift_columns(image, drift):
    """Shift each column towards higher rows [pixel], as `shift_rows` does with rows."""
    return np.ascontiguousarray(shift_rows(np.ascontiguousarray(image.T), drift).T)


def common_light(image, profile, shift, variance, gain):
    """Model a frame as one spectrum, shifted along the dispersion axis in each row.

    Parameters
    ----------
    image : ndarray of float32, shape (rows, columns)
        Lit rows, background subtracted [ADU].
    profile : ndarray, shape (rows,)
        Light of each row.
    shift : ndarray, shape (rows,)
        Shift of the lines [pixel].
    variance : float
        Variance of a pixel without light [ADU^2].
    gain : float
        Electrons per ADU.

    Returns
    -------
    ndarray of float32, shape (rows, columns)
        The spectrum, as a row of light 1 has it, the median of the bright rows [ADU]; of those
        that agree, where these are few.
    """
    strong = np.flatnonzero(profile > MODEL.weak * typical_light(profile))
    scaled = image[strong] / profile[strong, np.newaxis].astype(np.float32)
    upright = shift_rows(scaled, -shift[strong])
    spectrum = column_percentile(upright, 50)
    if strong.size < MODEL.few:
        spectrum = without_tracks(upright, spectrum, profile[strong], variance, gain)
    steps, step_of_row = np.unique(np.rint(shift / MODEL.step) * MODEL.step, return_inverse=True)
    return shift_rows(np.tile(spectrum, (steps.size, 1)), steps)[step_of_row]


def without_tracks(spectra, spectrum, profile, variance, gain):
    """Replace the median of rows in columns where tracks of cosmic rays hit most of them.

    Parameters
    ----------
    spectra : ndarray of float32, shape (rows, columns)
        Each row over its light [ADU].
    spectrum : ndarray of float32, shape (columns,)
        Their median [ADU].
    profile : ndarray, shape (rows,)
        Light of each row.
    variance, gain : float
        As in `common_light`.

    Returns
    -------
    ndarray of float32, shape (columns,)
        The median of the rows that agree with each other; as it was where most rows do.
    """
    light = profile[:, np.newaxis].astype(np.float32)
    near = np.max([np.roll(spectrum, step) for step in range(-2, 3)], axis=0)

    def agreeing(columns, level):
        noise = np.sqrt(variance + np.clip(level, 0, None) * light / gain) / light
        reach = MODEL.sigma * noise + MODEL.light_scatter * np.abs(near[columns])
        return np.abs(spectra[:, columns] - level) < reach

    every = agreeing(slice(None), spectrum)
    crossed = np.flatnonzero(every.mean(axis=0) < MODEL.agreeing)
    if not crossed.size:
        return spectrum
    levels = np.percentile(spectra[:, crossed], MODEL.percentiles, axis=0)
    alike = np.array([agreeing(crossed, level) for level in levels])
    best = np.argmax(alike.sum(axis=1), axis=0)
    used = np.take_along_axis(alike, best[np.newaxis, np.newaxis], axis=0)[0]
    result = spectrum.copy()
    for column, rows in zip(crossed, used.T):
        if rows.any():
            result[column] = np.median(spectra[rows, column])
    return result


def typical_light(profile):
    """Light of a typical row among those that are lit."""
    return np.median(profile[profile >= MODEL.weak * profile.max()])


def slit_model(image, good, doubtful, profile, light, variance, gain):
    """Model a frame as the rows' common light times each row's share of it.

    Horne's (1986, PASP 98, 609) separation of profile and spectrum, for many fibres with the same
    light; the share of a row may change slowly along the dispersion axis, as traces do.

    Parameters
    ----------
    image : ndarray of float32, shape (rows, columns)
        Lit rows, background subtracted [ADU].
    good : ndarray of bool, shape (rows, columns)
        Pixels to go by.
    doubtful : ndarray of bool, shape (rows,)
        Rows in which cosmic rays may have hit some of them.
    profile : ndarray, shape (rows,)
        Light of each row.
    light : ndarray of float32, shape (rows, columns)
        From `common_light` [ADU].
    variance : float
        Variance of a pixel without light [ADU^2].
    gain : float
        Electrons per ADU.

    Returns
    -------
    ndarray of float32, shape (rows, columns)
    """
    stiffness = np.float32(variance / (MODEL.block_scatter * typical_light(profile)) ** 2)
    shares = profile.astype(np.float32)
    result = np.empty_like(image)
    for first in range(0, image.shape[1], MODEL.block):
        part = slice(first, first + MODEL.block)
        used = light[:, part] * good[:, part]
        if doubtful.any():
            used[doubtful] *= agreeing_pixels(
                image[doubtful, part], used[doubtful], variance, gain
            )
        product = np.einsum("ij,ij->i", used, image[:, part]) + stiffness * shares
        power = np.einsum("ij,ij->i", used, light[:, part]) + stiffness
        # No row's light is negative: noise where hardly any falls.
        share = np.clip(product / power, 0, None)
        result[:, part] = light[:, part] * share[:, np.newaxis]
    return result


def agreeing_pixels(counts, light, variance, gain):
    """Find the pixels of each row that show the share of the light that most bright ones show.

    Parameters
    ----------
    counts, light : ndarray, shape (rows, columns)
        Above the background, and of a row of light 1; 0 in pixels to leave out [ADU].
    variance, gain : float
        As in `slit_model`.

    Returns
    -------
    ndarray of bool, shape (rows, columns)
    """
    brightest = np.argpartition(light, -min(MODEL.brightest, light.shape[1]), axis=1)
    brightest = brightest[:, -MODEL.brightest :]
    near = np.take_along_axis(light, brightest, axis=1)
    shares = np.take_along_axis(counts, brightest, axis=1) / np.where(near > 0, near, np.inf)
    # The weighted median, by the light over its noise.
    order = np.argsort(shares, axis=1)
    weight = np.cumsum(np.take_along_axis(np.sqrt(np.clip(near, 0, None)), order, axis=1), axis=1)
    middle = np.argmax(weight >= weight[:, -1:] / 2, axis=1)[:, np.newaxis]
    share = np.take_along_axis(shares, np.take_along_axis(order, middle, axis=1), axis=1)
    expected = np.clip(share * light, 0, None)
    reach = MODEL.sigma * np.sqrt(variance + expected / gain) + MODEL.share_scatter * expected
    return np.abs(counts - expected) < reach


def diffuse_light(residual, good):
    """Measure light that no line holds, as the mean of blocks.

    Parameters
    ----------
    residual : ndarray, shape (rows, columns)
        Frame minus `slit_model` [ADU].
    good : ndarray of bool, shape (rows, columns)
        Pixels to go by, off the lines.

    Returns
    -------
    ndarray of float32, shape (rows, columns)
        Interpolated along the rows; 0 in rows without enough pixels [ADU].
    """
    height, width = MODEL.diffuse
    first = [np.arange(0, size, step) for size, step in zip(residual.shape, MODEL.diffuse)]
    total, number = (
        np.add.reduceat(np.add.reduceat(part, first[1], axis=1), first[0], axis=0)
        for part in (residual * good, good.astype(np.float32))
    )
    enough = number > MODEL.diffuse_part * height * width
    level = total / np.maximum(number, 1)
    columns, middle = np.arange(residual.shape[1]), first[1] + width / 2
    light = np.zeros((first[0].size, columns.size), np.float32)
    for row in np.flatnonzero(enough.any(axis=1)):
        light[row] = np.interp(columns, middle[enough[row]], level[row, enough[row]])
    return light[np.arange(residual.shape[0]) // height]
