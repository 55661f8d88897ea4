"""Flags: one word for each thing that a user of a flux should know."""

# In the order in which they are written; docs/fluxes.md says what each means.
FLAGS = ("saturated", "cosmic", "blended", "edge", "faint", "wavelength", "no_dark", "negative")
# A line is faint below this signal-to-noise ratio, the usual limit of a clear detection.
FAINT_SNR = 5.0


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
