# Check all inputs, compute nothing: snakemake check


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
    message:
        "check frames, darks and tables"
    script:
        "../scripts/check.py"
