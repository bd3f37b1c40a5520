"""The shape of what a specification says about decoding, assembly, control registers and instructions."""

import re
from dataclasses import dataclass
from typing import Annotated, Final, TypeAlias

from pydantic import Field as Key
from pydantic.json_schema import JsonSchemaValue

from pgcheck.isa.files.errors import Text
from pgcheck.isa.files.state_keys import WIDEST, Order, Width
from pgcheck.isa.files.tree import Mapping, Node, Sequence
from pgcheck.isa.files.values import (
    AnyText,
    Boolean,
    Entry,
    Function,
    Identifier,
    Natural,
    Read,
    Reading,
    Short,
    SomeText,
    choice,
    distinct_keys,
    integer,
    named,
    natural,
    one_of,
    some_text,
    wrong,
)

Label: TypeAlias = Annotated[Text, named("[A-Za-z0-9_.-]+", "a name of letters, digits, '_', '.' and '-'")]
_RANGES: Final = r"[0-9]{1,4}(-[0-9]{1,4})?(\|[0-9]{1,4}(-[0-9]{1,4})?)*"
Location: TypeAlias = Annotated[Text, named(_RANGES, "a place in the encoding such as 31|7|30-25|11-8")]
OperandKind: TypeAlias = Annotated[Text, named("[A-Za-z_][A-Za-z0-9_]*([+]([0-9]+|length))?", "a kind of operand")]
_JSON_INTEGER: Final[JsonSchemaValue] = {"type": ["integer", "string"]}


# decode


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """A field of an encoding: `bits` bits, extended by its sign (if `signed`) to an operand of `width` bits."""

    name: Text
    width: int
    bits: int
    signed: bool = False


def _field_spec(node: Node) -> FieldSpec:
    expected = "[name, width] or [name, width, signed, bits]"
    match node:
        case Sequence() if len(node) in (2, 4):
            label, width, *rest = node
        case _:
            raise wrong(node, "this is no field of an encoding", expected)
    if not isinstance(label, Text) or not re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", label):
        raise wrong(label, "this is not the name of a field", expected)
    if not 1 <= natural(width) <= WIDEST:
        raise wrong(width, "the width is out of range", f"an integer from 1 to {WIDEST}")
    if not rest:
        return FieldSpec(label, natural(width), natural(width))
    signedness, bits = rest
    if signedness not in ("signed", "unsigned"):
        raise wrong(signedness, "the third value says how the field is extended", "signed or unsigned")
    if not 1 <= natural(bits) <= natural(width):
        raise wrong(bits, "the bits in the encoding do not fit the operand", f"an integer from 1 to {natural(width)}")
    return FieldSpec(label, natural(width), natural(bits), signed=signedness == "signed")


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
    conditions: dict[Identifier, SomeText] = Key(
        default_factory=dict,
        description="NAME: a condition over operands, for the `when` of encodings, tails and forms.",
    )


# syntax and csrs


Ambiguous: TypeAlias = Annotated[Text, choice(".align", ".word")]
Directive: TypeAlias = Annotated[Text, choice(".2byte", ".4byte", ".8byte", ".balign", ".p2align")]


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
    directives: dict[Ambiguous, Directive] = Key(
        default_factory=dict, description="What those of GNU's assembler mean here that mean something else elsewhere."
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

    def check(self, along: Reading) -> None:
        for part in self.location.split("|"):
            high, _, low = part.partition("-")
            if int(high) < int(low or high):
                along.problems.report(self.location.position, "bits are given from high to low", found=part)


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

    match: Annotated[Text, named("[01-]+|0o[0-7-]+|0x[0-9A-Fa-f-]+", "a pattern of 0, 1 and -")] | None = Key(
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

    def check(self, along: Reading) -> None:
        if (self.match is None) == (self.bytes is None):
            along.problems.report(self.position, "an encoding has either match or bytes")
        elif self.match is None and (self.variables or self.tails or self.length is not None):
            along.problems.report(self.position, "variables, tails and length belong to match, not to bytes")
        elif self.match is not None and self.modrm is not None:
            along.problems.report(self.position, "modrm belongs to bytes, not to match")
        if self.match is not None and len(self.match) > (self.length or WIDEST):
            limit = self.length or WIDEST
            along.problems.report(
                self.match.position, f"match is longer than {limit} bits", found=f"{len(self.match)} bits"
            )


def _rows(node: Node) -> Text | list[int]:
    if isinstance(node, Sequence):
        return [natural(value) for value in node]
    if isinstance(node, Text) and node == "csrs":
        return node
    raise wrong(node, "these are no rows", "csrs, or a list of integers")


WORDS: Final = ("always", "sometimes", "never")


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim that an instruction ends so just where the condition holds (None: everywhere)."""

    cause: Text
    when: Text | None


def _claim(node: Node) -> Claim:
    expected = "{cause: TRAP, when: CONDITION}"
    if not isinstance(node, Mapping):
        raise wrong(node, "this is no claim of access", f"{', '.join(WORDS)}, or {expected}")
    for key in node:
        one_of(("cause", "when"), key)
    given = {str(key): value for key, value in node.items()}
    if "cause" not in given:
        raise wrong(node, "a claim names the trap that it is about", expected)
    return Claim(some_text(given["cause"]), some_text(given["when"]) if "when" in given else None)


def _access(node: Node) -> Text | list[Claim]:
    match node:
        case Text():
            return one_of(WORDS, node)
        case Sequence() if node:
            return [_claim(one) for one in node]
        case _:
            return [_claim(node)]


_JSON_CLAIM: Final[JsonSchemaValue] = {
    "type": "object",
    "properties": {
        "cause": {"type": "string", "description": "The trap's cause as the specification names it, or `completes`."},
        "when": {"type": "string", "description": "The states in which it ends so: a condition in IDL; default: all."},
    },
    "required": ["cause"],
    "additionalProperties": False,
}
_JSON_ACCESS: Final[JsonSchemaValue] = {
    "anyOf": [{"enum": list(WORDS)}, _JSON_CLAIM, {"type": "array", "minItems": 1, "items": _JSON_CLAIM}]
}


class Instruction(Entry):
    """An instruction."""

    name: Label = Key(description="The mnemonic.")
    variant: Label | None = Key(None, description="Tells instructions of one name apart; the id is NAME.VARIANT.")
    long_name: AnyText = Key(Text(""), description="The name in words.")
    description: AnyText = Key(Text(""), description="What it does.")
    assembly: AnyText = Key(Text(""), description="The operands as they are printed after the name.")
    encoding: Encoding = Key(description="Its bits.")
    access: dict[Identifier, Annotated[Text | list[Claim], Read(_access, _JSON_ACCESS)]] = Key(
        default_factory=dict,
        description="A claim, verified: supervisor, user, or a mode by its name: always, sometimes, never, or one or several {cause: TRAP, when: CONDITION}.",
    )
    rows: dict[Identifier, Annotated[Text | list[int], Read(_rows, {"type": ["string", "array"]})]] = Key(
        default_factory=dict, description="OPERAND: csrs or a list of values, each a row of the table."
    )
    restart: Annotated[Text, choice("partial")] | None = Key(
        None, description="Declares that state may change before a trap."
    )
    extension: SomeText | None = Key(None, description="The part of the architecture that defines it.")
    operation: AnyText = Key(alias="operation()", description="IDL body.")
