# Line fluxes to lamps: each lamp's lines over all its exposures, a comparison of all lamps, and
# exposure times.


TABLE_PAGE = str(PROJECT / "workflow" / "report" / "table.html")


rule summarise_lamp:
    input:
        fluxes=lambda wildcards: collect(
            rules.measure_fluxes.output.csv,
            exposure=stems(campaign.exposures_of(*lamp_of(wildcards))),
        ),
        identified=lambda wildcards: collect(
            rules.measure_fluxes.output.lines,
            exposure=stems(campaign.exposures_of(*lamp_of(wildcards))),
        ),
        shown=lambda wildcards: rules.calibrate_wavelengths.output.fits.format(
            exposure=campaign.shown(*lamp_of(wildcards)).stem
        ),
    output:
        csv="<results>/lamps/{brand}_{lamp}_{arm}.csv",
        exposures="<results>/lamps/{brand}_{lamp}_{arm}_exposures.csv",
        png=report(
            "<results>/lamps/{brand}_{lamp}_{arm}.png",
            caption="../report/lamps.rst",
            category="2 Lamps",
            # With arms as a label, a report shows nothing where half of the lamps are of each of two
            # arms: Snakemake then expects each lamp in both.
            labels={"lamp": "{brand} {lamp} {arm}"},
        ),
    log:
        "<results>/logs/lamps/{brand}_{lamp}_{arm}.log",
    conda:
        "../../environment.yml"
    params:
        code=code_of("lamps"),
        pictures=campaign.pictures,
        lamp=lambda wildcards: campaign.lamp_description(*lamp_of(wildcards)),
        fibres=config["fibres"],
    message:
        "{wildcards.brand} {wildcards.lamp} {wildcards.arm}: summarise all exposures"
    script:
        "../scripts/lamps.py"


# One for each brand, lamp and arm.
LAMP_TABLES = [
    rules.summarise_lamp.output.csv.format(brand=brand, lamp=lamp, arm=arm)
    for brand, lamp, arm in campaign.series
]


rule compare_lamps:
    input:
        lamps=LAMP_TABLES,
        shown=collect(
            rules.calibrate_wavelengths.output.fits,
            exposure=[campaign.shown(*names).stem for names in campaign.series],
        ),
        page=TABLE_PAGE,
    output:
        lines="<results>/lamps/all_lines.csv",
        coverage="<results>/lamps/coverage.csv",
        lines_html=report(
            "<results>/lamps/all_lines.html",
            caption="../report/all_lines.rst",
            category="1 Answers",
            labels={"answer": "2 lines of all lamps", "as": "table"},
        ),
        coverage_html=report(
            "<results>/lamps/coverage.html",
            caption="../report/coverage_table.rst",
            category="1 Answers",
            labels={"answer": "1 coverage", "as": "table"},
        ),
        atlas=report(
            "<results>/lamps/atlas.png",
            caption="../report/atlas.rst",
            category="1 Answers",
            labels={"answer": "2 lines of all lamps", "as": "picture"},
        ),
        coverage_png=report(
            "<results>/lamps/coverage.png",
            caption="../report/coverage.rst",
            category="1 Answers",
            labels={"answer": "1 coverage", "as": "picture"},
        ),
    log:
        "<results>/logs/lamps/atlas.log",
    conda:
        "../../environment.yml"
    params:
        code=code_of("atlas"),
        pictures=campaign.pictures,
        lamps=list(campaign.series),
        line_limit=config["line_limit"],
    message:
        "compare all lamps"
    script:
        "../scripts/atlas.py"


rule plan_exposures:
    input:
        lamps=LAMP_TABLES,
        instrument=campaign.planned_instrument,
        page=TABLE_PAGE,
    output:
        plan="<results>/lamps/exposure_plan.csv",
        lines="<results>/lamps/planned_lines.csv",
        html=report(
            "<results>/lamps/exposure_plan.html",
            caption="../report/plan_table.rst",
            category="1 Answers",
            labels={"answer": "3 exposure plan", "as": "table"},
        ),
        png=report(
            "<results>/lamps/exposure_plan.png",
            caption="../report/exposure_plan.rst",
            category="1 Answers",
            labels={"answer": "3 exposure plan", "as": "picture"},
        ),
    log:
        "<results>/logs/lamps/exposure_plan.log",
    conda:
        "../../environment.yml"
    params:
        code=code_of("planner"),
        pictures=campaign.pictures,
        lamps=list(campaign.series),
        fibres=config["fibres"],
        line_limit=config["line_limit"],
        peak=config["planner"]["peak"],
        snr=config["planner"]["snr"],
        scale=config["planner"]["scale"],
        saturation=campaign.saturation_limits(),
    message:
        "plan exposure times"
    script:
        "../scripts/planner.py"
