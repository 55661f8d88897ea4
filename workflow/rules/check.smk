# All inputs and products looked through, nothing computed: snakemake check


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
        results=RESULTS,
    message:
        "frames, darks, tables and products: is all as it should be?"
    script:
        "../scripts/check.py"
