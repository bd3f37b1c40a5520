"""The shape of what a specification says about state, memory, modes, exits, cuts and deployments."""

from typing import Annotated, Final, TypeAlias

from pydantic import Field as Key

from pgcheck.isa.files.errors import Text
from pgcheck.isa.files.tree import Mapping, Node
from pgcheck.isa.files.values import (
    Boolean,
    Entry,
    Function,
    Identifier,
    Leaf,
    Natural,
    Number,
    Read,
    Reading,
    Short,
    SomeText,
    choice,
    distinct_keys,
    integer,
    natural,
    read_number,
    wrong,
)

ROLES: Final = (
    *("general", "mode", "relocation", "interrupt", "vector", "device", "timing", "identity", "saved"),
    *("configuration", "run", "translation_cache"),
)
EXIT_KINDS: Final = ("privileged", "memory", "intent", "other", "execute", "halt")
WIDEST: Final = 4096
Bit: TypeAlias = Annotated[int, integer(0, 1)]
Width: TypeAlias = Annotated[int, integer(1, WIDEST)]
Role: TypeAlias = Annotated[Text, choice(*ROLES)]
ExitKind: TypeAlias = Annotated[Text, choice(*EXIT_KINDS)]
Order: TypeAlias = Annotated[Text, choice("little", "big")]


# state


class Field(Entry):
    """One field of a bitfield or member of a struct, as a leaf of the state."""

    role: Role | None = Key(None, description="What the leaf is for.")
    const: Natural | None = Key(None, description="The value that it always has.")
    reset: Natural | None = Key(None, description="Its value after reset.")

    def check(self, along: Reading) -> None:
        if (self.role is None) == (self.const is None):
            along.problems.report(self.position, "a field has either a role or a constant", hint="ROLE, or {const: 1}")
        if self.const is not None and self.reset is not None:
            along.problems.report(self.position, "a constant field has no reset value", hint="remove reset")


def _field(node: Node) -> Node:
    return Mapping(node.position, {Text("role", node.position): node}) if isinstance(node, Text) else node


class Hardwired(Entry):
    """What of an element reads as a constant and ignores writes: all of it, or some bits."""

    value: Number | None = Key(None, description="The whole element.")
    ones: Number = Key(0, description="The bits that are always 1.")
    zeros: Number = Key(0, description="The bits that are always 0.")

    def check(self, along: Reading) -> None:
        if self.value is not None and (self.ones or self.zeros):
            message = "an element is hardwired whole or in some bits"
            along.problems.report(self.position, message, hint="VALUE, or {ones: bits, zeros: bits}")


def _hardwired(node: Node) -> Node:
    return Mapping(node.position, {Text("value", node.position): node}) if isinstance(node, Text) else node


def _reset(node: Node) -> int | Text | dict[Text, int | Text]:
    if isinstance(node, Mapping):
        return {key: read_number(value) for key, value in node.items()}
    return read_number(node)


class StateEntry(Entry):
    """A register, an array of them, or the memory."""

    type: SomeText = Key(description="Bits<N>, Boolean, an enum, a bitfield or a struct.")
    role: Role | None = Key(None, description="What the state is for; fields may say otherwise.")
    size: Number | None = Key(None, description="The number of elements of an array.")
    pc: Boolean = Key(False, description="Whether this is the program counter; exactly one entry is.")
    volatile: Boolean = Key(False, description="Whether each read yields a fresh value.")
    hardwired: Annotated[
        dict[Natural, Annotated[Hardwired, Short(_hardwired, {"type": ["integer", "string"]})]],
        Short(distinct_keys, {"type": "object"}),
    ] = Key(
        default_factory=dict,
        description="Index: value, for elements that read as constants and ignore writes, or {ones: bits, zeros: bits}.",
    )
    reserved: Bit = Key(0, description="The constant value of the bits of a bitfield that no field names.")
    reset: Annotated[
        int | Text | dict[Text, int | Text] | None, Read(_reset, {"type": ["integer", "string", "object"]})
    ] = Key(None, description="The value after reset (default 0), or a mapping FIELD: value.")
    fields: dict[Identifier, Annotated[Field, Short(_field, {"enum": [*ROLES]})]] = Key(
        default_factory=dict, description="FIELD: ROLE, {role: ROLE} or {const: value}."
    )


class Memory(Entry):
    """Which state is the memory, and how it is addressed."""

    state: Identifier = Key(description="The state entry that is the memory.")
    unit: Width = Key(8, description="Bits of one element of that state.")
    endian: Order = Key(Text("little"), description="Which unit of a larger access has the lowest address.")


class ModeClass(Entry):
    """The processor modes that count as supervisor or as user mode."""

    values: list[Number] = Key(description="Values of the mode leaf: start modes of the classical predicates.")
    when: SomeText | None = Key(
        None, description="The virtual states of the exact question (default: a value of them)."
    )


class ModeClasses(Entry):
    """Which modes count as supervisor and as user mode."""

    supervisor: ModeClass = Key(description="Supervisor mode.")
    user: ModeClass = Key(description="User mode.")


class Modes(ModeClasses):
    """The modes of the processor."""

    state: Leaf = Key(description="The leaf that is given to the translation.")


# exits and cuts


class Exit(Entry):
    """A function that ends the instruction and whose body is the delivery of the trap."""

    kind: ExitKind = Key(description="What kind of exit it is.")
    by: dict[Identifier, dict[Identifier, ExitKind]] = Key(
        default_factory=dict, description="ARGUMENT: {VALUE: kind}, where the kind depends on an enum argument."
    )
    nested: Function | None = Key(None, description="The exit that is taken when the delivery itself traps.")


