"""Cases in native code: made of the words of a tape, run on both machines, compared; a batch of them goes on to the first difference.

What a case differs in from what a batch begins with is in a form: programs, registers and words of memory, each chosen from a table by a number of
16 bits. A tape of zeros changes nothing. `checker/campaign/batches/form.py` reads the same tapes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pgcheck.isa.terms import Term, constant, mk, operand
from pgcheck.models.native.batches.monitored import LOST, MONITOR
from pgcheck.models.native.batches.steps import EXCLUDED, EXIT, GOLDEN, SIDE, End
from pgcheck.models.native.batches.text import Fields, Text, alike, copied
from pgcheck.models.native.lowering.layout import BLOCK, LINE, Layout

FORM: Final = Fields(
    ("programs", "program count", "leaves", "leaf count", "data", "data count", "entries", "values", "words")
)
"""A form: three tables with their lengths, encodings, values of leaves, words of memory."""
PROGRAM: Final = Fields(("at", "room", "length", "slots", "calm", "scale", "choices"))
"""A program: its byte in RAM and the bytes that it may take, the numbers of the tape that say how long it is and what it is, above which number it is there at all, its scale of lengths, and the entries to choose from."""
LEAF: Final = Fields(("at", "mask", "slot"))
DATUM: Final = Fields(("at", "size", "slot"))
ENTRY: Final = Fields(("size", "low", "high"))
"""An encoding: its bytes in RAM."""
CHOICES: Final = 1 << 12
VALUES: Final = 1 << 10


SEED: Final = operand(64, "seed")
COUNTER: Final = operand(64, "counter")


def _mixed(z: Term, shift: int, factor: int) -> Term:
    return mk("mul", 64, mk("xor", 64, z, mk("lshr", 64, z, constant(64, shift))), constant(64, factor))


def word() -> Term:
    """The number of 64 bits that a seed and a counter give: the generator of a batch (SplitMix64 of Steele, Lea and Flood)."""
    z = mk("add", 64, SEED, mk("mul", 64, COUNTER, constant(64, GOLDEN)))
    z = _mixed(_mixed(z, 30, 0xBF58476D1CE4E5B9), 27, 0x94D049BB133111EB)
    return mk("xor", 64, z, mk("lshr", 64, z, constant(64, 31)))


WORDS: Final = 1 << 10
"""Words of 64 bits between the tapes of one case and the next."""
DONE, DIFFERENT = 0, 1
"""How a batch came back, besides what ends steps."""
PLACES: Final = ("", "exit", "steps", "leaves", "memory", "host", "own", "devices")
"""Where two machines differ, by number: the monitor's memory, and its leaves, count too."""


def drawn(layout: Layout) -> Text:
    """Write the tape of a case, by its number."""
    b = Text(layout, "drawn", 2, 1)
    m, number, at = "%p0", "%p1", b.variable(64)
    b.put(64, at, "0")
    loop = b.loop()
    here = b.get(64, at)
    counter = b.do("add", b.do("mul", number, WORDS), here)
    found = b.ours("word", b.at(m, MONITOR["seed"]), counter)
    b.set(b.do("add", b.at(m, MONITOR["tape"]), b.do("shl", here, 3)), 0, found)
    b.put(64, at, b.do("add", here, 1))
    b.again(loop, b.less(b.get(64, at), b.at(m, MONITOR["words"])))
    b.back(0)
    return b


def _slot(b: Text, m: str, number: str) -> str:
    """A number of the tape."""
    return b.at(b.do("add", b.at(m, MONITOR["tape"]), b.do("shl", number, 1)), 0, 16)


def _rows(b: Text, m: str, table: str, count: str, size: int, done: Callable[[str], None]) -> None:
    """Go through a table of the form."""
    form = b.at(m, MONITOR["form"])
    number, most = b.variable(64), b.at(form, FORM[count])
    b.put(64, number, "0")
    b.branch(b.eq(most, 0))
    b.otherwise()
    loop = b.loop()
    done(b.do("add", b.at(form, FORM[table]), b.do("mul", b.get(64, number), size)))
    b.put(64, number, b.do("add", b.get(64, number), 1))
    b.again(loop, b.less(b.get(64, number), most))
    b.join()


