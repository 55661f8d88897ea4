"""Header cards that say how a spectrum was made."""


def error_source(detector):
    """Say what the errors of sums follow from."""
    if detector.gain is not None:
        return "gain"
    return "columns" if detector.light_scatter is None else "scatter"


def spectrum_cards(extraction, facts, rows, cosmic_rays):
    """Describe an extraction in the header of its spectrum.

    Parameters
    ----------
    extraction : lampflux.extraction.spectrum.Extraction
    facts : dict of str to (float or None, str or None)
        What header and config say of the detector, see
        `lampflux.extraction.detector.detector_facts`.
    rows : {'lit', 'all'} or (int, int)
        Rows that the config names.
    cosmic_rays : bool
        Whether cosmic rays were to be replaced.

    Yields
    ------
    keyword, value, comment
    """
    detector, lit, table = extraction.detector, extraction.rows, extraction.clean

    def source(name):
        return "measured" if name in detector.measured else facts[name][1]

    compared = extraction.compared
    yield "ROWFIRST", extraction.summed.start, "first row of the plain sum (from 0)"
    yield "ROWLAST", extraction.summed.stop - 1, "last row of the plain sum"
    yield "NMISSING", int(extraction.missing.sum()), "blank pixels left out of the sums"
    yield "GAIN", detector.gain, "[electron/adu] gain"
    yield "GAINSRC", source("gain"), "gain: keyword, config, table or measured"
    yield "GAINMEAS", detector.shown_gain, "[electron/adu] gain that the frame itself shows"
    yield "RDNOISE", detector.read_noise, "[electron] read noise"
    yield "RDNSRC", source("read_noise"), "read noise: from where, as for the gain"
    yield "ERRSRC", error_source(detector), "errors: gain, scatter (of rows) or columns"
    yield "PIXVAR", detector.variance, "[adu**2] variance of a pixel without light"
    yield "SATLEVEL", detector.saturation, "[adu] lowest raw count of a saturated pixel"
    yield "SATSRC", source("saturation"), "saturation: from where, or number type"
    yield "NBADCOL", extraction.bad_columns.size, "dead and hot columns, left out of clean sum"
    for number, column in enumerate(extraction.bad_columns, start=1):
        yield f"BADCOL{number}", int(column), "dead or hot column (from 0)"
    for number, level in extraction.bias_levels.items():
        yield f"LITBIAS{number}", level, "[adu] bias of the clean sum: unlit rows"
    method = rows if rows in ("lit", "all") else "config"
    method = "all" if rows == "lit" and not compared else method
    yield "LITMETH", method, "clean rows: lit, config or all"
    yield "LITFIRST", int(lit[0]), "first row of the clean sum (from 0)"
    yield "LITLAST", int(lit[-1]), "last row of the clean sum"
    yield "LITROWS", lit.size, "rows in the clean sum"
    yield "NBROKEN", extraction.broken, "of these dead or saturated, and filled"
    yield "ROWSCAT", extraction.row_scatter, "[adu] levels of rows taken off the clean sum"
    yield "STRAY", extraction.stray.part, "part of the light taken off as stray light"
    yield "STRAYERR", extraction.stray.error, "1 sigma of STRAY"
    yield "SLITSHFT", extraction.shift, "[pixel] largest shift of lines along the slit"
    yield "TRACEDRF", extraction.drift, "[pixel] largest drift of traces from their mean"
    yield "STRAIGHT", extraction.shift > 0.5, "were rows moved by whole pixels?"
    yield "COSMICS", cosmic_rays, "looked for cosmic rays?"
    yield "NREFUSED", extraction.refused, "pixels left alone: too many for cosmic rays"
    yield "NREPLACE", int(table["replaced"].sum()), "pixels replaced in the clean sum"
    yield "NSATUR", int(table["saturated"].sum()), "saturated pixels in the clean sum"
