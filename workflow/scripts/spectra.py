"""Make 1D spectra of a raw frame: a plain sum along the slit, and a clean one of lit rows."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/..")

import os

from lampflux import __version__
from lampflux.extraction.cards import spectrum_cards
from lampflux.extraction.raw import read_raw
from lampflux.extraction.spectrum import extract
from lampflux.extraction.thumbnail import block_means
from lampflux.files.headers import identity_cards, observation_cards
from lampflux.files.spectra import write_spectrum
from lampflux.jobs import run


def main(snakemake):
    """Read the frame and its dark or master, extract both spectra and write them."""
    paths, params = snakemake.input, snakemake.params
    identity = params.identity
    files = paths.get("dark"), paths.get("master"), paths.get("gains")
    raw = read_raw(paths.frame, *files, identity["EXPTIME"], identity["CCD"], params)
    if raw.header.get("SIMULATE"):
        identity = identity | {"SIMULATE": True}

    spectrum = extract(
        raw.frame,
        raw.background,
        dark_share=raw.share,
        rows=params.rows,
        amplifiers=params.amplifiers,
        cosmic_rays=params.cosmic_rays,
        **{name: value for name, (value, _) in raw.facts.items()},
    )

    cards = [
        *identity_cards(identity),
        *observation_cards(raw.header),
        ("RAWFILE", os.path.basename(paths.frame), "raw frame"),
        *raw.cards,
        *spectrum_cards(spectrum, raw.facts, params.rows, params.cosmic_rays),
        ("CREATOR", f"lampflux {__version__}", "software that made this file"),
    ]
    write_spectrum(snakemake.output.fits, cards, spectrum, block_means(raw.frame), raw.frame.shape)


if __name__ == "__main__":
    run(main, snakemake)
