"""Expressions of the intermediate form as Python."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import cache
from typing import Final

from pgcheck.isa.terms import Name, Term, mask, signed, walk
from pgcheck.isa.terms.ir import UNPREDICTABLE
from pgcheck.isa.terms.names import STATE
from pgcheck.models.generated.access import AccessLines
from pgcheck.models.generated.lines import Translated, Unsupported
from pgcheck.models.generated.source import TESTS, TWICE, Value, computed, folded

_HEAVY: Final = frozenset(("call", "load", "undefined", "choice", "volatile"))
_LONGEST: Final = 300


@cache
def heavy(term: Term) -> bool:
    """Whether evaluating a term takes statements."""
    return term.op in _HEAVY or any(map(heavy, term.args))


@cache
def shared(root: Term) -> frozenset[Term]:
    """The larger nodes without effects that occur more than once under a root."""
    seen, found = set[Term](), set[Term]()
    for node in walk([root]):
        for argument in node.args:
            if argument in seen and argument.height > 2 and not heavy(argument):
                found.add(argument)
            seen.add(argument)
    return frozenset(found)


def _number(truth: Value) -> Value:
    """A truth as 0 or 1."""
    return truth if isinstance(truth, int) else f"(1 if {truth} else 0)"


class Expressions(AccessLines, ABC):
    """Writes expressions, with statements before them where a value takes some."""

    @abstractmethod
    def invoke(self, name: str, values: list[Value]) -> list[Value | Translated]:
        """The results of a call (one of 1 where there is none)."""

    def root(self, term: Term) -> Value | Translated:
        """The value of a term that no other contains."""
        outer = self.memo, self.shared
        self.memo, self.shared = {}, shared(term)
        result = self.raw(term)
        self.memo, self.shared = outer
        return result

    def roots(self, terms: Sequence[Term]) -> list[Value]:
        """The values of terms, evaluated in order."""
        found: list[Value] = []
        for i, term in enumerate(terms):
            value = self.plain(self.root(term))
            found.append(self.atom(value) if any(map(heavy, terms[i + 1 :])) else value)
        return found

    def value(self, term: Term) -> Value:
        return self.plain(self.raw(term))

    def raw(self, term: Term) -> Value | Translated:
        known = self.memo.get(term)
        if known is not None:
            return known
        value = self._raw(term)
        if isinstance(value, str):
            if term in self.shared:
                value = self.memo[term] = self.atom(value)
            elif len(value) > _LONGEST:
                value = self.atom(value)
        return value

    def _raw(self, term: Term) -> Value | Translated:
        match term.op:
            case "const":
                return term.value
            case "var":
                return self.variable(term.name)
            case "select":
                return self.element(term.args[0].name.text, self.value(term.args[1]))
            case "call":
                return self.invoke(term.about, self.arguments(term.args))[0]
            case "load":
                return self.load(self.raw(term.args[0]), term.args[0].width, term.width)
            case "undefined" | "choice":
                self.numbered = True
                return self.asked(f"R.step.undefined({term.about!r}, {term.width})")
            case "volatile":
                self.numbered = self.outside = self.sync = True
                index = self.value(term.args[0]) if term.args else None
                return self.asked(f"R.step.volatile({term.about!r}, {index})")
            case "length":
                return self.length
            case "encoding":
                return self.encoding if self.encoding_term is None else self.value(self.encoding_term)
            case "ite":
                return self.choice(self.test(term.args[0]), term.args[1], term.args[2], self.value)
            case "land" | "lor" | "lnot":
                return _number(self.test(term))
            case op if op in TESTS:
                return _number(self.test(term))
            case "add" | "sub" if not heavy(term):
                values = [self.loose(a, term.width) for a in term.args]
                exact = [v & mask(term.width) if isinstance(v, int) else v for v in values]
                if all(isinstance(v, int) for v in exact) or exact[1] == 0 or (exact[0] == 0 and term.op == "add"):
                    return self._operator(term, self.arguments(term.args))
                return f"({self._sum(term.op, values)} & {mask(term.width)})"
            case "extract" if term.bounds[1] == 0 and not heavy(term):
                inner = self.loose(term.args[0], term.width)
                return inner & mask(term.width) if isinstance(inner, int) else f"({inner} & {mask(term.width)})"
        return self._operator(term, self.arguments(term.args, TWICE.get(term.op, ())))

    def _sum(self, op: str, values: Sequence[Value]) -> str:
        a, b = values
        if isinstance(b, int) and b < 0:
            op, b = ("sub" if op == "add" else "add"), -b
        return f"{a} {'+' if op == 'add' else '-'} {b}"

    def loose(self, term: Term, width: int) -> Value:
        """A number that is the term's modulo 2**width, for a term without calls of at least `width` bits."""
        if term in self.shared or term in self.memo:
            return self.value(term)
        match term.op:
            case "const":
                return signed(width, term.value & mask(width))
            case "add" | "sub":
                values = [self.loose(a, width) for a in term.args]
                if all(isinstance(v, int) for v in values):
                    return self.value(term)
                return f"({self._sum(term.op, values)})"
            case "zext" | "sext" if term.args[0].width >= width:
                return self.loose(term.args[0], width)
            case "extract" if term.bounds[1] == 0:
                return self.loose(term.args[0], width)
            case "concat" if term.args[1].width >= width:
                return self.loose(term.args[1], width)
        value = self.value(term)
        return signed(width, value & mask(width)) if isinstance(value, int) else value

    def _operator(self, term: Term, values: list[Value]) -> Value:
        result = folded(term, values)
        return computed(term, values) if result is None else result

    def arguments(self, terms: Sequence[Term], twice: Sequence[bool] = ()) -> list[Value]:
        found: list[Value] = []
        for i, term in enumerate(terms):
            value = self.value(term)
            again = i < len(twice) and twice[i]
            found.append(self.atom(value) if again or any(map(heavy, terms[i + 1 :])) else value)
        return found

    def asked(self, text: str) -> str:
        name = self.fresh()
        self.emit(f"{name} = {text}")
        self.memo.clear()
        return name

    def test(self, term: Term) -> Value:
        """The truth of a Boolean term, as a constant or source that is true or false."""
        match term.op:
            case "lnot":
                inner = term.args[0]
                if inner.op == "eq" and inner.args[1].is_constant and inner.args[1].value == 0 and inner.args[0].width:
                    value = self.value(inner.args[0])
                    return int(value != 0) if isinstance(value, int) else value
                value = self.test(inner)
                return 1 - value if isinstance(value, int) else f"(not {value})"
            case "land":
                return self.choice(self.test(term.args[0]), term.args[1], 0, self.test)
            case "lor":
                return self.choice(self.test(term.args[0]), 1, term.args[1], self.test)
            case "ite":
                return self.choice(self.test(term.args[0]), term.args[1], term.args[2], self.test)
            case "eq" if not term.args[0].width:
                a, b = self.arguments(term.args)
                return int(a == b) if isinstance(a, int) and isinstance(b, int) else f"({a} == {b})"
            case op if op in TESTS:
                values = self.arguments(term.args)
                result = folded(term, values)
                if result is not None:
                    return result
                if op == "eq" and values[1] == 0:
                    return f"(not {values[0]})"
                return TESTS[op](0, tuple(a.width for a in term.args), None, str(values[0]), str(values[1]))
        return self.value(term)

    def choice(self, guard: Value, first: Term | int, second: Term | int, form: Callable[[Term], Value]) -> Value:
        """`first` or `second`, of which only one is evaluated."""
        if isinstance(guard, int):
            chosen = first if guard else second
            return chosen if isinstance(chosen, int) else form(chosen)
        outer, start, next_ = dict(self.memo), len(self.lines), self.next
        aligned, self.aligned = self.aligned, dict(self.aligned)
        self.depth += 1
        a = first if isinstance(first, int) else form(first)
        middle, self.memo = len(self.lines), dict(outer)
        b = second if isinstance(second, int) else form(second)
        self.depth -= 1
        self.memo, self.aligned = outer, aligned
        if self.next != next_:
            raise Unsupported
        if len(self.lines) == start:
            if second == 0:
                return f"({guard} and {a})" if form == self.test else f"({a} if {guard} else 0)"
            if first == 1 and form == self.test:
                return f"({guard} or {b})"
            return f"({a} if {guard} else {b})"
        self.memo = {}
        name, depth = self.fresh(), self.depth
        self.lines[middle:middle] = [(depth + 1, f"{name} = {a}"), (depth, "else:")]
        self.lines.insert(start, (depth, f"if {guard}:"))
        self.within(f"{name} = {b}")
        return name

    def variable(self, name: Name) -> Value:
        if name.space != STATE:
            return self.names[name]
        leaf = name.text
        if self.setting is not None:
            if leaf == self.machine.state.pc:
                return self.pc
            fixed = self.setting.context.get(leaf)
            if isinstance(fixed, int) and self.special:
                return fixed
        return f"S[{leaf!r}]"

    def element(self, name: str, index: Value) -> Value:
        leaf = self.machine.state.arrays[name]
        hardwired = dict(leaf.hardwired)
        if isinstance(index, int) and index < leaf.size:
            if index in hardwired:
                return hardwired[index]
            fixed = self.setting.context.get(name) if self.setting is not None and self.special else None
            return fixed[index] if isinstance(fixed, tuple) else f"{self.array(name)}[{index}]"
        index = self.in_range(name, index)
        source = f"{self.array(name)}[{index}]"
        for place, value in leaf.hardwired:
            source = f"({value} if {index} == {place} else {source})"
        return source

    def in_range(self, name: str, index: Value) -> Value:
        leaf = self.machine.state.arrays[name]
        if leaf.size < 1 << leaf.index_width or leaf.hardwired:
            index = self.atom(index)
        if leaf.size < 1 << leaf.index_width:
            self.emit(f"if {index} >= {leaf.size}:")
            self.depth += 1
            self.end(UNPREDICTABLE, (), f"index beyond {name}")
            self.depth -= 1
        return index
