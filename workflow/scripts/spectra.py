"""Make 1D spectra of a raw frame: a plain sum along the slit, and one of lit rows made clean."""

import logging
import os

import numpy as np
from astropy.io import fits

from common import __version__
from common.bias import bias_cards, measure_bias, unlit_bias
from common.clean import clean_spectrum
from common.detector import (
    NOISE_ROWS,
    ROUNDING,
    counting_noise,
    known_detector,
    measured_read_noise,
    saturated_columns,
)
from common.errors import UserError
from common.files import whole
from common.fits_tables import binary_table
from common.frames import check_columns, check_exposure_time, check_shapes, read_frame
from common.jobs import run
from common.peaks import find_peaks
from common.plots import draw_extraction, new_figure, save
from common.slit import choose_rows, line_light, of_rows, stray_light

# A pixel is darker in the frame than in the dark by so many standard deviations, ...
BRIGHTER = 5.0
# ... and a dark brighter than the frame where such pixels outnumber brighter ones by this part.
DARKER_PART = 0.005


def known(counts):
    """Tell which counts are known; whole numbers all are, and need no looking at."""
    return True if counts.dtype.kind in "iu" else np.isfinite(counts)


def sum_along_slit(frame, background):
    """Sum a frame over its rows after subtracting a background, in float64.

    Parameters
    ----------
    frame : ndarray, shape (rows, columns)
        Raw counts [ADU], any number type.
    background : ndarray, shape (rows, columns) or (columns,)
        Dark frame or bias [ADU].

    Returns
    -------
    spectrum : ndarray, shape (columns,)
        Summed counts [ADU]; NaN in a column without a good pixel.
    missing : ndarray of int, shape (columns,)
        Pixels left out of each column's sum because frame or background is not finite there.
    """
    good = known(frame) & known(background)
    missing = frame.shape[0] - np.broadcast_to(good, frame.shape).sum(axis=0)
    # Summed apart, whole numbers stay exact and unsigned ones cannot wrap.
    spectrum = np.sum(frame, axis=0, dtype=float, where=good) - np.sum(
        np.broadcast_to(background, frame.shape), axis=0, dtype=float, where=good
    )
    spectrum[missing == frame.shape[0]] = np.nan
    return spectrum, missing


def row_slice(rows, height, path):
    """Turn the config's rows, 'lit', 'all' or [first, last], into a slice of the plain sum."""
    if rows in ("lit", "all"):
        return slice(0, height)
    first, last = rows
    if not first <= last < height:
        raise UserError(
            f"{path} has rows 0 to {height - 1}, but the config sums rows {first} to {last}; "
            "correct rows in the config."
        )
    return slice(first, last + 1)


def check_pixels(frame, path):
    """Refuse a frame without a good pixel, or one whose pixels are all the same."""
    good = frame[np.isfinite(frame)] if frame.dtype.kind == "f" else frame
    if good.size == 0:
        raise UserError(f"{path} has no good pixel; give the raw frame.")
    if good.min() == good.max():
        raise UserError(
            f"{path} holds no exposure: every pixel is {good.flat[0]:g} ADU; give the raw frame."
        )


