"""The limits of the shell and the system: what they allow, and how a failure that they cause is told. It is nobody's fault, and no verdict."""

from __future__ import annotations

import errno
import resource
from collections.abc import Iterator
from typing import Final

_MIB: Final = 20
_SHELL: Final = (
    (resource.RLIMIT_AS, "address space", "-v", 10, "KiB"),
    (resource.RLIMIT_DATA, "data", "-d", 10, "KiB"),
    (resource.RLIMIT_NPROC, "processes", "-u", 0, ""),
    (resource.RLIMIT_NOFILE, "open files", "-n", 0, ""),
    (resource.RLIMIT_FSIZE, "size of files", "-f", 10, "KiB"),
    (resource.RLIMIT_CPU, "CPU time", "-t", 0, "s"),
)
_BLAMED: Final = {
    errno.ENOMEM: ("out of memory", (resource.RLIMIT_AS, resource.RLIMIT_DATA)),
    errno.EAGAIN: ("no further process or thread can be started", (resource.RLIMIT_NPROC, resource.RLIMIT_AS)),
    errno.EMFILE: ("too many open files", (resource.RLIMIT_NOFILE,)),
    errno.EFBIG: ("the file grows too large", (resource.RLIMIT_FSIZE,)),
}


class Limited(Exception):
    """A limit ended the work; the message names it."""


class Undecided(Exception):
    """An obligation has no answer; the reason is for the report."""

    def __init__(self, label: str, reason: str) -> None:
        self.label, self.reason = label, reason
        super().__init__(f"{label}: {reason}")


def allowed(memory: int) -> int:
    """So many MiB, or as many as the address space of this process may have."""
    soft = resource.getrlimit(resource.RLIMIT_AS)[0]
    return memory if soft == resource.RLIM_INFINITY else min(memory, soft >> _MIB)


def told(error: BaseException) -> str:
    """What a failure that some limit causes says, with the limits that may have; "" for another failure."""
    if isinstance(error, MemoryError) or (isinstance(error, ImportError) and "failed to map" in str(error)):
        number = errno.ENOMEM
    elif isinstance(error, OSError):
        number = error.errno or 0
    elif isinstance(error, RuntimeError) and "start new thread" in str(error):
        number = errno.EAGAIN
    else:
        return ""
    if number not in _BLAMED:
        return ""
    words, limits = _BLAMED[number]
    shown = [text for limit, text in _set() if limit in limits]
    return f"{words}; the shell limits {' and '.join(shown)}" if shown else words


def limits() -> str:
    """The limits that the shell has set, in words; "" if there is none that a solver may meet."""
    return ", ".join(text for limit, text in _set() if limit not in (resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC))


def file_size() -> str:
    """The limit that the shell sets to the size of files, in words; "" if there is none."""
    return "".join(f"; the shell limits {text}" for limit, text in _set() if limit == resource.RLIMIT_FSIZE)


def processor_time() -> str:
    """What there is to say when this process or its child has used up its CPU time."""
    shown = [text for limit, text in _set() if limit == resource.RLIMIT_CPU]
    return "; the shell limits ".join(["the CPU time is used up", *shown])


def _set() -> Iterator[tuple[int, str]]:
    for limit, name, option, shift, unit in _SHELL:
        soft = resource.getrlimit(limit)[0]
        if soft != resource.RLIM_INFINITY:
            yield limit, f"the {name} to {soft >> shift}{f' {unit}' if unit else ''} (ulimit {option})"
