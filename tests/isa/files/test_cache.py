"""The cache on disk: shared, bounded, and harmless whatever happens to its file."""

import multiprocessing
import os
import resource
import sqlite3
from pathlib import Path

import pytest

from pgcheck.isa.files.cache import Cache, default_folder


def test_what_was_put_is_found_by_another_run(tmp_path: Path) -> None:
    first = Cache(tmp_path)
    first.put("key", "value")
    first.close()
    second = Cache(tmp_path)
    assert second.get("key") == "value"
    assert second.get("other") is None
    assert second.warning is None


def test_what_is_put_for_later_is_stored_together(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.put_later("one", "1")
    cache.put_later("two", "2")
    assert Cache(tmp_path).get("one") is None
    cache.flush()
    assert [Cache(tmp_path).get(key) for key in ("one", "two")] == ["1", "2"]


def test_a_later_value_replaces_an_earlier_one(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.put("key", "one")
    cache.put("key", "two")
    assert cache.get("key") == "two"


@pytest.mark.parametrize("change", ["value = 'forged'", "sum = x'00'", "key = 'other'", "value = x'ff'"])
def test_an_entry_that_was_changed_is_not_found(tmp_path: Path, change: str) -> None:
    cache = Cache(tmp_path)
    cache.put("key", "value")
    with sqlite3.connect(tmp_path / "results.sqlite") as other:
        other.execute(f"UPDATE result SET {change}")
    assert cache.get("key") is None
    assert cache.get("other") is None
    cache.put("key", "value")
    assert cache.get("key") == "value"


def _unusable(cache: Cache) -> bool:
    cache.put("key", "value")
    found = cache.get("key")
    return found is None and cache.warning is not None and "not cached" in cache.warning


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "results.sqlite"
    file.write_bytes(b"my own notes\n" * 100)
    assert _unusable(Cache(tmp_path))
    assert file.read_bytes() == b"my own notes\n" * 100


def test_a_database_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "results.sqlite") as other:
        other.execute("CREATE TABLE recipes (name TEXT)")
    cache = Cache(tmp_path)
    assert _unusable(cache)
    assert cache.warning is not None
    assert "delete it" in cache.warning
    with sqlite3.connect(tmp_path / "results.sqlite") as other:
        assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("recipes",)]


def test_a_cache_of_another_version_is_not_read(tmp_path: Path) -> None:
    Cache(tmp_path).put("key", "value")
    with sqlite3.connect(tmp_path / "results.sqlite") as other:
        other.execute("PRAGMA user_version = 99")
    assert _unusable(Cache(tmp_path))


def test_a_file_that_breaks_during_the_run_costs_only_the_cache(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    for i in range(200):
        cache.put(f"key{i}", "x" * 1000)
    cache.close()
    file = tmp_path / "results.sqlite"
    with file.open("r+b") as raw:
        raw.seek(4096)
        raw.write(b"\xff" * (file.stat().st_size - 4096))
    found = [cache.get(f"key{i}") for i in range(200)]
    cache.put("new", "value")
    assert set(found) <= {None, "x" * 1000}
    assert cache.warning is not None


def test_a_folder_that_cannot_be_made_gives_a_warning(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert _unusable(Cache(tmp_path / "file" / "cache"))
    assert _unusable(Cache(Path("/proc/pgcheck")))


@pytest.mark.skipif(os.getuid() == 0, reason="nothing is read-only for the superuser")
def test_a_folder_that_is_read_only_gives_a_warning(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert _unusable(Cache(tmp_path))


def test_a_full_disk_gives_a_warning(tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        cache = Cache(tmp_path)
        for i in range(100):
            cache.put(f"key{i}", "x" * 1000)
        os._exit(0 if cache.warning is not None and cache.get("key0") is None else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_the_oldest_are_dropped_when_it_grows_too_large(tmp_path: Path) -> None:
    cache = Cache(tmp_path, size=200_000)
    for i in range(1000):
        cache.put(f"key{i}", "x" * 1000)
    found = [i for i in range(1000) if cache.get(f"key{i}") is not None]
    assert found == list(range(found[0], 1000))
    assert 50 < len(found) < 220
    assert (tmp_path / "results.sqlite").stat().st_size < 400_000
    assert cache.warning is None


def _fill(folder: Path, name: str) -> None:
    cache = Cache(folder)
    for i in range(100):
        cache.put(f"{name}{i}", "value")
        assert cache.get(f"{name}{i}") == "value"
    assert cache.warning is None, cache.warning


def test_two_processes_share_one_file(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    both = [context.Process(target=_fill, args=(tmp_path, name)) for name in "ab"]
    for process in both:
        process.start()
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]
    cache = Cache(tmp_path)
    assert all(cache.get(f"{name}{i}") == "value" for name in "ab" for i in range(100))


def test_a_connection_is_not_used_across_a_fork(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.put("parent", "value")
    child = os.fork()
    if child == 0:
        cache.put("child", "value")
        os._exit(0 if cache.get("parent") == "value" and cache.warning is None else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert cache.get("child") == "value"


def test_where_the_folder_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/u")
    monkeypatch.delenv("PGCHECK_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert default_folder() == Path("/home/u/.cache/pgcheck")
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/x")
    assert default_folder() == Path("/var/x/pgcheck")
    monkeypatch.setenv("PGCHECK_CACHE", "/mine")
    assert default_folder() == Path("/mine")
