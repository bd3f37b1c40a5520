"""Statements of the intermediate form as calls of a builder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from pgcheck.isa.terms import Term, local
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
from pgcheck.models.native.lowering.builder import Builder, Value
from pgcheck.models.native.lowering.gathered import UNITS, Gathered
from pgcheck.models.native.lowering.layout import BLOCK, RECORDED, WALKED, Place
from pgcheck.models.native.lowering.plan import Plan, Request, Unsupported, assigned
from pgcheck.models.native.lowering.values import Frame
from pgcheck.models.native.lowering.walking import FORGET, Walking, Wanted

LIGHT: Final = 16
"""A function of at most so many terms stands wherever it is called, with those that stand in it."""


class Code(Walking):
    """Writes the body of a function or instruction; `wanted` names the native functions that it calls, `noted` are the arguments of the translation that it is within."""

    def __init__(self, plan: Plan, builder: Builder, tracked: bool, wanted: Wanted) -> None:
        super().__init__(plan, builder, tracked)
        self.wanted, self.heaviest = wanted, LIGHT
        self.noted: Sequence[tuple[int, Value]] | None = None
        self._times: Mapping[str, int] = {}

    def run(self, block: Block, results: Sequence[int]) -> None:
        """A whole body: what reaches its end finishes with zeros."""
        self._times = assigned(block)
        self._block(block)
        self.b.finish([(w, self.b.constant(w, 0)) for w in results])

    # ---- what only instructions have to do

    def gave_up(self) -> bool:
        return False

    def acted(self) -> None:
        """State or memory has been changed."""

    def sync(self) -> None:
        """Nothing in a function: the instruction that called it has."""

    def asked(self) -> None:
        """Nothing in a function: the instruction that called it looks."""

    def moved(self, value: Value, term: Term) -> None:
        """Have execution go on at an address."""
        self.b.write(self.layout.header["next"], value)

    def _block(self, block: Block) -> None:
        for statement in block:
            self._statement(statement)

    def _statement(self, statement: Statement) -> None:
        b = self.b
        match statement:
            case SetLocal(name, value):
                self._set_local(name, value.width, self.root(value))
                self._same(name, value)
            case SetLeaf(leaf, value):
                self._set_leaf(leaf, value.width, self.root(value))
            case SetElement(leaf, index, value):
                self._set_element(leaf, index, value)
            case SetNext(value):
                self.moved(self.whole(value.width, self.root(value)), value)
            case Store(address, value):
                place, new = self.roots((address, value))
                self._store(self.bounded(64, self.whole(address.width, place)), value.width, new)
            case If(condition, then, orelse):
                b.branch(self.root(condition))
                self._either(then, orelse)
                b.join()
            case Do(call):
                self.root(call)
            case Bind(targets, function, args):
                found = self.invoke(function, args, self.root)
                widths = self.machine.code.functions[function].results
                for target, width, value_ in zip(targets, widths, found, strict=True):
                    if target is not None:
                        self._set_local(target, width, value_)
            case Return(values):
                b.finish([(v.width, found) for v, found in zip(values, self.roots(values), strict=True)])
            case Raise(function, args, note):
                self.end(function, [(a.width, v) for a, v in zip(args, self.roots(args), strict=True)], note)

    def _either(self, then: Block, orelse: Block) -> None:
        self._block(then)
        self.b.otherwise()
        self._block(orelse)

    def roots(self, terms: Sequence[Term]) -> list[Value]:
        return [self.root(term) for term in terms]

    def _set_local(self, name: str, width: int, value: Value) -> None:
        known = self.frame.variables.get(name)
        if known is None:
            known = self.frame.variables[name] = width, self.b.variable(width)
        if known[0] != width:
            raise Unsupported
        self.b.put(width, known[1], value)

    def _same(self, name: str, value: Term) -> None:
        """Note what a local that is set once is, where that is known before it runs."""
        if self._times.get(name, 0) == 1:
            self._known(local(value.width, name), self.fixed(value), self.steady(value))

    def _known(self, name: Term, fixed: Term | None, steady: Term | None) -> None:
        if fixed is not None and self.fields is not None:
            self.frame.fixed[name] = fixed
            self.frame.found.clear()
        if steady is not None:
            self.frame.steady[name] = steady

    def _watch(self, leaf: str) -> None:
        if leaf in self.plan.watched:
            self.b.write(self.layout.header["check"], self.number(1))
            self.asked()
        if leaf in self.plan.context:
            self.void()

    def _set_leaf(self, leaf: str, width: int, value: Value) -> None:
        if leaf in self.plan.ports or leaf in self.plan.outside:
            self._tell(leaf, self.number(0), width, value)
        else:
            self.acted()
            self.b.write(self.layout.scalars[leaf], value)
            self._watch(leaf)

    def _tell(self, leaf: str, index: Value, width: int, value: Value) -> None:
        """Have the host set a leaf."""
        self.b.write(Place(self.layout.value.at, width), value)
        self.ask(Request.LEAF, self.number(self.plan.leaves[leaf]), index)

    def _set_element(self, name: str, at: Term, term: Term) -> None:
        b = self.b
        if name == self.machine.state.memory:
            raise Unsupported
        cell = None if name in self.plan.ports or name in self.plan.outside else self._cell(name, at, True)
        index = "" if cell is not None else self.whole(at.width, self.root(at))
        value = self.root(term)
        if cell is None:
            self.in_range(name, index)
            if name in self.plan.ports or name in self.plan.outside:
                self._tell(name, b.op("add", 64, index, self.number(1)), term.width, value)
                return
            cell = self.cell(name, index, True)
        self.acted()
        b.put_cell(cell, term.width, value)
        self._watch(name)

    # ---- memory

    def _store(self, address: Value, width: int, value: Value) -> None:
        b, count = self.b, self.count(width)
        if self.tracked:
            b.write(self.layout.header["uncached"], self.number(1))
        place = self.place_of(address)
        b.branch(self._quiet(place, count), "else")
        self.put_units(place, count, value)
        b.otherwise()
        self.native(store_name(count), [(64, address), (width, value)], ())
        b.join()
        self.acted()
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
        marks = b.op("or", 8, *used)
        records = b.op("and", 8, marks, b.constant(8, RECORDED))
        b.branch(b.compare("eq", 8, records, b.constant(8, 0)), "else")
        self.put_units(place, count, value)
        b.branch(b.compare("eq", 8, b.op("and", 8, marks, b.constant(8, WALKED)), b.constant(8, 0)))
        b.otherwise()
        b.call(FORGET, (), ())
        b.join()
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

    def invoke(self, name: str, args: Sequence[Term], evaluate: Callable[[Term], Value]) -> list[Value]:
        if name in self.plan.cuts:
            return self._cut(name, [(a.width, evaluate(a)) for a in args])
        walk = None if self.tracked else self.plan.walks.get(name)
        found = None if walk is None else self.walked(walk, args, evaluate)
        if found is not None:
            return found
        values = [(a.width, evaluate(a)) for a in args]
        whole = None if self.tracked else self.plan.gathered.get(name)
        if whole is not None:
            return self._at_once(whole, name, values)
        if self.plan.inlined(name, self.heaviest):
            return self._inlined(name, args, values)
        results = self.machine.code.functions[name].results
        return self.native(self.wanted(name, self.tracked), values, results, name)

    def _at_once(self, whole: Gathered, name: str, values: Sequence[tuple[int, Value]]) -> list[Value]:
        """One access in place of a function that has several, where they lie in RAM one behind the other."""
        b, function, outer, shared = self.b, self.machine.code.functions[name], self.frame, self.shared
        self.frame = Frame()
        for (parameter, width), (_, value) in zip(function.parameters, values, strict=True):
            self._set_local(parameter, width, value)
        guard, first = self.roots((whole.guard, whole.first))
        address = self.bounded(64, self.whole(whole.first.width, first))
        results = [b.variable(width) for width in function.results]
        if whole.stored is None:
            place = self.place_of(address)
            b.branch(b.op("and", 0, guard, self.inside(place, whole.count)), "else")
            self._set_local(UNITS, whole.count * self.machine.state.memory_unit, self._read(place, whole.count))
        else:
            value = self.root(whole.stored)
            self.settles(guard, address, whole.count, value)
        for variable, width, value in zip(results, function.results, self.roots(whole.results), strict=True):
            b.put(width, variable, value)
        self.frame, self.shared = outer, shared
        b.otherwise()
        found = self.native(self.wanted(name, self.tracked), values, function.results, name)
        for variable, width, value in zip(results, function.results, found, strict=True):
            b.put(width, variable, value)
        b.join()
        if whole.stored is not None:
            self.acted()
        self.memo = {}
        return [b.get(width, variable) for width, variable in zip(function.results, results, strict=True)]

    def settles(self, guard: Value, address: Value, count: int, value: Value) -> None:
        """Begin what is done where `guard` holds and units are stored in a way that needs telling nobody, and store them."""
        place = self.place_of(address)
        self.b.branch(self.b.op("and", 0, guard, self._quiet(place, count)), "else")
        self.put_units(place, count, value)

    def _cut(self, name: str, args: Sequence[tuple[int, Value]]) -> list[Value]:
        """What the oracle says in place of a function, and the function where it says nothing."""
        b, layout, noted = self.b, self.layout, self.noted
        results = self.machine.code.functions[name].results
        if len(results) != 1:
            raise Unsupported
        for place, (width, value) in zip(layout.arguments, args, strict=False):
            b.write(Place(place.at, width), value)
        if self.tracked:
            b.write(layout.header["uncached"], self.number(1))
        self.noted = args if self._translation(name) else noted
        self.ask(Request.CUT, self.number(self.plan.functions[name]), self.number(0))
        self.noted = noted
        found = b.variable(results[0])
        b.branch(b.compare("eq", 64, b.read(layout.header["answered"]), self.number(1)))
        b.put(results[0], found, b.read(Place(layout.value.at, results[0])))
        b.otherwise()
        (own,) = self.native(self.wanted(name, self.tracked), args, results, name)
        b.put(results[0], found, own)
        b.join()
        self.memo = {}
        return [b.get(results[0], found)]

    def native(self, name: str, args: Sequence[tuple[int, Value]], results: Sequence[int], of: str = "") -> list[Value]:
        b, noted = self.b, self.noted
        if self.gave_up():
            return [b.constant(width, 0) for width in results]
        self.sync()
        failed, *found = b.call(name, args, results)
        b.branch(failed, "then")
        self.noted = args if self._translation(of) else noted
        self.fail()
        self.noted = noted
        b.join()
        self.asked()
        self.memo = {}
        return found

    def _inlined(self, name: str, args: Sequence[Term], values: Sequence[tuple[int, Value]]) -> list[Value]:
        """The body of a function in place of a call of it."""
        b, function = self.b, self.machine.code.functions[name]
        frame, times, shared, noted = self.frame, self._times, self.shared, self.noted
        inner, self._times = Frame(), assigned(function.body)
        known = [(self.fixed(a), self.steady(a)) for a in args]
        self.frame = inner
        for (parameter, width), (_, value), (fixed, steady) in zip(function.parameters, values, known, strict=True):
            self._set_local(parameter, width, value)
            if parameter not in self._times:
                self._known(local(width, parameter), fixed, steady)
        if self._translation(name):
            self.noted = values
        b.inline(function.results)
        self._block(function.body)
        b.finish([(w, b.constant(w, 0)) for w in function.results])
        found = b.close()
        self.frame, self._times, self.shared, self.noted = frame, times, shared, noted
        self.memo = {}
        return found

    def _translation(self, name: str) -> bool:
        translation = self.machine.code.translation
        return translation is not None and name == translation.function

    def fail(self) -> None:
        """End with the exit that the exit record tells; if it came of a translation, with the access."""
        if self.noted is not None:
            self._note(self.noted)
        self.b.fail()

    def _note(self, args: Sequence[tuple[int, Value]]) -> None:
        """Keep the access whose translation ended in the exit."""
        b = self.b
        for place, (width, value) in zip(self.layout.accessed, args, strict=False):
            b.write(place, self.whole(width, value))
        b.write(self.layout.header["translating"], self.number(1))

    def end(self, function: str, args: Sequence[tuple[int, Value]], note: str = "") -> None:
        b = self.b
        if self.gave_up():
            return
        for place, (width, value) in zip(self.layout.arguments, args, strict=False):
            b.write(Place(place.at, width), value)
        b.write(self.layout.header["exit"], self.number(self.plan.exit(function, note, tuple(w for w, _ in args))))
        self.fail()


def store_name(count: int) -> str:
    """The native function that stores `count` units where more is to be done."""
    return f"store{count}"
