"""Header cards that say how a spectrum was made."""

import os

from lampflux.files.spectra import header_text


def lit_method(rows, profile):
    """Say how the rows of the clean sum were chosen."""
    if rows == "lit":
        return "lit" if profile is not None else "all"
    return "all" if rows == "all" else "config"


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
