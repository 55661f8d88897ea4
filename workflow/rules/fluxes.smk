# Calibrated spectra to line fluxes: one row for each line window.


rule measure_fluxes:
    input:
        calibrated=rules.calibrate_wavelengths.output.fits,
        lines=rules.calibrate_wavelengths.output.lines,
        line_lists=lambda wildcards: list(
            campaign.line_lists[exposure_of(wildcards).lamp].values()
        ),
        windows=window_table_of,
    output:
        csv="<results>/fluxes/{exposure}.csv",
        lines="<results>/fluxes/{exposure}_lines.csv",
        fits="<results>/fluxes/{exposure}_fits.csv",
    log:
        "<results>/logs/fluxes/{exposure}.log",
    conda:
        "../../environment.yml"
    params:
        code=code_of("fluxes"),
        medium=config["medium"],
        fibres=config["fibres"],
        ions=lambda wildcards: list(campaign.line_lists[exposure_of(wildcards).lamp]),
    message:
        "{wildcards.exposure}: measure line fluxes"
    script:
        "../scripts/fluxes.py"