def made(layout: Layout) -> Text:
    """Make the case of the tape in the memory of a machine: its state, and its RAM from a byte on."""
    b = Text(layout, "made", 3, 1)
    m, state, ram = "%p0", "%p1", "%p2"
    form = b.at(m, MONITOR["form"])

    def program(row: str) -> None:
        written = b.ours("written", m, row, ram)
        first = b.at(row, PROGRAM["at"])
        _dirty(b, layout, state, b.do("udiv", first, layout.ram.size))
        _dirty(b, layout, state, b.do("udiv", b.do("add", first, written), layout.ram.size))

    def leaf(row: str) -> None:
        chosen = _slot(b, m, b.at(row, LEAF["slot"]))
        b.branch(b.eq(chosen, 0))
        b.otherwise()
        values = b.at(form, FORM["values"])
        value = b.at(b.do("add", values, b.do("shl", b.do("and", chosen, VALUES - 1), 3)))
        b.set(b.do("add", state, b.at(row, LEAF["at"])), 0, b.do("and", value, b.at(row, LEAF["mask"])))
        b.join()

    def datum(row: str) -> None:
        chosen = _slot(b, m, b.at(row, DATUM["slot"]))
        b.branch(b.eq(chosen, 0))
        b.otherwise()
        words = b.do("add", b.at(form, FORM["words"]), b.do("shl", b.do("and", chosen, VALUES - 1), 3))
        at = b.at(row, DATUM["at"])
        _bytes(b, words, b.do("add", ram, at), b.at(row, DATUM["size"]))
        _dirty(b, layout, state, b.do("udiv", at, layout.ram.size))
        b.join()

    _rows(b, m, "programs", "program count", PROGRAM.size, program)
    _rows(b, m, "leaves", "leaf count", LEAF.size, leaf)
    _rows(b, m, "data", "data count", DATUM.size, datum)
    b.back(0)
    return b


def _dirty(b: Text, layout: Layout, state: str, unit: str) -> None:
    b.set(b.do("add", state, b.do("lshr", unit, BLOCK)), layout.dirty.at, 1, 8)


def _bytes(b: Text, source: str, target: str, size: str) -> None:
    """Copy bytes, at least one."""
    at = b.variable(64)
    b.put(64, at, "0")
    loop = b.loop()
    here = b.get(64, at)
    b.set(target, here, b.at(source, here, 8), 8)
    b.put(64, at, b.do("add", here, 1))
    b.again(loop, b.less(b.get(64, at), size))


def written(layout: Layout) -> Text:
    """Write a program of the form to RAM from a byte on: how many bytes it takes."""
    b = Text(layout, "written", 3, 1)
    m, row, ram = "%p0", "%p1", "%p2"
    form = b.at(m, MONITOR["form"])
    drawn, calm = _slot(b, m, b.at(row, PROGRAM["length"])), b.at(row, PROGRAM["calm"])
    b.branch(b.less(drawn, calm))
    b.back(0)
    b.join()
    length = b.do("lshr", b.do("mul", b.do("sub", drawn, calm), b.at(row, PROGRAM["scale"])), 32)
    number, at = b.variable(64), b.variable(64)
    b.put(64, number, "0")
    b.put(64, at, "0")
    loop = b.loop()
    b.branch(b.less(b.get(64, number), length), "else")
    b.otherwise()
    b.back(b.get(64, at))
    b.join()
    chosen = b.do("and", _slot(b, m, b.do("add", b.at(row, PROGRAM["slots"]), b.get(64, number))), CHOICES - 1)
    choices = b.at(row, PROGRAM["choices"])
    place = b.at(b.do("add", choices, b.do("shl", chosen, 3)))
    entry = b.do("add", b.at(form, FORM["entries"]), b.do("mul", place, ENTRY.size))
    size = b.at(entry, ENTRY["size"])
    after = b.do("add", b.get(64, at), size)
    b.branch(b.less(b.at(row, PROGRAM["room"]), after), "then")
    b.back(b.get(64, at))
    b.join()
    target = b.do("add", b.do("add", ram, b.at(row, PROGRAM["at"])), b.get(64, at))
    _bytes(b, b.do("add", entry, ENTRY["low"]), target, size)
    b.put(64, at, after)
    b.put(64, number, b.do("add", b.get(64, number), 1))
    b.again(loop, "true")
    b.back(0)
    return b


