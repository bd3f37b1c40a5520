"""The functions that the checker replaces: translation and tables of a specification."""

from __future__ import annotations

from collections.abc import Mapping

from pgcheck.isa.files import schema
from pgcheck.isa.files.errors import Text
from pgcheck.isa.idl.program import Program
from pgcheck.isa.idl.types import Bits, Enum, is_scalar, width_of
from pgcheck.isa.machine.machine import Table, Translation
from pgcheck.isa.machine.resolve import assignment, declared, fields, one_of, signature
from pgcheck.isa.machine.schemes import scheme


def translation(program: Program, given: schema.Translate, mode_width: int) -> Translation | None:
    """The translation cut; None after a reported problem. `mode_width` is that of the mode leaf."""
    problems, name = program.problems, str(given.function)
    declaration = declared(program, given.function, "a function from an address to a physical one")
    types = signature(program, name) if declaration is not None else None
    if declaration is None or types is None:
        return None
    names = [n for _, n in declaration.parameters]
    parameters = tuple(zip(names, types[0], strict=True))
    if not isinstance(types[1], Bits):
        problems.report(given.function.position, f"{name} gives no address", found=str(types[1]), expected="Bits<N>")
    if name in program.terminators:
        problems.report(given.function.position, f"{name} is an exit")
    unknown = [p for p in (given.mode, given.access) if not one_of(program, p, names, "parameter")]
    if unknown or any(not is_scalar(t) for t in types[0]):
        if not unknown:
            problems.report(given.function.position, f"a parameter of {name} is an aggregate")
        return None
    mode, access = names.index(str(given.mode)), names.index(str(given.access))
    if width_of(types[0][mode]) != mode_width:
        problems.report(
            given.mode.position,
            f"parameter '{given.mode}' does not take the mode",
            found=str(types[0][mode]),
            expected=f"{mode_width} bits",
        )
    if not isinstance(types[0][access], Enum):
        problems.report(
            given.access.position,
            f"parameter '{given.access}' does not tell kinds of access",
            found=str(types[0][access]),
            expected="an enum",
        )
    for probe in given.probe:
        if declared(program, probe, f"a function with the parameters of {name}") is None:
            continue
        others = signature(program, str(probe))
        if others is not None and others != types:
            problems.report(probe.position, f"{probe} has other parameters or another result than {name}")
    operands = {n: Bits(width_of(t)) for n, t in parameters}
    return Translation(
        function=name,
        mode=mode,
        access=access,
        parameters=parameters,
        probes=tuple(map(str, given.probe)),
        replay=assignment(program, given.replay),
        realise=None if given.realise is None else scheme(program, given.realise, operands),
    )


def table(program: Program, name: Text, given: schema.Table) -> Table | None:
    """A table cut; None after a reported problem."""
    types = signature(program, str(name)) if declared(program, name, "a function for each table") is not None else None
    if types is None:
        return None
    if not is_scalar(types[1]):
        program.problems.report(name.position, f"the table {name} gives no entry", found=str(types[1]), expected="bits")
        return None
    respond = tuple(None if isinstance(r, str) else fields(program, r, types[1]) for r in given.respond)
    return Table(str(name), str(given.role), types[1], respond, fields(program, given.monitor, types[1]))


def tables(program: Program, given: Mapping[Text, schema.Table]) -> dict[str, Table]:
    """The table cuts that have no problem."""
    found = {str(name): table(program, name, one) for name, one in given.items()}
    return {name: one for name, one in found.items() if one is not None}
