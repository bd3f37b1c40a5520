"""What compiles hot code is a process of its own: whatever becomes of it, the guest goes on with the same results."""

from __future__ import annotations

import sys
import time

import pytest

from pgcheck.models.engine import VmExit
from pgcheck.models.native import linking
from pgcheck.models.native.background import Background
from pgcheck.models.native.engine import Native
from pgcheck.models.native.hot import Regions
from pgcheck.models.native.runtime import Runtime
from tests.models.generated.test_compiled import computer, loop
from tests.specifications import machine

pytest.importorskip("llvmlite", reason="the extra 'native' is not installed")
pytestmark = pytest.mark.slow

TEXT = "define i32 @one(ptr %p) {\n  ret i32 1\n}\n"


def awaited(background: Background, text: str) -> bytes | None:
    end = time.monotonic() + 60
    while background.found(text) is None and time.monotonic() < end:
        time.sleep(0.01)
    return background.found(text)


def test_a_text_is_compiled_and_nothing_waits() -> None:
    background = Background()
    assert background.found(TEXT) is None
    made = awaited(background, TEXT)
    assert made and linking.Linked(made).function("one")(0) == 1
    assert awaited(background, "no language") == b"" and not background.warning
    background.close()


@pytest.mark.parametrize(
    ("program", "told"),
    [
        ("pass", "ended"),
        ("import time; time.sleep(60)", "within"),
        ("import sys; sys.stdout.write('x' * 100); sys.stdout.flush(); sys.stdin.read()", "no answer"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "ended"),
    ],
)
def test_a_process_that_fails_is_told_of_once_and_asked_no_more(program: str, told: str) -> None:
    background = Background((sys.executable, "-c", program), 0.3)
    assert awaited(background, TEXT) == b""
    assert told in background.warning and "\n" not in background.warning
    assert background.found(TEXT + "\n") == b""


def test_a_process_that_cannot_be_started_is_told_of() -> None:
    background = Background(("/nowhere/python",))
    assert background.found(TEXT) == b"" and "cannot run" in background.warning


def test_a_loop_becomes_native_while_tier_0_goes_on() -> None:
    background = Background()

    def regions(runtime: Runtime) -> Regions:
        return Regions(runtime, background.found, 1 << 12)

    native = Native(machine("riscv64"), regions=regions)
    state, surroundings = computer(loop())
    end, steps, made = time.monotonic() + 60, 0, None
    while time.monotonic() < end:
        assert native.run(state, surroundings, 100_003, frozenset()) == VmExit(100_003)
        steps += 100_003
        made = native.runtime and native.runtime.regions
        if isinstance(made, Regions) and made.made:
            break
    assert isinstance(made, Regions) and made.made
    native.run(state, surroundings, 1_000_001, frozenset())
    expected, other = computer(loop())
    Native(native.machine).run(expected, other, steps + 1_000_001, frozenset())
    assert state == expected and surroundings.clock == other.clock
    background.close()
