"""Make 1D spectra of a raw frame: a plain sum along the slit, and one of lit rows made clean."""

import logging
import os

import numpy as np
from astropy.io import fits

from common import __version__
from common.cosmic_rays import along_slit, find_cosmic_rays, neighbourhood
from common.detector import (
    clipped_moments,
    detector_fact,
    full_well,
    largest_number,
    measured_gain,
    pixel_variance,
)
from common.errors import UserError
from common.files import whole
from common.fits_tables import binary_table
from common.frames import check_columns, check_exposure_time, check_shapes, read_frame
from common.jobs import run
from common.peaks import box_sums, find_peaks
from common.plots import draw_extraction, new_figure, save
from common.slit import (
    line_light,
    lit_rows,
    row_profile,
    slit_shift,
    straighten,
    stray_light,
    trace_drift,
)

# A column saturates where so many pixels do; one alone may be a cosmic ray.
SATURATED_PIXELS = 2
# Columns to either side of a saturated one that its light may spoil [line widths].
SPOILED = 3.0
# Unlit rows that tell a bias, and rows of a frame that tell its noise.
UNLIT_ROWS, NOISE_ROWS = 16, 256
# Levels of rows that scatter so much more than noise are levels of their own (variance ratio).
OWN_LEVELS = 2.0
# A pixel is darker in the frame than in the dark by so many standard deviations, ...
BRIGHTER = 5.0
# ... and a dark brighter than the frame where such pixels outnumber brighter ones by this part.
DARKER_PART = 0.005
# Standard deviation of rounding to whole numbers.
ROUNDING = 1 / np.sqrt(12)


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


def known(counts):
    """Tell which counts are known; whole numbers all are, and need no looking at."""
    return np.True_ if counts.dtype.kind in "iu" else np.isfinite(counts)


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


def counting_noise(counts, summed_pixels, variance, gain):
    """Estimate each column's variance from photon noise and that of pixels without light.

    Poisson and read noise added in quadrature (Howell 2006, Handbook of CCD Astronomy, section
    4.4).

    Parameters
    ----------
    counts : ndarray, shape (columns,)
        Summed counts [ADU].
    summed_pixels : ndarray, shape (columns,)
        Pixels in each sum.
    variance : float or None
        Variance of a pixel without light [ADU^2], the dark's included where one was subtracted.
    gain : float or None
        Electrons per ADU.

    Returns
    -------
    ndarray, shape (columns,)
        Variance [ADU^2]; NaN throughout where gain or noise is not known.
    """
    if gain is None or variance is None:
        return np.full(counts.shape, np.nan)
    return np.clip(counts, 0, None) / gain + summed_pixels * variance


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


def saturated_columns(frame, limit, width):
    """Find the columns that saturated lines spoil.

    Parameters
    ----------
    frame : ndarray, shape (rows, columns)
        Raw counts [ADU], or counts above a background if the limit is.
    limit : float
        Lowest count of a saturated pixel [ADU].
    width : float
        Width of the lines [pixel].

    Returns
    -------
    ndarray of bool, shape (columns,)
    """
    if not np.isfinite(limit):
        return np.zeros(frame.shape[1], bool)
    if frame.dtype.kind in "iu":
        limit = int(np.ceil(limit))
    reach = int(np.ceil(SPOILED * width))
    saturated = np.fmax.reduce(frame, axis=0) >= limit
    many = np.count_nonzero(frame[:, saturated] >= limit, axis=0) >= SATURATED_PIXELS
    saturated[saturated] = many
    return box_sums(saturated, reach) > 0


