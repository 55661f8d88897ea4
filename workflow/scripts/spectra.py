"""Make 1D spectra of a raw frame: a plain sum along the slit, and one of lit rows made clean."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/..")

import logging
import os

import numpy as np

from lampflux import __version__
from lampflux.errors import UserError
from lampflux.extraction.bias import bias_cards, measure_bias, unlit_bias
from lampflux.extraction.cards import clean_cards, dark_cards, detector_cards, plain_cards
from lampflux.extraction.clean import clean_spectrum
from lampflux.extraction.detector import (
    ROUNDING,
    counting_noise,
    known_detector,
    measured_read_noise,
)
from lampflux.extraction.rows import choose_rows, of_rows
from lampflux.extraction.spectrum import (
    check_dark,
    light_of_lines,
    read_exposure,
    row_slice,
    sum_along_slit,
)
from lampflux.extraction.stray_light import stray_light
from lampflux.files.frames import check_columns, check_shapes
from lampflux.files.spectra import header_text, is_known, write_spectrum
from lampflux.jobs import run
from lampflux.peaks import find_peaks
from lampflux.pictures.extraction import draw_extraction
from lampflux.pictures.style import new_figure, save


def main(snakemake):
    """Read the frame and its dark, extract both spectra, write and draw them."""
    frame_path, dark_path = snakemake.input.frame, snakemake.input.get("dark")
    identity, params = snakemake.params.identity, snakemake.params
    arm, exptime = identity["CCD"], identity["EXPTIME"]

    raw = read_exposure(frame_path, params.spatial_axis, exptime, params.frame)
    frame, header = raw.counts, raw.header
    if header.get("SIMULATE"):
        identity = identity | {"SIMULATE": True}
    if params.amplifiers:
        check_columns(frame.shape[1], params.amplifiers, frame_path, arm)
    rows = row_slice(params.rows, frame.shape[0], frame_path)
    if dark_path:
        background = read_exposure(dark_path, params.spatial_axis, exptime, params.frame).counts
        check_shapes(frame.shape, background.shape, frame_path, dark_path)
        source = dark_cards(dark_path, frame_path)
    else:
        background, *levels = measure_bias(frame, params.bias, frame_path, arm)
        source = bias_cards(params.bias, *levels)
    spectrum, missing = sum_along_slit(frame[rows], of_rows(background, rows))
    if np.isnan(spectrum).all():
        raise UserError(f"{frame_path} has no good pixel in the rows to sum; check the frame.")

    detector = known_detector(frame, header, background, params)
    if raw.overscan is not None:
        detector = detector._replace(saturation=detector.saturation - float(raw.overscan.max()))
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
        *raw.cards,
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
