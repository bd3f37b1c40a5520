"""Steps of a machine in native code, each fetched and decoded anew: nothing is kept of code, so that a reset is one of state and memory.

Instructions are found in a tree of the units that were read, which Python has told (`words.py`); exits are delivered by the specification's own functions.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from pgcheck.isa.terms import mask
from pgcheck.models.native.batches.text import Fields, Text, copied
from pgcheck.models.native.host import HELD
from pgcheck.models.native.lowering.layout import Layout
from pgcheck.models.native.lowering.plan import Status


class End(IntEnum):
    """Why steps ended."""

    SPENT = 0
    CAUGHT = 1
    """An exit that is intercepted."""
    STOPPED = 2
    """An exit that nothing delivers."""
    INTERRUPTED = 3
    """An interrupt that comes before the next instruction."""
    ASIDE = 4
    """Something that only Python can do."""
    UNKNOWN = 5
    """An instruction that nobody has told of."""


SIDE: Final = Fields((
    "left", "fetch", "pending", "waiting", "enter", "tree", "shift", "templates", "exits", "scratch", "counts",
    "traps", "node", "unit", "last", "supervisors", "exit", "firmware", "above", "quiet", "dirty", "block", "image", "unknown", "kept", "values", "interrupt", "interrupts",
))  # fmt: skip
"""What native code knows of one machine: functions and tables by their addresses, places within its memory."""
EXIT: Final = Fields(("deliver", "nested", "caught", "kind"))
"""A row of the table of exits."""
ENDS, EXECUTES, EXCLUDED = 1, 2, 3
"""Kinds of exits that are not delivered: those that end a run, that go on with another word, that the specification leaves open."""
REFUSED: Final = HELD - 1
"""The number of an exit in which a unit outside the processor has refused an access."""
GOLDEN: Final = 0x9E3779B97F4A7C15
UNIT: Final = 40
"""Bits of a unit of code at most."""
TAKEN: Final = Fields(("user completed", "user ended", "supervisor completed", "supervisor ended"))
"""What is counted of each instruction."""


def step(layout: Layout) -> Text:
    """One step of a machine at an address, as a side: how it ended."""
    b = Text(layout, "step", 2, 1)
    state, side = "%p0", "%p1"
    waits = b.ours("asked", state, side)
    b.branch(b.eq(waits, End.SPENT), "then")
    b.back(b.ours("executed", state, side))
    b.join()
    b.back(b.ours("interrupted", state, side, waits))
    return b


def asked(layout: Layout) -> Text:
    """Whether an interrupt comes before the next instruction; the end of a wait is Python's."""
    b = Text(layout, "asked", 2, 1)
    state, side = "%p0", "%p1"
    b.about(state)
    for name, ended in (("pending", End.INTERRUPTED), ("waiting", End.ASIDE)):
        function = b.at(side, SIDE[name])
        b.branch(b.eq(function, 0))
        b.otherwise()
        b.asks(function, state)
        b.branch(b.eq(b.at(state, layout.value.at), 0), "else")
        b.otherwise()
        b.back(ended)
        b.join()
        b.join()
    b.back(End.SPENT)
    return b


def interrupted(layout: Layout) -> Text:
    """Deliver the interrupt that comes, if it is that: how the step ended."""
    b = Text(layout, "interrupted", 3, 1)
    state, side, waits, header = "%p0", "%p1", "%p2", layout.header
    deliver = b.at(side, SIDE["interrupt"])
    b.branch(b.op("or", 0, b.no(b.eq(waits, End.INTERRUPTED)), b.eq(deliver, 0)))
    b.back(End.ASIDE)
    b.join()
    pc = layout.scalars[layout.machine.state.pc]
    b.count(side, SIDE["interrupts"])
    b.set(side, SIDE["last"], 0)
    b.set(state, header["next"].at, b.at(state, pc.at))
    b.branch(b.asks(deliver, state), "then")
    b.back(b.ours("exited", state, side))
    b.join()
    b.set(state, pc.at, b.at(state, header["next"].at))
    b.back(End.SPENT)
    return b


