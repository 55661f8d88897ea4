"""Frames of several amplifiers: sections, overscan, gains and extensions of known truth."""

import logging

import numpy as np
import pytest
from astropy.io import fits

from lampflux.errors import UserError
from lampflux.files.amplifiers import parse_section
from lampflux.files.frames import frame_format, read_frame

ROWS, COLUMNS, STRIP = 120, 200, 30
NOISE = 3.0
# Bias [ADU] and gain [electron/ADU] of the amplifiers, lowest row first.
BIAS = ((500.0, 620.0), (700.0, 455.0))
GAIN = ((1.0, 1.6), (0.8, 1.25))


def light():
    """Electrons of a frame with lines and a slope, so that each pixel knows its place."""
    y, x = np.mgrid[:ROWS, :COLUMNS]
    return 100.0 + 3 * x + 7 * y + 5000 * np.exp(-0.5 * ((x - 61) / 3) ** 2)


def amplifier(electrons, bias, gain, seed):
    """Digitise what an amplifier reads, with its overscan to the right."""
    rng = np.random.default_rng(seed)
    padded = np.pad(electrons, ((0, 0), (0, STRIP)))
    return np.round(padded / gain + bias + rng.normal(0, NOISE, padded.shape)).astype("u2")


def quarters():
    """Rows and columns of each amplifier, lowest row first, as FITS sections and slices."""
    for row in (0, 1):
        for column in (0, 1):
            yield (
                (row, column),
                slice(row * ROWS // 2, (row + 1) * ROWS // 2),
                slice(column * COLUMNS // 2, (column + 1) * COLUMNS // 2),
            )


def section(rows, columns, backwards):
    x = (columns.stop, columns.start + 1) if backwards else (columns.start + 1, columns.stop)
    return f"[{x[0]}:{x[1]},{rows.start + 1}:{rows.stop}]"


def mosaic(path, order=(0, 1, 2, 3), keyword="DETSEC", backwards=False):
    """Write four amplifiers in extensions; those on the right may be read backwards."""
    hdus = []
    for number, ((row, column), rows, columns) in enumerate(quarters()):
        back = backwards and column == 1
        electrons = light()[rows, columns]
        image = fits.ImageHDU(
            amplifier(electrons[:, ::-1] if back else electrons, *of(row, column), number),
            name=f"IM{number + 1}",
        )
        image.header["GAIN"] = GAIN[row][column]
        image.header["BIASSEC"] = f"[{COLUMNS // 2 + 1}:{COLUMNS // 2 + STRIP},1:{ROWS // 2}]"
        image.header["DATASEC"] = f"[1:{COLUMNS // 2},1:{ROWS // 2}]"
        if keyword:
            image.header[keyword] = section(rows, columns, back)
        hdus.append(image)
    primary = fits.PrimaryHDU()
    primary.header["EXPTIME"] = 10.0
    fits.HDUList([primary, *(hdus[n] for n in order)]).writeto(path)
    return str(path)


def of(row, column):
    return BIAS[row][column], GAIN[row][column]


def net(frame):
    return frame.counts - frame.overscan


def assert_is_light(frame):
    """Compare a frame with the light to within its noise, in the first one's ADU."""
    difference = net(frame) - light() / GAIN[0][0]
    assert difference.shape == (ROWS, COLUMNS)
    for (row, column), rows, columns in quarters():
        noise = NOISE * GAIN[row][column] / GAIN[0][0]
        part = difference[rows, columns]
        assert abs(part.mean()) < 0.1 * noise
        assert part.std() < 1.15 * noise


# Sections


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("[1:50,1:20]", ((slice(0, 20), slice(0, 50)), ())),
        ("[50:1,1:20]", ((slice(0, 20), slice(0, 50)), (1,))),
        (" [ 5 : 6, 9:7 ]", ((slice(6, 9), slice(4, 6)), (0,))),
        ("UNKNOWN", (None, ())),
        ("[0:0,0:0]", (None, ())),
        (None, (None, ())),
    ],
)
def test_a_section_counts_from_1_with_both_ends(text, wanted):
    assert parse_section(text) == wanted


# Overscan of one image


