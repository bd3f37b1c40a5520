"""A machine: what a specification means before any binding gives its terms a value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from pgcheck.isa.idl.state import ArrayLeaf, ScalarLeaf
from pgcheck.isa.idl.types import Bitfield
from pgcheck.isa.machine.platform import Platform
from pgcheck.isa.machine.schemes import Bounds, Entries, Scheme
from pgcheck.isa.terms import Term, walk
from pgcheck.isa.words import Order, order

if TYPE_CHECKING:
    from pgcheck.isa.encoding.codec import Decoder
    from pgcheck.isa.encoding.coverage import Undecided
    from pgcheck.isa.encoding.fields import Decode, Encoding
    from pgcheck.isa.encoding.templates import Line, Syntax
    from pgcheck.isa.files.errors import Position, Text
    from pgcheck.isa.idl.state import Entry, Leaf
    from pgcheck.isa.idl.types import Bits, Type
    from pgcheck.isa.machine.choices import Choice, Fields
    from pgcheck.isa.terms.ir import Block, Functions

SchemeT = TypeVar("SchemeT", bound=Scheme)


@dataclass(frozen=True, slots=True)
class ExitRule:
    """A terminator.

    Its kind, refined by the value of one enum argument, and what an exit within its delivery becomes; its `parameters`.
    """

    function: str
    kind: str
    selector: int = -1
    kinds: tuple[tuple[int, str], ...] = ()
    nested: str = ""
    parameters: tuple[tuple[str, Type], ...] = ()

    def kind_of(self, args: tuple[int, ...]) -> str:
        """The kind of an exit with payload `args`."""
        return dict(self.kinds).get(args[self.selector], self.kind) if self.selector >= 0 else self.kind


@dataclass(frozen=True, slots=True)
class Interrupt:
    """How external interrupts come in.

    The functions that say whether one is pending, and that deliver it; and the one that says whether the processor waits for one.
    At most `shadow` instructions complete before one that is requested and not masked is pending.
    """

    pending: str
    deliver: str
    waiting: str = ""
    shadow: int = 0


@dataclass(frozen=True, slots=True)
class ModeClass:
    """Supervisor or user: start values of the mode leaf for the classical predicates, and the virtual states meant."""

    values: tuple[int, ...]
    when: Term


@dataclass(frozen=True, slots=True)
class Modes:
    """The mode leaf, and its values that count as supervisor and as user mode."""

    leaf: str
    supervisor: ModeClass
    user: ModeClass


@dataclass(frozen=True, slots=True)
class Translation:
    """The translation cut: the function, the positions of its mode and access arguments, its probes, and how a monitor confines with it.

    `replay` are values of leaves in which it is the identity.
    """

    function: str
    mode: int
    access: int
    parameters: tuple[tuple[str, Type], ...]
    probes: tuple[str, ...]
    replay: Mapping[str, int]
    realise: Scheme | None

    @property
    def given(self) -> Mapping[str, int]:
        """The values of the leaves that the monitor sets up to confine guests."""
        return self.realise.given if isinstance(self.realise, Entries | Bounds) else {}

    @property
    def address(self) -> int:
        """The position of the address: the one that `realise` names, or else the widest argument besides the mode and the access."""
        if isinstance(self.realise, Entries):
            return self.position(self.realise.address)
        plain = [k for k in range(len(self.parameters)) if k not in (self.mode, self.access)]
        return max(plain, key=lambda k: getattr(self.parameters[k][1], "width", 0))

    def position(self, parameter: str) -> int:
        """The position of a parameter, by name. Raises ValueError."""
        return [name for name, _ in self.parameters].index(parameter)


@dataclass(frozen=True, slots=True)
class Table:
    """A table cut: lookups in a structure that the real machine's monitor owns.

    A response is None (`mirror`: the guest's own entry) or the fields that replace the guest's.
    """

    function: str
    role: str
    type: Type
    respond: tuple[Fields | None, ...]
    monitor: Fields

    def responded(self, entry: int, response: Fields | None) -> int:
        """What the real table holds where the guest's holds `entry`. A type without fields has no response but `mirror`."""
        return self.type.replaced(entry, response) if response and isinstance(self.type, Bitfield) else entry


@dataclass(frozen=True, slots=True)
class Deployment:
    """Which virtual machine runs on which real states, its mode classes, and when a trap has entered the monitor."""

    name: str
    guest: Term
    real_mode: int | None
    real: Term
    monitor: Term
    mirror: frozenset[str]
    modes: Modes


@dataclass(frozen=True, slots=True)
class Virtual:
    """A deployment whose virtual machine is another `specification`; once that is read, `machine` is both as one."""

    deployment: Deployment
    specification: Text
    machine: Machine | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """State that a monitor may fix, with the values to try."""

    name: str
    leaf: str
    values: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the report: an operand fixed to a value, or outside all listed values (`others`)."""

    label: str
    operand: str = ""
    value: int | None = None
    others: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Claim:
    """What an instruction's text claims of a mode class: it ends with the trap `cause` just where `when` holds, over state and operands."""

    mode: str
    cause: str
    when: Term
    position: Position


@dataclass(frozen=True, slots=True)
class Instruction:
    """An instruction; `access` and `claims` by mode class or by a mode's name, `partial` when state may change before a trap.

    `length` in units of PC and `encoding_term`, its bits if they are one word, are terms over the operands, for the canonical encoding;
    `canonical` is true of the operands that have one.
    """

    id: str
    name: str
    variant: str
    position: Position
    encoding: Encoding | None
    operands: Mapping[str, Bits]
    length: Term
    canonical: Term
    encoding_term: Term | None
    body: Block
    line: Line | None
    access: Mapping[str, str]
    rows: tuple[Row, ...]
    partial: bool
    description: str
    claims: tuple[Claim, ...] = ()


@dataclass(frozen=True, slots=True)
class Identity:
    """What a specification is called, what it was read from, what it leaves out, and its files with their digest.

    `source` are the publications that it follows, `path` is the first of the `files`, and `names` are those by which one file includes another.
    """

    name: str
    title: str
    source: tuple[str, ...]
    unmodelled: tuple[str, ...]
    path: str
    digest: str
    files: tuple[str, ...]
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class StateSpace:
    """The state: entries as declared, the leaves that they denote, and which of them are the program counter and memory.

    `memory_unit` is the width of a unit of memory in bits, `address_width` that of a physical address.
    """

    entries: Mapping[str, Entry]
    leaves: Mapping[str, Leaf]
    pc: str
    memory: str
    memory_unit: int
    big_endian: bool

    @cached_property
    def scalars(self) -> Mapping[str, ScalarLeaf]:
        """The leaves that hold one value, in order."""
        return {name: leaf for name, leaf in self.leaves.items() if isinstance(leaf, ScalarLeaf)}

    @cached_property
    def arrays(self) -> Mapping[str, ArrayLeaf]:
        """The leaves that are arrays, memory among them, in order."""
        return {name: leaf for name, leaf in self.leaves.items() if isinstance(leaf, ArrayLeaf)}

    @property
    def order(self) -> Order:
        """How units of memory make a number."""
        return order(self.big_endian)

    @cached_property
    def address_width(self) -> int:
        return self.arrays[self.memory].index_width

    @property
    def memory_size(self) -> int:
        """Units of the physical address space."""
        return self.arrays[self.memory].size

    @property
    def registers(self) -> tuple[ArrayLeaf, ...]:
        """The general arrays besides memory."""
        return tuple(a for a in self.arrays.values() if not a.control and a.name != self.memory)

    @property
    def control(self) -> tuple[Leaf, ...]:
        return tuple(leaf for leaf in self.leaves.values() if leaf.control)

    @property
    def general(self) -> tuple[Leaf, ...]:
        return tuple(leaf for leaf in self.leaves.values() if not leaf.control)


@dataclass(frozen=True, slots=True)
class Code:
    """The lowered code around the instructions: functions, terminators, cuts, sites of choice, fetch.

    `undefined` is what units that no encoding accepts do, as an instruction without an encoding.
    """

    functions: Functions
    exits: Mapping[str, ExitRule]
    interrupt: Interrupt | None
    translation: Translation | None
    tables: Mapping[str, Table]
    sites: Mapping[str, Type]
    fetch: str
    undefined: Instruction

    @property
    def scheme(self) -> Scheme | None:
        """The mapping scheme; None without translation, or where the specification names none."""
        return None if self.translation is None else self.translation.realise

    def confined_by(self, scheme: type[SchemeT]) -> tuple[Translation, SchemeT] | None:
        """The translation with its mapping scheme, where that is of this type."""
        found = self.translation
        return None if found is None or not isinstance(found.realise, scheme) else (found, found.realise)


@dataclass(frozen=True, slots=True)
class Decoding:
    """How units become instructions and text.

    `undecided` are pairs of encodings that overlap if the solver finds units that both accept.
    """

    decode: Decode
    decoder: Decoder
    syntax: Syntax
    csr_names: Mapping[int, str]
    undecided: tuple[Undecided, ...]


@dataclass(frozen=True, slots=True)
class Machine:
    """A specification, checked and lowered; `legal` are the conjuncts of legality.

    `virtual` are the deployments of which another machine is the guest, and `guests_start` the leaves that such a guest starts with otherwise. `kept` is what has been found out about it (`once`);
    `later` gives a part that was left out until somebody asks for it.
    """

    identity: Identity
    state: StateSpace
    modes: Modes
    legal: tuple[Term, ...]
    code: Code
    decoding: Decoding
    instructions: tuple[Instruction, ...]
    candidates: tuple[Candidate, ...]
    deployments: tuple[Deployment, ...]
    platform: Platform = field(default_factory=Platform)
    virtual: tuple[Virtual, ...] = field(default=(), compare=False)
    guests_start: Mapping[str, int] = field(default_factory=dict)
    kept: dict[tuple[object, ...], Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    later: Callable[[Machine, str], object] | None = field(default=None, init=False, repr=False, compare=False)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> object:
            if name == "later" or self.later is None:
                raise AttributeError(f"a machine has no {name}")
            part = self.later(self, name)
            object.__setattr__(self, name, part)
            return part

    @property
    def starts(self) -> tuple[Term, ...]:
        """The conjuncts of legality that speak of the program counter alone: a program that starts elsewhere is refused."""
        pc = self.state.leaves[self.state.pc].term
        return tuple(t for t in self.legal if {n for n in walk([t]) if n.op == "call" or n.leaf is not None} == {pc})

    @property
    def begins(self) -> Mapping[str, int]:
        """The leaves that programs start with otherwise than after reset."""
        return {**self.platform.boot, **self.guests_start}

    @property
    def bounds_fit(self) -> bool:
        """A monitor's base and limit admit just what the guest's own admit, and it interprets where none do.

        Needed where some instruction has `restart: partial`: it has changed state at a miss, and need not end alike from there.
        """
        return self.code.confined_by(Bounds) is not None and any(i.partial for i in self.instructions)

    def under(self, deployment: str) -> Machine:
        """The machine that a deployment is about: this one, or this one with its guest. Raises KeyError."""
        if any(d.name == deployment for d in self.deployments):
            return self
        return {v.deployment.name: v.machine for v in self.virtual if v.machine is not None}[deployment]

    def instruction(self, identifier: str) -> Instruction:
        """The instruction with this id, `UNDEFINED` among them. Raises KeyError."""
        for instruction in (*self.instructions, self.code.undefined):
            if instruction.id == identifier:
                return instruction
        raise KeyError(identifier)
