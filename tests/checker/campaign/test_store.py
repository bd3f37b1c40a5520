"""The database of campaigns: what was acknowledged is there, whatever happens; what cannot be used is refused in a sentence."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pgcheck.checker.campaign import store as stores
from pgcheck.checker.campaign.store import BadStore, Shard, Store
from tests.specifications import ROOT

SHARD = Shard("EQ2", 0, 32, 1000, 2, ("a b c",), "[]", {"direct": 3})


def test_what_is_stored_is_found_by_another_connection(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    first, second = Store(path), Store(path)
    first.finish("k", SHARD)
    first.add("k", "late", 7, "{2}")
    first.add("k", "early", 3, "{1}")
    assert second.shards("k") == {("EQ2", 0): SHARD} and second.shards("other") == {}
    assert list(second.findings("k").items()) == [("early", "{1}"), ("late", "{2}")]
    second.forget("k")
    assert first.shards("k") == {} and len(first.findings("k")) == 2


def test_the_first_finding_of_an_identity_stays(tmp_path: Path) -> None:
    store = Store(tmp_path / "c.sqlite")
    store.add("k", "same", 1, "first")
    store.add("k", "same", 2, "second")
    assert store.findings("k") == {"same": "first"}


def test_findings_are_written_through_and_progress_is_not(tmp_path: Path) -> None:
    store = Store(tmp_path / "c.sqlite")
    store.finish("k", SHARD)
    assert store.connection.execute("PRAGMA synchronous").fetchone() == (1,)
    store.add("k", "i", 0, "f")
    assert store.connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert store.connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def foreign(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t (x)")


def newer(path: Path) -> None:
    Store(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")


def noise(path: Path) -> None:
    path.write_bytes(os.urandom(8192))


def torn(path: Path) -> None:
    store = Store(path)
    for number in range(200):
        store.add("k", f"identity {number}", number, "x" * 500)
    store.close()
    data = bytearray(path.read_bytes())
    data[4096:] = os.urandom(len(data) - 4096)
    path.write_bytes(bytes(data))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [(foreign, "of another program"), (newer, "of version 99"), (noise, "not a database"), (torn, "damaged")],
)
def test_what_is_no_database_of_ours_is_refused_and_left_alone(tmp_path: Path, spoil: object, said: str) -> None:
    path = tmp_path / "c.sqlite"
    spoil(path)  # type: ignore[operator]
    before = path.read_bytes()
    with pytest.raises(BadStore, match=f"c.sqlite: .*{said}"):
        Store(path).findings("k")
    assert path.read_bytes() == before


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadStore, match="does its folder exist"):
        Store(tmp_path / "no" / "c.sqlite")


def test_a_database_that_somebody_keeps_locked_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "PATIENCE", 0.2)
    path = tmp_path / "c.sqlite"
    store = Store(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(BadStore, match="another process keeps the database locked"):
        store.add("k", "i", 0, "f")
    other.execute("ROLLBACK")
    store.add("k", "i", 0, "f")
    assert store.findings("k") == {"i": "f"}


def test_a_full_disk_is_said_and_nothing_stored_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    store = Store(path)
    store.add("k", "first", 0, "f")
    pages = store.connection.execute("PRAGMA page_count").fetchone()[0]
    store.connection.execute(f"PRAGMA max_page_count = {pages + 1}")
    with pytest.raises(BadStore, match="the disk is full"):
        store.add("k", "second", 1, "x" * 100_000)
    assert Store(path).findings("k") == {"first": "f"}


CHILD = """
import sys
from pathlib import Path
from pgcheck.checker.campaign.store import Shard, Store
store, number = Store(Path(sys.argv[1])), 0
while True:
    store.add(sys.argv[2], f"finding {number}", number, "x" * 300)
    print(number, flush=True)
    number += 1
"""


def child(path: Path, campaign: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(path), campaign], stdout=subprocess.PIPE, text=True, env=environment
    )


@pytest.mark.parametrize("lines", [1, 7, 40])
def test_a_killed_process_has_lost_nothing_that_it_said(tmp_path: Path, lines: int) -> None:
    path = tmp_path / "c.sqlite"
    process = child(path, "k")
    assert process.stdout is not None
    said = [process.stdout.readline() for _ in range(lines)]
    process.send_signal(signal.SIGKILL)
    said += process.stdout.readlines()
    process.wait()
    whole = [int(line) for line in said if line.endswith("\n")]
    assert len(whole) >= lines
    found = Store(path).findings("k")
    assert {f"finding {n}" for n in whole} <= set(found) and len(found) <= len(whole) + 1


def test_two_processes_share_a_database(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    processes = [child(path, name) for name in ("a", "b", "b")]
    first = [(process.stdout or sys.stdin).readline() for process in processes]
    time.sleep(0.3)
    for process in processes:
        process.send_signal(signal.SIGKILL)
    outputs = [[line, *(process.stdout or sys.stdin)] for line, process in zip(first, processes, strict=True)]
    store = Store(path)
    for name, said in zip(("a", "b", "b"), outputs, strict=True):
        whole = {f"finding {line.strip()}" for line in said if line.endswith("\n")}
        assert whole and whole <= set(store.findings(name))


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE shard SET events = '[1]'",
        "UPDATE shard SET coverage = 'zz'",
        "UPDATE shard SET cases = cases + 1",
        "UPDATE shard SET found = 3",
        "UPDATE shard SET sum = NULL || x'00'",
        "INSERT INTO shard SELECT campaign, property, 7, cases, steps, excluded, found, coverage, events, sum FROM shard",
        "ALTER TABLE shard ADD COLUMN more",
        "DROP TABLE shard",
    ],
)
def test_what_something_else_wrote_is_refused(change: str, tmp_path: Path) -> None:
    store = Store(tmp_path / "s")
    store.finish("c", Shard("EQ2", 0, 32, 100, 0, (), "[]", {"a": 1}))
    assert store.shards("c")
    store.connection.execute(change.replace("NULL || x'00'", "x'00'"))
    with pytest.raises(BadStore, match="use another --database"):
        store.shards("c")
    store.close()


def test_a_finding_that_something_else_wrote_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path / "s")
    store.add("c", "EQ2 x", 0, "{}")
    assert store.findings("c") == {"EQ2 x": "{}"}
    store.connection.execute("UPDATE finding SET file = 'zz'")
    with pytest.raises(BadStore, match="something other than pgcheck"):
        store.findings("c")
    store.close()
