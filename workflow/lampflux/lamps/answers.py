"""The answers in words and tables: which lamps, which lines, how steady, how long to expose."""

import itertools
from typing import NamedTuple

import numpy as np
import pandas as pd

from lampflux.lamps.measurements import commonest_time

NOTE = (
    "Predicted from the measured lines: how many remain single at the mode's resolution, the "
    "largest error of the wavelengths, and exposure times. Light, detector and shutter are "
    "assumed in the instrument's file until they are known; times scale with them."
)


class AnswerSettings(NamedTuple):
    """Constants of the verdicts."""

    # A single lamp does as well as a pair if its wavelengths are worse by at most this factor.
    as_good: float = 1.25
    # A mode counts as completely measured if no more is missing at either end [Angstrom].
    nearly_all: float = 25.0


ANSWERS = AnswerSettings()


class Answers(NamedTuple):
    """Content of the page of answers.

    ``verdicts`` has a sentence for each mode and each arm; the ``note`` belongs to the first of
    the ``tables``: ``choices``, ``lamps`` and ``health``.
    """

    title: str
    verdicts: dict[str, str]
    note: str
    tables: dict[str, pd.DataFrame]


def answer(choices, coverage, plans, lines, quality, line_limit):
    """Answer from the tables of all lamps.

    Parameters
    ----------
    choices, coverage, plans, lines, quality : DataFrame
        Choices of lamps, coverage, exposure plan, lines of all lamps, and health of the exposures.
    line_limit : float
        Lines above this flux count [ADU/s/fibre].

    Returns
    -------
    Answers
    """
    health = lamp_health(quality)
    name = choices["instrument"].iloc[0] if len(choices) else "the instrument"
    mark = " [SIMULATED]" if lines["simulated"].any() else ""
    of_modes = {
        mode: mode_verdict(part, health) for mode, part in choices.groupby("mode", sort=False)
    }
    of_arms = {
        f"{arm} arm": arm_verdict(part, health, line_limit)
        for arm, part in coverage.groupby("arm", sort=False)
    }
    return Answers(
        title=f"Lamps for {name}{mark}",
        verdicts=of_modes | of_arms,
        note=" ".join(filter(None, [NOTE, not_measured(plans), gain_note(quality)])),
        tables={
            "choices": choice_table(choices, quality),
            "lamps": lamp_table(lines, coverage, plans, quality, line_limit),
            "health": quality.loc[quality["score"] != "good", ["exposure", "score", "reasons"]],
        },
    )


def mode_verdict(choices, health):
    """Name the best pair of lamps of a mode, and say whether one lamp does as well.

    ``choices`` are those of the mode, from `lampflux.lamps.prediction.rank_choices`; ``health`` is
    from `lamp_health`.
    """
    known = choices[choices["precision"].notna() & (choices["rank"] == 1)].set_index("number")
    if not {1, 2} & set(known.index):
        return "no lamp or pair has enough lines for a wavelength solution"
    best = known.loc[2] if 2 in known.index else known.loc[1]
    text = (
        f"{best['exposures']}: {best['lines']:.0f} lines, longest gap {best['gap']:.0f} Å, "
        f"wavelengths good to {significant(best['precision'])} Å"
    )
    first, last = best["measured_from"], best["measured_to"]
    if (
        first > best["mode_from"] + ANSWERS.nearly_all
        or last < best["mode_to"] - ANSWERS.nearly_all
    ):
        text += f" as far as measured ({first:.0f} to {last:.0f} Å)"
    if {1, 2} <= set(known.index):
        alone = known.loc[1]
        nearly = alone["precision"] <= ANSWERS.as_good * best["precision"]
        precision = f"{significant(alone['precision'])} Å"
        words = f"does nearly as well ({precision})" if nearly else f"reaches {precision}"
        text += f"; {alone['lamps']} alone {words}"
    return text + warning(health, best["lamps"].split(" + "))


def arm_verdict(coverage, health, line_limit):
    """Name the lamp and the pair with the shortest gap in a measured arm.

    ``coverage`` is that of the arm, from `lampflux.lamps.coverage.lamp_coverage`; lines above
    ``line_limit`` count [ADU/s/fibre].
    """
    words = []
    best = coverage[coverage["rank"] == 1].sort_values("number", ascending=False)
    for row in best.itertuples():
        lamps = f"{row.first} + {row.second}" if row.number == 2 else f"{row.first} alone"
        words.append(f"{lamps}: {row.lines} lines, longest gap {row.gap:.0f} Å")
    text = "; ".join(words) + f" (lines above {line_limit:g} ADU/s/fibre)"
    lamps = {*best["first"], *best["second"].dropna()}
    return text + warning(health, lamps, best["arm"].iloc[0])


