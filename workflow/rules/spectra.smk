# Raw frames to 1D spectra: dark or bias subtracted, rows summed.


rule extract_spectrum:
    input:
        unpack(frame_files_of),
    output:
        fits="<results>/spectra/{exposure}.fits",
    log:
        "<results>/logs/spectra/{exposure}.log",
    conda:
        "../../environment.yml"
    params:
        code=code_of("spectra"),
        identity=lambda wildcards: exposure_of(wildcards).cards,
        spatial_axis=lambda wildcards: arm_of(wildcards)["spatial_axis"],
        layout=lambda wildcards: arm_of(wildcards)["frame"],
        table=config["exposures"],
        rows=lambda wildcards: arm_of(wildcards)["rows"],
        bias=lambda wildcards: campaign.bias_settings(exposure_of(wildcards)),
        master=lambda wildcards: master_files(exposure_of(wildcards).master),
        gain=lambda wildcards: arm_of(wildcards)["gain"],
        read_noise=lambda wildcards: arm_of(wildcards)["read_noise"],
        saturation=lambda wildcards: arm_of(wildcards)["saturation"],
        amplifiers=lambda wildcards: arm_of(wildcards)["amplifiers"],
        cosmic_rays=config["cosmic_rays"],
    message:
        "{wildcards.exposure}: extract the spectrum"
    script:
        "../scripts/spectra.py"
