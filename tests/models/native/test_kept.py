"""Object files are kept for the text, the level, the back end and the processor; a folder that others can write to is not believed."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from pgcheck.isa.files.cache import Cache
from pgcheck.models.native import kept, linking

pytest.importorskip("llvmlite", reason="the extra 'native' is not installed")

TEXT = "define i32 @one(ptr %p) {{\n  ret i32 {0}\n}}\n"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that were compiled."""
    texts: list[str] = []
    compile_ = linking.compiled

    def compiled(text: str, level: int = 1) -> bytes:
        texts.append(text)
        return compile_(text, level)

    monkeypatch.setattr(linking, "compiled", compiled)
    return texts


def result(code: bytes) -> int:
    return linking.Linked(code).function("one")(0)


def test_what_was_made_is_found_again(made: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    folder.mkdir(mode=0o700)
    for number in (1, 2, 1, 2):
        assert result(kept.compiled(TEXT.format(number), 1, folder)) == number
    assert len(made) == 2


def test_another_level_or_processor_is_made_again(
    made: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, folder = TEXT.format(1), tmp_path / "cache"
    folder.mkdir(mode=0o700)
    kept.compiled(text, 1, folder)
    kept.compiled(text, 0, folder)
    monkeypatch.setattr(linking, "version", lambda: "another")
    kept.compiled(text, 1, folder)
    assert len(made) == 3


@pytest.mark.parametrize("others", [0o020, 0o002])
@pytest.mark.parametrize("what", ["", kept.FILE])
def test_what_others_can_write_to_is_not_believed(what: str, others: int, made: list[str], tmp_path: Path) -> None:
    text, folder = TEXT.format(1), tmp_path / "cache"
    folder.mkdir(mode=0o700)
    kept.compiled(text, 1, folder)
    path = folder / what
    path.chmod(path.stat().st_mode | others)
    assert result(kept.compiled(text, 1, folder)) == 1
    assert len(made) == 2


@pytest.mark.parametrize("broken", ["file", "folder", "garbage", "link"])
def test_a_cache_that_cannot_be_used_costs_time_alone(broken: str, made: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    if broken == "folder":
        folder.write_text("no folder")
    else:
        folder.mkdir(mode=0o700)
    if broken == "file":
        (folder / kept.FILE).mkdir()
    elif broken == "garbage":
        (folder / kept.FILE).write_bytes(os.urandom(5000))
    elif broken == "link":
        (tmp_path / "elsewhere").touch()
        (folder / kept.FILE).symlink_to(tmp_path / "elsewhere")
    for _ in range(2):
        assert result(kept.compiled(TEXT.format(7), 1, folder)) == 7
    assert len(made) == 2


@pytest.mark.parametrize("wrong", ["~ no base 85 ~", "0123456789", ""])
def test_what_is_no_object_file_is_made_again(wrong: str, made: list[str], tmp_path: Path) -> None:
    folder, text = tmp_path / "cache", TEXT.format(5)
    folder.mkdir(mode=0o700)
    kept.compiled(text, 1, folder)
    cache = Cache(folder)
    cache.put(kept.key(text, 1), wrong)
    cache.close()
    for _ in range(2):
        assert result(kept.compiled(text, 1, folder)) == 5
    assert len(made) == 2


def test_a_folder_that_is_read_only_or_full_costs_time_alone(
    made: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, text = tmp_path / "cache", TEXT.format(6)
    folder.mkdir(mode=0o700)
    Cache(folder).put("", "")

    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(Cache, "_put_all", lambda self, values: self._try(full))
    assert result(kept.compiled(text, 1, folder)) == 6
    monkeypatch.undo()
    (folder / kept.FILE).chmod(0o400)
    folder.chmod(0o500)
    try:
        assert result(kept.compiled(text, 1, folder)) == 6
    finally:
        folder.chmod(0o700)