def choice_table(choices, quality):
    """Tabulate the best lamp, pair and triple of each mode, with the health of exposures."""
    steady, health = steadiness(quality), lamp_health(quality)
    rows = []
    # The verdict says where no lamp has a line.
    for row in choices[(choices["rank"] == 1) & (choices["lines"] > 0)].itertuples():
        lamps = row.lamps.split(" + ")
        scatter = [steady[lamp] for lamp in lamps if lamp in steady]
        rows.append(
            {
                "mode": row.mode,
                "exposures": row.exposures,
                "lines": row.lines,
                "gap": round(row.gap),
                "precision": float(significant(row.precision)),
                "total_seconds": float(f"{row.total_seconds:.3g}"),
                "scatter": float(significant(max(scatter))) if scatter else np.nan,
                "health": worst_health(health, lamps),
            }
        )
    return pd.DataFrame(rows).dropna(axis="columns", how="all")


def lamp_table(lines, coverage, plans, quality, line_limit):
    """Tabulate the measurements of each lamp in each arm, from the tables of `answer`."""
    health, rows = lamp_health(quality), []
    for plan in plans.itertuples():
        lamp = f"{plan.brand} {plan.lamp}"
        own = lines[(lines["brand"] == plan.brand) & (lines["lamp"] == plan.lamp)]
        own = own[own["arm"] == plan.arm]
        alone = coverage[(coverage["arm"] == plan.arm) & (coverage["first"] == lamp)]
        alone = alone[alone["number"] == 1]
        brightest = own.sort_values("flux").iloc[-1] if len(own) else {}
        place, flux = (brightest.get(name, np.nan) for name in ("wavelength", "flux"))
        pair = np.isfinite(plan.pair_short)
        times = (plan.pair_short, plan.pair_long) if pair else (plan.single,)
        steady = steadiness(quality[quality["arm"] == plan.arm]).get(lamp, np.nan)
        rows.append(
            {
                "lamp": lamp,
                "arm": plan.arm,
                "lines": int((own["flux"] > line_limit).sum()),
                "gap": round(alone["gap"].iloc[0]) if len(alone) else np.nan,
                "brightest_line": round(place, 1),
                "flux": float(f"{flux:.3g}"),
                "scatter": float(significant(steady)),
                "exposures": times_text(times),
                "health": worst_health(health, [lamp], plan.arm),
            }
        )
    return pd.DataFrame(rows).dropna(axis="columns", how="all")


def not_measured(plans):
    """Name the lamps that were not measured in every arm, in a sentence; empty for none."""
    measured = set(zip(plans["brand"] + " " + plans["lamp"], plans["arm"]))
    lamps, arms = (sorted({names[place] for names in measured}) for place in (0, 1))
    missing = [
        f"{lamp} in the {arm} arm"
        for arm, lamp in itertools.product(arms, lamps)
        if (lamp, arm) not in measured
    ]
    return f"Not measured, and therefore not counted: {', '.join(missing)}." if missing else ""


def steadiness(quality):
    """Scatter of each lamp's brightness over the exposures of one time [%].

    Returns
    -------
    dict
        Brand and lamp to the standard deviation in its least steady arm, over at least two
        exposures of the time with the most.
    """
    found = {}
    known = quality[quality["brightness"].notna()]
    for (brand, lamp, _), part in known.groupby(["brand", "lamp", "arm"]):
        series = part.loc[part["seconds"] == commonest_time(part["seconds"]), "brightness"]
        if len(series) > 1:
            name = f"{brand} {lamp}"
            found[name] = max(found.get(name, 0.0), 100 * series.std() / series.mean())
    return found


def gain_note(quality):
    """Name the arms whose errors do not follow from a gain."""
    number = (quality["error_source"] != "gain").sum()
    if not number:
        return ""
    return (
        f"The gain is not known for {number} of {len(quality)} exposures: their errors follow "
        "from the scatter of rows or columns."
    )


def lamp_health(quality):
    """Numbers of exposures by brand and lamp, arm and score."""
    names = quality["brand"] + " " + quality["lamp"]
    return quality.groupby([names, "arm", "score"]).size()


def worst_health(health, lamps, arm=None):
    """Count the exposures of lamps that are not good: '3 of 10 warned'; 'good'; '' for none."""
    own = health[health.index.get_level_values(0).isin(lamps)]
    own = own if arm is None else own[own.index.get_level_values(1) == arm]
    number = own.groupby(level=2).sum()
    words = [f"{number[s]} of {own.sum()} {s}" for s in ("failed", "warned") if s in number]
    return ", ".join(words) or ("" if own.empty else "good")


def warning(health, lamps, arm=None):
    """Warn in a verdict that rests on exposures that are not good; empty if all are good."""
    worst = worst_health(health, lamps, arm)
    return "" if worst in ("good", "") else f"; health of the exposures: {worst}"


def times_text(times):
    """Write times with three digits or more: '0.5 + 141 s'; empty if not known."""
    known = [time for time in times if np.isfinite(time)]
    words = [f"{time:.0f}" if time >= 100 else f"{time:.3g}" for time in known]
    return f"{' + '.join(words)} s" if words else ""


def significant(value):
    """Write a predicted error with two digits."""
    return f"{value:.2g}"
