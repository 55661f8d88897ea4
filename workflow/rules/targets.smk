# Targets: everything, each lamp (Photron_ThAr), and each lamp and arm (Photron_ThAr_Red).


def products_of(exposures):
    """Every product of some exposures, and the summaries of their lamps."""
    lamps = sorted({exposure.identity[:3] for exposure in exposures})
    brand, lamp, arm = map(list, zip(*lamps))
    return [
        *collect(rules.extract_spectrum.output, exposure=stems(exposures)),
        *collect(rules.calibrate_wavelengths.output, exposure=stems(exposures)),
        *collect(rules.measure_fluxes.output, exposure=stems(exposures)),
        *(
            collect(rules.draw_exposure.output, exposure=stems(exposures))
            if config["pictures"] != "none"
            else []
        ),
        *collect(rules.summarise_lamp.output, zip, brand=brand, lamp=lamp, arm=arm),
    ]


def all_products():
    """Every product."""
    return [
        *products_of(campaign.exposures.values()),
        *rules.compare_lamps.output,
        *rules.plan_exposures.output,
        *rules.check_quality.output,
        *rules.plan_instrument.output,
        *rules.answer.output,
        *(rules.compare_with_truth.output if campaign.simulates else []),
    ]


or_stop(campaign.check_targets, {rule.name for rule in workflow.rules})


for target, exposures in campaign.targets.items():

    rule:
        name:
            target
        # A function, because Snakemake keeps the inputs of every rule, needed or not.
        input:
            lambda wildcards, exposures=exposures: products_of(exposures),
        localrule: True
