"""Read a raw exposure, its darks and biases, and refuse what cannot be meant."""

import os
from typing import NamedTuple

import numpy as np

from lampflux.errors import UserError
from lampflux.extraction.bias import bias_cards, halves, measure_bias
from lampflux.extraction.dark_checks import check_dark
from lampflux.extraction.darks import Master, combine, scale_dark
from lampflux.extraction.detector import noise_rows
from lampflux.extraction.plain import finite, row_slice
from lampflux.extraction.projection import of_rows
from lampflux.files.exposure import read_exposure
from lampflux.files.frames import check_columns, check_shapes
from lampflux.files.keywords import combined_exposures, detector_facts, saturation_limit
from lampflux.files.masters import read_master
from lampflux.files.tables import read_gains

# Signed 16-bit numbers beyond this, on either side, are unsigned ones that have overflowed [ADU].
OVERFLOW = 16384
# A raw frame has a pixel above this, if only by its read noise [ADU].
FEWEST_COUNTS = 2.0


class RawExposure(NamedTuple):
    """A raw exposure as read.

    ``frame`` and ``background`` (dark, master, or bias of each column) [ADU], the ``share`` of a
    master (`lampflux.extraction.darks.Master`), the frame's ``header``, the ``facts`` that config
    and header give of its detector (`detector_facts`; the saturation limit is that of the frame
    without its overscan), and ``cards`` that say how the frame was read and where the background
    came from.
    """

    frame: np.ndarray
    background: np.ndarray
    share: float
    header: dict
    facts: dict
    cards: list


def read_raw(frame_path, dark_path, master_path, gains_path, seconds, arm, params):
    """Read a raw frame and its dark or master, or measure its bias where it has neither.

    Parameters
    ----------
    frame_path : str
    dark_path, master_path : str or None
        One at most.
    gains_path : str or None
        Table of the arm's gain, used where neither config nor header gives one.
    seconds : float
        Exposure time by the file's name [s].
    arm : str
        For messages.
    params : object
        The arm's ``spatial_axis``, ``layout`` (its config key ``frame``), ``amplifiers``,
        ``rows``, ``bias``, ``gain``, ``read_noise`` and ``saturation``; ``table``, the table of
        exposures, where the time is from one; with a master ``master``, a dict of the paths of its
        ``darks`` and ``biases`` and the darks' exposure time ``dark_seconds`` [s].

    Returns
    -------
    RawExposure

    Raises
    ------
    UserError
        A file cannot be read, is not of this exposure time, or cannot be meant.
    """
    settings = params.spatial_axis, params.layout, params.table
    exposure = read_exposure(frame_path, seconds, *settings)
    frame = exposure.counts
    check_pixels(frame, frame_path)
    check_counts(frame, frame_path)
    if params.amplifiers:
        check_columns(frame.shape[1], params.amplifiers, frame_path, arm)
    check_rows(params.rows, frame.shape[0], frame_path)
    share, sources = 1.0, []
    if master_path:
        background, share = read_master(master_path)
        sources = [*params.master["darks"], *params.master["biases"]]
        cards = master_cards(params.master, share, frame_path)
    elif dark_path:
        background = read_exposure(dark_path, seconds, *settings).counts
        check_pixels(background, dark_path)
        sources = [dark_path]
        cards = dark_cards(dark_path, frame_path)
    else:
        background, *levels = measure_bias(frame, params.bias, frame_path, arm)
        cards = bias_cards(params.bias, *levels)
    if sources:
        check_shapes(frame.shape, background.shape, frame_path, sources[0])
    rows = row_slice(params.rows, frame.shape[0])
    if not np.any(finite(frame[rows]) & finite(of_rows(background, rows))):
        raise UserError(f"{frame_path} has no good pixel in the rows to sum; check the frame.")
    if sources:
        check_dark(frame, background, frame_path, sources[0])
    configured = {name: getattr(params, name) for name in ("gain", "read_noise", "saturation")}
    facts = detector_facts(exposure.header, configured, (params.layout or {}).get("keywords"))
    if exposure.overscan is not None:
        limit, source = facts["saturation"]
        facts["saturation"] = limit - float(exposure.overscan.max()), source
    cards = [*exposure.cards, *frame_cards(frame, exposure.header), *cards]
    raw = RawExposure(frame, background, share, exposure.header, facts, cards)
    if gains_path and facts["gain"][0] is None:
        return with_table(raw, read_gains(gains_path), gains_path, frame_path)
    return raw


