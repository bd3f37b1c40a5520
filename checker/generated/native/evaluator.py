"""Operations of native code evaluated on terms, a function from its beginning to its ends, all ways at once."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from pgcheck.checker.generated.integers import Unknown
from pgcheck.checker.generated.native.hosted import Hosted
from pgcheck.checker.generated.native.idioms import chosen
from pgcheck.checker.generated.native.reading import Line, Written, definition
from pgcheck.checker.generated.native.ways import Way, bits, met, truth
from pgcheck.isa.terms import FALSE, TRUE, Term, constant, disjunction, eq, extract, land, lnot, lor, mk, variable
from pgcheck.isa.terms.names import FREE, Name

_JUNCTIONS: Final[Mapping[str, Callable[[Term, Term], Term]]] = {"and": land, "or": lor}
_SHIFTS: Final = ("shl", "lshr", "ashr")
_DIVISIONS: Final = ("udiv", "urem", "sdiv", "srem")
MOST_OPERATIONS: Final = 60_000
"""Of one question."""


@dataclass(frozen=True, slots=True)
class Pointer:
    """An address: what it is counted from, and how far."""

    base: str
    offset: Term


Value = Term | Pointer | tuple["Term | Pointer | None", ...]


@dataclass(slots=True)
class Ended:
    """How a function ended, on which way, and with what."""

    way: Way
    results: tuple[Term, ...] = ()


@dataclass(slots=True)
class Call:
    """A function that is being evaluated: `values` of its names, `waiting` ways by block, the ends that were reached."""

    written: Written
    number: int
    values: dict[str, Value]
    waiting: dict[str, list[Way]] = field(default_factory=dict)
    ends: list[Ended] = field(default_factory=list)
    way: Way | None = None


@dataclass
class Evaluator(Hosted, ABC):
    """Evaluates functions of a module, whose texts are by name; `escapes` are what must not be: (what, when)."""

    texts: Mapping[str, str] = field(default_factory=dict)
    written: dict[str, Written] = field(default_factory=dict)
    counted: int = 0
    calls: int = 0

    @abstractmethod
    def called(self, way: Way, name: str, args: Sequence[Term], widths: Sequence[int]) -> Ended | None:
        """The results of a function; None if it does not come back."""

    @abstractmethod
    def went(self, way: Way, how: str, at: Pointer, pc: Term, left: Term) -> None:
        """The handler has ended: it stops, or goes on with a record."""

    @abstractmethod
    def added(self, way: Way, a: Term, b: Term) -> Term | None:
        """A sum that has a meaning of its own."""

    def function(self, name: str) -> Written:
        """A function of the module. Raises Unknown."""
        if name not in self.written:
            if name not in self.texts:
                raise Unknown(f"a function {name}")
            self.written[name] = definition(self.texts[name])
        return self.written[name]

    def run(self, written: Written, args: Sequence[Value], way: Way) -> list[Ended]:
        """The ends of a function, called with arguments on a way."""
        self.calls += 1
        call = Call(written, self.calls, dict(zip(written.parameters, args, strict=True)), {"": [way]})
        done = set[str]()
        for label, lines in written.blocks.items():
            ways = call.waiting.pop(label, [])
            done.add(label)
            if not ways:
                continue
            for way_ in ways if lines[0].form in ("tail", "returned") else [met(ways)]:
                self.follow(call, lines, way_)
            if done & call.waiting.keys():
                raise Unknown("a loop")
        if call.waiting:
            raise Unknown("a block that is not there")
        return call.ends

    def follow(self, call: Call, lines: Sequence[Line], way: Way) -> None:
        """The operations of a block on a way."""
        call.way = way
        for line in lines:
            if call.way is None:
                return
            self.counted += 1
            if self.counted > MOST_OPERATIONS:
                raise Unknown("more operations than are followed")
            getattr(self, f"_{line.form}")(call, line)

    def returned(self, written: Written, args: Sequence[Value], way: Way) -> Ended | None:
        """The one end of a function that returns; None if it never does."""
        ends = self.run(written, args, way)
        if not ends:
            return None
        names = [f"$r{k}" for k in range(len(ends[0].results))]
        for end in ends:
            end.way.state |= dict(zip(names, end.results, strict=True))
        merged = met([e.way for e in ends])
        return Ended(merged, tuple(merged.state.pop(n) for n in names))

    # ---- values

    def value(self, call: Call, text: str, width: int) -> Term:
        """A number or truth of so many bits."""
        found = self.named(call, text, width)
        if not isinstance(found, Term):
            raise Unknown(f"what {text} is")
        if (found.width or 1) != width:
            raise Unknown(f"{text} of another width")
        return found

    @staticmethod
    def named(call: Call, text: str, width: int = 64) -> Value:
        if text.startswith("%"):
            if text not in call.values:
                raise Unknown(f"the value {text}, which is not there")
            return call.values[text]
        if text in ("true", "false"):
            return TRUE if text == "true" else FALSE
        if not re.fullmatch(r"-?\d+", text):
            raise Unknown(f"the value {text}")
        return constant(width, int(text))

    def pointer(self, call: Call, text: str) -> Pointer:
        if text.startswith("@"):
            return Pointer(text, constant(64, 0))
        found = self.named(call, text)
        if not isinstance(found, Pointer):
            raise Unknown(f"what {text} points to")
        return found

    @staticmethod
    def here(call: Call) -> Way:
        assert call.way is not None
        return call.way

    # ---- operators

    def _binary(self, call: Call, line: Line) -> None:
        op, width = line.parts["op"], int(line.parts["width"])
        a, b = (self.value(call, line.parts[n], width) for n in "ab")
        if width == 1 and op in ("and", "or", "xor") and not (a.width and b.width):
            a, b = truth(a), truth(b)
            call.values[line.result] = _JUNCTIONS[op](a, b) if op in _JUNCTIONS else lnot(eq(a, b))
            return
        known = self.added(self.here(call), a, b) if op == "add" and width == 64 else None
        call.values[line.result] = known or self.operator(self.here(call), op, bits(a), bits(b))

    def operator(self, way: Way, op: str, a: Term, b: Term) -> Term:
        """What an operator gives; where it gives anything, and where it ends the process, must not be."""
        width = a.width
        if op in _SHIFTS:
            self.escape(way, "a shift by the width or more", lnot(mk("ule", 0, b, constant(width, width - 1))))
        if op in _DIVISIONS:
            self.escape(way, "a division by 0", eq(b, constant(width, 0)))
        if op in ("sdiv", "srem"):
            least, ones = constant(width, 1 << width - 1), constant(width, -1)
            self.escape(way, "a division that overflows", land(eq(a, least), eq(b, ones)))
        return mk(op, width, a, b)

    def _divided(self, call: Call, line: Line) -> None:
        width = int(line.parts["width"])
        a, b = (self.value(call, line.parts[n], width) for n in "ab")
        call.values[line.result] = tuple(self.operator(self.here(call), op, a, b) for op in ("udiv", "urem"))

    def _compare(self, call: Call, line: Line) -> None:
        op, kind = line.parts["op"], line.parts["type"]
        if kind == "ptr":
            first = self.pointer(call, line.parts["a"])
            if op != "eq" or line.parts["b"] != "null":
                raise Unknown("a comparison of addresses")
            call.values[line.result] = variable(0, Name(FREE, f"$ no {first.base}"))
            return
        width = int(kind[1:])
        a, b = (self.value(call, line.parts[n], width) for n in "ab")
        if width == 1:
            a, b = (truth(a), truth(b)) if not (a.width and b.width) else (a, b)
        found = eq(a, b) if op == "eq" else mk(op, 0, bits(a), bits(b))
        call.values[line.result] = self.settled(self.here(call), found)

    def _resize(self, call: Call, line: Line) -> None:
        op, width, to = line.parts["op"], int(line.parts["width"]), int(line.parts["to"])
        a = bits(self.value(call, line.parts["a"], width))
        if (to >= width) is (op == "trunc") and to != width:
            raise Unknown(f"{op} from {width} to {to} bits")
        call.values[line.result] = extract(a, to - 1, 0) if op == "trunc" else mk(op, to, a)

    def _select(self, call: Call, line: Line) -> None:
        width = int(line.parts["width"])
        guard = truth(self.value(call, line.parts["guard"], 1))
        a, b = (self.value(call, line.parts[n], width) for n in "ab")
        if a.width != b.width:
            a, b = truth(a), truth(b)
        if not a.width:
            call.values[line.result] = lor(land(guard, a), land(lnot(guard), b))
            if a is TRUE:
                call.values[line.result] = lor(guard, b)
            elif b is FALSE:
                call.values[line.result] = land(guard, a)
            return
        call.values[line.result] = chosen(guard, a, b)

    def _reversed(self, call: Call, line: Line) -> None:
        width = int(line.parts["width"])
        a = self.value(call, line.parts["a"], width)
        found = extract(a, 7, 0)
        for low in range(8, width, 8):
            found = mk("concat", found.width + 8, found, extract(a, low + 7, low))
        call.values[line.result] = found

    def _part(self, call: Call, line: Line) -> None:
        whole = self.named(call, line.parts["a"])
        part = whole[int(line.parts["k"])] if isinstance(whole, tuple) else None
        if part is None:
            raise Unknown("a result that nothing gave")
        call.values[line.result] = part

    def _joined(self, call: Call, line: Line) -> None:
        whole = list(self.whole(call, line.parts["a"]))
        whole[int(line.parts["k"])] = self.value(call, line.parts["b"], int(line.parts["width"]))
        call.values[line.result] = tuple(whole)

    def whole(self, call: Call, text: str) -> tuple[Term | Pointer | None, ...]:
        """Several values in one."""
        if not text.startswith("{"):
            found = self.named(call, text)
            assert isinstance(found, tuple)
            return found
        parts = (p.split() for p in text.strip("{}").split(", "))
        found_ = tuple(None if v == "undef" else self.named(call, v, int(t[1:])) for t, v in parts)
        return tuple(v for v in found_ if not isinstance(v, tuple))

    # ---- variables and addresses

    def _variable(self, call: Call, line: Line) -> None:
        call.values[line.result] = Pointer(f"${call.number} {line.result}", constant(64, 0))

    def _place(self, call: Call, line: Line) -> None:
        at = self.pointer(call, line.parts["at"])
        call.values[line.result] = Pointer(at.base, mk("add", 64, at.offset, self.value(call, line.parts["a"], 64)))

    def _number(self, call: Call, line: Line) -> None:
        at = self.pointer(call, line.parts["at"])
        call.values[line.result] = mk("add", 64, variable(64, Name(FREE, f"$ at {at.base}")), at.offset)

    def _load(self, call: Call, line: Line) -> None:
        at, kind, way = self.pointer(call, line.parts["at"]), line.parts["type"], self.here(call)
        if kind == "ptr":
            call.values[line.result] = Pointer(self.led(way, at.base, at.offset), constant(64, 0))
            return
        width = int(kind[1:])
        if at.base.startswith("$"):
            found = way.state.get(at.base)
            if found is None:
                raise Unknown("a variable that nothing set")
            call.values[line.result] = found
        elif at.base == "rec":
            call.values[line.result] = self.field(way, at.offset, width)
        elif at.base == "st":
            call.values[line.result] = self.loaded(way, at.offset, width)
        else:
            raise Unknown(f"a read of {at.base}")

    def _store(self, call: Call, line: Line) -> None:
        at, kind, way = self.pointer(call, line.parts["at"]), line.parts["type"], self.here(call)
        if kind == "ptr":
            self.linked(way, at.base, at.offset, self.pointer(call, line.parts["a"]).base)
            return
        value = self.value(call, line.parts["a"], int(kind[1:]))
        if at.base.startswith("$"):
            way.state[at.base] = value
        elif at.base == "rec":
            self.put_field(way, at.offset, bits(value))
        elif at.base == "st":
            self.stored(way, at.offset, bits(value))
        else:
            raise Unknown(f"a write to {at.base}")

    # ---- control

    def settled(self, way: Way, guard: Term) -> Term:
        """A truth, or what it is known to be on a way."""
        if guard in way.literals:
            return TRUE
        return FALSE if lnot(guard) in way.literals else guard

    def _go(self, call: Call, line: Line) -> None:
        call.waiting.setdefault(line.parts["label"], []).append(self.here(call))
        call.way = None

    def _branch(self, call: Call, line: Line) -> None:
        guard, way = truth(self.value(call, line.parts["guard"], 1)), self.here(call)
        for label, test in ((line.parts["label"], guard), (line.parts["orelse"], lnot(guard))):
            taken = way.on(test)
            if taken is not None:
                call.waiting.setdefault(label, []).append(taken)
        call.way = None

    def _switch(self, call: Call, line: Line) -> None:
        at, way = self.value(call, line.parts["a"], 64), self.here(call)
        cases = re.findall(r"i64 (-?\d+), label %(\w+)", line.parts["cases"])
        tests = [(eq(at, constant(64, int(number))), label) for number, label in cases]
        for test, label in (*tests, (lnot(disjunction(t for t, _ in tests)), line.parts["label"])):
            taken = way.on(test)
            if taken is not None:
                call.waiting.setdefault(label, []).append(taken)
        call.way = None

    def _returned(self, call: Call, line: Line) -> None:
        text = line.parts["a"]
        parts = self.whole(call, text) if text[0] in "{%" else (self.named(call, text, 32),)
        given = tuple(p for p in parts if isinstance(p, Term))
        if len(given) != len(parts):
            given = tuple(
                p if isinstance(p, Term) else self.any(self.width_of(call, text, k)) for k, p in enumerate(parts)
            )
        call.ends.append(Ended(self.here(call), given))
        call.way = None

    def width_of(self, call: Call, text: str, k: int) -> int:
        """The width of a part of what a function returns, which its text tells."""
        return int(text.strip("{}").split(", ")[k].split()[0][1:])

    def any(self, width: int) -> Term:
        """A number that nothing is known of."""
        self.calls += 1
        return variable(width, Name(FREE, f"$any{self.calls}"))

    def _nothing(self, call: Call, line: Line) -> None:
        if call.way is not None:
            call.ends.append(Ended(call.way))
        call.way = None

    @cached_property
    def handlers(self) -> frozenset[str]:
        return frozenset(n for n in self.texts if re.fullmatch(r"[rs]*h\d+|stop\d+|link", n))

    def _tail(self, call: Call, line: Line) -> None:
        at, way = self.pointer(call, line.parts["at"]), self.here(call)
        pc, left = (self.value(call, line.parts[n], 64) for n in "ab")
        name = line.parts["name"]
        if name.startswith("@") and not name.startswith("@stop"):
            self.run(self.function(name[1:]), (Pointer("st", constant(64, 0)), at, pc, left), way)
        else:
            where = name[1:] if name.startswith("@") else self.pointer(call, name).base
            self.went(way, where, at, pc, left)
        call.way = None

    def _call(self, call: Call, line: Line) -> None:
        given = re.findall(r"i(\d+) ([%\w.\-]+)", line.parts["args"])
        args = [self.value(call, text, int(width)) for width, text in given]
        widths = [int(t.strip()[1:]) for t in line.parts["types"].split(",")]
        found = self.called(self.here(call), line.parts["name"], args, widths)
        if found is None:
            call.way = None
            return
        call.way, call.values[line.result] = found.way, found.results

    def _host(self, call: Call, line: Line) -> None:
        if self.pointer(call, line.parts["at"]).base != "led header host":
            raise Unknown("a call of what is not the host")
        a, b = (self.value(call, line.parts[n], 64) for n in "ab")
        call.values[line.result] = self.served(self.here(call), int(line.parts["request"]), a, b)
