"""Progress is shown on a terminal only, and goes away."""

import io
import sys

import pytest

from pgcheck.checker.result import Finished, Judged, Started
from pgcheck.running import progress
from tests.pgcheck.factory import result


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def run(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(sys, "stderr", stream)
    with progress.shown(enabled=progress.wanted()) as subscriber:
        for event in (Started("toy", 2), Judged("rows", "popf", "", 0.1), Judged("configuration", "cli", "", 0.1)):
            subscriber(event)
        subscriber(Finished(result()))
    return stream.getvalue()


def test_a_terminal_shows_what_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    shown = run(Terminal(), monkeypatch)
    assert "\x1b" in shown


def test_a_dumb_terminal_or_a_file_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    assert run(Terminal(), monkeypatch) != "" == run(io.StringIO(), monkeypatch)
    monkeypatch.setenv("TERM", "dumb")
    assert run(Terminal(), monkeypatch) == ""


def test_a_closed_standard_error_is_no_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert progress.wanted()
    monkeypatch.setattr(sys, "stderr", None)
    assert not progress.wanted()
