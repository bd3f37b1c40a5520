"""`pgcheck watch`: checked again on change, quiet on an interrupt."""

import os
import pty
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pgcheck.reports.rulebook import BY_NAME
from pgcheck.running.watching import changed, sources, stamps
from tests.pgcheck.conftest import Pgcheck
from tests.specifications import ROOT

HOLE = BY_NAME["hole"].example
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts `pgcheck watch` on a file as a process."""
    running: list[subprocess.Popen[str]] = []

    def begin(path: Path, stdout: int = subprocess.PIPE) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "pgcheck", "watch", str(path), "--jobs", "1"],
            cwd=ROOT,
            text=True,
            env={**os.environ, "PGCHECK_CACHE": str(tmp_path / "cache"), "TERM": "dumb"},
            stdout=stdout,
            stderr=subprocess.PIPE,
        )
        running.append(process)
        return process

    yield begin
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


def waiting(process: subprocess.Popen[str]) -> None:
    """Reads standard error until the program waits for a change."""
    assert process.stderr is not None
    for line in process.stderr:
        if "waiting for a change" in line:
            return
    raise AssertionError("it ended")


@pytest.mark.usefixtures("interruptible")
def test_it_checks_again_on_change_and_ends_clean(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "toy.yaml"
    path.write_text(HOLE.broken)
    process = start(path)
    waiting(process)
    path.write_text("kind: [")
    assert process.stderr is not None
    assert any("this is not YAML" in line for line in iter(process.stderr.readline, ""))
    waiting(process)
    path.unlink()
    assert any("toy.yaml" in line for line in iter(process.stderr.readline, ""))
    waiting(process)
    path.write_text(HOLE.mended)
    waiting(process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0
    assert out.index("the premise fails") < out.index("the premise holds")
    assert "\033" not in out + err and "Traceback" not in err and "Interrupted" not in err


@pytest.mark.usefixtures("interruptible")
def test_a_terminal_is_cleared(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "toy.yaml"
    path.write_text(HOLE.mended)
    ours, its = pty.openpty()
    process = start(path, stdout=its)
    os.close(its)
    waiting(process)
    process.send_signal(signal.SIGINT)
    assert os.read(ours, 65536).startswith(b"\033[2J")
    process.wait(timeout=30)
    assert process.returncode == 0
    os.close(ours)


def test_what_is_no_file_at_the_start_is_an_error(pgcheck: Pgcheck) -> None:
    refused = pgcheck("watch", "nothing-of-the-kind")
    assert refused.code == 2 and "no specification or file" in refused.err


def test_included_files_are_watched_too(tmp_path: Path) -> None:
    (tmp_path / "part.yaml").write_text("params: {N: 1}\n")
    path = tmp_path / "a.yaml"
    path.write_text("include: [part.yaml]\nkind: machine\n")
    assert {p.name for p in sources(path, ())} == {"a.yaml", "part.yaml"}
    path.write_text("include: [")
    assert {p.name for p in sources(path, {tmp_path / "part.yaml"})} == {"a.yaml", "part.yaml"}


@pytest.mark.parametrize(
    "change", [lambda p: p.write_text("other"), lambda p: p.unlink(), lambda p: p.with_name("b").replace(p)]
)
def test_every_way_to_change_a_file_is_noticed(tmp_path: Path, change: Callable[[Path], object]) -> None:
    path = tmp_path / "a"
    (tmp_path / "b").write_text("1")
    path.write_text("1")
    before = stamps([path])
    threading.Timer(0.1, change, [path]).start()
    started = time.monotonic()
    assert changed(before, 0.05) != before and time.monotonic() - started >= 0.1
