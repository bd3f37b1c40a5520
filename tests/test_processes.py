"""What tests/processes.py promises of the processes that tests start."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.processes import interruptible

ASKED = "import signal; print(signal.getsignal(signal.SIGINT) is signal.SIG_IGN)"


@pytest.fixture
def background() -> Iterator[None]:
    """SIGINT is ignored, as in a background job of a shell."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGINT, before)


def ignores() -> bool:
    """Whether a child ignores SIGINT."""
    return subprocess.run([sys.executable, "-c", ASKED], capture_output=True, text=True, check=True).stdout == "True\n"


@pytest.mark.usefixtures("background")
def test_children_are_interruptible_in_a_background_job() -> None:
    assert ignores()
    with interruptible():
        assert not ignores()
    assert ignores() and signal.getsignal(signal.SIGINT) is signal.SIG_IGN
