"""The answers in words and tables: which lamps, which lines, how steady, how long to expose."""

import numpy as np
import pandas as pd

QUESTION = "Which lamps calibrate the wavelengths, with which lines, how steady and how long?"
NOTE = (
    "Predicted from the measured lines: those that remain single at the mode's resolution, the "
    "largest error of the wavelengths, and exposure times. Light, detector and shutter are "
    "assumptions of the instrument's file until they are known; times scale with them."
)
# A lamp alone whose wavelengths are worse by no more than this factor does as well as a pair.
AS_GOOD = 1.25
# A mode of which no more is missing at either end was measured whole [Angstrom].
NEARLY_ALL = 25.0


def verdicts(choices, coverage, line_limit):
    """Verdict on each mode and on each arm; see `mode_verdict` and `arm_verdict`."""
    of_modes = {mode: mode_verdict(part) for mode, part in choices.groupby("mode", sort=False)}
    return of_modes | {
        f"{arm} arm": arm_verdict(part, line_limit)
        for arm, part in coverage.groupby("arm", sort=False)
    }


def mode_verdict(choices):
    """Say in a sentence which pair of lamps serves a mode best, and whether one lamp does as well.

    Parameters
    ----------
    choices : DataFrame
        Choices of lamps in one mode, as `lampflux.lamps.prediction.rank_choices` gives them.

    Returns
    -------
    str
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
    if first > best["mode_from"] + NEARLY_ALL or last < best["mode_to"] - NEARLY_ALL:
        text += f" as far as measured ({first:.0f} to {last:.0f} Å)"
    if 2 not in known.index or 1 not in known.index:
        return text
    alone = known.loc[1]
    nearly = alone["precision"] <= AS_GOOD * best["precision"]
    words = "does nearly as well" if nearly else "gives"
    return f"{text}; {alone['lamps']} alone {words}: {significant(alone['precision'])} Å"


def arm_verdict(coverage, line_limit):
    """Say in a sentence which lamp and which pair leave the shortest gap in a measured arm.

    Parameters
    ----------
    coverage : DataFrame
        Coverage of one arm, as `lampflux.lamps.coverage.arm_coverage` gives it.
    line_limit : float
        Lines above count [ADU/s/fibre].

    Returns
    -------
    str
    """
    words = []
    for row in coverage[coverage["rank"] == 1].sort_values("number", ascending=False).itertuples():
        lamps = f"{row.first} + {row.second}" if row.number == 2 else f"{row.first} alone"
        words.append(f"{lamps}: {row.lines} lines, longest gap {row.gap:.0f} Å")
    return "; ".join(words) + f" (lines above {line_limit:g} ADU/s/fibre)"


def choice_table(choices, lines, quality):
    """Tabulate the best lamp, pair and triple of each mode.

    Parameters
    ----------
    choices : DataFrame
        All choices of all modes.
    lines : DataFrame
        Summaries of all lines.
    quality : DataFrame
        Health of the exposures.

    Returns
    -------
    DataFrame
    """
    steady, health = steadiness(lines), lamp_health(quality)
    rows = []
    for row in choices[choices["rank"] == 1].itertuples():
        lamps = row.lamps.split(" + ")
        drifts = [steady[lamp] for lamp in lamps if np.isfinite(steady.get(lamp, np.nan))]
        rows.append(
            {
                "mode": row.mode,
                "lamps": row.lamps,
                "lines": row.lines,
                "gap": round(row.gap),
                "precision": float(significant(row.precision)),
                "precision_mean": float(significant(row.precision_mean)),
                "exposures": row.exposures,
                "total_seconds": float(f"{row.total_seconds:.3g}"),
                "drift": round(max(drifts), 1) if drifts else np.nan,
                "health": worst_health(health, lamps),
            }
        )
    return pd.DataFrame(rows).dropna(axis="columns", how="all")


def lamp_table(lines, coverage, plans, quality, line_limit):
    """Tabulate what was measured of each lamp in each arm.

    Parameters
    ----------
    lines, coverage, plans, quality : DataFrame
        Lines of all lamps, coverage, exposure plan and health of the exposures.
    line_limit : float
        [ADU/s/fibre]

    Returns
    -------
    DataFrame
    """
    health, rows = lamp_health(quality), []
    for plan in plans.itertuples():
        lamp = f"{plan.brand} {plan.lamp}"
        own = lines[(lines["brand"] == plan.brand) & (lines["lamp"] == plan.lamp)]
        own = own[own["arm"] == plan.arm]
        alone = coverage[(coverage["arm"] == plan.arm) & (coverage["first"] == lamp)]
        alone = alone[alone["number"] == 1]
        brightest = own.sort_values("flux").iloc[-1] if len(own) else {}
        place, flux = (brightest.get(name, np.nan) for name in ("wavelength", "flux"))
        two = f"{plan.pair_short:.3g} + {plan.pair_long:.3g}"
        steady = steadiness(own).get(lamp, np.nan)
        rows.append(
            {
                "lamp": lamp,
                "arm": plan.arm,
                "lines": int((own["flux"] > line_limit).sum()),
                "gap": round(alone["gap"].iloc[0]) if len(alone) else np.nan,
                "brightest_line": round(place, 1),
                "flux": float(f"{flux:.3g}"),
                "drift": round(steady, 1),
                "exposures": two if np.isfinite(plan.pair_short) else f"{plan.single:.3g}",
                "health": worst_health(health, [lamp], plan.arm),
            }
        )
    return pd.DataFrame(rows).dropna(axis="columns", how="all")


def steadiness(lines):
    """Median drift of each lamp's lines with windows [% per exposure], by brand and lamp."""
    measured = lines[(lines["measured"] == "window") & lines["drift"].notna()]
    names = measured["brand"] + " " + measured["lamp"]
    return measured["drift"].abs().groupby(names).median().to_dict()


def lamp_health(quality):
    """Numbers of exposures by brand and lamp, arm and score."""
    names = quality["brand"] + " " + quality["lamp"]
    return quality.groupby([names, "arm", "score"]).size()


def worst_health(health, lamps, arm=None):
    """Say how many exposures of lamps are not good: '3 of 10 warned', or 'good'."""
    own = health[health.index.get_level_values(0).isin(lamps)]
    own = own if arm is None else own[own.index.get_level_values(1) == arm]
    number = own.groupby(level=2).sum()
    words = [f"{number[s]} of {own.sum()} {s}" for s in ("failed", "warned") if s in number]
    return ", ".join(words) or "good"


def significant(value):
    """Write a predicted error with two digits."""
    return f"{value:.2g}"
