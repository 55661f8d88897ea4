"""Check all inputs without computing anything, and report everything that is wrong."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/..")

from lampflux.campaign.check import exposure_problems, same_pixels
from lampflux.errors import UserError
from lampflux.jobs import run


def main(snakemake):
    """Check every file that the rule names."""
    params = snakemake.params
    problems = list(params.problems)
    for exposure in params.exposures:
        problems += exposure_problems(exposure)
    problems += same_pixels(exposure["frame"] for exposure in params.exposures)
    if problems:
        raise UserError(*dict.fromkeys(problems))
    backgrounds = [dict(exposure["backgrounds"]) for exposure in params.exposures]
    seconds = {path: time for each in backgrounds for path, time in each.items()}
    biases = sum(time == 0 for time in seconds.values())
    print(
        f"No problems found. Exposures: {len(backgrounds)}, of these without a dark: "
        f"{backgrounds.count({})}. Darks: {len(seconds) - biases}. "
        f"Biases: {biases}."
    )


if __name__ == "__main__":
    run(main, snakemake)
