"""The picture of the health of all exposures."""

import numpy as np

from lampflux.files.pages import SCORES
from lampflux.lamps.quality import IDEAL
from lampflux.pictures.style import LINE, QUIET, SATURATED, WINDOW, finish, titled_figure

COLOURS = {"good": LINE, "warned": WINDOW, "failed": SATURATED}
MARKERS = {"good": "o", "warned": "s", "failed": "X"}
LABELS = {
    "bias_shift": "Bias against\nthe arm (ADU)",
    "background": "Background\n(ADU/pixel)",
    "line_width_ratio": "Line width over\nthe arm's",
    "wave_rms_pixel": "Wavelength\nrms (pixel)",
    "wave_shift_pixel": "Wavelength\nshift (pixel)",
    "brightest_ratio": "Brightest line\nover its median",
    "saturated_fraction": "Saturated\npart of pixels",
    "cosmic_fraction": "Replaced\npart of pixels",
}
# From this many exposures on only every so-manieth is named below a panel.
NAMES_SHOWN = 40


def draw(exposures, thresholds):
    """Draw every parameter over the exposures, an arm in each column.

    Parameters
    ----------
    exposures : DataFrame
        As `score` gives it, in the order to draw.
    thresholds : dict
        As for `score`; drawn as lines, dotted for warned and dashed for failed.

    Returns
    -------
    matplotlib.figure.Figure
    """
    arms = list(dict.fromkeys(exposures["arm"]))
    figure = titled_figure(
        "Health of the exposures", exposures["simulated"].any(), height=1.9 + 1.25 * len(IDEAL)
    )
    widths = [max((exposures["arm"] == arm).sum(), 4) for arm in arms]
    panels = figure.subplots(
        len(IDEAL), len(arms), sharex="col", squeeze=False, gridspec_kw={"width_ratios": widths}
    )
    for column, arm in enumerate(arms):
        part = exposures[exposures["arm"] == arm].reset_index(drop=True)
        for axes, name in zip(panels[:, column], IDEAL):
            draw_parameter(axes, part, name, thresholds[name])
            if column == 0:
                axes.set_ylabel(LABELS[name], fontsize="small")
        panels[0, column].set_title(f"{arm} arm", loc="left", fontsize="medium", color=LINE)
        every = 1 + len(exposures) // NAMES_SHOWN
        shown = part.iloc[::every]
        panels[-1, column].set_xticks(
            shown.index,
            # The arm stands above.
            [name.replace(f"_{arm}_", " ").replace("_", " ") for name in shown["exposure"]],
            rotation=90,
            fontsize="x-small",
        )
    handles = [
        panels[0, 0].plot([], [], ls="", marker=MARKERS[each], color=COLOURS[each], label=each)[0]
        for each in SCORES
    ]
    for style, label in ((":", "warned beyond"), ("--", "failed beyond")):
        handles += panels[0, 0].plot([], [], ls=style, color=QUIET, lw=0.9, label=label)
    figure.legend(
        handles=handles, loc="outside lower right", ncols=5, frameon=False, fontsize="small"
    )
    return figure


def draw_parameter(axes, part, name, limits):
    """Draw one parameter of an arm's exposures, and its thresholds where they are near."""
    known = part[np.isfinite(part[name])]
    finish(axes)
    axes.tick_params(labelsize="small")
    axes.axhline(IDEAL[name], color=QUIET, lw=0.4)
    for each in SCORES:
        inside = known[name_scores(known, name) == each]
        axes.plot(
            inside.index, inside[name], ls="", marker=MARKERS[each], ms=4.5, color=COLOURS[each]
        )
    far = (known[name] - IDEAL[name]).abs().max() if len(known) else 0.0
    reach = 1.25 * max(far, limits[0] if limits else far) or 1.0
    for limit, style in zip(limits or (), (":", "--")):
        for side in IDEAL[name] - limit, IDEAL[name] + limit:
            axes.axhline(side, color=QUIET, lw=0.9, ls=style)
    signed = IDEAL[name] == 1.0 or name in ("bias_shift", "background", "wave_shift_pixel")
    axes.set_ylim(IDEAL[name] - reach if signed else -0.08 * reach, IDEAL[name] + reach)
    axes.set_xlim(-0.6, len(part) - 0.4)
    if known.empty:
        axes.annotate(
            "not known",
            (0.5, 0.75),
            xycoords="axes fraction",
            ha="center",
            color=QUIET,
            fontsize="small",
        )


def name_scores(exposures, name):
    """Score of one parameter in each exposure."""
    failed = np.array([name in words.split() for words in exposures["failed"]], dtype=bool)
    warned = np.array([name in words.split() for words in exposures["warned"]], dtype=bool)
    return np.where(failed, "failed", np.where(warned, "warned", "good"))
