"""A run ends with what failed and why, whatever output Snakemake hides."""

import pytest

from conftest import failures, lamp_counts, write_frame

TORN = "Torn_Ne_Red_10s_01"


@pytest.mark.parametrize("quiet", ["rules", "progress", "reason", "host"])
def test_what_failed_and_why_is_said_last(snakemake, tmp_path, quiet):
    torn(tmp_path)
    run = snakemake(tmp_path, f"results/spectra/{TORN}.fits", "--quiet", quiet)
    assert run.status != 0
    ((log, sentence),) = failures(run).items()
    assert log == f"results/logs/spectra/{TORN}.log"
    assert "truncated" in sentence
    assert f"{TORN}: {sentence}" in run.output


def test_with_everything_hidden_the_job_itself_says_what_failed(snakemake, tmp_path):
    torn(tmp_path)
    run = snakemake(tmp_path, f"results/spectra/{TORN}.fits", "--quiet", "all")
    assert run.status != 0
    (sentence,) = run.sentences
    assert f"{TORN}.fits cannot be read" in sentence


def torn(root):
    """Write a truncated frame."""
    path = root / f"resources/raw/{TORN}.fits"
    write_frame(path, lamp_counts(1))
    path.write_bytes(path.read_bytes()[:60000])
