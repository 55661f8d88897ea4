# Measured against injected: every flux and wavelength of the simulated exposures.


rule compare_with_truth:
    input:
        fluxes=closure_inputs("{results}/fluxes/{exposure}.csv"),
        calibrated=closure_inputs("{results}/calibrated/{exposure}.fits"),
        lines=closure_inputs("{frame}_truth.csv"),
        pixels=closure_inputs("{frame}_injected.csv"),
    output:
        lines=f"{RESULTS}/closure/lines.csv",
        summary=f"{RESULTS}/closure/summary.csv",
        png=report(
            f"{RESULTS}/closure/closure.png",
            caption="../report/closure.rst",
            category="7 Closure",
        ),
    log:
        f"{RESULTS}/logs/closure.log",
    conda:
        "../../environment.yml"
    params:
        code=code_of("closure"),
        fibres=config["fibres"],
    message:
        "measured fluxes and wavelengths against those put in"
    script:
        "../scripts/closure.py"
