# Gain and read noise of an arm from its repeats and single exposures, made only on request. To use
# the table, copy it to the folder gains.


rule measure_gain:
    input:
        spectra=lambda wildcards: collect(
            rules.extract_spectrum.output.fits, exposure=exposures_of_arm(wildcards)
        ),
        frames=lambda wildcards: [fetched(path) for path, _ in repeats_of(wildcards)],
        bad_pixels=lambda wildcards: campaign.arms[wildcards.arm]["frame"].get("bad_pixels", []),
    output:
        csv="<results>/gains/{arm}.csv",
    log:
        "<results>/logs/gains/{arm}.log",
    conda:
        "../../environment.yml"
    params:
        code=code_of("gains"),
        seconds=lambda wildcards: [seconds for _, seconds in repeats_of(wildcards)],
        spatial_axis=lambda wildcards: campaign.arms[wildcards.arm]["spatial_axis"],
        layout=lambda wildcards: campaign.arms[wildcards.arm]["frame"],
        table=config["exposures"],
        rows=lambda wildcards: campaign.arms[wildcards.arm]["rows"],
        saturation=lambda wildcards: campaign.arms[wildcards.arm]["saturation"],
        amplifiers=lambda wildcards: campaign.arms[wildcards.arm]["amplifiers"],
    message:
        "{wildcards.arm}: measure gain and read noise"
    script:
        "../scripts/gains.py"
