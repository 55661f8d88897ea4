"""Simulate a raw exposure with the truth about it, or a dark."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/..")

from astropy.io import fits

from lampflux import __version__
from lampflux.files.products import write_product
from lampflux.files.tables import read_emitted_lines
from lampflux.files.whole import whole
from lampflux.jobs import run
from lampflux.simulation.exposure import simulate


def main(snakemake):
    """Read the lines of the lamp, simulate, and write the frame and the truth about it."""
    output, params = snakemake.output, snakemake.params
    # A dark has no lines and no truth.
    line_table = snakemake.input.get("lines")
    lines = read_emitted_lines(line_table) if line_table else []
    frame, truth, columns = simulate(
        params.name,
        params.arm,
        params.exptime,
        lines,
        params.brightness,
        params.settings,
        params.physics,
    )
    hdu = fits.PrimaryHDU(frame)
    hdu.header["EXPTIME"] = (params.exptime, "[s] exposure time")
    hdu.header["SIMULATE"] = (True, "this frame is simulated")
    hdu.header["SEED"] = (params.settings["seed"], "seed of the random numbers")
    hdu.header["FIRSTROW"] = (params.settings["first_row"], "detector row of row 0")
    hdu.header["CREATOR"] = (f"lampflux {__version__}", "software that made this file")
    with whole(output.frame) as part:
        hdu.writeto(part)
    if line_table:
        write_product(output.lines, "truth_lines", truth)
        pixels = (
            {"pixel": pixel} | dict(zip(columns, values))
            for pixel, values in enumerate(zip(*columns.values()))
        )
        write_product(output.pixels, "truth_pixels", pixels)


if __name__ == "__main__":
    run(main, snakemake)
