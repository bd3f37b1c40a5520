"""Exits and interrupts of a specification."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pgcheck.isa.files import schema
from pgcheck.isa.files.errors import Text, did_you_mean
from pgcheck.isa.idl.program import Program
from pgcheck.isa.idl.types import BOOLEAN, VOID, Bits, Enum
from pgcheck.isa.machine.machine import ExitRule, Interrupt
from pgcheck.isa.machine.resolve import declared, one_of, signature
from pgcheck.isa.terms.ir import BUILTIN_EXITS


def exit_rule(program: Program, name: Text, given: schema.Exit, exits: Iterable[str]) -> ExitRule | None:
    """The rule of one exit; None after a reported problem."""
    problems = program.problems
    declaration = declared(program, name, "a function for each exit")
    types = signature(program, str(name)) if declaration is not None else None
    if declaration is None or types is None:
        return None
    parameters, result = types
    if result != VOID:
        problems.report(name.position, f"the exit {name} has a result", found=str(result), expected="no `returns`")
    kinds = {str(given.kind), *(str(kind) for table in given.by.values() for kind in table.values())}
    if "execute" in kinds and not (len(parameters) == 1 and isinstance(parameters[0], Bits)):
        found = ", ".join(map(str, parameters)) or "none"
        problems.report(
            name.position,
            "an exit of kind execute has one argument, the word to execute",
            found=found,
            expected="Bits<N>",
        )
    if given.nested is not None and one_of(program, given.nested, [*exits, *BUILTIN_EXITS], "exit"):
        nested = signature(program, str(given.nested)) if given.nested in program.declarations else None
        if nested is not None and nested[0]:
            taken = ", ".join(map(str, nested[0]))
            problems.report(given.nested.position, f"the nested exit {given.nested} has arguments", found=taken)
    selector, table = -1, list[tuple[int, str]]()
    names = [n for _, n in declaration.parameters]
    for argument, members in given.by.items():
        if not one_of(program, argument, names, "argument"):
            continue
        if selector >= 0:
            problems.report(argument.position, "the kind depends on one argument", found=str(argument))
            continue
        selector = names.index(str(argument))
        type_ = parameters[selector]
        for member, kind in members.items():
            if not isinstance(type_, Enum) or str(member) not in type_.members:
                hint = did_you_mean(member, type_.members) if isinstance(type_, Enum) else ""
                problems.report(member.position, f"{argument} cannot be '{member}'", hint=hint)
            else:
                table.append((type_.members[str(member)], str(kind)))
    named = tuple(zip(names, parameters, strict=True))
    return ExitRule(str(name), str(given.kind), selector, tuple(table), str(given.nested or ""), named)


def interrupt_rule(program: Program, given: schema.Interrupt) -> Interrupt | None:
    """How interrupts come in; None after a reported problem."""
    wait = () if given.waiting is None else ((given.waiting, BOOLEAN),)
    for name, result in ((given.pending, BOOLEAN), (given.deliver, VOID), *wait):
        wanted = f"a function without arguments that gives {result}"
        types = signature(program, str(name)) if declared(program, name, wanted) is not None else None
        if types is None:
            return None
        if types != ((), result):
            found = f"{types[1]} {name}({', '.join(map(str, types[0]))})"
            program.problems.report(name.position, f"{name} cannot be used here", found=found, expected=wanted)
    return Interrupt(str(given.pending), str(given.deliver), str(given.waiting or ""), given.shadow)


def check_nesting(program: Program, exits: Mapping[Text, schema.Exit]) -> None:
    """That every chain of nested exits ends."""
    for name, given in exits.items():
        if given.nested is None:
            continue
        seen, at = {str(name)}, given.nested
        while at in exits:
            if str(at) in seen:
                program.problems.report(given.nested.position, f"the nested exits of {name} never end", found=str(at))
                break
            seen.add(str(at))
            following = exits[at].nested
            if following is None:
                break
            at = following
