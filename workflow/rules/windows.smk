# Windows for lamps that have no table of them, from their identified lines. The table can be
# copied to the user's own folder of window tables, and edited there.


rule propose_windows:
    input:
        calibrated=exposures_of_lamp("{results}/calibrated/{exposure}.fits"),
        lines=exposures_of_lamp("{results}/calibrated/{exposure}_lines.csv"),
    output:
        csv=f"{RESULTS}/windows/{{lamp}}_{{arm}}.csv",
    log:
        f"{RESULTS}/logs/windows/{{lamp}}_{{arm}}.log",
    wildcard_constraints:
        lamp="[^/_]+",
        arm="[^/_]+",
    conda:
        "../../environment.yml"
    params:
        code=code_of("windows"),
    message:
        "{wildcards.lamp} {wildcards.arm}: identified lines to line windows"
    script:
        "../scripts/windows.py"
