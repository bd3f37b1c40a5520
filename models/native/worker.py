"""The process that compiles what a guest runs often: texts on its input, object files on its output. It knows no machine; it ends with its input.

A message is a length and that many bytes; an object file of no bytes says that there is none.
"""

from __future__ import annotations

import os
import resource
import struct
import sys
from typing import BinaryIO, Final

from pgcheck.models.native import kept
from pgcheck.models.native.linking import Unavailable

HEADER: Final = struct.Struct(">I")
SECONDS: Final = 60
"""Processor time of a text at most; one that takes longer ends the process."""
MEMORY: Final = 2 << 30


def answer(text: str) -> bytes:
    """The object file of a text, made or kept from before."""
    try:
        return kept.compiled(text, 1)
    except (Unavailable, OSError, MemoryError):
        return b""


def serve(given: BinaryIO, told: BinaryIO) -> None:
    """Answer until the input ends."""
    while len(head := given.read(HEADER.size)) == HEADER.size:
        text = given.read(HEADER.unpack(head)[0]).decode()
        used = resource.getrusage(resource.RUSAGE_SELF)
        spent = int(used.ru_utime + used.ru_stime)
        resource.setrlimit(resource.RLIMIT_CPU, (spent + SECONDS, resource.RLIM_INFINITY))
        found = answer(text)
        told.write(HEADER.pack(len(found)) + found)
        told.flush()


def main() -> None:
    os.nice(5)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, resource.RLIM_INFINITY))
    serve(sys.stdin.buffer, sys.stdout.buffer)


if __name__ == "__main__":
    main()
