"""The database of campaigns: findings that are on disk before anybody hears of them, and progress."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from pgcheck.checker import limits
from pgcheck.isa.files.cache import patiently

T = TypeVar("T")
APPLICATION: Final = 0x70676661
VERSION: Final = 3
PATIENCE: Final = 10.0
_SETUP: Final = f"""
    CREATE TABLE shard (
        campaign TEXT NOT NULL, property TEXT NOT NULL, number INTEGER NOT NULL, cases INTEGER NOT NULL,
        steps INTEGER NOT NULL, excluded INTEGER NOT NULL, found TEXT NOT NULL, coverage TEXT NOT NULL, events TEXT NOT NULL,
        sum BLOB NOT NULL, PRIMARY KEY (campaign, property, number)
    ) WITHOUT ROWID;
    CREATE TABLE finding (
        campaign TEXT NOT NULL, identity TEXT NOT NULL, place INTEGER NOT NULL, file TEXT NOT NULL,
        sum BLOB NOT NULL, PRIMARY KEY (campaign, identity)
    ) WITHOUT ROWID;
    PRAGMA application_id = {APPLICATION};
    PRAGMA user_version = {VERSION};
"""


class BadStore(Exception):
    """A database cannot be used; the message names it and says why and what to do."""


@dataclass(frozen=True, slots=True)
class Shard:
    """What a finished run of cases amounted to: `found` are the identities of its failures, `coverage` cells as text, `events` numbers by name."""

    property: str
    number: int
    cases: int
    steps: int
    excluded: int
    found: tuple[str, ...]
    coverage: str
    events: Mapping[str, int]


class Store:
    """A database in WAL mode. Every method commits before it returns, and raises BadStore.

    Findings are written through to the disk; progress survives the process but perhaps not the machine. Several processes may use one
    file: rows are keyed by what they are a result of, so that a shard done twice is one row.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.connection = self._guarded(lambda: _opened(path))

    def close(self) -> None:
        self.connection.close()

    def shards(self, campaign: str) -> dict[tuple[str, int], Shard]:
        """The finished shards of a campaign, by property and number."""
        return {
            (p, n): Shard(p, n, cases, steps, excluded, tuple(f.split("\n")) if f else (), coverage, json.loads(events))
            for _, p, n, cases, steps, excluded, f, coverage, events in self._rows(
                "shard", campaign, "property, number"
            )
        }

    def finish(self, campaign: str, shard: Shard) -> None:
        """Note a shard as done."""
        row = (
            campaign,
            shard.property,
            shard.number,
            shard.cases,
            shard.steps,
            shard.excluded,
            "\n".join(shard.found),
            shard.coverage,
            json.dumps(shard.events, sort_keys=True),
        )
        self._write("INSERT OR REPLACE INTO shard VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", (*row, _sum(row)), "NORMAL")

    def add(self, campaign: str, identity: str, place: int, file: str) -> None:
        """Keep a finding, the first of its identity."""
        row = (campaign, identity, place, file)
        self._write("INSERT OR IGNORE INTO finding VALUES (?, ?, ?, ?, ?)", (*row, _sum(row)), "FULL")

    def findings(self, campaign: str) -> dict[str, str]:
        """The files of a campaign's findings by identity, in the order in which they come in the campaign."""
        return {identity: file for _, identity, _, file in self._rows("finding", campaign, "place, identity")}

    def forget(self, campaign: str) -> None:
        """Drop the progress of a campaign, not its findings."""
        self._write("DELETE FROM shard WHERE campaign = ?", (campaign,), "NORMAL")

    def _rows(self, table: str, campaign: str, order: str) -> list[tuple[Any, ...]]:
        """The rows of a campaign as they were written, without their sums."""
        query = f"SELECT * FROM {table} WHERE campaign = ? ORDER BY {order}"
        found = self._guarded(lambda: self.connection.execute(query, (campaign,)).fetchall())
        if any(row[-1] != _sum(row[:-1]) for row in found):
            raise BadStore(f"{self.path}: something other than pgcheck wrote to it; use another --database")
        return [row[:-1] for row in found]

    def _write(self, statement: str, row: tuple[object, ...], synchronous: str) -> None:
        def write() -> None:
            connection = self.connection
            connection.execute(f"PRAGMA synchronous = {synchronous}")
            connection.execute("BEGIN IMMEDIATE")
            try:
                connection.execute(statement, row)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

        self._guarded(write)

    def _guarded(self, action: Callable[[], T]) -> T:
        try:
            return action()
        except sqlite3.Error as error:
            raise BadStore(f"{self.path}: {_explained(str(error))}") from error
        except OSError as error:
            raise BadStore(f"{self.path}: {error.strerror}") from error


def _sum(row: tuple[object, ...]) -> bytes:
    return hashlib.blake2b(repr(row).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _explained(message: str) -> str:
    """What SQLite said, and what to do."""
    if "locked" in message or "busy" in message:
        return "another process keeps the database locked; wait for it or use another --database"
    if "full" in message:
        return f"the disk is full; what was reported as found is stored, --resume goes on when there is room{limits.file_size()}"
    if "malformed" in message or "not a database" in message:
        return "not a database of campaigns, or damaged; move it away or use another --database"
    if "readonly" in message:
        return "it cannot be written; use another --database"
    if "no such" in message or "columns" in message:
        return "its tables are not those of campaigns; use another --database"
    if "disk I/O" in message:
        return f"it cannot be read or written; is it a plain file?{limits.file_size()}"
    if "unable to open" in message:
        return "it cannot be opened; does its folder exist?"
    return message


def _opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)
    try:
        used = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        marks = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")]
        if used and marks != [APPLICATION, VERSION]:
            what = f"of version {marks[1]}" if marks[0] == APPLICATION else "of another program"
            raise BadStore(f"{path}: a database {what}; use another --database")
        patiently(PATIENCE, lambda: connection.execute("PRAGMA journal_mode = WAL").fetchone())
        if not used:
            patiently(PATIENCE, lambda: _set_up(connection))
    except BaseException:
        connection.close()
        raise
    return connection


def _set_up(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            for statement in filter(str.strip, _SETUP.split(";")):
                connection.execute(statement)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