@pytest.mark.parametrize("keyword", ["TRIMSEC", "DATASEC", None])
@pytest.mark.parametrize("side", ["left", "right", "top"])
def test_overscan_is_trimmed_and_its_level_is_the_bias(tmp_path, keyword, side):
    stored = amplifier(light(), 500.0, 1.0, 1)
    first, strip = STRIP + 1, f"[1:{STRIP},1:{ROWS}]"
    if side == "left":
        stored = np.roll(stored, STRIP, axis=1)
        trim = f"[{first}:{STRIP + COLUMNS},1:{ROWS}]"
    elif side == "right":
        trim, strip = f"[1:{COLUMNS},1:{ROWS}]", f"[{COLUMNS + 1}:{COLUMNS + STRIP},1:{ROWS}]"
    else:
        rng = np.random.default_rng(1)
        padded = np.pad(light(), ((0, STRIP), (0, 0))) + 500
        stored = np.round(padded + rng.normal(0, NOISE, padded.shape)).astype("u2")
        trim, strip = f"[1:{COLUMNS},1:{ROWS}]", f"[1:{COLUMNS},{ROWS + 1}:{ROWS + STRIP}]"
    hdu = fits.PrimaryHDU(stored)
    hdu.header["BIASSEC"] = strip
    if keyword:
        hdu.header[keyword] = trim
    hdu.writeto(tmp_path / "a.fits")
    frame = read_frame(str(tmp_path / "a.fits"))
    assert frame.counts.shape == (ROWS, COLUMNS)
    assert frame_format(str(tmp_path / "a.fits"))[0] == (ROWS, COLUMNS)
    assert frame.counts.dtype == np.uint16
    assert abs(np.mean(frame.overscan) - 500) < 0.2
    assert abs(np.mean(net(frame) - light())) < 0.2
    cards = {card[0]: card[1] for card in frame.cards}
    assert cards["OVERMET1"] == "smooth"
    assert abs(cards["OVERLEV1"] - 500) < 0.3


def test_the_slit_along_the_columns_turns_counts_and_overscan(tmp_path):
    hdu = fits.PrimaryHDU(amplifier(light(), 500.0, 1.0, 1))
    hdu.header["BIASSEC"] = f"[{COLUMNS + 1}:{COLUMNS + STRIP},1:{ROWS}]"
    hdu.writeto(tmp_path / "a.fits")
    frame = read_frame(str(tmp_path / "a.fits"), spatial_axis=1)
    assert frame.counts.shape == frame.overscan.shape == (COLUMNS, ROWS)
    assert abs(np.mean(net(frame).T - light())) < 0.2


def test_a_section_outside_the_image_is_ignored_with_a_warning(tmp_path, caplog):
    hdu = fits.PrimaryHDU(amplifier(light(), 500.0, 1.0, 1))
    hdu.header["BIASSEC"] = "[3:52,1:2102]"
    hdu.writeto(tmp_path / "a.fits")
    with caplog.at_level(logging.WARNING):
        frame = read_frame(str(tmp_path / "a.fits"))
    assert frame.counts.shape == (ROWS, COLUMNS + STRIP)
    assert frame.overscan is None
    assert "BIASSEC [3:52,1:2102] does not lie in the image" in caplog.text


def test_a_lit_overscan_is_ignored_with_a_warning(tmp_path, caplog):
    stored = amplifier(light(), 500.0, 1.0, 1)
    stored[:, COLUMNS:] = 9000
    hdu = fits.PrimaryHDU(stored)
    hdu.header["BIASSEC"] = f"[{COLUMNS + 1}:{COLUMNS + STRIP},1:{ROWS}]"
    hdu.writeto(tmp_path / "a.fits")
    with caplog.at_level(logging.WARNING):
        assert read_frame(str(tmp_path / "a.fits")).overscan is None
    assert "overscan is brighter than its image" in caplog.text


def test_sections_of_the_config_join_amplifiers_of_one_image(tmp_path):
    parts = [
        amplifier(light()[:, half], bias, gain, seed)
        for half, bias, gain, seed in (
            (slice(0, 100), 500.0, 1.0, 1),
            (slice(100, 200), 640.0, 1.6, 2),
        )
    ]
    fits.PrimaryHDU(np.hstack(parts)).writeto(tmp_path / "a.fits")
    sections = [
        {"data": "[1:100,1:120]", "overscan": "[101:130,1:120]", "gain": 1.0},
        {"data": "[131:230,1:120]", "overscan": "[231:260,1:120]", "gain": 1.6},
    ]
    frame = read_frame(str(tmp_path / "a.fits"), sections=sections)
    assert frame.counts.shape == (ROWS, COLUMNS)
    assert abs(np.mean(net(frame) - light())) < 0.2
    sections[1]["data"] = "[131:999,1:120]"
    with pytest.raises(UserError, match=r"does not contain the config's sections"):
        read_frame(str(tmp_path / "a.fits"), sections=sections)


# Mosaics


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 1, 0, 2)])
@pytest.mark.parametrize("keyword", ["DETSEC", "CCDSEC"])
@pytest.mark.parametrize("backwards", [False, True])
def test_a_mosaic_is_joined_by_its_place_on_the_detector(tmp_path, order, keyword, backwards):
    frame = read_frame(mosaic(tmp_path / "a.fits", order, keyword, backwards))
    assert_is_light(frame)
    assert frame.header["EXPTIME"] == 10.0


