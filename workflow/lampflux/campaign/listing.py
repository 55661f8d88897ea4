"""Which files below a folder are raw frames."""

import os
from pathlib import Path
from typing import NamedTuple

from lampflux.campaign.exposures import (
    ENDINGS,
    FRAME_NAMES,
    is_dark_or_bias,
    is_frame_name,
    stem_of,
)

# Folders of products that have the names of exposures, the card by which their headers differ,
# and the number of bytes that hold it.
PRODUCT_FOLDERS, CREATOR, HEADER_BYTES = ("spectra", "calibrated"), b"CREATOR = 'lampflux", 28800


class Listing(NamedTuple):
    """FITS files, files of other kinds with the names of frames, and products: paths, sorted."""

    frames: list
    others: list
    products: list


def is_product(path):
    """Whether a file is a spectrum that lampflux made."""
    if Path(path).parent.name not in PRODUCT_FOLDERS or not os.path.isfile(path):
        return False
    try:
        with open(path, "rb") as file:
            return CREATOR in file.read(HEADER_BYTES)
    except OSError:
        return False


def list_frames(folder, leave_out=()):
    """List FITS files in a folder and below it, following links and ignoring hidden names.

    A folder named like a frame counts as a file.

    Parameters
    ----------
    folder : str
    leave_out : iterable of str
        Folders not to enter.

    Returns
    -------
    Listing
    """
    visited = {os.path.realpath(name) for name in leave_out}
    found, others = [], []
    for parent, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(parent)
        if real in visited:
            folders.clear()
            continue
        visited.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        here = [name for name in files if not name.startswith(".")]
        frames = [name for name in here if stem_of(name) is not None]
        frames += [name for name in folders if is_frame_name(name)]
        found += [os.path.join(parent, name) for name in frames]
        # Pictures and notes beside a frame may have its name.
        stems = set(map(stem_of, frames))
        others += [
            os.path.join(parent, name)
            for name in set(here).difference(frames)
            if reads_as_frame(name) and not stems & set(possible_stems(name))
        ]
    products = {path for path in found if is_product(path)}
    return Listing(sorted(set(found) - products), sorted(others), sorted(products))


def possible_stems(name):
    """Give a file's name without its last extension, without the last two, and so on."""
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(len(parts) - 1, 0, -1)]


def reads_as_frame(name):
    """Whether a file has the name of a frame, with any extension."""
    return any(kind.fullmatch(stem) for stem in possible_stems(name) for kind in FRAME_NAMES)


def listing_notes(listing):
    """List files that look like frames but are not used, one sentence for each kind."""
    notes = []
    if listing.others:
        notes.append(
            f"Not used, although named like frames, because FITS files end in {ENDINGS}: "
            f"{names_of(listing.others)}."
        )
    if listing.products:
        folders = sorted({str(Path(path).parent) for path in listing.products})
        notes.append(f"Products of lampflux in {names_of(folders)} are not used as frames.")
    return notes


def dark_notes(exposures):
    """List the exposures without a dark of the same time, one sentence for each kind."""
    masters = [each for each in exposures if each.master]
    kinds = {
        "No dark for {}: the bias is measured in the frame itself.": [
            each for each in exposures if not each.background_files
        ],
        "No dark for {}: a bias is subtracted, and dark current remains.": [
            each for each in masters if not each.master.darks
        ],
        "No dark of the same time for {}: others are scaled by exposure time, after the bias.": [
            each for each in masters if each.master.darks and each.master.biases
        ],
    }
    return [
        note.format(names_of([each.stem for each in those]))
        for note, those in kinds.items()
        if those
    ]


def unused_darks(frames, used):
    """List the darks and biases that no exposure uses, in one sentence; empty for none."""
    unused = [path for path in filter(is_dark_or_bias, frames) if path not in used]
    if not unused:
        return []
    return [
        f"No exposure uses {names_of(unused)}: a dark is used for exposures of its arm and "
        "exposure time or, if there is a bias, of up to twice its time; a bias is used for "
        "exposures without a dark of the same time."
    ]


def names_of(things):
    """Join names with commas, at most the first five."""
    more = len(things) - 5
    return ", ".join(things[:5]) + (f" and {more} more" if more > 0 else "")


def no_frames(folder):
    """Report that there are no raw frames."""
    missing = "" if os.path.isdir(folder) else ", which does not exist"
    return (
        f"there are no raw frames ({ENDINGS}) in {folder}{missing}; put them there or name their "
        "folder with --config raw_dir=FOLDER."
    )
