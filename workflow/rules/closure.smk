# Compare every flux and wavelength of the simulated exposures with the truth.

SIMULATED = {
    "folder": [Path(exposure.path).parent.name for exposure in campaign.exposures.values()],
    "exposure": list(campaign.exposures),
}


rule compare_with_truth:
    input:
        fluxes=collect(rules.measure_fluxes.output.csv, exposure=campaign.exposures),
        calibrated=collect(rules.calibrate_wavelengths.output.fits, exposure=campaign.exposures),
        lines=collect(rules.simulate_exposure.output.lines, zip, **SIMULATED),
        pixels=collect(rules.simulate_exposure.output.pixels, zip, **SIMULATED),
    output:
        lines="<results>/closure/lines.csv",
        summary="<results>/closure/summary.csv",
        png=report(
            "<results>/closure/closure.png",
            caption="../report/closure.rst",
            category="7 Closure",
        ),
    log:
        "<results>/logs/closure.log",
    conda:
        "../../environment.yml"
    params:
        code=code_of("closure"),
        pictures=campaign.pictures,
        fibres=config["fibres"],
    message:
        "compare fluxes and wavelengths with the truth"
    script:
        "../scripts/closure.py"
