"""Lowered code as lines of Python: of functions, and of instructions within a block of code.

Locals become variables that are assigned once on each path; a local that is constant becomes none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from pgcheck.isa.terms import Name, Term, walk
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
from pgcheck.isa.terms.names import LOCAL
from pgcheck.isa.terms.reads import terms_of
from pgcheck.models.generated.expressions import Expressions, heavy, shared
from pgcheck.models.generated.facts import Effects, returning
from pgcheck.models.generated.lines import Goto, TooLong, Translated
from pgcheck.models.generated.source import Value, is_atom

_INLINE: Final = 24
_MOST_KNOWN: Final = 1 << 14


@dataclass(slots=True)
class Frame:
    """A body that is being emitted: as a function, in the place of a call, or as the rest of an instruction."""

    kind: Literal["function", "inline", "tail"]
    depth: int
    results: tuple[int, ...]
    values: list[Value | Translated] = field(default_factory=list)
    variables: list[str] = field(default_factory=list)


def names_in(block: Block) -> frozenset[Name]:
    return frozenset(t.name for t in walk(terms_of(block)) if t.op == "var")


class _Everything(frozenset[Name]):
    """A set that has every name."""

    def __contains__(self, name: object) -> bool:
        return True


_ALL: Final = _Everything()


class Emitter(Expressions):
    """Emits the code of one function, or of the instructions of one block."""

    # ---- calls

    def invoke(self, name: str, values: list[Value]) -> list[Value | Translated]:
        """The results of a call (one of 1 where there is none)."""
        translation = self.machine.code.translation
        translating = translation is not None and name == translation.function
        if translating and self.setting is not None and self.special and self.setting.pages:
            fixed = tuple(v for i, v in enumerate(values) if i != self.setting.address and isinstance(v, int))
            if len(fixed) == len(values) - 1 and not self._is_identity(name, values):
                table = self.tables.setdefault(fixed, len(self.tables))
                return [Translated(self.atom(values[self.setting.address]), table)]
        values = [self.atom(v) for v in values]
        outer = self.access
        if translating:
            self.access = f"({', '.join(map(str, values))},)"
        frame = self.attempt(name, values, "inline")
        if frame is not None:
            self.access = outer
            return frame.values or [1]
        results = self._call(name, values)
        self.access = outer
        return results

    def _is_identity(self, name: str, values: list[Value]) -> bool:
        """Whether a call folds to a return of its argument in a few lines."""
        start, names = len(self.lines), self.names
        frame = self.attempt(name, [v if isinstance(v, int) else "va" for v in values], "inline", 0)
        del self.lines[start:]
        self.names = names
        return frame is not None

    def attempt(
        self, name: str, values: list[Value], kind: Literal["inline", "tail"], longest: int = _INLINE
    ) -> Frame | None:
        """The body of a function in the place of its call; None, and nothing emitted, when that is too long."""
        function = self.machine.code.functions[name]
        known = (
            name,
            tuple(v if isinstance(v, int) else None for v in values),
            longest,
            kind,
            self.special,
            self.situation,
        )
        if known in self.too_long:
            return None
        own = len(self.lines) + longest <= self.limit
        mark, memo, shared_, limit, names = self.mark(), self.memo, self.shared, self.limit, self.names
        frame = Frame(kind, self.depth, function.results)
        self.limit = min(self.limit, len(self.lines) + longest)
        self.names = {Name(LOCAL, n): v for (n, _), v in zip(function.parameters, values, strict=True)}
        self.memo, self.shared = {}, frozenset()
        try:
            self.run(function.body, frame)
        except TooLong:
            if own:
                if len(self.too_long) >= _MOST_KNOWN:
                    self.too_long.clear()
                self.too_long.add(known)
            self.rewind(mark)
            return None
        self.limit, self.names = limit, names
        self.memo, self.shared = ({} if len(self.lines) > mark.lines else memo), shared_
        if not frame.values:
            frame.values = [*frame.variables] or [0] * len(function.results)
        return frame

    def _call(self, name: str, values: list[Value]) -> list[Value | Translated]:
        """A call of the function made of `name`."""
        function, effects = self.machine.code.functions[name], self.facts.function(name)
        if self.setting is not None:
            self.account(effects)
            self.sync = True
            if effects.moves:
                self.emit(f"R.next = {self.next}")
        names = [self.fresh() for _ in function.results]
        if self.access is not None:
            self.emit(f"R.access = {self.access}")
        target = f"{', '.join(names)} = " if names else ""
        self.emit(f"{target}{self.python_name(name)}({', '.join(['R', 'S', *map(str, values)])})")
        if self.access is not None:
            self.emit("R.access = None")
        if self.setting is not None:
            if effects.moves:
                self.next = self.asked("R.next")
            if effects.loads or effects.stores:
                self.slow = True
                self.emit("q = q or R.check")
        self.memo.clear()
        return [*names] or [1]

    def account(self, effects: Effects) -> None:
        """Note what code outside these lines can do."""
        self.wrote |= effects.writes
        self.outside |= effects.volatile
        self.numbered |= effects.volatile or effects.free
        self.outside |= bool(effects.writes & self.ports)

    # ---- statements

    def run(self, block: Block, frame: Frame) -> bool:
        """Emit statements up to the end of the frame's body; whether what follows it can be reached."""
        for i, statement in enumerate(block):
            rest = block[i + 1 :]
            match statement:
                case If(condition, then, orelse):
                    guard = self.test_root(condition)
                    if isinstance(guard, int):
                        return self.run((then if guard else orelse) + rest, frame)
                    pushed = frame.kind != "function" and returning(statement) or (frame.kind == "tail" and not rest)
                    if pushed:
                        return self._branches(guard, then + rest, orelse + rest, frame, None)
                    if not self._branches(guard, then, orelse, frame, names_in(rest) if rest else frozenset()):
                        return False
                    self._learn(condition, then)
                case Return(values):
                    return self._complete(values, frame)
                case Do(call) if call.op == "call" and frame.kind == "tail" and not rest and not self._translates(call):
                    given = [self.atom(v) for v in self.arguments(call.args)]
                    if self.attempt(call.about, given, "tail") is None:
                        self._call(call.about, given)
                        self._finish()
                    return False
                case _:
                    if not self._statement(statement):
                        return False
        return self._complete((), frame)

    def _translates(self, call: Term) -> bool:
        return self.machine.code.translation is not None and call.about == self.machine.code.translation.function

    def test_root(self, term: Term) -> Value:
        outer = self.memo, self.shared
        self.memo, self.shared = {}, shared(term)
        result = self.test(term)
        self.memo, self.shared = outer
        return result

    def _learn(self, condition: Term, then: Block) -> None:
        """An address that goes on after a test of its low bits is aligned."""
        if not self.facts.ends(then) or condition.op != "lnot":
            return
        equal = condition.args[0]
        if equal.op == "eq" and equal.args[1].is_constant and equal.args[1].value == 0 and equal.args[0].op == "and":
            variable, bits = equal.args[0].args
            if variable.op == "var" and bits.is_constant and bits.value & bits.value + 1 == 0:
                name = self.variable(variable.name)
                if isinstance(name, str) and is_atom(name):
                    self.aligned[name] = bits.value + 1

    def _finish(self) -> None:
        self.emit(Goto(self.next))

    def _complete(self, values: Sequence[Term], frame: Frame) -> bool:
        """A return with `values`, or the end of the body without one."""
        if frame.kind == "tail":
            for term in values:
                self.plain(self.root(term))
            self._finish()
            return False
        if frame.kind == "function":
            found = self.roots(values) if values else [0] * len(frame.results)
            self.emit(f"return {', '.join(map(str, found))}" if found else "return")
            return False
        if self.depth == frame.depth:
            if len(values) == 1:
                frame.values = [self.root(values[0])]
            else:
                frame.values = [*self.roots(values)] if values else [0] * len(frame.results)
            return True
        found = self.roots(values) if values else [0] * len(frame.results)
        if not frame.variables:
            frame.variables = [self.fresh() for _ in found]
        for name, value in zip(frame.variables, found, strict=True):
            self.emit(f"{name} = {value}")
        return True

    def _branches(self, guard: str, then: Block, orelse: Block, frame: Frame, live: frozenset[Name] | None) -> bool:
        """Emit both sides: each to its own end, where locals of `live` meet, or where that is None to the end of the body."""
        whole = live is None
        outer, next_, aligned = self.names, self.next, self.aligned
        start, depth = len(self.lines), self.depth
        ends: list[tuple[bool, int, dict[Name, Value], Value]] = []
        self.emit(f"if {guard}:")
        for side in (then, orelse):
            if side is orelse and len(ends) == 1:
                self.emit("else:")
            self.depth = depth + 1
            self.names, self.next, self.aligned = dict(outer), next_, dict(aligned)
            flows = self.run(side, frame) if whole else self._side(side, frame)
            self.depth = depth
            ends.append((flows, len(self.lines), self.names, self.next))
        self.aligned = aligned
        first, second = ends
        if not (first[0] and second[0]):
            going = first if first[0] else second
            self.names, self.next = (outer if whole else going[2]), going[3]
            self._fill(start, first[1])
            return first[0] or second[0]
        self.names = outer if whole else dict(outer)
        joined = [] if whole else [n for n in first[2] if n in second[2] and first[2][n] != second[2][n]]
        meeting: list[tuple[Name | None, Value, Value]] = [
            (n, first[2][n], second[2][n]) for n in joined if live is not None and n in live
        ]
        for name in joined:
            self.names.pop(name, None)
        if not whole:
            self.names.update({n: v for n, v in first[2].items() if n in second[2] and second[2][n] == v})
        if first[3] != second[3]:
            meeting.append((None, first[3], second[3]))
        here: list[tuple[int, str | Goto]] = []
        for met, one, other in meeting:
            variable = self.fresh()
            here.append((depth + 1, f"{variable} = {one}"))
            self.lines.append((depth + 1, f"{variable} = {other}"))
            if met is not None:
                self.names[met] = variable
            else:
                self.next = variable
        self.lines[first[1] : first[1]] = here
        self._fill(start, first[1] + len(here))
        return True

    def _fill(self, start: int, middle: int) -> None:
        """Give an empty side a statement; lines `start` and `middle` are those of `if` and `else`."""
        if middle + 1 == len(self.lines):
            del self.lines[middle:]
        if middle == start + 1:
            self.lines.insert(middle, (self.depth + 1, "pass"))

    def _side(self, block: Block, frame: Frame) -> bool:
        """Emit the statements of an side after which the body goes on."""
        for i, statement in enumerate(block):
            match statement:
                case If(condition, then, orelse):
                    guard = self.test_root(condition)
                    if isinstance(guard, int):
                        return self._side((then if guard else orelse) + block[i + 1 :], frame)
                    # What is used after the whole side is not known here: every local may be.
                    if not self._branches(guard, then, orelse, frame, _ALL):
                        return False
                    self._learn(condition, then)
                case Return(values):
                    return self._complete(values, frame)
                case _:
                    if not self._statement(statement):
                        return False
        return True

    def _statement(self, statement: Statement) -> bool:
        match statement:
            case SetLocal(name, value):
                self.names[Name(LOCAL, name)] = self.atom(self.root(value))
            case SetLeaf(leaf, value):
                self._set_leaf(leaf, self.plain(self.root(value)))
            case SetElement(leaf, index, value):
                place, new = self.roots((index, value))
                self._set_element(leaf, place, new)
            case SetNext(value):
                new = self.plain(self.root(value))
                if self.setting is None:
                    self.emit(f"R.next = {new}")
                else:
                    self.next = self.atom(new)
            case Store(address, value):
                self._store(self.root(address), address.width, value)
            case Do(call):
                self.plain(self.root(call))
                return not (call.op == "call" and not self.facts.returns(call.about))
            case Bind(targets, function, args):
                found = self.invoke(function, [self.atom(v) for v in self.roots(args)])
                atoms = [self.atom(v) for v in found]
                self.names.update({Name(LOCAL, t): v for t, v in zip(targets, atoms, strict=True) if t is not None})
            case Raise(function, args, note):
                self.end(function, self.roots(args), note)
                return False
            case _:
                raise AssertionError(statement)
        return True

    def _store(self, place: Value | Translated, width: int, value: Term) -> None:
        if heavy(value) or not isinstance(place, Translated):
            place = self.atom(place)
        start = len(self.lines)
        new = self.plain(self.root(value))
        if isinstance(place, Translated) and len(self.lines) > start:
            # Something in the value may end the step, but not before the translation.
            del self.lines[start:]
            place = self.atom(place)
            new = self.plain(self.root(value))
        self.store(place, width, new, value.width)

    def _set_leaf(self, leaf: str, value: Value) -> None:
        self.wrote.add(leaf)
        if leaf in self.ports:
            self.outside = self.sync = True
            self.emit(f"R.step.set_scalar({leaf!r}, {value})")
        else:
            self.emit(f"S[{leaf!r}] = {value}")

    def _set_element(self, name: str, index: Value, value: Value) -> None:
        leaf = self.machine.state.arrays[name]
        self.wrote.add(name)
        if name in self.ports:
            self.outside = self.sync = True
            self.emit(f"R.step.set_element({name!r}, {index}, {value})")
            return
        if isinstance(index, int) and index < leaf.size:
            if index not in dict(leaf.hardwired):
                self.emit(f"{self.array(name)}[{index}] = {value}")
            return
        value = self.atom(value)
        index = self.in_range(name, index)
        for place, _ in leaf.hardwired:
            self.emit(f"if {index} != {place}:")
            self.depth += 1
        self.emit(f"{self.array(name)}[{index}] = {value}")
        self.depth -= len(leaf.hardwired)
