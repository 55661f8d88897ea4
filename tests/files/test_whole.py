"""Files that are written complete or not at all."""

import errno

import pytest

from lampflux.errors import UserError
from lampflux.files.whole import whole


def names(folder):
    return sorted(file.name for file in folder.iterdir())


def write(path, text):
    with whole(path) as part:
        part.write_text(text)


@pytest.mark.parametrize("kind", [str, lambda path: path])
def test_a_file_gets_its_name_when_it_is_complete(tmp_path, kind):
    path = tmp_path / "a.csv"
    with whole(kind(path)) as part:
        part.write_text("half")
        assert not path.exists()
        assert part.parent == path.parent
        assert part.suffix == path.suffix
        part.write_text("whole")
    assert path.read_text() == "whole"
    assert names(tmp_path) == ["a.csv"]


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


def test_a_writer_that_fails_keeps_the_old_file(tmp_path):
    def write():
        with whole(tmp_path / "a.csv") as part:
            part.write_text("half")
            raise ValueError("no")

    (tmp_path / "a.csv").write_text("former")
    with pytest.raises(ValueError, match="no"):
        write()
    assert (tmp_path / "a.csv").read_text() == "former"
    assert names(tmp_path) == ["a.csv"]


def test_a_new_file_replaces_the_old_one(tmp_path):
    (tmp_path / "a.csv").write_text("former")
    with whole(tmp_path / "a.csv") as part:
        part.write_text("new")
    assert (tmp_path / "a.csv").read_text() == "new"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
        # As numpy's and astropy's own.
        (OSError("1638400 requested and 8560 written"), "the disk may be full"),
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
        f"{tmp_path}/a.csv cannot be written ({reason}); free disk space or change the "
        "permissions of its folder, then run again."
    )
    assert names(tmp_path) == []


def test_what_another_job_is_writing_is_left_alone(tmp_path):
    with whole(tmp_path / "a.csv") as part:
        part.write_text("mine")
        write(tmp_path / "a.csv", "other")
        assert part.read_text() == "mine"
    assert (tmp_path / "a.csv").read_text() == "mine"
