# What the rules ask for: targets, and the inputs and params of an exposure, a lamp, or all of them.

import os
from lampflux.campaign.code import checksum
from lampflux.campaign.exposures import is_address

# Most exposures whose pictures of the raw frame go into the report.
FRAMES_REPORTED = 40
TABLE_PAGE = str(PROJECT / "workflow" / "report" / "table.html")


def exposure_of(wildcards):
    """The exposure that a product's name means."""
    if wildcards.exposure not in EXPOSURES:
        table = config["simulation"]["exposures"] if SIMULATED else config["exposures"]
        source = table or config["raw_dir"]
        stop([f"{source} has no exposure {wildcards.exposure}; correct the target's name."])
    if not workflow.is_main_process:
        # A cluster job of many exposures goes on where one fails. The profile's keep-going does not
        # reach it, and of all code here only what finds the inputs runs once settings are made.
        workflow.execution_settings.keep_going = True
    return EXPOSURES[wildcards.exposure]


def window_table_of(wildcards):
    """Window table of an exposure, a proposed one where there is no other."""
    exposure = exposure_of(wildcards)
    return WINDOW_TABLES[exposure.lamp, exposure.arm]


def exposures_of_lamp(pattern):
    """Input function for one file of every exposure of a lamp and arm."""

    def files(wildcards):
        paths = [
            pattern.format(results=RESULTS, exposure=exposure.stem)
            for exposure in EXPOSURES.values()
            if (exposure.lamp, exposure.arm) == (wildcards.lamp, wildcards.arm)
        ]
        if not paths:
            stop([f"there is no exposure of lamp {wildcards.lamp} in arm {wildcards.arm}."])
        return paths

    return files


def lamp_names():
    """Brand, lamp and arm of all exposures, each once."""
    return sorted(SERIES)


def brand_exposures(names):
    """Exposures of a brand's lamp in an arm."""
    if tuple(names) not in SERIES:
        stop([f"there is no exposure of {names[0]} {names[1]} in arm {names[2]}."])
    return SERIES[tuple(names)]


def exposures_of_brand(pattern):
    """Input function for one file of every exposure of a brand's lamp in an arm."""

    def files(wildcards):
        names = wildcards.brand, wildcards.lamp, wildcards.arm
        return [
            pattern.format(results=RESULTS, exposure=exposure.stem)
            for exposure in brand_exposures(names)
        ]

    return files


def shown_exposure(names):
    """Name of the exposure whose spectrum stands for a lamp: the first of the longest."""
    return min(brand_exposures(names), key=lambda each: (-each.exptime, each.id)).stem


def shown_spectrum(wildcards):
    """Calibrated spectrum of the exposure that stands for a lamp."""
    stem = shown_exposure((wildcards.brand, wildcards.lamp, wildcards.arm))
    return f"{RESULTS}/calibrated/{stem}.fits"


def lamp_identity(wildcards):
    """What the summary of a lamp needs to know of it and its exposures."""
    names = [wildcards.brand, wildcards.lamp, wildcards.arm]
    return {
        "names": names,
        "exposures": [
            {"exposure": each.stem, "seconds": each.exptime, "id": each.id}
            for each in brand_exposures(names)
        ],
        "shown": shown_exposure(names),
    }


def lamp_files(pattern):
    """One file of every brand, lamp and arm, in the order of `lamp_names`."""
    return [
        pattern.format(
            results=RESULTS,
            brand=brand,
            lamp=lamp,
            arm=arm,
            shown=shown_exposure((brand, lamp, arm)),
        )
        for brand, lamp, arm in lamp_names()
    ]


def ordered_exposures():
    """All exposures by brand, lamp, arm, exposure time and number."""
    return sorted(EXPOSURES.values(), key=lambda each: each.identity)


def exposure_files(pattern):
    """One file of every exposure, in the order of `ordered_exposures`."""
    return [pattern.format(results=RESULTS, exposure=each.stem) for each in ordered_exposures()]


def exposure_identities():
    """What the check of quality needs to know of each exposure, in the same order."""
    return [
        {
            "exposure": each.stem,
            "brand": each.brand,
            "lamp": each.lamp,
            "arm": each.arm,
            "seconds": each.exptime,
        }
        for each in ordered_exposures()
    ]


def saturation_limits():
    """Saturation limit [ADU] of each arm that has exposures; 16 bits where none is given."""
    return {arm: config["arms"][arm].get("saturation", 65535) for *_, arm in lamp_names()}


def arm_setting(name, default=None):
    """Param function for one setting of an exposure's arm, else of the config."""

    def setting(wildcards):
        arm = config["arms"][exposure_of(wildcards).arm]
        return arm.get(name, config.get(name, default))

    return setting


def emitted_lines_of(wildcards):
    """Table of the lines that a simulated exposure's lamp emits."""
    return emitted_lines(exposure_of(wildcards))


def simulation_settings(wildcards):
    """What all simulated frames have in common."""
    keys = "seed", "first_row", "rows"
    return {key: config["simulation"][key] for key in keys} | {"fibres": config["fibres"]}


def closure_inputs(pattern):
    """Files of all simulated exposures that have line windows, one for each."""
    return [
        pattern.format(
            results=RESULTS, exposure=exposure.stem, frame=exposure.path.removesuffix(".fits")
        )
        for exposure in EXPOSURES.values()
    ]


