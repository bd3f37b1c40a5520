"""What a batch's code is written with besides the builder: words at addresses, calls of addresses, tables of named words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from pgcheck.models.native.lowering.builder import Value
from pgcheck.models.native.lowering.layout import Layout
from pgcheck.models.native.lowering.llvm import Body
from pgcheck.models.native.lowering.text import typed

WORD: Final = 8
"""Bytes of a word."""


class Text(Body):
    """A function of a batch: its parameters and results are words."""

    def __init__(self, layout: Layout, name: str, parameters: int = 0, results: int = 0) -> None:
        super().__init__(layout, "function", name, [64] * parameters, [64] * results)

    def do(self, op: str, a: Value, b: Value | int) -> Value:
        return self.op(op, 64, a, str(b))

    def eq(self, a: Value, b: Value | int) -> Value:
        return self.compare("eq", 64, a, str(b))

    def less(self, a: Value, b: Value | int) -> Value:
        return self.compare("ult", 64, a, str(b))

    def no(self, truth: Value) -> Value:
        return self.op("xor", 0, truth, "true")

    # ---- memory at addresses

    def _pointer(self, address: Value, offset: Value | int) -> Value:
        return self._value(f"inttoptr i64 {self.do('add', address, offset)} to ptr")

    def at(self, address: Value, offset: Value | int = 0, width: int = 64) -> Value:
        """A number at an address, as a word."""
        found = self._value(f"load {typed(width)}, ptr {self._pointer(address, offset)}, align 1")
        return self.resize("zext", width, 64, found)

    def set(self, address: Value, offset: Value | int, value: Value | int, width: int = 64) -> None:
        kept = self.resize("trunc", 64, width, str(value))
        self._emit(f"store {typed(width)} {kept}, ptr {self._pointer(address, offset)}, align 1")

    def _wide(self, address: Value, offset: Value | int, width: int) -> Value:
        return self._value(f"load {typed(width)}, ptr {self._pointer(address, offset)}, align 1")

    def move(self, source: Value, target: Value, at: Value | int, width: int) -> None:
        """Copy some bits from one block to another."""
        found = self._wide(source, at, width)
        self._emit(f"store {typed(width)} {found}, ptr {self._pointer(target, at)}, align 1")

    def same(self, one: Value, other: Value, at: Value | int, width: int) -> Value:
        """Whether some bits of two blocks are the same."""
        return self.compare("eq", width, self._wide(one, at, width), self._wide(other, at, width))

    def count(self, address: Value, offset: Value | int, more: Value | int = 1) -> None:
        self.set(address, offset, self.do("add", self.at(address, offset), more))

    # ---- calls

    def asks(self, function: Value, state: Value) -> Value:
        """Call a function that the engine exports; whether it ended in an exit."""
        pointer = self._value(f"inttoptr i64 {function} to ptr")
        given = self._value(f"inttoptr i64 {state} to ptr")
        return self.compare("eq", 32, self._value(f"call i32 {pointer}(ptr {given})"), "1")

    def ours(self, name: str, *args: Value) -> Value:
        """Call a function of the batch that has one result."""
        return self.call(name, [(64, a) for a in args], (64,))[1]

    def about(self, state: Value) -> None:
        """Whatever asks the host from now on does so for this state."""
        self._emit(f"store i64 {state}, ptr @here, align 8")

    def context(self) -> Value:
        return self._value("load i64, ptr @context, align 8")

    def back(self, value: Value | int) -> None:
        self.finish([(64, str(value))])


class Fields:
    """The words of a table in memory, by name: the offset of each in bytes."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self.at = {name: WORD * k for k, name in enumerate(names)}

    def __getitem__(self, name: str) -> int:
        return self.at[name]

    @property
    def size(self) -> int:
        return WORD * len(self.names)


WIDE: Final = 64
"""Bytes that are moved or compared at once where there are as many."""


def copied(body: Text, source: Value, target: Value, size: Value | int) -> None:
    """Copy a block of whole words, at least one."""

    def moved(at: Value | int, width: int) -> None:
        body.move(source, target, at, width)

    _each(body, size, moved)


def _each(body: Text, size: Value | int, done: Callable[[Value | int, int], None]) -> None:
    """Go through a block: as many bits at once as there are."""
    if isinstance(size, int):
        for first in range(0, size - size % WIDE, WIDE):
            done(first, 8 * WIDE)
        for first in range(size - size % WIDE, size, WORD):
            done(first, 8 * WORD)
        return
    at = body.variable(64)
    body.put(64, at, "0")
    for step in (WIDE, WORD):
        end = body.do("sub", size, body.do("and", size, step - 1))
        body.branch(body.less(body.get(64, at), end))
        loop = body.loop()
        here = body.get(64, at)
        done(here, 8 * step)
        body.put(64, at, body.do("add", here, step))
        body.again(loop, body.less(body.get(64, at), end))
        body.join()


def alike(body: Text, one: Value, other: Value, size: Value | int) -> Value:
    """Whether two blocks of whole words, at least one, hold the same: a number that is 0 where they do."""
    differ = body.variable(64)
    body.put(64, differ, "0")

    def compared(at: Value | int, width: int) -> None:
        same = body.same(one, other, at, width)
        body.put(64, differ, body.select(64, same, body.get(64, differ), "1"))

    _each(body, size, compared)
    return body.get(64, differ)