def with_table(raw, rows, path, frame_path):
    """Take gain and read noise from an arm's table, and bring its amplifiers to one gain.

    Parameters
    ----------
    raw : RawExposure
    rows : list of dict
        ``gain`` [electron/ADU] and, where it is known, ``read_noise`` [electron]; where there are
        several, ``column_start`` and ``column_stop`` of each amplifier.
    path, frame_path : str
        Of table and frame, for messages.

    Returns
    -------
    RawExposure
        Where there are several rows, frame and background are in ADU of the first amplifier.

    Raises
    ------
    UserError
        The amplifiers do not cover each column once.
    """
    gains = [row["gain"] for row in rows]
    facts = raw.facts | {"gain": (gains[0], "table")}
    if facts["read_noise"][0] is None and "read_noise" in rows[0]:
        facts["read_noise"] = rows[0]["read_noise"], "table"
    if len(rows) == 1:
        return raw._replace(facts=facts)
    try:
        amplifiers = [(row["column_start"], row["column_stop"]) for row in rows]
    except KeyError as error:
        raise UserError(
            f"{path} has several rows, but one without {error}; fill it in."
        ) from error
    check_columns(raw.frame.shape[1], amplifiers, frame_path, path)
    ratio = np.ones(raw.frame.shape[1], np.float32)
    cards = list(raw.cards)
    for number, (gain, (start, stop)) in enumerate(zip(gains, amplifiers), start=1):
        ratio[start : stop + 1] = gain / gains[0]
        cards.append((f"AMPGAIN{number}", gain / gains[0], f"gain ratio, columns {start}:{stop}"))
    limit, source = facts["saturation"]
    facts["saturation"] = limit * float(ratio.min()), source
    return raw._replace(
        frame=raw.frame * ratio, background=raw.background * ratio, facts=facts, cards=cards
    )


def read_repeats(repeats, params, arm):
    """Read two exposures of the same lamp and time.

    Parameters
    ----------
    repeats : sequence of (str, float)
        Path and exposure time [s] of either.
    params : object
        ``spatial_axis``, ``layout``, ``amplifiers``, ``rows``, ``saturation`` and ``table``, as of
        `read_raw`.
    arm : str
        For messages.

    Returns
    -------
    first, second : ndarray, shape (rows, columns)
        Raw counts, in the rows that the arm's spectra sum [ADU].
    limit : float
        Lowest count of a saturated pixel [ADU].
    amplifiers : list of (int, int)
        First and last column of each; halves of the columns where the config names none.

    Raises
    ------
    UserError
        A file cannot be read, or the two have different formats.
    """
    settings = params.spatial_axis, params.layout, params.table
    exposures = [read_exposure(path, seconds, *settings) for path, seconds in repeats]
    frames = [exposure.counts for exposure in exposures]
    paths = [path for path, _ in repeats]
    for frame, path in zip(frames, paths):
        check_pixels(frame, path)
        check_rows(params.rows, frame.shape[0], path)
    if frames[0].shape != frames[1].shape:
        raise UserError(
            f"{paths[0]} and {paths[1]} are of one lamp, arm and exposure time but differ in "
            "their numbers of pixels; give another exposure of the first format."
        )
    columns = frames[0].shape[1]
    if params.amplifiers:
        check_columns(columns, params.amplifiers, paths[0], arm)
    limits = []
    for exposure in exposures:
        keywords = (params.layout or {}).get("keywords", {}).get("saturation")
        limit, _ = saturation_limit(exposure.header, params.saturation, keywords)
        over = 0.0 if exposure.overscan is None else float(exposure.overscan.max())
        limits.append(limit - over)
    rows = row_slice(params.rows, frames[0].shape[0])
    first, second = (frame[rows] for frame in frames)
    return first, second, min(limits), params.amplifiers or halves(columns)


