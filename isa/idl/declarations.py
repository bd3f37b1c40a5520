"""Declarations of a specification: its types and functions, taken from their texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from pgcheck.isa.files.errors import Text, did_you_mean
from pgcheck.isa.idl.expressions import type_of
from pgcheck.isa.idl.literals import literal
from pgcheck.isa.idl.program import Declaration, Program
from pgcheck.isa.idl.types import MAX_WIDTH, Bitfield, Enum, Struct, Type, is_scalar
from pgcheck.isa.parsing.refusal import Refusal
from pgcheck.isa.parsing.syntax import Item, Token, Tree


def _type_name(item: Tree) -> str:
    """The name that a definition of a type gives."""
    return next((str(c) for c in item.children if isinstance(c, Token) and c.kind == "NAME"), "")


def declare_types(program: Program, texts: Iterable[Text], overrides: Iterable[Text]) -> None:
    """Take the enums, bitfields and structs of `texts`; one in `overrides` takes the place of that of its name."""
    replaced = {_type_name(item): (text, item) for text in overrides for item in _definitions(program, text)}
    unused = dict(replaced)
    for text in texts:
        for item in _definitions(program, text):
            unused.pop(_type_name(item), None)
            _declare_or_report(program, *replaced.get(_type_name(item), (text, item)))
    for name, (text, item) in unused.items():
        refusal = Refusal(item, f"no type '{name}' to override", hint=did_you_mean(name, program.types))
        program.problems.add(refusal.problem(text))


def _definitions(program: Program, text: Text) -> list[Tree]:
    tree = program.parsed(text, "definitions")
    return [] if tree is None else tree.constructs


def _declare_or_report(program: Program, text: Text, item: Tree) -> None:
    try:
        _declare_type(program, item)
    except Refusal as refusal:
        program.problems.add(refusal.problem(text))


def _declare_type(program: Program, item: Tree) -> None:
    match item.data:
        case "enum":
            name, members, nxt = str(item.children[0]), dict[str, int](), 0
            for part in item.constructs:
                value = _number(program, part.children[1]) if len(part.children) > 1 else nxt
                _unique(members, part, str(part.children[0]))
                members[str(part.children[0])], nxt = value, value + 1
            _add_type(program, item, name, Enum(name, _enum_width(item, members), members))
        case "bitfield":
            name, width = str(item.children[1]), _number(program, item.children[0])
            if not 0 < width <= MAX_WIDTH:
                raise Refusal(item, "a bitfield is too wide", found=str(width), expected=f"1 to {MAX_WIDTH} bits")
            _add_type(program, item, name, Bitfield(name, width, _ranges(program, item, width)))
        case "struct":
            name, parts = str(item.children[0]), item.children[1:]
            struct: dict[str, Type] = {}
            for type_tree, member in zip(item.constructs, parts[1::2], strict=True):
                _unique(struct, member, str(member))
                struct[str(member)] = type_of(program, type_tree, {})
                if not is_scalar(struct[str(member)]):
                    raise Refusal(type_tree, "a struct within a struct", found=str(struct[str(member)]))
            _add_type(program, item, name, Struct(name, struct))
        case "function" | "builtin":
            raise Refusal(item, "a function among the types", hint="move it to `functions:`")
        case other:
            raise Refusal(item, f"{other.replace('_', ' ')} is not part of IDL-core")


def _ranges(program: Program, item: Tree, width: int) -> dict[str, tuple[int, int]]:
    ranges: dict[str, tuple[int, int]] = {}
    taken: dict[int, str] = {}
    for part in item.constructs:
        name, high, low = str(part.children[0]), _number(program, part.children[1]), _number(program, part.children[-1])
        _unique(ranges, part, name)
        if not low <= high < width:
            raise Refusal(part, f"{name} is not within {width} bits", found=f"{high}-{low}", expected="high-low")
        for bit in range(low, high + 1):
            if bit in taken:
                raise Refusal(part, f"bit {bit} of {name} belongs to {taken[bit]} already")
            taken[bit] = name
        ranges[name] = (high, low)
    return ranges


def _number(program: Program, item: Item) -> int:
    """The value of a number in a definition."""
    return literal(str(item), program.params.get("MXLEN"), item).term.value


def _enum_width(item: Tree, members: Mapping[str, int]) -> int:
    width = max(1, max(members.values()).bit_length())
    if width > MAX_WIDTH:
        raise Refusal(item, "an enum value is too wide", found=f"{width} bits", expected=f"at most {MAX_WIDTH} bits")
    return width


def _unique(taken: Mapping[str, object], item: Item, name: str) -> None:
    if name in taken:
        raise Refusal(item, f"'{name}' is declared twice")


def _add_type(program: Program, item: Tree, name: str, type_: Type) -> None:
    _unique(program.types, item, name)
    program.types[name] = type_


def declare_functions(program: Program, text: Text, *, override: bool = False) -> None:
    """Take the functions of a text; with `override` each must exist and is replaced."""
    tree = program.parsed(text, "definitions")
    for item in [] if tree is None else tree.constructs:
        try:
            found = _declaration(text, item)
            if not override:
                _unique(program.declarations, item, found.name)
            elif found.name not in program.declarations:
                hint = did_you_mean(found.name, program.declarations)
                raise Refusal(item, f"no function '{found.name}' to override", hint=hint)
            program.declarations[found.name] = found
        except Refusal as refusal:
            program.problems.add(refusal.problem(text))


def _declaration(text: Text, item: Tree) -> Declaration:
    """The function that a definition declares. Raises Refusal."""
    if item.data != "function":
        raise Refusal(item, f"{item.data.replace('_', ' ')} among the functions", expected="function NAME {...}")
    name = next(str(c) for c in item.children if isinstance(c, Token) and c.kind in ("NAME", "PREDICATE"))
    parts = {t.data: t for t in item.constructs}
    template = tuple(str(p.children[1]) for p in parts["template"].constructs) if "template" in parts else ()
    parameters = []
    for p in parts["arguments"].constructs if "arguments" in parts else []:
        if len(p.children) > 2:
            raise Refusal(p, "an array cannot be an argument")
        parameters.append((p.construct(0), str(p.children[1])))
    returns = tuple(parts["returns"].constructs) if "returns" in parts else ()
    return Declaration(name, text, item, template, tuple(parameters), returns, parts["block"])


def declare_body(program: Program, signature: Text, body: Text) -> None:
    """Take a function whose body stands elsewhere in the file than its (generated) signature."""
    head, tree = program.parsed(signature, "definitions"), program.parsed(body, "body")
    if head is None or tree is None:
        return
    try:
        found = _declaration(signature, head.construct(0))
        _unique(program.declarations, head.construct(0), found.name)
        program.declarations[found.name] = replace(found, text=body, body=tree)
    except Refusal as refusal:
        program.problems.add(refusal.problem(signature))
