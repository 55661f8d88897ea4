"""Products that are written whole, and known to be as they were written."""

import errno

import pytest

from lampflux.errors import UserError
from lampflux.files.whole import check_untouched, whole


def names(folder):
    return sorted(file.name for file in folder.iterdir())


def write(path, text):
    with whole(path) as part:
        part.write_text(text)


@pytest.mark.parametrize("kind", [str, lambda path: path])
def test_a_file_takes_its_name_once_it_is_complete(tmp_path, kind):
    path = tmp_path / "a.csv"
    with whole(kind(path)) as part:
        part.write_text("half")
        assert not path.exists()
        assert part.parent == path.parent
        assert part.suffix == path.suffix
        part.write_text("whole")
    assert path.read_text() == "whole"
    assert names(tmp_path) == [".a.csv.sha256", "a.csv"]


@pytest.mark.parametrize("fault", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("written", [True, False])
def test_a_writer_that_fails_leaves_nothing(tmp_path, fault, written):
    def write():
        with whole(tmp_path / "a.csv") as part:
            if written:
                part.write_text("half")
            raise fault("no")

    with pytest.raises(fault, match="no"):
        write()
    assert names(tmp_path) == []


def test_a_writer_that_fails_leaves_the_former_file(tmp_path):
    def write():
        with whole(tmp_path / "a.csv") as part:
            part.write_text("half")
            raise ValueError("no")

    (tmp_path / "a.csv").write_text("former")
    with pytest.raises(ValueError, match="no"):
        write()
    assert (tmp_path / "a.csv").read_text() == "former"
    assert names(tmp_path) == ["a.csv"]


def test_a_new_file_takes_the_place_of_the_former(tmp_path):
    (tmp_path / "a.csv").write_text("former")
    with whole(tmp_path / "a.csv") as part:
        part.write_text("new")
    assert (tmp_path / "a.csv").read_text() == "new"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
        # As numpy's and astropy's own.
        (OSError("1638400 requested and 8560 written"), "no room for all of it"),
    ],
)
def test_a_file_that_cannot_be_written_is_named_with_the_reason(tmp_path, error, reason):
    def fail():
        with whole(tmp_path / "a.csv") as part:
            part.write_text("half")
            raise error

    with pytest.raises(UserError) as refused:
        fail()
    assert str(refused.value) == (
        f"{tmp_path}/a.csv cannot be written ({reason}); make room or give leave to write there, "
        "and run again."
    )
    assert names(tmp_path) == []


def test_what_another_job_is_writing_is_left_alone(tmp_path):
    with whole(tmp_path / "a.csv") as part:
        part.write_text("mine")
        write(tmp_path / "a.csv", "other")
        assert part.read_text() == "mine"
    assert (tmp_path / "a.csv").read_text() == "mine"


# Checksums


def test_a_product_passes_as_it_was_written_and_after_it_was_written_anew(tmp_path):
    path = tmp_path / "a.csv"
    write(path, "one")
    check_untouched(path)
    write(path, "two")
    check_untouched(path)


def test_the_checksum_is_the_sha_256_of_the_content(tmp_path):
    write(tmp_path / "a.csv", "abc")
    # FIPS 180-2, appendix B.1.
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert (tmp_path / ".a.csv.sha256").read_text() == f"{known}  a.csv\n"


@pytest.mark.parametrize("content", ["", "abd", "abc\n"])
def test_another_content_is_told(tmp_path, content):
    path = tmp_path / "a.csv"
    write(path, "abc")
    path.write_text(content)
    with pytest.raises(UserError, match=r"a\.csv is not as lampflux wrote it"):
        check_untouched(path)


@pytest.mark.parametrize("record", ["", "no checksum"])
def test_a_spoiled_checksum_is_told(tmp_path, record):
    path = tmp_path / "a.csv"
    write(path, "abc")
    (tmp_path / ".a.csv.sha256").write_text(record)
    with pytest.raises(UserError, match=r"a\.csv is not as lampflux wrote it"):
        check_untouched(path)


def test_a_file_without_a_checksum_passes(tmp_path):
    (tmp_path / "mine.csv").write_text("abc")
    check_untouched(tmp_path / "mine.csv")
