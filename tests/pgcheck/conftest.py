"""The program run in this process, with a hand-made answer, or as a process of its own."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pgcheck import cli
from pgcheck.checker.check import Options
from pgcheck.checker.result import MachineResult
from pgcheck.isa.machine.machine import Machine
from pgcheck.running import run
from tests.specifications import ROOT, SMALL


@dataclass(frozen=True)
class Ran:
    """How a command ended and what it wrote."""

    code: int
    out: str
    err: str


Pgcheck = Callable[..., Ran]


@pytest.fixture
def pgcheck(capsys: pytest.CaptureFixture[str]) -> Pgcheck:
    """Runs a command line in this process."""

    def obey(*arguments: str | Path) -> Ran:
        code = cli.run([str(a) for a in arguments])
        written = capsys.readouterr()
        return Ran(code, written.out, written.err)

    return obey


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of the test's own, which is empty."""
    monkeypatch.setenv("PGCHECK_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_cache: None) -> Path:
    """The current folder: one specification, with a hole."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "popf.yaml").write_bytes((SMALL / "popf.yaml").read_bytes())
    monkeypatch.chdir(folder)
    return folder


@dataclass
class Answer:
    """Stands in for the checker: what it answers or raises, and what it was asked."""

    result: MachineResult | BaseException | None = None
    asked: list[tuple[Machine, Options]] | None = None


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Answer:
    """The checker's stand-in; set its `result`."""
    given = Answer(asked=[])

    def check(machine: Machine, options: Options, on_event: Any) -> MachineResult:
        assert given.asked is not None
        given.asked.append((machine, options))
        if isinstance(given.result, BaseException):
            raise given.result
        assert given.result is not None
        return given.result

    monkeypatch.setattr(run, "check", check)
    return given


@pytest.fixture
def spawn() -> Pgcheck:
    """Runs a command line as a process, with keywords of subprocess.run."""

    def obey(*arguments: str | Path, **options: Any) -> Ran:
        command = [sys.executable, "-m", "pgcheck", *map(str, arguments)]
        done = subprocess.run(command, **{"cwd": ROOT, "capture_output": True, "text": True, "timeout": 300, **options})
        return Ran(done.returncode, done.stdout or "", done.stderr or "")

    return obey
