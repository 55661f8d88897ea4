"""Raw frames in object storage, served by a local S3: make test-slurm."""

import csv
import importlib.util
import shutil
import socket
import subprocess
import sys
import time

import pytest

from conftest import PROJECT, dark_counts, failures, lamp_counts, products, write_frame, write_text

NEEDED = "boto3", "moto", "snakemake_storage_plugin_s3"
MISSING = [name for name in NEEDED if importlib.util.find_spec(name) is None]
with_storage = pytest.mark.skipif(
    bool(MISSING), reason=f"{', '.join(MISSING)} not installed (requirements-cluster.lock)"
)
KRYPTON, NEON = "Photron_Kr_Red_60s_01", "Photron_Ne_Red_10s_01"


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    """Return a folder of two raw frames and a dark."""
    raw = tmp_path_factory.mktemp("frames") / "raw"
    write_frame(raw / f"{NEON}.fits", lamp_counts(1))
    write_frame(raw / "Dark_Red_10s.fits", dark_counts(2))
    write_frame(raw / f"{KRYPTON}.fits", lamp_counts(3))
    return raw


@pytest.fixture
def bucket(frames, tmp_path):
    """Serve the frames from a bucket; return a function that puts files into it, and variables."""
    import boto3

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while True:
            assert server.poll() is None
            with socket.socket() as attempt:
                if attempt.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        url = f"http://127.0.0.1:{port}"
        keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret"}
        client = boto3.client("s3", endpoint_url=url, region_name="us-east-1", **keys)
        client.create_bucket(Bucket="lamps")

        def put(path):
            client.upload_file(str(path), "lamps", f"night 1/{path.name}")

        for path in frames.iterdir():
            put(path)
        yield (
            put,
            {
                "SNAKEMAKE_STORAGE_S3_ENDPOINT_URL": url,
                "SNAKEMAKE_STORAGE_S3_ACCESS_KEY": "key",
                "SNAKEMAKE_STORAGE_S3_SECRET_KEY": "secret",
            },
        )
    finally:
        server.terminate()
        server.wait()


@pytest.fixture
def arguments(tmp_path):
    """Return the arguments that make a run take the frames from the bucket."""
    night = "s3://lamps/night 1"
    rows = [
        ("path", "brand", "lamp", "arm", "exptime", "id", "dark"),
        (f"{night}/{NEON}.fits", "Photron", "Ne", "Red", 10, "01", f"{night}/Dark_Red_10s.fits"),
        (f"{night}/{KRYPTON}.fits", "Photron", "Kr", "Red", 60, "01", ""),
    ]
    with open(tmp_path / "frames.csv", "w", newline="") as file:
        csv.writer(file).writerows(rows)
    return ["--config", f"exposures={tmp_path / 'frames.csv'}"]


@with_storage
def test_frames_in_object_storage_make_the_same_products_as_frames_on_disk(
    bucket, frames, arguments, snakemake, tmp_path
):
    put, variables = bucket
    here = snakemake(tmp_path / "here", "--config", f"raw_dir={frames}")
    assert here.status == 0, here.output
    root = tmp_path / "there"
    run = snakemake(root, *arguments, variables=variables)
    assert run.status == 0, run.output
    assert "Frames and darks in storage: 3;" in run.output
    truth = products(tmp_path / "here")
    assert products(root) == truth
    # Nothing is left of what was fetched.
    assert not list(root.rglob(f"storage/**/{NEON}.fits"))
    again = snakemake(root, *arguments, variables=variables)
    assert "Nothing to be done" in again.output

    check = snakemake(root, *arguments, "--", "check", variables=variables)
    assert check.status == 0, check.output

    # One that is replaced is made again, and a faulty one named.
    broken = tmp_path / f"{NEON}.fits"
    broken.write_bytes((frames / f"{NEON}.fits").read_bytes()[:60000])
    time.sleep(1)
    put(broken)
    run = snakemake(root, *arguments, variables=variables)
    assert run.status != 0
    assert "Traceback" not in run.output
    ((log, sentence),) = failures(run).items()
    assert log == f"results/logs/spectra/{NEON}.log"
    assert sentence.startswith(f".snakemake/storage/s3/lamps/night 1/{NEON}.fits cannot be read")
    time.sleep(1)
    shutil.copy(frames / f"{NEON}.fits", broken)
    put(broken)
    run = snakemake(root, *arguments, variables=variables)
    assert run.status == 0, run.output
    assert products(root) == truth


def test_an_address_that_no_plugin_takes_is_named(snakemake, tmp_path):
    table = write_text(
        tmp_path / "frames.csv",
        "path,brand,lamp,arm,exptime,id,dark\nodd://lamps/a.fits,Photron,Ne,Red,10,01,\n",
    )
    run = snakemake(tmp_path, "--config", f"exposures={table}")
    assert run.status != 0
    assert run.sentences == [
        "lampflux: odd://lamps/a.fits: no installed storage plugin of Snakemake accepts this "
        "address; install one that does (docs/clusters.md), or correct the address."
    ]
    page = (PROJECT / "docs/clusters.md").read_text()
    assert "no installed storage plugin of Snakemake accepts this address" in page