def row_levels(image, quiet, amplifiers, variance):
    """Measure the level of each row in each amplifier where no line falls.

    Parameters
    ----------
    image : ndarray, shape (rows, columns)
        Background subtracted [ADU].
    quiet : ndarray of bool, shape (columns,)
        Columns without lines.
    amplifiers : list of (int, int)
    variance : float
        Variance of a pixel without light [ADU^2].

    Returns
    -------
    levels : ndarray of float32, shape (rows, columns)
        What to subtract [ADU]: zero where the rows of an amplifier do not differ more than noise.
    scatter : float
        Largest standard deviation of an amplifier's rows [ADU]; 0 where none differ.
    """
    levels, scatter = np.zeros(image.shape, np.float32), 0.0
    for first, last in amplifiers:
        columns = first + np.flatnonzero(quiet[first : last + 1])
        if columns.size < UNLIT_ROWS or image.shape[0] < UNLIT_ROWS:
            continue
        # Cosmic rays are cut off; what noise loses by it is the same on both sides.
        reach = np.float32(5 * np.sqrt(variance))
        own = np.clip(image[:, columns], -reach, reach).mean(axis=1)
        if own.var() > OWN_LEVELS * variance / columns.size:
            levels[:, first : last + 1] = own[:, np.newaxis]
            scatter = max(scatter, float(own.std()))
    return levels, scatter


def rows_of_light(frame, background, weights, variance, wanted):
    """Choose the rows to make the clean spectrum of.

    Parameters
    ----------
    frame, background, weights
        As in `row_profile`.
    variance : float
        Variance of a pixel without light [ADU^2].
    wanted : slice or None
        Rows that the config names; None to find the lit ones.

    Returns
    -------
    lit : ndarray of int
    profile : ndarray or None
        Light of these rows; None where there are no lines to tell it by.
    """
    everything = np.arange(frame.shape[0])[wanted or slice(None)]
    if not weights.any():
        return everything, None
    profile = row_profile(frame, background, weights)
    lit = everything if wanted else lit_rows(profile, np.sqrt(variance / (weights @ weights)))
    return (lit, profile[lit]) if lit.size else (everything, None)


def rows_of_traces(frame, background, weights, lit):
    """Add rows that drifting traces light in a few columns only.

    Parameters
    ----------
    frame, background, weights
        As in `row_profile`.
    lit : ndarray of int
        Rows that are lit on average over the columns.

    Returns
    -------
    lit : ndarray of int
    drift : float
        Largest drift of the traces against their mean [pixel].
    """
    net = frame[lit].astype(np.float32)
    net -= background[lit] if background.ndim == 2 else background
    drift = float(np.abs(trace_drift(np.nan_to_num(net), weights)).max())
    reach = int(np.ceil(drift))
    near = lit[:, np.newaxis] + np.arange(-reach, reach + 1)
    return np.unique(np.clip(near, 0, frame.shape[0] - 1)), drift


