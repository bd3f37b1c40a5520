"""The border of a specification: the shape of every key of docs/language.md, and `load`, which reads files into it.

Attributes are named as the keys. A text keeps its place in the file (`Text`) and every entry knows its `position`.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, TypeAlias

from pydantic import Field as Key
from pydantic import PrivateAttr, ValidationError
from pydantic.json_schema import JsonSchemaValue

from pgcheck.isa import loader
from pgcheck.isa.errors import NOWHERE, Problems, Text
from pgcheck.isa.tree import Mapping, Node, Sequence, as_list, without_collector
from pgcheck.isa.values import (
    JSON_TEXT,
    AnyText,
    Boolean,
    Entry,
    Function,
    Identifier,
    Leaf,
    Natural,
    Number,
    Read,
    Short,
    SomeText,
    choice,
    distinct_keys,
    integer,
    literal,
    named,
    problem_of,
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
Label: TypeAlias = Annotated[Text, named("[A-Za-z0-9_.-]+", "a name of letters, digits, '_', '.' and '-'")]
_RANGES: Final = r"[0-9]{1,4}(-[0-9]{1,4})?(\|[0-9]{1,4}(-[0-9]{1,4})?)*"
Location: TypeAlias = Annotated[Text, named(_RANGES, "a place in the encoding such as 31|7|30-25|11-8")]
OperandKind: TypeAlias = Annotated[Text, named("[A-Za-z_][A-Za-z0-9_]*([+]([0-9]+|length))?", "a kind of operand")]
_JSON_INTEGER: Final[JsonSchemaValue] = {"type": ["integer", "string"]}


# state


class Field(Entry):
    """One field of a bitfield or member of a struct, as a leaf of the state."""

    role: Role | None = Key(None, description="What the leaf is for.")
    const: Natural | None = Key(None, description="The value that it always has.")
    reset: Natural | None = Key(None, description="Its value after reset.")

    def check(self, problems: Problems) -> None:
        if (self.role is None) == (self.const is None):
            problems.report(self.position, "a field has either a role or a constant", hint="ROLE, or {const: 1}")
        if self.const is not None and self.reset is not None:
            problems.report(self.position, "a constant field has no reset value", hint="remove reset")


def _field(node: Node) -> Node:
    return Mapping(node.position, {Text("role", node.position): node}) if isinstance(node, Text) else node


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
    hardwired: Annotated[dict[Natural, Number], Short(distinct_keys, {"type": "object"})] = Key(
        default_factory=dict, description="Index: value, for elements that read as constants and ignore writes."
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

    def check(self, problems: Problems) -> None:
        if [self.entry is not None, self.bounds is not None, self.external_mmu].count(True) != 1:
            forms = "one of entry, bounds and external_mmu"
            problems.report(self.position, "realise does not say how", expected=forms)
        parts = {"table": self.table, "deny": self.deny, "map": self.map, "frame": self.frame}
        for key, part in parts.items():
            if self.entry is not None and not part:
                problems.report(self.position, f"key '{key}' is missing", expected=f"entry with {', '.join(parts)}")
        for key, part in (parts | {"readonly": self.readonly}).items():
            if self.entry is None and part:
                problems.report(self.position, f"'{key}' without 'entry'", hint="name the type of an entry")


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
        return {key: _natural(value) for key, value in node.items()}
    if isinstance(node, Text) and node == "mirror":
        return node
    raise wrong(node, "this is no response", "mirror, or a mapping FIELD: value")


def _natural(node: Node) -> int:
    if isinstance(node, Text) and (value := literal(node)) is not None:
        return value
    raise wrong(node, "an integer is needed here", "an integer")


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


# decode


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """A field of an encoding: `bits` bits, extended by its sign (if `signed`) to an operand of `width` bits."""

    name: Text
    width: int
    signed: bool
    bits: int


def _field_spec(node: Node) -> FieldSpec:
    expected = "[name, width] or [name, width, signed, bits]"
    match node:
        case Sequence() if len(node) in (2, 4):
            label, width, *rest = node
        case _:
            raise wrong(node, "this is no field of an encoding", expected)
    if not isinstance(label, Text) or not re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", label):
        raise wrong(label, "this is not the name of a field", expected)
    if not 1 <= _natural(width) <= WIDEST:
        raise wrong(width, "the width is out of range", f"an integer from 1 to {WIDEST}")
    if not rest:
        return FieldSpec(label, _natural(width), False, _natural(width))
    signedness, bits = rest
    if signedness not in ("signed", "unsigned"):
        raise wrong(signedness, "the third value says how the field is extended", "signed or unsigned")
    if not 1 <= _natural(bits) <= _natural(width):
        raise wrong(bits, "the bits in the encoding do not fit the operand", f"an integer from 1 to {_natural(width)}")
    return FieldSpec(label, _natural(width), signedness == "signed", _natural(bits))


_JSON_FIELD: Final[JsonSchemaValue] = {"type": "array", "minItems": 2, "maxItems": 4, "items": _JSON_INTEGER}
_JSON_FIELDS: Final[JsonSchemaValue] = {"type": "array", "items": _JSON_FIELD}


class Group(Entry):
    """Fields that follow in the encoding when the condition holds."""

    when: SomeText | None = Key(None, description="A condition over the fields before (default true).")
    fields: list[Annotated[FieldSpec, Read(_field_spec, _JSON_FIELD)]] = Key(
        description="[name, width] or [name, width, signed, bits], low bits first."
    )


def _tail(node: Node) -> Node:
    if isinstance(node, Sequence) and node and all(isinstance(field, Sequence) for field in node):
        return Sequence(node.position, [Mapping(node.position, {Text("fields", node.position): node})])
    return node


class Decode(Entry):
    """How instructions are fetched and split into fields."""

    unit: Annotated[int, integer(1, 64)] = Key(description="Bits of one fetched unit.")
    order: Order = Key(Text("little"), description="The order of the units in a field group of several.")
    pc_unit: Annotated[int, integer(1, 64)] = Key(description="Bits by which the program counter counts.")
    max_length: Annotated[int, integer(1, 64)] = Key(description="Units of the longest instruction.")
    fetch: Function = Key(description="The function that fetches the unit at an address.")
    undefined: SomeText = Key(description="IDL: what bits that no encoding accepts do.")
    prefixes: dict[
        Identifier,
        Annotated[dict[Annotated[int, integer(0, 255)], Natural], Short(distinct_keys, {"type": "object"})],
    ] = Key(default_factory=dict, description="FIELD: {byte: value}, in canonical order.")
    tails: dict[Identifier, Annotated[list[Group], Short(_tail, _JSON_FIELDS)]] = Key(
        default_factory=dict, description="NAME: field group, or list of {when, fields}."
    )


# syntax and csrs


class Alternative(Entry):
    """One way in which a form prints."""

    when: SomeText | None = Key(None, description="A condition over the operands (default true).")
    text: AnyText = Key(description="The text, with {operand} or {operand:KIND}.")


class Syntax(Entry):
    """The assembly language."""

    comment: SomeText = Key(Text("#"), description="What starts a comment.")
    registers: dict[Identifier, list[SomeText]] = Key(default_factory=dict, description="LIST: names by number.")
    operands: dict[Identifier, OperandKind] = Key(
        default_factory=dict, description="OPERAND: register list, signed, unsigned, hex, csrs, relative or a form."
    )
    forms: dict[Identifier, list[Alternative]] = Key(
        default_factory=dict, description="FORM: alternatives; the first whose condition holds prints."
    )


class Csr(Entry):
    """A control and status register."""

    address: Natural = Key(description="Its number.")
    mode: Annotated[int, integer(0, 3)] = Key(description="The least mode that may access it.")
    writable: Boolean = Key(True, description="Whether it can be written.")
    sw_read: SomeText | None = Key(None, description="IDL body that returns its value (default 0).")
    sw_write: SomeText | None = Key(None, description="IDL body that takes csr_value (default: ignored).")


class Csrs(Entry):
    """The control and status registers."""

    address: SomeText = Key(description="The type of a number of a register.")
    value: SomeText = Key(description="The type of a value.")
    table: dict[Identifier, Csr] = Key(description="NAME: register.")


# instructions


class Variable(Entry):
    """An operand that stands in the bits of `match`."""

    name: Identifier = Key(description="The name of the operand.")
    location: Location = Key(description="Its bits, most significant first: 31|7|30-25|11-8.")
    left_shift: Annotated[int, integer(0, 63)] = Key(0, description="Zero bits below.")
    sign_extend: Boolean = Key(False, description="Whether the operand is signed.")
    excluded: list[Natural] = Key(default_factory=list, alias="not", description="Values that it does not take.")

    def check(self, problems: Problems) -> None:
        for part in self.location.split("|"):
            high, _, low = part.partition("-")
            if int(high) < int(low or high):
                problems.report(self.location.position, "bits are given from high to low", found=part)


def _variable(node: Node) -> Node:
    if not isinstance(node, Text):
        return node
    words = re.fullmatch(r"(\S+) +(\S+)", node)
    if words is None:
        raise wrong(node, "this is no variable", "'NAME LOCATION', or {name: NAME, location: LOCATION}")
    place, where = node.locate(0), node.locate(words.start(2))
    parts = {Text("name", place): Text(words[1], place), Text("location", where): Text(words[2], where)}
    return Mapping(node.position, dict(parts))


def _used_tail(node: Node) -> tuple[Text, Text]:
    match node:
        case Text() if node:
            return Text("", node.position), node
        case Mapping() if len(node) == 1:
            [(prefix, tail)] = node.items()
            if isinstance(tail, Text) and tail:
                return prefix, tail
    raise wrong(node, "this is no tail", "the name of a tail, or {prefix: tail}")


class Encoding(Entry):
    """The bits of an instruction: a pattern `match`, or `bytes`."""

    match: Annotated[Text, named("[01-]+", "a pattern of 0, 1 and -")] | None = Key(
        None, description="The pattern, most significant bit first; - is free."
    )
    bytes: SomeText | None = Key(None, description="Hex bytes, 50+r, /r, /0 to /7 and names of tails.")
    length: Width | None = Key(None, description="Bits of the whole, when match is only its beginning.")
    variables: list[Annotated[Variable, Short(_variable, {"type": "string"})]] = Key(
        default_factory=list, description="Operands in the bits of match: {name, location} or 'NAME LOCATION'."
    )
    when: SomeText | None = Key(None, description="A condition over the fields (default true).")
    tails: list[Annotated[tuple[Text, Text], Read(_used_tail, {"type": ["string", "object"]})]] = Key(
        default_factory=list, description="Tails that follow match: NAME or {prefix: NAME}."
    )
    modrm: Annotated[Text, choice("mem", "reg")] | None = Key(None, description="Whether the operand is memory.")
    prefixes: list[Identifier] = Key(default_factory=list, description="The prefix fields that it takes.")

    def check(self, problems: Problems) -> None:
        if (self.match is None) == (self.bytes is None):
            problems.report(self.position, "an encoding has either match or bytes")
        elif self.match is None and (self.variables or self.tails or self.length is not None):
            problems.report(self.position, "variables, tails and length belong to match, not to bytes")
        elif self.match is not None and self.modrm is not None:
            problems.report(self.position, "modrm belongs to bytes, not to match")
        if self.match is not None and len(self.match) > (self.length or WIDEST):
            limit = self.length or WIDEST
            problems.report(self.match.position, f"match is longer than {limit} bits", found=f"{len(self.match)} bits")


def _rows(node: Node) -> Text | list[int]:
    if isinstance(node, Sequence):
        return [_natural(value) for value in node]
    if isinstance(node, Text) and node == "csrs":
        return node
    raise wrong(node, "these are no rows", "csrs, or a list of integers")


class Instruction(Entry):
    """An instruction."""

    name: Label = Key(description="The mnemonic.")
    variant: Label | None = Key(None, description="Tells instructions of one name apart; the id is NAME.VARIANT.")
    long_name: AnyText = Key(Text(""), description="The name in words.")
    description: AnyText = Key(Text(""), description="What it does.")
    assembly: AnyText = Key(Text(""), description="The operands as they are printed after the name.")
    encoding: Encoding = Key(description="Its bits.")
    access: dict[
        Annotated[Text, choice("supervisor", "user")], Annotated[Text, choice("always", "sometimes", "never")]
    ] = Key(default_factory=dict, description="A claim, verified: supervisor and user: always, sometimes or never.")
    rows: dict[Identifier, Annotated[Text | list[int], Read(_rows, {"type": ["string", "array"]})]] = Key(
        default_factory=dict, description="OPERAND: csrs or a list of values, each a row of the table."
    )
    restart: Annotated[Text, choice("partial")] | None = Key(
        None, description="Declares that state may change before a trap."
    )
    extension: SomeText | None = Key(None, description="The part of the architecture that defines it.")
    operation: AnyText = Key(alias="operation()", description="IDL body.")


def _verdicts(node: Node) -> Mapping:
    if isinstance(node, Mapping):
        return node
    raise wrong(node, "a mapping is needed here", "a mapping")


IdlTexts: TypeAlias = Annotated[list[SomeText], Short(as_list, {"type": "string"})]


class Specification(Entry):
    """A specification of an instruction set as an executable machine."""

    spec_version: Annotated[Text, choice("1")] = Key(description="The version of the language.")
    kind: Annotated[Text, choice("machine")] = Key(description="What the file specifies.")
    name: Label = Key(description="The short name.")
    title: AnyText = Key(Text(""), description="The name in words.")
    description: AnyText = Key(Text(""), description="What is specified.")
    source: list[SomeText] = Key(default_factory=list, description="The manuals that the semantics were read from.")
    unmodelled: list[SomeText] = Key(default_factory=list, description="What was left out, by name.")
    params: dict[Identifier, Number] = Key(default_factory=dict, description="NAME: value of constants of IDL.")
    types: IdlTexts = Key(default_factory=list, description="IDL: enum, bitfield and struct.")
    state: dict[Identifier, StateEntry] = Key(description="NAME: registers and memory.")
    memory: Memory = Key(description="Which state is the memory.")
    modes: Modes = Key(description="Supervisor and user mode.")
    legal: list[SomeText] = Key(default_factory=list, description="Boolean expressions that hold before every step.")
    functions: IdlTexts = Key(default_factory=list, description="IDL functions.")
    exits: dict[Function, Exit] = Key(default_factory=dict, description="FUNCTION: terminators.")
    interrupt: Interrupt | None = Key(None, description="How external interrupts come in.")
    translate: Translate | None = Key(None, description="The translation of addresses.")
    tables: dict[Function, Table] = Key(default_factory=dict, description="FUNCTION: lookups that the monitor owns.")
    nondeterminism: dict[SomeText, SomeText] = Key(
        default_factory=dict, description="SITE: type, of undefined and choice."
    )
    configurations: dict[Label, dict[Leaf, list[Number]]] = Key(
        default_factory=dict, description="NAME: {LEAF: candidates} for state that the monitor may fix."
    )
    deployments: dict[Label, Deployment] = Key(
        default_factory=dict, description="NAME: a way to run the virtual machine on the real one."
    )
    decode: Decode = Key(description="Fetching, and the field groups of encodings.")
    syntax: Syntax | None = Key(None, description="The assembly language.")
    csrs: Csrs | None = Key(None, description="The control and status registers.")
    instructions: list[Instruction] = Key(description="The instructions.")
    verdicts: Annotated[Mapping, Read(_verdicts, {"type": "object"})] = Key(
        default_factory=lambda: Mapping(NOWHERE), description="Published verdicts to compare with."
    )
    _override: dict[str, list[Text]] = PrivateAttr(default_factory=dict)
    _sources: tuple[Path, ...] = PrivateAttr(())
    _digest: str = PrivateAttr("")

    @property
    def override_types(self) -> list[Text]:
        """IDL types that replace those of the same name in `types` and in earlier texts of this list."""
        return self._override.get("types", [])

    @property
    def override_functions(self) -> list[Text]:
        """IDL functions that replace those of the same name in `functions` and in earlier texts of this list."""
        return self._override.get("functions", [])

    @property
    def sources(self) -> tuple[Path, ...]:
        """The files read, the including ones before the included."""
        return self._sources

    @property
    def digest(self) -> str:
        """blake2b over the bytes of `sources`, in hexadecimal."""
        return self._digest

    def complete(self, loaded: loader.Loaded, override: dict[str, list[Text]]) -> None:
        """Notes what is not under a key of the specification."""
        self._override = override
        self._sources = loaded.sources
        self._digest = loaded.digest


def load(path: Path, shipped: loader.Shipped = lambda _name: None) -> Specification:
    """Reads the specification and the files it includes; `shipped` finds one by name. Raises SpecificationError."""
    loaded = loader.load(path, shipped)
    override = loaded.root.pop(Text("override"), None)
    problems = Problems()
    try:
        with without_collector():
            specification = Specification.model_validate(loaded.root, context=problems)
        specification.complete(loaded, _override_texts(override, problems))
        problems.raise_if_any()
    except ValidationError as error:
        for details in error.errors(include_url=False):
            problems.add(problem_of(details))
        problems.raise_if_any()
        raise
    return specification


def _override_texts(override: Node | None, problems: Problems) -> dict[str, list[Text]]:
    """The IDL texts under `override`, by key."""
    texts: dict[str, list[Text]] = {}
    for key, nodes in override.items() if isinstance(override, Mapping) else ():
        texts[key] = [node for node in as_list(nodes) if isinstance(node, Text)]
        for node in as_list(nodes):
            if not isinstance(node, Text):
                problems.report(node.position, "text is needed here", expected="IDL")
    return texts


def json_schema() -> JsonSchemaValue:
    """The shape of a specification file in JSON Schema, for editors, which read numbers and truth values natively.

    What included files may complete is not required.
    """
    schema = Specification.model_json_schema(by_alias=True)
    keys = schema["properties"]
    identity = ("spec_version", "kind")
    removed = {"type": "array", "items": JSON_TEXT, "description": "The ids of instructions that are left out."}
    replaced = {key: value for key, value in keys.items() if key not in identity} | {"remove_instructions": removed}
    keys["include"] = {
        "type": "array",
        "items": {"type": "string"},
        "description": "Files to merge: relative paths, or names of shipped specifications.",
    }
    keys["override"] = {
        "type": "object",
        "properties": replaced,
        "additionalProperties": False,
        "description": "What takes the place of the same key, entry, function or instruction of the included files.",
    }
    for partial in (schema, schema["$defs"]["Decode"], schema["$defs"]["Csrs"]):
        del partial["required"]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema


if __name__ == "__main__":
    print(json.dumps(json_schema(), indent=1))
