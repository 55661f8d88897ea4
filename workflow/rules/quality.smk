# Health of all exposures: parameters of each, compared with thresholds and with each other.


rule check_quality:
    input:
        calibrated=lambda wildcards: collect(
            rules.calibrate_wavelengths.output.fits, exposure=stems(campaign.in_order)
        ),
        fluxes=lambda wildcards: collect(
            rules.measure_fluxes.output.csv, exposure=stems(campaign.in_order)
        ),
        identified=lambda wildcards: collect(
            rules.measure_fluxes.output.lines, exposure=stems(campaign.in_order)
        ),
        lamps=[
            rules.summarise_lamp.output.exposures.format(brand=brand, lamp=lamp, arm=arm)
            for brand, lamp, arm in campaign.series
        ],
        page=TABLE_PAGE,
    output:
        csv="<results>/quality/exposures.csv",
        html=report(
            "<results>/quality/exposures.html",
            caption="../report/quality_table.rst",
            category="3 Quality",
            labels={"health": "table"},
        ),
        png=report(
            "<results>/quality/trends.png",
            caption="../report/quality.rst",
            category="3 Quality",
            labels={"health": "trends"},
        ),
    log:
        "<results>/logs/quality.log",
    conda:
        "../../environment.yml"
    params:
        code=code_of("quality"),
        pictures=campaign.pictures,
        exposures=campaign.exposure_descriptions(),
        ions={lamp: list(paths) for lamp, paths in campaign.line_lists.items()},
        thresholds=config["quality"],
        fit=config["wavelengths"] != "nominal",
    message:
        "check the health of all exposures"
    script:
        "../scripts/quality.py"
