"""What a header says of the exposure time and the detector, by whatever keyword."""

import math
import re

from lampflux.errors import UserError

# Where observatories write a fact, the more specific keyword first: EXPOSED is the AAT's,
# ITIME Keck's, ESO's are hierarchical. A config may name others.
KEYWORDS = {
    "exposure_time": ("EXPTIME", "EXPOSED", "EXPOSURE", "ITIME", "ESO DET WIN1 UIT1"),
    "gain": ("RO_GAIN", "EGAIN", "GAIN", "ESO DET OUT1 CONAD"),
    "read_noise": ("RO_NOISE", "RDNOISE", "READNOIS", "RON", "ESO DET OUT1 RON"),
    "saturation": ("SATURATE", "SATURATN", "SATLEVEL"),
}
# Seconds in the units that a config may give.
SECONDS = {"s": 1.0, "ms": 1e-3, "min": 60.0, "h": 3600.0}
# Exposure times agree to this: relative, and [s], as names are rounded.
TOLERANCE = (0.01, 0.005)
# Units of a frame that was processed: electrons, or counts per second.
PROCESSED = re.compile(
    r"elec|photo|\be\b|/\s*s(ec\w*)?\b|\bs(ec\w*)?\s*(\^|\*\*)?\s*-\s*1|per\s+s", re.IGNORECASE
)
# How many exposures were summed or averaged into one frame.
COMBINED = ("NCOMBINE", "COADDS", "NCOADD", "COADD")


def header_number(header, keywords):
    """Find the first of some keywords with a positive number: value and keyword, or None, None."""
    for keyword in keywords:
        value = header.get(keyword)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and math.isfinite(value) and value > 0:
            return float(value), keyword
    return None, None


def detector_facts(header, configured, keywords=None):
    """Look up what config and header say of a detector.

    Parameters
    ----------
    header : mapping
        The raw frame's header.
    configured : dict of str to (float or None)
        The arm's ``gain``, ``read_noise`` and ``saturation`` in the config.
    keywords : dict of str to list of str, optional
        The arm's keywords in the config, in place of those of `KEYWORDS`.

    Returns
    -------
    dict of str to (float or None, str or None)
        Value and source of each, see `detector_fact` and `saturation_limit`.
    """
    keywords = keywords or {}
    facts = {
        name: detector_fact(name, header, configured[name], keywords.get(name))
        for name in ("gain", "read_noise")
    }
    limit = saturation_limit(header, configured["saturation"], keywords.get("saturation"))
    return facts | {"saturation": limit}


def detector_fact(name, header, configured, keywords=None):
    """Look a fact of the detector up: in the config, else in the frame's header.

    ``configured`` is the arm's value in the config; ``keywords`` stand in place of `KEYWORDS`.

    Returns
    -------
    value : float or None
        Gain [electron/ADU], read noise [electron] or saturation limit [ADU].
    source : str or None
        'config', or the header's keyword.
    """
    if configured is not None:
        return configured, "config"
    return header_number(header, keywords or KEYWORDS[name])


def saturation_limit(header, configured, keywords=None):
    """Find the lowest raw count of a saturated pixel.

    Returns
    -------
    limit : float
        [ADU]; no more than the largest number that the image can hold, infinite for real numbers
        without a limit. Scaled numbers (BSCALE) are not held to that: their scale often follows
        from the frame's own brightest pixel.
    source : str
        'config', the header's keyword, or 'number type'.
    """
    largest = largest_number(header)
    limit, source = detector_fact("saturation", header, configured, keywords)
    if limit is None or (limit > largest and header.get("BSCALE", 1) == 1):
        return largest, "number type"
    return limit, source


def largest_number(header):
    """Largest number that a FITS image can hold [ADU]; infinite for real numbers."""
    bits = header["BITPIX"]
    if bits < 0:
        return math.inf
    stored = 2**8 - 1 if bits == 8 else 2 ** (bits - 1) - 1
    least = 0 if bits == 8 else -stored - 1
    scale = header.get("BSCALE", 1)
    return float(header.get("BZERO", 0) + max(scale * stored, scale * least))


def check_exposure_time(header, exptime, path, settings=None, table=None):
    """Compare every exposure time in a header with the expected one.

    Parameters
    ----------
    header : astropy.io.fits.Header
    exptime : float
        Exposure time [s] from the file's name or the table of exposures.
    path : str
        The file, for the message.
    settings : dict, optional
        The arm's config key ``frame``: ``keywords``, ``exposure_unit`` and
        ``exposure_tolerance`` (relative, or [s], whichever allows more).
    table : str, optional
        The table of exposures, where the time comes from one.

    Raises
    ------
    UserError
        They differ.
    """
    settings = settings or {}
    unit = settings.get("exposure_unit", "s")
    relative, seconds = settings.get("exposure_tolerance", TOLERANCE)
    named = settings.get("keywords", {}).get("exposure_time")
    if named and not any(keyword in header for keyword in named):
        raise UserError(
            f"{path}: its header has no {' or '.join(named)}, which the arm's config key frame: "
            "keywords names for the exposure time; correct the key."
        )
    # The header's time may be that of one of several exposures.
    numbers = 1, combined_exposures(header)[0] or 1
    for keyword in named or KEYWORDS["exposure_time"]:
        if keyword not in header:
            continue
        value = header[keyword]
        # astropy gives an `Undefined` object for a card without a value.
        if not isinstance(value, int | float | str) or value == "":
            raise UserError(
                f"{path}: {keyword} has no value in the header; correct the header, or name "
                "another keyword with the config key frame: keywords of the arm."
            )
        try:
            time, said = float(value), f"{value} {unit}"
        except ValueError:
            time, said = math.nan, repr(value)
        agrees = {
            name: any(
                math.isclose(number * time * scale, exptime, rel_tol=relative, abs_tol=seconds)
                for number in numbers
            )
            for name, scale in SECONDS.items()
        }
        if not agrees[unit]:
            source = table or "its name"
            fitting = next((name for name in agrees if agrees[name]), None)
            remedy = f", or set the arm's exposure_unit: {fitting}" if fitting else ""
            raise UserError(
                f"{path}: the exposure time is {exptime:g} s in {source} but {said} in its "
                f"header ({keyword}); correct the wrong one{remedy}."
            )


def check_unit(header, path):
    """Refuse a frame that its header gives in electrons or per second (BUNIT)."""
    unit = header.get("BUNIT")
    if isinstance(unit, str) and PROCESSED.search(unit):
        raise UserError(
            f"{path} is in {unit.strip()} (BUNIT), not in counts (ADU); give the raw frame, or "
            "correct BUNIT."
        )


def combined_exposures(header):
    """Find how many exposures a frame combines: number and keyword; None, None for one."""
    for keyword in COMBINED:
        number, _ = header_number(header, [keyword])
        if number and number > 1:
            return int(number), keyword
    return None, None
