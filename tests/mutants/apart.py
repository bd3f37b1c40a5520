"""Work done in a child of this process, so that nothing that is broken there is broken here; it imports nothing of what is tested."""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

MEMORY = 3 << 30


class Lost(Exception):
    """A child gave no answer: it was killed, or the harness crashed; the message says how."""


def apart(work: Callable[[], Any], seconds: float) -> Any:
    """The result of `work`, plain data, done in a child. Raises Lost."""
    sys.stdout.flush()
    sys.stderr.flush()
    source, sink = os.pipe()
    child = os.fork()
    if not child:
        os.close(source)
        _answer(work, sink, seconds)
    os.close(sink)
    with os.fdopen(source, "rb") as stream:
        text = stream.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        raise Lost(f"no end after {seconds:g} s" if number == signal.SIGALRM else f"killed by signal {number}")
    reply = json.loads(text)
    if "crash" in reply:
        raise Lost(reply["crash"])
    return reply["result"]


def _mapped() -> int:
    """Bytes of address space that this process has by now; emulators of earlier tests reserve gigabytes."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:
        return 0


def _answer(work: Callable[[], Any], sink: int, seconds: float) -> None:
    """The child's part; it never returns."""
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        resource.setrlimit(resource.RLIMIT_AS, (_mapped() + MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))
        reply = {"result": work()}
    except BaseException as error:  # whatever it was, the parent is told
        at = traceback.extract_tb(error.__traceback__)[-1]
        reply = {"crash": f"{type(error).__name__}: {error} ({os.path.basename(at.filename)}:{at.lineno})"[:500]}
    with os.fdopen(sink, "wb") as stream:
        stream.write(json.dumps(reply).encode())
    os._exit(0)