class Interrupt(Entry):
    """How external interrupts come in."""

    pending: Function = Key(description="Says whether an interrupt is to be delivered now.")
    deliver: Function = Key(description="Delivers it.")
    waiting: Function | None = Key(None, description="Says whether the processor waits for one instead of running.")
    shadow: Natural = Key(
        0, description="How many instructions may complete before one that is requested is pending (default 0)."
    )


class Frame(Entry):
    """How a page-table entry names a frame."""

    field: Identifier = Key(description="The field of the entry that holds the frame number.")
    shift: Annotated[int, integer(0, WIDEST)] = Key(description="Bits of the address that are kept.")
    address: Identifier = Key(description="The parameter of the translation whose low bits are kept.")


class Bounds(Entry):
    """Relocation and bounds registers."""

    base: Leaf = Key(description="What is added to the address.")
    limit: Leaf = Key(description="What the address is compared to.")
    address: Identifier = Key(description="The parameter of the translation that is the address.")


Assignment: TypeAlias = dict[Leaf, Number]
FieldValues: TypeAlias = dict[Identifier, Natural]


class Realise(Entry):
    """How a monitor makes the hardware map what it wants: page-table entries, bounds registers or an external unit."""

    given: Assignment = Key(default_factory=dict, description="The state that the monitor sets up, LEAF: value.")
    entry: Identifier | None = Key(None, description="The type of one page-table entry.")
    addresses: SomeText | None = Key(None, description="The addresses that can be mapped, over the parameters.")
    table: FieldValues = Key(
        default_factory=dict, description="FIELD: value of an entry that points to the next level."
    )
    deny: FieldValues = Key(default_factory=dict, description="FIELD: value of an entry that always faults.")
    map: FieldValues = Key(default_factory=dict, description="FIELD: value of an entry that gives exactly the frame.")
    readonly: FieldValues = Key(
        default_factory=dict, description="FIELD: value of one that gives the frame for reading."
    )
    frame: Frame | None = Key(None, description="How an entry names its frame.")
    bounds: Bounds | None = Key(None, description="The relocation and bounds registers.")
    external_mmu: Boolean = Key(False, description="Whether the mapping is done outside the processor.")

    def check(self, along: Reading) -> None:
        if [self.entry is not None, self.bounds is not None, self.external_mmu].count(True) != 1:
            forms = "one of entry, bounds and external_mmu"
            along.problems.report(self.position, "realise does not say how", expected=forms)
        parts = {"table": self.table, "deny": self.deny, "map": self.map, "frame": self.frame}
        for key, part in parts.items():
            if self.entry is not None and not part:
                along.problems.report(
                    self.position, f"key '{key}' is missing", expected=f"entry with {', '.join(parts)}"
                )
        for key, part in (parts | {"readonly": self.readonly}).items():
            if self.entry is None and part:
                along.problems.report(self.position, f"'{key}' without 'entry'", hint="name the type of an entry")


def _realise(node: Node) -> Node:
    if not isinstance(node, Text):
        return node
    if node != "external_mmu":
        raise wrong(node, "realise does not say how", "a mapping, or external_mmu")
    return Mapping(node.position, {Text("external_mmu", node.position): Text("true", node.position)})


class Translate(Entry):
    """The translation of addresses, a cut."""

    function: Function = Key(description="The function that translates, or raises a memory exit.")
    mode: Identifier = Key(description="Its parameter that takes the mode leaf.")
    access: Identifier = Key(description="Its parameter that says read, write or fetch.")
    probe: list[Function] = Key(
        default_factory=list, description="Functions with the same parameters whose value is a physical address."
    )
    replay: Assignment = Key(default_factory=dict, description="A state in which it is the identity, LEAF: value.")
    realise: Annotated[Realise, Short(_realise, {"const": "external_mmu"})] | None = Key(
        None, description="How a monitor makes the hardware map what it wants."
    )


def _response(node: Node) -> Text | dict[Text, int]:
    if isinstance(node, Mapping):
        return {key: natural(value) for key, value in node.items()}
    if isinstance(node, Text) and node == "mirror":
        return node
    raise wrong(node, "this is no response", "mirror, or a mapping FIELD: value")


class Table(Entry):
    """A lookup in a structure that the monitor of the real machine owns, a cut."""

    role: Role = Key(description="What the structure is for.")
    respond: list[Annotated[Text | dict[Text, int], Read(_response, {"type": ["string", "object"]})]] = Key(
        description="The monitor's candidate responses: mirror, or the guest's entry with FIELD: value replaced."
    )
    monitor: FieldValues = Key(default_factory=dict, description="FIELD: value of the monitor's own entries.")


class Deployment(Entry):
    """A way to run the virtual machine on the real one."""

    guest: SomeText | None = Key(None, description="What the virtual machine is, a Boolean expression (default true).")
    real_mode: Number = Key(description="The mode of the real machine, or same.")
    real: SomeText | None = Key(None, description="What is assumed of the real state besides (default true).")
    monitor: SomeText | None = Key(None, description="Holds when a delivered trap has entered the monitor.")
    mirror: list[Leaf] = Key(default_factory=list, description="Control state that is equal in both machines.")
    modes: ModeClasses | None = Key(None, description="Supervisor and user mode here (default: those of the machine).")
    virtual: SomeText | None = Key(
        None, description="The specification of the virtual machine, if that is another one."
    )
