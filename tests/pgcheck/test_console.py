"""Files are written whole or not at all."""

from pathlib import Path

import pytest

from pgcheck.console import Failure, folder, read, write


def test_a_file_is_written_and_replaced(tmp_path: Path) -> None:
    write(tmp_path / "a", "one")
    write(tmp_path / "a", "two")
    assert read(str(tmp_path / "a")) == "two"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "inside").write_text("")
    with pytest.raises(Failure, match="cannot write"):
        write(tmp_path / "a", "text")
    assert [p.name for p in tmp_path.iterdir()] == ["a"]
    with pytest.raises(Failure, match="No such file"):
        write(tmp_path / "nowhere" / "a", "text")


def test_a_folder_is_made_unless_a_file_is_there(tmp_path: Path) -> None:
    assert folder(tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").write_text("")
    with pytest.raises(Failure, match="cannot make the folder"):
        folder(tmp_path / "file")


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(Failure, match="not UTF-8"):
        read(str(tmp_path / "binary"))
    with pytest.raises(Failure, match="it is no plain file but a folder"):
        read(str(tmp_path))
