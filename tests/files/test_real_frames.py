"""Raw frames of four real spectrographs, against sums by numpy alone."""

import os
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from lampflux.files.frames import read_frame
from lampflux.files.keywords import check_exposure_time, detector_fact, saturation_limit

DATA = Path(os.environ.get("LAMPFLUX_DATA", "no such folder"))
pytestmark = [
    pytest.mark.skipif(not DATA.is_dir(), reason="LAMPFLUX_DATA names no folder"),
    pytest.mark.filterwarnings("ignore"),
]
# Path, number of the image's extension, exposure time [s], gain [electron/ADU], read noise
# [electron] and saturation [ADU] by the headers, as their README gives them.
FRAMES = {
    "floyds": ("floyds/arc0022.fits.fz", 1, 80.073, 2.3, 3.5, 38400),
    "alfosc": ("alfosc/ALDc200214.fits", 1, 3.0, 0.16, 4.3, 2**32 - 1),
    "st7": ("st7/n1_Lamp2.fit", 0, 240.0, 2.55, None, 65535),
    "sprat": ("sprat/v_a_20190516_57_1_0_1.fits", 0, 10.0, 2.45, None, 63042),
}


@pytest.fixture(params=FRAMES)
def real(request):
    name, *facts = FRAMES[request.param]
    return str(DATA / name), facts


def test_the_image_is_that_of_astropy_and_its_sum_that_of_numpy(real):
    path, (extension, *_) = real
    frame = read_frame(path)
    with fits.open(path, do_not_scale_image_data=True) as hdus:
        header, stored = hdus[extension].header, hdus[extension].data.astype(float)
    counts = header.get("BZERO", 0) + header.get("BSCALE", 1) * stored
    np.testing.assert_array_equal(frame.counts.sum(axis=0, dtype=float), counts.sum(axis=0))
    assert frame.overscan is None


def test_exposure_time_and_detector_are_those_of_either_header(real):
    path, (_, seconds, gain, read_noise, saturation) = real
    header = read_frame(path).header
    check_exposure_time(header, seconds, path)
    assert detector_fact("gain", header, None)[0] == pytest.approx(gain)
    assert detector_fact("read_noise", header, None)[0] == read_noise
    assert saturation_limit(header, None)[0] == saturation


def test_overscan_columns_of_a_real_frame_are_trimmed(tmp_path):
    # The dark side of SPRAT's frame serves as overscan: 40 columns put before the real ones.
    path = DATA / FRAMES["sprat"][0]
    header, stored = fits.getheader(path), fits.getdata(path)
    rng = np.random.default_rng(1)
    strip = rng.choice(stored[:20].ravel(), (stored.shape[0], 40))
    header["BIASSEC"], header["TRIMSEC"] = "[1:40,1:254]", "[41:1064,1:254]"
    fits.PrimaryHDU(np.hstack([strip, stored]), header).writeto(tmp_path / "a.fits")
    frame = read_frame(str(tmp_path / "a.fits"))
    np.testing.assert_allclose(frame.counts, stored, rtol=1e-6)
    assert abs(np.mean(frame.overscan) - np.mean(strip)) < 0.5