def check_dark(frame, dark, variance, path, dark_path):
    """Refuse a dark that is the frame itself, or brighter.

    Parameters
    ----------
    frame, dark : ndarray, shape (rows, columns)
        Raw counts [ADU].
    variance : float
        Variance of a pixel without light, frame and dark together [ADU^2].
    path, dark_path : str
        For messages.

    Raises
    ------
    UserError
        Their pixels are the same, or many more are darker in the frame than are brighter.
    """
    step = max(frame.shape[0] // NOISE_ROWS, 1)
    net = frame[::step].astype(np.float32) - dark[::step].astype(np.float32)
    if not np.nan_to_num(net).any() and np.array_equal(frame, dark, equal_nan=True):
        raise UserError(
            f"{dark_path} holds the same pixels as {path}, frame and dark at once; give the dark."
        )
    reach = BRIGHTER * np.sqrt(variance)
    darker, brighter = np.count_nonzero(net < -reach), np.count_nonzero(net > reach)
    if darker - brighter > DARKER_PART * net.size:
        raise UserError(
            f"{dark_path} is brighter than {path}; check that they are not mixed up, or give "
            "another dark."
        )


def lit_method(rows, profile):
    """Say how the rows of the clean sum were chosen."""
    if rows == "lit":
        return "lit" if profile is not None else "all"
    return "all" if rows == "all" else "config"


def header_text(text):
    """Write other characters than ASCII, which a FITS header cannot hold, as escapes."""
    return text.encode("unicode_escape").decode()


def is_known(value):
    """Whether a value can stand in a header card."""
    return value is not None and not (isinstance(value, float) and not np.isfinite(value))


def read_exposure(path, spatial_axis, seconds):
    """Read a frame or dark and its header; refuse one that is not of these seconds, or blank."""
    frame, header = read_frame(path, spatial_axis)
    check_exposure_time(header, seconds, path)
    check_pixels(frame, path)
    return frame, header


def light_of_lines(frame, spectrum, width, detector):
    """Weights of `line_light`, without the lines that saturate unless there are no others."""
    spoiled = saturated_columns(frame, detector.saturation, width)
    weights = line_light(np.where(spoiled, np.nan, spectrum), detector.amplifiers)
    return weights if weights.any() else line_light(spectrum, detector.amplifiers)


def dark_cards(dark_path, frame_path):
    """Header cards that say which dark was subtracted."""
    name = os.path.relpath(dark_path, os.path.dirname(frame_path))
    yield "BIASMETH", "dark", "bias: part of the dark"
    yield "DARKFILE", header_text(name)


def plain_cards(rows, missing):
    """Header cards of the plain sum."""
    yield "ROWFIRST", rows.start, "first row of the plain sum (from 0)"
    yield "ROWLAST", rows.stop - 1, "last row of the plain sum"
    yield "NMISSING", int(missing.sum()), "blank pixels left out of the sums"


def detector_cards(detector):
    """Header cards of what is known of the detector, and by what."""
    yield "GAIN", detector.gain, "[electron/adu]"
    yield "GAINSRC", detector.gain_source, "keyword of the raw frame, config or measured"
    yield "RDNOISE", detector.read_noise, "[electron]"
    yield "RDNSRC", detector.read_noise_source, "likewise"
    yield "PIXVAR", detector.variance, "[adu**2] variance of a pixel without light"
    yield "SATLEVEL", detector.saturation, "[adu] lowest raw count of a saturated pixel"
    yield "SATSRC", detector.saturation_source, "likewise, or number type"


def clean_cards(clean, lit, params):
    """Header cards of the clean sum."""
    table = clean.table
    sought = lit.profile is not None and params.cosmic_rays
    yield "LITMETH", lit_method(params.rows, lit.profile), "clean rows: lit, config or all"
    yield "LITFIRST", int(lit.rows[0]), "first row of the clean sum (from 0)"
    yield "LITLAST", int(lit.rows[-1]), "last row of the clean sum"
    yield "LITROWS", lit.rows.size, "rows in the clean sum"
    yield "ROWSCAT", clean.scatter, "[adu] levels of rows taken off the clean sum"
    yield "STRAY", lit.stray[0], "part of the light taken off as stray light"
    yield "STRAYERR", lit.stray[1], "1 sigma of it"
    yield "SLITSHFT", clean.shift, "[pixel] largest shift of lines along the slit"
    yield "TRACEDRF", lit.drift, "[pixel] largest drift of traces along the dispersion axis"
    yield "STRAIGHT", clean.straightened, "were rows moved by whole pixels?"
    yield "COSMICS", sought, "looked for cosmic rays?"
    yield "NREPLACE", int(table["replaced"].sum()), "pixels replaced in the clean sum"
    yield "NSATUR", int(table["saturated"].sum()), "saturated pixels in the clean sum"


def write_spectrum(path, cards, spectrum, uncertainty, missing, clean):
    """Write the spectrum's FITS file.

    Parameters
    ----------
    path : str
    cards : list of tuple
        Header cards.
    spectrum, uncertainty : ndarray, shape (columns,)
        Plain sum and its 1-sigma uncertainty [ADU].
    missing : ndarray of int, shape (columns,)
        Pixels left out of each sum.
    clean : dict of str to ndarray, each shape (columns,)
        Table of `common.clean.CleanSpectrum`.
    """
    units = {"counts": "adu", "uncertainty": "adu", "peak": "adu"}
    columns = [
        fits.Column(
            name, "D" if name in units else "J", unit=units.get(name, "pixel"), array=values
        )
        for name, values in clean.items()
    ]
    hdus = fits.HDUList(
        [
            fits.PrimaryHDU(spectrum),
            fits.ImageHDU(uncertainty, name="UNCERTAINTY"),
            fits.ImageHDU(missing.astype(np.int32), name="MISSING"),
            binary_table(columns, name="CLEAN"),
        ]
    )
    hdus[0].header["BUNIT"] = ("adu", "counts summed over the spatial axis")
    for card in cards:
        hdus[0].header.append(card)
    hdus["UNCERTAINTY"].header["BUNIT"] = ("adu", "1 sigma; NaN where gain is not known")
    hdus["MISSING"].header["BUNIT"] = ("pixel", "pixels left out of each column's sum")
    with whole(path) as part:
        hdus.writeto(part)


def main(snakemake):
    """Read the frame and its dark, extract both spectra, write and draw them."""
    frame_path, dark_path = snakemake.input.frame, snakemake.input.get("dark")
    identity, params = snakemake.params.identity, snakemake.params
    arm, exptime = identity["CCD"], identity["EXPTIME"]

    frame, header = read_exposure(frame_path, params.spatial_axis, exptime)
    if header.get("SIMULATE"):
        identity = identity | {"SIMULATE": True}
    if params.amplifiers:
        check_columns(frame.shape[1], params.amplifiers, frame_path, arm)
    rows = row_slice(params.rows, frame.shape[0], frame_path)
    if dark_path:
        background, _ = read_exposure(dark_path, params.spatial_axis, exptime)
        check_shapes(frame.shape, background.shape, frame_path, dark_path)
        source = dark_cards(dark_path, frame_path)
    else:
        background, *levels = measure_bias(frame, params.bias, frame_path, arm)
        source = bias_cards(params.bias, *levels)
    spectrum, missing = sum_along_slit(frame[rows], of_rows(background, rows))
    if np.isnan(spectrum).all():
        raise UserError(f"{frame_path} has no good pixel in the rows to sum; check the frame.")

    detector = known_detector(frame, header, background, params)
    if dark_path:
        check_dark(frame, background, detector.variance, frame_path, dark_path)
    width = find_peaks(spectrum).fwhm
    weights = light_of_lines(frame[rows], spectrum, width, detector)
    wanted = None if params.rows == "lit" else rows
    lit = choose_rows(frame, background, weights, detector.variance, wanted)
    unlit_cards = []
    if not dark_path:
        background, unlit_cards = unlit_bias(frame, lit.rows, background, detector.amplifiers)
    if lit.profile is not None and not wanted:
        stray = stray_light(frame, background, weights, lit.rows, detector.variance, width)
        lit = lit._replace(stray=stray)
    clean = clean_spectrum(
        frame, background, weights, width, lit, detector, replaces=params.cosmic_rays
    )
    detector = measured_read_noise(clean.detector, 2 if dark_path else 1)

    summed = rows.stop - rows.start - missing
    bias_error = ROUNDING if not dark_path and frame.dtype.kind in "iu" else 0.0
    spread = counting_noise(spectrum, summed, detector.variance, detector.gain)
    uncertainty = np.sqrt(spread + (bias_error * summed) ** 2)
    cards = [
        *identity.items(),
        ("RAWFILE", header_text(os.path.basename(frame_path)), "raw frame"),
        *source,
        *plain_cards(rows, missing),
        *detector_cards(detector),
        *unlit_cards,
        *clean_cards(clean, lit, params),
        ("CREATOR", f"lampflux {__version__}", "software that made this file"),
    ]
    cards = [card for card in cards if is_known(card[1])]
    for keyword, value, *_ in cards:
        logging.info("%s = %s", keyword, value)
    write_spectrum(snakemake.output.fits, cards, spectrum, uncertainty, missing, clean.table)

    figure = new_figure(identity, "raw frame and spectrum")
    draw_extraction(figure, frame, lit.rows, spectrum, clean.table)
    save(figure, snakemake.output.png)


if __name__ == "__main__":
    run(main, snakemake)
