"""Compare the products of two result folders number by number.

    python benchmarks/compare_results.py BEFORE AFTER

Prints each product that is missing on one side or differs, with the largest relative difference of
its numbers, and ends with status 1 if there is any. FITS headers are compared except for the
version of lampflux, pictures not at all.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from astropy.io import fits

# Keywords that differ between versions even if the numbers agree.
IGNORED = ("CREATOR", "CHECKSUM", "DATASUM")


def relative_difference(before, after):
    """Largest difference of two arrays over the larger value; infinite if they do not match."""
    if before.shape != after.shape:
        return np.inf
    if before.dtype.kind not in "fiub" or after.dtype.kind not in "fiub":
        return 0.0 if np.array_equal(before.astype(str), after.astype(str)) else np.inf
    before, after = before.astype(float), after.astype(float)
    if not np.array_equal(np.isfinite(before), np.isfinite(after)):
        return np.inf
    finite = np.isfinite(before)
    before, after = before[finite], after[finite]
    size = np.maximum(np.abs(before), np.abs(after))
    return float(np.max(np.abs(before - after) / np.where(size > 0, size, 1), initial=0))


def tables_of_fits(path):
    """Read headers and arrays of a FITS file by name."""
    parts = {}
    with fits.open(path) as hdus:
        for number, hdu in enumerate(hdus):
            cards = [
                f"{card.keyword}={card.value}"
                for card in hdu.header.cards
                if card.keyword not in IGNORED
            ]
            parts[f"header {number}"] = np.array(cards)
            if hdu.data is None:
                continue
            if hdu.data.dtype.names:
                parts |= {f"{hdu.name} {name}": hdu.data[name] for name in hdu.data.dtype.names}
            else:
                parts[f"image {number}"] = hdu.data
    return parts


def tables_of_csv(path):
    """Read the columns of a CSV table."""
    table = pd.read_csv(path)
    return {name: table[name].to_numpy() for name in table}


def differences(before, after):
    """List the differences between two products of the same name.

    Parameters
    ----------
    before, after : Path

    Returns
    -------
    list of str
        Name of each part that differs, with the largest relative difference.
    """
    read = tables_of_fits if before.suffix == ".fits" else tables_of_csv
    old, new = read(before), read(after)
    found = [f"{name} is only in one" for name in old.keys() ^ new.keys()]
    for name in old.keys() & new.keys():
        difference = relative_difference(np.asarray(old[name]), np.asarray(new[name]))
        if difference:
            found.append(f"{name} by {difference:.2g}")
    return sorted(found)


def main():
    """Compare the folders named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    folders = parser.parse_args()
    products = {
        path.relative_to(folder)
        for folder in (folders.before, folders.after)
        for path in folder.rglob("*")
        if path.suffix in (".fits", ".csv")
    }
    different = 0
    for product in sorted(products):
        before, after = folders.before / product, folders.after / product
        missing = [str(path) for path in (before, after) if not path.exists()]
        found = [f"no {path}" for path in missing] or differences(before, after)
        if found:
            different += 1
            print(f"{product}: {'; '.join(found)}")
    print(f"{len(products)} products compared, {different} differ.")
    sys.exit(bool(different))


if __name__ == "__main__":
    main()
