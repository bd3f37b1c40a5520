"""The engine's end of the pipe to the process that compiles: nothing waits for it, and whatever becomes of it is only told."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
import weakref
from collections import deque
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

from pgcheck.models.native.worker import HEADER

COMMAND: Final = (sys.executable, "-P", "-m", "pgcheck.models.native.worker")
SECONDS: Final = 120
"""After which no answer is waited for."""
MOST: Final = 256
"""Object files that are kept."""
LARGEST: Final = 1 << 24
"""Bytes of a text or an object file at most."""


class Background:
    """Compiles texts one after the other in a process of its own, started with the first. `warning` says why it does so no more."""

    def __init__(self, command: tuple[str, ...] = COMMAND, seconds: float = SECONDS) -> None:
        self._command, self._seconds = command, seconds
        self.warning = ""
        self._child: subprocess.Popen[bytes] | None = None
        self._owner = -1
        self._asked: deque[str] = deque()
        self._answers: dict[str, bytes] = {}
        self._sent, self._since = 0, 0.0
        self._message, self._answer = b"", bytearray()

    def found(self, text: str) -> bytes | None:
        """The object file of a text, of no bytes where it could not be made; None as long as it is not there. It never waits."""
        if text not in self._answers and text not in self._asked and len(text) <= LARGEST and not self.warning:
            self._asked.append(text)
        if self._asked:
            try:
                self._move()
            except (OSError, ValueError) as error:
                self._gave_up(f"the process that compiles hot code cannot run: {error}")
        return b"" if self.warning else self._answers.get(text)

    def _gave_up(self, reason: str) -> None:
        """Ask no more."""
        self.warning = f"{reason}; what runs often is not compiled any more"
        self._asked.clear()
        self.close()

    def _move(self) -> None:
        """Send and receive as much as can be without waiting."""
        child = self._started()
        assert child.stdin is not None and child.stdout is not None
        if not self._message:
            text = self._asked[0].encode()
            self._message, self._sent, self._since = HEADER.pack(len(text)) + text, 0, time.monotonic()
        with contextlib.suppress(BlockingIOError):
            while self._sent < len(self._message):
                self._sent += os.write(child.stdin.fileno(), self._message[self._sent : self._sent + (1 << 16)])
        with contextlib.suppress(BlockingIOError):
            while not self._whole():
                part = os.read(child.stdout.fileno(), 1 << 16)
                if not part:
                    return self._gave_up("the process that compiles hot code ended")
                self._answer += part
        if self._whole():
            if len(self._answers) == MOST:
                self._answers.clear()
            self._answers[self._asked.popleft()] = bytes(self._answer[HEADER.size :])
            self._message, self._answer = b"", bytearray()
        elif time.monotonic() - self._since > self._seconds:
            self._gave_up(f"hot code was not compiled within {self._seconds:g} s")

    def _whole(self) -> bool:
        if len(self._answer) < HEADER.size:
            return False
        length: int = HEADER.unpack_from(self._answer)[0]
        if length > LARGEST:
            raise ValueError("it wrote something that is no answer")
        return len(self._answer) >= HEADER.size + length

    def _started(self) -> subprocess.Popen[bytes]:
        """This process's own child: one inherited through a fork belongs to the parent."""
        if self._child is not None and self._owner == os.getpid():
            return self._child
        root = str(Path(str(files("pgcheck"))).parent)
        path = os.pathsep.join(p for p in (root, os.environ.get("PYTHONPATH")) if p)
        child = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": path},
            bufsize=0,
            start_new_session=True,
        )
        self._child, self._owner = child, os.getpid()
        self._message, self._answer = b"", bytearray()
        for stream in (child.stdin, child.stdout):
            assert stream is not None
            os.set_blocking(stream.fileno(), False)
        weakref.finalize(self, _end, child, self._owner)
        return child

    def close(self) -> None:
        """End the process, if it is there and this process's own."""
        child, self._child = self._child, None
        if child is not None:
            _end(child, self._owner)


def _end(child: subprocess.Popen[bytes], owner: int) -> None:
    if os.getpid() != owner:
        return
    child.kill()
    child.wait()
    for stream in (child.stdin, child.stdout):
        if stream is not None:
            stream.close()


@cache
def shared() -> Background:
    """The one of this process."""
    return Background()
