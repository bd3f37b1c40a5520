"""Calls in expressions: functions, and what is built in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from pgcheck.isa.files.errors import did_you_mean
from pgcheck.isa.idl.lowerer import Lowerer
from pgcheck.isa.idl.program import instance_name
from pgcheck.isa.idl.scopes import Value
from pgcheck.isa.idl.types import BOOLEAN, MAX_WIDTH, Bits, Type, is_scalar, scalars, width_of
from pgcheck.isa.parsing.refusal import Refusal
from pgcheck.isa.parsing.syntax import Item, Tree
from pgcheck.isa.terms import Term, node
from pgcheck.isa.terms.ir import BUILTIN_EXITS


def call(e: Lowerer, tree: Tree) -> Value:
    return _invoke(e, tree, str(tree.children[0]), (), tree.children[1:])


def templated(e: Lowerer, tree: Tree) -> Value:
    name, rest = str(tree.children[0])[:-1], tree.children[1:]
    declaration = e.program.declarations.get(name)
    count = len(declaration.template) if declaration is not None else 1
    if len(rest) < count:
        raise Refusal(tree, f"{name} takes {count} template values", found=str(len(rest)))
    return _invoke(e, tree, name, tuple(e.constant(t) for t in rest[:count]), rest[count:])


def _invoke(e: Lowerer, tree: Tree, name: str, values: tuple[int, ...], args: list[Item]) -> Value:
    builtin = _BUILTINS.get(name)
    if builtin is not None:
        return builtin(e, tree, values, args)
    if name in BUILTIN_EXITS or name == "write_physical_memory":
        raise Refusal(tree, f"{name} has no value", hint="make it a statement")
    function, terms, result = arguments(e, tree, name, values, args)
    if len(scalars(result)) > 1:
        raise Refusal(tree, f"{name} gives {result}", hint="assign it to variables first")
    width = width_of(result) if is_scalar(result) else 0
    return Value((node("call", width, *terms, data=function),), result)


def arguments(
    e: Lowerer, tree: Tree, name: str, values: tuple[int, ...], args: list[Item]
) -> tuple[str, tuple[Term, ...], Type]:
    """The lowered function a call names, its argument terms and its result type."""
    program = e.program
    declaration = program.declarations.get(name)
    if declaration is None:
        known = [*program.declarations, *_BUILTINS, *BUILTIN_EXITS]
        raise Refusal(tree, f"no function '{name}'", hint=did_you_mean(name, known))
    if len(values) != len(declaration.template):
        raise Refusal(tree, f"{name} takes {len(declaration.template)} template values", found=str(len(values)))
    parameters, result = e.signature(name, values)
    if len(args) != len(parameters):
        raise Refusal(tree, f"{name} takes {len(parameters)} arguments", found=str(len(args)))
    terms: list[Term] = []
    for item, type_, (_, parameter) in zip(args, parameters, declaration.parameters, strict=True):
        terms += e.convert(e.value(item), type_, item, f"argument `{parameter}` of {name}").terms
    function = instance_name(name, values)
    if name not in program.terminators:
        if name in program.active:
            cycle = " -> ".join([*program.active[program.active.index(name) :], name])
            raise Refusal(
                tree,
                "functions cannot be recursive",
                found=cycle,
                hint="a function named in `exits` ends the step and may be called",
            )
        program.lower(name, values)
        e.scope.budget.spend(tree, program.sizes[function])
    return function, tuple(terms), result


def memory_width(e: Lowerer, tree: Tree, values: tuple[int, ...]) -> int:
    unit = e.program.memory_unit
    if len(values) != 1 or not 0 < values[0] <= MAX_WIDTH or values[0] % unit:
        raise Refusal(tree, "an access is a multiple of the memory unit", found=str(values), expected=f"<{unit} * n>")
    return values[0]


def _load(e: Lowerer, tree: Tree, values: tuple[int, ...], args: list[Item]) -> Value:
    width = memory_width(e, tree, values)
    if len(args) != 1:
        raise Refusal(tree, "read_physical_memory takes an address")
    return Value((node("load", width, address(e, args[0])),), Bits(width))


def address(e: Lowerer, item: Item) -> Term:
    """A physical address, as wide as memory's index; a narrower one is extended."""
    value, width = e.bits(item), e.program.address_width
    if width_of(value.type) > width and not value.term.is_constant:
        raise Refusal(
            item,
            "this address is wider than memory",
            found=str(value.type),
            expected=f"Bits<{width}>",
            hint="take the low bits",
        )
    return e.convert(value, Bits(width), item, "as an address").term


def _site(e: Lowerer, tree: Tree, args: list[Item]) -> str:
    """The declared site a nondeterministic call names."""
    if len(args) != 1 or isinstance(args[0], str) or args[0].data != "string":
        raise Refusal(tree, "the name of a site in quotes is expected")
    name = str(args[0].children[0])[1:-1]
    if name not in e.program.sites:
        hint = did_you_mean(name, e.program.sites) or "declare it under `nondeterminism:`"
        raise Refusal(args[0], f"no site '{name}'", hint=hint)
    return name


def _undefined(e: Lowerer, tree: Tree, values: tuple[int, ...], args: list[Item]) -> Value:
    site = _site(e, tree, args)
    declared = e.program.sites[site]
    if len(values) != 1 or declared != Bits(values[0]):
        raise Refusal(
            tree, f"site '{site}' is declared otherwise", found=f"undefined{list(values)}", expected=str(declared)
        )
    return Value((node("undefined", values[0], data=site),), declared)


def _choice(e: Lowerer, tree: Tree, values: tuple[int, ...], args: list[Item]) -> Value:
    site = _site(e, tree, args)
    if e.program.sites[site] != BOOLEAN:
        raise Refusal(tree, f"site '{site}' is declared otherwise", found="choice", expected=str(e.program.sites[site]))
    return Value((node("choice", 0, data=site),), BOOLEAN)


Builtin = Callable[[Lowerer, Tree, tuple[int, ...], list[Item]], Value]
_BUILTINS: Final[Mapping[str, Builtin]] = {
    "read_physical_memory": _load,
    "undefined": _undefined,
    "choice": _choice,
}
Form = Callable[[Lowerer, Tree], Value]
FORMS: Final[Mapping[str, Form]] = {"call": call, "templated": templated}
