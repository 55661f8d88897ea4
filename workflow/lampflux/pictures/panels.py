"""Small panels of a figure without axes of their own, which take longer than all else in them."""

from typing import NamedTuple

import numpy as np
from matplotlib.ticker import MaxNLocator

from lampflux.pictures.style import COLOUR, number_text, raised

# Length of a tick, and distance of its label from the panel [inch].
TICK, LABEL = 0.04, 0.07
# Ticks outside these numbers share a power of ten.
SMALLEST, LARGEST = 1e-3, 1e4
# Most intervals between ticks.
ACROSS, UP = MaxNLocator(3, integer=True), MaxNLocator(4)


class Panel(NamedTuple):
    """Place of a panel on its figure [inch], and the range of the data on either axis."""

    left: float
    bottom: float
    width: float
    height: float
    x: tuple[float, float]
    y: tuple[float, float]

    def points(self, x, y):
        """Place points on the figure.

        Parameters
        ----------
        x, y : array_like
            Of one shape, or a number and an array.

        Returns
        -------
        ndarray, shape (points, 2)
            [inch]
        """
        across = self.left + self.width * (np.asarray(x) - self.x[0]) / (self.x[1] - self.x[0])
        up = self.bottom + self.height * (np.asarray(y) - self.y[0]) / (self.y[1] - self.y[0])
        return np.column_stack(np.broadcast_arrays(across, up))

    def steps(self, pixels, values):
        """Place the outline of a histogram of neighbouring pixels, as `points` does."""
        edges = np.append(pixels - 0.5, pixels[-1] + 0.5)
        return self.points(np.repeat(edges, 2)[1:-1], np.repeat(values, 2))

    def rectangle(self, start, stop):
        """Corners of the part of the panel between two places on its x axis [inch]."""
        return self.points([start, stop, stop, start], np.repeat(self.y, 2))


def ticks_within(locator, ends):
    """Round numbers within a range."""
    ticks = locator.tick_values(*ends)
    return ticks[(ticks >= ends[0]) & (ticks <= ends[1])]


def tick_across(write, panel, text):
    """Write the text of round numbers below a panel.

    Parameters
    ----------
    write : callable
        Called with a place [inch], a text and its style.
    panel : Panel
    text : callable
        Number to text.

    Returns
    -------
    list of ndarray
        The ticks themselves, as lines.
    """
    lines = []
    for tick in ticks_within(ACROSS, panel.x):
        ((across, up),) = panel.points([tick], panel.y[0])
        lines.append(np.array([(across, up), (across, up - TICK)]))
        write(across, up - LABEL, text(tick), ha="center", va="top", color=COLOUR.muted)
    return lines


def tick_up(write, panel):
    """Write round numbers on the left of a panel, their power of ten above; as `tick_across`."""
    ticks = ticks_within(UP, panel.y)
    largest = np.abs(ticks).max()
    power = 0
    if largest and not SMALLEST <= largest < LARGEST:
        power = int(np.floor(np.log10(largest)))
        top = panel.bottom + panel.height + 0.03
        write(panel.left, top, f"×{raised(power)}", color=COLOUR.muted)
    lines = []
    for tick in ticks:
        ((across, up),) = panel.points(panel.x[0], [tick])
        lines.append(np.array([(across, up), (across - TICK, up)]))
        text = number_text(tick / 10.0**power)
        write(across - LABEL, up, text, ha="right", va="center", color=COLOUR.muted)
    return lines


def range_of(curves):
    """Range that shows all finite values and zero."""
    values = np.concatenate(curves)
    values = values[np.isfinite(values)]
    low, high = np.min(values, initial=0.0), np.max(values, initial=0.0)
    margin = 0.05 * (high - low) or 1.0
    return low - margin, high + margin