def begun(layout: Layout) -> Text:
    """Undo what was done to a machine since its case began: its state, and the blocks of RAM that are dirty."""
    b = Text(layout, "begun", 4, 1)
    m, state, side, blocks = "%p0", "%p1", "%p2", "%p3"
    leaves = b.at(m, MONITOR["leaves"])
    copied(b, b.at(m, MONITOR["begin"]), b.do("add", state, leaves), b.at(m, MONITOR["leaves size"]))
    number = b.variable(64)
    b.put(64, number, "0")
    loop = b.loop()
    here = b.get(64, number)
    dirty = b.do("add", b.do("add", state, b.at(side, SIDE["dirty"])), here)
    b.branch(b.eq(b.at(dirty, 0, 8), 0))
    b.otherwise()
    b.set(dirty, 0, 0, 8)
    quiet = b.do("add", b.do("add", state, b.at(side, SIDE["quiet"])), b.do("shl", here, BLOCK - LINE))
    for at in range(0, 1 << BLOCK - LINE, 8):
        b.set(quiet, at, 0)
    block = b.at(side, SIDE["block"])
    first = b.do("mul", here, block)
    copied(b, b.do("add", b.at(side, SIDE["image"]), first), b.do("add", _ram(b, layout, state), first), block)
    b.join()
    b.put(64, number, b.do("add", here, 1))
    b.again(loop, b.less(b.get(64, number), blocks))
    copied(b, b.at(m, MONITOR["initial"]), b.at(side, SIDE["values"]), b.at(m, MONITOR["volatile"]))
    b.set(side, SIDE["left"], b.at(m, MONITOR["steps"]))
    b.set(side, SIDE["exit"], 0)
    b.back(0)
    return b


def _ram(b: Text, layout: Layout, state: str) -> str:
    """The address of a machine's RAM."""
    return b.do("add", state, b.at(state, layout.header["ram"].at))


def differs(layout: Layout) -> Text:
    """Where the bare machine and the guest differ: the number of the place, 0 for none."""
    b = Text(layout, "differs", 1, 1)
    m = "%p0"
    bare, virtual, real = (b.at(m, MONITOR[name]) for name in ("bare", "virtual", "real"))
    sides = [b.at(m, MONITOR[f"{name} side"]) for name in ("bare", "virtual", "real")]
    for place, name in ((1, "exit"), (2, "left")):
        one, other = (b.at(side, SIDE[name]) for side in sides[:2])
        b.branch(b.eq(one, other), "else")
        b.otherwise()
        b.back(place)
        b.join()
    at = b.at(m, MONITOR["leaves"])
    apart = alike(b, b.do("add", bare, at), b.do("add", virtual, at), b.at(m, MONITOR["leaves size"]))
    b.branch(b.eq(apart, 0), "else")
    b.otherwise()
    b.back(PLACES.index("leaves"))
    b.join()
    values = [b.at(side, SIDE["values"]) for side in sides[:2]]
    volatile = alike(b, values[0], values[1], b.at(m, MONITOR["volatile"]))
    b.branch(b.eq(volatile, 0), "else")
    b.otherwise()
    b.back(PLACES.index("devices"))
    b.join()
    number, block = b.variable(64), b.at(sides[0], SIDE["block"])
    behind, blocks = b.at(m, MONITOR["behind"]), b.at(m, MONITOR["blocks"])
    marks = [
        b.do("add", state, b.at(side, SIDE["dirty"])) for state, side in zip((bare, virtual, real), sides, strict=True)
    ]
    b.put(64, number, "0")
    loop = b.loop()
    here = b.get(64, number)
    dirty = b.do("or", b.at(marks[0], here, 8), b.at(marks[1], here, 8))
    dirty = b.do("or", dirty, b.at(marks[2], b.do("add", here, behind), 8))
    b.branch(b.eq(dirty, 0))
    b.otherwise()
    first = b.do("mul", here, block)
    one, other = (b.do("add", _ram(b, layout, state), first) for state in (bare, virtual))
    b.branch(b.eq(alike(b, one, other, block), 0), "else")
    b.otherwise()
    b.back(PLACES.index("memory"))
    b.join()
    b.join()
    b.put(64, number, b.do("add", here, 1))
    b.again(loop, b.less(b.get(64, number), blocks))
    b.back(b.ours("beside", m))
    return b


def beside(layout: Layout) -> Text:
    """Whether the guest has changed memory that is not its own: the number of the place, 0 for none."""
    b = Text(layout, "beside", 1, 1)
    m = "%p0"
    real, side = b.at(m, MONITOR["real"]), b.at(m, MONITOR["real side"])
    marks = b.do("add", real, b.at(side, SIDE["dirty"]))
    behind, blocks = b.at(m, MONITOR["behind"]), b.at(m, MONITOR["blocks"])
    number = b.variable(64)
    b.put(64, number, "0")
    loop = b.loop()
    here = b.get(64, number)
    beyond = b.no(b.less(b.do("sub", here, behind), blocks))
    b.branch(b.op("and", 0, beyond, b.no(b.eq(b.at(marks, here, 8), 0))), "then")
    b.back(PLACES.index("host"))
    b.join()
    b.put(64, number, b.do("add", here, 1))
    b.again(loop, b.less(b.get(64, number), b.at(m, MONITOR["host blocks"])))
    below = b.at(m, MONITOR["below"])
    b.branch(b.eq(below, 0))
    b.back(0)
    b.join()
    apart = alike(b, _ram(b, layout, real), b.at(side, SIDE["image"]), below)
    b.branch(b.eq(apart, 0), "then")
    b.back(0)
    b.join()
    b.back(PLACES.index("host"))
    return b


