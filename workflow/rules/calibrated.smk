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
        medium=config["medium"],
        known=lambda wildcards: campaign.known_wavelengths(exposure_of(wildcards)),
        ions=lambda wildcards: list(campaign.line_lists[exposure_of(wildcards).lamp]),
        fit=config["wavelengths"] != "nominal",
    message:
        "{wildcards.exposure}: calibrate wavelengths"
    script:
        "../scripts/calibrated.py"


# A reference solution of an arm from all its lamps, made only on request. To use it, copy it to
# the folder wavelength_references.
rule join_wavelengths:
    input:
        calibrated=lambda wildcards: collect(
            rules.calibrate_wavelengths.output.fits, exposure=exposures_of_arm(wildcards)
        ),
        lines=lambda wildcards: collect(
            rules.calibrate_wavelengths.output.lines, exposure=exposures_of_arm(wildcards)
        ),
    output:
        csv="<results>/wavelength_references/{arm}.csv",
    log:
        "<results>/logs/wavelength_references/{arm}.log",
    conda:
        "../../environment.yml"
    params:
        code=code_of("wavelength_reference"),
        medium=config["medium"],
    message:
        "{wildcards.arm}: join the lines of all lamps to a reference solution"
    script:
        "../scripts/wavelength_reference.py"
