"""Machines as bytes, by parts: what is read makes values of the classes named here and nothing else, and terms are the same objects again.

A part is a pickle of its terms, arguments before their users, so that no depth of a term is a depth of the file, and of itself. What a class is made
of are its fields in order; a value of a class that is not named here is not written.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache, partial
from typing import Any, Final

from pgcheck.isa.encoding.codec import Decoder
from pgcheck.isa.encoding.coverage import Undecided
from pgcheck.isa.encoding.fields import Decode, Encoding, Field, Group, Operand, Slot, Step
from pgcheck.isa.encoding.templates import Alternative, Choice, Hole, Line, Literal, Relative, Syntax
from pgcheck.isa.files.errors import Position, Text
from pgcheck.isa.files.sources import without_collector
from pgcheck.isa.idl.state import ArrayLeaf, Entry, Part, ScalarLeaf
from pgcheck.isa.idl.types import Bitfield, Bits, Boolean, Enum, Struct, Tuple, Void
from pgcheck.isa.machine import machine as parts
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.machine.platform import Attachment, Debugger, Firmware, Platform, Register
from pgcheck.isa.machine.schemes import Bounds, Entries, External
from pgcheck.isa.terms import Name, Term, ir, walk
from pgcheck.isa.terms.nodes import intern

LATER: Final = ("code", "decoding", "instructions")
"""The parts of a machine that are read when they are asked for."""
_MADE: Final = frozenset({"kept", "later"})
_KINDS: Final[tuple[type[Any], ...]] = (
    *(Decode, Encoding, Field, Group, Operand, Slot, Step, Undecided),
    *(Alternative, Choice, Hole, Line, Literal, Relative, Syntax),
    *(ArrayLeaf, Entry, Part, ScalarLeaf, Bitfield, Bits, Boolean, Enum, Struct, Tuple, Void),
    *(parts.ExitRule, parts.Interrupt, parts.ModeClass, parts.Modes, parts.Translation, parts.Table, parts.Deployment),
    *(parts.Virtual, parts.Candidate, parts.Row, parts.Claim, parts.Instruction, parts.Identity, parts.StateSpace),
    *(
        parts.Code,
        parts.Decoding,
        Attachment,
        Debugger,
        Firmware,
        Platform,
        Register,
        Bounds,
        Entries,
        External,
        Name,
        Position,
    ),
    *(
        ir.SetLocal,
        ir.SetLeaf,
        ir.SetElement,
        ir.SetNext,
        ir.Store,
        ir.If,
        ir.Do,
        ir.Bind,
        ir.Return,
        ir.Raise,
        ir.Function,
    ),
)


class Unwritable(Exception):
    """A machine holds something that is not written."""


def written(machine: Machine) -> dict[str, bytes]:
    """The bytes of a machine by part; what is in none of LATER is the part "". Raises Unwritable."""
    rest = {name: getattr(machine, name) for name in _names() if name not in LATER}
    return {"": _bytes(rest), **{name: _bytes(getattr(machine, name)) for name in LATER}}


def read(content: Mapping[str, bytes]) -> Machine:
    """The machine that was written so. Raises an exception of any kind for other bytes."""
    machine: Machine = object.__new__(Machine)
    for name, value in {**_value(content[""], machine), "kept": {}, "later": _Later(content)}.items():
        object.__setattr__(machine, name, value)
    return machine


@dataclass(frozen=True, slots=True)
class _Later:
    """Reads a part of a machine when it is asked for."""

    content: Mapping[str, bytes]

    def __call__(self, machine: Machine, name: str) -> object:
        if name not in LATER:
            raise AttributeError(f"a machine has no {name}")
        return _value(self.content[name], machine)


class _Encodings(Mapping[str, Encoding]):
    """The encodings of a machine's instructions, which are read when the first is decoded."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def _all(self) -> dict[str, Encoding]:
        return {i.id: i.encoding for i in self._machine.instructions if i.encoding is not None}

    def __getitem__(self, name: str) -> Encoding:
        return self._all()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def items(self) -> Any:
        return self._all().items()


@cache
def _names() -> tuple[str, ...]:
    return tuple(f.name for f in fields(Machine) if f.name not in _MADE)


def _bytes(value: object) -> bytes:
    file = io.BytesIO()
    try:
        _Writer(file, 5).dump((tuple(walk(_terms(value))), value))
    except (pickle.PicklingError, TypeError, AttributeError, RecursionError) as error:
        raise Unwritable(str(error)) from None
    return file.getvalue()


def _value(content: bytes, machine: Machine) -> Any:
    with without_collector():
        return _Reader(io.BytesIO(content), machine).load()[1]


def _terms(value: object) -> Iterator[Term]:
    """The terms in a value, each place once."""
    seen: set[int] = set()
    todo = [value]
    while todo:
        one = todo.pop()
        if isinstance(one, Term):
            yield one
        elif id(one) not in seen:
            seen.add(id(one))
            if isinstance(one, tuple | list | frozenset):
                todo += one
            elif isinstance(one, Mapping):
                todo += [*one.keys(), *one.values()]
            elif type(one) in _NAMES:
                todo += [getattr(one, name) for name in _NAMES[type(one)]]


_NAMES: Final = {kind: tuple(f.name for f in fields(kind) if f.init) for kind in _KINDS}


def _made(kind: type[Any], values: tuple[Any, ...]) -> Any:
    """A value of a class some of whose fields are given by name alone."""
    return kind(**dict(zip(_NAMES[kind], values, strict=True)))


def _decoder(decode: Decode, machine: Machine) -> Decoder:
    return Decoder(_Encodings(machine), decode)


_BY_NAME: Final = frozenset(kind for kind in _KINDS if any(f.kw_only for f in fields(kind)))
_GLOBALS: Final[Mapping[tuple[str, str], object]] = {
    **{(kind.__module__, kind.__qualname__): kind for kind in _KINDS},
    (Text.__module__, Text.__qualname__): Text,
    (intern.__module__, intern.__qualname__): intern,
    (_made.__module__, _made.__qualname__): _made,
    (_decoder.__module__, _decoder.__qualname__): _decoder,
}
_WRITTEN: Final = frozenset(_GLOBALS.values())


class _Writer(pickle.Pickler):
    def reducer_override(self, obj: Any) -> Any:
        kind = type(obj)
        if kind in _BY_NAME:
            return _made, (kind, tuple(getattr(obj, name) for name in _NAMES[kind]))
        if kind in _NAMES:
            return kind, tuple(getattr(obj, name) for name in _NAMES[kind])
        if kind is Decoder:
            return _decoder, (obj.decode_rules,)
        if kind in (Term, Text) or obj in _WRITTEN:
            return NotImplemented
        raise pickle.PicklingError(f"a {kind.__name__} is not written")


class _Reader(pickle.Unpickler):
    """Makes values of the classes named here; what else a file names is an error."""

    def __init__(self, file: io.BytesIO, machine: Machine) -> None:
        super().__init__(file)
        self._machine = machine

    def find_class(self, module: str, name: str) -> Any:
        found = _GLOBALS.get((module, name))
        if found is None:
            raise pickle.UnpicklingError(f"{module}.{name} is no part of a machine")
        return partial(_decoder, machine=self._machine) if found is _decoder else found