BEGUN, BARE, MONITORED = 0, 1, 2
"""How far a case is: one that stopped at an instruction that nobody knew goes on from there."""


def one(layout: Layout) -> Text:
    """Make and run the case of the tape on both machines, or go on with it: how that ended, and where they differ."""
    b = Text(layout, "one", 1, 1)
    m = "%p0"
    bare, side = b.at(m, MONITOR["bare"]), b.at(m, MONITOR["bare side"])
    b.branch(b.eq(b.at(m, MONITOR["phase"]), BEGUN))
    b.ours("laid", m)
    b.set(m, MONITOR["phase"], BARE)
    b.join()
    b.branch(b.eq(b.at(m, MONITOR["phase"]), BARE))
    ended = b.ours("run", bare, side)
    _set_aside(b, m, ended)
    b.branch(b.eq(ended, End.STOPPED))
    row = b.do("add", b.at(side, SIDE["exits"]), b.do("mul", b.at(side, SIDE["exit"]), EXIT.size))
    b.branch(b.eq(b.at(row, EXIT["kind"]), EXCLUDED))
    b.count(m, MONITOR["excluded"])
    b.back(DONE)
    b.join()
    b.count(m, MONITOR["stopped"])
    b.join()
    b.count(m, MONITOR["taken"], b.do("sub", b.at(m, MONITOR["steps"]), b.at(side, SIDE["left"])))
    b.set(m, MONITOR["phase"], MONITORED)
    b.join()
    found = b.ours("guest", m)
    _set_aside(b, m, found)
    place = b.variable(64)
    b.put(64, place, str(PLACES.index("own")))
    b.branch(b.eq(found, LOST), "then")
    b.otherwise()
    b.put(64, place, b.ours("differs", m))
    b.join()
    b.branch(b.eq(b.get(64, place), 0))
    b.back(DONE)
    b.join()
    b.set(m, MONITOR["place"], b.get(64, place))
    b.back(DIFFERENT)
    return b


def laid(layout: Layout) -> Text:
    """Put the case of the tape on all machines."""
    b = Text(layout, "laid", 1, 1)
    m = "%p0"
    states = [b.at(m, MONITOR[name]) for name in ("bare", "virtual", "real")]
    sides = [b.at(m, MONITOR[f"{name} side"]) for name in ("bare", "virtual", "real")]
    blocks = [b.at(m, MONITOR[name]) for name in ("blocks", "blocks", "host blocks")]
    for state, side, count in zip(states, sides, blocks, strict=True):
        b.ours("begun", m, state, side, count)
    leaves = b.do("add", states[2], b.at(m, MONITOR["leaves"]))
    copied(b, b.at(m, MONITOR["image"]), leaves, b.at(m, MONITOR["leaves size"]))
    for state in states[:2]:
        b.ours("made", m, state, _ram(b, layout, state))
    b.set(m, MONITOR["aside"], 0)
    b.set(m, MONITOR["place"], 0)
    b.back(0)
    return b


def _set_aside(b: Text, m: str, ended: str) -> None:
    """What Python has to be told, or to do, ends the case here."""
    b.branch(b.eq(ended, End.UNKNOWN), "then")
    b.back(End.UNKNOWN)
    b.join()
    b.branch(b.eq(ended, End.ASIDE), "then")
    b.count(m, MONITOR["asides"])
    b.back(End.ASIDE)
    b.join()


def batch(layout: Layout) -> Text:
    """Cases from a number on: how the last ended, if it is one that Python has to look at."""
    b = Text(layout, "batch", 2, 1)
    m, end, ended = "%p0", "%p1", b.variable(64)
    loop = b.loop()
    number = b.at(m, MONITOR["number"])
    b.branch(b.less(number, end), "else")
    b.otherwise()
    b.back(DONE)
    b.join()
    b.branch(b.eq(b.at(m, MONITOR["phase"]), BEGUN))
    b.ours("drawn", m, number)
    b.join()
    b.put(64, ended, b.ours("one", m))
    b.branch(b.eq(b.get(64, ended), End.UNKNOWN), "then")
    b.otherwise()
    b.set(m, MONITOR["phase"], BEGUN)
    b.count(m, MONITOR["cases"])
    b.count(m, MONITOR["number"])
    b.join()
    going = b.op("or", 0, b.eq(b.get(64, ended), DONE), b.eq(b.get(64, ended), End.ASIDE))
    b.again(loop, going)
    b.back(b.get(64, ended))
    return b
