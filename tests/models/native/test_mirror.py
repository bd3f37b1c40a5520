"""Native code works on RAM where it lies: pages are marked and watchers told as by any other engine, whatever began to watch and when."""

from __future__ import annotations

import pytest

from pgcheck.models.engine import Engine, Interpreter
from pgcheck.models.memory import Bus, Ram
from pgcheck.models.native.engine import Native
from pgcheck.models.state import Surroundings, cells, reset
from tests.specifications import machine

pytest.importorskip("llvmlite", reason="the extra 'native' is not installed")
pytestmark = pytest.mark.slow

BASE, PAGE = 0x8000_0000, 1 << 12
STORE, BACK = 0x00533023, 0xFFDFF06F  # sd x5, 0(x6); jal x0, -4


def once(seen: list[object]) -> list[object]:
    """What was seen, with what a watcher is told in a row left out: native code tells once for each page and run."""
    return [s for k, s in enumerate(seen) if not isinstance(s, int) or s != seen[k - 1]]


def test_pages_are_marked_and_watchers_told_run_by_run() -> None:
    described = machine("riscv64")

    def told(engine: Engine) -> list[object]:
        ram = Ram(BASE, 4 * PAGE, 8, big_endian=False)
        state, surroundings = reset(described), Surroundings(memory=Bus(ram, (), 8, False, 64))
        ram.store(BASE, 4, STORE)
        ram.store(BASE + 4, 4, BACK)
        state["PC"], seen = BASE, list[object]()

        def run(address: int, value: int) -> None:
            cells(state, "X").update({5: value, 6: address})
            engine.run(state, surroundings, 4, frozenset())
            seen.append((sorted(ram.dirty), ram.load(address, 8)))

        def watcher(address: int, count: int) -> None:
            seen.append(address - BASE >> ram.page_shift)

        run(BASE + PAGE, 1)
        ram.clean()
        run(BASE + PAGE, 2)
        run(BASE + PAGE + 512, 3)
        ram.watch(BASE + PAGE, watcher)
        run(BASE + PAGE, 4)
        run(BASE + PAGE, 5)
        ram.unwatch(BASE + PAGE, watcher)
        run(BASE + PAGE, 6)
        ram.store(BASE + PAGE, 8, 7)
        run(BASE + 3 * PAGE - 8, 8)
        ram.restore({0: bytes(ram.cells[:PAGE])})
        run(BASE + 2 * PAGE, 9)
        return seen

    native = Native(described, 0)
    assert once(told(native)) == once(told(Interpreter(described)))
    assert not native.warning and not native.outside


def test_code_that_python_stores_is_run() -> None:
    described = machine("riscv64")
    ram = Ram(BASE, 4 * PAGE, 8, big_endian=False)
    state, surroundings = reset(described), Surroundings(memory=Bus(ram, (), 8, False, 64))
    state["PC"], native = BASE, Native(described, 0)
    for number in range(1, 4):
        ram.store(BASE, 4, number << 20 | 0x0093)  # addi x1, x0, number
        ram.store(BASE + 4, 4, BACK)
        native.run(state, surroundings, 6, frozenset())
        assert cells(state, "X")[1] == number
