# Make the campaign, and find the exposures and settings that a product's name refers to.

import gc
import sys

from snakemake.logging import logger

sys.path.append(str(PROJECT / "workflow"))

from lampflux.campaign import internals
from lampflux.campaign.campaign import Campaign
from lampflux.campaign.code import checksum
from lampflux.campaign.darks import master_files
from lampflux.campaign.ending import stop
from lampflux.campaign.exposures import address_problems, is_address
from lampflux.campaign.repeats import pairs_of_repeats
from lampflux.errors import UserError

# Python would search Snakemake's many objects for garbage, and find none, in a sixth of the time
# that planning takes.
gc.set_threshold(50_000)

# Otherwise it is a module of another workflow.
IS_MAIN = Path(workflow.basedir).resolve() in (PROJECT.resolve(), PROJECT.resolve() / "workflow")


def or_stop(function, *arguments):
    """Call a function; end the run with its message if the user can correct something."""
    try:
        return function(*arguments)
    except UserError as error:
        stop(error.args)


def fetched(path):
    """Give a path, [] for None; Snakemake fetches the file of an address."""
    return storage(path) if path and is_address(path) else path or []


def exposure_of(wildcards):
    """The exposure that a product is named after."""
    internals.keep_going_in_groups(workflow)
    return or_stop(campaign.exposure, wildcards.exposure)


def arm_of(wildcards):
    """The settings of an exposure's arm."""
    return campaign.arms[exposure_of(wildcards).arm]


def frame_files_of(wildcards):
    """The frame of an exposure, and those of the files for its reduction that exist."""
    exposure = exposure_of(wildcards)
    master = exposure.master
    files = {
        "frame": fetched(exposure.path),
        "dark": fetched(exposure.dark),
        "master": master and rules.make_master.output.fits.format(master=master.name),
        "gains": campaign.gains.get(exposure.arm),
        "bad_pixels": campaign.arms[exposure.arm]["frame"].get("bad_pixels"),
    }
    return {name: file for name, file in files.items() if file}


def master_arm_of(wildcards):
    """The settings of a master's arm."""
    return campaign.arms[campaign.masters[wildcards.master].arm]


def lamp_of(wildcards):
    """Brand, lamp and arm of a lamp's product."""
    names = wildcards.brand, wildcards.lamp, wildcards.arm
    or_stop(campaign.exposures_of, *names)
    return names


def stems(exposures):
    """Names of exposures."""
    return [exposure.stem for exposure in exposures]


def exposures_of_all_brands(wildcards):
    """Names of the exposures of a lamp of any brand in an arm."""
    return stems(or_stop(campaign.exposures_in, wildcards.arm, wildcards.lamp))


def exposures_of_arm(wildcards):
    """Names of all exposures in an arm."""
    return stems(or_stop(campaign.exposures_in, wildcards.arm))


def repeats_of(wildcards):
    """Frames and exposure times of the repeats in an arm, one pair after another."""
    pairs = pairs_of_repeats(campaign.exposures[name] for name in exposures_of_arm(wildcards))
    return [(each.path, each.exptime) for pair in pairs for each in pair]


def window_table_of(wildcards):
    """Window table of an exposure, or that of proposed windows if there is no other."""
    exposure = exposure_of(wildcards)
    return campaign.window_tables[exposure.lamp, exposure.arm]


def code_of(script):
    """Checksum of the modules that a script uses; as a param, it re-runs jobs after a change."""
    return checksum(PROJECT / "workflow" / "scripts" / f"{script}.py")


# lampflux reads config.yaml itself: Snakemake's message for one that is not YAML names neither
# file nor line, and a workflow that uses this one as a module may set only some keys.
campaign = or_stop(Campaign, internals.config_as_written(workflow, config), PROJECT)
config = campaign.config
campaign.problems += address_problems(campaign.files, fetched)
if workflow.is_main_process:
    for note in campaign.notes:
        logger.info(note)
    for warning in campaign.warnings:
        logger.warning(warning)


pathvars:
    results=campaign.results,
