# Raw frames to 1D spectra: dark or bias subtracted, rows summed.


def dark_of(wildcards):
    """The exposure's dark, or nothing."""
    return exposure_of(wildcards).dark or []


def bias_settings(wildcards):
    """How to estimate the bias; nothing for an exposure with a dark, which needs none."""
    if dark_of(wildcards):
        return None
    return {
        "method": arm_setting("bias")(wildcards),
        "amplifiers": arm_setting("amplifiers")(wildcards),
        "range": arm_setting("bias_range")(wildcards),
    }


def identity(wildcards):
    """What the products' headers and titles say of the exposure."""
    exposure = exposure_of(wildcards)
    return {
        "BRAND": exposure.brand,
        "LAMP": exposure.lamp,
        "CCD": exposure.arm,
        "EXPTIME": exposure.exptime,
        "ID": exposure.id,
    }


rule extract_spectrum:
    input:
        frame=lambda wildcards: exposure_of(wildcards).path,
        dark=dark_of,
        modules=shared("__init__", "errors", "files", "frames", "plots"),
    output:
        fits=f"{RESULTS}/spectra/{{exposure}}.fits",
        png=report(
            f"{RESULTS}/spectra/{{exposure}}.png",
            caption="../report/spectra.rst",
            category="1 Spectra",
            labels={"exposure": "{exposure}"},
        ),
    log:
        f"{RESULTS}/logs/spectra/{{exposure}}.log",
    conda:
        "../../environment.yml"
    params:
        identity=identity,
        spatial_axis=arm_setting("spatial_axis", 0),
        rows=arm_setting("rows"),
        bias=bias_settings,
        gain=arm_setting("gain"),
        read_noise=arm_setting("read_noise"),
    message:
        "{wildcards.exposure}: raw frame to 1D spectrum"
    script:
        "../scripts/spectra.py"