def filled(image):
    """Fill missing pixels of an image from their rows; 0 in rows without any good one."""
    missing = ~np.isfinite(image)
    columns = np.arange(image.shape[1])
    for row in np.flatnonzero(missing.any(axis=1)):
        good = ~missing[row]
        image[row] = np.interp(columns, columns[good], image[row, good]) if good.any() else 0
    return image, missing


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
        An amplifier has no good pixel, or its level is out of range.
    """
    columns = frame.shape[1]
    amplifiers = settings["amplifiers"] if settings["method"] == "amplifiers" else None
    amplifiers = amplifiers or [(0, columns - 1)]
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


def noise_of_pixels(frame, background, read_noise, gain):
    """Find the variance of a pixel without light, frame and dark together.

    Parameters
    ----------
    frame, background
        As in `row_profile`.
    read_noise, gain : float or None
        Read noise [electron] and electrons per ADU, where they are known.

    Returns
    -------
    variance : float
        The larger of what read noise and frame tell [ADU^2], for dark current and patterns come
        on top of the first; NaN where neither tells anything.
    measured : bool
        Whether only the frame tells it.
    """
    step = max(frame.shape[0] // NOISE_ROWS, 1)
    is_dark = background.ndim == 2
    seen = pixel_variance(frame[::step], background[::step] if is_dark else background)
    frames = 2 if is_dark else 1
    known = frames * (read_noise / gain) ** 2 if read_noise and gain else None
    least = frames * ROUNDING**2 if frame.dtype.kind in "iu" else 0.0
    values = [value for value in (seen, known) if value is not None]
    return (max(*values, least, 1e-6) if values else np.nan), known is None


def unlit_bias(frame, lit, bias, amplifiers):
    """Find the bias of each amplifier from rows without light, finer than a median of whole ADU.

    Parameters
    ----------
    frame : ndarray, shape (rows, columns)
        Raw counts [ADU].
    lit : ndarray of int
        Lit rows.
    bias : ndarray, shape (columns,)
        Bias to keep where unlit rows are few [ADU].
    amplifiers : list of (int, int)

    Returns
    -------
    bias : ndarray, shape (columns,)
    cards : list of tuple
        Header cards.
    """
    unlit = np.setdiff1d(np.arange(frame.shape[0]), lit)
    if unlit.size < UNLIT_ROWS:
        return bias, []
    dark = frame[unlit[:: max(unlit.size // NOISE_ROWS, 1)]]
    bias, cards = bias.copy(), []
    for number, (first, last) in enumerate(amplifiers, start=1):
        part = dark[:, first : last + 1]
        if np.isfinite(part).any():
            level, _ = clipped_moments(part)
            bias[first : last + 1] = level
            cards.append((f"LITBIAS{number}", level, "[adu] bias of the clean sum: unlit rows"))
    return bias, cards


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


def clean_spectrum(frame, background, weights, lit, profile, stray, detector):
    """Sum the lit rows without cosmic rays, lines upright, and without stray light.

    Parameters
    ----------
    frame : ndarray, shape (rows, columns)
        Raw counts [ADU].
    background : ndarray, shape (rows, columns) or (columns,)
        Dark, or bias of each column [ADU].
    weights : ndarray, shape (columns,)
        Light of lines, see `line_light`.
    lit : ndarray of int
        Lit rows.
    profile : ndarray, shape (lit rows,), or None
        Light of each of them.
    stray : (float, float)
        Stray part of the light in them, and its error.
    detector : dict
        ``variance`` of a pixel without light [ADU^2], ``gain`` or None, ``limit`` [ADU],
        ``width`` of the lines [pixel], ``amplifiers``, ``has_dark``, ``cosmic_rays`` (whether to
        look for them).

    Returns
    -------
    table : dict of str to ndarray, each shape (columns,)
        ``counts`` and ``uncertainty`` [ADU], numbers of ``summed``, ``replaced`` and ``saturated``
        pixels, and ``peak``, the highest pixel [ADU].
    facts : dict
        ``gain`` and whether it was ``measured``, ``limit`` [ADU], ``shift``, the largest shift of
        a row's lines [pixel], ``straightened``, ``scatter`` of the rows' own levels [ADU].
    """
    variance, gain = detector["variance"], detector["gain"]
    raw = frame[lit]
    image = raw.astype(np.float32)
    image -= background[lit] if background.ndim == 2 else background
    image, missing = filled(image)
    facts = {"limit": detector["limit"], "measured": False, "scatter": 0.0}
    if not detector["has_dark"]:
        quiet = weights <= 0
        levels, facts["scatter"] = row_levels(image, quiet, detector["amplifiers"], variance)
        image -= levels
    saturated = raw >= facts["limit"]
    pile = full_well(image, variance, gain)
    if np.isfinite(pile) and np.count_nonzero(saturated) < SATURATED_PIXELS:
        saturated |= image >= pile
        facts["limit"] = min(facts["limit"], float(raw[image >= pile].min()))
    spoiled = saturated_columns(saturated, True, detector["width"])
    hit = np.zeros(image.shape, bool)
    shift, model, misfit = np.zeros(lit.size), image, 0.0
    if profile is not None and (weights * ~spoiled).any():
        profile = row_profile(image, np.zeros(image.shape[1]), weights * ~spoiled)
    if profile is not None and np.median(profile) > 0:
        drift = trace_drift(image, weights * ~spoiled)
        whole = np.rint(drift).astype(int)
        if whole.any():
            # Columns are summed: moving one along the slit by whole rows costs nothing.
            rows = np.clip(np.arange(lit.size)[:, np.newaxis] + whole, 0, lit.size - 1)
            image, missing, saturated = (
                np.take_along_axis(part, rows, axis=0) for part in (image, missing, saturated)
            )
            drift = drift - whole
        along = profile
        if drift.any():
            zero = np.zeros(image.shape[1])
            profile = row_profile(image, zero, weights * ~spoiled)
            along = row_profile(along_slit(image, -drift), zero, weights * ~spoiled)
        shift = slit_shift(image, profile, lit)
        clipped = np.broadcast_to(spoiled, image.shape)
        hit, model, misfit = find_cosmic_rays(
            image, along, shift, variance, gain or 1.0, clipped | missing, drift
        )
        near = neighbourhood(np.clip(model, 0, None), 2, 2)
        if gain is None:
            good = ~(hit | clipped | missing)
            gain = measured_gain(image - model, model, near, good, variance)
            facts["measured"] = gain is not None
        if not detector["cosmic_rays"]:
            hit[:] = False
    replaced = hit | missing
    extra = np.where(replaced, np.square(misfit), np.float32(0))
    image = np.where(replaced, model, image)
    saturated &= ~hit
    steps = np.rint(shift)
    facts |= {"gain": gain, "shift": float(np.abs(shift).max()), "straightened": steps.any()}
    image, extra, replaced, saturated = (
        straighten(part, shift) for part in (image, extra, replaced, saturated)
    )
    counts = image.sum(axis=0, dtype=float)
    spread = counting_noise(counts, np.full(counts.size, lit.size), variance, gain)
    spread = spread + extra.sum(axis=0, dtype=float) + (stray[1] * counts) ** 2
    table = {
        "counts": counts * (1 - stray[0]),
        "uncertainty": np.sqrt(spread),
        "summed": np.full(counts.size, lit.size),
        "replaced": replaced.sum(axis=0),
        "saturated": saturated.sum(axis=0),
        "peak": image.max(axis=0).astype(float),
    }
    return table, facts


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
        As `clean_spectrum` gives it.
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

    frame, header = read_frame(frame_path, params.spatial_axis)
    check_exposure_time(header, exptime, frame_path)
    if header.get("SIMULATE"):
        identity = identity | {"SIMULATE": True}
    check_pixels(frame, frame_path)
    if params.amplifiers:
        check_columns(frame.shape[1], params.amplifiers, frame_path, arm)
    rows = row_slice(params.rows, frame.shape[0], frame_path)
    bias_error = 0.0
    if dark_path:
        dark, dark_header = read_frame(dark_path, params.spatial_axis)
        check_exposure_time(dark_header, exptime, dark_path)
        check_shapes(frame.shape, dark.shape, frame_path, dark_path)
        check_pixels(dark, dark_path)
        background = dark
        name = os.path.relpath(dark_path, os.path.dirname(frame_path))
        source = [("BIASMETH", "dark", "bias: part of the dark"), ("DARKFILE", header_text(name))]
    else:
        background, amplifiers, levels = measure_bias(frame, params.bias, frame_path, arm)
        source = list(bias_cards(params.bias, amplifiers, levels))
        bias_error = ROUNDING if frame.dtype.kind in "iu" else 0.0
    plain = background[rows] if dark_path else background
    spectrum, missing = sum_along_slit(frame[rows], plain)
    if np.isnan(spectrum).all():
        raise UserError(f"{frame_path} has no good pixel in the rows to sum; check the frame.")

    gain, gain_source = detector_fact("gain", header, params.gain)
    read_noise, noise_source = detector_fact("read_noise", header, params.read_noise)
    limit, limit_source = detector_fact("saturation", header, params.saturation)
    if limit is None:
        limit, limit_source = largest_number(header), "number type"
    amplifiers = params.amplifiers or [(0, frame.shape[1] - 1)]
    width = find_peaks(spectrum).fwhm
    spoiled = saturated_columns(frame[rows], limit, width)
    weights = line_light(np.where(spoiled, np.nan, spectrum), amplifiers)
    if not weights.any():
        weights = line_light(spectrum, amplifiers)
    variance, measured = noise_of_pixels(frame, background, read_noise, gain)
    if dark_path:
        check_dark(frame, dark, variance, frame_path, dark_path)
    wanted = None if params.rows == "lit" else rows
    lit, profile = rows_of_light(frame, background, weights, variance, wanted)
    drift = 0.0
    if profile is not None and not wanted:
        lit, drift = rows_of_traces(frame, background, weights, lit)
        profile = row_profile(frame[lit], background[lit] if dark_path else background, weights)
    cards, stray = [], (0.0, 0.0)
    if not dark_path:
        background, cards = unlit_bias(frame, lit, background, amplifiers)
    if profile is not None and not wanted:
        stray = stray_light(frame, background, weights, lit, variance, width)
    clean, found = clean_spectrum(
        frame,
        background,
        weights,
        lit,
        profile,
        stray,
        {
            "variance": variance,
            "gain": gain,
            "limit": limit,
            "width": width,
            "amplifiers": amplifiers,
            "has_dark": bool(dark_path),
            "cosmic_rays": params.cosmic_rays,
        },
    )
    if found["measured"]:
        gain, gain_source = found["gain"], "measured"
    if measured and gain:
        # Frame and dark share the variance.
        read_noise = float(np.sqrt(variance / (2 if dark_path else 1)) * gain)
        noise_source = "measured"
    if found["limit"] < limit:
        limit, limit_source = found["limit"], "measured"
    summed = rows.stop - rows.start
    spread = counting_noise(spectrum, summed - missing, variance, gain)
    uncertainty = np.sqrt(spread + (bias_error * (summed - missing)) ** 2)

    cards = [
        *identity.items(),
        ("RAWFILE", header_text(os.path.basename(frame_path)), "raw frame"),
        *source,
        ("ROWFIRST", rows.start, "first row of the plain sum (from 0)"),
        ("ROWLAST", rows.stop - 1, "last row of the plain sum"),
        ("NMISSING", int(missing.sum()), "blank pixels left out of the sums"),
        ("GAIN", gain, "[electron/adu]"),
        ("GAINSRC", gain_source, "keyword of the raw frame, config or measured"),
        ("RDNOISE", read_noise, "[electron]"),
        ("RDNSRC", noise_source, "likewise"),
        ("PIXVAR", variance, "[adu**2] variance of a pixel without light"),
        ("SATLEVEL", limit, "[adu] lowest raw count of a saturated pixel"),
        ("SATSRC", limit_source, "likewise, or number type"),
        *cards,
        ("LITMETH", lit_method(params.rows, profile), "clean rows: lit, config or all"),
        ("LITFIRST", int(lit[0]), "first row of the clean sum (from 0)"),
        ("LITLAST", int(lit[-1]), "last row of the clean sum"),
        ("LITROWS", lit.size, "rows in the clean sum"),
        ("ROWSCAT", found["scatter"], "[adu] levels of rows taken off the clean sum"),
        ("STRAY", stray[0], "part of the light taken off as stray light"),
        ("STRAYERR", stray[1], "1 sigma of it"),
        ("SLITSHFT", found["shift"], "[pixel] largest shift of lines along the slit"),
        ("TRACEDRF", drift, "[pixel] largest drift of traces along the dispersion axis"),
        ("STRAIGHT", bool(found["straightened"]), "were rows moved by whole pixels?"),
        ("COSMICS", profile is not None and params.cosmic_rays, "looked for cosmic rays?"),
        ("NREPLACE", int(clean["replaced"].sum()), "pixels replaced in the clean sum"),
        ("NSATUR", int(clean["saturated"].sum()), "saturated pixels in the clean sum"),
        ("CREATOR", f"lampflux {__version__}", "software that made this file"),
    ]
    cards = [card for card in cards if is_known(card[1])]
    for keyword, value, *_ in cards:
        logging.info("%s = %s", keyword, value)
    write_spectrum(snakemake.output.fits, cards, spectrum, uncertainty, missing, clean)

    figure = new_figure(identity, "raw frame and spectrum")
    draw_extraction(figure, frame, lit, spectrum, clean)
    save(figure, snakemake.output.png)


if __name__ == "__main__":
    run(main, snakemake)
