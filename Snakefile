# lampflux: from raw frames of calibration lamps to line fluxes.
#
#   raw frames -> results/spectra -> results/calibrated -> results/fluxes -> results/lamps
#
# Each folder of results has a rules file and a script of its own name; results/quality holds the
# health of all exposures. Without raw frames of the user's own, simulated ones come first, and
# results/closure holds the outcome against the truth.

from pathlib import Path

from snakemake.utils import min_version

min_version("9.0")


# The folder of this file; resources and scripts lie below it, wherever the work is done.
PROJECT = Path(workflow.current_basedir.get_path_or_uri(secret_free=True))


include: "workflow/rules/config.smk"


configfile: str(PROJECT / "config.yaml")


report: "workflow/report/workflow.rst"


wildcard_constraints:
    exposure="[^/]+",


include: "workflow/rules/common.smk"
include: "workflow/rules/inputs.smk"
include: "workflow/rules/run.smk"


rule all:
    default_target: True
    input:
        all_products,
    localrule: True


include: "workflow/rules/spectra.smk"
include: "workflow/rules/calibrated.smk"
include: "workflow/rules/windows.smk"
include: "workflow/rules/fluxes.smk"
include: "workflow/rules/lamps.smk"
include: "workflow/rules/quality.smk"
include: "workflow/rules/answers.smk"
include: "workflow/rules/check.smk"


if SIMULATED:

    include: "workflow/rules/simulate.smk"
    include: "workflow/rules/closure.smk"


# One target for each lamp (Photron_ThAr) and for each lamp and arm (Photron_ThAr_Red).
for target, exposures in lamp_targets().items():

    rule:
        name:
            target
        input:
            products(exposures),
            lamp_products(exposures),
        localrule: True


# A cluster job of many exposures has no onstart.
if not workflow.is_main_process and workflow.modifier.is_main_snakefile():
    fork_scripts()


onstart:
    claim_results()
    start_without_pause()
    fork_scripts()


onsuccess:
    answers()


onerror:
    drop_outdated()
    failures(log)
