"""What a back end offers to the lowering: values of any width, structured control, and memory that no index leaves.

Values are named by texts. Width 0 is a truth, width n a number of n bits. `op` is one of `add sub mul and or xor shl lshr ashr udiv urem
sdiv srem`: a shift by the width or more gives any value, a division by zero or one that overflows must not be reached. What SMT-LIB says of
those is the lowering's to guard.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from pgcheck.models.native.lowering.layout import Place, Region

Value = str
Resize = Literal["zext", "sext", "trunc"]


class Builder(Protocol):
    """The body of one function, written from its start to its end."""

    def constant(self, width: int, value: int) -> Value: ...

    def op(self, op: str, width: int, a: Value, b: Value) -> Value: ...

    def compare(self, op: str, width: int, a: Value, b: Value) -> Value:
        """The truth of `eq ult ule slt sle`."""
        ...

    def resize(self, how: Resize, width: int, to: int, a: Value) -> Value:
        """`a` of `width` bits with `to` bits; no change where they are equal."""
        ...

    def reversed(self, width: int, a: Value) -> Value:
        """The bytes of a number the other way round; `width` is a multiple of 16."""
        ...

    def select(self, width: int, guard: Value, a: Value, b: Value) -> Value: ...

    # ---- variables and control

    def variable(self, width: int) -> Value:
        """A new variable, for `get` and `put`."""
        ...

    def get(self, width: int, variable: Value) -> Value: ...

    def put(self, width: int, variable: Value, value: Value) -> None: ...

    def branch(self, guard: Value, rare: Literal["", "then", "else"] = "") -> None:
        """Begin what is done where `guard` holds; `otherwise` goes over to where it does not, `join` ends both."""
        ...

    def otherwise(self) -> None: ...

    def join(self) -> None: ...

    def loop(self) -> str:
        """Begin what is done again and again, for `again`; nothing is in a branch here that is not ended before `again`."""
        ...

    def again(self, label: str, guard: Value) -> None:
        """Go back to where a loop began if `guard` holds."""
        ...

    def inline(self, results: Sequence[int]) -> None:
        """Begin a body within this one, with results of its own: `finish` ends it, not the function."""
        ...

    def close(self) -> list[Value]:
        """Go on behind the body that was begun last, with its results."""
        ...

    def finish(self, values: Sequence[tuple[int, Value]] = ()) -> None:
        """End the function with results."""
        ...

    def fail(self) -> None:
        """End the function by an exit that the exit record tells."""
        ...

    def call(self, name: str, args: Sequence[tuple[int, Value]], results: Sequence[int]) -> list[Value]:
        """Whether a function failed, and its results."""
        ...

    # ---- how an instruction ends

    def follow(self, pc: Value, left: Value) -> None:
        """Go on with the record behind this one."""
        ...

    def jump(self, pc: Value, left: Value) -> None:
        """Go on with the record of an address, if there is one."""
        ...

    def link(self, pc: Value, left: Value) -> None:
        """Go on with the record of an address that is the same each time the record of this instruction runs."""
        ...

    def stop(self, status: int, pc: Value, left: Value) -> None:
        """Leave for the host."""
        ...

    # ---- memory

    def read(self, place: Place) -> Value: ...

    def write(self, place: Place, value: Value) -> None: ...

    def element(self, region: Region, index: Value) -> Value:
        """An element; `index` has 64 bits, of which those are dropped that lead out of the region."""
        ...

    def put_element(self, region: Region, index: Value, value: Value) -> None: ...

    def physical(self, index: Value, width: int) -> Value:
        """`width` bits of guest memory from an element on; the index is cut as `element` cuts it."""
        ...

    def put_physical(self, index: Value, width: int, value: Value) -> None: ...

    def field(self, offset: int, width: int) -> Value:
        """A field of the record of the instruction that runs."""
        ...

    def put_field(self, offset: int, width: int, value: Value) -> None: ...

    def cell(self, offset: Value, width: int) -> Value:
        """A number at a byte of native memory, which the engine itself has worked out."""
        ...

    def put_cell(self, offset: Value, width: int, value: Value) -> None: ...

    def outside(self, request: int, a: Value, b: Value) -> Value:
        """Ask the host, two numbers of 64 bits given; whether it failed."""
        ...
