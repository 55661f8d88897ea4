"""Spectra of the same light in frames of several layouts, by the script itself."""

from types import SimpleNamespace

import numpy as np
import pytest
from astropy.io import fits

from conftest import script

ROWS, COLUMNS, STRIP, NOISE = 60, 256, 32, 3.0
BIAS, GAIN = (500.0, 620.0, 455.0, 710.0), (1.0, 1.6, 0.8, 1.25)
LINE = slice(60, 81)


def light():
    """Electrons: a line on a level, on 21 rows."""
    lit = np.zeros((ROWS, 1))
    lit[20:41] = 1
    return lit * (50 + 4000 * np.exp(-0.5 * ((np.arange(COLUMNS) - 70) / 2.5) ** 2))


def read_out(electrons, bias, gain, seed):
    """Digitise electrons, with overscan to the right."""
    rng = np.random.default_rng(seed)
    padded = np.pad(electrons, ((0, 0), (0, STRIP)))
    noise = rng.normal(0, NOISE, padded.shape)
    return np.round(rng.poisson(padded) / gain + bias + noise).astype("u2")


def plain(path):
    fits.PrimaryHDU(read_out(light(), BIAS[0], GAIN[0], 1)[:, :COLUMNS]).writeto(path)
    return {}


def overscan(path):
    hdu = fits.PrimaryHDU(read_out(light(), BIAS[0], GAIN[0], 2))
    hdu.header["BIASSEC"] = f"[{COLUMNS + 1}:{COLUMNS + STRIP},1:{ROWS}]"
    hdu.writeto(path)
    return {}


def mosaic(path):
    hdus = [fits.PrimaryHDU()]
    hdus[0].header["EXPTIME"] = 1.0
    for number, (bias, gain) in enumerate(zip(BIAS, GAIN)):
        row, column = ROWS // 2 * (number // 2), COLUMNS // 2 * (number % 2)
        part = light()[row : row + ROWS // 2, column : column + COLUMNS // 2]
        image = fits.ImageHDU(read_out(part, bias, gain, 3 + number), name=f"IM{number}")
        image.header["GAIN"] = gain
        image.header["BIASSEC"] = f"[{COLUMNS // 2 + 1}:{COLUMNS // 2 + STRIP},1:{ROWS // 2}]"
        hdus.append(image)
    fits.HDUList(hdus).writeto(path)
    return {"extensions": [["IM0", "IM1"], ["IM2", "IM3"]]}


def spectrum(folder, make):
    """Sum and header of the spectrum that the script makes of a frame."""
    folder.mkdir()
    settings = make(folder / "frame.fits")
    names = "gain", "read_noise", "saturation", "amplifiers"
    params = dict.fromkeys(names) | {
        "identity": {"BRAND": "B", "LAMP": "Ne", "CCD": "Red", "EXPTIME": 1.0, "ID": "01"},
        "spatial_axis": 0,
        "table": None,
        "layout": settings,
        "rows": "all",
        "bias": {"method": "amplifiers", "amplifiers": None, "range": None},
        "cosmic_rays": False,
    }
    files = SimpleNamespace(frame=str(folder / "frame.fits"), get=lambda name: None)
    output = SimpleNamespace(fits=str(folder / "out.fits"))
    job = SimpleNamespace(input=files, params=SimpleNamespace(**params), output=output)
    script("spectra")(job)
    return fits.getdata(output.fits), fits.getheader(output.fits)


@pytest.mark.parametrize("make", [plain, overscan, mosaic])
def test_the_flux_of_a_line_is_that_of_the_light_whatever_the_layout(tmp_path, make):
    counts, header = spectrum(tmp_path / "a", make)
    assert counts.shape == (COLUMNS,)
    truth = light()[:, LINE].sum()
    pixels = ROWS * (LINE.stop - LINE.start)
    # Light, read noise, and the bias, which is known to half an ADU at most without overscan.
    noise = np.sqrt(truth + pixels * (2 * NOISE) ** 2)
    assert abs(counts[LINE].sum() - truth) < 4 * noise + 0.5 * pixels * (make is plain)
    assert ("OVERMET1" in header) == (make is not plain)


def test_the_saturation_limit_goes_down_with_the_overscan(tmp_path):
    _, header = spectrum(tmp_path / "a", overscan)
    assert header["SATLEVEL"] == pytest.approx(65535 - BIAS[0], abs=3)
