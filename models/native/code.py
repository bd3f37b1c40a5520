"""Statements of the intermediate form as calls of a builder."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pgcheck.isa.terms import Term
from pgcheck.isa.terms.ir import (
    Bind,
    Block,
    Do,
    If,
    Raise,
    Return,
    SetElement,
    SetLeaf,
    SetLocal,
    SetNext,
    Statement,
    Store,
)
from pgcheck.models.native.builder import Builder, Value
from pgcheck.models.native.layout import BLOCK, Place
from pgcheck.models.native.plan import Plan, Request, Unsupported
from pgcheck.models.native.values import Values

Wanted = Callable[[str, bool], str]


class Code(Values):
    """Writes the body of a function or instruction; `wanted` names the native functions that it calls."""

    def __init__(self, plan: Plan, builder: Builder, tracked: bool, wanted: Wanted) -> None:
        super().__init__(plan, builder, tracked)
        self.wanted = wanted

    def run(self, block: Block, results: Sequence[int]) -> None:
        """A whole body: what reaches its end finishes with zeros."""
        self._block(block)
        self.b.finish([(w, self.b.constant(w, 0)) for w in results])

    def _block(self, block: Block) -> None:
        for statement in block:
            self._statement(statement)

    def _statement(self, statement: Statement) -> None:
        b = self.b
        match statement:
            case SetLocal(name, value):
                self._set_local(name, value.width, self.root(value))
            case SetLeaf(leaf, value):
                self._set_leaf(leaf, value.width, self.root(value))
            case SetElement(leaf, index, value):
                place, new = self.roots((index, value))
                self._set_element(leaf, self.whole(index.width, place), value.width, new)
            case SetNext(value):
                b.write(self.layout.header["next"], self.whole(value.width, self.root(value)))
            case Store(address, value):
                place, new = self.roots((address, value))
                self._store(self.bounded(64, self.whole(address.width, place)), value.width, new)
            case If(condition, then, orelse):
                b.branch(self.root(condition))
                self._block(then)
                b.otherwise()
                self._block(orelse)
                b.join()
            case Do(call):
                self.root(call)
            case Bind(targets, function, args):
                values = self.roots(args)
                found = self.invoke(function, [(a.width, v) for a, v in zip(args, values, strict=True)])
                widths = self.machine.code.functions[function].results
                for target, width, value_ in zip(targets, widths, found, strict=True):
                    if target is not None:
                        self._set_local(target, width, value_)
            case Return(values):
                b.finish([(v.width, found) for v, found in zip(values, self.roots(values), strict=True)])
            case Raise(function, args, note):
                self.end(function, [(a.width, v) for a, v in zip(args, self.roots(args), strict=True)], note)

    def roots(self, terms: Sequence[Term]) -> list[Value]:
        return [self.root(term) for term in terms]

    def _set_local(self, name: str, width: int, value: Value) -> None:
        known = self.variables.get(name)
        if known is None:
            known = self.variables[name] = width, self.b.variable(width)
        if known[0] != width:
            raise Unsupported
        self.b.put(width, known[1], value)

    def _watch(self, leaf: str) -> None:
        if leaf in self.plan.watched:
            self.b.write(self.layout.header["check"], self.number(1))

    def _set_leaf(self, leaf: str, width: int, value: Value) -> None:
        if leaf in self.plan.ports or leaf in self.plan.outside:
            self._tell(leaf, self.number(0), width, value)
        else:
            self.b.write(self.layout.scalars[leaf], value)
            self._watch(leaf)

    def _tell(self, leaf: str, index: Value, width: int, value: Value) -> None:
        """Have the host set a leaf."""
        self.b.write(Place(self.layout.value.at, width), value)
        self.ask(Request.LEAF, self.number(self.plan.leaves[leaf]), index)

    def _set_element(self, name: str, index: Value, width: int, value: Value) -> None:
        b, leaf = self.b, self.machine.state.arrays[name]
        if name == self.machine.state.memory:
            raise Unsupported
        self.in_range(name, index)
        if name in self.plan.ports or name in self.plan.outside:
            self._tell(name, b.op("add", 64, index, self.number(1)), width, value)
            return
        for place, _ in leaf.hardwired:
            b.branch(b.compare("eq", 64, index, self.number(place)))
            b.otherwise()
        b.put_element(self.layout.arrays[name], index, value)
        self._watch(name)
        for _ in leaf.hardwired:
            b.join()

    # ---- memory

    def _store(self, address: Value, width: int, value: Value) -> None:
        b, count = self.b, self.count(width)
        if self.tracked:
            b.write(self.layout.header["uncached"], self.number(1))
        place = self.place_of(address)
        b.branch(self._quiet(place, count), "else")
        self.put_units(place, count, value)
        b.otherwise()
        failed, *_ = b.call(store_name(count), [(64, address), (width, value)], ())
        b.branch(failed, "then")
        b.fail()
        b.join()
        b.join()
        self.memo = {}

    def _quiet(self, place: Value, count: int) -> Value:
        """Whether a store lies in RAM that is known to change and no record was made from."""
        b, marks = self.b, self.layout.quiet
        first = b.element(marks, self.line(place))
        if count > 1:
            last = b.op("add", 64, place, self.number(count - 1))
            first = b.op("and", 8, first, b.element(marks, self.line(last)))
        quiet = b.compare("eq", 8, first, b.constant(8, 1))
        return b.op("and", 0, self.inside(place, count), quiet)

    def slow_store(self, count: int) -> None:
        """The body of the function that stores where `_quiet` does not hold: of an address and a value."""
        b, layout, width = self.b, self.layout, count * self.machine.state.memory_unit
        address, value, one = "%p0", "%p1", b.constant(8, 1)
        place = self.place_of(address)
        last = b.op("add", 64, place, self.number(count - 1))
        b.branch(self.inside(place, count))
        used = [b.element(layout.code, self.line(p)) for p in (place, last)]
        b.branch(b.compare("eq", 8, b.op("or", 8, *used), b.constant(8, 0)), "else")
        self.put_units(place, count, value)
        for unit in (place, last):
            b.put_element(layout.dirty, b.op("lshr", 64, unit, self.number(BLOCK)), one)
            b.put_element(layout.quiet, self.line(unit), one)
        b.finish()
        b.join()
        b.join()
        b.write(Place(layout.value.at, width), value)
        self.ask(Request.STORE, address, self.number(count))
        b.finish()

    # ---- calls and exits

    def invoke(self, name: str, args: Sequence[tuple[int, Value]]) -> list[Value]:
        b, function = self.b, self.machine.code.functions[name]
        failed, *found = b.call(self.wanted(name, self.tracked), args, function.results)
        b.branch(failed, "then")
        translation = self.machine.code.translation
        if translation is not None and name == translation.function:
            self._note(args)
        b.fail()
        b.join()
        self.memo = {}
        return found

    def _note(self, args: Sequence[tuple[int, Value]]) -> None:
        """Keep the access whose translation ended in the exit."""
        b = self.b
        for place, (width, value) in zip(self.layout.accessed, args, strict=False):
            b.write(place, self.whole(width, value))
        b.write(self.layout.header["translating"], self.number(1))

    def end(self, function: str, args: Sequence[tuple[int, Value]], note: str = "") -> None:
        b = self.b
        for place, (width, value) in zip(self.layout.arguments, args, strict=False):
            b.write(Place(place.at, width), value)
        b.write(self.layout.header["exit"], self.number(self.plan.exit(function, note, tuple(w for w, _ in args))))
        b.fail()


def store_name(count: int) -> str:
    """The native function that stores `count` units where more is to be done."""
    return f"store{count}"
