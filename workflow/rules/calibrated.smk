# 1D spectra to calibrated spectra: every pixel gets a wavelength.


rule calibrate_wavelengths:
    input:
        spectrum=rules.extract_spectrum.output.fits,
        lines=lambda wildcards: campaign.line_lists[exposure_of(wildcards).lamp].values(),
        reference=lambda wildcards: campaign.references.get(exposure_of(wildcards).arm, []),
    output:
        fits="<results>/calibrated/{exposure}.fits",
        lines="<results>/calibrated/{exposure}_lines.csv",
        png=report(
            "<results>/calibrated/{exposure}.png",
            caption="../report/calibrated.rst",
            category="5 Calibrated spectra",
            labels={"exposure": "{exposure}"},
        ),
    log:
        "<results>/logs/calibrated/{exposure}.log",
    conda:
        "../../environment.yml"
    params:
        code=code_of("calibrated"),
        nominal=lambda wildcards: campaign.nominal_solution(exposure_of(wildcards)),
        ions=lambda wildcards: list(campaign.line_lists[exposure_of(wildcards).lamp]),
        fit=config["wavelengths"] == "fitted",
    message:
        "{wildcards.exposure}: calibrate wavelengths"
    script:
        "../scripts/calibrated.py"
