"""A guest under a monitor in native code: run in real user mode on a processor that asks for each access, interpreted where that traps.

It is `vmm/monitor.py` over the same parts in another form: the policy's predicate, the division of state, the specification's own functions on the virtual
state. Guests lie in one run of frames, and the unit outside the processor maps each access through the guest's own translation, whatever the mapping scheme:
shadow tables and bounds are no part of it.
"""

from __future__ import annotations

from typing import Final

from pgcheck.isa.terms import mask
from pgcheck.models.native.batches.steps import REFUSED, SIDE, End
from pgcheck.models.native.batches.text import Fields, Text, alike, copied
from pgcheck.models.native.host import HELD
from pgcheck.models.native.lowering.layout import Layout
from pgcheck.models.native.lowering.plan import Request

MONITOR: Final = Fields((
    "bare", "bare side", "virtual", "virtual side", "real", "real side", "direct", "partial",
    "shared", "shares", "own", "owns", "image",
    "translate", "translation", "mode", "real mode", "arguments", "ram", "size", "host", "tables", "cuts",
    "aside", "entries", "direct steps", "exits", "interpreted",
    "leaves", "leaves size", "begin", "memory", "blocks", "block", "behind", "host blocks", "steps", "form", "tape", "words", "seed", "number",
    "cases", "taken", "asides", "excluded", "stopped", "place", "unknown", "below", "volatile", "initial", "phase",
))  # fmt: skip
"""What native code knows of a batch: machines by their addresses, the monitor's parts, what a case begins with, and counts."""
RANGE: Final = Fields(("at", "size"))
CUT: Final = Fields(("function", "call", "keep", "value"))
"""A table that the monitor owns: what is kept of the guest's entry, and what else is in it."""
LOST: Final = 7
"""A guest has changed what is the monitor's."""


def entered(layout: Layout) -> Text:
    """Run the guest on the processor as long as it goes: how that ended."""
    b = Text(layout, "entered", 1, 1)
    m = "%p0"
    virtual, side = b.at(m, MONITOR["virtual"]), b.at(m, MONITOR["virtual side"])
    real, processor = b.at(m, MONITOR["real"]), b.at(m, MONITOR["real side"])
    b.count(m, MONITOR["entries"])
    _shared(b, m, virtual, real)
    left = b.at(side, SIDE["left"])
    b.set(processor, SIDE["left"], left)
    ended = b.ours("run", real, processor)
    after = b.at(processor, SIDE["left"])
    b.set(side, SIDE["left"], after)
    b.count(m, MONITOR["direct steps"], b.do("sub", left, after))
    _shared(b, m, real, virtual)
    b.branch(b.eq(b.ours("lost", m), 0), "else")
    b.back(ended)
    b.join()
    b.back(LOST)
    return b


def _shared(b: Text, m: str, source: str, target: str) -> None:
    """Take over what the guest and the processor share."""
    number = b.variable(64)
    b.put(64, number, "0")
    loop = b.loop()
    place = b.do("add", b.at(m, MONITOR["shared"]), b.do("mul", b.get(64, number), RANGE.size))
    at = b.at(place, RANGE["at"])
    copied(b, b.do("add", source, at), b.do("add", target, at), b.at(place, RANGE["size"]))
    b.put(64, number, b.do("add", b.get(64, number), 1))
    b.again(loop, b.less(b.get(64, number), b.at(m, MONITOR["shares"])))


def lost(layout: Layout) -> Text:
    """Whether what is the monitor's has changed on the processor: 0 where it has not."""
    b = Text(layout, "lost", 1, 1)
    m, number, differ = "%p0", b.variable(64), b.variable(64)
    b.put(64, number, "0")
    b.put(64, differ, "0")
    b.branch(b.eq(b.at(m, MONITOR["owns"]), 0), "then")
    b.back(0)
    b.join()
    loop = b.loop()
    place = b.do("add", b.at(m, MONITOR["own"]), b.do("mul", b.get(64, number), RANGE.size))
    at = b.at(place, RANGE["at"])
    image = b.do("add", b.at(m, MONITOR["image"]), b.do("sub", at, b.at(m, MONITOR["leaves"])))
    apart = alike(b, b.do("add", b.at(m, MONITOR["real"]), at), image, b.at(place, RANGE["size"]))
    b.put(64, differ, b.do("or", b.get(64, differ), apart))
    b.put(64, number, b.do("add", b.get(64, number), 1))
    b.again(loop, b.less(b.get(64, number), b.at(m, MONITOR["owns"])))
    b.back(b.get(64, differ))
    return b


