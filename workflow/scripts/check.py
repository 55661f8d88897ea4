"""Look through all inputs and products without computing anything, and tell all that is wrong."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/..")

from pathlib import Path

from lampflux.campaign.check import complaints, exposure_problems
from lampflux.errors import UserError
from lampflux.files.whole import check_untouched, product_of
from lampflux.jobs import run


def main(snakemake):
    """Look at every file that the rule names and at every product, and say what was found."""
    params = snakemake.params
    problems = list(params.problems)
    for exposure in params.exposures:
        problems += exposure_problems(exposure)
    products = [product_of(record) for record in Path(params.results).glob("*/.*.sha256")]
    for product in filter(Path.is_file, sorted(products)):
        problems += complaints(check_untouched, product)
    if problems:
        raise UserError(*dict.fromkeys(problems))
    darks = {exposure["dark"] for exposure in params.exposures} - {None}
    without = sum(exposure["dark"] is None for exposure in params.exposures)
    print(
        f"Nothing is wrong. Exposures: {len(params.exposures)}, of these without a dark, so that "
        f"the bias is measured: {without}. Darks: {len(darks)}. Products: {len(products)}."
    )


if __name__ == "__main__":
    run(main, snakemake)
