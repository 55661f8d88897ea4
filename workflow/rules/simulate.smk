# Exposures, darks and the truth about them, while there are no raw frames of the user's own.


rule simulate_exposure:
    input:
        lines=emitted_lines_of,
    output:
        frame=f"{FRAMES}/{{folder}}/{{exposure}}.fits",
        lines=f"{FRAMES}/{{folder}}/{{exposure}}_truth.csv",
        pixels=f"{FRAMES}/{{folder}}/{{exposure}}_injected.csv",
    log:
        f"{RESULTS}/logs/simulate/{{folder}}/{{exposure}}.log",
    wildcard_constraints:
        exposure="(?!Dark_)[^/]+",
        folder="[^/]+",
    conda:
        "../../environment.yml"
    params:
        code=code_of("simulate"),
        name="{exposure}",
        arm=lambda wildcards: exposure_of(wildcards).arm,
        exptime=lambda wildcards: exposure_of(wildcards).exptime,
        brightness=lambda wildcards: BRIGHTNESS[wildcards.exposure],
        settings=simulation_settings,
        physics=lambda wildcards: PHYSICS[exposure_of(wildcards).arm],
    message:
        "{wildcards.exposure}: simulate the raw frame"
    script:
        "../scripts/simulate.py"


rule simulate_dark:
    output:
        frame=f"{FRAMES}/{{folder}}/Dark_{{arm}}_{{exptime}}s.fits",
    log:
        f"{RESULTS}/logs/simulate/{{folder}}/Dark_{{arm}}_{{exptime}}s.log",
    wildcard_constraints:
        folder="[^/]+",
        arm="|".join(PHYSICS),
        exptime=r"\d+(\.\d+)?",
    conda:
        "../../environment.yml"
    params:
        code=code_of("simulate"),
        name="Dark_{arm}_{exptime}s",
        arm="{arm}",
        exptime=lambda wildcards: float(wildcards.exptime),
        brightness=0,
        settings=simulation_settings,
        physics=lambda wildcards: PHYSICS[wildcards.arm],
    message:
        "{wildcards.folder}: simulate the dark of {wildcards.exptime} s"
    script:
        "../scripts/simulate.py"
