# 1D spectra to calibrated spectra: every pixel gets a wavelength.


rule calibrate_wavelengths:
    input:
        spectrum=rules.extract_spectrum.output.fits,
        lines=lambda wildcards: campaign.line_lists[exposure_of(wildcards).lamp].values(),
        reference=lambda wildcards: campaign.references.get(exposure_of(wildcards).arm, []),
    output:
        fits="<results>/calibrated/{exposure}.fits",
        lines="<results>/calibrated/{exposure}_lines.csv",
    log:
        "<results>/logs/calibrated/{exposure}.log",
    conda:
        "../../environment.yml"
    params:
        code=code_of("calibrated"),
        known=lambda wildcards: campaign.known_wavelengths(exposure_of(wildcards)),
        ions=lambda wildcards: list(campaign.line_lists[exposure_of(wildcards).lamp]),
        fit=config["wavelengths"] != "nominal",
    message:
        "{wildcards.exposure}: calibrate wavelengths"
    script:
        "../scripts/calibrated.py"