def executed(layout: Layout) -> Text:
    """The instruction at PC, whatever waits for the processor; and the trap that it ends in."""
    b = Text(layout, "executed", 2, 1)
    state, side, machine = "%p0", "%p1", layout.machine
    b.about(state)
    header, pc = layout.header, layout.scalars[machine.state.pc]
    stride = machine.decoding.decode.unit // machine.decoding.decode.pc_unit
    node, number, found = b.variable(64), b.variable(64), b.variable(64)
    b.put(64, node, "1")
    b.put(64, number, "0")
    b.set(side, SIDE["last"], 0)
    units = b.loop()
    ahead = b.do("mul", b.get(64, number), stride)
    place = b.do("and", b.do("add", b.at(state, pc.at), ahead), mask(pc.width))
    b.set(state, layout.arguments[0].at, place)
    b.set(state, header["logged"].at, 0)
    b.branch(b.asks(b.at(side, SIDE["fetch"]), state), "then")
    b.back(b.ours("exited", state, side))
    b.join()
    unit = b.at(state, layout.value.at)
    key = b.do("add", b.do("or", b.do("shl", b.get(64, node), UNIT), unit), 1)
    at = b.variable(64)
    b.put(64, at, b.op("lshr", 64, b.do("mul", key, GOLDEN), b.at(side, SIDE["shift"])))
    probe = b.loop()
    slot = b.do("add", b.at(side, SIDE["tree"]), b.do("shl", b.get(64, at), 4))
    here = b.at(slot)
    b.branch(b.eq(here, 0), "then")
    b.set(side, SIDE["node"], b.get(64, node))
    b.set(side, SIDE["unit"], unit)
    b.set(b.at(side, SIDE["unknown"]), 0, state)
    b.back(End.UNKNOWN)
    b.join()
    b.put(64, found, b.at(slot, 8))
    b.put(64, at, b.do("add", b.get(64, at), 1))
    b.again(probe, b.no(b.eq(here, key)))
    b.put(64, node, b.do("lshr", b.get(64, found), 1))
    b.put(64, number, b.do("add", b.get(64, number), 1))
    b.again(units, b.eq(b.do("and", b.get(64, found), 1), 1))
    template = b.get(64, node)
    scratch = b.at(side, SIDE["scratch"])
    source = b.do("add", b.at(side, SIDE["templates"]), b.do("mul", template, layout.record))
    b.set(side, SIDE["last"], template)
    copied(b, source, b.do("add", state, scratch), layout.record)
    mode = _mode(b, layout, state, side)
    b.set(state, header["record"].at, scratch)
    b.set(state, header["left"].at, 1)
    b.asks(b.at(side, SIDE["enter"]), state)
    status = b.at(state, header["status"].at)
    b.branch(b.eq(status, Status.EXIT), "then")
    b.back(b.ours("exited", state, side))
    b.join()
    b.branch(b.op("or", 0, b.eq(status, Status.SPENT), b.eq(status, Status.CHECK)), "else")
    b.set(state, header["check"].at, 0)
    b.count(_taken(b, side, template, mode), 0)
    b.back(End.SPENT)
    b.join()
    b.back(End.ASIDE)
    return b


def _mode(b: Text, layout: Layout, state: str, side: str) -> str:
    """1 in supervisor mode."""
    value = b.at(state, layout.scalars[layout.machine.modes.leaf].at)
    return b.do("and", b.op("lshr", 64, b.at(side, SIDE["supervisors"]), value), 1)


