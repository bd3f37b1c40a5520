"""The one door for files that people name: read if they are plain, of a bounded size and in a bounded time; never written over what was read."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, TypeAlias

SECONDS: Final = 20.0
TEXT_LIMIT: Final = 4 << 20
_CHUNK: Final = 1 << 20
_KINDS: Final = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
    stat.S_IFDIR: "a folder",
}
_Plain: Any = type(Path())
_USED: ContextVar[dict[tuple[int, int], str] | None] = ContextVar("used", default=None)
_READ, _WRITTEN = "it was read in this run", "it is another output of this run"
_OVER: Final = {"nothing": "", "read": _READ, "written": _WRITTEN}
Over: TypeAlias = Literal["nothing", "read", "written"]


class Overlaid(_Plain):  # type: ignore[misc]
    """A path in whose place a text may be read, as an editor shows it; `texts` is by path."""

    __slots__ = ()
    texts: ClassVar[dict[str, str]] = {}

    def exists(self, **given: Any) -> bool:
        return str(self) in self.texts or bool(super().exists(**given))

    def is_file(self, **given: Any) -> bool:
        return str(self) in self.texts or bool(super().is_file(**given))


def opened(path: str | os.PathLike[str], flags: int = os.O_RDONLY) -> int:
    """The descriptor of a plain file; nothing else is waited for or touched. Raises OSError, whose `strerror` says why."""
    try:
        descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except ValueError as error:  # a zero byte in the name
        raise OSError(None, str(error), os.fspath(path)) from None
    state = os.fstat(descriptor)
    kind = stat.S_IFMT(state.st_mode)
    reason = "" if kind == stat.S_IFREG else f"it is no plain file but {_KINDS.get(kind, 'something else')}"
    used = _USED.get()
    if used is not None and not reason:
        number = state.st_dev, state.st_ino
        reason = used.get(number, "") if flags & os.O_RDWR else ""
        used.setdefault(number, _WRITTEN if flags & os.O_RDWR else _READ)
    if not reason:
        return descriptor
    os.close(descriptor)
    raise OSError(None, reason, os.fspath(path))


def content(path: str | os.PathLike[str], most: int = TEXT_LIMIT, seconds: float = SECONDS) -> bytes:
    """All of a plain file of at most `most` bytes. Raises OSError, whose `strerror` says why."""
    if isinstance(path, Overlaid) and str(path) in path.texts:
        return bytes(path.texts[str(path)].encode("utf-8", "replace"))
    descriptor = opened(path)
    try:
        return drained(descriptor, most, seconds)
    except OSError as error:
        raise OSError(error.errno, error.strerror, os.fspath(path)) from None
    finally:
        os.close(descriptor)


def drained(descriptor: int, most: int, seconds: float = SECONDS) -> bytes:
    """What a descriptor holds up to its end, at most `most` bytes. Raises OSError, whose `strerror` says why."""
    deadline = time.monotonic() + seconds
    parts: list[bytes] = []
    left = most + 1
    while left:
        part = os.read(descriptor, min(left, _CHUNK))
        if not part:
            return b"".join(parts)
        parts.append(part)
        left -= len(part)
        if time.monotonic() > deadline:
            raise OSError(None, f"reading it took longer than {seconds:g} s")
    raise OSError(None, f"it is larger than {most} bytes")


@contextmanager
def remembering() -> Iterator[None]:
    """A run: inside, no file that was read is written, and none twice, whatever links lead to it."""
    token = _USED.set({})
    try:
        yield
    finally:
        _USED.reset(token)


def write(path: str | os.PathLike[str], data: bytes, *, over: Over = "nothing") -> None:
    """The file with this content, or no file at all; a device or a pipe is written to. `over`: what of this run it may replace.

    Raises OSError, whose `strerror` says why.
    """
    import tempfile

    target = Path(os.path.realpath(path))
    used = _USED.get()
    plain = os.path.isfile(path) or os.path.isdir(path) or not os.path.exists(path)
    if not plain or Path(path).is_relative_to("/dev"):
        with open(path, "ab") as file:
            file.write(data)
        return
    reason = used.get(_number(target), "") if used is not None and target.exists() else ""
    if reason and reason != _OVER[over]:
        raise OSError(None, reason, os.fspath(path))
    draft = ""
    try:
        descriptor, draft = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:100]}.")
        with open(descriptor, "wb") as file:
            file.write(data)
        os.chmod(draft, 0o644)
        os.replace(draft, target)
    finally:
        if draft and os.path.exists(draft):
            os.unlink(draft)
    if used is not None:
        used[_number(target)] = _WRITTEN


def _number(path: Path) -> tuple[int, int]:
    state = path.stat()
    return state.st_dev, state.st_ino
