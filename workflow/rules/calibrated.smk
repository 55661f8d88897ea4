# 1D spectra to calibrated spectra: every pixel gets a wavelength.


rule calibrate_wavelengths:
    input:
        spectrum=f"{RESULTS}/spectra/{{exposure}}.fits",
        lines=line_lists_of,
        reference=reference_of,
    output:
        fits=f"{RESULTS}/calibrated/{{exposure}}.fits",
        lines=f"{RESULTS}/calibrated/{{exposure}}_lines.csv",
        png=report(
            f"{RESULTS}/calibrated/{{exposure}}.png",
            caption="../report/calibrated.rst",
            category="5 Calibrated spectra",
            labels={"exposure": "{exposure}"},
        ),
    log:
        f"{RESULTS}/logs/calibrated/{{exposure}}.log",
    conda:
        "../../environment.yml"
    params:
        code=code_of("calibrated"),
        nominal=nominal_solution,
        ions=ions_of,
        fit=config["wavelengths"] == "fitted",
    message:
        "{wildcards.exposure}: pixels to wavelengths"
    script:
        "../scripts/calibrated.py"
