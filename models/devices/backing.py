"""What a disk keeps its sectors in: a file of the host, or bytes in memory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from pgcheck.isa.files import door


class Backing(Protocol):
    """Bytes from 0 up to `size`, read and written within these bounds. Raises OSError when the host fails."""

    @property
    def size(self) -> int: ...

    @property
    def read_only(self) -> bool: ...

    def read(self, at: int, count: int) -> bytes: ...

    def write(self, at: int, data: bytes) -> None: ...

    def flush(self) -> None:
        """What was written so far survives the end of the process."""
        ...


class HostFile:
    """A file of the host as it is: no format is probed. One that cannot be written is read only. Raises OSError."""

    __slots__ = ("descriptor", "read_only", "size")

    def __init__(self, path: Path) -> None:
        self.read_only = not os.access(path, os.W_OK)
        self.descriptor = door.opened(path, os.O_RDONLY if self.read_only else os.O_RDWR)
        self.size = os.fstat(self.descriptor).st_size

    def read(self, at: int, count: int) -> bytes:
        data = os.pread(self.descriptor, count, at)
        if len(data) != count:
            raise OSError(None, "the file has become shorter")
        return data

    def write(self, at: int, data: bytes) -> None:
        if os.fstat(self.descriptor).st_size < at + len(data):
            raise OSError(None, "the file has become shorter")
        while data:
            written = os.pwrite(self.descriptor, data, at)
            at, data = at + written, data[written:]

    def flush(self) -> None:
        os.fsync(self.descriptor)

    def close(self) -> None:
        os.close(self.descriptor)


class Kept:
    """A disk in memory."""

    __slots__ = ("data", "read_only")

    def __init__(self, data: bytes, *, read_only: bool = False) -> None:
        self.data, self.read_only = bytearray(data), read_only

    @property
    def size(self) -> int:
        return len(self.data)

    def read(self, at: int, count: int) -> bytes:
        return bytes(self.data[at : at + count])

    def write(self, at: int, data: bytes) -> None:
        self.data[at : at + len(data)] = data

    def flush(self) -> None:
        return
