# All inputs and products looked through, nothing computed: snakemake check


rule check:
    input:
        modules=shared(
            "__init__", "errors", "files", "frames", "integrity", "jobs", "tables", "windows"
        ),
    log:
        f"{RESULTS}/logs/check.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        problems=lambda wildcards: PROBLEMS,
        exposures=exposures_to_check,
        results=RESULTS,
    message:
        "frames, darks, tables and products: is all as it should be?"
    script:
        "../scripts/check.py"
