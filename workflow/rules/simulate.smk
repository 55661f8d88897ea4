# Simulated exposures and darks, and the truth about them, while the user has no raw frames.


rule simulate_exposure:
    input:
        lines=lambda wildcards: campaign.places.emitted_lines(exposure_of(wildcards)),
    output:
        frame=f"{campaign.simulated_frames}/{{folder}}/{{exposure}}.fits",
        lines=f"{campaign.simulated_frames}/{{folder}}/{{exposure}}_truth.csv",
        pixels=f"{campaign.simulated_frames}/{{folder}}/{{exposure}}_injected.csv",
    log:
        "<results>/logs/simulate/{folder}/{exposure}.log",
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
        brightness=lambda wildcards: campaign.simulation.brightness[wildcards.exposure],
        settings=campaign.simulation_settings(),
        physics=lambda wildcards: campaign.simulation.physics[exposure_of(wildcards).arm],
    message:
        "{wildcards.exposure}: simulate the raw frame"
    script:
        "../scripts/simulate.py"


rule simulate_dark:
    output:
        frame=f"{campaign.simulated_frames}/{{folder}}/Dark_{{arm}}_{{exptime}}s.fits",
    log:
        "<results>/logs/simulate/{folder}/Dark_{arm}_{exptime}s.log",
    wildcard_constraints:
        folder="[^/]+",
        arm="|".join(campaign.simulation.physics),
        exptime=r"\d+(\.\d+)?",
    conda:
        "../../environment.yml"
    params:
        code=code_of("simulate"),
        name="Dark_{arm}_{exptime}s",
        arm="{arm}",
        exptime=lambda wildcards: float(wildcards.exptime),
        brightness=0,
        settings=campaign.simulation_settings(),
        physics=lambda wildcards: campaign.simulation.physics[wildcards.arm],
    message:
        "{wildcards.folder}: simulate the dark of {wildcards.exptime} s"
    script:
        "../scripts/simulate.py"
