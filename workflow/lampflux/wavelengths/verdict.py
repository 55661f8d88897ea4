"""Judge whether a solution can be believed."""

from typing import NamedTuple

import numpy as np


class Bounds(NamedTuple):
    """Tuned constants of `judge`."""

    # Scatter of the residuals of chance coincidences [line width]: that of an even distribution
    # within half a width of the line is 0.25, that of the best alignment with a dense list less.
    chance_scatter: float = 0.165
    # Scatter below which residuals prove no more [line width]: errors of the line lists.
    least_scatter: float = 0.02
    # Log-likelihood against chance, and lead over mirrored line lists, and their sum: of 2,800
    # simulated impostors none but those solved by true impurities had a sum above 42. A spectrum
    # with many strangers may have a clear lead and little evidence.
    least_evidence: float = 5.0
    least_margin: float = 20.0
    least_sum: float = 50.0
    # Part of the bright peaks' weight that must find its line. Less is enough in proportion, from
    # half to all of an evidence and a lead that are plain: the cosmic rays of long exposures are
    # bright peaks without a line.
    least_matched: float = 0.6
    least_matched_if_plain: float = 0.45
    plain_evidence: float = 44.0
    plain_margin: float = 60.0
    # Part of evidence and lead that is enough about a reference or pinned lines, where chance
    # has less room, and that is needed in a rough range, where it has more: among 84 wrong lamps
    # one had a sum of 63.
    rigid_part: float = 0.9
    blind_part: float = 1.5
    # Part of the detector over which the solution must hold.
    least_certain: float = 0.1


BOUNDS = Bounds()


class Verdict(NamedTuple):
    """Whether a solution is believed, the figures behind it, and the reason in words."""

    accepted: bool
    evidence: float
    margin: float
    reason: str


def judge(score, chance, solution, fwhm, part=1.0):
    """Judge a solution: chance must not reach it, and it must explain the bright peaks.

    The evidence is the alignment's log-likelihood ratio, plus what each line beyond the
    polynomial's freedom gains by lying closer than chance coincidences do.

    Parameters
    ----------
    score, chance : float
        Scores of the alignment and of the best mirrored one.
    solution : Solution or None
    fwhm : float
        Width of the lines [pixel].
    part : float
        Part of evidence and lead that is needed: chance may have less room or more.

    Returns
    -------
    Verdict
    """
    if solution is None:
        return Verdict(False, score, score - chance, "too few lines match for a fit")
    freedom = solution.used.sum() - solution.parameters
    # Residuals are the smaller, the more parameters the fit had to make them so.
    scatter = solution.scatter * np.sqrt(1 + solution.parameters / max(freedom, 1))
    scatter = max(scatter / fwhm, BOUNDS.least_scatter)
    evidence = score + freedom * np.log(BOUNDS.chance_scatter / scatter)
    margin = evidence - chance
    least = part * BOUNDS.least_evidence
    least_margin = max(part * BOUNDS.least_margin, part * BOUNDS.least_sum - evidence)
    plain = 2 * min(evidence / BOUNDS.plain_evidence, margin / BOUNDS.plain_margin) - 1
    less = (BOUNDS.least_matched - BOUNDS.least_matched_if_plain) * np.clip(plain, 0, 1)
    if evidence < least or margin < least_margin:
        reason = (
            f"could be chance: evidence {evidence:.0f} of {least:.0f}, "
            f"lead {margin:.0f} of {least_margin:.0f}"
        )
    elif solution.matched < BOUNDS.least_matched - less:
        reason = (
            f"lines found for {100 * solution.matched:.0f} % of the bright peaks, "
            f"of {100 * (BOUNDS.least_matched - less):.0f} % needed"
        )
    elif solution.certain < BOUNDS.least_certain:
        reason = (
            f"certain over {100 * solution.certain:.0f} % of the detector, "
            f"of {100 * BOUNDS.least_certain:.0f} % needed"
        )
    else:
        return Verdict(True, evidence, margin, "")
    return Verdict(False, evidence, margin, reason)
