# All inputs and products looked through, nothing computed: snakemake check


rule check:
    log:
        "<results>/logs/check.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        code=code_of("check"),
        problems=lambda wildcards: campaign.problems,
        exposures=lambda wildcards: campaign.files_to_check(),
        results=campaign.results,
    message:
        "frames, darks, tables and products: is all as it should be?"
    script:
        "../scripts/check.py"
