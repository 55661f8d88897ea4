# Line fluxes to answers: each lamp's lines over all its exposures, all lamps side by side, and how
# long to expose each.


rule summarise_lamp:
    input:
        fluxes=exposures_of_brand("{results}/fluxes/{exposure}.csv"),
        identified=exposures_of_brand("{results}/fluxes/{exposure}_lines.csv"),
        shown=shown_spectrum,
    output:
        csv=f"{RESULTS}/lamps/{{brand}}_{{lamp}}_{{arm}}.csv",
        exposures=f"{RESULTS}/lamps/{{brand}}_{{lamp}}_{{arm}}_exposures.csv",
        png=report(
            f"{RESULTS}/lamps/{{brand}}_{{lamp}}_{{arm}}.png",
            caption="../report/lamps.rst",
            category="2 Lamps",
            labels={"lamp": "{brand} {lamp}", "arm": "{arm}"},
        ),
    log:
        f"{RESULTS}/logs/lamps/{{brand}}_{{lamp}}_{{arm}}.log",
    wildcard_constraints:
        brand="[^/_]+",
        lamp="[^/_]+",
        arm="[^/_]+",
    conda:
        "../../environment.yml"
    params:
        code=code_of("lamps"),
        lamp=lamp_identity,
        fibres=config["fibres"],
    message:
        "{wildcards.brand} {wildcards.lamp} {wildcards.arm}: all exposures to lines"
    script:
        "../scripts/lamps.py"


rule compare_lamps:
    input:
        lamps=lamp_files("{results}/lamps/{brand}_{lamp}_{arm}.csv"),
        shown=lamp_files("{results}/calibrated/{shown}.fits"),
        page=TABLE_PAGE,
    output:
        lines=f"{RESULTS}/lamps/all_lines.csv",
        coverage=f"{RESULTS}/lamps/coverage.csv",
        lines_html=report(
            f"{RESULTS}/lamps/all_lines.html",
            caption="../report/all_lines.rst",
            category="1 Answers",
            labels={"answer": "2 lines of all lamps", "as": "table"},
        ),
        coverage_html=report(
            f"{RESULTS}/lamps/coverage.html",
            caption="../report/coverage_table.rst",
            category="1 Answers",
            labels={"answer": "1 coverage", "as": "table"},
        ),
        atlas=report(
            f"{RESULTS}/lamps/atlas.png",
            caption="../report/atlas.rst",
            category="1 Answers",
            labels={"answer": "2 lines of all lamps", "as": "picture"},
        ),
        coverage_png=report(
            f"{RESULTS}/lamps/coverage.png",
            caption="../report/coverage.rst",
            category="1 Answers",
            labels={"answer": "1 coverage", "as": "picture"},
        ),
    log:
        f"{RESULTS}/logs/lamps/atlas.log",
    conda:
        "../../environment.yml"
    params:
        code=code_of("atlas"),
        lamps=lamp_names(),
        line_limit=config["line_limit"],
    message:
        "lines of all lamps side by side"
    script:
        "../scripts/atlas.py"


rule plan_exposures:
    input:
        lamps=lamp_files("{results}/lamps/{brand}_{lamp}_{arm}.csv"),
        page=TABLE_PAGE,
    output:
        plan=f"{RESULTS}/lamps/exposure_plan.csv",
        lines=f"{RESULTS}/lamps/planned_lines.csv",
        html=report(
            f"{RESULTS}/lamps/exposure_plan.html",
            caption="../report/plan_table.rst",
            category="1 Answers",
            labels={"answer": "3 exposure plan", "as": "table"},
        ),
        png=report(
            f"{RESULTS}/lamps/exposure_plan.png",
            caption="../report/exposure_plan.rst",
            category="1 Answers",
            labels={"answer": "3 exposure plan", "as": "picture"},
        ),
    log:
        f"{RESULTS}/logs/lamps/exposure_plan.log",
    conda:
        "../../environment.yml"
    params:
        code=code_of("planner"),
        lamps=lamp_names(),
        fibres=config["fibres"],
        line_limit=config["line_limit"],
        peak=config["planner"]["peak"],
        snr=config["planner"]["snr"],
        scale=config["planner"]["scale"],
        saturation=saturation_limits(),
    message:
        "exposure times of all lamps"
    script:
        "../scripts/planner.py"
