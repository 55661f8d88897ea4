# Health of all exposures: parameters of each, held against thresholds and against each other.


rule check_quality:
    input:
        calibrated=exposure_files("{results}/calibrated/{exposure}.fits"),
        fluxes=exposure_files("{results}/fluxes/{exposure}.csv"),
        modules=shared("__init__", "errors", "files", "plots"),
    output:
        csv=f"{RESULTS}/quality/exposures.csv",
        png=report(
            f"{RESULTS}/quality/trends.png",
            caption="../report/quality.rst",
            category="3 Quality",
            labels={"what": "trends"},
        ),
    log:
        f"{RESULTS}/logs/quality.log",
    conda:
        "../../environment.yml"
    params:
        exposures=exposure_identities(),
        thresholds=config["quality"],
        fit=config["wavelengths"] == "fitted",
    message:
        "health of all exposures"
    script:
        "../scripts/quality.py"
