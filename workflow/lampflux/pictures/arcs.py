"""The picture of the predicted arcs of lamps in another instrument."""

import numpy as np

from lampflux.pictures.coverage import source_styles
from lampflux.pictures.style import COLOUR, finish, label_powers, titled_figure
from lampflux.statistics import SIGMA_PER_FWHM

# Points of the predicted arc in a resolution element.
SAMPLING = 4


def draw_arcs(name, modes, choices, lines, simulated):
    """Draw the predicted arc of the best choice of lamps in each mode.

    Parameters
    ----------
    name : str
        Of the instrument.
    modes : list of lampflux.campaign.planned_instrument.Mode
    choices : dict
        Mode to the row of its best choice; a mode without measured lines is left out.
    lines : DataFrame
        ``mode``, ``source``, ``wavelength``, ``electrons_per_second`` and ``served_by``.
    simulated : bool
    """
    shown = [mode for mode in modes if mode.name in choices]
    title = f"{name}: predicted arcs of the best lamps"
    height = 1.5 + 2.0 * max(len(shown), 1)
    figure = titled_figure(title, simulated, height, room=(0.7, 0.15, 0.95, 0.65))
    spaced = {"hspace": 0.35}
    panels = figure.subplots(max(len(shown), 1), squeeze=False, gridspec_kw=spaced)[:, 0]
    styles = source_styles(sorted(lines["source"].unique()))
    for axes, mode in zip(panels, shown):
        choice = choices[mode.name]
        own = lines[(lines["mode"] == mode.name) & lines["source"].isin(choice.lamps.split(" + "))]
        draw_arc(axes, mode, own, styles)
        measured = choice.measured_from, choice.measured_to
        for ends in (mode.low, measured[0]), (measured[1], mode.high):
            if ends[1] > ends[0]:
                axes.axvspan(
                    *ends, facecolor="none", edgecolor=COLOUR.muted, hatch="//", alpha=0.35
                )
        for ends in mode.blocked:
            axes.axvspan(*ends, color=COLOUR.muted, alpha=0.3, lw=0)
        axes.set_xlim(mode.low, mode.high)
        text = f"{mode.name}: {choice.lamps}, {choice.lines:.0f} lines in use (marked)"
        axes.set_title(text, loc="left", y=1.0, fontsize="medium", color=COLOUR.data)
    panels[-1].set_xlabel("Wavelength in air (Å); grey: blocked; hatched: not measured")
    handles = {}
    for axes in panels:
        handles |= dict(zip(*reversed(axes.get_legend_handles_labels())))
    place = {"loc": "lower center", "ncols": 6, "frameon": False, "fontsize": "small"}
    figure.legend(handles.values(), handles, **place)
    return figure


def draw_arc(axes, mode, lines, styles):
    """Draw one arc in electrons per second and pixel, each lamp in its own colour."""
    finish(axes)
    axes.set_yscale("log")
    axes.set_ylabel("Electrons/s/pixel", fontsize="small")
    sigma = SIGMA_PER_FWHM * mode.element
    dispersion = mode.element / mode.pixels
    places = np.arange(mode.low, mode.high, mode.element / SAMPLING)
    for source, part in lines.groupby("source"):
        arc = np.zeros(places.size)
        for row in part.itertuples():
            near = np.abs(places - row.wavelength) < 6 * sigma
            shape = np.exp(-0.5 * ((places[near] - row.wavelength) / sigma) ** 2)
            per_pixel = row.electrons_per_second * dispersion / (np.sqrt(2 * np.pi) * sigma)
            arc[near] += per_pixel * shape
        colour = styles[source]["color"]
        axes.plot(places, np.maximum(arc, 0.1), lw=0.7, color=colour, label=source)
        used = part[part["served_by"].astype(str).str.len() > 0]
        height = np.full(len(used), 0.97)
        axes.plot(
            used["wavelength"],
            height,
            "|",
            ms=5,
            color=colour,
            transform=axes.get_xaxis_transform(),
        )
    axes.set_ylim(bottom=0.5)
    label_powers(axes.yaxis)
