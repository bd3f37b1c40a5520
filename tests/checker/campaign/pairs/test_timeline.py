"""What happens to a computer from outside happens at its time, once, and ends a wait."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from pgcheck.checker.campaign.cases.case import Case
from pgcheck.checker.campaign.pairs.timeline import WAITS, Counted, timeline
from pgcheck.models.computer.computer import Computer
from pgcheck.models.memory import Ram
from tests.specifications import machine

SHIPPED = machine("riscv64")
RISCV = replace(SHIPPED, platform=replace(SHIPPED.platform, devices=()))
BASE = RISCV.platform.ram_base
WFI, STEP = 0x10500073, 0x00128293
"""`addi x5, x5, 1`."""
LOAD = 0x0004B303
"""`ld x6, 0(x9)`."""


def computer(words: list[int]) -> Computer:
    """A supervisor's program at the beginning of memory; the timer's line is enabled in mie, and interrupts are not taken."""
    found = Computer(RISCV, ram=Ram(BASE, 1 << 13, 8, False))
    for number, word in enumerate(words):
        found.bus.store(BASE + 4 * number, 4, word)
    found.state.update({"PC": BASE, "current_mode": 1, "mie.STIE": 1})
    return found


def case(events: tuple[tuple[int, str, int], ...], writes: tuple[tuple[int, int, int, int], ...] = ()) -> Case:
    return Case({}, (), 64, 1, 0, events, (1,), writes)


def test_a_line_that_rises_ends_a_wait_at_its_time() -> None:
    one, happened = computer([STEP, WFI, *[STEP] * 20]), Counter[str]()
    stop = timeline(case(((10, "mip.STIP", 1),))).run(one, 14, frozenset(), happened)
    assert (stop.steps, stop.exit, one.clock) == (14, None, 14) and happened["wait"] == 1
    assert one.state["X"][5] == 1 + 4  # type: ignore[index]  # steps 10 to 13


def test_a_wait_for_nothing_ends_the_run_and_one_for_something_later_takes_the_time_given() -> None:
    one, happened = computer([WFI, STEP]), Counter[str]()
    assert timeline(case(((1, "mip.SEIP", 1),))).run(one, 30, frozenset(), happened).exit == WAITS
    other = computer([WFI, STEP])
    stop = timeline(case(((20, "mip.STIP", 1),))).run(other, 8, frozenset(), happened)
    assert (stop.steps, stop.exit, happened["wait"]) == (8, None, 0)


def test_a_device_stores_before_the_step_of_its_time() -> None:
    place = BASE + 0x800
    for clock, seen in ((0, 7), (1, 7), (2, 0)):
        one, happened = computer([STEP, LOAD, STEP, STEP]), Counter[str]()
        one.state["X"][9] = place  # type: ignore[index]
        timeline(case((), ((clock, place, 8, 7),))).run(one, 4, frozenset(), happened)
        assert one.state["X"][6] == seen and happened == {"dma": 1}  # type: ignore[index]


def test_turns_of_any_length_see_the_same() -> None:
    ends = []
    for turn in (1, 3, 20):
        one, happened = computer([STEP, WFI, LOAD, *[STEP] * 20]), Counter[str]()
        one.state["X"][9] = BASE + 0x800  # type: ignore[index]
        given = timeline(case(((5, "mip.STIP", 1),), ((7, BASE + 0x800, 8, 9), (2, BASE + 0x808, 8, 1))))
        while one.clock < 20:
            given.run(one, min(turn, 20 - one.clock), frozenset(), happened)
        ends.append((one.state, happened))
    assert ends[0] == ends[1] == ends[2]


def test_accesses_to_registers_are_counted_and_made() -> None:
    class Register:
        value = 3

        def read(self, offset: int, count: int) -> int:
            return self.value + offset

        def write(self, offset: int, count: int, value: int) -> None:
            self.value = value

    events = Counter[str]()
    counted = Counted(Register(), events)
    counted.write(0, 1, 40)
    assert counted.read(2, 1) == 42 and events["device"] == 2
