import warnings

import numpy as np
from astropy.io import fits
from astropy.io.fits.verify import VerifyWarning

from lampflux.extraction.bias import bias_cards
from lampflux.extraction.cards import spectrum_cards
from lampflux.extraction.raw import dark_cards
from lampflux.extraction.spectrum import extract
from slits import simulate

# A number of the greatest length that a card gives it.
LONGEST = -1.234567890123456789e-105


def test_no_card_of_a_spectrum_is_longer_than_fits_allows():
    frame = simulate(51, fibres=20, bias=(500, 540))
    frame.counts[:, 700] = 0
    facts = dict.fromkeys(("gain", "read_noise", "saturation"), (None, None))
    settings = {"method": "amplifiers", "range": (1, 2)}
    cards = [
        *bias_cards(settings, [(1000, 2000)], [500.0]),
        *dark_cards("a/dark.fits", "a/b.fits"),
    ]
    for cosmic_rays, bias in ((True, frame.bias), (False, np.full(2048, 520.0))):
        spectrum = extract(frame.counts, bias, saturation=65535, cosmic_rays=cosmic_rays)
        assert spectrum.bad_columns.tolist() == [700]
        cards += spectrum_cards(spectrum, facts, "lit", cosmic_rays)
    assert {"TRACEDRF", "BADCOL1", "LITBIAS1"} <= {keyword for keyword, *_ in cards}
    with warnings.catch_warnings():
        warnings.simplefilter("error", VerifyWarning)
        for keyword, value, *comment in cards:
            number = isinstance(value, float) or value is None
            text = str(fits.Card(keyword, LONGEST if number else value, *comment))
            assert not comment or text.rstrip().endswith(comment[0])
