"""A folder that this user alone writes: what others could have put there is not read, what is damaged is not there, and what is full costs the oldest."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pgcheck.isa.kept import store


def kept(folder: Path) -> Path:
    (file,) = folder.glob("*.kept")
    return file


def test_what_was_written_is_read_and_nothing_else(tmp_path: Path) -> None:
    place = tmp_path / "a" / "kept"
    assert store.read(place, "one") is None
    store.write(place, "one", b"first")
    store.write(place, "one", b"second")
    assert store.read(place, "one") == b"second" and store.read(place, "other") is None
    assert place.stat().st_mode & 0o777 == 0o700 and kept(place).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "damage", [lambda b: b[:-1], lambda b: b + b"x", lambda b: b"", lambda b: b[:20] + b"?" + b[21:]]
)
def test_what_is_damaged_is_not_there(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    store.write(tmp_path / "kept", "one", b"something or other")
    file = kept(tmp_path / "kept")
    file.write_bytes(damage(file.read_bytes()))
    assert store.read(tmp_path / "kept", "one") is None


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_a_folder_that_others_write_is_refused(mode: int, tmp_path: Path) -> None:
    store.write(tmp_path / "kept", "one", b"1")
    (tmp_path / "kept").chmod(mode)
    with pytest.raises(store.Unsafe, match="can be written by others"):
        store.read(tmp_path / "kept", "one")
    with pytest.raises(store.Unsafe):
        store.write(tmp_path / "kept", "one", b"2")


def test_a_file_that_others_write_is_refused(tmp_path: Path) -> None:
    store.write(tmp_path / "kept", "one", b"1")
    kept(tmp_path / "kept").chmod(0o666)
    with pytest.raises(store.Unsafe, match="can be written by others"):
        store.read(tmp_path / "kept", "one")


def test_what_belongs_to_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store.write(tmp_path / "kept", "one", b"1")
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(store.Unsafe, match="belongs to another user"):
        store.read(tmp_path / "kept", "one")


def test_links_are_not_followed(tmp_path: Path) -> None:
    store.write(tmp_path / "real", "one", b"1")
    (tmp_path / "kept").symlink_to(tmp_path / "real")
    with pytest.raises(store.Unsafe, match="is no folder"):
        store.read(tmp_path / "kept", "one")
    file = kept(tmp_path / "real")
    (tmp_path / "elsewhere").write_bytes(file.read_bytes())
    file.unlink()
    file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError):
        store.read(tmp_path / "real", "one")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    store.write(tmp_path / "kept", "one", b"1")
    file = kept(tmp_path / "kept")
    file.unlink()
    os.mkfifo(file, 0o600)
    with pytest.raises(store.Unsafe, match="is no plain file"):
        store.read(tmp_path / "kept", "one")


def test_the_oldest_go_first(tmp_path: Path) -> None:
    for number in range(store.MOST + 5):
        store.write(tmp_path, str(number), b"1")
        os.utime(tmp_path / f"{number}.kept", (number, number))
    store.write(tmp_path, "last", b"1")
    assert store.read(tmp_path, "last") == b"1" and store.read(tmp_path, "0") is None
    assert len(list(tmp_path.iterdir())) == store.MOST


def test_what_cannot_be_written_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store.write(tmp_path, "one", b"1")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError):
        store.write(tmp_path, "one", b"2")
    assert store.read(tmp_path, "one") == b"1" and len(list(tmp_path.iterdir())) == 1
