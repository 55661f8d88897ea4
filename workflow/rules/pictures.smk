# Three pictures of each exposure, drawn from its products.

# Reports of more exposures leave out the pictures of raw frames, which are the largest.
FRAMES_REPORTED = 40


rule draw_exposure:
    input:
        spectrum=rules.extract_spectrum.output.fits,
        calibrated=rules.calibrate_wavelengths.output.fits,
        lines=rules.calibrate_wavelengths.output.lines,
        fluxes=rules.measure_fluxes.output.csv,
        fits=rules.measure_fluxes.output.fits,
    output:
        spectrum=(
            report(
                "<results>/spectra/{exposure}.png",
                caption="../report/spectra.rst",
                category="6 Spectra",
                labels={"exposure": "{exposure}"},
            )
            if len(campaign.exposures) <= FRAMES_REPORTED
            else "<results>/spectra/{exposure}.png"
        ),
        calibrated=report(
            "<results>/calibrated/{exposure}.png",
            caption="../report/calibrated.rst",
            category="5 Calibrated spectra",
            labels={"exposure": "{exposure}"},
        ),
        fluxes=report(
            "<results>/fluxes/{exposure}.png",
            caption="../report/fluxes.rst",
            category="4 Line fluxes",
            labels={"exposure": "{exposure}"},
        ),
    log:
        "<results>/logs/pictures/{exposure}.log",
    # Numbers come first.
    priority: -1
    conda:
        "../../environment.yml"
    params:
        code=code_of("pictures"),
        pictures=campaign.pictures,
    message:
        "{wildcards.exposure}: draw the pictures"
    script:
        "../scripts/pictures.py"
