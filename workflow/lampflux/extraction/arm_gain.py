"""Gain and read noise of an arm, from all its exposures."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lampflux.extraction.photon_transfer import PhotonTransfer, photon_transfer
from lampflux.extraction.repeats import Pair
from lampflux.statistics import robust_scatter, weighted_mean


class Combination(NamedTuple):
    """How gains are combined."""

    # Fewest exposures that show a gain in themselves, the error that all share, for their model of
    # the lines is made alike, and the largest scatter between them, relative.
    frames: int = 2
    shared: float = 0.05
    scatter: float = 0.15
    # Pairs and single exposures contradict each other where they differ by this part and by so
    # many errors; amplifiers that differ by so many have gains of their own.
    agreement: float = 0.2
    significance: float = 3.0


COMBINATION = Combination()
NO_FRAMES = PhotonTransfer("not of one amplifier")


class FrameGain(NamedTuple):
    """Gain that one exposure shows in itself, and noise of a dark pixel of one frame [ADU]."""

    gain: float
    noise: float


def frame_gain(header):
    """Read from a spectrum's header what its frame shows of the gain.

    Parameters
    ----------
    header : mapping

    Returns
    -------
    FrameGain or None
        None where the frame shows no gain.
    """
    measured = header.get("GAINSRC") == "measured"
    gain = header.get("GAIN" if measured else "GAINMEAS")
    if not gain:
        return None
    is_frame = header["BIASMETH"] in ("dark", "scaled dark", "bias")
    share = header.get("BGSHARE", 1.0) if is_frame else 0.0
    return FrameGain(gain, float(np.sqrt(header["PIXVAR"] / (1 + share))))


def arm_gain(
    pairs: Sequence[Pair],
    frames: Sequence[FrameGain],
    amplifiers: Sequence[Sequence[int]] | None = None,
) -> list[dict]:
    """Combine what pairs of repeats and single exposures show of an arm's detector.

    Parameters
    ----------
    pairs : list of Pair
        From `lampflux.extraction.repeats.compare_pair`, with these amplifiers, or two halves of
        the columns where none are named.
    frames : list of FrameGain
    amplifiers : list of (int, int), optional
        First and last column of each.

    Returns
    -------
    list of dict
        A row for the arm, or for each amplifier where their gains differ, with the columns of
        ``schemas/products/gains.yaml``.
    """
    columns = amplifiers or []
    if pairs and len(columns) > 1:
        each = [photon_transfer(pairs, (2 * n, 2 * n + 1)) for n in range(len(columns))]
        if are_apart([transfer for transfer in each if transfer.gain]):
            return [
                {"column_start": start, "column_stop": stop} | row_of(transfer, NO_FRAMES)
                for transfer, (start, stop) in zip(each, columns)
            ]
    transfer = PhotonTransfer("no lamp has two exposures of one time")
    if pairs:
        transfer = photon_transfer(pairs, range(pairs[0].dark.size))
    return [row_of(transfer, gain_of_frames(frames))]


def are_apart(transfers):
    """Whether the gains of some amplifiers differ by more than their errors."""
    if len(transfers) < 2:
        return False
    gains, errors = np.array([(each.gain, each.gain_err) for each in transfers]).T
    mean, _ = weighted_mean(gains, errors)
    return bool(np.any(np.abs(gains - mean) > COMBINATION.significance * errors))


def gain_of_frames(frames):
    """Gain and noise that single exposures agree on.

    Parameters
    ----------
    frames : sequence of FrameGain

    Returns
    -------
    PhotonTransfer
    """
    if len(frames) < COMBINATION.frames:
        return PhotonTransfer("too few show a gain")
    gains, noise = np.array(frames).T
    gain, error = np.median(gains), robust_scatter(gains)
    if error > COMBINATION.scatter * gain:
        return PhotonTransfer(f"gains scatter by {error / gain:.0%}")
    error = np.hypot(COMBINATION.shared * gain, error / np.sqrt(gains.size))
    noise_err = robust_scatter(noise) / np.sqrt(noise.size)
    return PhotonTransfer("", gains.size, gain, error, np.median(noise), noise_err)


def row_of(pairs, frames):
    """Combine what pairs and single exposures show to a row of the table.

    Parameters
    ----------
    pairs, frames : PhotonTransfer

    Returns
    -------
    dict
        With a ``reason`` and without a gain where neither shows one, or they contradict each
        other.
    """
    row = {"pairs": pairs.number, "frames": frames.number}
    methods = {"pairs": pairs, "frames": frames}
    known = {name: each for name, each in methods.items() if each.gain}
    if not known:
        return row | {"reason": f"pairs: {pairs.reason}; frames: {frames.reason}"}
    gains = np.array([each.gain for each in known.values()])
    errors = np.array([each.gain_err for each in known.values()])
    off, error = np.ptp(gains), np.sqrt(np.sum(errors**2))
    if off > max(COMBINATION.agreement * gains[0], COMBINATION.significance * error):
        return row | {"reason": f"pairs give {gains[0]:.3g} but frames {gains[1]:.3g}"}
    gain, error = weighted_mean(gains, errors)
    row |= {"gain": gain, "gain_err": error, "method": " and ".join(known)}
    source = pairs if pairs.noise else frames
    if source.noise:
        noise = source.noise * gain
        relative = np.hypot(error / gain, source.noise_err / source.noise)
        row |= {"read_noise": noise, "read_noise_err": noise * relative}
    if pairs.signal:
        row |= dict(zip(("signal_low", "signal_high"), map(round, pairs.signal)))
    return row
