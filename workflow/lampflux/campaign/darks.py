"""Choose the darks and biases of an exposure."""

import os
import zlib
from typing import NamedTuple

# A shorter dark is scaled up by no more than this, because its noise is scaled too. Beyond it, a
# bias alone, which leaves the dark current of a cooled detector, is better.
LARGEST_SCALE = 2.0


class MasterFrame(NamedTuple):
    """The darks, biases, or both that a master combines.

    ``dark_seconds`` is the exposure time of the darks, ``seconds`` that of the master [s]; both
    are None for a master of biases alone.
    """

    arm: str
    darks: tuple[str, ...]
    dark_seconds: float | None
    biases: tuple[str, ...]
    seconds: float | None

    @property
    def name(self):
        """A name that is unique to these files and times."""
        kind = f"Dark_{self.arm}_{self.seconds:g}s" if self.darks else f"Bias_{self.arm}"
        return f"{kind}_{zlib.crc32(repr(self).encode()):08x}"

    @property
    def files(self):
        """Each file and its exposure time [s]."""
        return [
            *((path, self.dark_seconds) for path in self.darks),
            *((b, 0) for b in self.biases),
        ]


def master_files(master):
    """Darks, their exposure time [s] and biases of a master; None for none."""
    keys = "darks", "dark_seconds", "biases"
    return master and {key: getattr(master, key) for key in keys}


def choose_background(path, arm, seconds, darks, biases):
    """Choose what is subtracted from a frame.

    The first choice is darks of its exposure time; the second, if there is a bias, scaled darks of
    the nearest longer time or, without any, of the nearest shorter one; the third the bias alone.
    All of one kind in the nearest folder are combined.

    Parameters
    ----------
    path : str
        The frame.
    arm : str
    seconds : float
        Its exposure time [s].
    darks : dict of (str, float) to list of str
        Arm and exposure time [s] to the darks.
    biases : dict of str to list of str
        Arm to the biases.

    Returns
    -------
    dark : str or None
        A single dark that needs no scaling.
    master : MasterFrame or None
        The combination of others.
    """
    same = nearest(path, darks.get((arm, seconds), []))
    bias = nearest(path, biases.get(arm, []))
    if same or not bias:
        return background(arm, seconds, same, seconds, bias)
    times = [time for of, time in darks if of == arm and time * LARGEST_SCALE >= seconds]
    if not times or seconds == 0:
        return background(arm, seconds, (), seconds, bias)
    time = min(times, key=lambda time: (time < seconds, abs(time - seconds)))
    return background(arm, seconds, nearest(path, darks[arm, time]), time, bias)


def background(arm, seconds, darks, dark_seconds, biases):
    """Decide whether one dark is used unchanged, or which master is made.

    See `choose_background`; ``dark_seconds`` is the exposure time of the darks [s], and those of
    the exposure's own time need no bias.
    """
    if darks and dark_seconds == seconds:
        master = MasterFrame(arm, darks, seconds, (), seconds)
        return (darks[0], None) if len(darks) == 1 else (None, master)
    if darks:
        return None, MasterFrame(arm, darks, dark_seconds, biases, seconds)
    return None, MasterFrame(arm, (), None, biases, None) if biases else None


def nearest(path, others):
    """Files in the frame's folder, or else in the folder of the first file by path."""
    others = sorted(others)
    folders = [os.path.dirname(path), *map(os.path.dirname, others[:1])]
    for folder in folders:
        found = tuple(other for other in others if os.path.dirname(other) == folder)
        if found:
            return found
    return ()
