"""A region's function as text of LLVM's language: state that stands in variables, and the ways out of it.

Its text names no address: where records lie, and what runs an instruction outside the region, is put in its table `origins` once it is linked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from pgcheck.models.native.lowering.builder import Value
from pgcheck.models.native.lowering.layout import Layout, Place, Region
from pgcheck.models.native.lowering.llvm import CONVENTION, HANDLER
from pgcheck.models.native.lowering.plan import Status, Unsupported
from pgcheck.models.native.lowering.text import typed
from pgcheck.models.native.regions.folded import Folded, literal

NAME: Final = "region"
ORIGINS: Final = "origins"
"""For each instruction its record and its handler in tier 0."""
SMALL: Final = 64
"""An array of more elements stays in memory."""


@dataclass(slots=True)
class Part:
    """An instruction of a region: what it does, and at which addresses or `anywhere` execution goes on after it.

    `undone` are the variables that have to be set back where the instruction is left for tier 0 to run it; None if it never is. `kept` is of each of its
    stores the width, and variables for the place, for what was there before and for whether it was done.
    """

    number: int
    pc: int
    following: int
    lines: list[str] = field(default_factory=list)
    written: set[Value] = field(default_factory=set)
    undone: set[Value] | None = None
    kept: list[tuple[int, Value, Value, Value]] = field(default_factory=list)
    restores: bool = False
    targets: list[int] = field(default_factory=list)
    anywhere: bool = False
    completes: bool = False


@dataclass(frozen=True, slots=True)
class Shape:
    """The instructions of a region by address. `heads` are entered from anywhere, with the most steps from each to the next head or out; `depth` counts the
    instructions before one since what is left was last written down.
    """

    parts: Mapping[int, Part]
    heads: Mapping[int, int]
    depth: Mapping[int, int]


class RegionBody(Folded):
    """The function of one region: `constants` are numbers of the layout by their places."""

    def __init__(self, layout: Layout, constants: Mapping[int, int]) -> None:
        super().__init__(layout, "handler", NAME, (), ())
        self.constants = constants
        self.held: dict[tuple[int, int], tuple[int, Value]] = {}
        """Variables of leaves, by place and element."""
        self.changed: set[Value] = set()
        self.stores: dict[str, int] = {}
        """The functions that store, and how many units."""
        self.called: set[str] = set()
        self._types: dict[Value, str] = {}
        self.part = Part(-1, 0, 0)
        self.next, self.left, self.last, self.way = (self.variable(64) for _ in range(4))
        self._scalars = {p.at: p for p in (*layout.scalars.values(), layout.header["ram"], layout.header["tlb"])}
        self._arrays = {r.at: r for r in layout.arrays.values()}

    def begin_part(self, part: Part) -> None:
        """From here on write what an instruction does."""
        self.part = part
        self._lines, self._open = part.lines, True
        self.fresh()
        self.inline(())

    def end_part(self) -> None:
        """Where the instruction that is written completes."""
        part = self.part
        self.close()
        part.completes = self._open
        if not self._open:
            return
        found = self.known.get(self.next)
        number = None if found is None else literal(found)
        if number is not None:
            part.targets, part.anywhere = [number], False
        elif found is None:
            part.targets = sorted({part.following, *part.targets})

    def undo(self) -> None:
        """Leave for tier 0 to run this instruction from its beginning."""
        if not self._open:
            return
        part = self.part
        part.restores |= self.stored
        part.undone = (part.undone or set()) | part.written
        self._end(f"br label %u{part.number}")

    # ---- state

    def put(self, width: int, variable: Value, value: Value) -> None:
        super().put(width, variable, value)
        if self._open and variable in self._types:
            self.part.written.add(variable)
            self.changed.add(variable)

    def _leaf(self, at: int, index: int, width: int) -> Value:
        found = self.held.get((at, index))
        if found is None:
            found = self.held[at, index] = width, self.variable(width)
            self._types[found[1]] = typed(width)
        return found[1]

    def read(self, place: Place) -> Value:
        if place.at in self.constants:
            return self.constant(place.width, self.constants[place.at])
        if place.at in self._scalars:
            return self.get(place.width, self._leaf(place.at, 0, place.width))
        return super().read(place)

    def write(self, place: Place, value: Value) -> None:
        if place.at in self._scalars:
            self.put(place.width, self._leaf(place.at, 0, place.width), value)
        elif self._open:
            raise Unsupported

    def go_on(self, value: Value) -> None:
        """Have execution go on at an address."""
        self.put(64, self.next, value)
        if not self._open:
            return
        number = literal(value)
        if number is None:
            self.part.anywhere = True
        else:
            self.part.targets.append(number)

    def _small(self, region: Region) -> bool:
        return region.at in self._arrays and region.bits <= SMALL.bit_length() - 1

    def element(self, region: Region, index: Value) -> Value:
        if not self._small(region):
            return super().element(region, index)
        number = literal(index)
        if number is None:
            self.undo()
            return self.constant(region.width, 0)
        return self.get(region.width, self._leaf(region.at, number & (1 << region.bits) - 1, region.width))

    def put_element(self, region: Region, index: Value, value: Value) -> None:
        number = literal(index)
        if number is None or not self._small(region):
            self.undo()
        else:
            self.put(region.width, self._leaf(region.at, number & (1 << region.bits) - 1, region.width), value)

    def put_physical(self, index: Value, width: int, value: Value) -> None:
        if self._open:
            self._keep_old(index, width, self.physical(index, width), "true")
        super().put_physical(index, width, value)

    def _keep_old(self, index: Value, width: int, old: Value, done: Value) -> None:
        """Note what a store changes, for it may have to be undone."""
        kept = self.variable(64), self.variable(width), self.variable(0)
        for kind, variable, value in zip((64, width, 0), kept, (index, old, done), strict=True):
            super().put(kind, variable, value)
        self.part.kept.append((width, *kept))
        self.stored = True

    def store(self, name: str, args: Sequence[tuple[int, Value]]) -> Value:
        """Have one of the region's own functions store to RAM; where it fails nothing has changed."""
        if not self._open:
            return "true"
        (_, address), (width, _) = args
        layout = self.layout
        if layout.ram.size > 1 and width > layout.ram.width:
            raise Unsupported
        self.called.add(name)
        place = self.op("sub", 64, address, self.read(layout.header["ram_base"]))
        old, stored = self.physical(place, width), self.stored
        failed = self.call(name, args, ())[0]
        self._keep_old(place, width, old, self.op("xor", 0, failed, "true"))
        self.stored = stored
        return failed

    # ---- the whole

    def assembled(self, shape: Shape) -> str:
        """The definition: entries, instructions, ways out."""
        self._lines, self._open = [], True
        self.fresh()
        self._prologue(shape)
        for part in shape.parts.values():
            self._part(part, shape)
        for part in shape.parts.values():
            self._returned(part, shape)
        if any(p.anywhere for p in shape.parts.values()):
            self._begin("anywhere")
            self._switch([shape.parts[pc] for pc in shape.heads], "out")
        self._out()
        self._refuse()
        count = len(shape.parts)
        head = f"@{ORIGINS} = global [{count} x [2 x i64]] zeroinitializer\n"
        head += f"define {CONVENTION} void @{NAME}{HANDLER} nounwind {{\n"
        return "\n".join([head, *self._entry, "  br label %start", "start:", *self._lines, "}\n"])

    def _prologue(self, shape: Shape) -> None:
        for (at, index), (width, variable) in self.held.items():
            array = self._arrays.get(at)
            value = super().read(self._scalars[at]) if array is None else super().element(array, str(index))
            super().put(width, variable, value)
        self._keep(self.left, "%left")
        self._keep(self.last, self._value("add i64 %left, 1"))
        self._keep(self.next, "%pc")
        self._keep(self.way, "-1")
        first, *others = (shape.parts[pc] for pc in shape.heads)
        self._switch(others, f"i{first.number}")

    def _switch(self, parts: Sequence[Part], otherwise: str) -> None:
        """Go to the one of some instructions that is next."""
        cases = " ".join(f"i64 {p.pc}, label %i{p.number}" for p in parts)
        self._end(f"switch i64 {self._kept(self.next)}, label %{otherwise} [{cases}]")

    def _keep(self, variable: Value, value: Value) -> None:
        self._emit(f"store i64 {value}, ptr {variable}")

    def _kept(self, variable: Value) -> Value:
        return self._value(f"load i64, ptr {variable}")

    def _part(self, part: Part, shape: Shape) -> None:
        number, longest = part.number, shape.heads.get(part.pc)
        self._begin(f"i{number}")
        if longest is not None:
            left = self._kept(self.left)
            short = self._value(f"icmp slt i64 {left}, {longest}")
            self._end(f"br i1 {short}, label %b{number}, label %n{number}, !prof !1")
            self._begin(f"n{number}")
            fewer = self._value(f"icmp slt i64 {left}, {self._kept(self.last)}")
            self._end(f"br i1 {fewer}, label %s{number}, label %refused, !prof !0")
            self._begin(f"s{number}")
            self._keep(self.last, left)
        for k, variable in enumerate(sorted(part.undone or ())):
            self._emit(f"%s{number}_{k} = load {self._types[variable]}, ptr {variable}")
        for *_, stored in part.kept if part.restores else ():
            self._emit(f"store i1 false, ptr {stored}")
        self._lines += part.lines
        self._open = True
        self._onward(part, shape)

    def _onward(self, part: Part, shape: Shape) -> None:
        """Go on from an instruction that completed."""
        depth = shape.depth[part.pc]
        known = {pc: shape.parts[pc] for pc in part.targets if pc in shape.parts}
        if len(part.targets) != 1 or len(known) != 1 or shape.depth[part.targets[0]] != depth + 1:
            self.spent(depth + 1)
        if part.anywhere:
            self._end("br label %anywhere")
        elif len(part.targets) > 1:
            self._switch(list(known.values()), "out")
        elif known:
            self._end(f"br label %i{known[part.targets[0]].number}")
        else:
            self._keep(self.next, str(part.targets[0]))
            self._end("br label %out")

    def spent(self, steps: int) -> None:
        """Write down that some steps were taken."""
        self._keep(self.left, self._value(f"sub i64 {self._kept(self.left)}, {steps}"))

    def _returned(self, part: Part, shape: Shape) -> None:
        """The ways from an instruction back to tier 0: what is left does not reach, or tier 0 is to run it."""
        if part.pc in shape.heads:
            self._begin(f"b{part.number}")
            self._back(part, 0)
        if part.undone is not None:
            self._begin(f"u{part.number}")
            for k, variable in enumerate(sorted(part.undone)):
                self._emit(f"store {self._types[variable]} %s{part.number}_{k}, ptr {variable}")
            if part.restores:
                self._restore(part)
            self._back(part, shape.depth[part.pc])

    def _restore(self, part: Part) -> None:
        """Undo stores, the last one first."""
        for width, *variables in reversed(part.kept):
            self.fresh()
            place, old, done = (self.get(w, v) for w, v in zip((64, width, 0), variables, strict=True))
            self.branch(done)
            super().put_physical(place, width, old)
            self.join()

    def _back(self, part: Part, done: int) -> None:
        if done:
            self.spent(done)
        self._keep(self.next, str(part.pc))
        self._keep(self.way, str(part.number))
        self._end("br label %out")

    def _out(self) -> None:
        """State goes back to its places; then the run ends, tier 0 goes on at an instruction of the region, or anywhere else."""
        self._begin("out")
        self.fresh()
        for (at, index), (width, variable) in self.held.items():
            if variable in self.changed:
                value, array = super().get(width, variable), self._arrays.get(at)
                if array is None:
                    super().write(self._scalars[at], value)
                else:
                    super().put_element(array, str(index), value)
        pc, left, way = (self._kept(v) for v in (self.next, self.left, self.way))
        self.branch(self.compare("sle", 64, left, "%left"), "else")
        self.branch(self.compare("slt", 64, left, "0"), "then")
        self._end("br label %refused")
        self.join()
        self.otherwise()
        self._end("br label %refused")
        self.join()
        self.branch(self.compare("sle", 64, left, "0"), "then")
        self._stopped(Status.SPENT, pc, left)
        self.join()
        self.branch(self.compare("slt", 64, way, "0"))
        self.jump(pc, left)
        self._stopped(Status.MISSED, pc, left)
        self.join()
        origin = self._value(f"getelementptr [2 x i64], ptr @{ORIGINS}, i64 {way}")
        offset = self._value(f"load i64, ptr {origin}")
        handler = self._value(f"load ptr, ptr {self._value(f'getelementptr i8, ptr {origin}, i64 8')}")
        record = self._value(f"getelementptr i8, ptr %st, i64 {offset}")
        self._tail(handler, record, pc, left)

    def _refuse(self) -> None:
        """What is left has not become less, or is less than nothing: stop, and say that it is."""
        self._begin("refused")
        self._stopped(Status.SPENT, self._kept(self.next), "-1")

    def _stopped(self, status: Status, pc: Value, left: Value) -> None:
        header, place = self.layout.header, self.layout.scalars[self.layout.machine.state.pc]
        base, here = self._value("ptrtoint ptr %st to i64"), self._value("ptrtoint ptr %rec to i64")
        here = self.op("sub", 64, here, base)
        for name, value in (("record", here), ("left", left), ("status", str(int(status)))):
            super().write(header[name], value)
        super().write(place, self.resize("trunc", 64, place.width, pc))
        self._end("ret void")
