"""Repeats: exposures of the same lamp, arm and exposure time."""

from itertools import groupby


def pairs_of_repeats(exposures):
    """Pair the repeats of an arm, each exposure with the next one, and none twice.

    Parameters
    ----------
    exposures : iterable of Exposure
        Sorted by brand, lamp, arm, exposure time and number.

    Returns
    -------
    list of (Exposure, Exposure)
    """
    pairs = []
    for _, repeats in groupby(exposures, key=lambda each: each.identity[:-1]):
        each = list(repeats)
        pairs += zip(each[::2], each[1::2])
    return pairs
