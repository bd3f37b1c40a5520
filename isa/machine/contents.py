"""Digests of all that a part of a machine holds: the keys under which answers about it are kept.

Unlike `meaning`, nothing is left out but places in files and what is said for people: names of functions and of locals, the order of what
is listed and the notes of exits count. A key that changes without need costs an answer that is asked again; one that does not change where
it must would cost its truth. So a value of a kind that is not known here is an error and never passed over.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import cache
from typing import Any, Final

from pgcheck.isa.files.errors import Position
from pgcheck.isa.machine.machine import Decoding, Instruction, Machine
from pgcheck.isa.terms import Term, digest, walk

_NOWHERE: Final = Position("", 0, 0)
_ELSEWHERE: Final = frozenset({"identity", "code", "decoding", "instructions"})
_OF_ENCODINGS: Final = frozenset({"decoder", "undecided"})


@dataclass(frozen=True, slots=True)
class Held:
    """What a value holds: its digest, and the functions that it names."""

    digest: bytes
    names: frozenset[str]


@dataclass(slots=True)
class Contents:
    """Reads one machine; each instruction, each function and each shared value once."""

    machine: Machine
    known: dict[int, tuple[object, Held]] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)

    def around(self) -> str:
        """The digest of everything but the instructions, what the machine is called but its name, and functions that only instructions use."""
        machine = self.machine
        parts = [getattr(machine, name) for name in _compared(Machine) if name not in _ELSEWHERE]
        decoding = [getattr(machine.decoding, name) for name in _compared(Decoding) if name not in _OF_ENCODINGS]
        return self.closed([machine.identity.name, parts, decoding, replace(machine.code, functions={})])

    def instruction(self, instruction: Instruction) -> str:
        """The digest of an instruction and of the functions that it goes through; one without an encoding is what all encodings leave over."""
        if instruction.id in self.digests:
            return self.digests[instruction.id]
        others = [] if instruction.encoding is not None else [(i.id, i.encoding) for i in self.machine.instructions]
        found = self.digests[instruction.id] = self.closed(
            [replace(instruction, position=_NOWHERE, description=""), others]
        )
        return found

    def closed(self, value: object) -> str:
        """The digest of a value with all functions that it names, and those that they name. Raises TypeError."""
        held = self.held(value)
        functions = self.machine.code.functions
        found: dict[str, bytes] = {}
        todo = list(held.names)
        while todo:
            name = todo.pop()
            if name not in found:
                body = self.held(functions[name])
                found[name] = body.digest
                todo += body.names
        return _hash("closed", [held.digest, *(name.encode() + b" " + found[name] for name in sorted(found))]).hex()

    def held(self, value: object) -> Held:
        """What a value holds. Raises TypeError for one whose parts are not known."""
        kept = self.known.get(id(value))
        if kept is None:
            kept = self.known[id(value)] = (
                value,
                self._read(value),
            )  # the value is held on to, so that no other gets its id
        return kept[1]

    def _read(self, value: Any) -> Held:
        functions = self.machine.code.functions
        match value:
            case Position():
                return Held(b"", frozenset())
            case Term():
                called = frozenset(t.about for t in walk([value]) if t.op == "call")
                return Held(_hash("term", [digest([value]).encode()]), called)
            case None | bool() | int():
                return Held(_hash(type(value).__name__, [repr(value).encode()]), frozenset())
            case str():
                return Held(_hash("text", [value.encode()]), frozenset({str(value)} & functions.keys()))
            case Mapping():
                return self._whole("mapping", [part for item in value.items() for part in item])
            case tuple() | list():
                return self._whole("list", value)
            case frozenset():
                return self._set(value)
            case _ if is_dataclass(value):
                kind: Any = type(value)
                return self._whole(kind.__qualname__, [getattr(value, name) for name in _compared(kind)])
        raise TypeError(f"what a {type(value).__name__} holds is not known")

    def _whole(self, kind: str, parts: Iterable[object]) -> Held:
        held = [self.held(part) for part in parts]
        return Held(_hash(kind, [h.digest for h in held]), frozenset().union(*(h.names for h in held)))

    def _set(self, values: frozenset[object]) -> Held:
        held = sorted((self.held(v) for v in values), key=lambda h: h.digest)
        return Held(_hash("set", [h.digest for h in held]), frozenset().union(*(h.names for h in held)))


@cache
def _compared(kind: type[Any]) -> tuple[str, ...]:
    """The names of the fields of a dataclass that make it equal to another."""
    return tuple(f.name for f in fields(kind) if f.compare)


def _hash(kind: str, parts: Iterable[bytes]) -> bytes:
    whole = hashlib.blake2b(kind.encode(), digest_size=16)
    for part in parts:
        whole.update(f" {len(part)} ".encode() + part)
    return whole.digest()
