"""Make a 1D spectrum of a raw frame: subtract its dark or bias and sum along the slit."""

import logging
import os

import numpy as np
from astropy.io import fits

from common import __version__
from common.errors import UserError, run
from common.files import whole
from common.frames import check_exposure_time, read_frame
from common.plots import draw_frame, draw_spectrum, new_figure, save


def bias_levels(frame, amplifiers):
    """Estimate the bias of each amplifier as the median of its pixels.

    The median serves because the lit bundle covers under a tenth of the rows.

    Parameters
    ----------
    frame : ndarray, shape (rows, columns)
        Raw frame [ADU]; NaN pixels are left out.
    amplifiers : list of (int, int)
        First and last column of each amplifier, both included.

    Returns
    -------
    ndarray, shape (amplifiers,)
        Bias levels [ADU]; NaN where an amplifier has no good pixel.
    """
    levels = np.full(len(amplifiers), np.nan)
    for number, (first, last) in enumerate(amplifiers):
        part = frame[:, first : last + 1]
        if np.isfinite(part).any():
            levels[number] = np.nanmedian(part)
    return levels


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
    good = np.isfinite(frame) & np.isfinite(background)
    missing = frame.shape[0] - good.sum(axis=0)
    # Summed apart, whole numbers stay exact and unsigned ones cannot wrap.
    spectrum = np.sum(frame, axis=0, dtype=float, where=good) - np.sum(
        np.broadcast_to(background, frame.shape), axis=0, dtype=float, where=good
    )
    spectrum[missing == frame.shape[0]] = np.nan
    return spectrum, missing


def counting_noise(spectrum, summed_pixels, frames, gain, read_noise):
    """Estimate each column's 1-sigma uncertainty from photon and read noise.

    Poisson and read noise added in quadrature (Howell 2006, Handbook of CCD Astronomy, section
    4.4), without the noise of dark current and of the bias level.

    Parameters
    ----------
    spectrum : ndarray, shape (columns,)
        Summed counts [ADU].
    summed_pixels : ndarray, shape (columns,)
        Pixels in each sum.
    frames : int
        Frames that bring read noise: 2 where a dark was subtracted, else 1.
    gain : float or None
        Electrons per ADU.
    read_noise : float or None
        Read noise [electrons].

    Returns
    -------
    ndarray, shape (columns,)
        Uncertainty [ADU]; NaN throughout where gain or read noise is not known.
    """
    if gain is None or read_noise is None:
        return np.full(spectrum.shape, np.nan)
    photons = np.clip(spectrum, 0, None) / gain
    return np.sqrt(photons + frames * summed_pixels * (read_noise / gain) ** 2)


def row_slice(rows, height, path):
    """Turn the config's rows, 'all' or [first, last], into a slice that the frame can serve."""
    if rows == "all":
        return slice(0, height)
    first, last = rows
    if not first <= last < height:
        raise UserError(
            f"{path} has rows 0 to {height - 1}, but the config sums rows {first} to {last}; "
            "correct rows in the config."
        )
    return slice(first, last + 1)


def measure_bias(frame, settings, path, arm):
    """Find the bias without a dark and hold it against what the config accepts.

    Parameters
    ----------
    frame : ndarray, shape (rows, columns)
    settings : dict
        ``method`` ('amplifiers' or 'frame'), ``amplifiers`` and ``range`` of the config.
    path, arm : str
        For messages.

    Returns
    -------
    bias : ndarray, shape (columns,)
        Bias of each column [ADU].
    amplifiers : list of (int, int)
        Columns that were taken together.
    levels : ndarray, shape (amplifiers,)

    Raises
    ------
    UserError
        The amplifiers do not cover the frame, or a level is out of range.
    """
    columns = frame.shape[1]
    amplifiers = settings["amplifiers"] if settings["method"] == "amplifiers" else None
    amplifiers = amplifiers or [(0, columns - 1)]
    covered = sorted(column for first, last in amplifiers for column in range(first, last + 1))
    if covered != list(range(columns)):
        raise UserError(
            f"{path} has columns 0 to {columns - 1}, but the amplifiers of arm {arm} in the "
            f"config are {amplifiers}; make them cover each column once."
        )
    levels = bias_levels(frame, amplifiers)
    lowest, highest = settings["range"] or (-np.inf, np.inf)
    for (first, last), level in zip(amplifiers, levels):
        if np.isnan(level):
            raise UserError(
                f"{path} has no good pixel in columns {first} to {last}; check the frame."
            )
        if not lowest <= level <= highest:
            raise UserError(
                f"{path} has no dark and a bias of {level:.1f} ADU in columns {first} to {last}, "
                f"outside the {lowest:g} to {highest:g} ADU that the config accepts for arm "
                f"{arm}; give a dark or correct bias_range."
            )
    bias = np.empty(columns)
    for (first, last), level in zip(amplifiers, levels):
        bias[first : last + 1] = level
    return bias, amplifiers, levels