def guest(layout: Layout) -> Text:
    """Steps of the guest, until none are left or one stops it."""
    b = Text(layout, "guest", 1, 1)
    m, ended = "%p0", b.variable(64)
    virtual, side = b.at(m, MONITOR["virtual"]), b.at(m, MONITOR["virtual side"])
    loop = b.loop()
    b.branch(b.eq(b.at(side, SIDE["left"]), 0))
    b.back(End.SPENT)
    b.join()
    b.put(64, ended, b.ours("asked", virtual, side))
    b.branch(b.eq(b.get(64, ended), End.SPENT))
    b.put(64, ended, b.ours("stepped", m))
    b.otherwise()
    b.put(64, ended, b.ours("interrupted", virtual, side, b.get(64, ended)))
    b.branch(b.eq(b.get(64, ended), End.SPENT))
    b.count(side, SIDE["left"], -1)
    b.join()
    b.join()
    b.again(loop, b.eq(b.get(64, ended), End.SPENT))
    b.back(b.get(64, ended))
    return b


def stepped(layout: Layout) -> Text:
    """Let the guest run on the processor, or where it does not or that traps, one instruction of it by the monitor: how that ended."""
    b = Text(layout, "stepped", 1, 1)
    m, ended, why, direct = "%p0", b.variable(64), b.variable(64), b.variable(0)
    virtual, side = b.at(m, MONITOR["virtual"]), b.at(m, MONITOR["virtual side"])
    b.put(0, direct, "true")
    predicate = b.at(m, MONITOR["direct"])
    b.branch(b.eq(predicate, 0))
    b.otherwise()
    b.asks(predicate, virtual)
    b.put(0, direct, b.no(b.eq(b.at(virtual, layout.value.at), 0)))
    b.join()
    b.branch(b.get(0, direct))
    b.put(64, ended, b.ours("entered", m))
    caught = b.op("or", 0, b.eq(b.get(64, ended), End.CAUGHT), b.eq(b.get(64, ended), End.STOPPED))
    b.branch(caught)
    b.put(64, why, str(MONITOR["exits"]))
    _partly(b, m)
    b.otherwise()
    b.branch(b.eq(b.get(64, ended), End.SPENT), "else")
    b.otherwise()
    b.back(b.get(64, ended))
    b.join()
    b.join()
    b.otherwise()
    b.put(64, ended, str(int(End.CAUGHT)))
    b.put(64, why, str(MONITOR["interpreted"]))
    b.join()
    b.branch(b.eq(b.get(64, ended), End.SPENT))
    b.otherwise()
    b.put(64, ended, b.ours("executed", virtual, side))
    b.branch(b.eq(b.get(64, ended), End.UNKNOWN), "then")
    b.back(End.UNKNOWN)  # what is not known yet is begun again, and counted then
    b.join()
    b.count(m, b.get(64, why))
    b.branch(b.eq(b.get(64, ended), End.SPENT), "else")
    b.count(side, SIDE["left"], -1)
    b.otherwise()
    b.back(b.get(64, ended))
    b.join()
    b.join()
    b.back(End.SPENT)
    return b


def _partly(b: Text, m: str) -> None:
    """An instruction that may have changed state before it trapped is not begun again: that is Python's."""
    last = b.at(b.at(m, MONITOR["real side"]), SIDE["last"])
    partial = b.at(b.do("add", b.at(m, MONITOR["partial"]), last), 0, 8)
    b.branch(b.eq(partial, 0), "else")
    b.otherwise()
    b.back(End.ASIDE)
    b.join()


# ---- what a machine asks for


