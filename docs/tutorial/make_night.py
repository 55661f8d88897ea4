"""Make the tutorial's night: simulated frames, named and described as another observatory does.

Usage: python docs/tutorial/make_night.py FOLDER
"""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from astropy.io import fits

PROJECT = Path(__file__).resolve().parent.parent.parent


def main(night):
    """Simulate the frames in another folder and copy them under other names."""
    night.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as work:
        subprocess.run(
            [
                *(sys.executable, "-m", "snakemake", "-s", PROJECT / "Snakefile"),
                *("--directory", work, "--configfile", PROJECT / "docs/tutorial/night.yaml"),
                *("--until", "simulate_exposure", "simulate_dark", "--quiet", "all"),
            ],
            check=True,
        )
        frames = Path(work, "resources/raw/simulated").glob("*/*.fits")
        frames = sorted(frames, key=lambda path: (not path.name.startswith("Dark_"), path))
        for number, path in enumerate(frames, start=1):
            brand, lamp, *_ = path.parent.name.split("_")
            kind = "dark" if path.name.startswith("Dark_") else "arc"
            with fits.open(path) as hdus:
                hdus[0].header["IMAGETYP"] = kind.upper()
                hdus[0].header["OBJECT"] = "" if kind == "dark" else f"{brand} {lamp}"
                hdus[0].header["DETECTOR"] = "RED"
                hdus.writeto(night / f"20190812_{kind}_{number:04d}.fits", overwrite=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
