"""Encodings as declared and as compiled: fields, tails and steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pgcheck.isa.files.errors import NOWHERE, Position, Text
from pgcheck.isa.words import Order, joined, split

if TYPE_CHECKING:
    from pgcheck.isa.terms import Term

UNDEFINED: Final = "(undefined)"
"""What no specification can call an instruction: what units that no encoding accepts do."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a group: `bits` bits in the encoding, extended (signed or not) to an operand of `width` bits."""

    name: str
    width: int
    signed: bool
    bits: int


@dataclass(frozen=True, slots=True)
class Group:
    """Fields that fill whole units together, lowest bits first.

    Present when the condition `when` holds (None: always).
    """

    when: str | None
    fields: tuple[Field, ...]


Tail = tuple[Group, ...]


@dataclass(frozen=True, slots=True)
class Decode:
    """How a machine's instructions are cut into units; `prefixes`: operand -> {unit: value}, `tails` by name."""

    unit: int
    order: Order
    pc_unit: int
    max_length: int
    prefixes: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    tails: Mapping[str, Tail] = field(default_factory=dict)

    @property
    def length_width(self) -> int:
        """The width of the length of an instruction."""
        return (self.max_length * self.unit // self.pc_unit).bit_length()

    def prefix_width(self, name: str) -> int:
        """The width of a prefix operand: enough for its largest value."""
        return max(max(self.prefixes[name].values(), default=0).bit_length(), 1)

    def join(self, units: Sequence[int]) -> int:
        """The word that consecutive units make."""
        return joined(units, self.unit, self.order)

    def split(self, word: int, count: int) -> tuple[int, ...]:
        """The `count` units that `join` makes `word` of."""
        return split(word, count, self.unit, self.order)


@dataclass(frozen=True, slots=True)
class Variable:
    """An operand of a match: `location` as `31|7|30-25|11-8`, most significant piece first, bit 0 least significant."""

    name: str
    location: str
    left_shift: int = 0
    sign_extend: bool = False
    excluded: tuple[int, ...] = ()


def in_bits(match: str) -> str:
    """A match as bits: of octal and hexadecimal digits after 0o and 0x each is three or four, and `-` as many free ones."""
    width = {"0o": 3, "0x": 4}.get(match[:2].lower(), 0)
    if not width:
        return match
    return "".join("-" * width if digit == "-" else f"{int(digit, 1 << width):0{width}b}" for digit in match[2:])


def parse_variable(text: str) -> Variable:
    """The variable that the short spelling `name location` declares."""
    name, _, location = text.strip().partition(" ")
    if isinstance(text, Text):
        start = text.find(name)
        name, located = Text(name, text.locate(start)), location.strip()
        return Variable(name, Text(located, text.locate(text.find(located, start + len(name)))))
    return Variable(name, location.strip())


@dataclass(frozen=True, slots=True)
class Declaration:
    """An instruction's `encoding` as written: either `match` or `bytes`.

    `tails` are pairs (prefix of names or "", tail).
    """

    match: str | None = None
    bytes: str | None = None
    length: int | None = None
    variables: tuple[Variable, ...] = ()
    when: str | None = None
    tails: tuple[tuple[str, str], ...] = ()
    modrm: str | None = None
    prefixes: tuple[str, ...] = ()
    position: Position = NOWHERE


@dataclass(frozen=True, slots=True)
class Operand:
    """The width in bits of an operand, and whether it is read as a signed number."""

    width: int
    signed: bool = False


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a step holds an operand: pieces (lowest operand bit, lowest bit of the step's word, bits).

    The operand's bits below `shift` are 0 and those from `top` up extend bit `top - 1` if `signed`, else are 0.
    """

    name: str
    width: int
    pieces: tuple[tuple[int, int, int], ...]
    shift: int
    top: int
    signed: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """`units` units whose joined word has `value` under `mask` and holds `slots`; present when `when` holds."""

    when: Term
    units: int
    mask: int
    value: int
    slots: tuple[Slot, ...]


@dataclass(frozen=True, slots=True)
class Encoding:
    """A compiled encoding.

    `when` is what the declaration demands of operands beyond their layout; `canonical` is P_enc; `length` is in units
    of PC. Both are terms over variables named as the operands, with the operands' widths.
    """

    operands: Mapping[str, Operand]
    prefixes: tuple[str, ...]
    steps: tuple[Step, ...]
    when: Term
    canonical: Term
    length: Term
    decode: Decode

    @property
    def slots(self) -> tuple[Slot, ...]:
        """Where operands are held, in order."""
        return tuple(slot for step in self.steps for slot in step.slots)