def bias_cards(settings, amplifiers, levels):
    """Header cards that say where the bias came from when there was no dark."""
    yield "BIASMETH", settings["method"], "bias: median of each amplifier or of the frame"
    for number, ((first, last), level) in enumerate(zip(amplifiers, levels), start=1):
        yield f"BIASCOL{number}", f"{first}:{last}", "columns (from 0) of this bias level"
        yield f"BIASLEV{number}", level, "[adu] bias level"
    checked = settings["range"] is not None
    yield "BIASCHK", checked, "was the level held against a configured range?"


def write_spectrum(path, cards, spectrum, uncertainty, missing):
    """Write the spectrum's FITS file: counts, uncertainty and number of missing pixels."""
    hdus = fits.HDUList(
        [
            fits.PrimaryHDU(spectrum),
            fits.ImageHDU(uncertainty, name="UNCERTAINTY"),
            fits.ImageHDU(missing.astype(np.int32), name="MISSING"),
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
    """Read the frame and its dark, extract the spectrum, write and draw it."""
    frame_path, dark_path = snakemake.input.frame, snakemake.input.get("dark")
    identity, settings = snakemake.params.identity, snakemake.params.bias
    arm, exptime = identity["CCD"], identity["EXPTIME"]

    frame, header = read_frame(frame_path, snakemake.params.spatial_axis)
    check_exposure_time(header, exptime, frame_path)
    if header.get("SIMULATE"):
        identity = identity | {"SIMULATE": True}
    rows = row_slice(snakemake.params.rows, frame.shape[0], frame_path)
    if dark_path:
        dark, dark_header = read_frame(dark_path, snakemake.params.spatial_axis)
        check_exposure_time(dark_header, exptime, dark_path)
        if dark.shape != frame.shape:
            raise UserError(
                f"{dark_path} has {dark.shape[0]} x {dark.shape[1]} pixels, but {frame_path} "
                f"has {frame.shape[0]} x {frame.shape[1]}; give a dark of the same format."
            )
        background = dark[rows]
        name = os.path.relpath(dark_path, os.path.dirname(frame_path))
        source = [("BIASMETH", "dark", "bias: part of the dark"), ("DARKFILE", name)]
    else:
        background, amplifiers, levels = measure_bias(frame, settings, frame_path, arm)
        source = list(bias_cards(settings, amplifiers, levels))
    spectrum, missing = sum_along_slit(frame[rows], background)
    if np.isnan(spectrum).all():
        raise UserError(f"{frame_path} has no good pixel in the rows to sum; check the frame.")
    summed = rows.stop - rows.start
    gain, read_noise = snakemake.params.gain, snakemake.params.read_noise
    uncertainty = counting_noise(
        spectrum, summed - missing, 2 if dark_path else 1, gain, read_noise
    )

    cards = [
        *identity.items(),
        ("RAWFILE", os.path.basename(frame_path), "raw frame"),
        *source,
        ("ROWFIRST", rows.start, "first row summed (from 0)"),
        ("ROWLAST", rows.stop - 1, "last row summed"),
        ("NMISSING", int(missing.sum()), "blank pixels left out of the sums"),
        ("GAIN", gain, "[electron/adu] from the config"),
        ("RDNOISE", read_noise, "[electron] from the config"),
        ("CREATOR", f"lampflux {__version__}", "software that made this file"),
    ]
    for keyword, value, *_ in cards:
        logging.info("%s = %s", keyword, value)
    write_spectrum(
        snakemake.output.fits,
        [card for card in cards if card[1] is not None],
        spectrum,
        uncertainty,
        missing,
    )

    figure = new_figure(identity, "raw frame and spectrum")
    image_axes, spectrum_axes = figure.subplots(
        2, sharex=True, gridspec_kw={"height_ratios": [3, 2]}
    )
    draw_frame(image_axes, frame, rows)
    draw_spectrum(spectrum_axes, np.arange(spectrum.size), spectrum, faint=True)
    spectrum_axes.set_xlabel("Column (pixel)")
    spectrum_axes.set_ylabel("Sum along the slit (ADU)")
    save(figure, snakemake.output.png)


if __name__ == "__main__":
    run(main, snakemake)
