"""The door for files that people name."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pgcheck.isa.files import door


def test_a_plain_file_is_read_whole_up_to_its_limit(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"12345")
    assert door.content(tmp_path / "f", 5) == b"12345"
    with pytest.raises(OSError, match="larger than 4 bytes"):
        door.content(tmp_path / "f", 4)


@pytest.mark.parametrize(
    "name, said", [("/dev/zero", "a device"), ("/", "a folder"), ("/nosuch", "No such file"), ("a\0b", "null")]
)
def test_what_is_no_plain_file_is_refused_at_once(name: str, said: str) -> None:
    with pytest.raises(OSError, match=said):
        door.content(name)


def test_a_pipe_that_nobody_writes_to_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "f")
    with pytest.raises(OSError, match="a named pipe"):
        door.opened(tmp_path / "f")


def test_a_slow_file_is_given_up(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(bytes(3 << 20))
    with pytest.raises(OSError, match="took longer than"):
        door.content(tmp_path / "f", seconds=-1.0)


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_what_was_read_is_not_written(tmp_path: Path, link: Callable[[Path, Path], None]) -> None:
    file, other = tmp_path / "f", tmp_path / "g"
    file.write_text("mine")
    link(file, other)
    with door.remembering():
        door.content(file)
        with pytest.raises(OSError, match="read in this run"):
            door.write(other, b"theirs")
        with pytest.raises(OSError, match="read in this run"):
            door.opened(other, os.O_RDWR)
        assert file.read_text() == "mine"
        door.write(file, b"changed", over="read")
    door.write(file, b"another run", over="nothing")
    assert file.read_text() == "another run"


def test_no_output_is_written_twice(tmp_path: Path) -> None:
    with door.remembering():
        door.write(tmp_path / "f", b"one")
        os.symlink(tmp_path / "f", tmp_path / "g")
        with pytest.raises(OSError, match="another output"):
            door.write(tmp_path / "g", b"two")
        door.write(tmp_path / "g", b"three", over="written")
    assert (tmp_path / "f").read_bytes() == b"three"


def test_a_file_that_cannot_be_written_stays(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="directory"):
        door.write(tmp_path, b"")
    with pytest.raises(OSError, match="No space"):
        door.write("/dev/full", b"x")
    assert list(tmp_path.iterdir()) == []
