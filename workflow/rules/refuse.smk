# Every target of a campaign with problems ends with these; only the target check
# looks further. As a module, lampflux must not answer for the products of other workflows.


if not IS_MAIN:
    stop(campaign.problems)


def all_products():
    """Nothing: the run ends with all that is wrong."""
    stop(campaign.problems)


rule refuse:
    input:
        lambda wildcards: stop(campaign.problems),
    output:
        "{product}",
    wildcard_constraints:
        product=".+",
    localrule: True
