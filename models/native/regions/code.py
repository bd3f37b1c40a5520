"""Statements of an instruction whose operands, address and context are known, with the functions that it calls written in place.

What is rare or for the host to do is not written: there the instruction is left for tier 0 to run from its beginning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from pgcheck.isa.terms import Name, Term
from pgcheck.isa.terms.ir import Statement
from pgcheck.isa.terms.names import OPERAND, STATE
from pgcheck.models.native.lowering.builder import Value
from pgcheck.models.native.lowering.code import Code
from pgcheck.models.native.lowering.layout import BLOCK, USED
from pgcheck.models.native.lowering.llvm import Body
from pgcheck.models.native.lowering.plan import Plan, Unsupported, assigned
from pgcheck.models.native.regions.body import RegionBody
from pgcheck.models.native.regions.folded import literal
from pgcheck.models.state import Fetched

HEAVIEST: Final = 1 << 16
"""The most terms of a function that stands where it is called, of which little is left once operands are known. Where there is a soft TLB it is asked as tier 0
asks it, which fills it."""
LONGEST: Final = 4000
"""Lines of one instruction."""


def unwritten(name: str, tracked: bool) -> str:
    """No function of the specification is called: what would be is left to tier 0."""
    return ""


class RegionCode(Code):
    """Writes one instruction of a region of a context: leaves with the values that they have as long as the region is there."""

    def __init__(self, plan: Plan, body: RegionBody, context: Mapping[str, int | bytes]) -> None:
        super().__init__(plan, body, False, unwritten)
        self.body, self.context = body, context
        self.heaviest = HEAVIEST

    def instruction(self, fetched: Fetched, pc: int, following: int) -> None:
        """The whole instruction at an address. Raises Unsupported."""
        b, state, instruction = self.body, self.machine.state, fetched.instruction
        self.names = {
            Name(OPERAND, n): b.constant(o.width, fetched.operands[n]) for n, o in instruction.operands.items()
        }
        self.length = b.constant(64, fetched.length)
        self.encoding = instruction.encoding_term
        self.here = b.constant(state.leaves[state.pc].width, pc)
        if state.pc in self.plan.facts.block(instruction.body).writes:
            raise Unsupported
        b.put(64, b.next, b.constant(64, following))
        self._times = assigned(instruction.body)
        self._block(instruction.body)
        b.finish()

    def _statement(self, statement: Statement) -> None:
        if self.body.reached:
            if len(self.body.part.lines) > LONGEST:
                raise Unsupported
            super()._statement(statement)

    def kind(self, name: str, steady: tuple[Term | None, ...]) -> tuple[int, tuple[Term | None, ...]] | None:
        return self.filled_kind(name, steady)

    # ---- what is left to tier 0

    def gave_up(self) -> bool:
        self.body.undo()
        return True

    def native(self, name: str, args: Sequence[tuple[int, Value]], results: Sequence[int], of: str = "") -> list[Value]:
        if name not in self.body.stores:
            return super().native(name, args, results, of)
        b = self.body
        b.branch(b.store(name, args), "then")
        b.undo()
        b.join()
        return []

    def now(self) -> Value:
        """Tier 0 knows."""
        return ""

    def settles(self, guard: Value, address: Value, count: int, value: Value) -> None:
        self.b.branch(guard, "else")
        self._store(address, count * self.machine.state.memory_unit, value)

    def moved(self, value: Value, term: Term) -> None:
        self.body.go_on(value)

    # ---- state

    def _watch(self, leaf: str) -> None:
        if leaf in self.plan.watched or leaf in self.plan.context:
            self.body.undo()

    def _variable(self, term: Term) -> Value:
        name = term.name
        known = self.context.get(name.text) if name.space == STATE else None
        return self.b.constant(term.width, known) if isinstance(known, int) else super()._variable(term)

    def _element(self, name: str, term: Term) -> Value:
        leaf, known = self.machine.state.arrays[name], self.context.get(name)
        index = self.whole(term.width, self.value(term))
        number, region = literal(index), self.layout.arrays.get(name)
        if region is None:
            raise Unsupported
        self.in_range(name, index)
        if number is None or number >= leaf.size:
            return self.b.element(region, index)
        fixed = dict(leaf.hardwired).get(number)
        if fixed is None and isinstance(known, bytes):
            fixed = int.from_bytes(known[number * region.size : (number + 1) * region.size], "little")
        return self.b.element(region, index) if fixed is None else self.b.constant(leaf.width, fixed)

    def _set_element(self, name: str, at: Term, term: Term) -> None:
        region, leaf = self.layout.arrays.get(name), self.machine.state.arrays[name]
        if region is None or name in self.plan.ports or name in self.plan.outside:
            super()._set_element(name, at, term)
            return
        index, value = self.whole(at.width, self.root(at)), self.root(term)
        self.in_range(name, index)
        number = literal(index)
        if number is None or number not in dict(leaf.hardwired):
            self.b.put_element(region, index, value)
        self._watch(name)

    def _choice(self, width: int, guard: Term, first: Term, second: Term) -> Value:
        truth = self.value(guard)
        if truth in ("true", "false"):
            return self.value(first if truth == "true" else second)
        return super()._choice(width, guard, first, second)


def store(plan: Plan, body: Body, count: int) -> None:
    """The body of a region's own function that stores to RAM that is not marked yet as known to change; it fails where that is for tier 0."""
    code, b, layout = Code(plan, body, False, unwritten), body, plan.layout
    one, place = b.constant(8, 1), code.place_of("%p0")
    last = b.op("add", 64, place, code.number(count - 1))
    b.branch(code.inside(place, count))
    first, second = (b.element(layout.code, code.line(p)) for p in (place, last))
    used = b.op("and", 8, b.op("or", 8, first, second), b.constant(8, USED))
    b.branch(b.compare("eq", 8, used, b.constant(8, 0)))
    code.put_units(place, count, "%p1")
    for unit in (place, last):
        b.put_element(layout.dirty, b.op("lshr", 64, unit, code.number(BLOCK)), one)
        b.put_element(layout.quiet, code.line(unit), one)
    b.finish()
    b.join()
    b.join()
    b.fail()
