# Calibrated spectra to line fluxes: one row for each line window.


rule measure_fluxes:
    input:
        calibrated=f"{RESULTS}/calibrated/{{exposure}}.fits",
        lines=f"{RESULTS}/calibrated/{{exposure}}_lines.csv",
        line_lists=line_lists_of,
        windows=window_table_of,
    output:
        csv=f"{RESULTS}/fluxes/{{exposure}}.csv",
        png=report(
            f"{RESULTS}/fluxes/{{exposure}}.png",
            caption="../report/fluxes.rst",
            category="4 Line fluxes",
            labels={"exposure": "{exposure}"},
        ),
    log:
        f"{RESULTS}/logs/fluxes/{{exposure}}.log",
    conda:
        "../../environment.yml"
    params:
        code=code_of("fluxes"),
        fibres=config["fibres"],
        ions=ions_of,
    message:
        "{wildcards.exposure}: line windows to fluxes"
    script:
        "../scripts/fluxes.py"
