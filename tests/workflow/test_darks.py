"""Darks and biases as observatories take them, from files to spectra."""

import numpy as np
import pytest
from astropy.io import fits

from conftest import write_config, write_frame

SHAPE, NOISE, CURRENT = (64, 1024), 3.0, 0.01  # [ADU] and [ADU/s]
# Light of the lamp, ADU in all: the same in every exposure.
LINES = sum(
    5000 * np.exp(-0.5 * ((np.arange(SHAPE[1]) - centre) / 1.5) ** 2)
    for centre in range(100, SHAPE[1] - 50, 110)
)
PATTERN = 500 + np.random.default_rng(1).normal(0, 8, SHAPE)
SEVERAL, ONE, SCALED, BIASED = (f"GS_Ne_Own_{seconds}s_01" for seconds in (60, 10, 20, 200))
SECONDS = {SEVERAL: 60, ONE: 10, SCALED: 20, BIASED: 200}


def counts(seconds, seed, lit=False):
    rng = np.random.default_rng(seed)
    light = np.zeros(SHAPE)
    light[20:40] = lit * LINES
    electrons = rng.poisson(light + CURRENT * seconds)
    return np.round(PATTERN + electrons + rng.normal(0, NOISE, SHAPE)).astype("u2")


@pytest.fixture(scope="module")
def reduced(snakemake, tmp_path_factory):
    """Return the folder and the run of four exposures, one for each kind of dark."""
    root = tmp_path_factory.mktemp("darks")
    raw = root / "resources/raw"
    for seed, (name, seconds) in enumerate(SECONDS.items()):
        write_frame(raw / f"night/{name}.fits", counts(seconds, seed, lit=True), GAIN=1.0)
    for number in range(1, 6):
        write_frame(raw / f"night/Dark_Own_60s_0{number}.fits", counts(60, 10 + number))
        write_frame(raw / f"biases/Bias_Own_{number}.fits", counts(0, 20 + number), EXPTIME=0.0)
    write_frame(raw / "night/Dark_Own_10s.fits", counts(10, 30))
    write_frame(raw / "night/Dark_Red_10s.fits", counts(10, 31))
    # One amplifier, no range of bias: an arm of the user.
    config = write_config(
        root / "mine.yaml", arms={"Own": {"crval": 6754, "crpix": 1, "cdelt": 1}}
    )
    targets = [f"results/spectra/{name}.fits" for name in SECONDS]
    return root, snakemake(root, *targets, *config)


@pytest.mark.parametrize(
    ("name", "cards", "share"),
    [
        (ONE, {"BIASMETH": "dark", "NDARK": 1, "DARKFILE": "Dark_Own_10s.fits"}, 1),
        (SEVERAL, {"BIASMETH": "dark", "NDARK": 5, "DARKF5": "Dark_Own_60s_05.fits"}, 1 / 5),
        (
            SCALED,
            {
                "BIASMETH": "scaled dark",
                "DARKTIME": 60.0,
                "NDARK": 5,
                "NBIAS": 5,
                "BIASFILE": "../biases/Bias_Own_1.fits",
            },
            (1 / 9 + 4 / 9) / 5,
        ),
        (BIASED, {"BIASMETH": "bias", "NBIAS": 5, "BIASF5": "../biases/Bias_Own_5.fits"}, 1 / 5),
    ],
)
def test_sums_are_the_light_within_errors_that_hold_the_masters_noise(reduced, name, cards, share):
    root, run = reduced
    assert run.status == 0, run.output
    with fits.open(root / f"results/spectra/{name}.fits") as hdus:
        header, spectrum, errors = hdus[0].header, hdus[0].data, hdus["UNCERTAINTY"].data
    assert {card: header[card] for card in cards} == cards
    assert header.get("BGSHARE", 1) == pytest.approx(share)
    # A bias leaves the dark current.
    left = CURRENT * SECONDS[name] * SHAPE[0] if name == BIASED else 0
    pulls = (spectrum - 20 * LINES - left) / errors
    # 1024 columns: 2.2 % each.
    assert np.std(pulls) == pytest.approx(1, abs=0.1)
    assert abs(np.mean(pulls)) < 0.2


def test_what_is_chosen_and_what_is_not_used_is_named_at_the_start(reduced):
    _, run = reduced
    assert f"No dark for {BIASED}: a bias is subtracted" in run.output
    assert f"No dark of the same time for {SCALED}: others are scaled" in run.output
    assert "No exposure uses resources/raw/night/Dark_Red_10s.fits" in run.output


def test_a_master_is_made_once_and_removed_after_use(reduced):
    root, run = reduced
    assert list((root / "results/masters").glob("*.fits")) == []
    assert len(list((root / "results/logs/masters").glob("*.log"))) == 3
    assert run.output.count("combine darks and biases") == 3


def test_another_dark_of_a_kind_re_runs_what_uses_it_and_nothing_else(reduced, snakemake):
    root, _ = reduced
    again = [f"results/spectra/{name}.fits" for name in SECONDS]
    config = ["--configfile", root / "mine.yaml"]
    assert snakemake(root, "--dry-run", *again, *config).jobs == set()
    write_frame(root / "resources/raw/night/Dark_Own_60s_02.fits", counts(60, 99))
    jobs = snakemake(root, "--dry-run", *again, *config).jobs
    assert {name for rule, name in jobs if rule == "extract_spectrum"} == {SEVERAL, SCALED}
    assert len(jobs) == 4
