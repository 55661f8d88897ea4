# Check all inputs, compute nothing: snakemake check


rule check:
    log:
        f"{RESULTS}/logs/check.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        code=code_of("check"),
        problems=lambda wildcards: PROBLEMS,
        exposures=exposures_to_check,
    message:
        "check frames, darks and tables"
    script:
        "../scripts/check.py"
