"""Check all inputs without computing anything, and report everything that is wrong."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/..")

from lampflux.campaign.check import exposure_problems
from lampflux.errors import UserError
from lampflux.jobs import run


def main(snakemake):
    """Check every file that the rule names."""
    params = snakemake.params
    problems = list(params.problems)
    for exposure in params.exposures:
        problems += exposure_problems(exposure)
    if problems:
        raise UserError(*dict.fromkeys(problems))
    darks = {exposure["dark"] for exposure in params.exposures} - {None}
    without = sum(exposure["dark"] is None for exposure in params.exposures)
    print(
        f"Nothing is wrong. Exposures: {len(params.exposures)}, of these without a dark, so that "
        f"the bias is measured: {without}. Darks: {len(darks)}."
    )


if __name__ == "__main__":
    run(main, snakemake)
