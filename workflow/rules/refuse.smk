# Every target of a campaign with problems ends with its list of problems; only the target check
# goes on. As a module, lampflux must not claim the products of other workflows.


if not IS_MAIN:
    stop(campaign.problems)


def all_products():
    """End the run with everything that is wrong."""
    stop(campaign.problems)


rule refuse:
    input:
        lambda wildcards: stop(campaign.problems),
    output:
        "{product}",
    wildcard_constraints:
        product=".+",
    localrule: True