def served(layout: Layout) -> Text:
    """Serve a request of a machine's, two numbers given: 1 where the instruction ends in an exit."""
    b = Text(layout, "served", 4, 1)
    state, request, a, count = "%p0", "%p1", "%p2", "%p3"
    b.branch(b.op("or", 0, b.eq(request, Request.LOAD), b.eq(request, Request.STORE)))
    first = b.do("and", b.do("sub", a, b.at(state, layout.header["ram_base"].at)), _addresses(layout))
    last = b.do("and", b.do("add", first, b.do("sub", count, 1)), _addresses(layout))
    size = b.at(state, layout.limits[1].at)
    b.branch(b.op("or", 0, b.less(first, size), b.less(last, size)), "else")
    b.otherwise()
    for at in range(0, layout.value.bits // 8, 8):
        b.set(state, layout.value.at + at, 0)
    b.back(0)
    b.join()
    b.join()
    m = b.context()
    b.branch(b.op("or", 0, b.eq(request, Request.VOLATILE), b.eq(request, Request.LEAF)))
    _volatile(b, layout, request, a, count)
    b.join()
    b.branch(b.op("and", 0, b.eq(request, Request.CUT), b.eq(state, b.at(m, MONITOR["real"]))))
    b.back(b.ours("mapped", m, a))
    b.join()
    b.set(m, MONITOR["aside"], 1)
    b.set(state, layout.header["exit"].at, HELD)
    b.back(1)
    return b


def _volatile(b: Text, layout: Layout, request: str, leaf: str, place: str) -> None:
    """Read or set a volatile leaf that nothing outside the machine decides on: it holds what was set. Those of the processor under a monitor are left to Python."""
    m, state = b.context(), "%p0"
    for name in ("bare", "virtual"):
        b.branch(b.eq(state, b.at(m, MONITOR[name])))
        side = b.at(m, MONITOR[f"{name} side"])
        first = b.at(b.do("add", b.at(side, SIDE["kept"]), b.do("shl", leaf, 3)))
        b.branch(b.eq(first, 0))
        b.otherwise()
        index = b.select(64, b.eq(place, 0), "0", b.do("sub", place, 1))
        at = b.do("add", b.at(side, SIDE["values"]), b.do("shl", b.do("add", first, index), 3))
        b.branch(b.eq(request, Request.LEAF))
        b.set(at, 0, b.at(state, layout.value.at))
        b.back(0)
        b.otherwise()
        b.set(state, layout.value.at, b.at(at))
        b.back(0)
        b.join()
        b.join()
        b.join()


def _addresses(layout: Layout) -> int:
    return mask(layout.machine.state.address_width)


def mapped(layout: Layout) -> Text:
    """The monitor's answer in place of a function on the processor."""
    b = Text(layout, "mapped", 2, 1)
    m, function = "%p0", "%p1"
    virtual, real = b.at(m, MONITOR["virtual"]), b.at(m, MONITOR["real"])
    given = b.variable(64)
    b.put(64, given, "0")
    first = layout.arguments[0].at
    step = layout.arguments[1].at - first if len(layout.arguments) > 1 else 8
    loop = b.loop()
    at = b.do("add", b.do("mul", b.get(64, given), step), first)
    b.set(virtual, at, b.at(real, at))
    b.put(64, given, b.do("add", b.get(64, given), 1))
    b.again(loop, b.less(b.get(64, given), b.at(m, MONITOR["arguments"])))
    b.set(real, layout.header["answered"].at, 0)
    b.branch(b.eq(function, b.at(m, MONITOR["translation"])))
    mode = b.at(m, MONITOR["mode"])
    b.branch(b.eq(b.at(virtual, mode), b.at(m, MONITOR["real mode"])))
    b.set(virtual, mode, b.at(virtual, layout.scalars[layout.machine.modes.leaf].at))
    b.join()
    _own(b, layout, m, virtual, real, b.at(m, MONITOR["translate"]))
    place = b.do("sub", b.at(virtual, layout.value.at), b.at(m, MONITOR["ram"]))
    b.branch(b.less(place, b.at(m, MONITOR["size"])), "else")
    b.set(real, layout.value.at, b.do("add", place, b.at(m, MONITOR["host"])))
    b.set(real, layout.header["answered"].at, 1)
    b.back(0)
    b.join()
    b.set(real, layout.header["exit"].at, REFUSED)
    b.back(1)
    b.join()
    number = b.variable(64)
    b.put(64, number, "0")
    cuts = b.loop()
    b.branch(b.eq(b.get(64, number), b.at(m, MONITOR["cuts"])))
    b.back(0)  # nothing of the monitor's: the processor does it itself
    b.join()
    cut = b.do("add", b.at(m, MONITOR["tables"]), b.do("mul", b.get(64, number), CUT.size))
    b.branch(b.eq(b.at(cut, CUT["function"]), function))
    _own(b, layout, m, virtual, real, b.at(cut, CUT["call"]))
    entry = b.do("and", b.at(virtual, layout.value.at), b.at(cut, CUT["keep"]))
    b.set(real, layout.value.at, b.do("or", entry, b.at(cut, CUT["value"])))
    b.set(real, layout.header["answered"].at, 1)
    b.back(0)
    b.join()
    b.put(64, number, b.do("add", b.get(64, number), 1))
    b.again(cuts, "true")
    b.back(0)
    return b


def _own(b: Text, layout: Layout, m: str, virtual: str, real: str, function: str) -> None:
    """Call a function of the guest's own; where that ends in an exit the processor refuses."""
    b.about(virtual)
    b.set(virtual, layout.header["logged"].at, 0)
    failed = b.asks(function, virtual)
    b.about(real)
    b.branch(failed, "then")
    b.branch(b.eq(b.at(m, MONITOR["aside"]), 1), "then")
    b.set(real, layout.header["exit"].at, HELD)
    b.back(1)
    b.join()
    b.set(real, layout.header["exit"].at, REFUSED)
    b.back(1)
    b.join()


SERVED: Final = """@here = internal global i64 0
@context = global i64 0
define i32 @answer(i32 %request, i64 %a, i64 %b) nounwind {
  %state = load i64, ptr @here, align 8
  %number = zext i32 %request to i64
  %found = call fastcc {i1, i64} @served(ptr null, i64 %state, i64 %number, i64 %a, i64 %b)
  %failed = extractvalue {i1, i64} %found, 1
  %result = trunc i64 %failed to i32
  ret i32 %result
}
"""
"""What native code calls where it asks the host."""
