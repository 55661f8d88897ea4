"""Header cards of the FITS products, and their checksums."""

import numpy as np

# What a raw frame says of its observation: keywords of the FITS standard 4.0 (sections 4.4.2.3
# and 9.5), then those that observatories use beside them.
OBSERVATION = {
    "TELESCOP": "telescope",
    "INSTRUME": "instrument",
    "OBSERVER": "observer",
    "OBJECT": "object in the header of the raw frame",
    "DATE-OBS": "date and time of the observation",
    "DATE-BEG": "start of the exposure",
    "DATE-AVG": "middle of the exposure",
    "DATE-END": "end of the exposure",
    "TIMESYS": "time scale",
    "MJD-OBS": "[d] Modified Julian Date of the observation",
    "OBSERVAT": "observatory",
    "DETECTOR": "detector",
    "TIME-OBS": "time of the observation",
    "UTDATE": "UT date of the observation",
    "UTSTART": "UT at the start of the exposure",
}
IDENTITY = {
    "BRAND": "brand of the lamp",
    "LAMP": "lamp",
    "CCD": "arm of the spectrograph",
    "EXPTIME": "[s] exposure time",
    "ID": "number of the exposure",
    "SIMULATE": "is the raw frame simulated?",
}
# Comments of cards that astropy writes without one.
STRUCTURE = {
    "NAXIS1": "columns of the detector",
    "NAXIS2": "rows along the slit",
    "EXTEND": "extensions may follow",
}
# Characters of a card, and those that a keyword, a short value and separators take of it.
CARD, KEYWORD, VALUE, SEPARATOR = 80, 10, 20, 3


def identity_cards(identity):
    """Cards that name an exposure, given ``BRAND``, ``LAMP`` and so on."""
    return [(keyword, value, IDENTITY[keyword]) for keyword, value in identity.items()]


def observation_cards(header):
    """Cards that a product takes over from the header of its raw frame."""
    return [
        (keyword, header[keyword], comment)
        for keyword, comment in OBSERVATION.items()
        if isinstance(header.get(keyword), str | int | float)
    ]


def is_known(value):
    """Whether a header card can hold a value."""
    return value is not None and not (isinstance(value, float) and not np.isfinite(value))


def header_text(text):
    """Replace characters that a FITS header cannot hold, all but ASCII, by escapes."""
    return text.encode("unicode_escape").decode()


def complete_cards(cards):
    """Make (keyword, value, comment) cards that a header can hold as they are.

    Unknown values are left out, text is in ASCII, and comments that would be cut off are dropped.
    """
    for keyword, value, comment in cards:
        if not is_known(value):
            continue
        width = VALUE
        if isinstance(value, str):
            value = header_text(value)
            width = max(VALUE, len(value.replace("'", "''")) + 2)
        # Longer values continue on further cards, with their comment.
        if width <= CARD - KEYWORD and width + len(comment) > CARD - KEYWORD - SEPARATOR:
            comment = ""
        yield (keyword if len(keyword) <= 8 else f"HIERARCH {keyword}"), value, comment


def write_hdus(hdus, path):
    """Write an HDUList with checksums; the same HDUs always give the same bytes."""
    for hdu in hdus:
        header = hdu.header
        for keyword, comment in STRUCTURE.items():
            if keyword in header and not header.comments[keyword]:
                header.comments[keyword] = comment
        for keyword in "CHECKSUM", "DATASUM":
            header.remove(keyword, ignore_missing=True)
        # astropy's own comments give the time of writing.
        hdu.add_datasum("checksum of the data")
        hdu.add_checksum("checksum of the HDU", override_datasum=True)
    hdus.writeto(path)
