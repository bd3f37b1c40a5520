"""Bits as pictures are made of: the fields of an encoding, and the values of a witness digit by digit."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass
from itertools import groupby

from pgcheck.checker.result import Witness
from pgcheck.checker.values import Way
from pgcheck.isa.encoding.encoding import Encoding, Slot, Step
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import FALSE, TRUE
from pgcheck.words import Place, cells, number, value_of


@dataclass(frozen=True, slots=True)
class BitField:
    """Bits `high` to `low` of a word: `kind` is `fixed` (`text` are the digits), `operand` (its name) or `ignored`."""

    kind: str
    text: str
    high: int
    low: int

    @property
    def width(self) -> int:
        return self.high - self.low + 1


@dataclass(frozen=True, slots=True)
class Word:
    """Units of an instruction that are decoded together, highest bit first; not `always` there if operands decide."""

    fields: tuple[BitField, ...]
    width: int
    always: bool


def words(encoding: Encoding) -> tuple[Word, ...]:
    """The words of an encoding in the order in which they are fetched, without prefixes."""
    return tuple(
        Word(
            tuple(_fields(step, step.units * encoding.decode.unit)),
            step.units * encoding.decode.unit,
            step.when is TRUE,
        )
        for step in encoding.steps
        if step.when is not FALSE
    )


def _fields(step: Step, width: int) -> Iterator[BitField]:
    held = {place + i: (slot, low + i) for slot in step.slots for low, place, bits in slot.pieces for i in range(bits)}

    def kind(bit: int) -> tuple[str, str, int]:
        if step.mask >> bit & 1:
            return "fixed", "", 0
        slot, low = held.get(bit, (None, 0))
        return ("operand", slot.name, low - bit) if slot is not None else ("ignored", "", 0)

    for (name, _, _), run in groupby(range(width - 1, -1, -1), kind):
        bits = list(run)
        high, low = bits[0], bits[-1]
        match name:
            case "fixed":
                yield BitField(name, f"{step.value >> low & (1 << len(bits)) - 1:0{len(bits)}b}", high, low)
            case "operand":
                yield BitField(name, _part(*held[high], held[low][1]), high, low)
            case _:
                yield BitField(name, "", high, low)


def _part(slot: Slot, high: int, low: int) -> str:
    """The operand's name, with the bits where the field holds only some of them."""
    if len(slot.pieces) == 1 and low == slot.shift:
        return slot.name
    return f"{slot.name}[{high}]" if high == low else f"{slot.name}[{high}:{low}]"


@dataclass(frozen=True, slots=True)
class Digits:
    """Some binary digits: `changed` by the step, `apart` from the other machine's."""

    text: str
    changed: bool
    apart: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """A value, and its digits if there are few enough; highest first, in groups of four."""

    value: str
    digits: tuple[Digits, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of state, before and after the step on the virtual machine, then on the real one."""

    name: str
    role: str
    notable: bool
    values: tuple[Shown, Shown, Shown, Shown]


MOST_DIGITS = 128


def compared(machine: Machine, witness: Witness) -> tuple[Cell, ...]:
    """The cells of a witness, and the mode, in the order of the specification."""
    states = [cells(s) for s in (witness.virtual, witness.virtual_after, witness.real, witness.real_after)]
    order = {name: place for place, name in enumerate(machine.state.leaves)}
    places = dict.fromkeys([*(place for state in states for place in state), Place(machine.modes.leaf)])
    return tuple(
        _cell(machine, place, states, {seen.way for seen in witness.differs if seen.place == place.leaf})
        for place in sorted(places, key=lambda place: order.get(place.leaf, len(order)))
    )


def _cell(machine: Machine, place: Place, states: list[dict[Place, int]], kinds: Container[Way]) -> Cell:
    """A cell is notable where it shows one of these kinds of difference."""
    leaf = machine.state.leaves.get(place.leaf)
    values = [value_of(state, place) for state in states]
    width = max(leaf.element_width if leaf is not None else 1, *(v.bit_length() for v in values))
    virtual, real = values[0] ^ values[1], values[2] ^ values[3]
    apart = values[1] ^ values[3] if "general" in kinds or "mirror" in kinds else 0
    shown = [
        Shown(number(value), tuple(_digits(value, width, changed, marked)) if width <= MOST_DIGITS else ())
        for value, changed, marked in zip(values, (0, virtual, 0, real), (0, apart, 0, apart), strict=True)
    ]
    seen = apart or ("virtual" in kinds and virtual) or ("real" in kinds and real)
    return Cell(str(place), leaf.role if leaf is not None else "", bool(seen), (shown[0], shown[1], shown[2], shown[3]))


def _digits(value: int, width: int, changed: int, apart: int) -> Iterator[Digits]:
    def marks(bit: int) -> tuple[bool, bool]:
        return bool(changed >> bit & 1), bool(apart >> bit & 1)

    for found, run in groupby(range(width - 1, -1, -1), marks):
        text = "".join(str(value >> bit & 1) + (" " if bit and bit % 4 == 0 else "") for bit in run)
        yield Digits(text.rstrip(), *found)
        if text.endswith(" "):
            yield Digits(" ", changed=False, apart=False)
