# 1D spectra to calibrated spectra: every pixel gets a wavelength.


rule calibrate_wavelengths:
    input:
        spectrum=f"{RESULTS}/spectra/{{exposure}}.fits",
        modules=shared("__init__", "errors", "files", "plots"),
    output:
        fits=f"{RESULTS}/calibrated/{{exposure}}.fits",
        png=report(
            f"{RESULTS}/calibrated/{{exposure}}.png",
            caption="../report/calibrated.rst",
            category="2 Calibrated spectra",
            labels={"exposure": "{exposure}"},
        ),
    log:
        f"{RESULTS}/logs/calibrated/{{exposure}}.log",
    conda:
        "../../environment.yml"
    params:
        nominal=nominal_solution,
    message:
        "{wildcards.exposure}: pixels to wavelengths"
    script:
        "../scripts/calibrated.py"