def frame_of(wildcards):
    """The exposure's raw frame."""
    return fetched(exposure_of(wildcards).path)


def dark_of(wildcards):
    """The exposure's dark, or nothing."""
    dark = exposure_of(wildcards).dark
    return fetched(dark) if dark else []


def bias_settings(wildcards):
    """How to estimate the bias; nothing for an exposure with a dark, which needs none."""
    if exposure_of(wildcards).dark:
        return None
    return {
        "method": arm_setting("bias")(wildcards),
        "amplifiers": arm_setting("amplifiers")(wildcards),
        "range": arm_setting("bias_range")(wildcards),
    }


def identity(wildcards):
    """What the products' headers and titles say of the exposure."""
    exposure = exposure_of(wildcards)
    return {
        "BRAND": exposure.brand,
        "LAMP": exposure.lamp,
        "CCD": exposure.arm,
        "EXPTIME": exposure.exptime,
        "ID": exposure.id,
    }


def nominal_solution(wildcards):
    """The arm's linear wavelength solution from the config."""
    return {key: arm_setting(key)(wildcards) for key in ("crval", "crpix", "cdelt")}


def line_lists_of(wildcards):
    """Line lists of a lamp's ions."""
    return list(LINE_LISTS[exposure_of(wildcards).lamp].values())


def ions_of(wildcards):
    """Ions of a lamp that have a line list, in the order of `line_lists_of`."""
    return list(LINE_LISTS[exposure_of(wildcards).lamp])


def reference_of(wildcards):
    """Reference solution of an arm, or nothing."""
    path = reference_path(exposure_of(wildcards).arm)
    return path if os.path.isfile(path) else []


def sound_window_table(lamp, arm):
    """Path of a lamp and arm's window table, unless there is none or something is wrong with it."""
    path = window_table(lamp, arm)
    return path if path and not any(each.startswith(path) for each in PROBLEMS) else None


def exposures_to_check(wildcards):
    """What the check of inputs needs to know of each exposure whose files are at hand."""
    return [
        {
            "frame": each.path,
            "dark": each.dark,
            "seconds": each.exptime,
            "arm": each.arm,
            "spatial_axis": config["arms"][each.arm].get("spatial_axis", 0),
            "amplifiers": config["arms"][each.arm].get("amplifiers"),
            "windows": sound_window_table(each.lamp, each.arm),
        }
        for each in ordered_exposures()
        if os.path.exists(each.path) or not SIMULATED
        if not any(map(is_address, filter(None, (each.path, each.dark))))
    ]


def code_of(script):
    """Checksum of the modules that a script uses, for its params: a change in one re-runs its jobs."""
    return checksum(PROJECT / "workflow" / "scripts" / f"{script}.py")


def products(exposures):
    """Every product of these exposures."""
    return [
        f"{RESULTS}/{room}/{exposure.stem}.{suffix}"
        for exposure in exposures
        for room, suffixes in {
            "spectra": ("fits", "png"),
            "calibrated": ("fits", "png"),
            "fluxes": ("csv", "png"),
        }.items()
        for suffix in suffixes
    ]


def lamp_products(exposures):
    """Summaries of the lamps and arms of these exposures."""
    names = {f"{each.brand}_{each.lamp}_{each.arm}" for each in exposures}
    return [f"{RESULTS}/lamps/{name}.{kind}" for name in sorted(names) for kind in ("csv", "png")]


def all_products(wildcards):
    """Every product of every exposure; stops with a sentence where there are none."""
    if not EXPOSURES:
        folder = config["raw_dir"]
        there = f"no raw frames (.fits, .fits.gz or .fits.fz) in {folder}"
        if not os.path.isdir(folder):
            there += ", for there is no such folder"
        stop(
            [
                f"there are {there}; put them there or name their folder with --config raw_dir=FOLDER."
            ]
        )
    closure = ["lines.csv", "summary.csv", "closure.png"] if SIMULATED else []
    lamps = [
        "all_lines.csv",
        "all_lines.html",
        "atlas.png",
        "coverage.csv",
        "coverage.html",
        "coverage.png",
        "exposure_plan.csv",
        "exposure_plan.html",
        "exposure_plan.png",
    ]
    return (
        products(EXPOSURES.values())
        + lamp_products(EXPOSURES.values())
        + [f"{RESULTS}/lamps/{name}" for name in lamps]
        + [
            f"{RESULTS}/quality/{name}"
            for name in ("exposures.csv", "exposures.html", "trends.png")
        ]
        + [
            f"{RESULTS}/instrument/{name}"
            for name in ("choices.csv", "choices.html", "lines.csv", "arcs.png")
        ]
        + [f"{RESULTS}/answers.{kind}" for kind in ("html", "md")]
        + [f"{RESULTS}/closure/{name}" for name in closure]
    )


def lamp_targets():
    """Target names, brand_lamp and brand_lamp_arm, and their exposures."""
    targets = {}
    for exposure in EXPOSURES.values():
        lamp = f"{exposure.brand}_{exposure.lamp}"
        targets.setdefault(lamp, []).append(exposure)
        targets.setdefault(f"{lamp}_{exposure.arm}", []).append(exposure)
    clashes = sorted(targets.keys() & {rule.name for rule in workflow.rules})
    if clashes:
        stop(
            f"{targets[name][0].path}: the lamp's target {name} is also the name of a rule; "
            "give it another brand or lamp name."
            for name in clashes
        )
    return targets
