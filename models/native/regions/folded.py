"""LLVM's emitter where much is known beforehand: constants are computed, what was put in a variable is at hand, functions are written in place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from pgcheck.isa.terms import OPERATORS, mask, signed
from pgcheck.models.native.lowering.builder import Resize, Value
from pgcheck.models.native.lowering.llvm import Body

Known = dict[Value, Value]


def literal(value: Value) -> int | None:
    """The number that a value is, where that is known."""
    if value[0] == "%":
        return None
    return int(value == "true") if value in ("true", "false") else int(value)


@dataclass(frozen=True, slots=True)
class _End:
    """How a path ended that goes on at the end of a branch or of a function written in place."""

    known: Known
    stored: bool


@dataclass(slots=True)
class _Path:
    """A branch that is being written: its guard, what held where it began, and how its first part ended."""

    guard: Value
    opened: bool
    begin: _End
    turned: bool = False
    first: _End | None = None


@dataclass(slots=True)
class _Frame:
    """A function that is being written in place."""

    label: str
    results: tuple[tuple[int, Value], ...]
    ends: list[_End] = field(default_factory=list)


class Folded(Body):
    """A body in which nothing is computed twice that is known when it is written.

    `stored`: guest memory may have been changed on a way to this place.
    """

    known: Known
    stored = False

    def fresh(self) -> None:
        """Begin something that is reached from anywhere."""
        self.known, self.stored = {}, False
        self._paths: list[_Path] = []
        self._frames: list[_Frame] = []

    @property
    def reached(self) -> bool:
        """Whether what is written now can be reached."""
        return self._open

    # ---- values

    def _folded(self, op: str, width: int, widths: tuple[int, ...], values: Sequence[Value]) -> Value | None:
        numbers = [literal(v) for v in values]
        known = [n & mask(w or 1) for n, w in zip(numbers, widths, strict=True) if n is not None]
        if len(known) != len(values):
            return None
        return self.constant(width, OPERATORS[op].python(width or 1, widths, "", *known))

    def op(self, op: str, width: int, a: Value, b: Value) -> Value:
        if width == 0:
            return self._truth(op, a, b)
        if b == "0" and op in ("add", "sub", "or", "xor", "shl", "lshr", "ashr"):
            return a
        return self._folded(op, width, (width, width), (a, b)) or super().op(op, width, a, b)

    def _truth(self, op: str, a: Value, b: Value) -> Value:
        """`and`, `or` and `xor` of truths."""
        if literal(a) is not None:
            a, b = b, a
        if literal(b) is None:
            return super().op(op, 0, a, b)
        if op == "xor":
            return super().op(op, 0, a, b) if b == "true" and literal(a) is None else self._differ(a, b)
        absorbing = "false" if op == "and" else "true"
        return b if b == absorbing else a

    @staticmethod
    def _differ(a: Value, b: Value) -> Value:
        return a if b == "false" else ("false" if a == "true" else "true")

    def compare(self, op: str, width: int, a: Value, b: Value) -> Value:
        if a == b:
            return "true" if op in ("eq", "ule", "sle") else "false"
        return self._folded(op, 0, (width, width), (a, b)) or super().compare(op, width, a, b)

    def resize(self, how: Resize, width: int, to: int, a: Value) -> Value:
        number = literal(a)
        if number is None or a in ("true", "false") and (to or 1) == 1:
            return super().resize(how, width, to, a)
        number &= mask(width or 1)
        if how == "sext":
            number = signed(width or 1, number)
        return self.constant(to, number & mask(to or 1))

    def select(self, width: int, guard: Value, a: Value, b: Value) -> Value:
        if guard in ("true", "false"):
            return a if guard == "true" else b
        return a if a == b else super().select(width, guard, a, b)

    # ---- variables

    def get(self, width: int, variable: Value) -> Value:
        found = self.known.get(variable)
        if found is None:
            found = self.known[variable] = super().get(width, variable)
        return found

    def put(self, width: int, variable: Value, value: Value) -> None:
        super().put(width, variable, value)
        self.known[variable] = value

    # ---- control

    def _now(self) -> _End | None:
        return _End(dict(self.known), self.stored) if self._open else None

    def _meet(self, ends: Sequence[_End]) -> None:
        """Go on from where several paths end: what holds on all of them is known."""
        if ends:
            first, *others = ends
            shared = {k: v for k, v in first.known.items() if all(e.known.get(k) == v for e in others)}
            self.known, self.stored = shared, any(e.stored for e in ends)

    def branch(self, guard: Value, rare: Literal["", "then", "else"] = "") -> None:
        self._paths.append(_Path(guard, self._open, _End(dict(self.known), self.stored)))
        if guard[0] == "%":
            super().branch(guard, rare)
        elif guard == "false":
            self._open = False

    def otherwise(self) -> None:
        path = self._paths[-1]
        path.turned, path.first = True, self._now()
        if path.guard[0] == "%":
            super().otherwise()
        else:
            self._open = path.opened and path.guard == "false"
        self.known, self.stored = dict(path.begin.known), path.begin.stored

    def join(self) -> None:
        if not self._paths[-1].turned:
            self.otherwise()
        path = self._paths.pop()
        ends = [e for e in (path.first, self._now()) if e is not None]
        if path.guard[0] == "%":
            super().join()
        else:
            self._open = bool(ends)
        self._meet(ends)

    # ---- functions in place

    def inline(self, results: Sequence[int]) -> None:
        self._count += 1
        self._frames.append(_Frame(f"d{self._count}", tuple((w, self.variable(w)) for w in results)))

    def finish(self, values: Sequence[tuple[int, Value]] = ()) -> None:
        frame = self._frames[-1]
        for (width, variable), (_, value) in zip(frame.results, values, strict=True):
            self.put(width, variable, value)
        now = self._now()
        if now is not None:
            frame.ends.append(now)
            self._end(f"br label %{frame.label}")

    def close(self) -> list[Value]:
        frame = self._frames.pop()
        if frame.ends:
            self._begin(frame.label)
        self._meet(frame.ends)
        return [self.get(width, variable) for width, variable in frame.results]
