"""Gain and read noise of an arm, from all its exposures."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lampflux.extraction.photon_transfer import FIT, fit_gain
from lampflux.extraction.repeats import Pair
from lampflux.extraction.squares import joined, scatter_over_light
from lampflux.statistics import robust_scatter, weighted_mean


class Combination(NamedTuple):
    """How gains are combined."""

    # Fewest exposures that show a gain in themselves, the error that all share, for their model of
    # the lines is made alike, and the largest scatter between them, relative.
    frames: int = 2
    shared: float = 0.05
    scatter: float = 0.15
    # Pairs and single exposures contradict each other where they differ by this part and by so
    # many errors; amplifiers that differ by this many have gains of their own.
    agreement: float = 0.2
    significance: float = 3.0
    # Pairs of repeats that contradict the others are left out, up to this part of them.
    odd: float = 0.34


COMBINATION = Combination()


class PhotonTransfer(NamedTuple):
    """What exposures show of a detector, or the ``reason`` why they show no gain.

    ``gain`` [electron/ADU] and ``noise`` of a pixel without light [ADU], with errors, None where
    they are not known; ``number`` of pairs, or single exposures, that were used; ``signal``,
    lowest and highest light [ADU]; and whether the reason is that parts of the frame ``differ``.
    """

    reason: str = ""
    number: int = 0
    gain: float | None = None
    gain_err: float | None = None
    noise: float | None = None
    noise_err: float | None = None
    signal: tuple[float, float] | None = None
    differ: bool = False


NO_FRAMES = PhotonTransfer("not measured for each amplifier")


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
        each = [gain_of_pairs(pairs, (2 * n, 2 * n + 1)) for n in range(len(columns))]
        if are_apart([transfer for transfer in each if transfer.gain]):
            return [
                {"column_start": start, "column_stop": stop} | row_of(transfer, NO_FRAMES)
                for transfer, (start, stop) in zip(each, columns)
            ]
    transfer = PhotonTransfer("no lamp has two exposures of one time")
    if pairs:
        transfer = gain_of_pairs(pairs, range(pairs[0].dark.size))
    return [row_of(transfer, gain_of_frames(frames))]


def are_apart(transfers):
    """Whether the gains of some amplifiers differ by more than their errors."""
    if len(transfers) < 2:
        return False
    gains, errors = np.array([(each.gain, each.gain_err) for each in transfers]).T
    mean, _ = weighted_mean(gains, errors)
    return bool(np.any(np.abs(gains - mean) > COMBINATION.significance * errors))


def gain_of_pairs(pairs: Sequence[Pair], parts: Sequence[int]) -> PhotonTransfer:
    """Measure gain and noise from pairs of repeats.

    Parameters
    ----------
    pairs : list of Pair
    parts : list of int
        Parts of the frame.

    Returns
    -------
    PhotonTransfer
    """
    shown = [(pair, pair.squares.where(np.isin(pair.squares.part, parts))) for pair in pairs]
    shown = [(pair, own) for pair, own in shown if own.part.size >= FIT.squares]
    if not shown:
        return PhotonTransfer("too few pixels are lit")
    agree = agreement([own for _, own in shown])
    if np.mean(agree) < 1 - COMBINATION.odd:
        return PhotonTransfer("the pairs contradict each other")
    used, squares = zip(*(each for each, agrees in zip(shown, agree) if agrees))
    fit = fit_gain(joined(squares))
    if fit.reason:
        return PhotonTransfer(fit.reason, differ=fit.differ)
    gain = 1 / fit.inverse
    noise, noise_err = mean_noise([pair.dark[list(parts)] for pair in used])
    return PhotonTransfer("", len(used), gain, gain**2 * fit.error, noise, noise_err, fit.signal)


def agreement(pairs):
    """Whether each pair scatters as most of them do, given the squares of each."""
    scatter, error = np.array([scatter_over_light(each) for each in pairs]).T
    middle = np.median(scatter)
    off = np.abs(scatter - middle)
    return (off < FIT.alike * middle) | (off < FIT.significance * error)


def mean_noise(variances):
    """Noise of dark pixels and its error [ADU], from variances [ADU^2]; None from none."""
    noise = np.sqrt(variances)
    noise = noise[np.isfinite(noise)]
    if not noise.any():
        return None, None
    return float(noise.mean()), float(noise.std() / np.sqrt(noise.size))


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
    if not known or pairs.differ:
        reasons = [f"{name}: {each.reason}" for name, each in methods.items() if each.reason]
        return row | {"reason": "; ".join(reasons)}
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
