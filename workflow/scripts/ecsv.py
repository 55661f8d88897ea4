"""Write a table of results as ECSV, with the units and meanings of its columns."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/..")

from lampflux.files.products import read_product
from lampflux.files.whole import whole
from lampflux.jobs import run


def main(snakemake):
    """Read the table and write it."""
    with whole(snakemake.output.ecsv) as part:
        read_product(snakemake.input.csv).write(part, format="ascii.ecsv")


if __name__ == "__main__":
    run(main, snakemake)