def _taken(b: Text, side: str, template: str, mode: str) -> str:
    """Where completions of an instruction in a mode are counted; what ended in exits is behind."""
    at = b.do("add", b.do("mul", template, TAKEN.size), b.do("mul", mode, TAKEN.size // 2))
    return b.do("add", b.at(side, SIDE["counts"]), at)


def exited(layout: Layout) -> Text:
    """Deliver the exit that the exit record tells, with what is nested in it, and have firmware serve it."""
    b = Text(layout, "exited", 2, 1)
    state, side, header = "%p0", "%p1", layout.header
    pc = layout.scalars[layout.machine.state.pc]
    b.set(state, header["translating"].at, 0)
    number = b.at(state, header["exit"].at)
    b.set(side, SIDE["exit"], number)
    b.branch(b.eq(number, HELD), "then")
    b.back(End.ASIDE)
    b.join()
    b.branch(b.eq(number, REFUSED))
    b.back(End.CAUGHT)
    b.join()
    mode = _mode(b, layout, state, side)
    row = b.variable(64)
    b.put(64, row, _row(b, side, number))
    here = b.get(64, row)
    b.branch(b.eq(b.at(here, EXIT["caught"]), 1))
    b.back(End.CAUGHT)
    b.join()
    b.branch(b.eq(b.at(here, EXIT["kind"]), EXECUTES), "then")
    b.back(End.ASIDE)
    b.join()
    b.count(_taken(b, side, b.at(side, SIDE["last"]), mode), 8)
    failed = b.variable(0)
    again = b.loop()
    here = b.get(64, row)
    deliver = b.at(here, EXIT["deliver"])
    b.branch(b.eq(deliver, 0), "then")
    b.set(side, SIDE["exit"], b.at(state, header["exit"].at))
    b.back(End.STOPPED)
    b.join()
    b.set(state, header["next"].at, b.at(state, pc.at))
    b.put(0, failed, b.asks(deliver, state))
    b.branch(b.get(0, failed), "then")
    _nested(b, layout, state, side, row)
    b.join()
    b.again(again, b.get(0, failed))
    b.set(state, pc.at, b.at(state, header["next"].at))
    b.count(side, SIDE["traps"])
    b.back(b.ours("served_above", state, side))
    return b


def _row(b: Text, side: str, number: str) -> str:
    return b.do("add", b.at(side, SIDE["exits"]), b.do("mul", number, EXIT.size))


def _nested(b: Text, layout: Layout, state: str, side: str, row: str) -> None:
    """What an exit within a delivery becomes; it ends the run where it becomes nothing."""
    inner = b.at(state, layout.header["exit"].at)
    b.set(side, SIDE["exit"], inner)
    b.branch(b.eq(inner, HELD), "then")
    b.back(End.ASIDE)
    b.join()
    nested = b.at(b.get(64, row), EXIT["nested"])
    lost = b.op("or", 0, b.eq(nested, 0), b.eq(b.at(_row(b, side, inner), EXIT["deliver"]), 0))
    b.branch(lost, "then")
    b.back(End.STOPPED)
    b.join()
    b.put(64, row, nested)


def served_above(layout: Layout) -> Text:
    """What firmware does after a trap, where there is any."""
    b = Text(layout, "served_above", 2, 1)
    state, side, header = "%p0", "%p1", layout.header
    pc = layout.scalars[layout.machine.state.pc]
    above = b.at(side, SIDE["above"])
    b.branch(b.eq(above, 0))
    b.back(End.SPENT)
    b.join()
    b.asks(b.at(side, SIDE["firmware"]), state)
    b.branch(b.eq(b.at(state, layout.value.at), 0))
    b.back(End.SPENT)
    b.join()
    b.set(state, header["next"].at, b.at(state, pc.at))
    b.branch(b.asks(above, state), "then")
    b.set(side, SIDE["exit"], b.at(state, header["exit"].at))
    b.back(End.STOPPED)
    b.join()
    b.set(state, pc.at, b.at(state, header["next"].at))
    b.back(End.SPENT)
    return b


def run(layout: Layout) -> Text:
    """Steps of a machine, as a side, until none are left or one does not complete."""
    b = Text(layout, "run", 2, 1)
    state, side, ended = "%p0", "%p1", b.variable(64)
    loop = b.loop()
    b.branch(b.eq(b.at(side, SIDE["left"]), 0))
    b.back(End.SPENT)
    b.join()
    b.put(64, ended, b.ours("step", state, side))
    b.branch(b.eq(b.get(64, ended), End.SPENT), "else")
    b.count(side, SIDE["left"], -1)
    b.join()
    b.again(loop, b.eq(b.get(64, ended), End.SPENT))
    b.back(b.get(64, ended))
    return b
