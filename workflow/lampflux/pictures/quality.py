"""The picture of the health of all exposures."""

import numpy as np
import pandas as pd
from matplotlib.transforms import blended_transform_factory

from lampflux.pictures.style import COLOUR, finish, titled_figure

# Colour and marker of each score.
SCORE_STYLES = {
    "good": (COLOUR.data, "o"),
    "warned": (COLOUR.highlight, "s"),
    "failed": (COLOUR.saturated, "X"),
}
PARAMETER_LABELS = {
    "bias_shift": "Bias minus\nthe arm's (ADU)",
    "background": "Background\n(ADU/pixel)",
    "line_width_ratio": "Line width over\nthe arm's",
    "wave_rms_pixel": "Wavelength\nrms (pixel)",
    "wave_shift_pixel": "Wavelength\nshift (pixel)",
    "brightest_ratio": "Brightest line\nover its median",
    "lines_missing": "Fraction of\nlines missing",
    "element_ratio": "Darkest element\nover brightest",
    "brightness_fall": "Brightness\nlost (%)",
    "saturated_fraction": "Fraction of\npixels saturated",
    "replaced_fraction": "Fraction of\npixels replaced",
}
# Columns of arms from left to right; others follow by name.
ARM_ORDER = {"Blue": 0, "Red": 1}
# Height of a panel, room above the panels and below their names, and width of a name's letter
# [inch].
PANEL, ABOVE, BELOW, NAME_LETTER = 1.15, 0.6, 0.5, 0.06
# At most about this many exposures are named below a panel.
NAMES_SHOWN = 40


def draw_health(exposures, thresholds, ideals):
    """Draw every parameter over the exposures, one column per arm.

    The x axis is the time of observation if all exposures of the arm have it.

    Parameters
    ----------
    exposures : DataFrame
        From `lampflux.lamps.quality.score_exposures`, in the order to draw.
    thresholds : dict
        Parameter to the distances from its ideal that warn and that fail, drawn as dotted and
        dashed lines; None if it is not scored.
    ideals : dict
        Parameter to its ideal value.
    """
    arms = sorted(set(exposures["arm"]), key=lambda arm: (ARM_ORDER.get(arm, 2), arm))
    below = BELOW + NAME_LETTER * exposures["exposure"].str.len().max()
    height = below + ABOVE + PANEL * len(ideals)
    figure = titled_figure(
        "Health of the exposures",
        exposures["simulated"].any(),
        height,
        room=(0.95, 0.1, below, ABOVE),
    )
    widths = [max((exposures["arm"] == arm).sum(), 4) for arm in arms]
    panels = figure.subplots(
        len(ideals),
        len(arms),
        sharex="col",
        squeeze=False,
        gridspec_kw={"width_ratios": widths, "wspace": 0.12, "hspace": 0.12},
    )
    for axes in panels[:-1].flat:
        axes.xaxis.set_visible(False)
    for column, arm in enumerate(arms):
        part = exposures[exposures["arm"] == arm].reset_index(drop=True)
        begin = pd.to_datetime(part["begin"], errors="coerce", format="ISO8601", utc=True)
        timed = begin.notna().all() and begin.nunique() > 1
        hours = (begin - begin.min()).dt.total_seconds() / 3600
        part["place"] = hours if timed else part.index.astype(float)
        for axes, name in zip(panels[:, column], ideals):
            draw_parameter(axes, part, name, ideals[name], thresholds[name])
            if column == 0:
                axes.set_ylabel(PARAMETER_LABELS[name], fontsize="small")
                place = blended_transform_factory(figure.transFigure, axes.transAxes)
                axes.yaxis.set_label_coords(0.035, 0.5, transform=place)
        title = {"loc": "left", "y": 1.0, "fontsize": "medium", "color": COLOUR.data}
        panels[0, column].set_title(f"{arm} arm", **title)
        if timed:
            panels[-1, column].set_xlabel(f"Hours after\n{begin.min():%Y-%m-%d %H:%M}")
            continue
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
        panels[0, 0].plot([], [], ls="", marker=marker, color=colour, label=score)[0]
        for score, (colour, marker) in SCORE_STYLES.items()
    ]
    for style, label in ((":", "warning beyond"), ("--", "failure beyond")):
        handles += panels[0, 0].plot([], [], ls=style, color=COLOUR.muted, lw=0.9, label=label)
    figure.legend(handles=handles, loc="lower right", ncols=5, frameon=False, fontsize="small")
    return figure


def draw_parameter(axes, part, name, ideal, limits):
    """Draw one parameter of an arm's exposures, and its thresholds if they are near."""
    known = part[np.isfinite(part[name])]
    finish(axes)
    axes.tick_params(labelsize="small")
    axes.axhline(ideal, color=COLOUR.muted, lw=0.4)
    for score, (colour, marker) in SCORE_STYLES.items():
        inside = known[parameter_scores(known, name) == score]
        axes.plot(inside["place"], inside[name], ls="", marker=marker, ms=4.5, color=colour)
    far = (known[name] - ideal).abs().max() if len(known) else 0.0
    reach = 1.25 * max(far, limits[0] if limits else far) or 1.0
    for limit, style in zip(limits or (), (":", "--")):
        for side in ideal - limit, ideal + limit:
            axes.axhline(side, color=COLOUR.muted, lw=0.9, ls=style)
    signed = ideal == 1.0 or name in ("bias_shift", "background", "wave_shift_pixel")
    axes.set_ylim(ideal - reach if signed else -0.08 * reach, ideal + reach)
    margin = 0.6 * np.ptp(part["place"]) / max(len(part) - 1, 1) or 0.6
    axes.set_xlim(part["place"].min() - margin, part["place"].max() + margin)
    if known.empty:
        axes.annotate(
            "not known",
            (0.5, 0.25),
            xycoords="axes fraction",
            ha="center",
            color=COLOUR.muted,
            fontsize="small",
        )


def parameter_scores(exposures, name):
    """Score of one parameter in each exposure."""
    failed = np.array([name in words.split() for words in exposures["failed"]], dtype=bool)
    warned = np.array([name in words.split() for words in exposures["warned"]], dtype=bool)
    return np.where(failed, "failed", np.where(warned, "warned", "good"))
