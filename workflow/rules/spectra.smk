# Raw frames to 1D spectra: dark or bias subtracted, rows summed.


rule extract_spectrum:
    input:
        frame=frame_of,
        dark=dark_of,
        bad_pixels=bad_pixels_of,
    output:
        fits=f"{RESULTS}/spectra/{{exposure}}.fits",
        # The largest pictures: a report of many exposures leaves them out.
        png=(
            report(
                f"{RESULTS}/spectra/{{exposure}}.png",
                caption="../report/spectra.rst",
                category="6 Spectra",
                labels={"exposure": "{exposure}"},
            )
            if len(EXPOSURES) <= FRAMES_REPORTED
            else f"{RESULTS}/spectra/{{exposure}}.png"
        ),
    log:
        f"{RESULTS}/logs/spectra/{{exposure}}.log",
    conda:
        "../../environment.yml"
    params:
        code=code_of("spectra"),
        identity=identity,
        spatial_axis=arm_setting("spatial_axis", 0),
        frame=arm_setting("frame", {}),
        rows=arm_setting("rows"),
        bias=bias_settings,
        gain=arm_setting("gain"),
        read_noise=arm_setting("read_noise"),
        saturation=arm_setting("saturation"),
        amplifiers=arm_setting("amplifiers"),
        cosmic_rays=config["cosmic_rays"],
    message:
        "{wildcards.exposure}: raw frame to 1D spectrum"
    script:
        "../scripts/spectra.py"
