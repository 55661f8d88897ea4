"""The extraction of a spectrum from a frame, stage by stage."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lampflux.extraction.bad_columns import bad_columns, band_light, without_columns
from lampflux.extraction.bias import find_amplifiers, find_unlit_amplifiers, refine_bias
from lampflux.extraction.clean import sum_rows
from lampflux.extraction.cosmic_rays import find_cosmic_rays, find_lone_rays
from lampflux.extraction.detector import (
    ROUNDING,
    Detector,
    describe_detector,
    sum_noise,
    with_read_noise,
)
from lampflux.extraction.gain import with_gain
from lampflux.extraction.image import lit_image
from lampflux.extraction.lean import measure_lean
from lampflux.extraction.lines import find_lines
from lampflux.extraction.plain import row_slice, sum_along_slit
from lampflux.extraction.projection import of_rows
from lampflux.extraction.ray_proofs import tracks_beside
from lampflux.extraction.rows import choose_rows
from lampflux.extraction.slit import straighten, trace_slit
from lampflux.extraction.spikes import find_spikes, without_wild_pixels
from lampflux.extraction.stray_light import StrayLight, measure_stray_light


class Extraction(NamedTuple):
    """The spectra of a frame, and what was found on the way.

    Attributes
    ----------
    counts, uncertainty : ndarray, shape (columns,)
        Plain sum over all rows, or those named, and its 1-sigma uncertainty [ADU].
    missing : ndarray of int, shape (columns,)
        Pixels left out of each sum.
    summed : slice
        Rows of the plain sum.
    clean : dict of str to ndarray, each shape (columns,)
        The clean sum, see `lampflux.extraction.clean.sum_rows`.
    rows : ndarray of int
        Rows of the clean sum; where traces drift, in the middle of these.
    compared : bool
        Whether lines were found by which rows could be compared.
    detector : lampflux.extraction.detector.Detector
    stray : lampflux.extraction.stray_light.StrayLight
    refused : int
        Pixels on lines that are too many for cosmic rays, and were not replaced; where rows could
        not be compared, those that stand alone but gather in one row.
    shift : float
        Largest shift of lines along the slit [pixel].
    drift : float
        Largest drift of traces along the dispersion axis [pixel].
    row_scatter : float
        Standard deviation of the rows' own levels, taken off the clean sum [ADU].
    broken : int
        Rows of the clean sum that are dead or saturated throughout, and filled from the others.
    bias_levels : dict of int to float
        Bias of each amplifier that was measured in unlit rows [ADU].
    bad_columns : ndarray of int
        Dead and hot columns, left out of all but the plain sum.
    """

    counts: np.ndarray
    uncertainty: np.ndarray
    missing: np.ndarray
    summed: slice
    clean: dict
    rows: np.ndarray
    compared: bool
    detector: Detector
    stray: StrayLight
    refused: int
    shift: float
    drift: float
    row_scatter: float
    broken: int
    bias_levels: dict
    bad_columns: np.ndarray


def extract(
    frame: np.ndarray,
    background: np.ndarray,
    *,
    dark_share: float = 1.0,
    rows: str | Sequence[int] = "lit",
    amplifiers: Sequence[Sequence[int]] | None = None,
    gain: float | None = None,
    read_noise: float | None = None,
    saturation: float = np.inf,
    cosmic_rays: bool = True,
) -> Extraction:
    """Extract the spectra of a lamp's frame: a plain sum, and a clean one of the lit rows.

    The clean sum has cosmic rays replaced, lines moved upright and stray light taken off.

    Parameters
    ----------
    frame : ndarray, shape (rows, columns)
        Raw counts [ADU], any number type, NaN where blank; rows run along the slit.
    background : ndarray, shape (rows, columns) or (columns,)
        Dark of the same exposure time, or bias of each column [ADU].
    dark_share : float, optional
        Noise variance of the dark over that of the frame: 1 for one dark, 1/n for the mean of n.
    rows : {'lit', 'all'} or (int, int), optional
        Rows of the clean sum: those that the lamp lights, all, or a first and last one, to which
        the plain sum then keeps, too.
    amplifiers : list of (int, int), optional
        First and last column of each amplifier; by default one reads all, or two where a frame
        without a dark has a step in its middle.
    gain : float, optional
        Electrons per ADU; measured in the frame where it is not given.
    read_noise : float, optional
        [electron]; likewise.
    saturation : float, optional
        Lowest raw count of a saturated pixel [ADU].
    cosmic_rays : bool, optional
        Whether pixels that cosmic rays hit are replaced.

    Returns
    -------
    Extraction

    Raises
    ------
    IndexError
        The rows named are not in the frame.

    Examples
    --------
    A slit of 40 rows, three lines, and a bias of 500 ADU; a cosmic ray hits row 50.

    >>> import numpy as np
    >>> column = np.arange(300)
    >>> lines = sum(np.exp(-0.5 * (column - centre) ** 2) for centre in (60, 150, 240))
    >>> slit = np.zeros(100)
    >>> slit[30:70] = 1.0
    >>> rng = np.random.default_rng(1)
    >>> electrons = rng.poisson(2000 * slit[:, np.newaxis] * lines) + rng.normal(0, 4, (100, 300))
    >>> frame = 500 + electrons / 2
    >>> frame[50, 100] += 5000
    >>> spectrum = extract(frame, np.full(300, 500.0), gain=2.0)
    >>> int(spectrum.rows[0]), int(spectrum.rows[-1])
    (22, 77)
    >>> int(spectrum.counts[100].round(-3)), int(spectrum.clean["counts"][100].round(-3))
    (5000, 0)
    >>> int(spectrum.clean["counts"][55:66].sum().round(-3))  # 40 rows of 2507 ADU
    100000
    """
    frame = without_wild_pixels(frame)
    summed = row_slice(rows, frame.shape[0])
    plain = sum_along_slit(frame[summed], of_rows(background, summed))
    unknown = amplifiers is None and background.ndim == 1
    if unknown:
        amplifiers = find_amplifiers(frame)
    share = dark_share if background.ndim == 2 else 0
    detector = describe_detector(
        frame, background, share, amplifiers, gain, read_noise, saturation
    )
    bands = band_light(frame, background)
    bad = bad_columns(bands, detector.variance)
    whole, frame = frame, without_columns(frame, bad)
    lean = measure_lean(np.where(bad, 0, bands.light), bands.middle, frame.shape[0])
    upright, beneath = (straightened(image, lean) for image in (frame, background))
    spikes = find_spikes(upright, beneath, detector.variance)
    counts = np.where(bad, np.nan, plain.counts)
    across = spikes.moved(lean, frame.shape[1]).within(summed)
    lines = standing = find_lines(frame[summed], counts, across, detector)
    if lean.any():
        counts = sum_along_slit(upright[summed], of_rows(beneath, summed)).counts
        standing = find_lines(upright[summed], counts, spikes.within(summed), detector)
    wanted = None if rows == "lit" else summed
    lit = choose_rows(upright, beneath, standing.weights, spikes, detector.variance, wanted)
    if unknown and len(detector.amplifiers) == 1:
        detector = detector._replace(amplifiers=find_unlit_amplifiers(whole, lit.rows))
    bias, levels = refine_bias(frame, lit.rows, background, detector.amplifiers)
    stray = StrayLight()
    if lit.profile is not None and rows == "lit" and standing.weights.any():
        beneath = straightened(bias, lean)
        stray = measure_stray_light(upright, beneath, standing, lit.rows, detector.variance)
    image = lit_image(frame, bias, lines, lit, detector)
    image, slit = trace_slit(image, lit, standing, lean[lit.rows], rows != "lit")
    if slit.profile is None:
        rays = find_lone_rays(image.counts, across, detector.variance)
    else:
        beside = tracks_beside(frame, bias, lit.rows, detector.variance)
        rays = find_cosmic_rays(image, slit, image.detector, beside, background.ndim == 2)
    detector = with_gain(image, rays, image.detector)
    if not cosmic_rays:
        rays.hit[:] = False
    clean = sum_rows(image, rays, slit, standing.width, stray, detector)
    detector = with_read_noise(detector, 1 + share)
    return Extraction(
        plain.counts,
        plain_uncertainty(plain, whole[summed], background, detector),
        plain.missing,
        summed,
        clean,
        slit.rows,
        slit.profile is not None,
        detector,
        stray,
        rays.refused,
        float(np.abs(slit.shift).max()),
        float(np.abs(slit.whole_drift[standing.weights > 0]).max(initial=0)),
        image.row_scatter,
        image.broken,
        levels,
        np.flatnonzero(bad),
    )


def straightened(image, lean):
    """Move the rows of an image by whole pixels until lines that lean stand upright.

    Parameters
    ----------
    image : ndarray, shape (rows, columns) or (columns,)
        Raw counts, dark, or bias of each column [ADU].
    lean : ndarray, shape (rows,)
        Shift of each row towards higher columns [pixel].

    Returns
    -------
    ndarray
        The image as it is where lines do not lean, else of shape (rows, columns).
    """
    if not lean.any():
        return image
    return straighten(np.broadcast_to(image, (lean.size, image.shape[-1])), lean)


def plain_uncertainty(plain, frame, background, detector):
    """1-sigma uncertainty of a plain sum [ADU], with the rounding of a bias of whole ADU."""
    is_bias = background.ndim == 1
    summed = frame.shape[0] - plain.missing
    bias_error = ROUNDING if is_bias and frame.dtype.kind in "iu" else 0.0
    variance = sum_noise(plain.counts, summed, detector)
    return np.sqrt(variance + (bias_error * summed) ** 2)
