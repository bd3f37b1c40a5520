"""Native memory on terms: leaves in their places, guest memory, the soft TLB, records, and what the host does when it is asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from pgcheck.checker.generated.integers import Unknown
from pgcheck.checker.generated.native.cells import WORD, Cells, Spot, held, linear, total
from pgcheck.checker.generated.native.meant import Meant, room
from pgcheck.checker.generated.native.ways import Way, bits, truth
from pgcheck.isa.idl.state import ArrayLeaf
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import (
    FALSE,
    TRUE,
    Term,
    array,
    constant,
    eq,
    extract,
    ite,
    land,
    lnot,
    lor,
    mask,
    mk,
    select,
    store,
    variable,
    zext,
)
from pgcheck.isa.terms.names import FREE, Name
from pgcheck.models.native.lowering.layout import BLOCK, CONTEXTS, LINE, RECORDED, WALKED
from pgcheck.models.native.lowering.plan import Plan

MARKS: Final = ("$quiet", "$code", "$dirty")
FORGOT: Final = "$ soft TLB forgotten"
EXITED: Final = "$ a call has failed"
TOUCHED: Final = "$ something changed since"
CALLED: Final = "$ the call that was made last"
LINED: Final = "$ lines of what was read are marked"
CLEARED: Final = "$ sites are numbered anew"
ASKED: Final = "$ a site was asked"
BESIDE: Final = (FORGOT, EXITED, TOUCHED, LINED, CLEARED, ASKED)
"""What the state of a way has besides native memory."""
FIELD: Final = "$field "
SET: Final = ("ram", "ram_base", "ram_mask", "host", "hash", "tlb", "zeros", "clock", "ticks", "handled")
"""Numbers of the header that the engine sets, and those that code may only read but for `tlb`."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A store of native code to RAM: when, the lines of its first and last unit, and whether they were known to change."""

    guard: Term
    lines: tuple[Term, ...]
    settled: tuple[Term, ...]
    walked: Term


