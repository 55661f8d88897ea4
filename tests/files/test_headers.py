"""FITS products explain themselves, show damage, and are the same each time."""

import warnings

import numpy as np
import pytest
from astropy.io import fits

from lampflux.extraction.cards import spectrum_cards
from lampflux.extraction.spectrum import extract
from lampflux.extraction.thumbnail import block_means
from lampflux.files.exposure import read_exposure
from lampflux.files.headers import identity_cards, observation_cards
from lampflux.files.masters import write_master
from lampflux.files.spectra import read_sums, write_calibrated, write_spectrum
from lampflux.peaks import find_peaks

OBSERVED = {
    "TELESCOP": "AAT",
    "INSTRUME": "Spector",
    "OBJECT": "an arc of the bundle's own lamp" * 3,
    "DATE-OBS": "2020-03-21T05:38:57.155",
    "MJD-OBS": 58929.2354,
}
IDENTITY = {"BRAND": "Photron", "LAMP": "ThAr", "CCD": "Red", "EXPTIME": 60.0, "ID": "02"}
NOMINAL = {"crval": 6754.73992674, "crpix": 2048, "cdelt": 0.5201465201465}


def write_products(folder):
    """Write each kind of product of a small frame with long names."""
    rng = np.random.default_rng(1)
    counts = rng.normal(500, 3, (40, 600)).round().astype("u2")
    counts[10:30, 100:500:50] += 4000
    header = OBSERVED | {"DATE": "2020-03-22", "OBSERVER": None, "GAIN": 2.0}
    fits.writeto(folder / "raw.fits", counts, fits.Header(header))
    frame = read_exposure(str(folder / "raw.fits"), 60.0)
    facts = {"gain": (2.0, "GAIN"), "read_noise": (None, None), "saturation": (65535.0, "config")}
    spectrum = extract(
        frame.counts, np.full(600, 500.0), **{name: value for name, (value, _) in facts.items()}
    )
    cards = [
        *identity_cards(IDENTITY),
        *observation_cards(frame.header),
        ("RAWFILE", f"{'long_name_' * 5}.fits", "raw frame"),
        ("DARKFILE", f"{'long_name_' * 9}.fits", "dark subtracted"),
        ("AMPGAIN10", 1.0, "gain ratio"),
        *spectrum_cards(spectrum, facts, "lit", True),
    ]
    write_spectrum(
        folder / "spectrum.fits", cards, spectrum, block_means(frame.counts), frame.counts.shape
    )
    header, table = read_sums(folder / "spectrum.fits")
    table["wavelength"] = 6800 + 0.5 * table["pixel"] + 1e-5 * table["pixel"] ** 2
    peaks = find_peaks(table["clean"], table["clean_uncertainty"])
    cards = [("WAVEMETH", "nominal", "how"), ("WAVEREAS", "few lines; " * 9, "why")]
    write_calibrated(folder / "calibrated.fits", header, NOMINAL, cards, table, peaks)
    write_master(folder / "master.fits", counts, 0.5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("products")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write_products(folder)
    return folder


@pytest.fixture(params=["spectrum", "calibrated", "master"])
def product(request, folder):
    """Open a product without tolerating anything that astropy warns of."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with fits.open(folder / f"{request.param}.fits", checksum=True) as hdus:
            yield hdus


def test_a_product_meets_the_standard_and_each_hdu_has_checksums(product):
    product.verify("exception")
    for hdu in product:
        assert {"CHECKSUM", "DATASUM"} <= set(hdu.header)
        assert hdu.verify_checksum() == hdu.verify_datasum() == 1


def test_each_card_of_a_product_has_a_comment(product):
    # The columns' formats and units speak for themselves; so do records of a distortion.
    plain = ("TFORM", "TUNIT", "DQ1", "AMPGAIN")
    for hdu in product:
        bare = [card.keyword for card in hdu.header.cards if not card.comment]
        # A long name leaves no room for a comment.
        assert {word for word in bare if not word.startswith(plain)} <= {"RAWFILE"}


def test_each_column_of_numbers_has_a_unit(product):
    for hdu in product:
        for column in getattr(hdu, "columns", []):
            assert bool(column.unit) == (column.format != "L"), column.name


@pytest.mark.parametrize("name", ["spectrum", "calibrated"])
def test_a_product_repeats_the_observation_of_its_raw_frame(name, folder):
    header = fits.getheader(folder / f"{name}.fits")
    assert {keyword: header[keyword] for keyword in OBSERVED} == OBSERVED
    assert "OBSERVER" not in header
    assert header.comments["EXPTIME"] == "[s] exposure time"


def test_a_product_is_the_same_each_time_and_has_no_date_of_writing(folder, tmp_path):
    write_products(tmp_path)
    for name in "spectrum", "calibrated", "master":
        again = (tmp_path / f"{name}.fits").read_bytes()
        assert again == (folder / f"{name}.fits").read_bytes()
        assert "DATE" not in fits.getheader(folder / f"{name}.fits")
