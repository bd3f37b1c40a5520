"""The parent's end of the pipe to a solver: start, ask with a deadline, kill; every way to fail has a name."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Literal

from pgcheck.checker import limits
from pgcheck.checker.solving.worker import HEADER, OUT_OF_MEMORY, frame

COMMAND: Final = (sys.executable, "-P", "-m", "pgcheck.checker.solving.worker")
_LONGEST: Final = 1 << 28
# Each context of z3 has a table of 16 MiB: the C library keeps that memory for the next one, where it would map and fault it in anew.
_ALLOCATION: Final = {"MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(256 << 20)}


class SolverDied(Exception):
    """No answer: the child died or was killed (`unknown`), or answered what no solver process answers (`error`)."""

    def __init__(self, status: Literal["unknown", "error"], reason: str) -> None:
        super().__init__(reason)
        self.status: Literal["unknown", "error"] = status
        self.reason = reason


class SolverProcess:
    """One child, started when first asked and again after it died; it runs `command PARENT-PID MEMORY`."""

    def __init__(self, command: Sequence[str], memory: int) -> None:
        self._command = command
        self.memory = limits.allowed(memory)
        self._full = self.memory == memory
        self.child: subprocess.Popen[bytes] | None = None
        self._owner = -1
        self._asked = 0

    def ask(self, request: Mapping[str, object], seconds: float) -> dict[str, Any]:
        """The child's reply within `seconds`; SolverDied otherwise. A child whose pipe is not left clean is killed."""
        deadline = time.monotonic() + seconds
        self._asked += 1
        try:
            child = self._started()
            _send(child, frame({"id": self._asked, **request}), deadline)
            header = _receive(child, HEADER.size, deadline)
            length = HEADER.unpack(header)[0]
            if length > _LONGEST:
                raise SolverDied("error", "the solver process wrote something that is no reply")
            reply = json.loads(_receive(child, length, deadline))
            if not isinstance(reply, dict) or reply.pop("id", None) != self._asked:
                raise SolverDied("error", "the solver process wrote something that is no reply")
            return reply
        except TimeoutError:
            self.kill()
            raise SolverDied("unknown", f"killed after {seconds:g} s") from None
        except (EOFError, BrokenPipeError):
            raise self._post_mortem() from None
        except (ValueError, RecursionError):
            self.kill()
            raise SolverDied("error", "the solver process wrote something that is no reply") from None
        except OSError as error:
            self.kill()
            limit = limits.told(error)
            reason = f"the solver process cannot run: {limit or error}"
            raise SolverDied("unknown" if limit else "error", reason) from error
        except BaseException:
            self.kill()
            raise

    def kill(self) -> None:
        """End the child at once; nothing if there is none."""
        child, self.child = self.child, None
        if child is not None and self._owner == os.getpid():
            _end(child)

    def _started(self) -> subprocess.Popen[bytes]:
        """This process's own child: one inherited through a fork belongs to the parent."""
        if self.child is not None and self._owner == os.getpid():
            return self.child
        root = str(Path(str(files("pgcheck"))).parent)
        path = os.pathsep.join(p for p in (root, os.environ.get("PYTHONPATH")) if p)
        child = subprocess.Popen(
            [*self._command, str(os.getpid()), str(self.memory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**_ALLOCATION, **os.environ, "PYTHONPATH": path},
            bufsize=0,
            start_new_session=True,
        )
        self.child, self._owner = child, os.getpid()
        for stream in (child.stdin, child.stdout):
            assert stream is not None
            os.set_blocking(stream.fileno(), False)
        weakref.finalize(self, _end_own, child, self._owner)
        return child

    def _post_mortem(self) -> SolverDied:
        """How the child ended, after its pipe closed."""
        child = self.child
        assert child is not None
        try:
            code = child.wait(2)
        except subprocess.TimeoutExpired:
            self.kill()
            return SolverDied("error", "the solver process closed its pipe")
        self.kill()
        if code == OUT_OF_MEMORY:
            whose = "" if self._full else ", all that the shell's limit of address space leaves: ulimit -v"
            return SolverDied("unknown", f"out of memory ({self.memory} MiB{whose})")
        if code == -signal.SIGXCPU:
            return SolverDied("unknown", f"the solver process: {limits.processor_time()}")
        if code > 0 and (set_ := limits.limits()):
            return SolverDied("unknown", f"the solver process ended with code {code}; the shell limits {set_}")
        if code < 0:
            return SolverDied("unknown", f"the solver process was killed by signal {-code}")
        return SolverDied("error", f"the solver process ended with code {code}")


def _send(child: subprocess.Popen[bytes], message: bytes, deadline: float) -> None:
    assert child.stdin is not None
    descriptor, rest = child.stdin.fileno(), memoryview(message)
    while rest:
        _await(descriptor, select.POLLOUT, deadline)
        rest = rest[os.write(descriptor, rest) :]


def _receive(child: subprocess.Popen[bytes], length: int, deadline: float) -> bytes:
    assert child.stdout is not None
    descriptor, message = child.stdout.fileno(), bytearray()
    while len(message) < length:
        _await(descriptor, select.POLLIN, deadline)
        part = os.read(descriptor, min(length - len(message), 1 << 16))
        if not part:
            raise EOFError
        message += part
    return bytes(message)


def _await(descriptor: int, event: int, deadline: float) -> None:
    poll = select.poll()
    poll.register(descriptor, event)
    if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
        raise TimeoutError


def _end(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    child.wait()
    for stream in (child.stdin, child.stdout):
        if stream is not None:
            stream.close()


def _end_own(child: subprocess.Popen[bytes], owner: int) -> None:
    if os.getpid() == owner:
        _end(child)