def make_master(darks, biases, params):
    """Read darks and biases, combine those of each kind, and scale the darks after the bias.

    Parameters
    ----------
    darks, biases : list of str
        Paths; either may be empty.
    params : object
        The arm's ``spatial_axis`` and ``layout``; the ``table`` of exposures, where there is one;
        ``dark_seconds``, the exposure time of the darks, and ``seconds``, that of the master [s].

    Returns
    -------
    lampflux.extraction.darks.Master

    Raises
    ------
    UserError
        A file cannot be read, is not of its exposure time or format, or holds no exposure.
    """
    settings = params.spatial_axis, params.layout, params.table
    first = [*darks, *biases][0]

    def combined(paths, seconds):
        frames = []
        for path in paths:
            frames.append(read_exposure(path, seconds, *settings).counts)
            check_pixels(frames[-1], path)
            check_shapes(shapes.setdefault(first, frames[-1].shape), frames[-1].shape, first, path)
        return combine(frames)

    shapes: dict = {}
    dark: Master | None = combined(darks, params.dark_seconds) if darks else None
    bias = combined(biases, 0.0) if biases else None
    if dark is None or bias is None:
        return dark or bias
    return scale_dark(dark, bias, params.seconds / params.dark_seconds)


def check_pixels(frame, path):
    """Refuse a frame without a good pixel, of one number, or whose numbers have overflowed."""
    good = frame[np.isfinite(frame)] if frame.dtype.kind == "f" else frame
    if good.size == 0:
        raise UserError(f"{path} has no good pixel; give the raw frame.")
    if good.min() == good.max():
        raise UserError(
            f"{path} holds no exposure: every pixel is {good.flat[0]:g} ADU; give the raw frame."
        )
    if frame.dtype != np.int16:
        return
    # The lowest number there is often marks a pixel without counts.
    lowest = good.min(where=good > np.iinfo(np.int16).min, initial=0)
    if lowest < -OVERFLOW and good.max() > OVERFLOW:
        raise UserError(
            f"{path} has counts from {lowest} to {good.max()} ADU: unsigned numbers that were "
            "stored as signed ones; write it with BZERO = 32768."
        )


def check_counts(frame, path):
    """Refuse a lamp's frame that holds fractions of counts: divided by a flat or normalised."""
    if frame.dtype.kind == "f" and np.nanmax(frame) < FEWEST_COUNTS:
        raise UserError(
            f"{path} holds no counts (ADU): no pixel is above {np.nanmax(frame):.3g}; give the "
            "raw frame."
        )


def check_rows(rows, height, path):
    """Refuse a range of rows that the frame does not have."""
    if rows in ("lit", "all"):
        return
    first, last = rows
    if not first <= last < height:
        raise UserError(
            f"{path} has rows 0 to {height - 1}, but the config sums rows {first} to {last}; "
            "correct rows in the config."
        )


def frame_cards(frame, header):
    """Header cards that say what makes a frame's fluxes doubtful."""
    number, keyword = combined_exposures(header)
    yield "NCOMBINE", number, f"exposures combined in the raw frame ({keyword})"
    some = frame[noise_rows(frame.shape[0])]
    lowest = some == np.nanmin(some)
    # Beside higher ones: an edge of the detector that is not read is no noise.
    part = float(np.mean(lowest[:, :-1] & ~lowest[:, 1:]))
    yield "CUTOFF", round(part, 4), "part of pixels at the lowest count by higher ones"


def dark_cards(dark_path, frame_path):
    """Header cards that say which dark was subtracted."""
    yield "BIASMETH", "dark", "bias: part of the dark"
    yield from file_cards("DARK", [dark_path], frame_path)


def master_cards(master, share, frame_path):
    """Header cards that say which darks and biases were subtracted, and how."""
    darks, biases = master["darks"], master["biases"]
    if not darks:
        yield "BIASMETH", "bias", "bias frames; dark current remains"
    elif biases:
        yield "BIASMETH", "scaled dark", "bias, and dark current scaled by time"
        yield "DARKTIME", master["dark_seconds"], "[s] exposure time of the darks"
    else:
        yield "BIASMETH", "dark", "bias: part of the dark"
    yield from file_cards("DARK", darks, frame_path)
    yield from file_cards("BIAS", biases, frame_path)
    yield "BGSHARE", share, "noise variance of dark or bias over the frame's"


def file_cards(kind, paths, frame_path):
    """Header cards that count and name the darks or biases, as seen from the frame's folder."""
    if not paths:
        return
    yield f"N{kind}", len(paths), "frames combined"
    for number, path in enumerate(paths, start=1):
        name = f"{kind}FILE" if number == 1 else f"{kind}F{number}"
        # An address in a storage stays as it is.
        address = path if "://" in path else os.path.relpath(path, os.path.dirname(frame_path))
        yield name, address, f"{kind.lower()} subtracted"
