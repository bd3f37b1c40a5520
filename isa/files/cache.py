"""Results of solvers on disk, shared by processes; a cache that cannot be used costs time and never a verdict."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, TypeVar

APPLICATION: Final = 0x70676363
VERSION: Final = 1
_T = TypeVar("_T")
_SETUP: Final = f"""
    CREATE TABLE IF NOT EXISTS result (
        id INTEGER PRIMARY KEY, key TEXT UNIQUE NOT NULL, value TEXT NOT NULL, sum BLOB NOT NULL
    );
    PRAGMA application_id = {APPLICATION};
    PRAGMA user_version = {VERSION};
"""
# Tables first: another process creates the table and its marks in one transaction.
_MARKS: Final = ("SELECT count(*) FROM sqlite_master", "PRAGMA application_id", "PRAGMA user_version")


def default_folder() -> Path:
    """`$PGCHECK_CACHE`, or `pgcheck` in the user's cache folder; RuntimeError if there is no home."""
    own = os.environ.get("PGCHECK_CACHE")
    if own:
        return Path(own)
    shared = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(shared) if os.path.isabs(shared) else Path.home() / ".cache") / "pgcheck"


class Cache:
    """A table from keys to texts in `folder/results.sqlite`, at most about `size` bytes, oldest entries dropped first.

    No method raises because of the file: after the first failure `warning` says why, and nothing is found or stored.
    """

    def __init__(self, folder: Path | None = None, *, size: int = 256 << 20) -> None:
        self.warning: str | None = None
        self._size = size
        self._file = "the result cache"
        self._connection: sqlite3.Connection | None = None
        self._process = -1
        self._later: dict[str, str] = {}
        try:
            folder = default_folder() if folder is None else folder
            self._path = folder / "results.sqlite"
            self._file = str(self._path)
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except (OSError, RuntimeError) as error:
            self._give_up(error)

    def get(self, key: str) -> str | None:
        """The text stored under `key`, if it is there and intact."""
        row = self._try(lambda c: c.execute("SELECT value, sum FROM result WHERE key = ?", (key,)).fetchone())
        if row is None or row[1] != _checksum(key, row[0]):
            return None
        return str(row[0])

    def put(self, key: str, value: str) -> None:
        """Store `value` under `key`, dropping the oldest quarter of the table if it has grown too large."""
        self._put_all({key: value})

    def put_later(self, key: str, value: str) -> None:
        """Store `value` under `key` with the next `flush`."""
        self._later[key] = value

    def flush(self) -> None:
        """Store all that was put for later, in one transaction."""
        if self._later:
            self._put_all(self._later)
            self._later = {}

    def _put_all(self, values: Mapping[str, str]) -> None:

        def store(connection: sqlite3.Connection) -> None:
            rows = [(key, value, _checksum(key, value)) for key, value in values.items()]
            connection.execute("BEGIN IMMEDIATE")
            try:
                connection.executemany("INSERT OR REPLACE INTO result (key, value, sum) VALUES (?, ?, ?)", rows)
                connection.execute("COMMIT")
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            if self._used(connection) > self._size:
                connection.execute(
                    "DELETE FROM result WHERE id <= (SELECT max(id) - (max(id) - min(id)) * 3 / 4 - 1 FROM result)"
                )

        self._try(store)

    def close(self) -> None:
        """Let go of the file; the next use opens it again."""
        if self._connection is not None and self._process == os.getpid():
            self._connection.close()
        self._connection = None

    def _try(self, action: Callable[[sqlite3.Connection], _T]) -> _T | None:
        if self.warning is not None:
            return None
        try:
            return action(self._open())
        except (sqlite3.Error, OSError, ValueError) as error:
            self._give_up(error)
            return None

    def _open(self) -> sqlite3.Connection:
        """The connection of this process: one that was inherited through a fork must not be used."""
        if self._connection is None or self._process != os.getpid():
            self._connection = _connect(self._path)
            self._process = os.getpid()
        return self._connection

    def _used(self, connection: sqlite3.Connection) -> int:
        count, free, size = (
            int(connection.execute(f"PRAGMA {name}").fetchone()[0])
            for name in ("page_count", "freelist_count", "page_size")
        )
        return (count - free) * size

    def _give_up(self, error: Exception) -> None:
        self.warning = f"results are not cached: {self._file}: {error}"
        try:
            self.close()
        except sqlite3.Error:
            self._connection = None


def _connect(path: Path) -> sqlite3.Connection:
    """Open or create the table; sqlite3.Error, or ValueError for a database of somebody else."""
    connection = sqlite3.connect(path, timeout=5.0, isolation_level=None)
    try:
        used, *mark = (connection.execute(question).fetchone()[0] for question in _MARKS)
        if used and mark != [APPLICATION, VERSION]:
            raise ValueError("not a result cache of this version; delete it or set PGCHECK_CACHE to another folder")
        patiently(5.0, lambda: connection.execute("PRAGMA journal_mode = WAL").fetchone())
        connection.execute("PRAGMA synchronous = NORMAL")
        if mark != [APPLICATION, VERSION]:
            patiently(5.0, lambda: connection.executescript(f"BEGIN IMMEDIATE; {_SETUP} COMMIT;"))
    except BaseException:
        connection.close()
        raise
    return connection


def patiently(seconds: float, action: Callable[[], object]) -> None:
    """Do `action` again while another process holds the lock: the busy timeout does not cover a change of journal."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            action()
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _checksum(key: str, value: str) -> bytes:
    return hashlib.blake2b(f"{key}\n{value}".encode(), digest_size=16).digest()