@dataclass
class Memory:
    """The memory that native code of a plan works on, on the ways of an evaluation."""

    plan: Plan
    spec: Meant
    escapes: list[tuple[str, Term]] = field(default_factory=list)
    stores: list[Stored] = field(default_factory=list)
    hypotheses: list[Term] = field(default_factory=list)
    tags: dict[Term, Term] = field(default_factory=dict)
    """By the entry of a soft TLB, what it was found to be of."""
    pc: Term = constant(WORD, 0)
    left: Term = constant(WORD, 0)
    synced: bool = True
    """Whether the host is to find PC and what is left in their places."""
    writes_pc: bool = False
    """Whether the instruction sets PC itself."""

    def __post_init__(self) -> None:
        self.cells = Cells(self.plan.layout)

    @property
    def machine(self) -> Machine:
        return self.plan.machine

    def escape(self, way: Way, what: str, when: Term) -> None:
        """Note what must not be on a way."""
        here = land(way.guard, when)
        if here is not FALSE:
            self.escapes.append((what, here))

    # ---- the block

    def loaded(self, way: Way, offset: Term, width: int) -> Term:
        found: Term | None = None
        for guard, spot in self.cells.spots(offset):
            value = self._read(way, spot, width)
            found = value if found is None else ite(guard, value, found)
        assert found is not None
        return found

    def stored(self, way: Way, offset: Term, value: Term) -> None:
        spots = list(self.cells.spots(offset))
        for guard, spot in spots:
            self._write(way, spot, value, TRUE if len(spots) == 1 else guard)

    def _read(self, way: Way, spot: Spot, width: int) -> Term:
        state, kind = way.state, spot.kind
        match kind:
            case "leaf":
                return self._sized(bits(state[spot.name]), width)
            case "header":
                return state[f"$ {spot.name}"]
            case "limit":
                return room(int(spot.name))
            case "argument" | "value" | "accessed":
                found = state.get(f"$ {kind} {spot.name}")
                if found is None or spot.at:
                    found = state.get(f"$ {kind} {spot.name} {spot.at}")
                if found is None:
                    raise Unknown(f"{kind} {spot.name}, which nothing has set")
                return self._sized(found, width)
            case "element":
                assert spot.index is not None
                return self._sized(self._element(way, spot.name, spot.index), width)
            case "ram":
                return self._ram(way, spot, width)
            case "void":
                return constant(width, -1)
            case "tlb":
                assert spot.index is not None
                return self.entry(way, spot.index, spot.at)
            case "hash":
                assert spot.index is not None
                return variable(width, Name(FREE, f"$ {'record' if spot.at else 'address'} of the table of records"))
        raise Unknown(f"a read of {kind}")

    @staticmethod
    def _sized(value: Term, width: int) -> Term:
        """What is kept with zeros above, as it is read."""
        return zext(value, width) if value.width <= width else extract(value, width - 1, 0)

    def entry(self, way: Way, index: Term, at: int) -> Term:
        """A word of an entry of the soft TLB: the first says what it is of."""
        if at:
            raise Unknown("a word of the soft TLB")
        return self.tags.setdefault(index, variable(WORD, Name(FREE, f"$tag{len(self.tags)}")))

    def _element(self, way: Way, name: str, index: Term) -> Term:
        if name in MARKS:
            return select(way.state[name], index)
        leaf = self.machine.state.leaves.get(name)
        if not isinstance(leaf, ArrayLeaf):
            raise Unknown(f"a read of {name}")
        at = self._at(leaf, index)
        found = select(way.state[name], at)
        for place, fixed in leaf.hardwired:
            found = ite(eq(at, constant(at.width, place)), constant(found.width, fixed), found)
        return found

    @staticmethod
    def _at(leaf: ArrayLeaf, index: Term) -> Term:
        return (
            extract(index, leaf.index_width - 1, 0) if index.width > leaf.index_width else zext(index, leaf.index_width)
        )

    def _write(self, way: Way, spot: Spot, value: Term, guard: Term) -> None:
        state, kind = way.state, spot.kind

        def put(name: str, new: Term) -> None:
            state[name] = new if guard is TRUE else ite(guard, new, state[name])

        def narrow(width: int) -> Term:
            if value.width > width:
                rest = extract(value, value.width - 1, width)
                self.escape(way, f"bits above {spot.name}", land(guard, lnot(eq(rest, constant(rest.width, 0)))))
            return extract(value, width - 1, 0)

        match kind:
            case "leaf":
                leaf = self.machine.state.leaves[spot.name]
                new = narrow(leaf.width or 1)
                put(spot.name, new if leaf.width else truth(new))
                self._changed(way)
            case "header":
                if spot.name in SET and not (spot.name == "tlb" and self._void(value)):
                    self.escape(way, f"{spot.name} of the engine is changed", guard)
                put(f"$ {spot.name}", value)
            case "argument" | "value" | "accessed":
                state[f"$ {kind} {spot.name}" + (f" {spot.at}" if spot.at else "")] = value
            case "sink":
                pass
            case "element":
                assert spot.index is not None
                self._put_element(way, spot, narrow, guard)
            case "ram" if guard is TRUE:
                self._put_ram(way, spot, value)
            case "tlb":
                assert spot.index is not None
                self.kept(way, spot, value, guard)
            case _:
                raise Unknown(f"a write of {kind}")

    def _void(self, value: Term) -> bool:
        layout = self.plan.layout
        return value.is_constant and value.value == layout.tlb.at + layout.table(CONTEXTS)

    def kept(self, way: Way, spot: Spot, value: Term, guard: Term) -> None:
        """A word of an entry of the soft TLB is written, which only a walk may do."""
        self.escape(way, "the soft TLB is filled", guard)

    def _put_element(self, way: Way, spot: Spot, narrow: object, guard: Term) -> None:
        assert spot.index is not None and callable(narrow)
        name, state = spot.name, way.state
        if name in MARKS:
            old = state[name]
            new = narrow(8)
            state[name] = store(old, spot.index, new if guard is TRUE else ite(guard, new, select(old, spot.index)))
            return
        leaf = self.machine.state.leaves.get(name)
        if not isinstance(leaf, ArrayLeaf):
            if name in ("$log", "$filled", "$walked"):
                return
            raise Unknown(f"a write of {name}")
        at, new = self._at(leaf, spot.index), narrow(leaf.width or 1)
        for place, _ in leaf.hardwired:
            self.escape(
                way, f"a hardwired element of {name} is changed", land(guard, eq(at, constant(at.width, place)))
            )
            new = ite(eq(at, constant(at.width, place)), select(state[name], at), new)
        state[name] = store(state[name], at, new if guard is TRUE else ite(guard, new, select(state[name], at)))
        self._changed(way)

    @staticmethod
    def _changed(way: Way) -> None:
        way.state[TOUCHED] = TRUE

    # ---- guest memory

    def _units(self, width: int) -> int:
        unit, size = self.machine.state.memory_unit, self.plan.layout.ram.size
        return width // unit if size == 1 else width // (8 * size)

    def _address(self, place: Term) -> Term:
        """The address of a place in RAM."""
        width, base = self.machine.state.address_width, held("ram_base")
        inner, k = _plainly(place, width), 0
        if inner.op == "add" and any(a.is_constant for a in inner.args):
            number, other = sorted(inner.args, key=lambda a: not a.is_constant)
            inner, k = _plainly(other, width), number.value
        if inner.op == "sub" and inner.args[1] in (base, extract(base, inner.width - 1, 0)):
            return _beyond(extract(inner.args[0], width - 1, 0), k)
        return total(linear(mk("add", WORD, place, base), width), width)

    def _within(self, way: Way, place: Term, count: int) -> None:
        whole = mk("ult", 0, place, room(count)) if count in self.plan.layout.limits else FALSE
        if whole is FALSE or whole not in way.literals:
            last = mk("add", WORD, place, constant(WORD, count - 1))
            whole = land(mk("ult", 0, last, room(1)), mk("ule", 0, place, last))
            self.escape(way, "an access beyond RAM", lnot(whole))

    def _ram(self, way: Way, spot: Spot, width: int) -> Term:
        assert spot.index is not None
        count, state = self._units(width), self.machine.state
        self._within(way, spot.index, count)
        address, memory = self._address(spot.index), way.state[state.memory]
        found = select(memory, address)
        for k in range(1, count):
            found = mk("concat", found.width + state.memory_unit, select(memory, _beyond(address, k)), found)
        return zext(found, width)

    def _put_ram(self, way: Way, spot: Spot, value: Term) -> None:
        assert spot.index is not None
        space = self.machine.state
        count, unit = self._units(value.width), space.memory_unit
        if self.plan.layout.ram.size > 1:
            rest = extract(value, value.width - 1, unit) if value.width > unit else constant(1, 0)
            self.escape(way, "bits above a unit of memory", lnot(eq(rest, constant(rest.width, 0))))
        self._within(way, spot.index, count)
        address = self._address(spot.index)
        for k in range(count):
            at = _beyond(address, k)
            way.state[space.memory] = store(way.state[space.memory], at, extract(value, unit * k + unit - 1, unit * k))
        self._marked(way, spot.index, count)
        self._changed(way)

    def _marked(self, way: Way, place: Term, count: int) -> None:
        """What a store to RAM must have looked at: whether anything was made of what is there."""
        ends = dict.fromkeys((place, mk("add", WORD, place, constant(WORD, count - 1))))
        lines = tuple(self._line(p, LINE, "quiet") for p in ends)
        blocks = tuple(self._line(p, BLOCK, "dirty") for p in ends)
        settled, walked = list[Term](), FALSE
        first = {n: array(self._bits(n), 8, Name(FREE, f"{n} before")) for n in ("quiet", "code")}
        for line in lines:
            mark, quiet = select(way.state["$code"], line), select(way.state["$quiet"], line)
            before, was = (select(first[n], line) for n in ("code", "quiet"))
            self.hypotheses += [
                mk("ule", 0, was, constant(8, 2)),
                lor(lnot(eq(was, constant(8, 1))), _unused(before, 3)),
            ]
            self.escape(way, "a store to what a record was made from", lnot(_unused(mark, RECORDED)))
            walked = lor(walked, lnot(_unused(mark, WALKED)))
            settled.append(eq(quiet, constant(8, 1)))
        self.stores.append(Stored(way.guard, blocks, tuple(settled), walked))

    def _bits(self, name: str) -> int:
        return int(getattr(self.plan.layout, name).bits)

    def _line(self, place: Term, shift: int, of: str) -> Term:
        return extract(mk("lshr", WORD, place, constant(WORD, shift)), self._bits(of) - 1, 0)

    def owed(self, way: Way) -> None:
        """At an end: what was stored to has been told of."""
        for done in self.stores:
            for block, settled in zip(done.lines, done.settled, strict=True):
                told = lor(settled, eq(select(way.state["$dirty"], block), constant(8, 1)))
                self.escape(way, "a store that is not told", land(done.guard, lnot(told)))
            missed = land(done.walked, lnot(way.state[FORGOT]))
            self.escape(way, "a store to what the soft TLB was filled from", land(done.guard, missed))


def _unused(mark: Term, marks: int) -> Term:
    return eq(mk("and", 8, mark, constant(8, marks)), constant(8, 0))


def _plainly(term: Term, width: int) -> Term:
    """A number modulo 2**width without what cuts it to that."""
    while True:
        if term.op == "zext" and term.args[0].width >= width:
            term = term.args[0]
        elif term.op == "extract" and not term.bounds[1] and term.width >= width:
            term = term.args[0]
        elif term.op == "and" and any(a.is_constant and a.value & mask(width) == mask(width) for a in term.args):
            term = next(a for a in term.args if not a.is_constant)
        else:
            return term


def _beyond(address: Term, k: int) -> Term:
    return mk("add", address.width, address, constant(address.width, k))
