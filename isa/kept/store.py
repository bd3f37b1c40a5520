"""A folder of files that this user alone can have written: what anybody else could have put there is not read.

What lies there decides what a specification means, so it is trusted as far as its owner is this process's user and nobody else may write it. A file
is whole or absent: it is written under another name and moved, and begins with the digest of the rest.
"""

from __future__ import annotations

import hashlib
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from pgcheck.isa.files.cache import default_folder

MOST: Final = 64
"""Files in the folder; the oldest go first."""
LARGEST: Final = 64 << 20
_DIGEST: Final = 16
_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH
_WHOLE: Final = ".kept"


def folder() -> Path:
    """Where this user's files are kept: `kept` in the folder of all caches. Raises RuntimeError if there is no home."""
    return default_folder() / "kept"


class Unsafe(Exception):
    """A folder or file that somebody else could have written; the message says which."""


def read(place: Path, name: str) -> bytes | None:
    """What was written under a name; None if nothing was, or it is damaged. Raises Unsafe and OSError."""
    try:
        descriptor = os.open(
            _own(place) / f"{name}{_WHOLE}", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        )
    except FileNotFoundError:
        return None
    with open(descriptor, "rb") as file:
        state = os.fstat(descriptor)
        _check(state, str(place / f"{name}{_WHOLE}"), stat.S_IFREG)
        if state.st_size > LARGEST:
            return None
        content = file.read(LARGEST)
    return content[_DIGEST:] if content[:_DIGEST] == _digest(content[_DIGEST:]) else None


def write(place: Path, name: str, content: bytes) -> None:
    """The file of a name with this content, or as it was before. Raises Unsafe and OSError."""
    import tempfile

    if len(content) + _DIGEST > LARGEST:
        return
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    _own(place)
    descriptor, draft = tempfile.mkstemp(dir=place)
    try:
        with open(descriptor, "wb") as file:
            file.write(_digest(content) + content)
        os.replace(draft, place / f"{name}{_WHOLE}")
    except BaseException:
        os.unlink(draft)
        raise
    _thin(place)


def _own(place: Path) -> Path:
    """The folder, if it is this user's alone. Raises Unsafe and OSError."""
    _check(os.lstat(place), str(place), stat.S_IFDIR)
    return place


def _check(state: os.stat_result, name: str, kind: int) -> None:
    if stat.S_IFMT(state.st_mode) != kind:
        raise Unsafe(f"{name} is no {'folder' if kind == stat.S_IFDIR else 'plain file'}")
    if state.st_uid != os.geteuid():
        raise Unsafe(f"{name} belongs to another user")
    if state.st_mode & _OTHERS:
        raise Unsafe(f"{name} can be written by others")


def _thin(place: Path) -> None:
    """Delete the oldest files beyond MOST, drafts that nobody finished among them."""
    there = sorted((entry.stat(follow_symlinks=False).st_mtime_ns, entry.path) for entry in os.scandir(place))
    for _, path in there[:-MOST]:
        with suppress(FileNotFoundError):
            os.unlink(path)


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_DIGEST).digest()
