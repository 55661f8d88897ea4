"""Flags: one word for each thing that a user of a flux should know, and which flux to use."""

from typing import NamedTuple

import numpy as np

# In the order in which they are written; docs/fluxes.md says what each means.
FLAGS = (
    "saturated",
    "cosmic",
    "bad_pixels",
    "blended",
    "misfit",
    "edge",
    "faint",
    "wavelength",
    "no_dark",
    "no_gain",
    "refused",
    "negative",
)


class FlagTuning(NamedTuple):
    """Limits of flags."""

    # A line is faint below this signal-to-noise ratio, the usual limit of a clear detection.
    faint_snr: float = 5.0
    # A fit whose reduced chi-square is above this does not describe the line: by chance 1 in
    # 10,000.
    misfit_chi2: float = 4.0
    # It is a misfit where the error of the flux is more than this part of it, too: the noise of
    # the brightest lines shows what does not matter.
    misfit_part: float = 0.003
    # Wings of lines in the continuum blend with the window's line where they are uncertain by this
    # part of its flux, and by this many times all other errors.
    wings_part: float = 0.02
    wings: float = 2.0


FLAGGED = FlagTuning()


def is_misfit(reduced_chi2, relative_error):
    """Whether a fit does not describe its line, by its chi-square and the error of the flux."""
    return reduced_chi2 > FLAGGED.misfit_chi2 and relative_error > FLAGGED.misfit_part


def in_wings(wings, net, net_error):
    """Whether wings of lines make most of the error of a net flux, and it is large."""
    others = np.sqrt(max(net_error**2 - wings**2, 0.0))
    return wings > max(FLAGGED.wings_part * abs(net), FLAGGED.wings * others)


def raised(**conditions):
    """Give the words of the conditions that hold.

    Parameters
    ----------
    **conditions : bool
        Named as in ``FLAGS``.

    Returns
    -------
    tuple of str
        In the order of ``FLAGS``.
    """
    return tuple(word for word in FLAGS if conditions.get(word))


def recommendation(flags, has_fit, is_inside, is_parted, is_cut, is_lost=False):
    """Choose between net and fitted flux.

    Parameters
    ----------
    flags : tuple of str
    has_fit : bool
        Whether there is a fitted flux.
    is_inside : bool
        Whether the fitted line is in the window.
    is_parted : bool
        Whether the fit separates the window's line from its neighbours.
    is_cut : bool
        Whether the window cuts the line.
    is_lost : bool
        Whether a column of the window is filled from its neighbours.

    Returns
    -------
    column, reason : str
    """
    if not has_fit:
        return "net_flux", "no line was fitted"
    if not is_inside:
        return "net_flux", "the brightest line is outside the window"
    if "saturated" in flags:
        return "fit_flux", "saturated: estimated from the flanks"
    if is_lost and "misfit" not in flags:
        return "fit_flux", "a dead or hot column: fitted to the others"
    if "misfit" in flags:
        return "net_flux", "the fit does not describe the line"
    if "blended" in flags:
        if is_parted:
            return "fit_flux", "neighbours are subtracted"
        return "net_flux", "blend that cannot be separated"
    if is_cut:
        return "fit_flux", "the window cuts the line"
    if "faint" in flags:
        return "fit_flux", "faint: the fit has less noise"
    return "net_flux", "alone in its window"
