# Windows around the identified lines of lamps without a window table. Users can copy the table to
# their folder of window tables and edit it.


rule propose_windows:
    input:
        calibrated=lambda wildcards: collect(
            rules.calibrate_wavelengths.output.fits, exposure=exposures_of_all_brands(wildcards)
        ),
        lines=lambda wildcards: collect(
            rules.calibrate_wavelengths.output.lines, exposure=exposures_of_all_brands(wildcards)
        ),
    output:
        csv="<results>/windows/{lamp}_{arm}.csv",
    log:
        "<results>/logs/windows/{lamp}_{arm}.log",
    conda:
        "../../environment.yml"
    params:
        code=code_of("windows"),
        medium=config["medium"],
    message:
        "{wildcards.lamp} {wildcards.arm}: propose line windows"
    script:
        "../scripts/windows.py"
