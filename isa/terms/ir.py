"""The intermediate form: statements over terms, once per instruction and function.

Expressions are `terms.Term` whose variables are state, operands and locals, arrays are state, and which besides the operators use: `call` (data: name of a lowered function), `load` (physical memory,
width bits), `undefined` and `choice` (data: site), `volatile` (a fresh read, data: leaf), `encoding`. A binding gives
each of these its meaning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pgcheck.isa.terms import Term

Block = tuple["Statement", ...]


@dataclass(frozen=True, slots=True)
class SetLocal:
    name: str
    value: Term


@dataclass(frozen=True, slots=True)
class SetLeaf:
    leaf: str
    value: Term


@dataclass(frozen=True, slots=True)
class SetElement:
    leaf: str
    index: Term
    value: Term


@dataclass(frozen=True, slots=True)
class SetNext:
    """Where execution goes on after completion (in a delivery body: after delivery)."""

    value: Term


@dataclass(frozen=True, slots=True)
class Store:
    """Write `value` to physical memory at `address`, both bit vectors."""

    address: Term
    value: Term


@dataclass(frozen=True, slots=True)
class If:
    condition: Term
    then: Block
    orelse: Block


@dataclass(frozen=True, slots=True)
class Do:
    """Evaluate a call for its effects."""

    call: Term


@dataclass(frozen=True, slots=True)
class Bind:
    """Call a function with several results and set the locals `targets` (None: dropped)."""

    targets: tuple[str | None, ...]
    function: str
    args: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Return:
    values: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Raise:
    """End the step with the exit `function`, its payload `args`; `note` is the reason of a built-in exit."""

    function: str
    args: tuple[Term, ...]
    note: str = ""


Statement = SetLocal | SetLeaf | SetElement | SetNext | Store | If | Do | Bind | Return | Raise

UNPREDICTABLE = "unpredictable"
UNMODELLED = "unmodelled"
HALT = "halt"
BUILTIN_EXITS = (UNPREDICTABLE, UNMODELLED, HALT)

# How a step ends besides by a terminator: the translation oracle's fault, completion; and the kind of exit from which the guest goes on.
TRANSLATE = "translation fault"
NEXT = "next"
EXECUTE = "execute"


@dataclass(frozen=True, slots=True)
class Function:
    """A lowered function: parameters (names as `l.NAME` locals, widths), widths of its results, body."""

    name: str
    parameters: tuple[tuple[str, int], ...]
    results: tuple[int, ...]
    body: Block


Functions = Mapping[str, Function]