def test_a_mosaic_is_joined_in_the_order_of_the_config(tmp_path):
    path = mosaic(tmp_path / "a.fits", (2, 0, 3, 1), keyword=None)
    frame = read_frame(path, extensions=[["IM1", "IM2"], ["IM3", "IM4"]])
    assert_is_light(frame)
    assert_is_light(read_frame(path, extensions=[[2, 4], ["im3,1", 3]]))
    assert frame_format(path, extensions=[["IM1", "IM2"], ["IM3", "IM4"]])[0] == (ROWS, COLUMNS)


def test_the_fluxes_of_a_mosaic_are_those_of_one_image(tmp_path):
    one = fits.PrimaryHDU(amplifier(light(), 500.0, 1.0, 9))
    one.header["BIASSEC"] = f"[{COLUMNS + 1}:{COLUMNS + STRIP},1:{ROWS}]"
    one.writeto(tmp_path / "one.fits")
    sums = [
        net(read_frame(path)).sum(axis=0)[50:73].sum()
        for path in (str(tmp_path / "one.fits"), mosaic(tmp_path / "a.fits"))
    ]
    pixels = ROWS * 23
    # Noise of the pixels, and of the bias, which is common to the rows of an amplifier.
    noise = np.hypot(NOISE * np.sqrt(2 * pixels), pixels * NOISE / np.sqrt(STRIP * ROWS / 4))
    assert abs(sums[0] - sums[1]) < 3 * noise
    assert abs(sums[0] - light()[:, 50:73].sum()) < 3 * noise


def test_saturation_of_a_mosaic_is_that_of_its_first_saturating_amplifier(tmp_path):
    frame = read_frame(mosaic(tmp_path / "a.fits"))
    assert frame.header["SATURATE"] == pytest.approx(65535 * min(np.ravel(GAIN)) / GAIN[0][0])


def test_images_that_do_not_join_are_refused_with_the_config_key(tmp_path):
    path = mosaic(tmp_path / "a.fits", keyword=None)
    with pytest.raises(UserError, match=r"holds 4 two-dimensional images.*extensions"):
        read_frame(path)
    with pytest.raises(UserError, match="cannot be joined to one frame"):
        read_frame(path, extensions=[["IM1", "IM2"], ["IM3"]])
    with pytest.raises(UserError, match=r"no two-dimensional image IM9, only 1 IM1, 2 IM2"):
        read_frame(path, extensions="IM9")


# Extensions


def test_one_extension_is_chosen_by_name_number_or_version(tmp_path):
    images = [fits.ImageHDU(np.full((4, 5), n, "i2"), name="SCI", ver=n) for n in (1, 2)]
    fits.HDUList([fits.PrimaryHDU(), *images]).writeto(tmp_path / "a.fits")
    for extension, value in (("SCI", 1), ("sci,2", 2), (1, 1), (2, 2)):
        counts = read_frame(str(tmp_path / "a.fits"), extensions=extension).counts
        assert (counts == value).all()


@pytest.mark.parametrize("name", ["DQ", "mask", "BPM"])
def test_a_data_quality_extension_masks_its_image(tmp_path, name):
    quality = np.zeros((ROWS, COLUMNS + STRIP), "i2")
    quality[5, 7] = 4
    image = fits.ImageHDU(amplifier(light(), 500.0, 1.0, 1), name="SCI")
    image.header["TRIMSEC"] = f"[1:{COLUMNS},1:{ROWS}]"
    fits.HDUList([fits.PrimaryHDU(), image, fits.ImageHDU(quality, name=name)]).writeto(
        tmp_path / "a.fits"
    )
    counts = read_frame(str(tmp_path / "a.fits")).counts
    assert np.argwhere(np.isnan(counts)).tolist() == [[5, 7]]


def test_one_plane_of_a_cube_is_an_image(tmp_path):
    stored = amplifier(light(), 500.0, 1.0, 1)
    fits.PrimaryHDU(stored[np.newaxis]).writeto(tmp_path / "a.fits")
    np.testing.assert_array_equal(read_frame(str(tmp_path / "a.fits")).counts, stored)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(("inherit", "wanted"), [(None, 10.0), (True, 10.0), (False, None)])
def test_the_primary_header_counts_unless_the_image_refuses_it(
    tmp_path, compressed, inherit, wanted
):
    data = np.ones((20, 30), "i2")
    image = fits.CompImageHDU(data) if compressed else fits.ImageHDU(data)
    image.header["GAIN"] = 2.0
    if inherit is not None:
        image.header["INHERIT"] = inherit
    primary = fits.PrimaryHDU()
    primary.header.update({"EXPTIME": 10.0, "GAIN": 99.0, "BZERO": 7, "BSCALE": 3.0})
    fits.HDUList([primary, image]).writeto(tmp_path / "a.fits")
    frame = read_frame(str(tmp_path / "a.fits"))
    assert frame.header.get("EXPTIME") == wanted
    assert frame.header["GAIN"] == 2.0
    assert (frame.header["NAXIS1"], frame.header["BITPIX"]) == (30, 16)
    assert "BZERO" not in frame.header
    assert (frame.counts == 1).all()
