# Health of all exposures: parameters of each, held against thresholds and against each other.


rule check_quality:
    input:
        calibrated=exposure_files("{results}/calibrated/{exposure}.fits"),
        fluxes=exposure_files("{results}/fluxes/{exposure}.csv"),
        page=TABLE_PAGE,
    output:
        csv=f"{RESULTS}/quality/exposures.csv",
        html=report(
            f"{RESULTS}/quality/exposures.html",
            caption="../report/quality_table.rst",
            category="3 Quality",
            labels={"health": "table"},
        ),
        png=report(
            f"{RESULTS}/quality/trends.png",
            caption="../report/quality.rst",
            category="3 Quality",
            labels={"health": "trends"},
        ),
    log:
        f"{RESULTS}/logs/quality.log",
    conda:
        "../../environment.yml"
    params:
        code=code_of("quality"),
        exposures=exposure_identities(),
        thresholds=config["quality"],
        fit=config["wavelengths"] == "fitted",
    message:
        "health of all exposures"
    script:
        "../scripts/quality.py"
