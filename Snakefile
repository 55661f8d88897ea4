# lampflux: from raw frames of calibration lamps to line fluxes.
#
#   raw frames -> results/spectra -> results/calibrated -> results/fluxes -> results/lamps
#
# Each folder of results has a rules file and a script of the same name. Without raw frames,
# simulated ones are made first, and results/closure compares the results with the truth.

from pathlib import Path

from snakemake.utils import min_version

min_version("9.14")


# The folder of this file, with config.yaml, resources and scripts.
PROJECT = Path(workflow.current_basedir.get_path_or_uri(secret_free=True))


include: "workflow/rules/common.smk"


report: "workflow/report/workflow.rst"


wildcard_constraints:
    exposure="[^/]+",
    brand="[^/_]+",
    lamp="[^/_]+",
    arm="[^/_]+",


rule all:
    default_target: True
    input:
        lambda wildcards: all_products(),
    localrule: True


include: "workflow/rules/check.smk"


if campaign.problems:

    include: "workflow/rules/refuse.smk"

else:

    include: "workflow/rules/masters.smk"
    include: "workflow/rules/spectra.smk"
    include: "workflow/rules/gains.smk"
    include: "workflow/rules/calibrated.smk"
    include: "workflow/rules/windows.smk"
    include: "workflow/rules/fluxes.smk"
    include: "workflow/rules/pictures.smk"
    include: "workflow/rules/lamps.smk"
    include: "workflow/rules/quality.smk"
    include: "workflow/rules/answers.smk"
    include: "workflow/rules/ecsv.smk"

    if campaign.simulates:

        include: "workflow/rules/simulate.smk"
        include: "workflow/rules/closure.smk"
    include: "workflow/rules/targets.smk"


include: "workflow/rules/run.smk"
